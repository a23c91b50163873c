"""A lead as a caller gives it: what its address, fields and time zone may be."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, TypeAlias

from caesura.domain.addresses import Address, AddressError, deduplication_key, parse_address
from caesura.domain.errors import Invalid, Problem
from caesura.domain.extra import extra_problem
from caesura.domain.templates import FieldValue
from caesura.domain.windows import parse_zone

MAXIMUM_FIELDS = 500
MAXIMUM_NAME_LENGTH = 64
MAXIMUM_VALUE_BYTES = 64 * 1024
MAXIMUM_FIELDS_BYTES = 256 * 1024
MAXIMUM_NUMBER = 2**63 - 1

GivenFields: TypeAlias = Mapping[str, FieldValue | None]

MENDED_BY_FIELDS: Final = frozenset(
    {
        "empty_subject",
        "header_injection",
        "missing_variable",
        "output_too_large",
        "render_failed",
        "template_failed",
        "unusable_field",
    }
)
"""The causes for which a lead is held because of what its fields hold: when they change, it is tried afresh."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class LeadInput:
    """A lead as given. A field whose value is None is taken away; `zone` is an IANA name, None: not given.

    `extra` is kept beside what is kept already; `own_fields` count for the campaign only into which the lead is given.
    """

    address: str
    fields: Mapping[str, object] = field(default_factory=dict)
    zone: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    own_fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeadEntry:
    """A lead that was checked. `key` is what duplicates share."""

    address: Address
    key: str
    fields: GivenFields
    zone: str | None
    extra: Mapping[str, Any] = field(default_factory=dict)
    own_fields: GivenFields = field(default_factory=dict)


def check_lead(lead: LeadInput, pointer: str) -> LeadEntry:
    """The lead, in canonical form. `pointer` is its place.

    Raises Invalid with every problem: AddressError's codes, `unknown_time_zone`, and those of `check_fields`.
    """
    problems: list[Problem] = []
    address: Address | None = None
    try:
        address = parse_address(lead.address)
    except AddressError as error:
        problems.append(Problem(error.code, error.detail, f"{pointer}/address"))
    problems += field_problems(lead.fields, f"{pointer}/fields")
    if lead.zone is not None:
        try:
            parse_zone(lead.zone, f"{pointer}/zone")
        except Invalid as error:
            problems += error.problems
    problems += field_problems(lead.own_fields, f"{pointer}/own_fields")
    if (unfit := extra_problem(lead.extra, f"{pointer}/extra")) is not None:
        problems.append(unfit)
    if problems or address is None:
        raise Invalid.of(*problems)
    return LeadEntry(
        address, deduplication_key(address), _plain(lead.fields), lead.zone, lead.extra, _plain(lead.own_fields)
    )


def check_fields(fields: Mapping[str, object], pointer: str) -> GivenFields:
    """The fields of a lead: at most 500, names of a-z, 0-9 and _, values text, number, truth value or None.

    A text has at most 64 kB, all together 256 kB. Raises Invalid with every problem (at most 100), each with its
    pointer: `too_many_fields`, `invalid_name`, `wrong_type`, `out_of_range`, `control_character`,
    `invalid_unicode`, `too_long`.
    """
    problems = list(field_problems(fields, pointer))
    if problems:
        raise Invalid.of(*problems[:100])
    return _plain(fields)


def field_problems(fields: Mapping[str, object], pointer: str) -> Iterator[Problem]:
    """Everything that is wrong with the fields: see `check_fields`."""
    if len(fields) > MAXIMUM_FIELDS:
        yield Problem("too_many_fields", f"A lead has at most {MAXIMUM_FIELDS} fields.", pointer)
        return
    size = 0
    for name, value in fields.items():
        place = f"{pointer}/{_escaped(name)}"
        if _NAME.fullmatch(name) is None:
            detail = f"A field's name is at most {MAXIMUM_NAME_LENGTH} of a-z, 0-9 and _, and begins with no digit."
            yield Problem("invalid_name", detail, place)
        elif (wrong := _wrong_value(value)) is not None:
            yield Problem(*wrong, place)
        elif isinstance(value, str):
            size += len(value.encode())
    if size > MAXIMUM_FIELDS_BYTES:
        detail = f"The fields of a lead have at most {MAXIMUM_FIELDS_BYTES // 1024} kB."
        yield Problem("too_long", detail, pointer)


def _wrong_value(value: object) -> tuple[str, str] | None:
    """What is wrong with one value: code and detail."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _wrong_text(value)
    if isinstance(value, int | float):
        usual = -MAXIMUM_NUMBER <= value <= MAXIMUM_NUMBER and isfinite(value)
        return None if usual else ("out_of_range", "The number is too large.")
    return "wrong_type", "A field is a text, a number or a truth value."


def _wrong_text(text: str) -> tuple[str, str] | None:
    if "\0" in text:
        return "control_character", "There is a NUL character in the text."
    if _SURROGATE.search(text) is not None:
        return "invalid_unicode", "The text is not valid Unicode."
    if len(text) > MAXIMUM_VALUE_BYTES // 4 and len(text.encode()) > MAXIMUM_VALUE_BYTES:
        return "too_long", f"A field has at most {MAXIMUM_VALUE_BYTES // 1024} kB."
    return None


def _plain(fields: Mapping[str, object]) -> GivenFields:
    return {name: value for name, value in fields.items() if isinstance(value, FieldValue) or value is None}


def _escaped(name: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901), short and in valid Unicode."""
    shown = str(name)[:100].encode("utf-8", "replace").decode()
    return shown.replace("~", "~0").replace("/", "~1")
