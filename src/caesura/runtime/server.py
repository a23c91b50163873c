"""`caesura serve`: the database, the API and the workers under one roof."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator

import structlog
import uvicorn
import uvloop
from prometheus_client.core import GaugeMetricFamily, Metric

from caesura.domain.destinations import Destinations
from caesura.domain.errors import CaesuraError, Unavailable
from caesura.http.agents import Names
from caesura.http.application import create_application
from caesura.http.context import ApiContext
from caesura.http.door_hosts import parse_door_hosts
from caesura.runtime.crew import Crew
from caesura.runtime.errands import Errands
from caesura.runtime.fetching import Fetching
from caesura.runtime.garbage import spare_what_is_there
from caesura.runtime.instance import address_told, entropy, machine, now
from caesura.runtime.local import Engine, Reached, open_engine, reach_database
from caesura.runtime.outgoing import check_outgoing
from caesura.runtime.settings import Settings
from caesura.service import installation, workers

log = structlog.get_logger()

_STOPPING = (signal.SIGTERM, signal.SIGINT)

# How often the embedded database is looked after.
_WATCH_SECONDS = 2.0
# With another database in its place, everybody would be written to again: a person has to look.
_LOST = ("database_gone", "database_replaced")
_BACKLOG = 2048
# How long a stopping server waits for webhooks' receivers.
_ERRANDS_SECONDS = 5.0


def serve(settings: Settings, listening: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGTERM or SIGINT. Prints `ready http://HOST:PORT` when it answers.

    `listening` is called once the address is ours, before the database is looked for.

    Raises Unavailable and Invalid, before anything is started, for what keeps it from serving.
    """
    check_outgoing(settings)
    listener = open_listener(settings.host, settings.port)
    listening()
    with contextlib.closing(listener), reach_database(settings) as reached:
        uvloop.run(_until_stopped(settings, reached, listener))


def open_listener(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises Unavailable `address_in_use` and `address_unusable`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once: until one of them listens, several programs may be bound to the same port.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        code = "address_in_use" if error.errno == errno.EADDRINUSE else "address_unusable"
        hint = "; take another port: --port 8081, or 0 for a free one" if code == "address_in_use" else ""
        raise Unavailable(code, f"cannot listen at {host}:{port}: {error.strerror or error}{hint}") from error
    return listener


async def _until_stopped(settings: Settings, reached: Reached, listener: socket.socket) -> None:
    stopping = asyncio.Event()
    for number in _STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        await _serve(settings, reached, listener, stopping)
    finally:
        # The loop's handlers go with it; who asks twice must not cut the database's stop short.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)


async def _serve(settings: Settings, reached: Reached, listener: socket.socket, stopping: asyncio.Event) -> None:
    files = Fetching(Destinations.of(settings.file_hosts))
    async with open_engine(reached.dsn, settings) as engine, files:
        await installation.join(engine.database, engine.keyring)
        crew = Crew(engine, settings.workers, machine(), _environment(settings, reached.dsn))
        await crew.bury()
        context = _context(settings, engine, files)
        server = _web_server(settings, context)
        web = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not web.done():
            await asyncio.sleep(0.01)
        watch = asyncio.create_task(_watch(reached))
        errands = Errands(engine, reached.dsn, settings, context.news.tell)
        running = asyncio.create_task(errands.run())
        keeping = [asyncio.create_task(crew.run()), watch]
        host, port = listener.getsockname()[:2]
        stop = asyncio.create_task(stopping.wait())
        spare_what_is_there()
        with address_told(settings.data_dir, host, port):
            sys.stdout.write(f"ready http://{f'[{host}]' if ':' in host else host}:{port}\n")
            sys.stdout.flush()
            await asyncio.wait([web, stop, watch], return_when=asyncio.FIRST_COMPLETED)
        lost = watch.exception() if watch.done() else None
        for task in (*keeping, stop):
            task.cancel()
        await asyncio.gather(*keeping, stop, return_exceptions=True)
        errands.stop()
        await crew.stop(settings.stop_seconds)
        await _ended(running, _ERRANDS_SECONDS)
        context.news.close()
        server.should_exit = True
        await web
        if lost is not None:
            raise lost


async def _ended(running: "asyncio.Task[None]", seconds: float) -> None:
    """Waits for the errands; what is under way after that is sent again by the next server."""
    await asyncio.wait([running], timeout=seconds)
    running.cancel()
    [outcome] = await asyncio.gather(running, return_exceptions=True)
    if isinstance(outcome, Exception):
        log.error("errands_failed", error=str(outcome))


def _context(settings: Settings, engine: Engine, files: Fetching) -> ApiContext:
    async def gauges() -> Iterable[Metric]:
        rows = await workers.listed(engine.database)
        gauge = GaugeMetricFamily("caesura_workers", "Worker processes known to the database.")
        gauge.add_metric([], len(rows))
        return [gauge]

    return ApiContext(
        engine.database,
        now,
        entropy,
        engine.keyring.secrets,
        gauges=gauges,
        destinations=Destinations.of(settings.webhook_hosts),
        fetch=files.fetch,
    )


def _web_server(settings: Settings, context: ApiContext) -> uvicorn.Server:
    config = uvicorn.Config(
        create_application(context, parse_door_hosts(settings.doors or ""), Names(settings.host, settings.public_url)),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        http="httptools",
        ws="none",
        lifespan="off",
    )
    return WebServer(config)


class WebServer(uvicorn.Server):
    """uvicorn, without its signal handlers: workers must finish before the API goes, so signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def _environment(settings: Settings, dsn: str) -> dict[str, str]:
    """The environment of worker processes: ours, with every setting spelled out."""
    environment = dict(os.environ)
    for name, value in settings.model_dump(mode="json", exclude={"host", "port", "workers", "api_key"}).items():
        if value is not None:
            environment[f"CAESURA_{name.upper()}"] = str(value)
    return environment | {"CAESURA_DATABASE_URL": dsn}


async def _watch(reached: Reached) -> None:
    """Starts the embedded database again if it has died. Raises Unavailable once it is not there to be started."""
    if reached.embedded is None:
        await asyncio.Event().wait()
        return
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        try:
            if await asyncio.to_thread(reached.embedded.ensure_running):
                log.warning("database_started_again")
        except CaesuraError as error:
            if error.code in _LOST:
                raise
            log.error("database_down", code=error.code, error=error.detail)
