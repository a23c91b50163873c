"""The kinds of value that campaign and mailbox definitions are made of, each checked when it is read."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from caesura.domain.addresses import AddressError, parse_address
from caesura.domain.errors import Invalid, Problem
from caesura.domain.extra import extra_problem
from caesura.domain.headers import check_extra as check_headers
from caesura.domain.headers import is_message_id
from caesura.domain.validation import as_validation_error, fault
from caesura.domain.windows import parse_window, parse_zone

MAXIMUM_DELAY_SECONDS = 366 * 86_400
MAXIMUM_BODY_BYTES = 500_000
MAXIMUM_COUNT = 1_000_000_000
MAXIMUM_NAME_LENGTH = 200
GROWTH_FACTORS = (1.25, 1.5, 1.75, 2.0)

Item = TypeVar("Item")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_VARIABLE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
_DELAY = re.compile(
    r"(?:(?P<w>\d{1,9})w)?(?:(?P<d>\d{1,9})d)?(?:(?P<h>\d{1,9})h)?(?:(?P<m>\d{1,9})m)?(?:(?P<s>\d{1,9})s)?", re.ASCII
)
_UNIT_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)?", re.ASCII)


class Definition(BaseModel):
    """What every definition shares: it cannot be changed, knows no other fields, and converts nothing by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def parse_delay(value: object) -> int:
    """A waiting time in seconds, from a number of them or from `0`, `90s`, `15m`, `4h`, `3d`, `1w`, `1d12h`.

    Raises Invalid's pydantic form: `wrong_type`, `invalid_delay`, `out_of_range` (0 to 366 days).
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise fault("wrong_type", "A delay is a whole number of seconds, or a text such as 3d or 1d12h.")
    seconds = value if isinstance(value, int) else _delay_of_text(value)
    if not 0 <= seconds <= MAXIMUM_DELAY_SECONDS:
        raise fault("out_of_range", "A delay is at least 0 and at most 366 days.")
    return seconds


def _delay_of_text(text: str) -> int:
    compact = text.replace(" ", "")
    if compact == "0":
        return 0
    sign = -1 if compact.startswith("-") else 1
    found = _DELAY.fullmatch(compact.removeprefix("-"))
    if found is None or not any(found.groups()):
        detail = "A delay is written with its units, the largest first: 90s, 15m, 4h, 3d, 1w, 1d12h."
        raise fault("invalid_delay", detail)
    return sign * sum(int(number) * _UNIT_SECONDS[unit] for unit, number in found.groupdict().items() if number)


def parse_instant(value: object) -> datetime:
    """A moment in real time as UTC, from an aware datetime or RFC 3339 text with an offset."""
    if isinstance(value, str):
        value = _instant_of_text(value)
    if not isinstance(value, datetime):
        raise fault("wrong_type", "A moment is a text such as 2030-01-31T09:00:00Z.")
    if value.tzinfo is None:
        raise fault("offset_missing", "A moment needs an offset from UTC, such as Z or +02:00.")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise fault("out_of_range", "The moment is outside the calendar.") from None


def _instant_of_text(text: str) -> datetime:
    if _INSTANT.fullmatch(text) is not None:
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise fault("invalid_time", "A moment is written as in RFC 3339: 2030-01-31T09:00:00Z.")


def _check_line(text: str) -> str:
    if (found := _CONTROL.search(text)) is not None:
        raise fault("control_character", f"There is a control character, U+{ord(found[0]):04X}, in a single line.")
    return text


def _check_variable_name(name: str) -> str:
    if _VARIABLE_NAME.fullmatch(name) is None:
        raise fault("invalid_name", "A variable's name is at most 64 of a-z, 0-9 and _, and begins with no digit.")
    return name


def _check_not_empty(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Where `min_length` will not do: it also complains when an item was wrong."""
    if not items:
        raise fault("too_short", "This must not be empty.")
    return items


def _check_body(text: str) -> str:
    if "\0" in text:
        raise fault("control_character", "There is a NUL character in the text.")
    if len(text.encode()) > MAXIMUM_BODY_BYTES:
        raise fault("too_long", f"The text is longer than {MAXIMUM_BODY_BYTES // 1000} kB.")
    return text


def _check_zone(name: str) -> str:
    try:
        parse_zone(name, "")
    except Invalid as error:
        raise fault(error.code, error.detail) from error
    return name


