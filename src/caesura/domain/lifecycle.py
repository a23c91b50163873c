"""The three state machines. Everything that may move a state is in the tables of this file.

The store writes a state only by compare-and-set on a pair taken from here, and the pictures in the
docs are drawn from these tables.
"""

from collections.abc import Mapping
from enum import StrEnum

from caesura.domain.errors import Conflict


class CampaignState(StrEnum):
    """The states of a campaign. `archived` is a flag beside them, not a state."""

    DRAFT = "draft"  # being written; nothing is sent
    SCHEDULED = "scheduled"  # starts by itself at `starts_at`
    PENDING_APPROVAL = "pending_approval"  # waits for a person to approve the start
    RUNNING = "running"  # the only state in which a message may be marked
    PAUSED = "paused"  # held, and goes on from the same position
    EDITING = "editing"  # taken out of sending to be edited; resumes from the same position
    COMPLETED = "completed"  # nothing is left to send; goes back to running when leads are added
    STOPPED = "stopped"  # ended by a person, for good


class CampaignVerb(StrEnum):
    """What may be asked of a campaign."""

    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    SUBMIT = "submit"
    APPROVE = "approve"
    DISMISS = "dismiss"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    EDIT = "edit"
    COMPLETE = "complete"
    REOPEN = "reopen"
    STOP = "stop"


CAMPAIGN: Mapping[tuple[CampaignState, CampaignVerb], CampaignState] = {
    (CampaignState.DRAFT, CampaignVerb.SCHEDULE): CampaignState.SCHEDULED,
    (CampaignState.DRAFT, CampaignVerb.SUBMIT): CampaignState.PENDING_APPROVAL,
    (CampaignState.DRAFT, CampaignVerb.START): CampaignState.RUNNING,
    (CampaignState.DRAFT, CampaignVerb.STOP): CampaignState.STOPPED,
    (CampaignState.SCHEDULED, CampaignVerb.UNSCHEDULE): CampaignState.DRAFT,
    (CampaignState.SCHEDULED, CampaignVerb.SCHEDULE): CampaignState.SCHEDULED,
    (CampaignState.SCHEDULED, CampaignVerb.START): CampaignState.RUNNING,
    (CampaignState.SCHEDULED, CampaignVerb.STOP): CampaignState.STOPPED,
    (CampaignState.PENDING_APPROVAL, CampaignVerb.APPROVE): CampaignState.RUNNING,
    (CampaignState.PENDING_APPROVAL, CampaignVerb.DISMISS): CampaignState.DRAFT,
    (CampaignState.PENDING_APPROVAL, CampaignVerb.STOP): CampaignState.STOPPED,
    (CampaignState.RUNNING, CampaignVerb.PAUSE): CampaignState.PAUSED,
    (CampaignState.RUNNING, CampaignVerb.EDIT): CampaignState.EDITING,
    (CampaignState.RUNNING, CampaignVerb.COMPLETE): CampaignState.COMPLETED,
    (CampaignState.RUNNING, CampaignVerb.STOP): CampaignState.STOPPED,
    (CampaignState.PAUSED, CampaignVerb.RESUME): CampaignState.RUNNING,
    (CampaignState.PAUSED, CampaignVerb.EDIT): CampaignState.EDITING,
    (CampaignState.PAUSED, CampaignVerb.STOP): CampaignState.STOPPED,
    (CampaignState.EDITING, CampaignVerb.RESUME): CampaignState.RUNNING,
    (CampaignState.EDITING, CampaignVerb.PAUSE): CampaignState.PAUSED,
    (CampaignState.EDITING, CampaignVerb.STOP): CampaignState.STOPPED,
    (CampaignState.COMPLETED, CampaignVerb.EDIT): CampaignState.EDITING,
    (CampaignState.COMPLETED, CampaignVerb.REOPEN): CampaignState.RUNNING,
    (CampaignState.COMPLETED, CampaignVerb.STOP): CampaignState.STOPPED,
}


class EnrollmentState(StrEnum):
    """The states of a lead in a campaign."""

    WAITING = "waiting"  # for its due time, or for a slot
    CLAIMED = "claimed"  # a worker has it under a lease, or its message is in transit
    HELD = "held"  # something about this one must be settled first; the cause says what
    FINISHED = "finished"  # every step is behind it
    STOPPED = "stopped"  # taken out before the end; the cause says why


class EnrollmentEvent(StrEnum):
    """What happens to an enrollment."""

    CLAIM = "claim"
    GIVE_BACK = "give_back"
    ADVANCE = "advance"
    FINISH = "finish"
    HOLD = "hold"
    RELEASE = "release"
    STOP = "stop"
    READMIT = "readmit"


ENROLLMENT: Mapping[tuple[EnrollmentState, EnrollmentEvent], EnrollmentState] = {
    (EnrollmentState.WAITING, EnrollmentEvent.CLAIM): EnrollmentState.CLAIMED,
    (EnrollmentState.WAITING, EnrollmentEvent.HOLD): EnrollmentState.HELD,
    (EnrollmentState.WAITING, EnrollmentEvent.STOP): EnrollmentState.STOPPED,
    (EnrollmentState.CLAIMED, EnrollmentEvent.GIVE_BACK): EnrollmentState.WAITING,
    (EnrollmentState.CLAIMED, EnrollmentEvent.ADVANCE): EnrollmentState.WAITING,
    (EnrollmentState.CLAIMED, EnrollmentEvent.FINISH): EnrollmentState.FINISHED,
    (EnrollmentState.CLAIMED, EnrollmentEvent.HOLD): EnrollmentState.HELD,
    (EnrollmentState.CLAIMED, EnrollmentEvent.STOP): EnrollmentState.STOPPED,
    (EnrollmentState.HELD, EnrollmentEvent.RELEASE): EnrollmentState.WAITING,
    (EnrollmentState.HELD, EnrollmentEvent.STOP): EnrollmentState.STOPPED,
    (EnrollmentState.HELD, EnrollmentEvent.FINISH): EnrollmentState.FINISHED,
    # Only of one that a person took out, and asks back in.
    (EnrollmentState.STOPPED, EnrollmentEvent.READMIT): EnrollmentState.WAITING,
}


