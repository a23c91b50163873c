"""JSON as RFC 8259 and I-JSON (RFC 7493) want it, and as PostgreSQL can keep it; nothing is guessed or dropped."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from caesura.domain.errors import Invalid, Problem
from caesura.domain.validation import MAXIMUM_PROBLEMS

MAXIMUM_DEPTH = 64
MAXIMUM_NUMBER = 2**63 - 1

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Stands for a value that the parser met and must not let through, until its place is known."""

    code: str
    detail: str


_NOT_A_NUMBER = _Flaw("json_malformed", "JSON has no NaN and no Infinity.")
_TOO_LARGE = _Flaw("out_of_range", "The number is too large.")
_TWICE = _Flaw("duplicate_field", "The field is in its object twice.")
_TOO_DEEP = _Flaw("too_deep", f"There may be {MAXIMUM_DEPTH} levels at most.")
_NUL = _Flaw("control_character", "There is a NUL character in the text.")
_LONE = _Flaw("invalid_unicode", "The text is not valid Unicode: there is half a surrogate pair.")


def parse(body: bytes) -> object:
    """The value that `body` holds.

    Raises Invalid: `encoding_invalid`, `json_malformed`, and with a pointer `duplicate_field`, `out_of_range` (beyond
    64 bits), `too_deep` (64 levels), `control_character` (NUL), `invalid_unicode`.
    """
    reader = _Reader()
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=reader.object,
            parse_constant=reader.constant,
            parse_int=reader.integer,
            parse_float=reader.fraction,
        )
    except UnicodeDecodeError as error:
        raise Invalid("encoding_invalid", f"the body is not UTF-8 at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        detail = f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise Invalid("json_malformed", detail) from error
    except RecursionError as error:
        raise Invalid(_TOO_DEEP.code, _TOO_DEEP.detail) from error
    # Visiting every value takes ten times as long as parsing: only when there is a reason to.
    if reader.flawed or _is_deep(value) or _has_bad_text(text, value):
        problems = [Problem(flaw.code, flaw.detail, pointer) for pointer, flaw in _flaws(value, "", 0)]
        if problems:
            raise Invalid.of(*problems[:MAXIMUM_PROBLEMS])
    return value


class _Reader:
    """What the parser calls; it puts a flaw in the place of what must not pass."""

    def __init__(self) -> None:
        self.flawed = False

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    found[name] = self._flaw(_TWICE)
                seen.add(name)
        return found

    def constant(self, _name: str) -> _Flaw:
        return self._flaw(_NOT_A_NUMBER)

    def integer(self, digits: str) -> int | _Flaw:
        # Python itself refuses to read thousands of digits, and for good reason.
        value = int(digits) if len(digits) <= 20 else MAXIMUM_NUMBER + 1
        return value if abs(value) <= MAXIMUM_NUMBER else self._flaw(_TOO_LARGE)

    def fraction(self, digits: str) -> float | _Flaw:
        value = float(digits)
        return value if math.isfinite(value) else self._flaw(_TOO_LARGE)

    def _flaw(self, flaw: _Flaw) -> _Flaw:
        self.flawed = True
        return flaw


def _is_deep(value: object) -> bool:
    """Whether there are more than MAXIMUM_DEPTH levels."""
    level = [value]
    for _ in range(MAXIMUM_DEPTH):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _has_bad_text(text: str, value: object) -> bool:
    """Whether there may be text that cannot be stored. Only an escape can bring it in."""
    if "\\u0000" in text:
        return True
    if "\\ud" not in text and "\\uD" not in text:
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _flaws(value: object, pointer: str, depth: int) -> Iterator[tuple[str, _Flaw]]:
    """What must not pass, each with its pointer."""
    match value:
        case _Flaw():
            yield pointer, value
        case str():
            yield from ((pointer, flaw) for flaw in _text_flaws(value))
        case Mapping() | list() if depth == MAXIMUM_DEPTH:
            yield pointer, _TOO_DEEP
        case Mapping():
            for name, inner in value.items():
                yield from ((pointer, flaw) for flaw in _text_flaws(name))
                yield from _flaws(inner, f"{pointer}/{_escape(name)}", depth + 1)
        case list():
            for place, inner in enumerate(value):
                yield from _flaws(inner, f"{pointer}/{place}", depth + 1)


def _text_flaws(text: str) -> Iterator[_Flaw]:
    if "\0" in text:
        yield _NUL
    if not text.isascii() and _SURROGATE.search(text) is not None:
        yield _LONE


def _escape(name: str) -> str:
    return name[:100].replace("~", "~0").replace("/", "~1")
