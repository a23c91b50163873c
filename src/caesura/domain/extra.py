"""What is kept for somebody else and never read: any JSON that PostgreSQL can hold, within bounds."""

import re
from collections.abc import Mapping
from typing import Any

from caesura.domain.errors import Invalid, Problem

MAXIMUM_EXTRA_SIZE = 64_000
MAXIMUM_EXTRA_DEPTH = 20
MAXIMUM_NUMBER = 2**63 - 1

_SURROGATE = re.compile("[\ud800-\udfff]")


def check_extra(value: Mapping[str, Any], pointer: str) -> Mapping[str, Any]:
    """`value` as it is. Raises Invalid with the place of what cannot be kept: see `extra_problem`."""
    problem = extra_problem(value, pointer)
    if problem is not None:
        raise Invalid.of(problem)
    return value


def extra_problem(value: Mapping[str, Any], pointer: str) -> Problem | None:
    """The first thing that cannot be kept: `too_long` (20 levels, 64 kB), `control_character`, `invalid_unicode`,
    `wrong_type`, `out_of_range`; None when all can.
    """
    size = 0
    waiting: list[tuple[str, int, object]] = [(pointer, 0, value)]
    while waiting:
        place, depth, item = waiting.pop()
        size += 8 + (len(item) if isinstance(item, str) else 0)
        if depth > MAXIMUM_EXTRA_DEPTH or size > MAXIMUM_EXTRA_SIZE:
            detail = f"There may be {MAXIMUM_EXTRA_DEPTH} levels and {MAXIMUM_EXTRA_SIZE // 1000} kB of extra data."
            return Problem("too_long", detail, pointer)
        if isinstance(item, Mapping):
            waiting += [(place, depth + 1, key) for key in item]
            waiting += [(f"{place}/{_escape(key)}", depth + 1, inner) for key, inner in item.items()]
        elif isinstance(item, list | tuple):
            waiting += [(f"{place}/{number}", depth + 1, inner) for number, inner in enumerate(item)]
        elif (wrong := _wrong_scalar(item)) is not None:
            return Problem(*wrong, place)
    return None


def merged_extra(kept: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept with what is given over it, to the second level: one owner's part never undoes another's."""
    merged = dict(kept)
    for name, value in given.items():
        before = merged.get(name)
        merged[name] = {**before, **value} if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged


def _escape(key: object) -> str:
    return str(key)[:100].replace("~", "~0").replace("/", "~1")


def _wrong_scalar(item: object) -> tuple[str, str] | None:
    """Why JSON, or PostgreSQL's form of it, cannot keep this: code and detail."""
    if isinstance(item, str):
        if "\0" in item:
            return "control_character", "There is a NUL character in the text."
        if _SURROGATE.search(item) is not None:
            return "invalid_unicode", "The text is not valid Unicode."
        return None
    if isinstance(item, bool) or item is None:
        return None
    if not isinstance(item, int | float):
        return "wrong_type", f"JSON has no {type(item).__name__}: write a text."
    return None if -MAXIMUM_NUMBER <= item <= MAXIMUM_NUMBER else ("out_of_range", "The number is too large.")
