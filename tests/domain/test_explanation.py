from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.explanation import explain, finding
from caesura.domain.reasons import Reason, stopped_for

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LAST = NOW + timedelta(days=2)


def test_with_nothing_in_the_way_it_is_ready_now() -> None:
    answer = explain([], NOW)
    assert (answer.reason, answer.also, answer.next_at) == (Reason.READY, (), NOW)


def test_the_more_general_reason_comes_first_whatever_the_order_it_was_found_in() -> None:
    reasons = [
        Reason.READY,
        Reason.GAP,
        Reason.MAILBOX_HOLD,
        Reason.MISSING_VARIABLE,
        Reason.LEAD_HOLD,
        Reason.SUPPRESSED,
        Reason.CAMPAIGN_HOLD,
        Reason.WORKSPACE_HOLD,
        Reason.CAMPAIGN_PAUSED,
        Reason.IN_TRANSIT,
    ]
    answer = explain([finding(reason) for reason in reasons], NOW)
    assert [answer.reason, *(one.reason for one in answer.also)] == reasons[::-1]


def test_of_several_waits_the_longest_is_named_first_and_counts() -> None:
    waits = [finding(Reason.GAP, LATER), finding(Reason.NOT_DUE, LAST), finding(Reason.DAILY_CAP, NOW)]
    answer = explain(waits, NOW)
    assert [answer.reason, *(one.reason for one in answer.also)] == [Reason.NOT_DUE, Reason.GAP, Reason.DAILY_CAP]
    assert (answer.next_at, answer.facts["at"]) == (LAST, LAST)


def test_what_somebody_must_settle_has_no_time() -> None:
    assert explain([finding(Reason.NOT_DUE, LAST), finding(Reason.LEAD_HOLD)], NOW).next_at is None


@pytest.mark.parametrize("reason", [Reason.FINISHED, stopped_for("manual"), stopped_for("no such cause")])
def test_what_is_at_its_end_comes_before_all(reason: Reason) -> None:
    answer = explain([finding(Reason.IN_TRANSIT), finding(reason)], NOW)
    assert (answer.reason, answer.next_at) == (reason, None)


@pytest.mark.parametrize("reason", [Reason.CLAIMED, Reason.IN_TRANSIT])
def test_what_is_under_way_goes_on_now(reason: Reason) -> None:
    assert explain([finding(reason)], NOW).next_at == NOW


def test_facts_that_are_not_known_are_left_out_and_others_are_refused() -> None:
    one = finding(Reason.CAMPAIGN_PAUSED, LATER, {"since": NOW, "reason": None}, actor="anna", cause=None)
    assert one.facts == {"actor": "anna", "since": NOW}
    assert one.sentence == "The campaign is paused by anna; it resumes at 2026-03-02T10:00:00Z."
    with pytest.raises(ValueError, match="color"):
        finding(Reason.GAP, color="red")


@given(st.lists(st.tuples(st.sampled_from(Reason), st.sampled_from([None, NOW, LATER, LAST])), max_size=8))
def test_no_finding_is_lost_and_the_order_does_not_hang_on_how_they_came(
    found: list[tuple[Reason, datetime | None]],
) -> None:
    findings = [finding(reason, at) for reason, at in found]
    answer, again = explain(findings, NOW), explain(findings[::-1], NOW)
    assert 1 + len(answer.also) == max(1, len(findings))
    assert answer == again
