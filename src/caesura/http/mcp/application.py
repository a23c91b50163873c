"""MCP over streamable HTTP, at /mcp: each request carries a native key, and stands for itself."""

from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from caesura.domain.errors import CaesuraError
from caesura.http import problems
from caesura.http.agents import PATH, Guard, Names
from caesura.http.authentication import Caller
from caesura.http.context import ApiContext
from caesura.http.edge import Edge
from caesura.http.mcp.server import ToolServer
from caesura.http.native.route import admit


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


def create_tool_application(context: ApiContext) -> Starlette:
    """An ASGI application over `context`, for within another: its lifespan must be entered. It looks at no names."""
    application = ToolServer(context, _caller_of).streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=context.body_limit,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    application.state.context = context
    application.add_middleware(_Admission)
    return application


def create_mcp_application(context: ApiContext, names: Names) -> Starlette:
    """As `create_tool_application`, for a server of its own that goes by these names."""
    application = create_tool_application(context)
    application.add_middleware(Guard, names=names)
    application.add_middleware(Edge, context=context)
    return application