def _check_windows(value: object) -> object:
    items = value
    if isinstance(value, list | tuple):
        items = [dict(item) if isinstance(item, BaseModel) else item for item in value]
    try:
        parse_window(items, "")
    except Invalid as error:
        raise as_validation_error(error.problems) from error
    return items


def _check_address(text: str) -> str:
    try:
        return parse_address(text).address
    except AddressError as error:
        raise fault(error.code, error.detail) from error


def _check_message_id(text: str) -> str:
    if not is_message_id(text):
        raise fault("invalid_message_id", "A Message-ID is ASCII in angle brackets, such as <a1@example.com>.")
    return text


def _check_extra(value: dict[str, Any]) -> dict[str, Any]:
    problem = extra_problem(value, "")
    if problem is None:
        return value
    if problem.pointer:
        raise as_validation_error([problem])
    raise fault(problem.code, problem.detail)


def _check_headers(value: tuple["HeaderItem", ...]) -> tuple["HeaderItem", ...]:
    try:
        check_headers([(one.name, one.value) for one in value], "")
    except Invalid as error:
        raise as_validation_error(error.problems) from error
    return value


def _check_factor(factor: float) -> float:
    if factor not in GROWTH_FACTORS:
        raise fault("out_of_range", "The factor is 1.25, 1.5, 1.75 or 2.")
    return factor


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAXIMUM_NAME_LENGTH),
    AfterValidator(_check_line),
]
Line = Annotated[str, StringConstraints(max_length=998), AfterValidator(_check_line)]
Body = Annotated[str, AfterValidator(_check_body), Field(json_schema_extra={"maxLength": MAXIMUM_BODY_BYTES})]
VariableName = Annotated[str, AfterValidator(_check_variable_name)]
NotEmpty = AfterValidator(_check_not_empty)
Zone = Annotated[str, AfterValidator(_check_zone)]
EmailAddress = Annotated[
    str,
    StringConstraints(max_length=1000),
    AfterValidator(_check_address),
    Field(json_schema_extra={"format": "email"}),
]
MessageId = Annotated[str, AfterValidator(_check_message_id), Field(json_schema_extra={"maxLength": 902})]
Count = Annotated[int, Field(ge=1, le=MAXIMUM_COUNT)]
Extra = Annotated[dict[str, Any], AfterValidator(_check_extra)]
Delay = Annotated[
    int,
    BeforeValidator(parse_delay),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAXIMUM_DELAY_SECONDS},
                {"type": "string", "pattern": r"^(0|(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$"},
            ]
        },
        mode="validation",
    ),
]
Instant = Annotated[datetime, BeforeValidator(parse_instant)]


class WindowItem(Definition):
    """Hours on some days of the week in which messages may go out."""

    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(strict=False), NotEmpty
    ] = Field(
        json_schema_extra={"minItems": 1},
        description="Days of the week.",
        examples=[["mon", "tue", "wed", "thu", "fri"]],
    )
    start: str = Field(description="Opens, HH:MM.", pattern=r"^\d\d:\d\d$", examples=["09:00"])
    end: str = Field(description="Closes, HH:MM, later than it opens; 24:00 is midnight.", examples=["17:30", "24:00"])


Windows = Annotated[tuple[WindowItem, ...], Field(strict=False), BeforeValidator(_check_windows)]


class Growth(Definition):
    """A daily number that grows: from `start`, each day times `factor` or plus `add`, up to `ceiling`."""

    start: Count = Field(description="The number on the first day.", examples=[20])
    factor: Annotated[float, AfterValidator(_check_factor)] | None = Field(
        default=None,
        description="Each day is this many times the day before. Give this or add.",
        examples=[1.25],
        json_schema_extra={"enum": [*GROWTH_FACTORS, None]},
    )
    add: Count | None = Field(
        default=None, description="Each day is this many more. Give this or factor.", examples=[5]
    )
    ceiling: Count | None = Field(default=None, description="It never grows above this.", examples=[200])

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if (self.factor is None) == (self.add is None):
            raise fault("factor_or_add", "Give either factor or add.")
        if self.ceiling is not None and self.ceiling < self.start:
            raise as_validation_error([Problem("out_of_range", "The ceiling is below the start.", "/ceiling")])
        return self


class HeaderItem(Definition):
    """A header field."""

    name: str = Field(description="1 to 76 ASCII signs.", examples=["X-Order"])
    value: str = Field(description="One line, as it is: no variables.", examples=["4711"])


Headers = Annotated[tuple[HeaderItem, ...], AfterValidator(_check_headers)]
