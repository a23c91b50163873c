"""The application: all doors, in one description."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

import caesura
from caesura.domain.errors import CaesuraError
from caesura.http import agents, health, native, problems, unsubscribe
from caesura.http.agents import Agents, Guard, Names
from caesura.http.context import ApiContext
from caesura.http.door_hosts import DoorHosts
from caesura.http.doors import doors
from caesura.http.edge import REQUEST_ID, Edge
from caesura.http.native.webhook_description import webhook_operations, webhook_schemas

DESCRIPTION = """
A self-hosted engine for email campaigns whose start, pause and resume can be trusted.

- **Keys.** `Authorization: Bearer cae_...`; each operation names the scope that it needs.
- **Times** are UTC, written as in RFC 3339. **Ids** say what they name: `cmp_12`, `led_5`.
- **Errors** are `application/problem+json` (RFC 9457). Decide by `code`; `errors` gives each fault with its place.
- **Unknown fields and parameters** are refused, not ignored. Nothing is converted: `"5"` is not `5`.
- **Retries.** Every POST takes an `Idempotency-Key`.
- **Lists** come in pages: `limit`, `cursor`, and `next_cursor` in the answer.
- **Edits** take `If-Match` with the `ETag` of what was read.
- **Pace.** `RateLimit-*` headers say where a key stands; 429 and 503 carry `Retry-After`, in seconds.
- **Support.** Every answer has an `X-Request-Id`.
"""

_COMMON_HEADERS = {
    REQUEST_ID: {
        "description": "Names this request in the server's log; one that you send is kept.",
        "schema": {"type": "string"},
    }
}
_HEADERS_BY_STATUS = {
    "401": {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}}},
    "405": {"Allow": {"description": "The methods that the path takes.", "schema": {"type": "string"}}},
    "429": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
    "503": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
}


class Application(FastAPI):
    """FastAPI, with our own description."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _described(self)
        return self.openapi_schema


def create_application(
    context: ApiContext, door_hosts: Mapping[str, str] = MappingProxyType({}), names: Names | None = None
) -> FastAPI:
    """An ASGI application over `context`. It opens and closes nothing: the database is the caller's.

    `door_hosts` has the prefix of a door for each host name (lower case) that leads to one. `names` are the server's.
    """
    application = Application(
        title="Caesura",
        version=caesura.__version__,
        description=DESCRIPTION.strip(),
        servers=[{"url": "/", "description": "This server."}],
        openapi_tags=[*native.TAGS, health.TAG],
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            CaesuraError: _answer,
            RequestValidationError: _answer,
            HTTPException: _answer,
        },
    )
    application.state.context = context
    application.add_middleware(Edge, context=context)
    application.add_middleware(DoorHosts, hosts=door_hosts)
    for routes in (*native.routers(), unsubscribe.router(), health.router()):
        _take(application, routes)
    application.router.routes.append(Route(agents.PATH, Guard(Agents(context), names or Names("127.0.0.1"))))
    for door in doors():
        application.router.routes.extend(door.routes())
    return application


def _take(application: FastAPI, routes: APIRouter) -> None:
    """As they are, in one flat list: a route knows its whole path, and a path all its methods."""
    application.router.routes.extend(routes.routes)


async def _answer(request: Request, error: Exception) -> Response:
    return problems.answer(request, error)


def _described(application: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=application.title,
        version=application.version,
        description=application.description,
        routes=application.routes,
        tags=application.openapi_tags,
        servers=application.servers,
    )
    template = "#/components/schemas/{model}"
    problem = problems.ProblemDocument.model_json_schema(ref_template=template)
    schemas = document["components"]["schemas"]
    schemas |= problem.pop("$defs")
    schemas["Problem"] = {**problem, "title": "Problem"}
    shared: dict[str, Any] = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                headers = _COMMON_HEADERS | _HEADERS_BY_STATUS.get(status, {})
                response["headers"] = headers | response.get("headers", {})
                _share_examples(response, shared)
    document["components"]["examples"] = shared
    schemas |= webhook_schemas()
    document["webhooks"] = webhook_operations()
    return document


def _share_examples(response: dict[str, Any], shared: dict[str, Any]) -> None:
    """Most errors are those of every operation: each is written down once."""
    examples = response.get("content", {}).get(problems.MEDIA_TYPE, {}).get("examples", {})
    for code, example in examples.items():
        if shared.setdefault(code, example) == example:
            examples[code] = {"$ref": f"#/components/examples/{code}"}
