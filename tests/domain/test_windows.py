"""Windows against the simplest oracle there is: what the wall clock of the zone reads."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesura.domain import windows
from caesura.domain.errors import Invalid
from caesura.domain.windows import (
    ALWAYS,
    WEEKDAYS,
    Interval,
    Window,
    day_begins,
    is_open,
    local_day,
    next_open,
    opening,
    parse_window,
    parse_zone,
    window_to_items,
    zone_names,
)

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
SANTIAGO = ZoneInfo("America/Santiago")
APIA = ZoneInfo("Pacific/Apia")
ST_JOHNS = ZoneInfo("America/St_Johns")
HAVANA = ZoneInfo("America/Havana")
ZONE_UTC = ZoneInfo("UTC")

# One odd night each, and the UTC day on which it falls.
NIGHTS = [
    pytest.param(BERLIN, date(2026, 3, 29), id="berlin-spring"),
    pytest.param(BERLIN, date(2026, 10, 25), id="berlin-autumn"),
    pytest.param(NEW_YORK, date(2026, 3, 8), id="new-york-spring"),
    pytest.param(NEW_YORK, date(2026, 11, 1), id="new-york-autumn"),
    pytest.param(LORD_HOWE, date(2026, 10, 3), id="lord-howe-half-hour-spring"),
    pytest.param(LORD_HOWE, date(2026, 4, 4), id="lord-howe-half-hour-autumn"),
    pytest.param(SANTIAGO, date(2026, 9, 6), id="santiago-no-midnight"),
    pytest.param(SANTIAGO, date(2026, 4, 5), id="santiago-autumn"),
    pytest.param(APIA, date(2011, 12, 30), id="apia-skipped-day"),
    pytest.param(ST_JOHNS, date(2010, 11, 7), id="st-johns-day-comes-back"),
    pytest.param(HAVANA, date(2026, 11, 1), id="havana-midnight-twice"),
    pytest.param(HAVANA, date(2026, 3, 8), id="havana-no-midnight"),
    pytest.param(ZONE_UTC, date(2026, 3, 29), id="utc"),
]


def hours(start: str, end: str, days: str = "mon tue wed thu fri sat sun") -> Window:
    return parse_window([{"days": days.split(), "start": start, "end": end}], "")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def reads_open(window: Window, zone: ZoneInfo, at: datetime) -> bool:
    wall = at.astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    return not window.intervals or any(
        i.weekday == wall.weekday() and i.start_minute <= minute < i.end_minute for i in window.intervals
    )


ODD_WINDOWS = [
    hours("00:00", "24:00"),
    hours("00:00", "00:30"),
    hours("00:30", "01:45"),
    hours("01:15", "01:45"),
    hours("01:30", "05:00"),
    hours("02:15", "02:45"),
    hours("02:30", "03:30"),
    hours("00:00", "02:20"),
    hours("23:15", "24:00"),
    hours("22:00", "24:00", "sat"),
    hours("09:00", "17:00", "mon tue wed thu fri"),
    Window((*hours("20:00", "24:00").intervals, *hours("00:00", "02:30").intervals)),
    hours("00:00", "24:00", "mon tue wed thu sat sun"),
]


@pytest.mark.parametrize(("zone", "day"), NIGHTS)
def test_a_window_is_open_exactly_when_the_wall_clock_reads_a_time_inside_it(zone: ZoneInfo, day: date) -> None:
    begin = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=36)
    minutes = [begin + timedelta(minutes=n) for n in range(0, 84 * 60, 5)]
    minutes += [begin + timedelta(minutes=n) for n in range(30 * 60, 52 * 60)]
    for window in ODD_WINDOWS:
        for at in minutes:
            assert is_open(window, zone, at) is reads_open(window, zone, at), (window, at)


@pytest.mark.parametrize(("zone", "day"), NIGHTS)
def test_next_open_is_the_first_open_minute(zone: ZoneInfo, day: date) -> None:
    begin = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=26)
    grid = [begin + timedelta(minutes=n) for n in range(60 * 60)]
    for window in ODD_WINDOWS:
        expected = None
        for at in reversed(grid):
            if reads_open(window, zone, at):
                expected = at
            if expected is not None:
                assert next_open(window, zone, at) == expected, (window, at)


weekly_intervals = st.builds(
    lambda weekday, ends: Interval(weekday, min(ends), max(ends)),
    st.integers(0, 6),
    st.lists(st.integers(0, 1440), min_size=2, max_size=2, unique=True),
)
any_window = st.builds(lambda intervals: Window(tuple(intervals)), st.lists(weekly_intervals, max_size=6))
any_zone = st.sampled_from(sorted(zone_names())).map(ZoneInfo)
any_instant = st.integers(-20 * 365 * 86_400, 130 * 365 * 86_400).map(lambda n: utc(1970, 1, 1) + timedelta(seconds=n))


def change_of(zone: ZoneInfo, year: int, number: int) -> datetime:
    """The instant, to the hour, of a change of the zone's clocks in `year`, or New Year if it has none."""
    hours_of_year = [utc(year, 1, 1) + timedelta(hours=6 * n) for n in range(4 * 366)]
    offsets = [at.astimezone(zone).utcoffset() for at in hours_of_year]
    changes = [at for at, old, new in zip(hours_of_year, offsets, offsets[1:], strict=False) if old != new]
    return changes[number % len(changes)] if changes else hours_of_year[0]


