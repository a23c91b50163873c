"""Which step goes now, from which mailbox, in which wording."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.lifecycle import EnrollmentState
from caesura.domain.reasons import Reason
from caesura.domain.sequence import (
    Finish,
    Go,
    Next,
    Overdue,
    Park,
    PassOver,
    SetAside,
    StepRule,
    after_step,
    choose_variant,
    plan_step,
    spread,
)
from caesura.domain.templates import compile_condition
from caesura.domain.windows import ALWAYS, parse_window

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
DUE = NOW - timedelta(hours=1)
ZONE = ZoneInfo("UTC")
PLAIN = StepRule(0, None, None, (1,))
OFFICE = parse_window([{"days": ["mon"], "start": "09:00", "end": "17:00"}], "/windows")


def plan(step=PLAIN, number=1, fields=None, window=ALWAYS, zone=ZONE, overdue=(), now=NOW):
    return plan_step(number, [step], DUE, fields or {}, window, zone, overdue, now)


def test_a_due_step_goes() -> None:
    assert plan() == Go()


def test_past_the_last_step_there_is_nothing_more() -> None:
    assert plan(number=2) == Finish()


def test_a_fixed_date_parks_until_it_comes() -> None:
    at = NOW + timedelta(days=1)
    step = StepRule(0, at, None, (1,))
    assert plan(step) == Park(at, Reason.FIXED_DATE)
    assert plan(step, now=at) == Go()


def test_a_closed_window_parks_until_it_opens_and_an_open_one_says_when_it_closes() -> None:
    evening = NOW.replace(hour=18)
    assert plan(window=OFFICE, now=evening) == Park(NOW.replace(hour=9) + timedelta(days=7), Reason.OUTSIDE_WINDOW)
    assert plan(window=OFFICE) == Go(until=NOW.replace(hour=17))


def test_the_window_is_read_in_the_zone_that_is_given() -> None:
    assert isinstance(plan(window=OFFICE, zone=ZoneInfo("Asia/Tokyo")), Park)


def test_a_condition_that_does_not_hold_passes_the_step_over() -> None:
    step = StepRule(0, None, compile_condition('country == "DE"', "/condition"), (1,))
    assert plan(step, fields={"country": "FR"}) == PassOver("condition")
    assert plan(step, fields={"country": "DE"}) == Go()


def test_what_fell_due_in_a_pause_is_skipped_or_reviewed_and_nothing_else() -> None:
    earlier = (DUE - timedelta(days=2), DUE - timedelta(seconds=1))
    within = (DUE - timedelta(minutes=1), DUE)
    assert plan(overdue=[Overdue(*earlier, "review"), Overdue(*within, "skip")]) == PassOver("overdue")
    reviewed = plan(overdue=[Overdue(*earlier, "skip"), Overdue(*within, "review")])
    assert reviewed == SetAside(EnrollmentState.HELD, "overdue_review")
    assert plan(overdue=[Overdue(DUE, DUE + timedelta(days=1), "skip")]) == Go()
    assert plan(overdue=[Overdue(*earlier, "skip")]) == Go()


def test_after_a_step_comes_the_next_with_its_delay_and_after_the_last_the_end() -> None:
    steps = [PLAIN, StepRule(86_400, None, None, (1,))]
    assert after_step(1, steps) == Next(EnrollmentState.WAITING, 2, 86_400)
    assert after_step(2, steps) == Next(EnrollmentState.FINISHED, 2, 0)
    assert after_step(5, steps).state is EnrollmentState.FINISHED


@given(st.integers(0, 60), st.lists(st.integers(0, 9), max_size=6))
def test_openings_are_dealt_evenly_and_never_beyond_a_mailboxs_room(count, rooms) -> None:
    pairs = list(enumerate(rooms, start=1))
    dealt = Counter(spread(count, pairs))
    assert sum(dealt.values()) == min(count, sum(rooms))
    assert all(dealt[mailbox] <= room for mailbox, room in pairs)
    open_ended = [dealt[mailbox] for mailbox, room in pairs if dealt[mailbox] < room]
    if open_ended and dealt:
        assert max(dealt.values()) - min(open_ended) <= 1


@given(st.lists(st.integers(1, 100), min_size=1, max_size=5), st.integers(1, 10**9))
def test_a_variant_is_chosen_by_weight_and_always_the_same(weights, enrollment) -> None:
    chosen = choose_variant(weights, 1, enrollment, 1)
    assert 0 <= chosen < len(weights)
    assert choose_variant(weights, 1, enrollment, 1) == chosen


def test_variants_come_out_in_the_proportion_of_their_weights() -> None:
    counts = Counter(choose_variant((3, 1), 1, enrollment, 1) for enrollment in range(4000))
    assert 2800 < counts[0] < 3200
