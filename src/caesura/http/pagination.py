"""Lists in pages: `limit` and an opaque `cursor` in, `items` and `next_cursor` out."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from caesura.http.problems import misplaced

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 200
_MAXIMUM_POSITION = 2**63 - 1
_MAXIMUM_CURSOR_LENGTH = 1_500

Item = TypeVar("Item")
Row = TypeVar("Row")


Limit: TypeAlias = Annotated[
    int, Query(ge=1, le=MAXIMUM_LIMIT, description=f"Items per page, at most {MAXIMUM_LIMIT}.")
]


NamePart: TypeAlias = Annotated[
    str | None,
    Query(max_length=200, description="Only those with this in their name, in any case.", examples=["spring"]),
]


class Page(BaseModel, Generic[Item]):
    """One page of a list. Subclass it with a name, for the description."""

    items: list[Item] = Field(description="At most `limit` of them.")
    next_cursor: str | None = Field(description="For the next page; null on the last one.", examples=["WyJrZXlzIiw5XQ"])


@dataclass(frozen=True, slots=True)
class Window:
    """What part of a list is asked for: `limit` items past `position`, an id; None for its beginning."""

    listing: str
    position: int | None
    limit: int

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than shown tells whether there is a next page."""
        return self.limit + 1

    def shown(self, rows: Sequence[Row], position_of: Callable[[Row], int]) -> tuple[Sequence[Row], str | None]:
        """The rows of the page, and the cursor of the next, out of `fetch` rows or fewer."""
        if len(rows) <= self.limit:
            return rows, None
        return rows[: self.limit], encode(self.listing, position_of(rows[self.limit - 1]))


def pages(listing: str) -> Any:
    """A dependency that reads `limit` and `cursor` into a Window. A cursor of another listing is refused."""

    async def window(
        limit: Limit = DEFAULT_LIMIT,
        cursor: Annotated[
            str | None,
            Query(description="`next_cursor` of the page before.", json_schema_extra={"type": "string"}),
        ] = None,
    ) -> Window:
        return Window(listing, None if cursor is None else decode(listing, cursor), limit)

    return Depends(window)


def encode(listing: str, *position: int | str) -> str:
    """The cursor that stands at `position` of a listing."""
    text = json.dumps([listing, *position], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(listing: str, cursor: str) -> int:
    """The position of a cursor of this listing. It gives away nothing, so it is checked for its shape only.

    Raises RequestValidationError `cursor_invalid`.
    """
    match _read(listing, cursor):
        case [int(position)] if 0 <= position <= _MAXIMUM_POSITION:
            return position
    raise invalid_cursor()


def decode_texts(listing: str, cursor: str) -> tuple[str, str]:
    """The same for a listing in the order of two texts."""
    match _read(listing, cursor):
        case [str(first), str(second)] if (first + second).isprintable():
            return first, second
    raise invalid_cursor()


def decode_text_and_number(listing: str, cursor: str) -> tuple[str, int]:
    """The same for a listing in the order of a text and an id."""
    match _read(listing, cursor):
        case [str(text), int(number)] if 0 <= number <= _MAXIMUM_POSITION and _is_storable(text):
            return text, number
    raise invalid_cursor()


def _is_storable(text: str) -> bool:
    try:
        return "\0" not in text and text.encode() is not None
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _read(listing: str, cursor: str) -> list[object] | None:
    if len(cursor) > _MAXIMUM_CURSOR_LENGTH:
        return None
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return found[1:] if isinstance(found, list) and found[:1] == [listing] else None


def invalid_cursor() -> RequestValidationError:
    """What is answered to a cursor that cannot be."""
    """What is answered to a cursor that cannot be."""
    return misplaced("query", "cursor", "cursor_invalid", "This is not a cursor that this list has given out.")
