"""The vendor's delivery times, which each step has of its own, and our windows."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from caesura.http.woodpecker.reading import incorrect

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
MAXIMUM_WINDOWS = 3
DEFAULT: Mapping[str, Any] = {day: [{"from": "08:00", "to": "18:00"}] for day in DAYS[:5]}
ALWAYS: Mapping[str, Any] = {day: [{"from": "00:00", "to": "24:00"}] for day in DAYS}

Span: TypeAlias = tuple[str, str]
"""From and to as HH:MM; texts of this form are in the order of time."""

_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)


def checked(given: object) -> Mapping[str, Any]:
    """A step's `delivery_time`: at least one day, at most three windows on each. Raises a Refusal."""
    if given is None:
        return DEFAULT
    if not isinstance(given, Mapping) or not given or not set(given) <= set(DAYS):
        raise incorrect("delivery_time")
    for windows in given.values():
        if not isinstance(windows, list) or len(windows) > MAXIMUM_WINDOWS:
            raise incorrect("delivery_time")
        for window in windows:
            if not isinstance(window, Mapping) or not _is_span(window.get("from"), window.get("to")):
                raise incorrect("delivery_time")
    if not any(given.values()):
        raise incorrect("delivery_time")
    return given


def _is_span(start: object, end: object) -> bool:
    both = isinstance(start, str) and isinstance(end, str)
    return both and all(_TIME.fullmatch(str(one)) for one in (start, end)) and str(start) < str(end)


def windows_of(time: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Our windows for a delivery time."""
    return [{"days": [day[:3].lower()], "start": start, "end": end} for day in DAYS for start, end in _spans(time, day)]


def shown(windows: Sequence[Any]) -> Mapping[str, Any]:
    """Our windows as a delivery time; none is always."""
    if not windows:
        return ALWAYS
    found: dict[str, list[dict[str, str]]] = {}
    for window in windows:
        for day in window.days:
            name = next(one for one in DAYS if one.startswith(day.upper()))
            found.setdefault(name, []).append({"from": window.start, "to": window.end})
    return {day: found[day] for day in DAYS if day in found}


def _spans(time: Mapping[str, Any], day: str) -> list[Span]:
    """The windows of a day in order, those that touch made into one."""
    merged: list[Span] = []
    for start, end in sorted((window["from"], window["to"]) for window in time.get(day, ())):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