@st.composite
def zones_and_instants(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """Any zone at any time, and as often a zone that changes its clocks within two days of doing so."""
    zone = draw(any_zone)
    if draw(st.booleans()):
        return zone, draw(any_instant)
    change = change_of(zone, draw(st.integers(1960, 2040)), draw(st.integers(0, 3)))
    return zone, change + timedelta(seconds=draw(st.integers(-2 * 86_400, 2 * 86_400)))


@settings(deadline=None)
@given(any_window, zones_and_instants())
def test_in_every_zone_an_opening_is_never_empty_and_agrees_with_the_wall_clock(
    window: Window, zone_and_instant: tuple[ZoneInfo, datetime]
) -> None:
    zone, at = zone_and_instant
    period = opening(window, zone, at)
    if period is None:
        assert window.always_open
        return
    start, end = period
    moment = timedelta(microseconds=1)
    assert start < end
    assert at < end
    assert start.tzinfo is UTC
    assert reads_open(window, zone, start)
    assert reads_open(window, zone, end - moment)
    assert not reads_open(window, zone, end)
    assert not reads_open(window, zone, start - moment)
    assert is_open(window, zone, at) is reads_open(window, zone, at) is (start <= at)
    assert next_open(window, zone, at) == max(start, at)
    assert opening(window, zone, end - moment) == period
    following = opening(window, zone, end)
    assert following is not None
    assert following[0] > end


@settings(deadline=None)
@given(any_window, zones_and_instants(), st.floats(0, 1))
def test_no_open_moment_lies_before_the_next_opening(
    window: Window, zone_and_instant: tuple[ZoneInfo, datetime], fraction: float
) -> None:
    zone, at = zone_and_instant
    opens = next_open(window, zone, at)
    between = at + (opens - at) * fraction
    assert between >= opens or not reads_open(window, zone, between)


@settings(deadline=None)
@given(st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, SANTIAGO, ZONE_UTC]), st.integers(0, 365), st.integers(0, 1320))
def test_no_day_of_the_year_is_lost_by_a_window_longer_than_the_gap(zone: ZoneInfo, number: int, start: int) -> None:
    day = date(2026, 1, 1) + timedelta(days=number)
    window = Window((Interval(day.weekday(), start, start + 61),))
    period = opening(window, zone, datetime.combine(day, datetime.min.time(), zone) - timedelta(hours=3))
    assert period is not None
    assert local_day(zone, period[0]) == day
    assert timedelta() < period[1] - period[0] <= timedelta(minutes=121)


