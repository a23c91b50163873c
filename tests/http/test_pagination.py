import base64
import contextlib
import json

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st

from caesura.http.pagination import Window, decode, decode_texts, encode


@given(st.integers(0, 2**63 - 1))
def test_a_cursor_comes_back_as_the_position_it_was_made_of(position: int) -> None:
    assert decode("keys", encode("keys", position)) == position


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "null", "é", "\0", "a" * 1_000_000, encode("leads", 5), encode("keys", 5) + "!",
        forged(["keys", -1]), forged(["keys", 2**63]), forged(["keys", "5"]), forged(["keys"]), forged({}),
        forged(["keys", 1.5]), base64.b64encode(b"[" * 140).decode(),
    ],
)  # fmt: skip
def test_what_is_no_cursor_of_this_list_is_refused(cursor: str) -> None:
    with pytest.raises(RequestValidationError) as caught:
        decode("keys", cursor)
    assert caught.value.errors()[0]["type"] == "cursor_invalid"


def test_a_cursor_may_stand_at_two_texts() -> None:
    value = "ë" * 250 + "@example.com"
    assert decode_texts("suppressions", encode("suppressions", "address", value)) == ("address", value)


@pytest.mark.parametrize(
    "parts", [[], ["a"], ["a", 1], ["a", None], ["a", "b", "c"], ["a", "\0"], ["\ud800", "b"], ["a", "b\n"], [1, 2]]
)
def test_what_are_not_two_texts_is_refused(parts: list[object]) -> None:
    with pytest.raises(RequestValidationError):
        decode_texts("suppressions", forged(["suppressions", *parts]))


@given(st.text())
def test_any_text_at_all_is_a_cursor_or_refused(cursor: str) -> None:
    with contextlib.suppress(RequestValidationError):
        assert decode("keys", cursor) >= 0


@pytest.mark.parametrize("count", range(7))
def test_pages_show_every_row_once(count: int) -> None:
    rows, position, seen = list(range(count, 0, -1)), None, []
    while True:
        window = Window("keys", position, limit=2)
        below = [row for row in rows if position is None or row < position]
        shown, cursor = window.shown(below[: window.fetch], lambda row: row)
        seen += shown
        assert len(shown) <= 2
        if cursor is None:
            break
        position = decode("keys", cursor)
    assert seen == rows
