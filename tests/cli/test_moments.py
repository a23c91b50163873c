"""Moments as people type them."""

from datetime import UTC, datetime, timedelta

import pytest

from caesura.cli.moments import moment
from caesura.domain.errors import Invalid

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "later"),
    [
        ("90m", timedelta(minutes=90)),
        ("3d", timedelta(days=3)),
        ("1d12h", timedelta(hours=36)),
        ("2026-03-02T10:00:00+01:00", timedelta(0)),
        ("2026-03-03T09:00Z", timedelta(days=1)),
    ],
)
def test_a_moment_is_an_instant_or_a_delay_from_now(text: str, later: timedelta) -> None:
    assert moment(text, "--resume-at", NOW) == NOW + later


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("tomorrow", "invalid_delay"),
        ("90", "invalid_delay"),
        ("", "invalid_delay"),
        ("2026-03-02T10:00:00", "offset_missing"),
        ("2026-13-02T10:00:00Z", "invalid_time"),
        ("400d", "out_of_range"),
        ("-5m", "out_of_range"),
    ],
)
def test_what_is_no_moment_is_told_with_its_option(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        moment(text, "--resume-at", NOW)
    [problem] = caught.value.problems
    assert (problem.code, problem.pointer) == (code, "--resume-at")
