"""`serve`, `worker` and `sink`: the commands that run until they are stopped."""

from pathlib import Path
from typing import Annotated

import typer

from caesura.cli.options import DataDir


def serve(
    host: Annotated[
        str | None, typer.Option(envvar="CAESURA_HOST", show_default=False, help="Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(envvar="CAESURA_PORT", show_default=False, help="Default: 8080; 0 takes a free one.")
    ] = None,
    data_dir: DataDir = None,
    workers: Annotated[
        int | None,
        typer.Option(
            envvar="CAESURA_WORKERS", show_default=False, help="Worker processes. Default: 1; 0: only the API."
        ),
    ] = None,
) -> None:
    """Run the API and the workers.

    The database is an own one in the data directory, unless CAESURA_DATABASE_URL names another.

    Prints `ready http://HOST:PORT` when it answers. Ctrl-C or SIGTERM stops it in order: what is being sent is
    finished, the rest waits for the next start.
    """
    from caesura.cli.logs import configure_logs
    from caesura.cli.session import settings_for, warn_of_misspelt_settings
    from caesura.runtime.instance import KEY_FILE
    from caesura.runtime.server import serve as run

    settings = settings_for(host=host, port=port, data_dir=data_dir, workers=workers)
    warn_of_misspelt_settings()
    configure_logs()

    def welcome() -> None:
        if settings.secret_key is None and not (settings.data_dir / KEY_FILE).exists():
            typer.echo(_WELCOME.format(data_dir=settings.data_dir), err=True)

    run(settings, welcome)


_WELCOME = """First start: the database and the secret key go into {data_dir}.
A key for the API, from another terminal:  caesura key create --data-dir {data_dir}
"""


def worker(
    data_dir: DataDir = None,
    leash: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run one more worker process.

    It works on the same database as a server, on this machine or, with CAESURA_DATABASE_URL, on another.
    """
    from caesura.cli.logs import configure_logs
    from caesura.cli.session import settings_for, warn_of_misspelt_settings
    from caesura.runtime.local import reach_database
    from caesura.runtime.outgoing import check_outgoing
    from caesura.runtime.worker import work

    settings = settings_for(data_dir=data_dir)
    if leash is None:  # a server has told it already
        warn_of_misspelt_settings()
    configure_logs()
    check_outgoing(settings)
    if leash is not None and settings.database_url is not None:
        # A server's own: the database was reached and migrated before this process was started.
        work(settings.database_url, settings, leash)
        return
    with reach_database(settings) as reached:
        work(reached.dsn, settings, leash)


def sink(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the messages go, one file each.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 2525,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
) -> None:
    """Run a mail server that keeps everything.

    It delivers nothing: for trying things safely.

    Prints `ready smtp://HOST:PORT` when it listens. Ctrl-C or SIGTERM stops it.
    """
    import asyncio

    asyncio.run(_sink(out, host, port))


async def _sink(out: Path, host: str, port: int) -> None:
    import asyncio
    import signal

    from caesura.runtime.sink import Sink

    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with Sink(out, host, port) as running:
        print(f"ready smtp://{f'[{host}]' if ':' in host else host}:{running.port}", flush=True)
        await stopping.wait()
    count = running.received
    typer.echo(f"{count:,} {'message is' if count == 1 else 'messages are'} in {out}", err=True)
