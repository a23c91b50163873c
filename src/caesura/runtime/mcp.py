"""The tools for agents, wired: over standard input and output, or as an HTTP server."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context

from caesura.domain.errors import Forbidden
from caesura.domain.scopes import Scope
from caesura.http.agents import PATH, Names
from caesura.http.authentication import Caller, authenticated
from caesura.http.context import ApiContext
from caesura.http.mcp.application import create_mcp_application
from caesura.http.mcp.server import ToolServer
from caesura.runtime.instance import entropy, now
from caesura.runtime.local import Engine
from caesura.runtime.server import WebServer
from caesura.service import installation

_STOPPING = (signal.SIGTERM, signal.SIGINT)
_AT_ONCE = 65_536


async def serve_streams(engine: Engine, api_key: str | None, workspace_id: int, actor: str) -> None:
    """Speaks MCP on standard input and output until the input ends, or SIGTERM or SIGINT comes.

    With a native `api_key`, it may do what the key may, in the key's workspace, and each call asks for the key anew.
    Without, it may do everything in `workspace_id`, and `actor` is how events name it. Raises Unauthenticated, and
    Forbidden `account_key` for one that has no workspace of its own.
    """
    api = await _context(engine)

    async def identify(_context: Context[Any, Any] | None = None) -> Caller:
        if api_key is None:
            return Caller(workspace_id, 0, actor, frozenset({Scope.ALL}))
        caller = await authenticated(api, api_key)
        if caller.is_account:
            raise Forbidden("account_key", "this is a key for an account: give one of the workspace that is meant")
        return caller

    await identify()  # a key that is wrong is told at once, not by the first tool
    with _input_that_ends() as end:
        for number in _STOPPING:
            asyncio.get_running_loop().add_signal_handler(number, end)
        await ToolServer(api, identify).run_stdio_async()


async def serve_http(engine: Engine, host: str, public_url: str | None, listener: socket.socket) -> None:
    """Serves MCP over streamable HTTP until SIGTERM or SIGINT. Prints `ready http://HOST:PORT/mcp` when it answers."""
    stopping = asyncio.Event()
    for number in _STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    application = create_mcp_application(await _context(engine), Names(host, public_url))
    config = uvicorn.Config(
        application, log_config=None, access_log=False, timeout_graceful_shutdown=5, http="httptools", ws="none"
    )
    server = WebServer(config)
    web = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not web.done():
        await asyncio.sleep(0.01)
    place, port = listener.getsockname()[:2]
    sys.stdout.write(f"ready http://{f'[{place}]' if ':' in place else place}:{port}{PATH}\n")
    sys.stdout.flush()
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait([web, stop], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stop
    await web


@contextlib.contextmanager
def _input_that_ends() -> Iterator[Callable[[], None]]:
    """Standard input for the length of the block, and what ends it from our side.

    The library reads it in a thread that nothing can wake but its end: this one leaves a thread behind instead.
    """
    theirs, ours = socket.socketpair()
    before, source = sys.stdin, sys.stdin.fileno()

    def pump() -> None:
        with contextlib.suppress(OSError):
            while read := os.read(source, _AT_ONCE):
                ours.sendall(read)
            ours.shutdown(socket.SHUT_WR)

    def end() -> None:
        with contextlib.suppress(OSError):
            ours.shutdown(socket.SHUT_WR)

    threading.Thread(target=pump, name="standard-input", daemon=True).start()
    with theirs, theirs.makefile("r", encoding="utf-8", errors="replace") as sys.stdin:
        try:
            yield end
        finally:
            sys.stdin = before


async def _context(engine: Engine) -> ApiContext:
    await installation.join(engine.database, engine.keyring)
    return ApiContext(engine.database, now, entropy, engine.keyring.secrets)
