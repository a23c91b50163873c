"""Says where a fault in a campaign file is as its author counts and wrote it, with the line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from caesura.domain.apply_file import ApplyFile
from caesura.domain.definition import (
    CampaignDefinition,
    CampaignLimits,
    StepDefinition,
    UnsubscribeDefinition,
    VariantDefinition,
)
from caesura.domain.errors import Invalid, Problem
from caesura.domain.mailbox_definition import (
    DkimDefinition,
    MailboxDefinition,
    MailboxLimits,
    PoolDefinition,
    TransportDefinition,
)

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([\w.\"'-]+)\s*=")
_MANY_LINES = re.compile(r'"""|\'\'\'')
_ONE_OF = {"steps": "step", "variants": "variant", "mailboxes": "mailbox", "pools": "pool", "windows": "window"}

_BODIES = {"text_file", "html_file"}
_VARIANT = {*VariantDefinition.model_fields, *_BODIES}
_FIELDS = {
    "": {*CampaignDefinition.model_fields, *ApplyFile.model_fields} - {"campaign"},
    "steps": {*StepDefinition.model_fields, *_VARIANT},
    "variants": _VARIANT,
    "unsubscribe": {*UnsubscribeDefinition.model_fields},
    "limits": {*CampaignLimits.model_fields},
    "pools": {*PoolDefinition.model_fields},
    "mailboxes": {*MailboxDefinition.model_fields},
    "mailboxes limits": {*MailboxLimits.model_fields},
    "transport": {*TransportDefinition.model_fields, "password_env"},
    "dkim": {*DkimDefinition.model_fields, "private_key_file"},
}


def in_words(error: Invalid, file: Path) -> Invalid:
    """The same problems: for /steps/0/variants/0/text they say "step 1: text", with the line of the file if it is
    found, and for a field that is not known the one that is closest."""
    try:
        text = file.read_text("utf-8-sig")
        data = tomllib.loads(text)
    except (OSError, ValueError, RecursionError):
        return error
    lines = _lines(text, data)
    return Invalid.of(*(_in_words(one, data, lines) if one.pointer else one for one in error.problems))


def _in_words(problem: Problem, data: dict[str, Any], lines: Mapping[str, int]) -> Problem:
    parts = _written(problem.pointer or "", data)
    detail = problem.detail
    if problem.code == "unknown_field" and (close := _closest(parts)) is not None:
        detail = f"{detail.rstrip('.')}; did you mean {close!r}?"
    return replace(problem, detail=detail, pointer=_words(parts), line=_line(parts, lines))


def _written(pointer: str, data: object) -> list[str]:
    """The parts of the pointer, without the only variant of a step that gives its fields itself."""
    parts: list[str] = []
    rest = iter(pointer.split("/")[1:])
    for escaped in rest:
        part = escaped.replace("~1", "/").replace("~0", "~")
        if part == "variants" and isinstance(data, Mapping) and part not in data and next(rest, None) is not None:
            continue
        parts.append(part)
        data = _inside(data, part)
    return parts


def _inside(data: object, part: str) -> object:
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, list) and part.isascii() and part.isdigit() and int(part) < len(data):
        return data[int(part)]
    return None


def _words(parts: list[str]) -> str:
    said = ""
    is_counted = False
    rest = list(parts)
    while rest:
        part = rest.pop(0)
        if rest and rest[0].isascii() and rest[0].isdigit():
            said += f"{', ' if said else ''}{_ONE_OF.get(part, part)} {int(rest.pop(0)) + 1}"
            is_counted = True
        else:
            said += f"{': ' if is_counted else '.' if said else ''}{part}"
            is_counted = False
    return said


def _closest(parts: list[str]) -> str | None:
    around = [part for part in parts[:-1] if not part.isdigit()]
    known = _FIELDS.get(" ".join(around[-2:])) or _FIELDS.get(around[-1] if around else "", set())
    return next(iter(get_close_matches(parts[-1], sorted(known), 1)), None)


def _line(parts: list[str], lines: Mapping[str, int]) -> int | None:
    """The line of the place itself, or else of the nearest thing around it."""
    for count in range(len(parts), 0, -1):
        place = "/".join(parts[:count])
        for written in (place, f"{place}_file", f"{place}_env"):
            if written in lines:
                return lines[written]
    return None


def _lines(text: str, data: object) -> dict[str, int]:
    """On which line each table and each field begins; not those of tables within a line."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table: list[str] = []
    for number, line in _lines_outside_texts(text):
        if header := _HEADER.fullmatch(line):
            table = list(_table(header[2], header[1] == "[[", counts))
            lines.setdefault("/".join(table), number)
        elif key := _KEY.match(line):
            lines.setdefault("/".join([*table, *_names(key[1])]), number)
    # A line of a list that looks like a header, and is none, leads to nothing that is there.
    return {place: number for place, number in lines.items() if _leads_somewhere(place, data)}


def _leads_somewhere(place: str, data: object) -> bool:
    for part in place.split("/"):
        data = _inside(data, part)
    return data is not None


def _lines_outside_texts(text: str) -> Iterator[tuple[int, str]]:
    closing = None
    for number, line in enumerate(text.split("\n"), 1):
        if closing is None:
            yield number, line.rstrip("\r")
        for mark in _MANY_LINES.findall(line):
            if closing is None:
                closing = mark
            elif closing == mark:
                closing = None


def _table(named: str, is_one_of_many: bool, counts: dict[str, int]) -> Iterator[str]:
    place = ""
    names = _names(named)
    for number, name in enumerate(names, 1):
        yield name
        place += f"/{name}"
        if is_one_of_many and number == len(names):
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            yield str(counts[place])
            place += f"/{counts[place]}"


def _names(dotted: str) -> list[str]:
    return [name.strip().strip("\"'") for name in dotted.split(".")]
