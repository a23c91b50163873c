"""A simulated week: the worker as it is, with a clock that jumps and mail servers that take everything at once."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from bench.machine import cpu_seconds, family
from bench.stage import PUBLIC_URL
from caesura.domain.plan import MailboxPlan
from caesura.protocol.smtp import Kind, Outcome, SessionFailure
from caesura.protocol.smtp.outcome import Stage
from caesura.service.plans import Plans
from caesura.store.database import Database
from caesura.worker.carrier import Carrier, Job
from caesura.worker.letters import Identity
from caesura.worker.loop import Worker, WorkerIdentity


class NoSecrets:
    """These mailboxes have none."""

    def open(self, workspace_id: int, name: str, sealed: bytes, purpose: str = "", /) -> str:
        """Never asked."""
        raise AssertionError(f"mailbox {name} has a secret")


class Clock:
    """A clock that is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class InstantCarrier(Carrier):
    """Mail servers that take each message at once."""

    def __init__(self, failed: Callable[[int, MailboxPlan, SessionFailure], None]) -> None:
        super().__init__(failed)
        self.accepted = 0

    def submit(self, job: Job) -> None:
        """Accepted."""
        self.accepted += 1
        job.finished(job, Outcome(Kind.ACCEPTED, Stage.DATA, detail="simulated"))


class SteppedWorker(Worker):
    """A worker whose rounds are called for."""

    @classmethod
    async def open(cls, database: Database, clock: Clock) -> "SteppedWorker":
        """One at work on this database."""
        identity = WorkerIdentity("bench/1/1", "bench", 1)
        return cls(identity, database, Plans(NoSecrets()), Identity(b"b" * 32, PUBLIC_URL), clock, None, InstantCarrier)

    @property
    def accepted(self) -> int:
        """Messages that went out so far."""
        assert isinstance(self._carrier, InstantCarrier)
        return self._carrier.accepted

    async def work_off(self) -> None:
        """All that can go out at this moment."""
        recording = asyncio.create_task(self._recorder.run())
        try:
            await self._tick()
            while await self._round():
                await self._recorder.drain()
            await self._recorder.drain()
        finally:
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)


class World:
    """A database with campaigns that run, the clock of its week, and what its messages cost."""

    def __init__(self, dsn: str, postmaster: int, monday: datetime) -> None:
        self.messages = 0
        self._dsn = dsn
        self._postmaster = postmaster
        self._clock = Clock(monday)

    def day(self, step: timedelta, opens: timedelta, closes: timedelta) -> tuple[int, float, float]:
        """The next day: messages, CPU seconds of the worker, and CPU seconds of the database.

        The clock goes by `step` while any mailbox may be open, and by hours otherwise.
        """
        return asyncio.run(self._day(step, opens, closes))

    async def _day(self, step: timedelta, opens: timedelta, closes: timedelta) -> tuple[int, float, float]:
        database = await Database.open(self._dsn)
        try:
            worker = await SteppedWorker.open(database, self._clock)
            await worker.work_off()  # connections and plans are there
            before, began, at_first = cpu_seconds(family(self._postmaster)), time.process_time(), worker.accepted
            midnight = self._clock.now
            while self._clock.now < midnight + timedelta(days=1):
                await worker.work_off()
                is_open = opens <= self._clock.now - midnight < closes
                self._clock.now += step if is_open else timedelta(hours=2)
            took = time.process_time() - began
            sent = worker.accepted - at_first
            self.messages += worker.accepted
            return sent, took, cpu_seconds(family(self._postmaster)) - before
        finally:
            await database.close()