class MessageState(StrEnum):
    """The states of a message: one step to one enrollment."""

    SENDING = "sending"  # marked: in transit, or about to be
    SENT = "sent"  # a server took it (250 after the content)
    DEFERRED = "deferred"  # refused for now, or never got as far as the content; goes out again later
    REJECTED = "rejected"  # refused for good
    UNKNOWN = "unknown"  # the content was written and no answer came; never sent again by itself
    CANCELLED = "cancelled"  # marked, dropped before its first byte, or passed over; nothing was written


class MessageEvent(StrEnum):
    """What happens to a message."""

    MARK = "mark"
    ACCEPT = "accept"
    DEFER = "defer"
    REJECT = "reject"
    LOSE = "lose"
    CANCEL = "cancel"


MESSAGE: Mapping[tuple[MessageState | None, MessageEvent], MessageState] = {
    (None, MessageEvent.MARK): MessageState.SENDING,
    (None, MessageEvent.CANCEL): MessageState.CANCELLED,
    (MessageState.DEFERRED, MessageEvent.MARK): MessageState.SENDING,
    (MessageState.CANCELLED, MessageEvent.MARK): MessageState.SENDING,
    (MessageState.SENDING, MessageEvent.ACCEPT): MessageState.SENT,
    (MessageState.SENDING, MessageEvent.DEFER): MessageState.DEFERRED,
    (MessageState.SENDING, MessageEvent.REJECT): MessageState.REJECTED,
    (MessageState.SENDING, MessageEvent.LOSE): MessageState.UNKNOWN,
    (MessageState.SENDING, MessageEvent.CANCEL): MessageState.CANCELLED,
    (MessageState.DEFERRED, MessageEvent.CANCEL): MessageState.CANCELLED,
    # Only evidence settles an unknown: the late word of the worker that sent it, a Message-ID found, a person.
    (MessageState.UNKNOWN, MessageEvent.ACCEPT): MessageState.SENT,
    (MessageState.UNKNOWN, MessageEvent.REJECT): MessageState.REJECTED,
    # The worker's alone, and only while its lead is held for it.
    (MessageState.UNKNOWN, MessageEvent.DEFER): MessageState.DEFERRED,
    (MessageState.UNKNOWN, MessageEvent.CANCEL): MessageState.CANCELLED,
}

FINAL_MESSAGES = frozenset({MessageState.SENT, MessageState.REJECTED})


# What only the engine does.
_NOT_ASKED = frozenset({CampaignVerb.COMPLETE, CampaignVerb.REOPEN})
_ASKED_OF_ENROLLMENTS = (EnrollmentEvent.HOLD, EnrollmentEvent.RELEASE, EnrollmentEvent.STOP)


def campaign_verbs(state: CampaignState) -> tuple[CampaignVerb, ...]:
    """The verbs that one may ask for in `state`, in the order of the enum."""
    return tuple(verb for verb in CampaignVerb if (state, verb) in CAMPAIGN and verb not in _NOT_ASKED)


def campaign_after(state: CampaignState, verb: CampaignVerb) -> CampaignState:
    """The state after `verb`; raises Conflict `campaign_not_<allowed>` with the state and what it allows."""
    after = CAMPAIGN.get((state, verb))
    if after is None:
        allowed = campaign_verbs(state)
        raise Conflict(
            f"campaign_{state}",
            f"a campaign that is {state} cannot {verb}",
            state=state,
            allowed=allowed,
        )
    return after


def enrollment_verbs(state: EnrollmentState) -> tuple[EnrollmentEvent, ...]:
    """What one may ask of an enrollment in `state`: the other events are the engine's own."""
    return tuple(event for event in _ASKED_OF_ENROLLMENTS if (state, event) in ENROLLMENT)


def enrollment_after(state: EnrollmentState, event: EnrollmentEvent) -> EnrollmentState:
    """The state after `event`; raises Conflict when the table has no such step."""
    after = ENROLLMENT.get((state, event))
    if after is None:
        detail = f"an enrollment that is {state} cannot {event}"
        raise Conflict(f"enrollment_{state}", detail, state, enrollment_verbs(state))
    return after


def enrollment_sources(event: EnrollmentEvent) -> tuple[EnrollmentState, ...]:
    """The states from which `event` may happen: what the store compares before it sets."""
    return tuple(state for state in EnrollmentState if (state, event) in ENROLLMENT)


def message_after(state: MessageState | None, event: MessageEvent) -> MessageState:
    """The state after `event`, `None` being "no message yet"; raises Conflict when the table has no such step."""
    after = MESSAGE.get((state, event))
    if after is None:
        name = state or "not there"
        allowed = ("settle",) if state is MessageState.UNKNOWN else ()
        raise Conflict(f"message_{name}", f"a message that is {name} cannot {event}", name, allowed)
    return after


def message_sources(event: MessageEvent) -> tuple[MessageState, ...]:
    """The states from which `event` may happen: what the store compares before it sets."""
    return tuple(state for state in MessageState if (state, event) in MESSAGE)
