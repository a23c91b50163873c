"""Every error as an `application/problem+json` answer (RFC 9457), and as its description in OpenAPI."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import Response

from caesura.domain.errors import (
    CaesuraError,
    Conflict,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    Problem,
    Unauthenticated,
    Unavailable,
)
from caesura.domain.validation import MAXIMUM_PROBLEMS, problems_of

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:caesura:problem:"
UNAVAILABLE_RETRY_SECONDS = 5

STATUS: Mapping[type[CaesuraError], int] = {
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    LimitReached: 429,
    Unavailable: 503,
}
"""By what the caller can do; a subclass has the status of its nearest ancestor."""

STATUS_OF_CODE: Mapping[str, int] = {
    "json_malformed": 400,
    "encoding_invalid": 400,
    "version_mismatch": 412,
    "body_too_large": 413,
    "unsupported_media_type": 415,
}
"""The few codes for which HTTP has a status of its own."""

TITLES: Mapping[int, str] = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible in this state",
    412: "Changed meanwhile",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Invalid request",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}

_HTTP_CODES: Mapping[int, tuple[str, str]] = {
    404: ("route_not_found", "there is nothing at this path"),
    405: ("method_not_allowed", "this path does not take this method; the Allow header names those that it takes"),
}
INTERNAL = ("internal_error", "something went wrong here; the request_id finds it in the server's log")


class Fault(BaseModel):
    """One fault in the request, and its place: a JSON pointer into the body, a parameter, a header, or a line."""

    code: str = Field(description="A stable word.", examples=["wrong_type"])
    detail: str = Field(description="A sentence for a person.", examples=["This must be a text, not a number."])
    pointer: str | None = Field(default=None, description="JSON pointer (RFC 6901) into the body.", examples=["/label"])
    parameter: str | None = Field(default=None, description="Name of a query or path parameter.", examples=["limit"])
    header: str | None = Field(default=None, description="Name of a header.", examples=["If-Match"])
    file: str | None = Field(default=None, description="Name of a file.", examples=["leads.csv"])
    line: int | None = Field(default=None, description="Line in the body or the file, from 1.", examples=[12])


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457). Members without a value are left out."""

    type: str = Field(description="Names the kind of problem; ends in its code.", examples=[TYPE + "key_not_found"])
    title: str = Field(description="The status in words.", examples=["Not found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="A sentence for a person.", examples=["there is no such key in this workspace"])
    instance: str = Field(description="The path that was asked for.", examples=["/api/v1/keys/key_9"])
    code: str = Field(description="A stable word to decide by.", examples=["key_not_found"])
    request_id: str = Field(description="As in X-Request-Id; quote it when you ask for help.", examples=["req_4f2c"])
    errors: list[Fault] | None = Field(default=None, description="Each fault with its place, at most 100.")
    state: str | None = Field(default=None, description="On 409: the state that it is in.", examples=["completed"])
    allowed: list[str] | None = Field(
        default=None, description="On 409: what can be asked of it.", examples=[["archive"]]
    )


def misplaced(place: str, name: str, code: str, detail: str) -> RequestValidationError:
    """An error in a parameter or header: `place` is `query`, `path` or `header`, `name` its name on the wire."""
    return RequestValidationError(
        [{"type": code, "loc": (place, name), "msg": detail, "ctx": {"detail": detail}, "input": None}]
    )


def status_of(error: CaesuraError) -> int:
    """The HTTP status of an error."""
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next((STATUS[ancestor] for ancestor in type(error).__mro__ if ancestor in STATUS), 500)


def answer(request: Request, error: Exception) -> Response:
    """The answer to any error. One that is nobody's fault but ours is 500, and tells nothing."""
    document = _document(error, request.url.path, str(request.scope.get("state", {}).get("request_id", "")))
    headers = _headers(error)
    if document["status"] == 405:
        headers["Allow"] = ", ".join(_methods(request))
    content = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, int(document["status"]), headers, MEDIA_TYPE)


def answers(*errors: Exception) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: the errors that it can answer, by status, each code with an example."""
    described: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        example = _document(error, "/api/v1/...", "req_7h3kq2mz5w4xj6ya")
        entry = described.setdefault(
            example["status"],
            {
                "description": example["title"],
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            },
        )
        entry["content"][MEDIA_TYPE]["examples"][example["code"]] = {"summary": example["detail"], "value": example}
    return described


def merged(*described: Mapping[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Several results of `answers` as one, ordered by status."""
    statuses = sorted({status for part in described for status in part}, key=str)
    return {status: _merge([part[status] for part in described if status in part]) for status in statuses}


def _merge(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if not all(MEDIA_TYPE in entry.get("content", {}) for entry in entries):
        return {name: value for entry in entries for name, value in entry.items()}
    contents = [entry["content"][MEDIA_TYPE] for entry in entries]
    examples = {code: example for content in contents for code, example in content["examples"].items()}
    return {**entries[0], "content": {MEDIA_TYPE: {**contents[0], "examples": examples}}}


def _document(error: Exception, instance: str, request_id: str) -> dict[str, Any]:
    status, code, detail, faults = _parts(error)
    document: dict[str, Any] = {
        "type": TYPE + code,
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": request_id,
    }
    if faults:
        document["errors"] = [fault.model_dump(exclude_none=True) for fault in faults[:MAXIMUM_PROBLEMS]]
    if isinstance(error, Conflict) and error.state is not None:
        document |= {"state": error.state, "allowed": list(error.allowed)}
    return document


def _parts(error: Exception) -> tuple[int, str, str, Sequence[Fault]]:
    """Status, code, detail and faults."""
    if isinstance(error, CaesuraError):
        return status_of(error), error.code, error.detail, [_fault(problem) for problem in error.problems]
    if isinstance(error, RequestValidationError):
        faults = list(_faults(error))
        return 422, faults[0].code, faults[0].detail, faults
    if isinstance(error, HTTPException):
        code, detail = _HTTP_CODES.get(error.status_code, (f"http_{error.status_code}", str(error.detail)))
        return error.status_code, code, detail, ()
    return 500, *INTERNAL, ()


def _fault(problem: Problem) -> Fault:
    return Fault(
        code=problem.code, detail=problem.detail, pointer=problem.pointer, file=problem.file, line=problem.line
    )


def _faults(error: RequestValidationError) -> Iterable[Fault]:
    for found in error.errors():
        place, *rest = found["loc"]
        if not rest and found["type"] == "missing":
            yield Fault(code="missing_field", detail="The request needs a JSON body.", pointer="")
            continue
        for problem in problems_of([cast("ErrorDetails", {**found, "loc": tuple(rest)})], error.body):
            match place:
                case "body":
                    yield _fault(problem)
                case "header":
                    yield Fault(code=problem.code, detail=problem.detail, header=str(rest[0]))
                case _:
                    yield Fault(code=problem.code, detail=problem.detail, parameter=str(rest[0]))


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        # RFC 6750, section 3.1: no error code for a request without any key.
        invalid = "" if error.code == "key_missing" else ', error="invalid_token"'
        return {"WWW-Authenticate": f'Bearer realm="caesura"{invalid}'}
    if isinstance(error, LimitReached):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after or 1)))}
    if isinstance(error, Unavailable):
        return {"Retry-After": str(UNAVAILABLE_RETRY_SECONDS)}
    return {}


def _methods(request: Request) -> list[str]:
    """What the path takes: routes of one path stand apart by method, so that each knows only its own."""
    methods: set[str] = set()
    for route in request.app.routes:
        if getattr(route, "path_regex", None) is not None and route.path_regex.match(request.scope["path"]):
            methods |= route.methods or set()
    return sorted(methods)
