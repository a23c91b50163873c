"""Pacing: tables for the exact answers, and simulated days for what must never happen."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesura.domain.errors import Invalid
from caesura.domain.pacing import (
    FACTORS,
    MAX_DAILY,
    CampaignLimits,
    CampaignRoom,
    Growth,
    Load,
    MailboxLimits,
    Ramp,
    RetryPolicy,
    SendNow,
    WaitUntil,
    allowed_on,
    daily_use,
    decide,
    decide_campaign,
    growth_to_item,
    jitter,
    parse_growth,
    postponed,
    refund,
    retry_delay,
    spend,
    spend_campaign,
)
from caesura.domain.reasons import Reason
from caesura.domain.windows import ALWAYS, Interval, Window, is_open, local_day

ZONE_UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
SANTIAGO = ZoneInfo("America/Santiago")
ST_JOHNS = ZoneInfo("America/St_Johns")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)  # a Monday
TODAY = NOON.date()
MIDNIGHT = datetime(2026, 6, 2, tzinfo=UTC)
OFFICE = Window(tuple(Interval(day, 540, 1020) for day in range(5)))
SECOND = timedelta(seconds=1)


def limits(**values: object) -> MailboxLimits:
    return MailboxLimits(**({"zone": ZONE_UTC} | values))


def quotas(**values: object) -> CampaignLimits:
    return CampaignLimits(**({"zone": ZONE_UTC} | values))


def ask(now: datetime, mailbox: MailboxLimits, load: Load, window: Window = ALWAYS) -> SendNow | WaitUntil:
    return decide(now, window, ZONE_UTC, mailbox, load)


def ask_campaign(
    now: datetime, campaign: CampaignLimits, load: Load, window: Window = ALWAYS
) -> CampaignRoom | WaitUntil:
    return decide_campaign(now, window, ZONE_UTC, campaign, load)


# jitter


def test_jitter_is_the_same_everywhere_and_always() -> None:
    assert jitter("mailbox", 7, "message", 12) == 0.0061693119504322436
    assert jitter() == jitter()


def test_jitter_keeps_identities_apart() -> None:
    identities = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("1",),
        (1,),
        (),
        ("",),
        ("", ""),
        (-1,),
        (11,),
        (1, 1),
        ("\ud800",),
    ]
    assert len({jitter(*identity) for identity in identities}) == len(identities)


def test_jitter_of_a_word_does_not_depend_on_its_enum() -> None:
    assert jitter(Reason.GAP) == jitter("gap")


def test_jitter_is_spread_evenly_over_zero_to_one() -> None:
    tenths = Counter(int(jitter("mailbox", n) * 10) for n in range(10_000))
    assert set(tenths) == set(range(10))
    assert all(850 < count < 1150 for count in tenths.values())


# ramps


def test_a_growth_is_read_and_written_back() -> None:
    for item in ({"add": 0}, {"add": 5}, {"factor": 1.25}, {"factor": 1.5}, {"factor": 1.75}, {"factor": 2.0}):
        assert growth_to_item(parse_growth(item, "/growth")) == item
    assert parse_growth({"factor": 2}, "") == Growth(factor=Fraction(2))


@pytest.mark.parametrize(
    "item",
    [
        None,
        {},
        [],
        "1.5",
        1.5,
        {"add": -1},
        {"add": 1.0},
        {"add": True},
        {"add": "5"},
        {"add": 10**10},
        {"add": None},
        {"factor": 1},
        {"factor": 1.3},
        {"factor": 3},
        {"factor": float("nan")},
        {"factor": float("inf")},
        {"factor": "1.5"},
        {"factor": [1.5]},
        {"add": 5, "factor": 1.5},
        {"multiply": 2},
    ],
)
def test_a_wrong_growth_is_refused_with_its_place(item: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_growth(item, "/ramp/growth")
    (problem,) = caught.value.problems
    assert (problem.code, problem.pointer) == ("invalid_growth", "/ramp/growth")


@pytest.mark.parametrize(
    ("growth", "ceiling", "first_days"),
    [
        (Growth(add=5), None, [20, 25, 30, 35, 40, 45]),
        (Growth(add=5), 32, [20, 25, 30, 32, 32, 32]),
        (Growth(add=0), None, [20, 20, 20, 20, 20, 20]),
        (Growth(factor=Fraction(5, 4)), None, [20, 25, 31, 39, 48, 61]),
        (Growth(factor=Fraction(3, 2)), None, [20, 30, 45, 67, 101, 151]),
        (Growth(factor=Fraction(7, 4)), None, [20, 35, 61, 107, 187, 328]),
        (Growth(factor=Fraction(2)), 300, [20, 40, 80, 160, 300, 300]),
    ],
)
def test_a_ramp_grows_by_the_day(growth: Growth, ceiling: int | None, first_days: list[int]) -> None:
    ramp = Ramp(20, growth, ceiling, TODAY)
    assert [allowed_on(ramp, TODAY + timedelta(days=n)) for n in range(6)] == first_days


def test_a_small_ramp_does_not_stick() -> None:
    ramp = Ramp(1, Growth(factor=Fraction(5, 4)), None, TODAY)
    assert [allowed_on(ramp, TODAY + timedelta(days=n)) for n in range(6)] == [1, 2, 3, 4, 5, 6]


def test_a_ramp_is_its_start_before_it_began() -> None:
    assert allowed_on(Ramp(20, Growth(add=5), None, TODAY), TODAY - timedelta(days=400)) == 20


growths = st.one_of(
    st.integers(0, 1000).map(lambda add: Growth(add=add)), st.sampled_from(FACTORS).map(lambda f: Growth(factor=f))
)


@settings(deadline=None)
@given(st.integers(1, 10**6), st.sampled_from(FACTORS), st.integers(1, 10**9), st.integers(0, 40))
def test_a_factor_is_exact_and_adds_at_least_one_a_day(start: int, factor: Fraction, ceiling: int, days: int) -> None:
    ceiling = max(start, ceiling)
    exact, expected = Fraction(start), start
    for _ in range(days):
        exact *= factor
        expected = max(expected + 1, int(exact))
    ramp = Ramp(start, Growth(factor=factor), ceiling, TODAY)
    assert allowed_on(ramp, TODAY + timedelta(days=days)) == min(ceiling, expected)


@settings(deadline=None)
@given(st.integers(1, 1000), growths, st.none() | st.integers(1000, 10**6), st.integers(0, 10**6), st.integers(0, 1000))
def test_a_ramp_never_falls_and_never_passes_its_ceiling(
    start: int, growth: Growth, ceiling: int | None, day: int, later: int
) -> None:
    ramp = Ramp(start, growth, ceiling, date(1, 1, 1))
    first = allowed_on(ramp, date(1, 1, 1) + timedelta(days=day))
    assert start <= first <= allowed_on(ramp, date(1, 1, 1) + timedelta(days=day + later)) <= (ceiling or MAX_DAILY)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_ramp_of_thousands_of_years_is_its_ceiling(factor: Fraction) -> None:
    for days in (93, 94, 99, 100, 101, 102, 10_000):
        assert allowed_on(
            Ramp(1, Growth(factor=factor), None, date(1, 1, 1)), date(1, 1, 1) + timedelta(days=days)
        ) == (MAX_DAILY)
    assert allowed_on(Ramp(1, Growth(factor=factor), 70, date(1, 1, 1)), date.max) == 70
    assert allowed_on(Ramp(1, Growth(add=MAX_DAILY), None, date(1, 1, 1)), date.max) == MAX_DAILY


def test_a_postponed_ramp_goes_on_where_it_was() -> None:
    ramp = Ramp(10, Growth(factor=Fraction(2)), None, TODAY)
    later = postponed(ramp, 14)
    assert allowed_on(later, TODAY + timedelta(days=16)) == allowed_on(ramp, TODAY + timedelta(days=2)) == 40
    assert postponed(ramp, -3) == ramp


@pytest.mark.parametrize(("start", "ceiling"), [(0, None), (-1, 5), (6, 5), (1, 10**10), (10**10, None)])
def test_a_ramp_out_of_range_is_refused(start: int, ceiling: int | None) -> None:
    with pytest.raises(Invalid, match="ramp"):
        Ramp(start, Growth(add=1), ceiling, TODAY)


@pytest.mark.parametrize("values", [{}, {"add": 1, "factor": Fraction(2)}, {"add": -1}, {"factor": Fraction(3)}])
def test_a_growth_is_one_thing_in_range(values: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="growth"):
        Growth(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"daily_cap": -1},
        {"daily_cap": 10**10},
        {"gap_seconds": -0.1},
        {"gap_seconds": float("nan")},
        {"gap_seconds": float("inf")},
        {"gap_seconds": 604_801.0},
        {"jitter_seconds": -1.0},
        {"burst_seconds": float("nan")},
        {"rate_per_second": 0.0},
        {"rate_per_second": -1.0},
        {"rate_per_second": float("nan")},
        {"rate_per_second": 1e9},
        {"rate_per_second": 1e-9},
        {"connections": 0},
        {"connections": 10_001},
    ],
)
def test_limits_out_of_range_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(Invalid) as caught:
        limits(**values)
    assert caught.value.code == "invalid_limit"
    assert next(iter(values)) in caught.value.detail


@pytest.mark.parametrize("name", ["daily_new", "daily_total"])
def test_quotas_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match=name):
        quotas(**{name: -1})


# decide: one mailbox

RAMP = Ramp(20, Growth(add=5), None, TODAY)


@pytest.mark.parametrize(
    ("mailbox", "load", "use"),
    [
        (limits(), Load(), (0, None)),
        (limits(daily_cap=50), Load(TODAY, 20), (20, 50)),
        (limits(daily_cap=50), Load(TODAY - timedelta(days=1), 50), (0, 50)),
        (limits(daily_cap=50), Load(TODAY + timedelta(days=1), 7), (7, 50)),  # the clock went back
        (limits(daily_cap=50, ramp=RAMP), Load(TODAY, 5), (5, 20)),
        (limits(daily_cap=10, ramp=RAMP), Load(TODAY, 12), (12, 10)),
    ],
)
def test_the_use_of_a_day_is_that_of_its_tightest_limit(
    mailbox: MailboxLimits, load: Load, use: tuple[int, int | None]
) -> None:
    assert daily_use(NOON, mailbox, load) == use


@pytest.mark.parametrize(
    ("mailbox", "load", "room"),
    [
        (limits(), Load(), None),
        (limits(), Load(TODAY, 10**6, 0, MIDNIGHT), None),  # a gap that was taken away
        (limits(daily_cap=50), Load(), 50),
        (limits(daily_cap=50), Load(TODAY, 20), 30),
        (limits(daily_cap=50), Load(TODAY - timedelta(days=1), 50), 50),
        (limits(ramp=RAMP), Load(TODAY, 5), 15),
        (limits(daily_cap=50, ramp=RAMP), Load(TODAY, 5), 15),
        (limits(daily_cap=10, ramp=RAMP), Load(TODAY, 5), 5),
        (limits(gap_seconds=60.0), Load(), 1),
        (limits(gap_seconds=60.0), Load(TODAY, 5, 0, NOON), 1),
        (limits(jitter_seconds=60.0), Load(TODAY, 5, 0, NOON - SECOND), 1),
        (limits(gap_seconds=60.0, rate_per_second=100.0, daily_cap=50), Load(TODAY, 5), 1),
        (limits(rate_per_second=100.0), Load(), 100),
        (limits(rate_per_second=100.0, burst_seconds=0.25), Load(), 25),
        (limits(rate_per_second=100.0, burst_seconds=0.0), Load(), 1),
        (limits(rate_per_second=0.1), Load(), 1),
        (limits(rate_per_second=100.0), Load(TODAY, 5, 0, NOON - SECOND), 100),
        (limits(rate_per_second=100.0), Load(TODAY, 5, 0, NOON + 0.4 * SECOND), 60),
        (limits(rate_per_second=100.0), Load(TODAY, 5, 0, NOON + 0.99 * SECOND), 1),
        (limits(rate_per_second=100.0, daily_cap=10), Load(TODAY, 5), 5),
    ],
)
def test_a_mailbox_may_send_as_much_as_its_tightest_limit_leaves(mailbox: MailboxLimits, load: Load, room: int) -> None:
    assert ask(NOON, mailbox, load) == SendNow(room)


@pytest.mark.parametrize(
    ("now", "mailbox", "load", "at", "reason"),
    [
        (NOON, limits(daily_cap=50), Load(TODAY, 50), MIDNIGHT, Reason.DAILY_CAP),
        (NOON, limits(daily_cap=50), Load(TODAY, 51), MIDNIGHT, Reason.DAILY_CAP),
        (NOON, limits(daily_cap=0), Load(), MIDNIGHT, Reason.DAILY_CAP),
        (NOON, limits(daily_cap=50, ramp=RAMP), Load(TODAY, 20), MIDNIGHT, Reason.RAMP),
        (NOON, limits(daily_cap=20, ramp=RAMP), Load(TODAY, 20), MIDNIGHT, Reason.DAILY_CAP),
        (NOON, limits(daily_cap=10, ramp=RAMP), Load(TODAY, 20), MIDNIGHT, Reason.DAILY_CAP),
        (NOON, limits(gap_seconds=60.0), Load(TODAY, 1, 0, NOON + 7 * SECOND), NOON + 7 * SECOND, Reason.GAP),
        # the reason that holds longest is told
        (NOON, limits(gap_seconds=60.0, daily_cap=1), Load(TODAY, 1, 0, NOON + 7 * SECOND), MIDNIGHT, Reason.DAILY_CAP),
        (
            NOON,
            limits(gap_seconds=60.0, daily_cap=1),
            Load(TODAY, 1, 0, MIDNIGHT + SECOND),
            MIDNIGHT + SECOND,
            Reason.GAP,
        ),
        (
            NOON,
            limits(rate_per_second=100.0),
            Load(TODAY, 1, 0, NOON + SECOND),
            NOON + timedelta(milliseconds=10),
            Reason.RATE,
        ),
        (NOON, limits(rate_per_second=0.1), Load(TODAY, 1, 0, NOON + 7 * SECOND), NOON + 7 * SECOND, Reason.RATE),
        (
            NOON,
            limits(rate_per_second=0.1, gap_seconds=1.0),
            Load(TODAY, 1, 0, NOON + 7 * SECOND),
            NOON + 7 * SECOND,
            Reason.RATE,
        ),
    ],
)
def test_a_mailbox_waits_for_the_exact_reason(
    now: datetime, mailbox: MailboxLimits, load: Load, at: datetime, reason: Reason
) -> None:
    assert ask(now, mailbox, load) == WaitUntil(at, reason)


FRIDAY_EVENING = datetime(2026, 6, 5, 18, tzinfo=UTC)
MONDAY_MORNING = datetime(2026, 6, 8, 9, tzinfo=UTC)


def test_outside_the_window_a_mailbox_waits_for_its_opening() -> None:
    assert ask(FRIDAY_EVENING, limits(), Load(), OFFICE) == WaitUntil(MONDAY_MORNING, Reason.OUTSIDE_WINDOW)


def test_a_used_up_cap_waits_for_the_window_of_the_next_day() -> None:
    friday_noon = FRIDAY_EVENING - timedelta(hours=6)
    full = Load(friday_noon.date(), 50)
    assert ask(friday_noon, limits(daily_cap=50), full, OFFICE) == WaitUntil(MONDAY_MORNING, Reason.DAILY_CAP)
    assert ask(FRIDAY_EVENING, limits(daily_cap=50), full, OFFICE) == WaitUntil(MONDAY_MORNING, Reason.OUTSIDE_WINDOW)


def test_a_gap_that_ends_after_closing_waits_for_the_window() -> None:
    at = FRIDAY_EVENING - timedelta(hours=1, seconds=5)
    load = Load(at.date(), 1, 0, at + 60 * SECOND)
    assert ask(at, limits(gap_seconds=60.0), load, OFFICE) == WaitUntil(MONDAY_MORNING, Reason.GAP)


def test_the_window_is_read_in_its_own_zone_and_the_day_turns_in_the_limits_zone() -> None:
    late = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)  # 00:30 on Tuesday in Berlin
    berlin = limits(daily_cap=50, zone=BERLIN)
    assert ask(late, berlin, Load(TODAY, 50)) == SendNow(50)
    assert ask(late, limits(daily_cap=50), Load(TODAY, 50)) == WaitUntil(MIDNIGHT, Reason.DAILY_CAP)
    nights = Window(tuple(Interval(day, 0, 60) for day in range(7)))
    assert decide(late, nights, BERLIN, limits(), Load()) == SendNow(None)
    assert isinstance(decide(late, nights, ZONE_UTC, limits(), Load()), WaitUntil)


def test_a_day_without_midnight_begins_at_one() -> None:
    evening = datetime(2026, 9, 6, 3, tzinfo=UTC)  # 23:00 in Santiago, before the spring night
    answer = ask(evening, limits(daily_cap=5, zone=SANTIAGO), Load(date(2026, 9, 5), 5))
    assert answer == WaitUntil(datetime(2026, 9, 6, 4, tzinfo=UTC), Reason.DAILY_CAP)


def test_a_clock_that_went_back_over_midnight_waits_for_the_day_that_was_counted() -> None:
    tomorrow = Load(MIDNIGHT.date(), 3)
    assert ask(NOON, limits(daily_cap=50), tomorrow) == WaitUntil(MIDNIGHT, Reason.DAILY_CAP)
    assert ask(MIDNIGHT, limits(daily_cap=50), tomorrow) == SendNow(47)
    in_two_days = MIDNIGHT + timedelta(days=1)
    assert ask(NOON, limits(daily_cap=3), tomorrow) == WaitUntil(in_two_days, Reason.DAILY_CAP)
    ramp = Ramp(2, Growth(add=2), None, TODAY)
    assert ask(NOON, limits(ramp=ramp), tomorrow) == WaitUntil(MIDNIGHT, Reason.RAMP)
    assert ask(NOON, limits(), tomorrow) == SendNow(None)


def test_a_date_that_comes_back_after_midnight_is_waited_out() -> None:
    # St John's, 2010-11-07: 00:01 went back to 23:01 of the day before.
    again = datetime(2010, 11, 7, 3, tzinfo=UTC)
    answer = ask(again, limits(daily_cap=5, zone=ST_JOHNS), Load(date(2010, 11, 7), 1))
    assert answer == WaitUntil(datetime(2010, 11, 7, 3, 30, tzinfo=UTC), Reason.DAILY_CAP)


def test_times_in_other_zones_are_the_same_instants() -> None:
    ready = (NOON + 7 * SECOND).astimezone(BERLIN)
    assert ask(NOON.astimezone(SANTIAGO), limits(gap_seconds=60.0), Load(TODAY, 1, 0, ready)) == WaitUntil(
        NOON + 7 * SECOND, Reason.GAP
    )


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ask(NOON.replace(tzinfo=None), limits(), Load())


# spend and refund


def test_spending_counts_into_today_and_keeps_the_gap() -> None:
    load = spend(NOON, limits(gap_seconds=60.0), Load(TODAY, 4, 0, NOON - SECOND), 1, "mailbox", 1)
    assert load == Load(TODAY, 5, 0, NOON + 60 * SECOND)


def test_spending_on_a_new_day_counts_from_zero() -> None:
    assert spend(NOON, limits(), Load(TODAY - timedelta(days=1), 40, 9), 3) == Load(TODAY, 3)


def test_spending_after_the_clock_went_back_counts_into_the_later_day() -> None:
    later = Load(MIDNIGHT.date(), 40, 0, MIDNIGHT)
    assert spend(NOON, limits(gap_seconds=60.0), later, 1) == Load(MIDNIGHT.date(), 41, 0, MIDNIGHT + 60 * SECOND)


def test_spending_nothing_only_turns_the_day() -> None:
    assert spend(NOON, limits(gap_seconds=60.0), Load(TODAY, 4), 0) == Load(TODAY, 4)
    assert spend(NOON, limits(gap_seconds=60.0), Load(TODAY - timedelta(days=1), 4), 0) == Load(TODAY)


def test_the_gap_is_jittered_by_identity_alone() -> None:
    mailbox = limits(gap_seconds=60.0, jitter_seconds=30.0)
    waits = [spend(NOON, mailbox, Load(), 1, "mailbox", n).ready_at for n in range(200)]
    assert waits == [spend(NOON, mailbox, Load(), 1, "mailbox", n).ready_at for n in range(200)]
    assert len(set(waits)) == 200
    assert min(waits) >= NOON + 60 * SECOND
    assert NOON + 88 * SECOND < max(waits) < NOON + 90 * SECOND


def test_the_rate_moves_the_arrival_time_by_one_interval_a_message() -> None:
    mailbox = limits(rate_per_second=100.0)
    load = spend(NOON, mailbox, Load(), 40)
    assert load.ready_at == NOON + 0.4 * SECOND
    assert spend(NOON, mailbox, load, 60).ready_at == NOON + SECOND
    assert spend(NOON + 9 * SECOND, mailbox, load, 1).ready_at == NOON + 9.01 * SECOND


@pytest.mark.parametrize(
    ("gap", "rate", "count", "seconds"),
    [(60.0, 1.0, 1, 60), (0.5, 0.1, 1, 10), (60.0, None, 3, 180), (2.0, 0.1, 3, 30)],
)
def test_with_a_gap_and_a_rate_the_slower_one_counts(gap: float, rate: float, count: int, seconds: int) -> None:
    mailbox = limits(gap_seconds=gap, rate_per_second=rate)
    ready_at = spend(NOON, mailbox, Load(), count).ready_at
    assert ready_at is not None
    # The float 0.1 is a little more than a tenth: rounding up hides it.
    assert ready_at == NOON + seconds * SECOND


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        spend(NOON, limits(), Load(), -1)
    with pytest.raises(ValueError, match="negative"):
        refund(Load(), TODAY, -1)
    with pytest.raises(ValueError, match="openings"):
        spend_campaign(NOON, quotas(), Load(), 1, 2)


def test_a_refund_of_today_gives_back_and_keeps_the_gap() -> None:
    load = Load(TODAY, 5, 2, NOON)
    assert refund(load, TODAY, 2, 1) == Load(TODAY, 3, 1, NOON)
    assert refund(load, TODAY, 9, 9) == Load(TODAY, 0, 0, NOON)


def test_a_refund_of_another_day_changes_nothing() -> None:
    load = Load(TODAY, 5, 2, NOON)
    assert refund(load, TODAY - timedelta(days=1), 2) == load
    assert refund(Load(), TODAY, 2) == Load()


# campaigns


@pytest.mark.parametrize(
    ("campaign", "load", "total", "openings"),
    [
        (quotas(), Load(), None, None),
        (quotas(daily_total=50), Load(TODAY, 20, 10), 30, 30),
        (quotas(daily_new=15), Load(TODAY, 20, 10), None, 5),
        (quotas(daily_total=50, daily_new=15), Load(TODAY, 20, 10), 30, 5),
        (quotas(daily_total=22, daily_new=15), Load(TODAY, 20, 10), 2, 2),
        (quotas(gradual=RAMP), Load(TODAY, 5, 5), 15, 15),
        (quotas(gradual=RAMP, daily_total=10), Load(TODAY, 5, 5), 5, 5),
        (quotas(daily_total=50, daily_new=15), Load(TODAY - timedelta(days=1), 50, 15), 50, 15),
    ],
)
def test_a_campaign_has_the_room_that_its_quotas_leave(
    campaign: CampaignLimits, load: Load, total: int | None, openings: int | None
) -> None:
    assert ask_campaign(NOON, campaign, load) == CampaignRoom(total, openings)


def test_follow_ups_go_on_when_the_new_leads_are_used_up() -> None:
    answer = ask_campaign(NOON, quotas(daily_total=50, daily_new=15), Load(TODAY, 20, 15))
    assert answer == CampaignRoom(30, 0, WaitUntil(MIDNIGHT, Reason.CAMPAIGN_DAILY_NEW))


def test_new_leads_wait_for_the_window_of_the_next_day() -> None:
    friday_noon = FRIDAY_EVENING - timedelta(hours=6)
    answer = ask_campaign(friday_noon, quotas(daily_new=15), Load(friday_noon.date(), 20, 15), OFFICE)
    assert answer == CampaignRoom(None, 0, WaitUntil(MONDAY_MORNING, Reason.CAMPAIGN_DAILY_NEW))


@pytest.mark.parametrize(
    ("campaign", "load", "reason"),
    [
        (quotas(daily_total=20), Load(TODAY, 20), Reason.CAMPAIGN_DAILY_TOTAL),
        (quotas(daily_total=20, daily_new=5), Load(TODAY, 20, 5), Reason.CAMPAIGN_DAILY_TOTAL),
        (quotas(gradual=RAMP), Load(TODAY, 20), Reason.GRADUAL),
        (quotas(gradual=RAMP, daily_total=20), Load(TODAY, 20), Reason.CAMPAIGN_DAILY_TOTAL),
        (quotas(gradual=RAMP, daily_total=50), Load(TODAY, 20), Reason.GRADUAL),
        (quotas(daily_total=20), Load(MIDNIGHT.date(), 1), Reason.CAMPAIGN_DAILY_TOTAL),
    ],
)
def test_a_campaign_waits_for_the_next_day(campaign: CampaignLimits, load: Load, reason: Reason) -> None:
    assert ask_campaign(NOON, campaign, load) == WaitUntil(MIDNIGHT, reason)


def test_a_campaign_keeps_its_gap_and_lets_one_message_go_at_a_time() -> None:
    campaign = quotas(gap_seconds=30, daily_total=50)
    load = spend_campaign(NOON, campaign, Load(), 1, 0)
    assert load == Load(TODAY, 1, 0, NOON + 30 * SECOND)
    assert ask_campaign(NOON + 29 * SECOND, campaign, load) == WaitUntil(NOON + 30 * SECOND, Reason.CAMPAIGN_GAP)
    assert ask_campaign(NOON + 30 * SECOND, campaign, load) == CampaignRoom(1, 1)
    # One that was taken away is not waited for.
    assert ask_campaign(NOON, quotas(), load) == CampaignRoom(None, None)


def test_what_holds_a_campaign_longest_is_named_before_its_gap() -> None:
    load = Load(TODAY, 50, 0, NOON + 30 * SECOND)
    answer = ask_campaign(NOON, quotas(gap_seconds=30, daily_total=50), load)
    assert answer == WaitUntil(MIDNIGHT, Reason.CAMPAIGN_DAILY_TOTAL)


@pytest.mark.parametrize("gap", [-1.0, float("nan"), float("inf"), 604_801.0])
def test_a_bad_gap_of_a_campaign_is_refused(gap: float) -> None:
    with pytest.raises(Invalid):
        quotas(gap_seconds=gap)


def test_outside_its_window_a_campaign_waits_for_the_opening() -> None:
    assert ask_campaign(FRIDAY_EVENING, quotas(), Load(), OFFICE) == WaitUntil(MONDAY_MORNING, Reason.OUTSIDE_WINDOW)


def test_a_campaign_counts_openings_within_its_total() -> None:
    load = spend_campaign(NOON, quotas(), Load(TODAY, 4, 1), 3, 2)
    assert load == Load(TODAY, 7, 3)
    assert spend_campaign(MIDNIGHT, quotas(), load, 3, 2) == Load(MIDNIGHT.date(), 3, 2)


# simulated days


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/Santiago", "America/New_York", "Australia/Lord_Howe"]).map(
    ZoneInfo
)
daily_windows = st.sampled_from(
    [ALWAYS, OFFICE, Window((Interval(2, 0, 200),)), Window(tuple(Interval(day, 60, 200) for day in range(7)))]
)
ramps = st.builds(Ramp, st.integers(1, 20), growths, st.none() | st.integers(20, 200), st.just(date(2026, 3, 27)))
mailboxes = st.builds(
    MailboxLimits,
    zone=zones,
    daily_cap=st.none() | st.integers(0, 60),
    gap_seconds=st.sampled_from([0.0, 0.0, 0.5, 90.0, 7200.0]),
    jitter_seconds=st.sampled_from([0.0, 0.0, 30.0, 900.0]),
    rate_per_second=st.none() | st.sampled_from([1 / 604_800, 0.001, 0.3, 3.0, 7.7, 1000.0]),
    burst_seconds=st.sampled_from([0.0, 0.5, 1.0, 60.0]),
    ramp=st.none() | ramps,
)
# Around the spring night of Europe, and in March for all.
starts = st.integers(0, 40 * 86_400).map(lambda n: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=n))
# What the world does between two questions: nothing, a little, a day; or, in a jumping world, back.
steps = st.sampled_from([0.0, 0.0003, 0.01, 0.7, 45.0, 600.0, 20_000.0, 90_000.0])
Sent = list[tuple[datetime, int]]


def live(
    start: datetime, window: Window, zone: ZoneInfo, mailbox: MailboxLimits, moves: Iterable[tuple[float, int, bool]]
) -> Sent:
    """What a mailbox sends: each move is seconds that pass, how many are wanted, and whether a wait is followed."""
    now, load, sent = start, Load(), []
    for number, (seconds, wanted, patient) in enumerate(moves):
        now += timedelta(seconds=seconds)
        answer = decide(now, window, zone, mailbox, load)
        if isinstance(answer, WaitUntil):
            assert answer.at > now
            later = decide(answer.at, window, zone, mailbox, load)
            assert isinstance(later, SendNow) or later.reason != answer.reason or mailbox.daily_cap == 0
            now = answer.at if patient else now
            continue
        assert is_open(window, zone, now)
        assert answer.room is None or answer.room > 0
        count = wanted if answer.room is None else min(wanted, answer.room)
        load = spend(now, mailbox, load, count, "mailbox", 1, number)
        sent.append((now, count))
    return sent


def check_days(mailbox: MailboxLimits, sent: Sent) -> None:
    days: Counter[date] = Counter()
    for at, count in sent:
        days[local_day(mailbox.zone, at)] += count
    for day, count in days.items():
        assert mailbox.daily_cap is None or count <= mailbox.daily_cap
        assert mailbox.ramp is None or count <= allowed_on(mailbox.ramp, day)


def check_gap(mailbox: MailboxLimits, sent: Sent) -> None:
    if mailbox.gap_seconds or mailbox.jitter_seconds:
        assert all(count == 1 for _, count in sent)
        for (first, _), (second, _) in pairwise(sent):
            assert second - first >= timedelta(seconds=mailbox.gap_seconds)


def check_rate(mailbox: MailboxLimits, sent: Sent) -> None:
    """In every stretch of time: no more than the bucket and what the rate refills."""
    if mailbox.rate_per_second is None:
        return
    rate = Fraction(mailbox.rate_per_second)
    for begin, (first, _) in enumerate(sent):
        total = 0
        for at, count in sent[begin:]:
            total += count
            elapsed = Fraction((at - first) // timedelta(microseconds=1), 1_000_000)
            assert total <= mailbox.bucket + rate * elapsed


moves = st.lists(st.tuples(steps, st.integers(1, 2000), st.booleans()), max_size=60)


@settings(deadline=None)
@given(starts, daily_windows, zones, mailboxes, moves)
def test_no_series_of_sends_passes_the_cap_the_ramp_the_gap_or_the_rate(
    start: datetime,
    window: Window,
    zone: ZoneInfo,
    mailbox: MailboxLimits,
    moves: list[tuple[float, int, bool]],
) -> None:
    sent = live(start, window, zone, mailbox, moves)
    check_days(mailbox, sent)
    check_gap(mailbox, sent)
    check_rate(mailbox, sent)


@settings(deadline=None)
@given(
    starts,
    daily_windows,
    zones,
    mailboxes,
    st.lists(st.tuples(steps | steps.map(lambda s: -s), st.integers(1, 50), st.booleans()), max_size=60),
)
def test_a_clock_that_jumps_back_gives_no_more_a_day_and_no_smaller_gap(
    start: datetime,
    window: Window,
    zone: ZoneInfo,
    mailbox: MailboxLimits,
    moves: list[tuple[float, int, bool]],
) -> None:
    sent = live(start, window, zone, mailbox, moves)
    check_days(mailbox, sent)
    check_gap(mailbox, sent)


@settings(deadline=None)
@given(starts, daily_windows, zones, mailboxes, st.integers(0, 50), st.integers(0, 700_000))
def test_following_the_waits_soon_comes_to_a_send(
    start: datetime, window: Window, zone: ZoneInfo, mailbox: MailboxLimits, used: int, ready_in: int
) -> None:
    mailbox = mailbox if mailbox.daily_cap != 0 else replace(mailbox, daily_cap=1)
    now, load = start, Load(local_day(mailbox.zone, start), used, 0, start + timedelta(seconds=ready_in))
    for _ in range(2):
        answer = decide(now, window, zone, mailbox, load)
        if isinstance(answer, SendNow):
            return
        assert answer.at > now
        now = answer.at
    assert isinstance(decide(now, window, zone, mailbox, load), SendNow)


@settings(deadline=None)
@given(starts, daily_windows, zones, mailboxes, moves)
def test_the_same_world_gives_the_same_sends(
    start: datetime, window: Window, zone: ZoneInfo, mailbox: MailboxLimits, moves: list[tuple[float, int, bool]]
) -> None:
    assert live(start, window, zone, mailbox, moves) == live(start, window, zone, mailbox, moves)


def test_a_patient_mailbox_uses_all_of_its_cap_every_day() -> None:
    mailbox = limits(daily_cap=40, gap_seconds=60.0, jitter_seconds=30.0, zone=BERLIN)
    sent = live(NOON - timedelta(hours=12), OFFICE, BERLIN, mailbox, [(0.0, 1, True)] * 1000)
    days = Counter(local_day(BERLIN, at) for at, _ in sent)
    assert list(days.values())[:-1] == [40] * (len(days) - 1)
    assert len(days) > 10
    assert all(day.weekday() < 5 for day in days)


def test_a_patient_relay_reaches_its_rate() -> None:
    mailbox = limits(rate_per_second=300.0, burst_seconds=0.1)
    sent = live(NOON, ALWAYS, ZONE_UTC, mailbox, [(0.001, 1000, True)] * 3000)
    seconds = (sent[-1][0] - sent[0][0]).total_seconds()
    assert sum(count for _, count in sent) >= 0.98 * 300 * seconds


campaigns = st.builds(
    CampaignLimits,
    zone=zones,
    daily_new=st.none() | st.integers(0, 30),
    daily_total=st.none() | st.integers(1, 60),
    gradual=st.none() | ramps,
    gap_seconds=st.sampled_from((0, 0, 30, 600, 86_400)),
)


@settings(deadline=None)
@given(
    starts,
    daily_windows,
    zones,
    campaigns,
    st.lists(
        st.tuples(steps | steps.map(lambda s: -s), st.integers(0, 50), st.integers(0, 50), st.booleans()), max_size=40
    ),
)
def test_no_campaign_passes_its_quotas(
    start: datetime,
    window: Window,
    zone: ZoneInfo,
    campaign: CampaignLimits,
    moves: list[tuple[float, int, int, bool]],
) -> None:
    now, load = start, Load()
    totals: Counter[date] = Counter()
    opened: Counter[date] = Counter()
    latest: datetime | None = None
    for seconds, new, follow_ups, patient in moves:
        now += timedelta(seconds=seconds)
        answer = decide_campaign(now, window, zone, campaign, load)
        if isinstance(answer, WaitUntil):
            assert answer.at > now
            assert isinstance(decide_campaign(answer.at, window, zone, campaign, load), CampaignRoom)
            now = answer.at if patient else now
            continue
        assert is_open(window, zone, now)
        assert (answer.openings == 0) is (answer.openings_wait is not None)
        follow_ups = follow_ups if answer.total is None else min(follow_ups, answer.total)
        new = new if answer.openings is None else min(new, answer.openings)
        new = new if answer.total is None else min(new, answer.total - follow_ups)
        load = spend_campaign(now, campaign, load, follow_ups + new, new)
        if campaign.gap_seconds and follow_ups + new:
            assert follow_ups + new == 1
            assert latest is None or now - latest >= campaign.gap_seconds * SECOND
            latest = now
        totals[local_day(campaign.zone, now)] += follow_ups + new
        opened[local_day(campaign.zone, now)] += new
    for day, count in totals.items():
        assert campaign.daily_total is None or count <= campaign.daily_total
        assert campaign.gradual is None or count <= allowed_on(campaign.gradual, day)
        assert campaign.daily_new is None or opened[day] <= campaign.daily_new


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 30_000.0]), st.integers(0, 30), st.integers(0, 30)), max_size=30))
def test_refunds_never_give_more_than_was_used(moves: list[tuple[float, int, int]]) -> None:
    now, load, kept = NOON, Load(), Counter[date]()
    mailbox = limits(daily_cap=40)
    for seconds, wanted, lost in moves:
        now += timedelta(seconds=seconds)
        answer = ask(now, mailbox, load)
        count = min(wanted, answer.room or 0) if isinstance(answer, SendNow) else 0
        load = refund(spend(now, mailbox, load, count), now.date(), min(lost, count))
        kept[now.date()] += count - min(lost, count)
        assert load.used == kept[now.date()] <= 40


# retries


def test_retries_wait_longer_each_time_and_then_end() -> None:
    policy = RetryPolicy()
    waits = [retry_delay(attempt, "enrollment", 1, policy=policy) for attempt in range(1, 8)]
    for wait, least in zip(waits, [300, 900, 2700, 8100, 14_400], strict=False):
        assert wait is not None
        assert least * SECOND <= wait < 1.25 * least * SECOND
    assert waits[5:] == [None, None]


def test_one_attempt_is_never_tried_again() -> None:
    assert retry_delay(1, "x", policy=RetryPolicy(attempts=1)) is None


policies = st.builds(
    lambda first, factor, more, attempts: RetryPolicy(first, factor, min(604_800.0, first + more), attempts),
    st.floats(60, 10_000),
    st.floats(1, 10),
    st.floats(0, 600_000),
    st.integers(1, 100),
)


@settings(deadline=None)
@given(policies, st.integers(1, 200), st.integers())
def test_a_retry_is_never_in_the_same_minute_and_always_the_same(policy: RetryPolicy, attempt: int, who: int) -> None:
    wait = retry_delay(attempt, who, policy=policy)
    assert (wait is None) is (attempt >= policy.attempts)
    if wait is not None:
        assert max(60.0, policy.first_seconds - 1e-6) <= wait.total_seconds() <= 1.25 * policy.ceiling_seconds
        assert wait == retry_delay(attempt, who, policy=policy)


def test_what_was_put_off_together_does_not_come_back_together() -> None:
    assert len({retry_delay(1, "enrollment", number) for number in range(500)}) > 490


def test_there_is_no_attempt_before_the_first() -> None:
    with pytest.raises(ValueError, match="first"):
        retry_delay(0)


@pytest.mark.parametrize(
    "values",
    [
        {"first_seconds": 59.9},
        {"first_seconds": float("nan")},
        {"first_seconds": 20_000.0},
        {"factor": 0.9},
        {"factor": float("nan")},
        {"factor": 11.0},
        {"ceiling_seconds": float("inf")},
        {"attempts": 0},
        {"attempts": 101},
    ],
)
def test_a_retry_policy_out_of_range_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(Invalid) as caught:
        RetryPolicy(**values)
    assert caught.value.code == "invalid_retry_policy"
