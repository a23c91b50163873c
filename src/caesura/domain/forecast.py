"""What a resume would bring, day by day: how much falls due, how much can go. An estimate, never a promise."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from caesura.domain.lifecycle import EnrollmentState
from caesura.domain.pacing import CampaignLimits, MailboxLimits, allowed_on
from caesura.domain.plan import MailboxPlan
from caesura.domain.sequence import StepRule, after_step
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
    """What is used already, as (local day, messages) of the campaign and of each mailbox; `opened` of the former."""

    campaign: tuple[date | None, int] = (None, 0)
    mailboxes: Mapping[int, tuple[date | None, int]] = field(default_factory=dict)
    opened: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """`count` leads whose `step` falls due at an instant (UTC). Follow-ups stand before openings, then the oldest."""

    is_opening: bool
    at: datetime
    step: int
    count: int


UNUSED = Used()


def forecast(
    due: Iterable[Due],
    steps: Sequence[StepRule],
    mailboxes: Sequence[MailboxPlan],
    limits: CampaignLimits,
    window: Window,
    zone: ZoneInfo,
    now: datetime,
    used: Used = UNUSED,
) -> list[Day]:
    """The days from today on which something falls due or is left to send, at most 14, follow-ups included.

    It takes every message as delivered when its step's window opens that day, every condition as met, and the hours in
    which any step may go out for those in which mailboxes can send.
    """
    windows = [step.window_in(window) for step in steps] or [window]
    any_open = _any_of(windows)
    days: list[Day] = []
    queue = list(due)
    heapq.heapify(queue)
    today = local_day(zone, now)
    begins = now
    for day in (today + timedelta(days=place) for place in range(DAYS)):
        ends = day_begins(zone, day + timedelta(days=1), begins)
        capacity = day_capacity(mailboxes, limits, any_open, zone, day, now, used)
        opened = _used_on(day, (used.campaign[0], used.opened))
        openings = None if limits.daily_new is None else max(limits.daily_new - opened, 0)
        opens = [_opens(one, zone, begins, ends) for one in windows]
        fresh, sent, queue = _send_day(queue, steps, capacity, openings, opens, ends)
        fresh -= days[-1].left if days else 0
        days.append(Day(day, fresh, capacity, sent, sum(one.count for one in queue if one.at < ends)))
        begins = ends
    while days and not (days[-1].due or days[-1].sent or days[-1].left):
        days.pop()
    return days


def _send_day(
    queue: list[Due],
    steps: Sequence[StepRule],
    capacity: int | None,
    openings: int | None,
    opens: Sequence[datetime | None],
    ends: datetime,
) -> tuple[int, int, list[Due]]:
    """How many were due before `ends`, how many of them go, and the heap of what is left, with what these bring.

    `opens` has for each step when the first of it can go; None: not on this day.
    """
    due = sum(one.count for one in queue if one.at < ends)
    sent = 0
    later = [one for one in queue if one.at >= ends]
    today = [one for one in queue if one.at < ends]
    heapq.heapify(today)
    while today:
        one = heapq.heappop(today)
        begins = opens[min(one.step, len(opens)) - 1]
        if begins is None:
            later.append(one)
            continue
        rooms = [one.count]
        if capacity is not None:
            rooms.append(capacity - sent)
        if one.is_opening and openings is not None:
            rooms.append(openings)
        number = min(rooms)
        if one.is_opening and openings is not None:
            openings -= number
        if number < one.count:
            later.append(replace(one, count=one.count - number))
        if not number:
            continue
        sent += number
        follow_up = _follow_up(one, number, steps, begins)
        if follow_up is None:
            continue
        if follow_up.at < ends:
            due += follow_up.count
            heapq.heappush(today, follow_up)
        else:
            later.append(follow_up)
    heapq.heapify(later)
    return due, sent, later


def _follow_up(one: Due, count: int, steps: Sequence[StepRule], opens: datetime) -> Due | None:
    """What `count` of these that go today bring, and when; None after the last step."""
    after = after_step(one.step, steps)
    if after.state is EnrollmentState.FINISHED:
        return None
    at = max(one.at, opens) + timedelta(seconds=after.delay_seconds)
    fixed = steps[after.step - 1].send_at
    return Due(False, at if fixed is None else max(at, fixed), after.step, count)


def _any_of(windows: Sequence[Window]) -> Window:
    """Open when any of these is."""
    if ALWAYS in windows:
        return ALWAYS
    return Window(tuple(interval for one in windows for interval in one.intervals))


def _opens(window: Window, zone: ZoneInfo, begins: datetime, ends: datetime) -> datetime | None:
    """When the first message of a day can go: at the opening of the window, if there is one; None: not on that day."""
    period = None if window == ALWAYS else opening(window, zone, begins)
    if period is None:
        return begins
    return None if period[0] >= ends else max(begins, period[0])


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
    if limits.gap_seconds:
        quotas.append(1 + int(_open_seconds(window, zone, day, now) / limits.gap_seconds))
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
