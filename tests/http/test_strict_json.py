import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesura.domain.errors import Invalid
from caesura.http.strict_json import MAXIMUM_DEPTH, MAXIMUM_NUMBER, parse

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAXIMUM_NUMBER, MAXIMUM_NUMBER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@settings(max_examples=50)
@given(VALUES, st.booleans())
def test_what_can_be_stored_is_read_as_it_is(value: object, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


def flaws(body: bytes) -> list[tuple[str, str | None]]:
    with pytest.raises(Invalid) as caught:
        parse(body)
    return [(problem.code, problem.pointer) for problem in caught.value.problems] or [(caught.value.code, None)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", [("json_malformed", None)]),
        (b"{", [("json_malformed", None)]),
        (b"{} {}", [("json_malformed", None)]),
        (b"{'a': 1}", [("json_malformed", None)]),
        (b'{"a": 1,}', [("json_malformed", None)]),
        (b'["\x01"]', [("json_malformed", None)]),
        (b"\xef\xbb\xbf{}", [("json_malformed", None)]),
        (b'{"a": "\xff"}', [("encoding_invalid", None)]),
        (b'{"a": "\xed\xa0\x80"}', [("encoding_invalid", None)]),
        ('{"a": 1}'.encode("utf-16"), [("encoding_invalid", None)]),
        (b'{"a": NaN}', [("json_malformed", "/a")]),
        (b"[1, -Infinity]", [("json_malformed", "/1")]),
        (b'{"a": 1e999}', [("out_of_range", "/a")]),
        (b'{"a": 9223372036854775808}', [("out_of_range", "/a")]),
        (b'{"a": -' + b"9" * 5000 + b"}", [("out_of_range", "/a")]),
        (b'{"a": {"b": 1, "b": 2}}', [("duplicate_field", "/a/b")]),
        (b'{"a": "x\\u0000"}', [("control_character", "/a")]),
        (b'{"a": {"x\\u0000": 1}}', [("control_character", "/a")]),
        (b'{"a": ["\\ud800"]}', [("invalid_unicode", "/a/0")]),
        (b'{"\\uDC00": 1}', [("invalid_unicode", "")]),
        (b'{"a/b~c": NaN}', [("json_malformed", "/a~1b~0c")]),
        (b"[NaN, {\"a\": 1, \"a\": 2}]", [("json_malformed", "/0"), ("duplicate_field", "/1/a")]),
    ],
)  # fmt: skip
def test_what_cannot_is_refused_with_its_place(body: bytes, expected: list[Any]) -> None:
    assert flaws(body) == expected


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_sixty_four_levels_are_enough_for_anybody() -> None:
    assert parse(nested(MAXIMUM_DEPTH)) is not None
    assert flaws(nested(MAXIMUM_DEPTH + 1)) == [("too_deep", "/0" * MAXIMUM_DEPTH)]
    assert flaws(nested(500_000))[0][0] == "too_deep"


def test_what_only_looks_like_a_bad_escape_passes() -> None:
    assert parse(b'["\\\\u0000", "\\\\ud800", "\\ud83d\\ude00"]') == ["\\u0000", "\\ud800", "\N{GRINNING FACE}"]


def test_at_most_a_hundred_flaws_are_told() -> None:
    assert len(flaws(b"[" + b"NaN," * 5000 + b"1]")) == 100


def test_a_number_of_64_bits_keeps_every_digit() -> None:
    assert parse(b"[9223372036854775807, -9223372036854775807]") == [MAXIMUM_NUMBER, -MAXIMUM_NUMBER]
    assert math.isclose(parse(b"1.5e300"), 1.5e300)  # type: ignore[arg-type]
