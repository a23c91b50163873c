"""What became of one attempt to send, and what follows from it for the message, the lead and the mailbox."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from caesura.domain.classify import Fault, Verdict, classify
from caesura.domain.lifecycle import EnrollmentState, MessageState
from caesura.domain.pacing import retry_delay
from caesura.domain.reasons import Reason
from caesura.domain.sequence import Advance, GiveBack, Park, SetAside


class Kind(StrEnum):
    """How an attempt ended."""

    ACCEPTED = "accepted"  # the server answered 2xx to the content
    DEFERRED = "deferred"  # refused for now, or the line fell before the end of the content was written
    REJECTED = "rejected"  # refused for good
    UNKNOWN = "unknown"  # the end of the content was written and no answer came
    NOT_SENT = "not_sent"  # nothing of it was written


class Delivery(Struct, frozen=True, gc=False):
    """One attempt and its end. `stage` is how far it came; `code`, `enhanced` and `text` are the server's words.

    `refused` are the copies that the server would not take, each as (address, code, text).
    """

    enrollment_id: int
    step: int
    attempt: int
    refusals: int
    mailbox_id: int
    kind: Kind
    stage: str
    code: int | None = None
    enhanced: str | None = None
    text: str | None = None
    refused: tuple[tuple[str, int, str], ...] = ()


class Judgement(Struct, frozen=True, gc=False):
    """What follows: the message's state and cause, what the enrollment does, and a cause to hold the mailbox for."""

    state: MessageState
    cause: str | None
    refused: int
    effect: Advance | GiveBack | Park | SetAside
    mailbox_hold: str | None = None


def judge(delivery: Delivery, hold_unknown: bool, now: datetime) -> Judgement:
    """What follows from `delivery`. `hold_unknown`: an unknown message holds its lead until it is settled."""
    if delivery.kind is Kind.ACCEPTED:
        return Judgement(MessageState.SENT, None, 0, Advance())
    if delivery.kind is Kind.UNKNOWN:
        return Judgement(MessageState.UNKNOWN, f"line_lost_{delivery.stage}", 0, after_unknown(hold_unknown))
    if delivery.kind is Kind.NOT_SENT:
        return Judgement(MessageState.CANCELLED, "not_begun", 0, GiveBack())
    verdict = classify(delivery.stage, delivery.code, delivery.enhanced)
    if delivery.kind is Kind.DEFERRED or verdict.fault is Fault.RETRY:
        return _deferred(delivery, verdict, now)
    return _rejected(verdict)


def after_unknown(hold_unknown: bool) -> Advance | SetAside:
    """What an enrollment does when its message is unknown."""
    return SetAside(EnrollmentState.HELD, Reason.UNKNOWN_OUTCOME) if hold_unknown else Advance()


def _deferred(delivery: Delivery, verdict: Verdict, now: datetime) -> Judgement:
    refusals = delivery.refusals + 1
    wait = retry_delay(refusals, delivery.enrollment_id, delivery.step)
    if wait is None:
        return Judgement(
            MessageState.REJECTED, "put_off_too_often", 1, SetAside(EnrollmentState.STOPPED, "undeliverable")
        )
    return Judgement(MessageState.DEFERRED, verdict.cause, 1, Park(now + wait, Reason.RETRY_WAIT))


def _rejected(verdict: Verdict) -> Judgement:
    match verdict.fault:
        case Fault.LEAD:
            return Judgement(MessageState.REJECTED, verdict.cause, 1, SetAside(EnrollmentState.STOPPED, "bounced"))
        case Fault.MESSAGE:
            return Judgement(MessageState.REJECTED, verdict.cause, 1, SetAside(EnrollmentState.STOPPED, verdict.cause))
        case Fault.MAILBOX:
            # Not the lead's fault: it waits, unharmed, until a person has mended the mailbox.
            return Judgement(MessageState.CANCELLED, verdict.cause, 0, GiveBack(), mailbox_hold=verdict.cause)
        case Fault.RETRY:
            raise AssertionError("a temporary refusal is deferred")
