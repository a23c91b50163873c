"""Lists in pages: `limit` and `cursor` among the arguments."""

from typing import Annotated

from fastapi.exceptions import RequestValidationError
from pydantic import Field

from caesura.domain.errors import Invalid, Problem
from caesura.http.pagination import MAXIMUM_LIMIT, Window, decode

Limit = Annotated[int, Field(ge=1, le=MAXIMUM_LIMIT, description=f"Items per page, at most {MAXIMUM_LIMIT}.")]
Cursor = Annotated[str | None, Field(description="`next_cursor` of the page before.")]


def window(listing: str, limit: int, cursor: str | None) -> Window:
    """The part of a list that is asked for. Raises Invalid `cursor_invalid`."""
    try:
        return Window(listing, None if cursor is None else decode(listing, cursor), limit)
    except RequestValidationError as error:
        detail = "This is not a cursor that this list has given out."
        raise Invalid.of(Problem("cursor_invalid", detail, "/cursor")) from error
