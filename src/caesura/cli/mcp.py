"""`mcp`: the tools for agents."""

from typing import TYPE_CHECKING, Annotated

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, DataDir, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Listen for HTTP, where each request carries a key.")] = False,
    host: Annotated[
        str | None, typer.Option(show_default=False, help="With --http: the address. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, show_default=False, help="With --http: the port. Default: 8090; 0 takes a free one."
        ),
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    data_dir: DataDir = None,
) -> None:
    """Give agents tools, over the Model Context Protocol.

    On standard input and output, for a client that starts it: it may do everything in the workspace, or with
    CAESURA_API_KEY what that key may, where that key belongs. With --http it prints `ready http://HOST:PORT/mcp`, and
    each request carries a native key as Bearer. A start and a resume need the code of a preview.
    """
    from caesura.cli.logs import configure_logs
    from caesura.cli.session import settings_for, warn_of_misspelt_settings, work
    from caesura.domain.errors import Unavailable

    if not http and (host is not None or port is not None):
        raise typer.BadParameter("--host and --port are for --http.")
    try:
        from caesura.runtime.mcp import serve_http, serve_streams
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        detail = "this needs the extra mcp, which is not installed: pip install 'caesura[mcp]'"
        raise Unavailable("extra_missing", detail) from error
    from caesura.runtime.server import open_listener

    settings = settings_for(data_dir=data_dir)
    warn_of_misspelt_settings()
    configure_logs()
    if not http:

        async def speak(session: "Session") -> None:
            actor = session.actor.replace("cli", "mcp", 1)
            await serve_streams(session.engine, settings.api_key, session.workspace_id, actor)

        work(data_dir, workspace, speak)
        return
    address = host or "127.0.0.1"
    with open_listener(address, 8090 if port is None else port) as listener:

        async def serve(session: "Session") -> None:
            await serve_http(session.engine, address, settings.public_url, listener)

        work(data_dir, workspace, serve)