@pytest.mark.parametrize(
    ("zone", "window", "at", "expected"),
    [
        # a start in the gap: the first instant after the gap
        (BERLIN, hours("02:30", "05:00"), utc(2026, 3, 28, 23), (utc(2026, 3, 29, 1), utc(2026, 3, 29, 3))),
        (NEW_YORK, hours("02:30", "05:00"), utc(2026, 3, 8, 5), (utc(2026, 3, 8, 7), utc(2026, 3, 8, 9))),
        (LORD_HOWE, hours("02:10", "03:00"), utc(2026, 10, 3, 14), (utc(2026, 10, 3, 15, 30), utc(2026, 10, 3, 16))),
        (SANTIAGO, hours("00:30", "02:00"), utc(2026, 9, 6, 3), (utc(2026, 9, 6, 4), utc(2026, 9, 6, 5))),
        # an end in the gap: closed at the gap
        (BERLIN, hours("01:00", "02:30"), utc(2026, 3, 28, 23), (utc(2026, 3, 29), utc(2026, 3, 29, 1))),
        # wholly in the gap: not that night
        (BERLIN, hours("02:15", "02:45"), utc(2026, 3, 28, 23), (utc(2026, 3, 30, 0, 15), utc(2026, 3, 30, 0, 45))),
        # the repeated hour inside the window: one long opening
        (BERLIN, hours("01:00", "04:00"), utc(2026, 10, 24, 20), (utc(2026, 10, 24, 23), utc(2026, 10, 25, 3))),
        # start and end in the repeated hour: twice
        (BERLIN, hours("02:15", "02:45"), utc(2026, 10, 24, 20), (utc(2026, 10, 25, 0, 15), utc(2026, 10, 25, 0, 45))),
        (
            BERLIN,
            hours("02:15", "02:45"),
            utc(2026, 10, 25, 0, 45),
            (utc(2026, 10, 25, 1, 15), utc(2026, 10, 25, 1, 45)),
        ),
        # the end's second occurrence
        (BERLIN, hours("02:00", "02:45"), utc(2026, 10, 25, 1), (utc(2026, 10, 25, 1), utc(2026, 10, 25, 1, 45))),
        # the Friday that Samoa skipped: a week later
        (APIA, hours("09:00", "17:00", "fri"), utc(2011, 12, 24, 5), (utc(2012, 1, 5, 19), utc(2012, 1, 6, 3))),
        # open over midnight is one opening
        (
            BERLIN,
            Window((Interval(0, 1320, 1440), Interval(1, 0, 120))),
            utc(2026, 6, 1),
            (utc(2026, 6, 1, 20), utc(2026, 6, 2, 0)),
        ),
        # and over Sunday's midnight too
        (
            ZONE_UTC,
            Window((Interval(6, 1320, 1440), Interval(0, 0, 120))),
            utc(2026, 6, 1, 1),
            (utc(2026, 5, 31, 22), utc(2026, 6, 1, 2)),
        ),
    ],
)
def test_openings_on_the_odd_nights(
    zone: ZoneInfo, window: Window, at: datetime, expected: tuple[datetime, datetime]
) -> None:
    assert opening(window, zone, at) == expected


def test_all_days_but_the_skipped_one_is_one_long_opening() -> None:
    window = hours("00:00", "24:00", "mon tue wed thu sat sun")
    assert opening(window, APIA, utc(2011, 12, 28)) == (utc(2011, 12, 24, 10), utc(2012, 1, 5, 10))


def test_a_start_is_open_and_an_end_is_not() -> None:
    window = hours("09:00", "17:00")
    assert is_open(window, ZONE_UTC, utc(2026, 6, 1, 9))
    assert not is_open(window, ZONE_UTC, utc(2026, 6, 1, 17))
    assert next_open(window, ZONE_UTC, utc(2026, 6, 1, 17)) == utc(2026, 6, 2, 9)


@pytest.mark.parametrize("window", [ALWAYS, Window(), hours("00:00", "24:00")])
def test_an_empty_window_and_a_whole_week_never_close(window: Window) -> None:
    assert window.always_open
    assert window == ALWAYS
    assert opening(window, BERLIN, utc(2026, 6, 1)) is None
    assert next_open(window, BERLIN, utc(2026, 6, 1, 3)) == utc(2026, 6, 1, 3)


