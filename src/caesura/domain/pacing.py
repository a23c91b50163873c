"""How fast: whether a mailbox or a campaign may send now, or when and why not. No clock, no dice.

A day is a calendar day in the limits' own zone. A clock that jumps back never gives more: while it shows
a day earlier than the one that was counted last, a daily limit waits for that day to come again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from hashlib import blake2b
from math import ceil, floor, isfinite
from zoneinfo import ZoneInfo

from caesura.domain.errors import Invalid, Problem
from caesura.domain.reasons import Reason
from caesura.domain.windows import Window, day_begins, in_utc, local_day, next_open

MAX_DAILY = 1_000_000_000
MAX_SECONDS = 7 * 86_400.0
MAX_RATE = 1_000_000.0
MIN_RETRY_SECONDS = 60.0
RETRY_SPREAD = 0.25

FACTORS = (Fraction(5, 4), Fraction(3, 2), Fraction(7, 4), Fraction(2))
# The slowest factor passes MAX_DAILY from a start of 1 in 93 days, so later days need no powers.
_LAST_POWER = 100

_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


def jitter(*identity: str | int) -> float:
    """A number in [0, 1) that depends on `identity` alone: the same on every machine, in every run."""
    digest = blake2b(digest_size=8)
    for part in identity:
        data = f"{'text' if isinstance(part, str) else 'number'}:{part}".encode("utf-8", "surrogatepass")
        # The length keeps ("ab", "c") apart from ("a", "bc").
        digest.update(len(data).to_bytes(8, "big") + data)
    return (int.from_bytes(digest.digest(), "big") >> 11) / 2**53


def _require(condition: bool, code: str, detail: str) -> None:
    if not condition:
        raise Invalid.of(Problem(code, detail))


@dataclass(frozen=True, slots=True)
class Growth:
    """How a ramp grows from day to day: `add` messages (0: stays the same), or times `factor`.

    Exactly one is set. Factors are 5/4, 3/2, 7/4 and 2. Raises Invalid `invalid_growth`.
    """

    add: int | None = None
    factor: Fraction | None = None

    def __post_init__(self) -> None:
        good = self.factor in FACTORS if self.add is None else self.factor is None and 0 <= self.add <= MAX_DAILY
        _require(
            good, "invalid_growth", f"growth is {{'add': 0 to {MAX_DAILY}}} or {{'factor': 1.25, 1.5, 1.75 or 2.0}}"
        )


def parse_growth(item: object, pointer: str) -> Growth:
    """Read `{"add": 5}` or `{"factor": 1.5}`; raises Invalid `invalid_growth` at `pointer` (JSON)."""
    good = isinstance(item, Mapping) and len(item) == 1
    name, value = next(iter(item.items())) if isinstance(item, Mapping) and good else (None, None)
    if name == "add" and type(value) is int and 0 <= value <= MAX_DAILY:
        return Growth(add=value)
    # 1.25, 1.5, 1.75 and 2.0 are exact as floats.
    if name == "factor" and type(value) in (int, float) and value in FACTORS:
        return Growth(factor=Fraction(value))
    detail = f'growth is {{"add": 0 to {MAX_DAILY}}} or {{"factor": 1.25, 1.5, 1.75 or 2.0}}'
    raise Invalid.of(Problem("invalid_growth", detail, pointer))


def growth_to_item(growth: Growth) -> dict[str, int | float]:
    """The growth in the form that `parse_growth` reads."""
    return {"add": growth.add or 0} if growth.factor is None else {"factor": float(growth.factor)}


@dataclass(frozen=True, slots=True)
class Ramp:
    """A daily limit that grows: `start` messages on `started_on`, then by `growth`, up to `ceiling` (None: no ceiling).

    Raises Invalid `invalid_ramp` unless 1 <= start <= ceiling <= 1,000,000,000.
    """

    start: int
    growth: Growth
    ceiling: int | None
    started_on: date

    def __post_init__(self) -> None:
        good = 1 <= self.start <= (MAX_DAILY if self.ceiling is None else self.ceiling) <= MAX_DAILY
        _require(good, "invalid_ramp", f"a ramp needs 1 <= start <= ceiling <= {MAX_DAILY}")


def allowed_on(ramp: Ramp, day: date) -> int:
    """How many messages the ramp allows on `day`: at least `start`, at most the ceiling (or 1,000,000,000).

    With a factor it is start * factor ** days, rounded down, but never less than one more each day, so that
    small numbers do not stick. Exact; before `started_on` it is `start`.
    """
    most = MAX_DAILY if ramp.ceiling is None else ramp.ceiling
    days = max(0, (day - ramp.started_on).days)
    factor = ramp.growth.factor
    if factor is None:
        return min(most, ramp.start + (ramp.growth.add or 0) * days)
    if days > _LAST_POWER:
        return most
    # The product is convex in the days, so "one more each day" can only bind from the first day on.
    product: int = ramp.start * factor.numerator**days // factor.denominator**days
    return min(most, max(product, ramp.start + days))


def postponed(ramp: Ramp, days: int) -> Ramp:
    """The ramp as if it had begun `days` later: a pause of that length is then no growth (a resume never bursts)."""
    return replace(ramp, started_on=ramp.started_on + timedelta(days=max(0, days)))


def _check_quota(name: str, quota: int | None) -> None:
    _require(quota is None or 0 <= quota <= MAX_DAILY, "invalid_limit", f"{name} must be 0 to {MAX_DAILY}")


def _check_seconds(name: str, seconds: float) -> None:
    good = isfinite(seconds) and 0 <= seconds <= MAX_SECONDS
    _require(good, "invalid_limit", f"{name} must be 0 to {MAX_SECONDS:.0f}")


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """What one mailbox can bear. None: no such limit.

    `daily_cap` messages a day; at least `gap_seconds`, and up to `jitter_seconds` more, between two messages
    (one at a time then); `rate_per_second` with a bucket of `burst_seconds` of it, at least one message;
    `connections` at once (the worker's affair); `zone` is where the day of the cap and the ramp turns.
    Raises Invalid `invalid_limit` for what is negative, not finite or out of range (seconds up to a week,
    rate up to 1,000,000).
    """

    zone: ZoneInfo
    daily_cap: int | None = None
    gap_seconds: float = 0.0
    jitter_seconds: float = 0.0
    rate_per_second: float | None = None
    burst_seconds: float = 1.0
    connections: int = 1
    ramp: Ramp | None = None

    def __post_init__(self) -> None:
        _check_quota("daily_cap", self.daily_cap)
        for name in ("gap_seconds", "jitter_seconds", "burst_seconds"):
            _check_seconds(name, getattr(self, name))
        rate = self.rate_per_second
        # The slowest rate is one a week: slower is a daily cap's work.
        good = rate is None or (isfinite(rate) and 1 / MAX_SECONDS <= rate <= MAX_RATE)
        _require(good, "invalid_limit", f"rate_per_second must be {1 / MAX_SECONDS:.8f} to {MAX_RATE:.0f}")
        _require(1 <= self.connections <= 10_000, "invalid_limit", "connections must be 1 to 10000")

    @property
    def bucket(self) -> int:
        """How many messages the rate lets go at one instant, at most; 0 without a rate."""
        return (
            0
            if self.rate_per_second is None
            else max(1, floor(Fraction(self.rate_per_second) * Fraction(self.burst_seconds)))
        )


@dataclass(frozen=True, slots=True)
class CampaignLimits:
    """The daily quotas of one campaign. None: no such limit.

    `daily_new` leads opened and `daily_total` messages of any step a day; `gradual` lets the daily total grow
    (where both are set the smaller counts); `zone` is where the day turns. Raises Invalid `invalid_limit`.
    """

    zone: ZoneInfo
    daily_new: int | None = None
    daily_total: int | None = None
    gradual: Ramp | None = None
    gap_seconds: float = 0.0

    def __post_init__(self) -> None:
        _check_seconds("gap_seconds", self.gap_seconds)
        _check_quota("daily_new", self.daily_new)
        _check_quota("daily_total", self.daily_total)


@dataclass(frozen=True, slots=True)
class Load:
    """What the rows say has been used.

    `used` messages on `day` (a date in the limits' zone; None: nothing yet), `opened` of these to new leads,
    and nothing leaves before `ready_at` (aware UTC; None: no wait). With a rate and no gap, `ready_at` is
    GCRA's theoretical arrival time, which may lie ahead by as much as the bucket holds.
    """

    day: date | None = None
    used: int = 0
    opened: int = 0
    ready_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SendNow:
    """Up to `room` messages may be marked now, in one go; None: any number."""

    room: int | None


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing before `at` (UTC), because of `reason`; it stays so unless more is sent or a limit is changed."""

    at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class CampaignRoom:
    """Up to `total` messages may be marked now, of which up to `openings` to new leads; None: any number.

    When `openings` is 0, `openings_wait` says until when and why; follow-ups go on.
    """

    total: int | None
    openings: int | None
    openings_wait: WaitUntil | None = None


@dataclass(frozen=True, slots=True)
class _Quota:
    """A number a day, how much of it is used, and the reason to give when it is used up."""

    most: int
    used: int
    reason: Reason


def decide(now: datetime, window: Window, zone: ZoneInfo, limits: MailboxLimits, load: Load) -> SendNow | WaitUntil:
    """Whether a mailbox may send at `now` (aware), in `window` read in `zone`.

    The reason is OUTSIDE_WINDOW, DAILY_CAP, RAMP, GAP or RATE: of those that hold, the one that holds longest.
    `at` is the first instant in the window at which none of them holds any more, if nothing is sent meanwhile.
    """
    now = in_utc(now)
    day = _counted_day(now, limits.zone, load)
    quotas = []
    if limits.daily_cap is not None:
        quotas.append(_Quota(limits.daily_cap, load.used, Reason.DAILY_CAP))
    if limits.ramp is not None:
        quotas.append(_Quota(allowed_on(limits.ramp, day), load.used, Reason.RAMP))
    left, day_wait = _daily(now, limits.zone, load.day, quotas)
    burst, pace_wait = _pace(now, limits, load.ready_at)
    wait = _longest(now, window, zone, day_wait, pace_wait)
    return wait or SendNow(_smaller(left, burst))


def daily_use(now: datetime, limits: MailboxLimits, load: Load) -> tuple[int, int | None]:
    """How many messages of a mailbox count for its day at `now` (aware), and how many its cap and its ramp allow.

    None: as many as one likes.
    """
    day = _counted_day(in_utc(now), limits.zone, load)
    ramp = None if limits.ramp is None else allowed_on(limits.ramp, day)
    most = [one for one in (limits.daily_cap, ramp) if one is not None]
    return load.used if load.day == day else 0, min(most, default=None)


def decide_campaign(
    now: datetime, window: Window, zone: ZoneInfo, limits: CampaignLimits, load: Load
) -> CampaignRoom | WaitUntil:
    """Whether a campaign may send at `now` (aware), in `window` read in `zone`.

    To be asked next to `decide` for the mailbox: both must allow. The reason is OUTSIDE_WINDOW,
    CAMPAIGN_DAILY_TOTAL, GRADUAL or CAMPAIGN_GAP, and for new leads alone CAMPAIGN_DAILY_NEW. Where leads have
    their own zones, pass an empty window here and ask `next_open` for each lead.
    """
    now = in_utc(now)
    day = _counted_day(now, limits.zone, load)
    totals, news = [], []
    if limits.daily_total is not None:
        totals.append(_Quota(limits.daily_total, load.used, Reason.CAMPAIGN_DAILY_TOTAL))
    if limits.gradual is not None:
        totals.append(_Quota(allowed_on(limits.gradual, day), load.used, Reason.GRADUAL))
    if limits.daily_new is not None:
        news.append(_Quota(limits.daily_new, load.opened, Reason.CAMPAIGN_DAILY_NEW))
    total, total_wait = _daily(now, limits.zone, load.day, totals)
    gap_wait = None
    if limits.gap_seconds:
        total = _smaller(total, 1)
        if load.ready_at is not None and load.ready_at > now:
            gap_wait = WaitUntil(in_utc(load.ready_at), Reason.CAMPAIGN_GAP)
    wait = _longest(now, window, zone, total_wait, gap_wait)
    if wait:
        return wait
    openings, new_wait = _daily(now, limits.zone, load.day, news)
    return CampaignRoom(total, _smaller(total, openings), _longest(now, window, zone, new_wait))


def _counted_day(now: datetime, zone: ZoneInfo, load: Load) -> date:
    """The day that counts: today, or the later one that was counted before the clock went back."""
    today = local_day(zone, now)
    return today if load.day is None else max(today, load.day)


def _daily(
    now: datetime, zone: ZoneInfo, counted: date | None, quotas: list[_Quota]
) -> tuple[int | None, WaitUntil | None]:
    """What the smallest of `quotas` leaves for today, or the wait for the next day on which it leaves something."""
    if not quotas:
        return None, None
    today = local_day(zone, now)
    tightest = min(quotas, key=lambda quota: quota.most)
    day = today if counted is None else max(today, counted)
    left = tightest.most - (tightest.used if counted == day else 0)
    if left > 0 and day == today:
        return left, None
    # After the clock went back over midnight, what was sent on this date is forgotten, so nothing is left of it.
    next_day = day if left > 0 else day + timedelta(days=1)
    return 0, WaitUntil(day_begins(zone, next_day, now), tightest.reason)


def _pace(now: datetime, limits: MailboxLimits, ready_at: datetime | None) -> tuple[int | None, WaitUntil | None]:
    """What gap and rate let go at this instant, and else the wait for one message."""
    behind = max(timedelta(), in_utc(ready_at) - now) if ready_at is not None else timedelta()
    if limits.gap_seconds or limits.jitter_seconds:
        return (0, WaitUntil(now + behind, _pace_reason(limits))) if behind else (1, None)
    if limits.rate_per_second is None:
        # A gap or rate that was taken away leaves its last wait behind; it is not waited for.
        return None, None
    rate = Fraction(limits.rate_per_second)
    bucket = limits.bucket
    room = floor(bucket - rate * _microseconds(behind) / 1_000_000)
    if room > 0:
        return room, None
    spare = floor((bucket - 1) * 1_000_000 / rate) * _MICROSECOND
    return 0, WaitUntil(now + behind - spare, Reason.RATE)


def _pace_reason(limits: MailboxLimits) -> Reason:
    """With a gap and a rate, the one that keeps two messages further apart."""
    rate = limits.rate_per_second
    return Reason.RATE if rate is not None and 1 / rate > limits.gap_seconds + limits.jitter_seconds else Reason.GAP


def _longest(now: datetime, window: Window, zone: ZoneInfo, *waits: WaitUntil | None) -> WaitUntil | None:
    """The one wait to answer: the reason that holds longest, until the window is open after it."""
    opens = next_open(window, zone, now)
    longest = WaitUntil(opens, Reason.OUTSIDE_WINDOW) if opens > now else None
    for wait in waits:
        if wait and (longest is None or wait.at > longest.at):
            longest = wait
    return longest and replace(longest, at=next_open(window, zone, longest.at))


def _smaller(first: int | None, second: int | None) -> int | None:
    known = [number for number in (first, second) if number is not None]
    return min(known, default=None)


def _microseconds(span: timedelta) -> int:
    return span // _MICROSECOND


def spend(now: datetime, limits: MailboxLimits, load: Load, count: int, *identity: str | int) -> Load:
    """The load of a mailbox after `count` messages were marked at `now` (aware).

    `identity` is what the jitter of the next gap is drawn from: something that is new each time, such as the
    mailbox's id and the message's. Counts are not checked against the limits here; ValueError if negative.
    """
    counted = _count(now, limits.zone, load, count)
    step = _step(limits, count, identity)
    if count == 0 or not step:
        return counted
    now = in_utc(now)
    start = now if load.ready_at is None else max(now, in_utc(load.ready_at))
    return replace(counted, ready_at=start + step)


def _step(limits: MailboxLimits, count: int, identity: tuple[str | int, ...]) -> timedelta:
    """How far `count` messages move `ready_at`."""
    gap = limits.gap_seconds * _SECOND + limits.jitter_seconds * jitter(*identity) * _SECOND
    rate = limits.rate_per_second
    # Rounded up, so that rounding never lets the rate be passed.
    interval = ceil(count * 1_000_000 / Fraction(rate)) * _MICROSECOND if rate is not None else timedelta()
    return max(gap * count, interval)


def spend_campaign(now: datetime, limits: CampaignLimits, load: Load, total: int, openings: int) -> Load:
    """The load of a campaign after `total` messages, `openings` of them to new leads, were marked at `now` (aware)."""
    if not 0 <= openings <= total:
        raise ValueError("openings are part of the total")
    counted = _count(now, limits.zone, load, total)
    spent = replace(counted, opened=counted.opened + openings)
    if not total or not limits.gap_seconds:
        return spent
    now = in_utc(now)
    start = now if load.ready_at is None else max(now, in_utc(load.ready_at))
    return replace(spent, ready_at=start + limits.gap_seconds * total * _SECOND)


def _count(now: datetime, zone: ZoneInfo, load: Load, count: int) -> Load:
    if count < 0:
        raise ValueError("a count is never negative")
    today = local_day(zone, now)
    # Only forwards: a clock that went back counts into the later day.
    if load.day is None or load.day < today:
        load = replace(load, day=today, used=0, opened=0)
    return replace(load, used=load.used + count)


def refund(load: Load, day: date, count: int, openings: int = 0) -> Load:
    """The load after `count` messages that were counted on `day` came back: not begun, or not taken.

    A day that is over gets nothing back, and the gap is kept: the mailbox was in use.
    """
    if count < 0 or openings < 0:
        raise ValueError("a count is never negative")
    if load.day != day:
        return load
    return replace(load, used=max(0, load.used - count), opened=max(0, load.opened - openings))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again after a temporary refusal (4xx): `first_seconds` after the first try, `factor` times
    longer after each further one, up to `ceiling_seconds`, for `attempts` tries in all.

    Raises Invalid `invalid_retry_policy` unless 60 <= first <= ceiling <= a week, 1 <= factor <= 10 and
    1 <= attempts <= 100: never within the same minute.
    """

    first_seconds: float = 300.0
    factor: float = 3.0
    ceiling_seconds: float = 14_400.0
    attempts: int = 6

    def __post_init__(self) -> None:
        # NaN fails every comparison, so it is refused too.
        good = (
            MIN_RETRY_SECONDS <= self.first_seconds <= self.ceiling_seconds <= MAX_SECONDS
            and 1 <= self.factor <= 10
            and 1 <= self.attempts <= 100
        )
        detail = "needs 60 <= first_seconds <= ceiling_seconds <= 604800, 1 <= factor <= 10 and 1 <= attempts <= 100"
        _require(good, "invalid_retry_policy", detail)


DEFAULT_RETRIES = RetryPolicy()


def retry_delay(attempt: int, *identity: str | int, policy: RetryPolicy = DEFAULT_RETRIES) -> timedelta | None:
    """How long to wait after try number `attempt` (from 1) was put off; None when no try is left.

    The policy's wait, and up to a quarter more by `jitter` of attempt and identity, so that what was put off
    together does not come back together.
    """
    if attempt < 1:
        raise ValueError("the first attempt is number 1")
    if attempt >= policy.attempts:
        return None
    seconds = min(policy.ceiling_seconds, policy.first_seconds * policy.factor ** (attempt - 1))
    return timedelta(seconds=seconds * (1 + RETRY_SPREAD * jitter("retry", attempt, *identity)))
