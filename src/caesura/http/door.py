"""A vendor's door: routes that translate between its words and ours, behind its own keys, limits and errors.

Each dialect makes one `Door` and puts its operations on it. The door does what all of them need, in this order: the key
(401), its pace (429), the permission (403), the campaign that the path names (404), the body (400), then the
operation. Whatever goes wrong is answered in the vendor's own shape.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import structlog
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from caesura.domain.api_key import KeyForm
from caesura.domain.errors import CaesuraError, Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from caesura.http import idempotency, strict_json
from caesura.http.authentication import Caller
from caesura.http.context import ApiContext, context_of
from caesura.http.limits import RateLimited, bounded, paced
from caesura.service import keys
from caesura.service.rate_limits import Standing

log = structlog.get_logger(__name__)

CAMPAIGN = "campaign_id"
"""The path parameter that names a campaign, in every door's templates: it is looked up before the operation runs."""


Changed = TypeVar("Changed")
# Of so many at the same moment, each comes through: one of them does in every round.
_ATTEMPTS = 8
_CHANGED = ("version_mismatch", "status_changed")


class Support(StrEnum):
    """How much of what the vendor documents an operation does here."""

    FULL = "yes"
    PART = "in part"
    NONE = "no"


class Refusal(Exception):
    """An error in a door's own words: HTTP status, its code word, a message, and what else its shape has room for."""

    def __init__(
        self, status: int, code: str, message: str, details: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Operation:
    """What a door offers at a method and path. `permission` is a word of the door's own, `also` those that are needed
    besides; `note` says what is missing.

    `shared` operations may also be asked by a key that is restricted to campaigns, though the path names none: they
    must look at `Call.visible` themselves. `body_limit` is in bytes, 0 for the usual one. A body that comes with a
    `bodiless` one is not looked at, whatever is in it.
    """

    method: str
    path: str
    permission: str
    handler: "Handler"
    support: Support = Support.FULL
    note: str = ""
    idempotent: bool = False
    shared: bool = False
    body_limit: int = 0
    also: tuple[str, ...] = ()
    bodiless: bool = False


@dataclass(slots=True)
class Call:
    """One request to an operation, after the door's checks. `now` is UTC; `content` the JSON body, None without one.

    `campaign_id` is our number of the campaign in the path. That it exists is for the services to say.
    """

    request: Request
    context: ApiContext
    caller: Caller
    operation: Operation
    now: datetime
    campaign_id: int = 0
    content: object = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def workspace_id(self) -> int:
        """Whose rows these are."""
        return self.caller.workspace_id

    @property
    def key(self) -> tuple[Any, int]:
        """What every service function begins with: the database and the workspace."""
        return self.context.database, self.caller.workspace_id

    def path(self, name: str) -> str:
        """A path parameter."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str | None:
        """A query parameter, the last one if it is there several times; None if it is not there."""
        return self.request.query_params.get(name)

    def visible(self, campaign_id: int) -> bool:
        """Whether the key may see this campaign."""
        allowed = self.caller.campaign_ids
        return allowed is None or campaign_id in allowed

    def fields(self) -> dict[str, Any]:
        """The body as an object; {} without one. Raises Invalid `wrong_type`."""
        if self.content is None:
            return {}
        if not isinstance(self.content, dict):
            raise Invalid("wrong_type", "the body must be a JSON object")
        return self.content

    def answer(self, value: Any, status: int = 200) -> Response:
        """A JSON answer with the headers collected so far."""
        return as_json(value, status, self.headers)

    def empty(self, status: int = 200) -> Response:
        """An answer without a body."""
        return Response(b"", status, self.headers)


Handler = Callable[[Call], Awaitable[Response]]


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as an application/json answer."""
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(content, status, dict(headers or {}), "application/json")


class Door(ABC):
    """The operations of one dialect under `prefix`. Subclasses say how its keys, ids, limits and errors look."""

    def __init__(self, name: str, prefix: str, form: KeyForm) -> None:
        self.name = name
        self.prefix = prefix
        self.form = form
        self.operations: list[Operation] = []

    def on(
        self,
        method: str,
        path: str,
        permission: str,
        *,
        support: Support = Support.FULL,
        note: str = "",
        idempotent: bool = False,
        shared: bool = False,
        body_limit: int = 0,
        also: tuple[str, ...] = (),
        bodiless: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Puts the decorated function at a method and path (below the prefix; parameters in braces): see Operation."""

        def put(handler: Handler) -> Handler:
            told = (support, note, idempotent, shared, body_limit, also, bodiless)
            operation = Operation(method, path, permission, handler, *told)
            self.operations.append(operation)
            return handler

        return put

    def lacks(self, method: str, path: str, permission: str, what: str) -> None:
        """Tells that the vendor has an operation there that we have not; `what` is it, in a few words."""

        async def refuse(call: Call) -> Response:
            raise self.unsupported(what)

        self.operations.append(Operation(method, path, permission, refuse, Support.NONE, what, shared=True))

    def routes(self) -> list[BaseRoute]:
        """For the application: each operation, and last what answers every other path below the prefix."""
        known = [
            Route(f"{self.prefix}{one.path}", self._endpoint(one), methods=[one.method]) for one in self.operations
        ]

        async def elsewhere(request: Request) -> Response:
            return self._no_route(request, known)

        others = [Route(f"{self.prefix}{path}", elsewhere) for path in ("", "/{rest:path}")]
        for route in others:
            # Whatever the method: OPTIONS, and words that nobody knows.
            route.methods = None
        return [*known, *others]

    @abstractmethod
    def presented(self, request: Request) -> str:
        """The key that a request carries. Raises Unauthenticated."""

    @abstractmethod
    def campaign(self, text: str) -> int:
        """Our number of the campaign with this id on the wire. Raises NotFound or a Refusal."""

    @abstractmethod
    def refusal(self, error: Exception, operation: Operation | None) -> Refusal:
        """The door's words for an error of ours; one that is neither a CaesuraError nor a Refusal is our own fault."""

    @abstractmethod
    def render(self, refusal: Refusal, request: Request, operation: Operation | None) -> Response:
        """A refusal in the vendor's shape."""

    @abstractmethod
    def unsupported(self, what: str) -> Refusal:
        """That something is not supported here."""

    def allows(self, held: Collection[str], needed: str) -> bool:
        """Whether a key with the permissions `held` has the permission `needed`."""
        return needed in held or "*" in held

    async def identify(self, request: Request) -> Caller:
        """Whose key a request carries. Raises Unauthenticated."""
        context = context_of(request)
        row = await keys.authenticate(
            context.database, self.form, self.presented(request), context.secrets.pepper, context.clock()
        )
        return Caller.of(row)

    async def pace(self, request: Request, caller: Caller) -> dict[str, str]:
        """Counts the request, and answers the headers that say where its key stands. Raises RateLimited."""
        standing = await paced(request, caller, self.form.allowances(caller.plan))
        return self.standing(standing) if standing is not None else {}

    def standing(self, standing: Standing) -> dict[str, str]:
        """The vendor's headers that say where a key stands; none unless it documents some."""
        return {}

    async def respond(self, call: Call) -> Response:
        """Runs the operation, once all else is in order and the whole request is here."""
        return await call.operation.handler(call)

    def _endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                caller = await self.identify(request)
                headers |= await self.pace(request, caller)
                call = Call(request, context_of(request), caller, operation, context_of(request).clock())
                call.headers = headers
                return await self._perform(call)
            except ClientDisconnect:
                raise
            except Exception as error:
                return self._refused(error, request, operation, headers)

        return endpoint

    async def _perform(self, call: Call) -> Response:
        operation = call.operation
        for needed in (operation.permission, *operation.also):
            if not self.allows(call.caller.scopes, needed):
                raise Forbidden("scope_missing", f"this key lacks the permission {needed}")
        if CAMPAIGN in call.request.path_params:
            call.campaign_id = self.campaign(call.path(CAMPAIGN))
            if not call.visible(call.campaign_id):
                raise NotFound("campaign_not_found", "there is no such campaign")
        elif call.caller.campaign_ids is not None and not operation.shared:
            raise Forbidden("key_restricted", "this key is for single campaigns only")
        body = await self._body(call)
        if not operation.idempotent:
            return await self.respond(call)
        request = call.request

        async def respond() -> Response:
            try:
                return await self.respond(call)
            except (CaesuraError, Refusal) as error:
                return self._refused(error, request, operation, call.headers)

        return await idempotency.once_only(request, call.caller, body, respond)

    async def _body(self, call: Call) -> bytes:
        if call.operation.method == "GET":
            return b""
        request = call.request
        receive = bounded(request.receive, request.headers, call.operation.body_limit or call.context.body_limit)
        body = await Request(request.scope, receive).body()
        if body.strip() and not call.operation.bodiless:
            call.content = strict_json.parse(body)
        return body

    def _refused(
        self, error: Exception, request: Request, operation: Operation | None, headers: Mapping[str, str]
    ) -> Response:
        refusal = error if isinstance(error, Refusal) else self.refusal(error, operation)
        if refusal.status >= 500 and not isinstance(error, CaesuraError):
            log.error("request_failed", door=self.name, path=request.url.path, exc_info=error)
        response = self.render(refusal, request, operation)
        if isinstance(error, RateLimited):
            headers = {**self.standing(error.standing), **headers}
        for name, value in {**headers, **refusal.headers}.items():
            response.headers.setdefault(name, value)
        return response

    def _no_route(self, request: Request, known: Sequence[Route]) -> Response:
        """A path that the door has not, or has for other methods only; `known` are its operations' routes, in order."""
        allowed = [
            one.method
            for one, route in zip(self.operations, known, strict=True)
            if route.matches(request.scope)[0] is not Match.NONE
        ]
        if allowed:
            headers = {"Allow": ", ".join(sorted(set(allowed)))}
            refusal = Refusal(405, "method_not_allowed", "This path does not take this method.", headers=headers)
        else:
            refusal = Refusal(404, "route_not_found", "There is nothing at this path.")
        return self._refused(refusal, request, None, {})


async def until_unchanged(change: Callable[[], Awaitable[Changed]]) -> Changed:
    """Does `change`, which reads something and writes it by the version that it has read, again while others write.

    So of edits at the same moment, none undoes another. Raises Conflict after some attempts, and what `change` raises.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await change()
        except Conflict as error:
            if error.code not in _CHANGED:
                raise
    return await change()


def bearer(request: Request, example: str) -> str:
    """The key in `Authorization: Bearer`; `example` shows how one looks. Raises Unauthenticated."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise Unauthenticated("key_missing", f"send the header Authorization: Bearer {example}")
    if scheme.lower() != "bearer" or not presented.strip(" "):
        raise Unauthenticated("key_malformed", f"the Authorization header must be: Bearer {example}")
    return presented.strip(" ")
