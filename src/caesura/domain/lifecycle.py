"""The three state machines. Everything that may move a state is in the tables of this file.

The store writes a state only by compare-and-set on a pair taken from here, and the pictures in the
docs are drawn from these tables.
"""

from collections.abc import Mapping
from enum import StrEnum

from caesura.domain.errors import Conflict


class Campaign(StrEnum):
    """The states of a campaign. `archived` is a flag beside them, not a state."""

    DRAFT = "draft"  # being written; nothing is sent
    SCHEDULED = "scheduled"  # starts by itself at `starts_at`
    PENDING_APPROVAL = "pending_approval"  # waits for a person to approve the start
    RUNNING = "running"  # the only state in which a message may be marked
    PAUSED = "paused"  # held, and goes on from the same position
    EDITING = "editing"  # taken out of running to be edited, for the vendor that has this
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


CAMPAIGN: Mapping[tuple[Campaign, CampaignVerb], Campaign] = {
    (Campaign.DRAFT, CampaignVerb.SCHEDULE): Campaign.SCHEDULED,
    (Campaign.DRAFT, CampaignVerb.SUBMIT): Campaign.PENDING_APPROVAL,
    (Campaign.DRAFT, CampaignVerb.START): Campaign.RUNNING,
    (Campaign.DRAFT, CampaignVerb.STOP): Campaign.STOPPED,
    (Campaign.SCHEDULED, CampaignVerb.UNSCHEDULE): Campaign.DRAFT,
    (Campaign.SCHEDULED, CampaignVerb.SCHEDULE): Campaign.SCHEDULED,
    (Campaign.SCHEDULED, CampaignVerb.START): Campaign.RUNNING,
    (Campaign.SCHEDULED, CampaignVerb.STOP): Campaign.STOPPED,
    (Campaign.PENDING_APPROVAL, CampaignVerb.APPROVE): Campaign.RUNNING,
    (Campaign.PENDING_APPROVAL, CampaignVerb.DISMISS): Campaign.DRAFT,
    (Campaign.PENDING_APPROVAL, CampaignVerb.STOP): Campaign.STOPPED,
    (Campaign.RUNNING, CampaignVerb.PAUSE): Campaign.PAUSED,
    (Campaign.RUNNING, CampaignVerb.EDIT): Campaign.EDITING,
    (Campaign.RUNNING, CampaignVerb.COMPLETE): Campaign.COMPLETED,
    (Campaign.RUNNING, CampaignVerb.STOP): Campaign.STOPPED,
    (Campaign.PAUSED, CampaignVerb.RESUME): Campaign.RUNNING,
    (Campaign.PAUSED, CampaignVerb.EDIT): Campaign.EDITING,
    (Campaign.PAUSED, CampaignVerb.STOP): Campaign.STOPPED,
    (Campaign.EDITING, CampaignVerb.RESUME): Campaign.RUNNING,
    (Campaign.EDITING, CampaignVerb.PAUSE): Campaign.PAUSED,
    (Campaign.EDITING, CampaignVerb.STOP): Campaign.STOPPED,
    (Campaign.COMPLETED, CampaignVerb.REOPEN): Campaign.RUNNING,
    (Campaign.COMPLETED, CampaignVerb.STOP): Campaign.STOPPED,
}


class Enrollment(StrEnum):
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


ENROLLMENT: Mapping[tuple[Enrollment, EnrollmentEvent], Enrollment] = {
    (Enrollment.WAITING, EnrollmentEvent.CLAIM): Enrollment.CLAIMED,
    (Enrollment.WAITING, EnrollmentEvent.HOLD): Enrollment.HELD,
    (Enrollment.WAITING, EnrollmentEvent.STOP): Enrollment.STOPPED,
    (Enrollment.CLAIMED, EnrollmentEvent.GIVE_BACK): Enrollment.WAITING,
    (Enrollment.CLAIMED, EnrollmentEvent.ADVANCE): Enrollment.WAITING,
    (Enrollment.CLAIMED, EnrollmentEvent.FINISH): Enrollment.FINISHED,
    (Enrollment.CLAIMED, EnrollmentEvent.HOLD): Enrollment.HELD,
    (Enrollment.CLAIMED, EnrollmentEvent.STOP): Enrollment.STOPPED,
    (Enrollment.HELD, EnrollmentEvent.RELEASE): Enrollment.WAITING,
    (Enrollment.HELD, EnrollmentEvent.STOP): Enrollment.STOPPED,
    (Enrollment.HELD, EnrollmentEvent.FINISH): Enrollment.FINISHED,
}


