"""Sending windows: hours per weekday in an IANA time zone, turned into UTC instants.

One rule holds on every night of the year: a window is open exactly when the wall clock of the zone
reads a time inside it. So, when the clocks change:

- spring, a start inside the gap: opens at the first instant after the gap;
- spring, an end inside the gap: closes at the gap; hours that lie wholly in the gap do not occur that night;
- autumn, hours inside the repeated hour: occur twice. The first opening begins at the first occurrence of
  the start, the last one ends at the second occurrence of the end, and between them the window is closed
  while the clock reads another time.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise, product
from zoneinfo import ZoneInfo

from caesura.domain.errors import Invalid, Problem

DAY_MINUTES = 1440
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_ITEMS = 100

# A weekly window opens again within two weeks even if a zone skips that weekday (Apia, 2011-12-30), and
# for the same reason one opening lasts less than two weeks: the horizon covers both after the week itself.
_DAYS_BEFORE, _DAYS_AFTER = 15, 36
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00", re.ASCII)

Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Hours of one weekday: `weekday` with Monday 0, from `start_minute` to before `end_minute`.

    Minutes are read off the wall clock, 0 to 1440 (24:00). Raises Invalid `interval_out_of_range`
    unless 0 <= start < end <= 1440 and 0 <= weekday <= 6.
    """

    weekday: int
    start_minute: int
    end_minute: int

    def __post_init__(self) -> None:
        if not (0 <= self.weekday < 7 and 0 <= self.start_minute < self.end_minute <= DAY_MINUTES):
            detail = "an interval needs a weekday from 0 to 6 and 0 <= start < end <= 1440 minutes"
            raise Invalid.of(Problem("interval_out_of_range", detail))


@dataclass(frozen=True, slots=True)
class Window:
    """The hours in which messages may go out. No intervals at all: always open.

    Intervals are kept sorted, those of one day that overlap or touch are merged, and the whole of all
    seven days is kept as no intervals, so that two windows with the same hours are equal.
    """

    intervals: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        merged: list[Interval] = []
        for interval in sorted(self.intervals):
            last = merged[-1] if merged else None
            if last and last.weekday == interval.weekday and interval.start_minute <= last.end_minute:
                end = max(last.end_minute, interval.end_minute)
                merged[-1] = Interval(last.weekday, last.start_minute, end)
            else:
                merged.append(interval)
        minutes = sum(interval.end_minute - interval.start_minute for interval in merged)
        object.__setattr__(self, "intervals", () if minutes == 7 * DAY_MINUTES else tuple(merged))

    @property
    def always_open(self) -> bool:
        """True when there are no intervals."""
        return not self.intervals


ALWAYS = Window()


def opening(window: Window, zone: ZoneInfo, at: datetime) -> Period | None:
    """The open period at `at`, or else the next one, as UTC (start, end), `end` not included.

    None when the window is always open; no window is always closed. `at` is any aware datetime (ValueError if
    naive) from year 1900 to 9998. Periods that touch at midnight are one.
    """
    instant = in_utc(at)
    if window.always_open:
        return None
    local = instant.astimezone(zone).date()
    periods = _calendar(window, zone, local - timedelta(days=local.weekday()))
    return periods[bisect_right(periods, instant, key=_end)]


def is_open(window: Window, zone: ZoneInfo, at: datetime) -> bool:
    """Whether messages may go out at `at` (aware)."""
    period = opening(window, zone, at)
    return period is None or period[0] <= at


def next_open(window: Window, zone: ZoneInfo, at: datetime) -> datetime:
    """The first open instant not before `at` (aware), in UTC: `at` itself when the window is open."""
    instant = in_utc(at)
    period = opening(window, zone, instant)
    return instant if period is None else max(instant, period[0])


def day_begins(zone: ZoneInfo, day: date, after: datetime) -> datetime:
    """The first UTC instant later than `after` at which the zone's calendar shows `day` or, if it skips it, the next.

    `after` is aware and its own local date is before `day`. Midnight need not exist (Santiago), nor need
    the day (Apia), and it may come twice (St John's, where until 2011 the clocks went back at 00:01).
    """
    instant = in_utc(after)
    while True:
        starts = [start for start, _ in _spans(zone, day, 0, DAY_MINUTES) if start > instant]
        if starts:
            return starts[0]
        day += timedelta(days=1)


def local_day(zone: ZoneInfo, at: datetime) -> date:
    """The calendar date in `zone` at `at` (aware; ValueError if naive)."""
    return in_utc(at).astimezone(zone).date()


