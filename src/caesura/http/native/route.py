"""What every native route does before and around its own work: key, pace, parameters, body, idempotency."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from caesura.domain.errors import (
    CaesuraError,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    Problem,
    Unauthenticated,
    Unavailable,
)
from caesura.http import idempotency, problems, strict_json
from caesura.http.authentication import Caller, identify
from caesura.http.context import BODY_WITH_FILES, context_of
from caesura.http.key_forms import NATIVE
from caesura.http.limits import RateLimited, bounded, paced, rate_limit_fields
from caesura.http.native.identifiers import CAMPAIGN
from caesura.http.native.workspace_choice import SHUT, placed

_ERRORS = (
    Unauthenticated("key_missing", "this needs a key: send the header Authorization: Bearer cae_..."),
    Unauthenticated("key_unknown", "there is no such key here"),
    Unauthenticated("key_revoked", "this key was revoked"),
    Unauthenticated("key_expired", "this key has expired"),
    Forbidden("scope_missing", "this key lacks the scope campaigns:write"),
    Forbidden("key_restricted", "this key is for single campaigns only"),
    SHUT,
    Invalid("encoding_invalid", "the query is not UTF-8"),
    problems.misplaced("query", "limt", "unknown_parameter", "There is no such parameter."),
    LimitReached("rate_limited", "this key asks faster than it may"),
    Unavailable("database_unreachable", "the database does not answer"),
    Unavailable("database_full", "the database's disk is full: make room there, then all goes on by itself"),
    Unavailable("database_read_only", "the database takes no changes now: make it the primary again"),
    Exception(),
)
_BODY_ERRORS = (
    Invalid("json_malformed", "the body is not JSON: Expecting value at line 1, column 1"),
    Invalid("body_too_large", "the body may have 1000000 bytes at most"),
    Invalid("unsupported_media_type", "the body must be application/json"),
    Invalid.of(Problem("wrong_type", "This must be a text, not a number.", "/name")),
)


class CheckedRequest(Request):
    """A request whose JSON was parsed strictly."""

    content: object = None

    async def json(self) -> object:
        """The value, as `strict_json.parse` gave it."""
        return self.content


class NativeRoute(APIRoute):
    """A route of the native API, for `APIRouter(route_class=NativeRoute)`.

    In this order: the key (401), its pace (429), parameters that are unknown or cannot be text (422), a body that is
    too large, no JSON or unfit to be stored (413, 415, 400, 422), then what FastAPI checks. A POST with an
    Idempotency-Key is done once.
    """

    # Whether the endpoint reads the body itself, from `request.stream()`, however large it is.
    streams_body = False
    # In bytes; None: as for all others.
    body_limit: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.responses = problems.merged(problems.answers(*self._common_errors()), self.responses)
        if "POST" in (self.methods or ()):
            self.openapi_extra = {**(self.openapi_extra or {}), "parameters": [idempotency.PARAMETER]}

    def _common_errors(self) -> Iterator[Exception]:
        yield from _ERRORS
        if self.body_field is not None:
            yield from _BODY_ERRORS
        if "POST" in (self.methods or ()):
            yield from idempotency.ERRORS

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with ours around it."""
        respond = super().get_route_handler()
        known = frozenset(_query_names(self.dependant))

        async def handle(request: Request) -> Response:
            caller = await admit(request)
            _check_campaign(request, caller)
            _check_parameters(request, known)
            checked = await self._read(request)

            async def answer() -> Response:
                try:
                    return await respond(checked)
                except (CaesuraError, RequestValidationError, HTTPException) as error:
                    return problems.answer(request, error)

            if request.method != "POST":
                return await answer()
            return await idempotency.once_only(request, caller, await self._identity(checked), answer)

        return handle

    async def _read(self, request: Request) -> CheckedRequest:
        if self.streams_body:
            return CheckedRequest(request.scope, request.receive)
        limit = self.body_limit or context_of(request).body_limit
        checked = CheckedRequest(request.scope, bounded(request.receive, request.headers, limit))
        if self.body_field is not None and (body := await checked.body()):
            if not _is_json(request.headers.get("content-type", "")):
                raise Invalid("unsupported_media_type", "the body must be application/json")
            checked.content = strict_json.parse(body)
        return checked

    async def _identity(self, request: CheckedRequest) -> bytes:
        """What stands for the body when requests are compared; of a stream, what was declared."""
        if self.streams_body:
            declared = (request.headers.get(name, "") for name in ("content-length", "content-digest", "content-type"))
            return "\n".join(declared).encode()
        return await request.body()


class FilesRoute(NativeRoute):
    """A route that takes files within its JSON."""

    body_limit = BODY_WITH_FILES


class UploadRoute(NativeRoute):
    """A route that takes a body of any size as a stream."""

    streams_body = True


async def admit(request: Request) -> Caller:
    """Who asks, and in which workspace, if the pace allows; where the key stands goes into the headers of the answer.

    Raises Unauthenticated, RateLimited, and what `placed` does.
    """
    caller = await placed(request, await identify(request))
    request.state.caller = caller
    try:
        standing = await paced(request, caller, NATIVE.allowances(caller.plan))
    except RateLimited as error:
        request.state.headers = rate_limit_fields(error.standing)
        raise
    if standing is not None:
        request.state.headers = rate_limit_fields(standing)
    return caller


def _check_campaign(request: Request, caller: Caller) -> None:
    """A key for single campaigns opens what names one of them, and nothing that names none."""
    if caller.campaign_ids is None:
        return
    named = request.path_params.get("campaign_id")
    lists_them = request.method == "GET" and request.url.path == "/api/v1/campaigns"
    if named is None and not lists_them:
        raise Forbidden("key_restricted", "this key is for single campaigns only")
    if named is not None and CAMPAIGN.parse(named) not in caller.campaign_ids:
        raise NotFound("campaign_not_found", "there is no such campaign in this workspace")


def _query_names(dependant: Dependant) -> Iterator[str]:
    """The query parameters that a route knows, through all its dependencies."""
    for field in dependant.query_params:
        yield field.alias
    for inner in dependant.dependencies:
        yield from _query_names(inner)


def _check_parameters(request: Request, known: frozenset[str]) -> None:
    try:
        text = unquote_to_bytes(request.scope["query_string"]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("encoding_invalid", "the query is not UTF-8") from error
    names = [name for name, _ in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)]
    for name in names:
        if name not in known:
            raise problems.misplaced("query", name[:100], "unknown_parameter", "There is no such parameter.")
        if names.count(name) > 1:
            raise problems.misplaced("query", name, "repeated_parameter", "The parameter is there twice.")
        if "\0" in text:
            raise problems.misplaced("query", name, "control_character", "There is a NUL character in the query.")
    for name, value in request.path_params.items():
        if "\0" in str(value):
            raise problems.misplaced("path", name, "control_character", "There is a NUL character in the path.")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
