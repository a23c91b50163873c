"""Reads the fields of a body, each of the kind that it must be: else 400, `Value of NAME is incorrect.`"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from caesura.http.door import Refusal

Body = Mapping[str, Any]


def incorrect(name: str) -> Refusal:
    """The vendor's words for a value that will not do."""
    return Refusal(400, "", f"Value of {name} is incorrect.")


def text(body: Body, name: str, default: str | None = None) -> str:
    """A text; `default` where it is missing or null, unless that is None."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise incorrect(name)
    return value


def whole(body: Body, name: str, least: int, most: int, default: int | None = None) -> int:
    """A whole number within bounds, or a text of its digits, as older clients send it."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise incorrect(name)
    return value


def flag(body: Body, name: str, default: bool) -> bool:
    """A truth value."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise incorrect(name)
    return value


def record(body: Body, name: str, required: bool = False) -> Body:
    """An object; an empty one where it is missing or null, unless it is required."""
    value = body.get(name)
    if value is None and not required:
        return {}
    if not isinstance(value, Mapping):
        raise incorrect(name)
    return value


def items(body: Body, name: str, most: int, required: bool = False) -> Sequence[Any]:
    """A list of at most `most`; an empty one where it is missing or null, unless it is required."""
    value = body.get(name)
    if value is None and not required:
        return ()
    if not isinstance(value, list) or len(value) > most:
        raise incorrect(name)
    return value


def moment(given: object, name: str) -> datetime:
    """A time of ISO 8601 in UTC; without an offset it is UTC. Raises a Refusal, also for what is no time in UTC."""
    try:
        at = datetime.fromisoformat(given) if isinstance(given, str) else None
        if at is not None:
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise incorrect(name) from error
    raise incorrect(name)