def test_an_instant_in_another_zone_is_the_same_instant() -> None:
    assert next_open(ALWAYS, BERLIN, datetime(2026, 6, 1, 2, tzinfo=BERLIN)) == utc(2026, 6, 1)
    assert next_open(hours("09:00", "10:00"), BERLIN, datetime(2026, 6, 1, 2, tzinfo=NEW_YORK)).tzinfo is UTC


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        opening(ALWAYS, BERLIN, datetime(2026, 6, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="aware"):
        local_day(BERLIN, datetime(2026, 6, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("zone", "day", "after", "expected"),
    [
        (BERLIN, date(2026, 6, 2), utc(2026, 6, 1, 12), utc(2026, 6, 1, 22)),
        (SANTIAGO, date(2026, 9, 6), utc(2026, 9, 5, 12), utc(2026, 9, 6, 4)),
        (HAVANA, date(2026, 3, 8), utc(2026, 3, 7, 12), utc(2026, 3, 8, 5)),
        (HAVANA, date(2026, 11, 1), utc(2026, 10, 31, 12), utc(2026, 11, 1, 4)),
        (APIA, date(2011, 12, 30), utc(2011, 12, 30, 3), utc(2011, 12, 30, 10)),
        # the clocks went back from 00:01 to 23:01: the new day begins, ends, and begins again
        (ST_JOHNS, date(2010, 11, 7), utc(2010, 11, 6, 12), utc(2010, 11, 7, 2, 30)),
        (ST_JOHNS, date(2010, 11, 7), utc(2010, 11, 7, 3), utc(2010, 11, 7, 3, 30)),
    ],
)
def test_a_day_begins_at_its_first_instant(zone: ZoneInfo, day: date, after: datetime, expected: datetime) -> None:
    assert day_begins(zone, day, after) == expected


@settings(deadline=None)
@given(zones_and_instants())
def test_the_next_day_begins_where_the_calendar_turns(zone_and_instant: tuple[ZoneInfo, datetime]) -> None:
    zone, at = zone_and_instant
    today = local_day(zone, at)
    begins = day_begins(zone, today + timedelta(days=1), at)
    assert at < begins <= at + timedelta(hours=50)
    assert local_day(zone, begins) > today
    assert local_day(zone, begins - timedelta(microseconds=1)) <= today


def test_overlapping_and_touching_intervals_merge_within_a_day() -> None:
    window = Window((Interval(0, 600, 700), Interval(0, 540, 610), Interval(0, 700, 720), Interval(1, 540, 600)))
    assert window.intervals == (Interval(0, 540, 720), Interval(1, 540, 600))
    assert window == Window((Interval(1, 540, 600), Interval(0, 540, 720)))


@pytest.mark.parametrize(
    ("weekday", "start", "end"), [(-1, 0, 1), (7, 0, 1), (0, -1, 5), (0, 5, 5), (0, 6, 5), (0, 0, 1441)]
)
def test_an_interval_out_of_range_is_refused(weekday: int, start: int, end: int) -> None:
    with pytest.raises(Invalid) as caught:
        Interval(weekday, start, end)
    assert caught.value.code == "interval_out_of_range"


def test_a_window_is_read_from_items() -> None:
    items = [
        {"days": ["mon", "tue"], "start": "09:00", "end": "17:30"},
        {"days": ["sun"], "start": "20:00", "end": "24:00"},
    ]
    assert parse_window(items, "/window").intervals == (
        Interval(0, 540, 1050),
        Interval(1, 540, 1050),
        Interval(6, 1200, 1440),
    )
    assert parse_window([], "/window") == ALWAYS


GOOD = {"days": ["mon"], "start": "09:00", "end": "17:00"}


@pytest.mark.parametrize(
    ("items", "code", "pointer"),
    [
        (None, "window_not_a_list", "/w"),
        ({"days": ["mon"]}, "window_not_a_list", "/w"),
        ("mon", "window_not_a_list", "/w"),
        ([GOOD] * 101, "window_too_long", "/w"),
        ([GOOD, 5], "window_item_not_an_object", "/w/1"),
        ([GOOD | {"zone/~": 1}], "unknown_field", "/w/0/zone~1~0"),
        ([GOOD | {"\ud800": 1}], "unknown_field", "/w/0/?"),
        ([{"days": ["mon"], "start": "09:00"}], "missing_field", "/w/0/end"),
        ([GOOD | {"days": []}], "unknown_weekday", "/w/0/days"),
        ([GOOD | {"days": "mon"}], "unknown_weekday", "/w/0/days"),
        ([GOOD | {"days": ["mon", "Tue"]}], "unknown_weekday", "/w/0/days/1"),
        ([GOOD | {"days": [0]}], "unknown_weekday", "/w/0/days/0"),
        ([GOOD | {"days": [["mon"]]}], "unknown_weekday", "/w/0/days/0"),
        ([GOOD | {"days": ["mon"] * 101}], "window_too_long", "/w/0/days"),
        ([GOOD | {"start": "9:00"}], "invalid_time", "/w/0/start"),
        ([GOOD | {"start": "24:00"}], "invalid_time", "/w/0/start"),
        ([GOOD | {"start": 540}], "invalid_time", "/w/0/start"),
        ([GOOD | {"start": None}], "invalid_time", "/w/0/start"),
        ([GOOD | {"end": "17:60"}], "invalid_time", "/w/0/end"),
        ([GOOD | {"end": "24:01"}], "invalid_time", "/w/0/end"),
        ([GOOD | {"end": "17:00\n"}], "invalid_time", "/w/0/end"),
        ([GOOD | {"end": "١٧:٠٠"}], "invalid_time", "/w/0/end"),
        ([GOOD | {"end": "17:00:00"}], "invalid_time", "/w/0/end"),
        ([GOOD | {"end": "09:00"}], "window_ends_before_start", "/w/0/end"),
        ([GOOD | {"end": "08:59"}], "window_ends_before_start", "/w/0/end"),
        ([GOOD | {"end": "00:00"}], "window_ends_before_start", "/w/0/end"),
    ],
)
def test_a_wrong_window_is_refused_with_code_and_place(items: object, code: str, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_window(items, "/w")
    assert [(problem.code, problem.pointer) for problem in caught.value.problems] == [(code, pointer)]
    assert len(caught.value.detail) < 300


def test_all_problems_of_a_window_are_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        parse_window([{"days": ["x"], "start": "1", "end": "2"}, {}], "/w")
    assert [problem.pointer for problem in caught.value.problems] == [
        "/w/0/days/0",
        "/w/0/start",
        "/w/0/end",
        "/w/1/days",
        "/w/1/start",
        "/w/1/end",
    ]


@settings(deadline=None)
@given(any_window)
def test_items_are_the_way_back(window: Window) -> None:
    items = window_to_items(window)
    assert parse_window(items, "") == window
    assert window_to_items(parse_window(items, "")) == items


def test_items_join_the_days_that_share_their_hours() -> None:
    window = hours("09:00", "17:00", "fri wed mon")
    assert window_to_items(window) == [{"days": ["mon", "wed", "fri"], "start": "09:00", "end": "17:00"}]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([*WEEKDAYS, "09:00", "24:00"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["days", "start", "end"]) | st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values)
def test_whatever_is_given_as_a_window_is_read_or_refused_with_places(value: object) -> None:
    try:
        parse_window(value, "/w")
    except Invalid as error:
        assert error.problems
        assert all(problem.pointer is not None and problem.pointer.startswith("/w") for problem in error.problems)


def test_every_iana_name_is_a_zone() -> None:
    assert len(zone_names()) > 500
    for name in zone_names():
        assert parse_zone(name, "/zone").key == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "Mars/Olympus",
        "Factory",
        "localtime",
        "posixrules",
        "../../etc/passwd",
        "/etc/localtime",
        "/usr/share/zoneinfo/Europe/Berlin",
        "Europe/../Europe/Berlin",
        "./Europe/Berlin",
        "Europe",
        "Europe/",
        "Europe/Berlin\0",
        "Europe/Berlin\n",
        "posix/Europe/Berlin",
        "right/UTC",
        "zone.tab",
        "UTC+2",
        "+02:00",
        "é",
        "\ud800",
        "x" * 100_000,
        None,
        5,
        b"UTC",
        ["UTC"],
        {},
    ],
)
def test_anything_but_an_iana_name_is_refused(name: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_zone(name, "/zone")
    (problem,) = caught.value.problems
    assert (problem.code, problem.pointer) == ("unknown_time_zone", "/zone")
    assert len(problem.detail) < 600
    problem.detail.encode()


def test_a_zone_in_other_case_is_refused_with_the_right_name() -> None:
    with pytest.raises(Invalid, match="did you mean America/New_York"):
        parse_zone("america/new york", "/zone")


def test_a_zone_that_the_system_cannot_read_is_an_unknown_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ZoneInfo:
        raise IsADirectoryError(name)

    monkeypatch.setattr(windows, "ZoneInfo", broken)
    with pytest.raises(Invalid, match="not an IANA time zone"):
        parse_zone("UTC", "/zone")
