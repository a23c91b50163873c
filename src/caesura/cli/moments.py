"""Moments as people type them."""

from datetime import datetime, timedelta

from pydantic_core import PydanticCustomError

from caesura.domain.definition_types import parse_delay, parse_instant
from caesura.domain.errors import Invalid, Problem


def moment(text: str, option: str, now: datetime) -> datetime:
    """A moment in UTC: `2030-01-31T09:00:00Z` (RFC 3339, with its offset), or a delay from now such as `90m`, `3d`.

    Raises Invalid with the name of the `option`.
    """
    try:
        if text[:4].isdigit() and "-" in text:
            return parse_instant(text)
        return now + timedelta(seconds=int(parse_delay(text)))
    except PydanticCustomError as error:
        raise Invalid.of(Problem(error.type, error.message(), option)) from error