class Message(StrEnum):
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


MESSAGE: Mapping[tuple[Message | None, MessageEvent], Message] = {
    (None, MessageEvent.MARK): Message.SENDING,
    (None, MessageEvent.CANCEL): Message.CANCELLED,
    (Message.DEFERRED, MessageEvent.MARK): Message.SENDING,
    (Message.CANCELLED, MessageEvent.MARK): Message.SENDING,
    (Message.SENDING, MessageEvent.ACCEPT): Message.SENT,
    (Message.SENDING, MessageEvent.DEFER): Message.DEFERRED,
    (Message.SENDING, MessageEvent.REJECT): Message.REJECTED,
    (Message.SENDING, MessageEvent.LOSE): Message.UNKNOWN,
    (Message.SENDING, MessageEvent.CANCEL): Message.CANCELLED,
    (Message.DEFERRED, MessageEvent.CANCEL): Message.CANCELLED,
    # Evidence settles an unknown: the late word of the worker that sent it, a Message-ID found, a person.
    (Message.UNKNOWN, MessageEvent.ACCEPT): Message.SENT,
    (Message.UNKNOWN, MessageEvent.REJECT): Message.REJECTED,
    (Message.UNKNOWN, MessageEvent.DEFER): Message.DEFERRED,
}

FINAL_MESSAGES = frozenset({Message.SENT, Message.REJECTED})


def campaign_verbs(state: Campaign) -> tuple[CampaignVerb, ...]:
    """The verbs that `state` allows, in the order of the enum."""
    return tuple(verb for verb in CampaignVerb if (state, verb) in CAMPAIGN)


def campaign_after(state: Campaign, verb: CampaignVerb) -> Campaign:
    """The state after `verb`; raises Conflict `campaign_not_<allowed>` with the state and what it allows."""
    after = CAMPAIGN.get((state, verb))
    if after is None:
        allowed = campaign_verbs(state)
        raise Conflict(
            f"campaign_{state}",
            f"a campaign that is {state} cannot {verb}; it allows: {', '.join(allowed) or 'nothing'}",
            state=state,
            allowed=allowed,
        )
    return after


def enrollment_after(state: Enrollment, event: EnrollmentEvent) -> Enrollment:
    """The state after `event`; raises Conflict when the table has no such step."""
    after = ENROLLMENT.get((state, event))
    if after is None:
        allowed = tuple(e for e in EnrollmentEvent if (state, e) in ENROLLMENT)
        raise Conflict(f"enrollment_{state}", f"an enrollment that is {state} cannot {event}", state, allowed)
    return after


def enrollment_sources(event: EnrollmentEvent) -> tuple[Enrollment, ...]:
    """The states from which `event` may happen: what the store compares before it sets."""
    return tuple(state for state in Enrollment if (state, event) in ENROLLMENT)


def message_after(state: Message | None, event: MessageEvent) -> Message:
    """The state after `event`, `None` being "no message yet"; raises Conflict when the table has no such step."""
    after = MESSAGE.get((state, event))
    if after is None:
        name = state or "not there"
        allowed = tuple(e for e in MessageEvent if (state, e) in MESSAGE)
        raise Conflict(f"message_{name}", f"a message that is {name} cannot {event}", name, allowed)
    return after


def message_sources(event: MessageEvent) -> tuple[Message, ...]:
    """The states from which `event` may happen: what the store compares before it sets."""
    return tuple(state for state in Message if (state, event) in MESSAGE)