def in_utc(at: datetime) -> datetime:
    """`at` in UTC; ValueError when it is naive, which `astimezone` would take for the machine's own zone."""
    if at.tzinfo is None:
        raise ValueError("an aware datetime is needed")
    return at.astimezone(UTC)


def _end(period: Period) -> datetime:
    return period[1]


# Pure, so a memo changes nothing but the time: one calendar serves all instants of one local week.
@lru_cache(maxsize=2048)
def _calendar(window: Window, zone: ZoneInfo, monday: date) -> tuple[Period, ...]:
    """All openings around the week of `monday`, in order, those that touch being merged."""
    spans: list[Period] = []
    for offset in range(-_DAYS_BEFORE, _DAYS_AFTER):
        day = monday + timedelta(days=offset)
        for interval in window.intervals:
            if interval.weekday == day.weekday():
                spans += _spans(zone, day, interval.start_minute, interval.end_minute)
    merged: list[Period] = []
    # Sorted, because a date may come back: where clocks go back just after midnight, days interleave.
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def _spans(zone: ZoneInfo, day: date, start_minute: int, end_minute: int) -> list[Period]:
    """The UTC periods in which the zone's wall clock shows `day` and a time from start to before end.

    One, but for the nights on which the clocks change: none to two.
    """
    first = datetime.combine(day, time()) + timedelta(minutes=start_minute)
    last = datetime.combine(day, time()) + timedelta(minutes=end_minute)
    offsets = {_offset(zone, wall, fold) for wall, fold in product((first, last), (0, 1))}
    low = (first - max(offsets)).replace(tzinfo=UTC)
    high = (last - min(offsets)).replace(tzinfo=UTC)
    if len(offsets) == 1:
        return [(low, high)]
    spans = []
    for begins, ends in _constant_pieces(zone, low, high):
        shift = _offset_at(zone, begins)
        start = max(begins, (first - shift).replace(tzinfo=UTC))
        end = min(ends, (last - shift).replace(tzinfo=UTC))
        if start < end:
            spans.append((start, end))
    return spans


def _offset(zone: ZoneInfo, wall: datetime, fold: int) -> timedelta:
    return wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta()


def _offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _constant_pieces(zone: ZoneInfo, low: datetime, high: datetime) -> Iterator[Period]:
    """Cut [low, high) where the zone's offset changes. No zone changes twice within an hour."""
    marks = [low]
    while marks[-1] < high:
        marks.append(min(marks[-1] + timedelta(hours=1), high))
    cuts = [low]
    for left, right in pairwise(marks):
        if _offset_at(zone, left) != _offset_at(zone, right):
            cuts.append(_change(zone, left, right))
    cuts.append(high)
    return pairwise(cuts)


def _change(zone: ZoneInfo, left: datetime, right: datetime) -> datetime:
    """The first second in (left, right] with another offset than `left` has."""
    before = _offset_at(zone, left)
    unchanged, changed = 0, int((right - left).total_seconds())
    while changed - unchanged > 1:
        middle = (unchanged + changed) // 2
        if _offset_at(zone, left + timedelta(seconds=middle)) == before:
            unchanged = middle
        else:
            changed = middle
    return left + timedelta(seconds=changed)


def parse_window(items: object, pointer: str) -> Window:
    """Read `[{"days": ["mon", "tue"], "start": "09:00", "end": "17:30"}, ...]` into a window.

    Days are mon to sun; times are HH:MM, and `end` may be 24:00. Hours over midnight are written as two
    items. At most 100 items; an empty list is always open. `pointer` is the JSON pointer of `items`.
    Raises Invalid with every problem found: `window_not_a_list`, `window_too_long`,
    `window_item_not_an_object`, `unknown_field`, `missing_field`, `unknown_weekday`, `invalid_time`,
    `window_ends_before_start`.
    """
    if not isinstance(items, list | tuple):
        raise Invalid.of(
            Problem("window_not_a_list", "a window is a list of objects with days, start and end", pointer)
        )
    if len(items) > MAX_ITEMS:
        raise Invalid.of(Problem("window_too_long", f"a window has at most {MAX_ITEMS} items", pointer))
    problems: list[Problem] = []
    intervals: list[Interval] = []
    for index, item in enumerate(items):
        intervals += _parse_item(item, f"{pointer}/{index}", problems)
    if problems:
        raise Invalid.of(*problems)
    return Window(tuple(intervals))


