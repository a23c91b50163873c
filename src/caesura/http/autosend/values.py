"""Values on the wire: ids, times, and the fields of a request's body."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from caesura.domain.definition_types import parse_instant
from caesura.domain.errors import Invalid, NotFound, Problem
from caesura.domain.windows import zone_names
from caesura.http import opaque_ids

# By the kind of thing, our code for its absence.
_ABSENCE: Mapping[str, str] = {
    "campaign": "campaign_not_found",
    "contact": "lead_not_found",
    "list": "list_not_found",
    "sender": "mailbox_not_found",
    "webhook": "webhook_not_found",
    "project": "workspace_not_found",
    "group": "suppression_group_not_found",
}


def id_of(kind: str, number: int) -> str:
    """24 hexadecimal digits."""
    return opaque_ids.hex_of(kind, number)


def number_of(kind: str, text: str) -> int:
    """Our number behind an id of this kind. Raises NotFound."""
    number = opaque_ids.number_of_hex(kind, text)
    if number is None:
        raise NotFound(_ABSENCE[kind], f"there is no such {kind}")
    return number


def moment(at: datetime | None) -> str | None:
    """A time as 2026-03-15T14:30:00.000Z."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class Body:
    """The fields of a request's body. What is wrong is collected, and raised together by `check`.

    A field that is null is one that is not there, but for `cleared`.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.problems: list[Problem] = []

    def has(self, name: str) -> bool:
        """Whether the field is there, and not null."""
        return self.fields.get(name) is not None

    def refuse(self, name: str, message: str, code: str = "invalid_value") -> None:
        """Notes what is wrong with a field, once."""
        problem = Problem(code, message, f"/{name}")
        if problem not in self.problems:
            self.problems.append(problem)

    def check(self) -> None:
        """Raises Invalid with everything that was noted."""
        if self.problems:
            raise Invalid.of(*self.problems)

    def text(self, name: str, maximum: int | None = None, required: bool = False) -> str | None:
        """A text of 1 (when required) to `maximum` characters."""
        value = self.fields.get(name)
        if value is None:
            if required:
                self.refuse(name, f"{name} is required", "missing_field")
            return None
        if not isinstance(value, str):
            self.refuse(name, f"{name} must be a string", "wrong_type")
            return None
        if required and not value.strip():
            self.refuse(name, f"{name} is required", "missing_field")
        if maximum is not None and len(value) > maximum:
            self.refuse(name, f"{name} must be at most {maximum} characters", "too_long")
        return value

    def flag(self, name: str) -> bool | None:
        """A truth value."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            self.refuse(name, f"{name} must be a boolean", "wrong_type")
            return None
        return value

    def whole(self, name: str, least: int, most: int | None = None) -> int | None:
        """A whole number within bounds."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(name, f"{name} must be an integer", "wrong_type")
        elif value < least or (most is not None and value > most):
            bounds = f"at least {least}" if most is None else f"between {least} and {most}"
            self.refuse(name, f"{name} must be {bounds}", "out_of_range")
        else:
            return value
        return None

    def choice(self, name: str, known: Collection[str]) -> str | None:
        """One of these words."""
        value = self.fields.get(name)
        if value is not None and value not in tuple(known):
            said = name.replace("/", ".")
            self.refuse(name, f"{said} must be one of: {', '.join(known)}", "unknown_value")
            return None
        return value

    def texts(self, name: str, maximum: int, required: bool = False) -> list[str]:
        """A list of texts, at most `maximum`."""
        value = self.fields.get(name)
        if value is None or value == []:
            if required:
                self.refuse(name, f"{name} must contain at least 1 item", "missing_field")
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.refuse(name, f"{name} must be an array of strings", "wrong_type")
            return []
        if len(value) > maximum:
            self.refuse(name, f"{name} must contain at most {maximum} items", "too_long")
            return []
        return value

    def table(self, name: str) -> Mapping[str, Any]:
        """An object."""
        value = self.fields.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(name, f"{name} must be an object", "wrong_type")
            return {}
        return value

    def instant(self, name: str, zone: str | None = None) -> datetime | None:
        """A moment, as in RFC 3339; without an offset it is read in `zone`."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return instant_of(text, zone)
        except ValueError:
            self.refuse(name, f"{name} must be an ISO 8601 date with a time zone", "invalid_time")
            return None


def instant_of(text: str, zone: str | None) -> datetime:
    """The moment (UTC) that a text names; one without an offset is a local time in `zone`.

    Where the clocks go back and a time is there twice, the first is meant; where they go forward and it is skipped, it
    is as much later. Raises ValueError.
    """
    try:
        return parse_instant(text)
    except PydanticCustomError as error:
        if error.type != "offset_missing" or zone is None or zone not in zone_names():
            raise
    return parse_instant(parse_instant(f"{text}Z").replace(tzinfo=ZoneInfo(zone)))


def scalars(given: Mapping[str, Any]) -> dict[str, Any]:
    """What can be a lead's field: texts, numbers, truth values, and nulls, which take a field away."""
    return {name: value for name, value in given.items() if value is None or isinstance(value, str | int | float)}


def counted(name: str, text: str | None, usual: int, most: int | None) -> int:
    """A page's number or size, out of the query. Raises Invalid."""
    if text is None:
        return usual
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1 or (most is not None and number > most):
        bounds = "at least 1" if most is None else f"between 1 and {most}"
        raise Invalid.of(Problem("out_of_range", f"{name} must be {bounds}", f"/{name}"))
    return number


def leaf(page: int, limit: int, total: int) -> dict[str, Any]:
    """The pagination of a list, with both of the names that the pages have for the number of pages."""
    pages = -(-total // limit)
    return {"page": page, "limit": limit, "total": total, "totalPages": pages, "pages": pages}
