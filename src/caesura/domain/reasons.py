"""Every reason why something has not gone out, each with one sentence: the answer to "why is this not sending?"."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

_SHOWN_CHARACTERS = 200


class Reason(StrEnum):
    """Why a lead, a mailbox or a campaign is not sending. The value is the code word in rows and answers."""

    # time
    NOT_DUE = "not_due"
    FIXED_DATE = "fixed_date"
    OUTSIDE_WINDOW = "outside_window"
    RETRY_WAIT = "retry_wait"
    # the pace of a mailbox
    DAILY_CAP = "daily_cap"
    RAMP = "ramp"
    GAP = "gap"
    RATE = "rate"
    # the pace of a campaign
    CAMPAIGN_DAILY_NEW = "campaign_daily_new"
    CAMPAIGN_DAILY_TOTAL = "campaign_daily_total"
    GRADUAL = "gradual"
    CAMPAIGN_GAP = "campaign_gap"
    # the state of a campaign
    CAMPAIGN_DRAFT = "campaign_draft"
    CAMPAIGN_SCHEDULED = "campaign_scheduled"
    CAMPAIGN_PENDING_APPROVAL = "campaign_pending_approval"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_EDITING = "campaign_editing"
    CAMPAIGN_COMPLETED = "campaign_completed"
    CAMPAIGN_STOPPED = "campaign_stopped"
    CAMPAIGN_ARCHIVED = "campaign_archived"
    # holds, and what is settled by a person
    WORKSPACE_HOLD = "workspace_hold"
    MAILBOX_HOLD = "mailbox_hold"
    DOMAIN_HOLD = "domain_hold"
    CAMPAIGN_HOLD = "campaign_hold"
    LEAD_HOLD = "lead_hold"
    OVERDUE_REVIEW = "overdue_review"
    HELD_OTHER = "held_other"
    SUPPRESSED = "suppressed"
    # content
    NO_STEPS = "no_steps"
    MISSING_VARIABLE = "missing_variable"
    RENDER_FAILED = "render_failed"
    # means
    NO_LEADS = "no_leads"
    NO_USABLE_MAILBOX = "no_usable_mailbox"
    MAILBOX_LEFT = "mailbox_left"
    SERVER_UNREACHABLE = "server_unreachable"
    NO_WORKER = "no_worker"
    NO_FREE_SLOT = "no_free_slot"
    # under way, or behind it
    READY = "ready"
    CLAIMED = "claimed"
    IN_TRANSIT = "in_transit"
    UNKNOWN_OUTCOME = "unknown_outcome"
    FINISHED = "finished"
    # taken out before the end
    STOPPED_REPLIED = "stopped_replied"
    STOPPED_AUTO_REPLIED = "stopped_auto_replied"
    STOPPED_BOUNCED = "stopped_bounced"
    STOPPED_COMPLAINED = "stopped_complained"
    STOPPED_UNSUBSCRIBED = "stopped_unsubscribed"
    STOPPED_SUPPRESSED = "stopped_suppressed"
    STOPPED_UNDELIVERABLE = "stopped_undeliverable"
    STOPPED_REFUSED = "stopped_refused"
    STOPPED_CONDITION = "stopped_condition"
    STOPPED_MANUAL = "stopped_manual"
    STOPPED_CAMPAIGN_STOPPED = "stopped_campaign_stopped"
    STOPPED_ERASED = "stopped_erased"
    STOPPED_OTHER = "stopped_other"


# A part in square brackets is left out when a fact that it names is not given, so that each sentence
# reads well with all of its facts, some, or none.
TEMPLATES: Mapping[Reason, str] = {
    Reason.NOT_DUE: "The next step is not due yet[; it is due at {at}].",
    Reason.FIXED_DATE: "The next step has a fixed date that has not come yet[; it is due at {at}].",
    Reason.OUTSIDE_WINDOW: "It is outside the sending window[ ({zone})][, which opens at {at}].",
    Reason.RETRY_WAIT: "The last try was put off by the receiving server[ ({detail})][; the next one is at {at}].",
    Reason.DAILY_CAP: "The mailbox[ {mailbox}] has used its daily cap[ of {limit}][; it goes on at {at}].",
    Reason.RAMP: "The mailbox[ {mailbox}] has used what its ramp allows today[, {limit}][; it goes on at {at}].",
    Reason.GAP: "The mailbox[ {mailbox}] keeps its gap between two messages[; it goes on at {at}].",
    Reason.RATE: "The mailbox[ {mailbox}] is at its rate limit[; it goes on at {at}].",
    Reason.CAMPAIGN_DAILY_NEW: "The campaign has opened its new leads for today[, {limit}][; it goes on at {at}].",
    Reason.CAMPAIGN_DAILY_TOTAL: "The campaign has used its daily total[ of {limit}][; it goes on at {at}].",
    Reason.GRADUAL: "The campaign has used what gradual sending allows today[, {limit}][; it goes on at {at}].",
    Reason.CAMPAIGN_GAP: "The campaign keeps its gap between two messages[; it goes on at {at}].",
    Reason.CAMPAIGN_DRAFT: "The campaign is a draft and has not been started.",
    Reason.CAMPAIGN_SCHEDULED: "The campaign is scheduled and has not begun[; it starts at {at}].",
    Reason.CAMPAIGN_PENDING_APPROVAL: "The campaign waits for somebody to approve its start.",
    Reason.CAMPAIGN_PAUSED: "The campaign is paused[ by {actor}][ ({cause})][: “{reason}”][; it resumes at {at}].",
    Reason.CAMPAIGN_EDITING: "The campaign is being edited[ by {actor}] and goes on when that is done.",
    Reason.CAMPAIGN_COMPLETED: "The campaign is completed: nothing is left to send.",
    Reason.CAMPAIGN_STOPPED: "The campaign was stopped for good[ by {actor}][ ({cause})][: “{reason}”].",
    Reason.CAMPAIGN_ARCHIVED: "The campaign is archived.",
    Reason.WORKSPACE_HOLD: "Everything in the workspace is on hold[, placed by {actor}][ ({cause})][: “{reason}”].",
    Reason.MAILBOX_HOLD: "The mailbox[ {mailbox}] is on hold[, placed by {actor}][ ({cause})][: “{reason}”].",
    Reason.DOMAIN_HOLD: "The recipient's domain[ {domain}] is on hold[, placed by {actor}][ ({cause})][: “{reason}”].",
    Reason.CAMPAIGN_HOLD: "The campaign is on hold[, placed by {actor}][ ({cause})][: “{reason}”].",
    Reason.LEAD_HOLD: "The lead is on hold[, placed by {actor}][ ({cause})][: “{reason}”].",
    Reason.OVERDUE_REVIEW: "The step fell due while the campaign was paused, and waits for somebody to review it.",
    Reason.HELD_OTHER: "The lead is held in this campaign[ ({cause})] until somebody settles it.",
    Reason.SUPPRESSED: (
        "The address or its domain is suppressed[ in the group {group}][ ({cause})] and is not written to."
    ),
    Reason.NO_STEPS: "The campaign has no step with content.",
    Reason.MISSING_VARIABLE: "The lead has no value for a variable that the step needs[: {detail}].",
    Reason.RENDER_FAILED: "The step could not be filled in for this lead[: {detail}].",
    Reason.NO_LEADS: "The campaign has no lead that is still to be written to.",
    Reason.NO_USABLE_MAILBOX: "No mailbox of the pool can be used[: {detail}].",
    Reason.MAILBOX_LEFT: "Its mailbox[ {mailbox}] is archived or has left the pool; rebind the campaign's leads.",
    Reason.SERVER_UNREACHABLE: "The server of the mailbox[ {mailbox}] cannot be reached[; it is tried again at {at}].",
    Reason.NO_WORKER: "Nothing stands in its way, but no worker has been seen lately: start one.",
    Reason.NO_FREE_SLOT: "All sending slots[ of {mailbox}] are in use; it goes out when one is free.",
    Reason.READY: "Nothing stands in its way; it goes out with the next free slot.",
    Reason.CLAIMED: "A worker has claimed it[ until {at}], and will send it or give it back.",
    Reason.IN_TRANSIT: "It is being sent at this moment.",
    Reason.UNKNOWN_OUTCOME: "The server's answer[ to step {step}] is not known; it is not sent again by itself.",
    Reason.FINISHED: "Every step has gone out.",
    Reason.STOPPED_REPLIED: "The lead replied[ at {at}], so the sequence ended.",
    Reason.STOPPED_AUTO_REPLIED: "An automatic reply came[ at {at}], so the sequence ended.",
    Reason.STOPPED_BOUNCED: "A message to the address bounced[ ({detail})], so the sequence ended.",
    Reason.STOPPED_COMPLAINED: "The lead complained of spam[ at {at}], so the sequence ended.",
    Reason.STOPPED_UNSUBSCRIBED: "The lead unsubscribed[ at {at}], so the sequence ended.",
    Reason.STOPPED_SUPPRESSED: (
        "The address or its domain was suppressed[ in the group {group}][ by {actor}], so the sequence ended."
    ),
    Reason.STOPPED_UNDELIVERABLE: "The receiving server put off every try[ ({detail})], so the sequence ended.",
    Reason.STOPPED_REFUSED: "The receiving server refused the message for good[ ({detail})], so the sequence ended.",
    Reason.STOPPED_CONDITION: "The lead does not meet the condition of the next step, so the sequence ended.",
    Reason.STOPPED_MANUAL: "The lead was taken out of the campaign[ by {actor}].",
    Reason.STOPPED_CAMPAIGN_STOPPED: "The campaign was stopped before the lead had every step.",
    Reason.STOPPED_ERASED: "The lead was erased[ by {actor}].",
    Reason.STOPPED_OTHER: "The sequence ended before its last step[ ({cause})].",
}

_WORDS = frozenset(Reason)

_OPTIONAL = re.compile(r"\[([^\]]*)\]")
_FACT = re.compile(r"\{(\w+)\}")

FACTS = frozenset(name for template in TEMPLATES.values() for name in _FACT.findall(template))


def sentence(reason: Reason, /, **facts: object) -> str:
    """One English sentence for `reason`, with what is known: `sentence(Reason.DAILY_CAP, limit=50, at=midnight)`.

    Facts are those named in `FACTS`; one that this sentence does not use, or that is None, is left out, and a
    name that no sentence uses is a ValueError. Datetimes are aware and shown in UTC (RFC 3339); other values as
    text on one line, at most 200 characters.
    """
    unknown = facts.keys() - FACTS
    if unknown:
        raise ValueError(f"no sentence has these facts: {', '.join(sorted(unknown))}")
    known = {name: _shown(value) for name, value in facts.items() if value is not None}

    def fill(text: str) -> str:
        return _FACT.sub(lambda match: known[match[1]], text)

    def optional(match: re.Match[str]) -> str:
        return fill(match[1]) if known.keys() >= set(_FACT.findall(match[1])) else ""

    return _OPTIONAL.sub(optional, TEMPLATES[reason])


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("an aware datetime is needed")
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    # Facts hold what others wrote (names, a server's reply): no line breaks or control characters from there.
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def held_for(cause: str) -> Reason:
    """The reason of an enrollment held for `cause`, a code word of any layer; HELD_OTHER where none is exact."""
    return Reason(cause) if cause in _WORDS else Reason.HELD_OTHER


def stopped_for(cause: str) -> Reason:
    """The reason of an enrollment stopped for `cause`, a code word of any layer; STOPPED_OTHER where none is exact."""
    word = f"stopped_{cause}"
    return Reason(word) if word in _WORDS else Reason.STOPPED_OTHER
