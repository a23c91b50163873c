"""Every error as the result of a tool: our code, detail, and each fault with its place in the arguments."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from caesura.domain.errors import CaesuraError, Conflict, Invalid, LimitReached, Problem
from caesura.domain.validation import MAXIMUM_PROBLEMS
from caesura.http.native.faults import faults
from caesura.http.problems import Fault


class Failure(BaseModel):
    """What went wrong. Members without a value are left out."""

    code: str = Field(description="A stable word to decide by.")
    detail: str = Field(description="A sentence for a person.")
    errors: list[Fault] | None = Field(default=None, description="Each fault, with a JSON pointer into the arguments.")
    state: str | None = Field(default=None, description="The state that it is in, where that does not allow it.")
    allowed: list[str] | None = Field(default=None, description="What can be asked of it in that state.")
    retry_after: int | None = Field(default=None, description="Seconds to wait.")


def failed(error: CaesuraError) -> CallToolResult:
    """The result of a tool that raised `error`."""
    failure = Failure(code=error.code, detail=error.detail)
    if error.problems:
        failure.errors = faults(error.problems[:MAXIMUM_PROBLEMS])
    if isinstance(error, Conflict) and error.state is not None:
        failure.state, failure.allowed = error.state, list(error.allowed)
    if isinstance(error, LimitReached):
        failure.retry_after = max(1, math.ceil(error.retry_after or 1))
    shown: dict[str, Any] = failure.model_dump(mode="json", exclude_none=True)
    text = json.dumps(shown, ensure_ascii=False, indent=2)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=shown, is_error=True)


@contextmanager
def within(pointer: str) -> Iterator[None]:
    """For what a service is given of one argument: pointers of its errors begin at the arguments then."""
    try:
        yield
    except Invalid as error:
        problems = error.problems or (Problem(error.code, error.detail, ""),)
        raise Invalid.of(*(replace(one, pointer=f"{pointer}{one.pointer or ''}") for one in problems)) from error