def _parse_item(item: object, pointer: str, problems: list[Problem]) -> list[Interval]:
    if not isinstance(item, Mapping):
        detail = "each item of a window is an object with days, start and end"
        problems.append(Problem("window_item_not_an_object", detail, pointer))
        return []
    for key in item:
        if key not in ("days", "start", "end"):
            name = str(key)[:100].encode("utf-8", "replace").decode()
            escaped = name.replace("~", "~0").replace("/", "~1")
            detail = f"a window's item has days, start and end, not {_shown(key)}"
            problems.append(Problem("unknown_field", detail, f"{pointer}/{escaped}"))
    missing = [name for name in ("days", "start", "end") if name not in item]
    problems += [Problem("missing_field", f"{name} is missing", f"{pointer}/{name}") for name in missing]
    if missing:
        return []
    days = _parse_days(item["days"], f"{pointer}/days", problems)
    start = _parse_minute(item["start"], f"{pointer}/start", problems, latest=DAY_MINUTES - 1)
    end = _parse_minute(item["end"], f"{pointer}/end", problems, latest=DAY_MINUTES)
    if start is None or end is None:
        return []
    if end <= start:
        detail = (
            f"the window ends at {_clock(end)}, not after its start at {_clock(start)}; "
            "for hours over midnight write one item to 24:00 and one from 00:00"
        )
        problems.append(Problem("window_ends_before_start", detail, f"{pointer}/end"))
        return []
    return [Interval(day, start, end) for day in days]


def _parse_days(value: object, pointer: str, problems: list[Problem]) -> list[int]:
    listing = ", ".join(WEEKDAYS)
    if not isinstance(value, list | tuple) or not value:
        problems.append(Problem("unknown_weekday", f"days is a list of one or more of {listing}", pointer))
        return []
    days: set[int] = set()
    for index, name in enumerate(value[:MAX_ITEMS]):
        if isinstance(name, str) and name in WEEKDAYS:
            days.add(WEEKDAYS.index(name))
        else:
            detail = f"{_shown(name)} is not a weekday; use {listing}"
            problems.append(Problem("unknown_weekday", detail, f"{pointer}/{index}"))
    if len(value) > MAX_ITEMS:
        problems.append(Problem("window_too_long", f"days has at most {MAX_ITEMS} entries", pointer))
    return sorted(days)


def _parse_minute(value: object, pointer: str, problems: list[Problem], latest: int) -> int | None:
    """Minutes since midnight, or None with a problem noted."""
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    minute = int(match[0][:2]) * 60 + int(match[0][3:]) if match else -1
    if 0 <= minute <= latest:
        return minute
    detail = f"{_shown(value)} is not a time from 00:00 to {_clock(latest)} as HH:MM"
    problems.append(Problem("invalid_time", detail, pointer))
    return None


def _shown(value: object) -> str:
    """Input as it is quoted in an error: escaped and short; of all but text, only the kind."""
    return repr(value[:60]) if isinstance(value, str) else f"a value of type {type(value).__name__}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def window_to_items(window: Window) -> list[dict[str, str | list[str]]]:
    """The window in the form that `parse_window` reads: days with the same hours share an item.

    `parse_window(window_to_items(w), "")` equals `w`.
    """
    days: dict[tuple[int, int], list[str]] = {}
    for interval in window.intervals:
        days.setdefault((interval.start_minute, interval.end_minute), []).append(WEEKDAYS[interval.weekday])
    return [{"days": names, "start": _clock(start), "end": _clock(end)} for (start, end), names in days.items()]


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of all IANA zones, from the tzdata package, so that all machines agree."""
    listed = files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    # The two are in the database and name no place's time.
    return frozenset(listed) - {"Factory", "localtime"}


def parse_zone(name: object, pointer: str) -> ZoneInfo:
    """The IANA time zone called `name`, written exactly so (`Europe/Berlin`).

    Raises Invalid `unknown_time_zone` at `pointer` for everything else: other types, paths, offsets,
    abbreviations that are not in the database.
    """
    if isinstance(name, str) and name in zone_names():
        try:
            return ZoneInfo(name)
        # A damaged or missing file of the system's raises many kinds; none is the caller's business.
        except (OSError, ValueError, LookupError, EOFError) as error:
            raise _unknown_zone(name, pointer) from error
    raise _unknown_zone(name, pointer)


def _unknown_zone(name: object, pointer: str) -> Invalid:
    detail = f"{_shown(name)} is not an IANA time zone such as Europe/Berlin"
    folded = name.strip().replace(" ", "_").casefold() if isinstance(name, str) and len(name) < 100 else ""
    close: Sequence[str] = [known for known in zone_names() if known.casefold() == folded]
    if close:
        detail += f"; did you mean {close[0]}?"
    return Invalid.of(Problem("unknown_time_zone", detail, pointer))
