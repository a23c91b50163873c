"""Figures, bars, and how they are told."""

import json
from pathlib import Path

import pytest
from bench.report import Bar, Figure, Report, as_json, lines, number, percentile, write


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [
        ([5.0], 0.99, 5.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(one) for one in range(1, 101)], 0.99, 99.0),
        ([float(one) for one in range(1, 201)], 0.99, 198.0),
        ([1.0, 2.0], 0.0, 1.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_a_percentile_is_the_sample_at_its_nearest_rank(samples: list[float], share: float, expected: float) -> None:
    assert percentile(samples, share) == expected


def test_a_bar_is_met_at_its_bound_and_not_beyond() -> None:
    assert Bar("rate", 5_000, "/s", least=5_000).is_met
    assert not Bar("rate", 4_999.9, "/s", least=5_000).is_met
    assert Bar("p50", 10, "ms", most=10).is_met
    assert not Bar("p50", 10.1, "ms", most=10).is_met


@pytest.mark.parametrize(
    ("value", "text"), [(5000, "5,000"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (2.0, "2"), (0, "0")]
)
def test_numbers_are_told_with_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_what_is_kept_has_median_and_spread_and_the_table_is_made_of_it(tmp_path: Path) -> None:
    report = Report("send", [Figure("caesura", "/s", (5_200.0, 4_800.0, 5_000.0))])
    report.bars.append(Bar("times the loop", 2.5, "x", least=3.0))
    report.expect("a message was lost", False)
    report.expect("a message came twice", True)
    path = write(tmp_path, "2030-01-31T090000Z", {"suites": {"send": as_json(report)}})
    kept = json.loads(path.read_text())["suites"]["send"]
    assert path.name == "2030-01-31T090000Z.json"
    assert kept["figures"] == [
        {"name": "caesura", "unit": "/s", "median": 5000.0, "min": 4800.0, "max": 5200.0, "rounds": 3}
    ]
    assert list(lines("send", kept)) == [
        "== send",
        "  caesura             5,000/s  (4,800 to 5,200 in 3)",
        "  times the loop       2.50 x  MISS: at least 3 x",
        "  BROKEN: a message was lost",
    ]
