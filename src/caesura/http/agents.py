"""Tools for agents at the server's own `/mcp`: who may come that far, and the library behind it, once somebody comes.

What MCP asks of a server's HTTP ("Streamable HTTP", security warning): the Origin is looked at, and the Host where the
server is for its own machine, so that no web page gets at it by another name (DNS rebinding).
"""

import asyncio
import ipaddress
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from caesura.domain.errors import CaesuraError, Forbidden, NotFound
from caesura.http import problems

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from caesura.http.context import ApiContext

PATH = "/mcp"

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EXTRA = frozenset({"mcp", "mcp_types"})
"""The modules of the extra."""
MISSING = NotFound("extra_missing", "this needs the extra mcp, which is not installed: pip install 'caesura[mcp]'")


class Names:
    """The host names of a server. `host` is the address that it listens at, `public_url` how the world reaches it.

    At a loopback address it has that machine's names and that of the URL; elsewhere, it may have any.
    """

    def __init__(self, host: str, public_url: str | None = None) -> None:
        public = frozenset(filter(None, (urlsplit(public_url or "").hostname,)))
        self._known = _LOOPBACK | public
        self._hosts: Collection[str] | None = self._known if _is_loopback(host) else None

    def check(self, request: Request) -> None:
        """Raises Forbidden `host_refused` and `origin_refused`."""
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if self._hosts is not None and _name(f"//{host}") not in self._hosts:
            detail = "this server does not go by that name: call it by its address, or set CAESURA_PUBLIC_URL"
            raise Forbidden("host_refused", detail)
        if origin is not None and _name(origin) not in self._known and _place(origin) != host.lower():
            raise Forbidden("origin_refused", "web pages of other origins get nothing here")


class Guard:
    """ASGI middleware: what comes by a wrong name, or from a web page of elsewhere, comes no further."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 403."""
        if scope["type"] == "http":
            request = Request(scope)
            try:
                self._names.check(request)
            except CaesuraError as error:
                await problems.answer(request, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Agents:
    """An ASGI application that loads what it needs when it is first called. Without the extra, it says what to install.

    What it starts ends with the event loop.
    """

    def __init__(self, context: "ApiContext") -> None:
        self._context = context
        self._loading = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None
        self._tools: Starlette | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            tools = await self._ready()
        except CaesuraError as error:
            await problems.answer(Request(scope), error)(scope, receive, send)
            return
        await tools(scope, receive, send)

    async def _ready(self) -> "Starlette":
        """Raises NotFound `extra_missing`."""
        async with self._loading:
            if self._tools is None:
                # A second's work: on a thread of its own, so that the API goes on meanwhile.
                tools = await asyncio.to_thread(_load, self._context)
                started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._running = asyncio.create_task(_live(tools, started))
                await asyncio.wait([self._running, started], return_when=asyncio.FIRST_COMPLETED)
                if self._running.done():
                    self._running.result()  # what kept it from starting
                self._tools = tools
        return self._tools


def _load(context: "ApiContext") -> "Starlette":
    try:
        from caesura.http.mcp.application import create_tool_application
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in EXTRA:
            raise
        raise MISSING from error
    return create_tool_application(context)


async def _live(tools: "Starlette", started: "asyncio.Future[None]") -> None:
    async with tools.router.lifespan_context(tools):
        started.set_result(None)
        await asyncio.Event().wait()


def _name(url: str) -> str:
    """The host name of a URL in lower case; empty when there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _place(origin: str) -> str:
    """Host and port of an Origin, as a Host header has them."""
    return origin.lower().partition("://")[2]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
