"""The forecast of a resume."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from caesura.domain.forecast import Due, Used, forecast
from caesura.domain.pacing import CampaignLimits, MailboxLimits
from caesura.domain.plan import MailboxPlan, Transport
from caesura.domain.sequence import StepRule
from caesura.domain.windows import ALWAYS, parse_window

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
ZONE = ZoneInfo("UTC")
FREE = CampaignLimits(ZONE)
SERVER = Transport("127.0.0.1", 25, "none", None, None, None, False)


def mailbox(**limits) -> MailboxPlan:
    return MailboxPlan(1, 1, "a@example.com", None, None, MailboxLimits(ZONE, **limits), ALWAYS, SERVER)


def days(due, mailboxes, limits=FREE, window=ALWAYS, delays=(0,), used=Used()):
    steps = [StepRule(delay, None, None, (1,)) for delay in delays]
    groups = [Due(True, at, 1, count) for at, count in due]
    return [
        (day.day, day.due, day.capacity, day.sent, day.left)
        for day in forecast(groups, steps, mailboxes, limits, window, ZONE, NOW, used)
    ]


def test_a_backlog_is_spread_over_the_days_that_the_caps_need() -> None:
    found = days([(NOW, 120)], [mailbox(daily_cap=50)])
    first = date(2026, 3, 2)
    assert found == [
        (first, 120, 50, 50, 70),
        (first + timedelta(days=1), 0, 50, 50, 20),
        (first + timedelta(days=2), 0, 50, 20, 0),
    ]


def test_without_limits_everything_goes_today() -> None:
    assert days([(NOW, 9)], [mailbox()]) == [(NOW.date(), 9, None, 9, 0)]


def test_a_campaigns_own_quota_is_the_smaller_bound() -> None:
    assert days([(NOW, 30)], [mailbox(daily_cap=50)], CampaignLimits(ZONE, daily_total=20))[0][2] == 20


def test_a_closed_day_has_no_capacity() -> None:
    tuesday = parse_window([{"days": ["tue"], "start": "09:00", "end": "10:00"}], "/windows")
    found = days([(NOW, 5)], [mailbox(gap_seconds=600)], window=tuesday)
    assert [(capacity, sent) for _, _, capacity, sent, _ in found] == [(0, 0), (7, 5)]


def test_nothing_due_is_an_empty_forecast() -> None:
    assert days([], [mailbox(daily_cap=5)]) == []


def test_a_pool_without_mailboxes_sends_nothing() -> None:
    assert {sent for _, _, _, sent, _ in days([(NOW, 5)], [])} == {0}


DAY = 86_400


def test_follow_ups_come_after_their_delay_and_before_openings() -> None:
    found = days([(NOW, 6)], [mailbox(daily_cap=4)], delays=(0, DAY))
    assert [(due, sent, left) for _, due, _, sent, left in found] == [(6, 4, 2), (4, 4, 2), (0, 2, 0), (2, 2, 0)]


def test_follow_ups_of_the_same_day_are_counted_on_it() -> None:
    assert [(due, sent) for _, due, _, sent, _ in days([(NOW, 5)], [mailbox()], delays=(0, 60, 60))] == [(15, 15)]


def test_a_follow_up_waits_for_its_fixed_date() -> None:
    steps = [StepRule(0, None, None, (1,)), StepRule(0, NOW + timedelta(days=3), None, (1,))]
    found = forecast([Due(True, NOW, 1, 5)], steps, [mailbox()], FREE, ALWAYS, ZONE, NOW)
    assert [(day.due, day.sent) for day in found] == [(5, 5), (0, 0), (0, 0), (5, 5)]


def test_new_leads_have_a_quota_of_their_own_and_what_was_opened_today_counts() -> None:
    limits = CampaignLimits(ZONE, daily_new=4)
    found = days([(NOW, 9)], [mailbox()], limits, used=Used((NOW.date(), 3), {}, 3))
    assert [(sent, left) for _, _, _, sent, left in found] == [(1, 8), (4, 4), (4, 0)]


def test_a_sequence_that_goes_beyond_fourteen_days_ends_there() -> None:
    found = days([(NOW, 1)], [mailbox()], delays=(0, *(DAY,) * 20))
    assert len(found) == 14 and {sent for _, _, _, sent, _ in found} == {1}


def test_the_gap_of_a_campaign_bounds_what_goes_on_a_day_over_all_its_mailboxes() -> None:
    limits = CampaignLimits(ZONE, gap_seconds=3_600)
    assert (
        days([(NOW, 30)], [mailbox(), mailbox()], limits)[0][2] == days([(NOW, 30)], [mailbox(gap_seconds=3_600)])[0][2]
    )


def test_a_step_with_windows_of_its_own_goes_on_its_days() -> None:
    own = parse_window([{"days": ["wed"], "start": "10:00", "end": "12:00"}], "")
    steps = [StepRule(0, None, None, (1,)), StepRule(3_600, None, None, (1,), own)]
    found = forecast([Due(True, NOW, 1, 5)], steps, [mailbox()], CampaignLimits(ZONE), ALWAYS, ZONE, NOW)
    wednesday = next(day for day in (NOW.date() + timedelta(days=place) for place in range(8)) if day.weekday() == 2)
    by_day = {one.day: one.sent for one in found}
    assert by_day[NOW.date()] == 5
    assert by_day[wednesday] == (5 if wednesday != NOW.date() else 10)
