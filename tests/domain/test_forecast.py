"""The forecast of a resume."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from caesura.domain.forecast import forecast
from caesura.domain.pacing import CampaignLimits, MailboxLimits
from caesura.domain.plan import MailboxPlan, Transport
from caesura.domain.windows import ALWAYS, parse_window

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
ZONE = ZoneInfo("UTC")
FREE = CampaignLimits(ZONE)
SERVER = Transport("127.0.0.1", 25, "none", None, None, None, False)


def mailbox(**limits) -> MailboxPlan:
    return MailboxPlan(1, 1, "a@example.com", None, None, MailboxLimits(ZONE, **limits), ALWAYS, SERVER)


def days(due, mailboxes, limits=FREE, window=ALWAYS):
    return [
        (day.day, day.due, day.capacity, day.sent, day.left)
        for day in forecast(due, mailboxes, limits, window, ZONE, NOW)
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
