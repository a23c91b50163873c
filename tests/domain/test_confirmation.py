from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from caesura.domain.confirmation import LASTS, Previewed, check, issue
from caesura.domain.errors import Invalid

SECRET = b"p" * 32
NOW = datetime(2026, 3, 2, 9, 0, 0, 250_000, tzinfo=UTC)
PREVIEWED = Previewed("start", 1, 12, "key:abc", 3, datetime(2026, 3, 1, 8, 0, 0, 123_456, tzinfo=UTC))


def code_of(code: str, previewed: Previewed = PREVIEWED, now: datetime = NOW, secret: bytes = SECRET) -> str | None:
    try:
        check(secret, code, previewed, now)
    except Invalid as error:
        assert error.problems[0].pointer == "/confirmation"
        return error.code
    return None


def test_a_code_is_good_for_what_was_previewed_until_it_expires() -> None:
    code, expires_at = issue(SECRET, PREVIEWED, NOW)
    assert timedelta() <= NOW + LASTS - expires_at < timedelta(seconds=1)
    assert (len(code), code.isalnum(), code.islower()) == (52, True, True)
    assert code_of(code) is None
    assert code_of(f" {code.upper()}\n") is None, "people and programs copy it so"
    assert code_of(code, now=expires_at - timedelta(microseconds=1)) is None
    assert code_of(code, now=expires_at) == "confirmation_expired"


@pytest.mark.parametrize(
    "other", [{"action": "resume"}, {"workspace_id": 2}, {"campaign_id": 13}, {"actor": "key:other"}]
)
def test_a_code_is_good_for_nobody_and_nothing_else(other: dict[str, Any]) -> None:
    code, _ = issue(SECRET, PREVIEWED, NOW)
    assert code_of(code, replace(PREVIEWED, **other)) == "confirmation_wrong"


@pytest.mark.parametrize(
    "later", [{"version": 4}, {"version": 2}, {"status_at": PREVIEWED.status_at + timedelta(microseconds=1)}]
)
def test_a_code_is_good_only_as_long_as_nothing_has_changed(later: dict[str, Any]) -> None:
    code, _ = issue(SECRET, PREVIEWED, NOW)
    assert code_of(code, replace(PREVIEWED, **later)) == "confirmation_outdated"


@pytest.mark.parametrize("made_up", ["", "yes", "confirm", "a" * 52, "1" * 52, "ß" * 52, "\0" * 52, "a" * 10_000])
def test_a_code_that_was_made_up_is_wrong(made_up: str) -> None:
    assert code_of(made_up) == "confirmation_wrong"


def test_no_digit_of_a_code_can_be_changed() -> None:
    code, _ = issue(SECRET, PREVIEWED, NOW)
    for place in range(51):  # the last one has bits to spare
        other = "a" if code[place] != "a" else "b"
        assert code_of(code[:place] + other + code[place + 1 :]) == "confirmation_wrong"
    assert code_of(code, secret=b"q" * 32) == "confirmation_wrong"
