"""What follows from each end of an attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from caesura.domain.delivery import Delivery, Kind, judge
from caesura.domain.lifecycle import EnrollmentState, MessageState
from caesura.domain.pacing import DEFAULT_RETRIES
from caesura.domain.reasons import Reason
from caesura.domain.sequence import Advance, GiveBack, Park, SetAside

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def judged(kind, stage="content", code=None, enhanced=None, refusals=0, hold=False):
    return judge(Delivery(7, 1, 1, refusals, 3, kind, stage, code, enhanced), hold, NOW)


def test_an_accepted_message_is_sent_and_its_lead_advances() -> None:
    found = judged(Kind.ACCEPTED, code=250)
    assert (found.state, found.effect, found.cause) == (MessageState.SENT, Advance(), None)


@pytest.mark.parametrize(
    ("hold", "effect"),
    [(False, Advance()), (True, SetAside(EnrollmentState.HELD, Reason.UNKNOWN_OUTCOME))],
)
def test_an_unknown_message_advances_or_holds_and_is_never_retried(hold, effect) -> None:
    found = judged(Kind.UNKNOWN, hold=hold)
    assert (found.state, found.effect) == (MessageState.UNKNOWN, effect)


def test_what_was_not_begun_waits_again_and_counts_no_refusal() -> None:
    found = judged(Kind.NOT_SENT, "queue")
    assert (found.state, found.effect, found.refused) == (MessageState.CANCELLED, GiveBack(), 0)


def test_a_temporary_refusal_parks_for_more_than_a_minute_and_longer_each_time() -> None:
    waits = []
    for refusals in range(DEFAULT_RETRIES.attempts - 1):
        found = judged(Kind.DEFERRED, "rcpt", 450, refusals=refusals)
        assert found.state is MessageState.DEFERRED
        assert isinstance(found.effect, Park)
        waits.append(found.effect.until - NOW)
    assert waits[0] > timedelta(minutes=1)
    assert waits == sorted(waits)


def test_a_message_put_off_too_often_is_rejected() -> None:
    found = judged(Kind.DEFERRED, "rcpt", 450, refusals=DEFAULT_RETRIES.attempts - 1)
    assert (found.state, found.cause) == (MessageState.REJECTED, "put_off_too_often")
    assert found.effect == SetAside(EnrollmentState.STOPPED, "undeliverable")


def test_a_bad_address_stops_the_lead() -> None:
    found = judged(Kind.REJECTED, "rcpt", 550, "5.1.1")
    assert (found.state, found.effect) == (MessageState.REJECTED, SetAside(EnrollmentState.STOPPED, "bounced"))
    assert found.mailbox_hold is None


def test_a_refused_login_holds_the_mailbox_and_leaves_the_lead_alone() -> None:
    found = judged(Kind.REJECTED, "mail", 535, "5.7.8")
    assert (found.state, found.effect, found.refused) == (MessageState.CANCELLED, GiveBack(), 0)
    assert found.mailbox_hold == "authentication"


def test_a_refused_content_stops_this_lead_with_the_cause() -> None:
    found = judged(Kind.REJECTED, "content", 554, "5.6.0")
    assert found.effect == SetAside(EnrollmentState.STOPPED, "content_refused")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt", "data", "content", "queue", "smtputf8"])
@pytest.mark.parametrize("code", [None, 250, 354, 421, 432, 451, 500, 535, 550, 552, 554, 571])
def test_every_end_has_a_judgement_that_keeps_the_tables(kind, stage, code) -> None:
    found = judged(kind, stage, code)
    assert (found.cause is None) == (found.state is MessageState.SENT)
    if isinstance(found.effect, Park):
        assert found.effect.until - NOW >= timedelta(minutes=1)
    if found.state is MessageState.REJECTED:
        assert isinstance(found.effect, SetAside)
