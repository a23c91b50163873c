"""MCP over streamable HTTP, at /mcp: each request carries a native key, and stands for itself."""

from typing import Any

from mcp.server.mcpserver import Context
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from caesura.domain.errors import CaesuraError
from caesura.http import problems
from caesura.http.authentication import Caller
from caesura.http.context import ApiContext
from caesura.http.edge import Edge
from caesura.http.mcp.server import ToolServer
from caesura.http.native.route import admit

PATH = "/mcp"


class _Admission:
    """ASGI middleware: a request without a good key, or too many of one key, come no further."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            await admit(request)
        except CaesuraError as error:
            await problems.answer(request, error)(scope, receive, send)
            return
        if request.method != "POST":
            # There is nothing to listen to, and no session to end; a GET would be held open for nothing.
            answer = problems.answer(request, HTTPException(405))
            answer.headers["Allow"] = "POST"
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def _caller_of(context: Context[Any, Any]) -> Caller:
    request = context.request_context.request
    assert isinstance(request, Request), "the transport gives each call its request"
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


def create_mcp_application(context: ApiContext, host: str) -> Starlette:
    """An ASGI application over `context` that listens at `host`. It opens and closes nothing.

    On a loopback address, only requests that name one as their host are taken: a web page must not get at it by a
    name of its own.
    """
    server = ToolServer(context, _caller_of)
    application = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=context.body_limit,
        host=host,
    )
    application.state.context = context
    application.add_middleware(_Admission)
    application.add_middleware(Edge, context=context)
    return application
