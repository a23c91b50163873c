"""Ordinary jobs: pgqueuer takes them out of the database, one per webhook at a time, however many servers there are."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import asyncpg
import msgspec
import structlog
from pgqueuer.errors import FailingListenerError
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from caesura.domain.errors import CaesuraError
from caesura.domain.webhook_form import WebhookForm
from caesura.service import webhook_delivery
from caesura.store.database import OUTAGES, Database
from caesura.store.jobs import WEBHOOK, WebhookJob
from caesura.worker.webhooks import Courier

log = structlog.get_logger()

# Webhooks whose turn one server looks after: most of these wait for it, as each workspace has a share of the requests.
MOST_JOBS = 1_000
_BATCH = 20
# A job whose server gave no sign of life for so long is begun again by another.
HEARTBEAT = timedelta(seconds=30)
_OUTAGE_SECONDS = 2.0
_PRUNE_SECONDS = 3_600.0


class Pump:
    """Makes deliveries of events, and jobs of what is due: at each hint, and every `poll_seconds` without one."""

    def __init__(
        self,
        database: Database,
        forms: Mapping[str, WebhookForm],
        clock: Callable[[], datetime],
        poll_seconds: float = 1.0,
    ) -> None:
        self._database = database
        self._forms = forms
        self._clock = clock
        self._poll = poll_seconds
        self._hint = asyncio.Event()

    def wake(self) -> None:
        """Something happened: do not wait."""
        self._hint.set()

    async def run(self) -> None:
        """Goes on until cancelled."""
        loop = asyncio.get_running_loop()
        swept: float | None = None
        pruned: float | None = None
        while True:
            self._hint.clear()
            told = 0
            try:
                told = await webhook_delivery.fan_out(self._database, self._forms, self._clock())
                if swept is None or loop.time() - swept >= self._poll:
                    swept = loop.time()
                    await webhook_delivery.enqueue_due(self._database, self._clock())
                if pruned is None or loop.time() - pruned > _PRUNE_SECONDS:
                    await webhook_delivery.prune(self._database, self._clock())
                    pruned = loop.time()
            except CaesuraError as error:
                log.warning("webhooks_wait", error=error.detail)
            except Exception:
                log.exception("webhooks_failed")
            if told:
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hint.wait(), self._poll)


class JobRunner:
    """Runs the jobs of one server until stopped, over connections of its own; goes on after an outage."""

    def __init__(self, dsn: str, courier: Courier, heartbeat: timedelta = HEARTBEAT) -> None:
        self._dsn = dsn
        self._courier = courier
        self._heartbeat = heartbeat
        self._stopping = asyncio.Event()
        self._manager: QueueManager | None = None

    async def run(self) -> None:
        """Goes on until `stop`; returns once the jobs under way are done."""
        while not self._stopping.is_set():
            try:
                await self._run_queue()
            except (*OUTAGES, FailingListenerError) as error:
                log.warning("jobs_wait", error=str(error) or "no job is heard of any more")
            except Exception:
                log.exception("jobs_failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _OUTAGE_SECONDS)

    def stop(self) -> None:
        """Begins nothing more."""
        self._stopping.set()
        self._courier.stop()
        if self._manager is not None:
            self._manager.shutdown.set()

    async def _run_queue(self) -> None:
        settings = {"application_name": "caesura jobs", "timezone": "UTC"}
        async with asyncpg.create_pool(self._dsn, min_size=0, max_size=4, server_settings=settings) as pool:
            manager = QueueManager(Queries.from_asyncpg_pool(pool))
            manager.entrypoint(WEBHOOK)(self._webhook)
            self._manager = manager
            if self._stopping.is_set():
                return
            await manager.run(
                dequeue_timeout=timedelta(seconds=5),
                batch_size=_BATCH,
                max_concurrent_tasks=MOST_JOBS,
                shutdown_on_listener_failure=True,
                heartbeat_timeout=self._heartbeat,
            )

    async def _webhook(self, job: Job) -> None:
        wanted = msgspec.json.decode(job.payload or b"", type=WebhookJob)
        await self._courier.deliver(wanted.workspace_id, wanted.webhook_id)
