"""What stands in a body, read field by field; each fault names its field."""

from collections.abc import Mapping, Sequence
from typing import Any

from caesura.http.door import Refusal
from caesura.http.leadlex.door import wrong


def missing(*names: str) -> Refusal:
    """A field that must be there and is not."""
    fields = {name: "Is required" for name in names}
    return Refusal(400, "missing_required_field", f"Missing required field: {', '.join(names)}", {"fields": fields})


def text(body: Mapping[str, Any], name: str, longest: int = 500_000) -> str | None:
    """A text; None where it is not there or null."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(name, "must be a text")
    if len(value) > longest:
        raise wrong(name, f"may have {longest} characters at most")
    return value


def required_text(body: Mapping[str, Any], name: str, longest: int = 500_000) -> str:
    """A text that is there and not blank, else `validation_error`."""
    value = text(body, name, longest)
    if value is None or not value.strip():
        raise wrong(name, "is required")
    return value


def whole(body: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    """A whole number within bounds; None where it is not there or null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise wrong(name, f"must be a whole number from {least} to {most}")
    return value


def truth(body: Mapping[str, Any], name: str) -> bool | None:
    """A truth value; None where it is not there or null."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong(name, "must be true or false")
    return value


def texts(body: Mapping[str, Any], name: str) -> Sequence[str] | None:
    """A list of texts; None where it is not there or null."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise wrong(name, "must be an array of texts")
    return value
