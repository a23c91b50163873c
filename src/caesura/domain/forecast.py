"""What a resume would bring, day by day: how much falls due, how much can go. An estimate, never a promise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from caesura.domain.pacing import CampaignLimits, MailboxLimits, allowed_on
from caesura.domain.plan import MailboxPlan
from caesura.domain.windows import ALWAYS, Window, day_begins, local_day, opening

DAYS = 14


@dataclass(frozen=True, slots=True)
class Day:
    """One day in the campaign's zone. `capacity` None: no limit. `sent` is what would go, `left` what would wait on."""

    day: date
    due: int
    capacity: int | None
    sent: int
    left: int


@dataclass(frozen=True, slots=True)
class Used:
    """What is used already, as (local day, messages) of the campaign and of each mailbox."""

    campaign: tuple[date | None, int] = (None, 0)
    mailboxes: Mapping[int, tuple[date | None, int]] = field(default_factory=dict)


UNUSED = Used()


def forecast(
    due: Sequence[tuple[datetime, int]],
    mailboxes: Sequence[MailboxPlan],
    limits: CampaignLimits,
    window: Window,
    zone: ZoneInfo,
    now: datetime,
    used: Used = UNUSED,
) -> list[Day]:
    """The days from today on which something of `due` (UTC instant, count) is left to send, at most 14.

    Follow-ups that these messages will bring are not counted: they fall due later.
    """
    days: list[Day] = []
    left = 0
    today = local_day(zone, now)
    for place in range(DAYS):
        day = today + timedelta(days=place)
        fresh = sum(count for at, count in due if max(day, today) == max(local_day(zone, at), today))
        capacity = day_capacity(mailboxes, limits, window, zone, day, now, used)
        sent = left + fresh if capacity is None else min(left + fresh, capacity)
        left = left + fresh - sent
        days.append(Day(day, fresh, capacity, sent, left))
    while days and not (days[-1].due or days[-1].sent or days[-1].left):
        days.pop()
    return days


def day_capacity(
    mailboxes: Sequence[MailboxPlan],
    limits: CampaignLimits,
    window: Window,
    zone: ZoneInfo,
    day: date,
    now: datetime,
    used: Used = UNUSED,
) -> int | None:
    """How many messages of the campaign could go on `day`, from `now` if that is today; None: no limit.

    What was used of that day is gone.
    """
    gone = _used_on(day, used.campaign)
    quotas = [max(quota - gone, 0) for quota in (limits.daily_total, _ramped(limits, day)) if quota is not None]
    total = 0
    for mailbox in mailboxes:
        seconds = min(_open_seconds(window, zone, day, now), _open_seconds(mailbox.window, zone, day, now))
        gone = _used_on(day, used.mailboxes.get(mailbox.mailbox_id, (None, 0)))
        room = _mailbox_capacity(mailbox.limits, seconds, day, gone)
        if room is None:
            return min(quotas) if quotas else None
        total += room
    return min([total, *quotas])


def _ramped(limits: CampaignLimits, day: date) -> int | None:
    return allowed_on(limits.gradual, day) if limits.gradual is not None else None


def _used_on(day: date, count: tuple[date | None, int]) -> int:
    return count[1] if count[0] == day else 0


def _mailbox_capacity(limits: MailboxLimits, seconds: float, day: date, used: int) -> int | None:
    bounds: list[int] = [] if seconds else [0]
    if limits.daily_cap is not None:
        bounds.append(max(limits.daily_cap - used, 0))
    if limits.ramp is not None:
        bounds.append(max(allowed_on(limits.ramp, day) - used, 0))
    gap = limits.gap_seconds + limits.jitter_seconds / 2
    if gap:
        bounds.append(1 + int(seconds / gap))
    if limits.rate_per_second is not None:
        bounds.append(int(seconds * limits.rate_per_second) + limits.bucket)
    return min(bounds) if bounds else None


def _open_seconds(window: Window, zone: ZoneInfo, day: date, now: datetime) -> float:
    """How long `window` is open on `day`, counted from `now`."""
    begins = max(now, day_begins(zone, day, now - timedelta(days=2))) if day > local_day(zone, now) else now
    ends = day_begins(zone, day + timedelta(days=1), begins)
    if window == ALWAYS:
        return (ends - begins).total_seconds()
    seconds = 0.0
    at = begins
    while at < ends:
        period = opening(window, zone, at)
        if period is None or period[0] >= ends:
            break
        seconds += (min(period[1], ends) - max(period[0], at)).total_seconds()
        at = period[1]
    return seconds
