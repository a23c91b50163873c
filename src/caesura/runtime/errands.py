"""What a server does beside answering: it turns events into webhooks' deliveries, sends them, and hears hints."""

import asyncio
import contextlib
from collections.abc import Callable
from importlib import import_module

import structlog

from caesura.domain.destinations import Destinations
from caesura.http.webhook_forms import FORMS
from caesura.runtime.garbage import spare_what_is_there
from caesura.runtime.instance import now
from caesura.runtime.local import Engine
from caesura.runtime.settings import Settings
from caesura.store.database import Database
from caesura.worker.hints import Hint, listen

log = structlog.get_logger()

# Its own, so that no receiver of webhooks ever takes a connection from the API.
_CONNECTIONS = 4
_OUTAGE_SECONDS = 2.0


class Errands:
    """`run` goes on until `stop`. `heard` is told the workspace of each hint."""

    def __init__(self, engine: Engine, dsn: str, settings: Settings, heard: Callable[[int], None]) -> None:
        self._keyring = engine.keyring
        self._dsn = dsn
        self._destinations = Destinations.of(settings.webhook_hosts)
        self._heard = heard
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begins nothing more: `run` returns once the requests under way are answered or out of time."""
        self._stopping.set()

    async def run(self) -> None:
        """Does all of it, until stopped: what fails is told at once and begun again."""
        while not self._stopping.is_set():
            try:
                await self._run()
            except Exception:
                log.exception("errands_failed")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _OUTAGE_SECONDS)

    async def _run(self) -> None:
        # What jobs and webhooks are made with takes long to import: whoever waits for a server to start does not wait
        # for that, and the loop goes on answering meanwhile.
        await asyncio.to_thread(import_module, "caesura.worker.jobs")
        from caesura.worker.jobs import JobRunner, Pump
        from caesura.worker.webhooks import Courier

        spare_what_is_there()
        database = await Database.open(self._dsn, _CONNECTIONS)
        try:
            async with Courier(database, self._keyring, FORMS, self._destinations, now) as courier:
                pump, runner = Pump(database, FORMS, now), JobRunner(self._dsn, courier)

                def heard(hint: Hint) -> None:
                    pump.wake()
                    self._heard(hint.workspace)

                helpers = [
                    asyncio.create_task(pump.run()),
                    asyncio.create_task(listen(self._dsn, heard, _OUTAGE_SECONDS)),
                ]
                jobs = asyncio.create_task(runner.run())
                stop = asyncio.create_task(self._stopping.wait())
                try:
                    ended, _ = await asyncio.wait([*helpers, jobs, stop], return_when=asyncio.FIRST_COMPLETED)
                    for task in ended:
                        task.result()
                    runner.stop()
                    await jobs
                finally:
                    for task in (*helpers, jobs, stop):
                        task.cancel()
                    await asyncio.gather(*helpers, jobs, stop, return_exceptions=True)
        finally:
            database.terminate()
