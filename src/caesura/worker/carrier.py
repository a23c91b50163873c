"""Carries marked messages to their servers: a lane for each mailbox, over at most so many connections."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import cast

from caesura.domain.plan import MailboxPlan
from caesura.protocol.smtp import (
    Envelope,
    FailureKind,
    Kind,
    Outcome,
    SessionFailure,
    Stage,
)
from caesura.worker.connection_settings import settings_for
from caesura.worker.connections import ConnectionPool
from caesura.worker.transport import Connection, SessionFailed, Timeouts

# Messages handed to one connection at a time: the one being written and the one whose envelope rides behind it.
DEPTH = 2


@dataclass(slots=True, eq=False)
class Job:
    """One marked message on its way. `finished` is called once, with its outcome.

    After `deadline` (the loop's time) its lease is lost, and with it the right to begin it.
    """

    workspace_id: int
    mailbox: MailboxPlan
    envelope: Envelope
    finished: Callable[["Job", Outcome], None]
    deadline: float
    connection: Connection | None = None


@dataclass(slots=True)
class _Lane:
    """The jobs of one mailbox that no connection has taken yet, and the tasks that serve them."""

    jobs: deque[Job] = field(default_factory=deque)
    runners: set["asyncio.Task[None]"] = field(default_factory=set)


class Carrier:
    """Sends jobs; `failed` is told of each session that could not be had. For one event loop.

    At most `connections` are open at once (None: as many as the mailboxes' own limits allow).
    """

    def __init__(
        self,
        failed: Callable[[int, MailboxPlan, SessionFailure], None],
        helo_name: str | None = None,
        ca_file: str | None = None,
        timeouts: Timeouts | None = None,
        connections: int | None = None,
    ) -> None:
        self._failed = failed
        self._helo_name = helo_name
        self._ca_file = ca_file
        self._timeouts = timeouts or Timeouts()
        self._pool = ConnectionPool(most=connections)
        self._lanes: dict[tuple[int, int], _Lane] = {}
        self._at_work: dict[asyncio.Task[None], Connection] = {}

    def submit(self, job: Job) -> None:
        """Queues a job on its mailbox's lane and opens a connection for it if the mailbox may have one more."""
        key = (job.workspace_id, job.mailbox.mailbox_id)
        lane = self._lanes.setdefault(key, _Lane())
        lane.jobs.append(job)
        if len(lane.runners) < min(job.mailbox.limits.connections, len(lane.jobs)):
            runner = asyncio.get_running_loop().create_task(self._serve(key, lane))
            lane.runners.add(runner)
            runner.add_done_callback(lambda done: self._retire(key, lane, job.mailbox, done))

    def withdraw(self, jobs: Iterable[Job]) -> int:
        """Drops those of the jobs that have not been begun: their outcome is NOT_SENT. Answers how many."""
        count = 0
        for job in list(jobs):
            if job.connection is not None:
                count += job.connection.withdraw(job.envelope)
                continue
            lane = self._lanes.get((job.workspace_id, job.mailbox.mailbox_id))
            if lane is not None and job in lane.jobs:
                lane.jobs.remove(job)
                job.finished(job, Outcome(Kind.NOT_SENT, Stage.QUEUE, detail="withdrawn"))
                count += 1
        return count

    async def close(self, seconds: float | None = None) -> None:
        """Finishes what is begun and closes every connection. Withdraw the rest first.

        After `seconds` (None: never) what is begun and not finished gets its outcome by how far it has come.
        """
        for lane in self._lanes.values():
            if not lane.jobs:
                for runner in lane.runners - self._at_work.keys():
                    # It waits for a session, which may be long in coming, and has nothing left to send over it.
                    runner.cancel()
        if runners := self._runners():
            await asyncio.wait(runners, timeout=seconds)
        while runners := self._runners():
            for connection in self._at_work.values():
                connection.abort("the worker was stopped and waited no longer")
            await asyncio.wait(runners)
        await self._pool.close()

    def _runners(self) -> list["asyncio.Task[None]"]:
        return [runner for lane in self._lanes.values() for runner in lane.runners]

    def _retire(self, key: tuple[int, int], lane: _Lane, mailbox: MailboxPlan, runner: "asyncio.Task[None]") -> None:
        lane.runners.discard(runner)
        if not runner.cancelled() and (error := runner.exception()) is not None:
            # Put off like a server that is away, or its leads would be claimed and given back without a break.
            detail = f"a fault of ours: {error!r}"
            self._failed(key[0], mailbox, SessionFailure(FailureKind.TEMPORARY, Stage.CONNECT, "own_fault", detail))
            self._give_up(lane, detail)
            asyncio.get_running_loop().call_exception_handler({"message": "a lane failed", "exception": error})
        if lane.jobs and not lane.runners:
            self.submit(lane.jobs.pop())
        elif not lane.jobs and not lane.runners:
            self._lanes.pop(key, None)

    async def _serve(self, key: tuple[int, int], lane: _Lane) -> None:
        while lane.jobs:
            # Looked at anew each time: an edited mailbox must not go on with what it was, however busy its lane is.
            mailbox = lane.jobs[0].mailbox
            try:
                settings = settings_for(mailbox.transport, self._helo_name, self._ca_file, self._timeouts)
                async with self._pool.lend(key, settings, mailbox.limits.connections) as connection:
                    await self._work(lane, connection, mailbox.version)
            except SessionFailed as error:
                self._failed(key[0], mailbox, error.failure)
                self._give_up(lane, error.failure.detail)
                return

    async def _work(self, lane: _Lane, connection: Connection, version: int) -> None:
        runner = cast("asyncio.Task[None]", asyncio.current_task())
        self._at_work[runner] = connection
        try:
            await self._drain(lane, connection, version)
        finally:
            del self._at_work[runner]

    async def _drain(self, lane: _Lane, connection: Connection, version: int) -> None:
        """Hands jobs over one connection until there are none of this version, or it takes no more."""
        under_way: deque[asyncio.Future[Outcome]] = deque()
        while True:
            while len(under_way) < DEPTH and self._next_is_for(lane, version) and connection.is_usable:
                under_way.append(self._begin(lane.jobs.popleft(), connection))
            if not under_way:
                return
            await under_way.popleft()

    def _next_is_for(self, lane: _Lane, version: int) -> bool:
        self._drop_expired(lane)
        return bool(lane.jobs) and lane.jobs[0].mailbox.version == version

    def _drop_expired(self, lane: _Lane) -> None:
        """A process that hung, and came back after its leases had run out, must not send what others took for lost."""
        time = asyncio.get_running_loop().time
        while lane.jobs and lane.jobs[0].deadline < time():
            job = lane.jobs.popleft()
            job.finished(job, Outcome(Kind.NOT_SENT, Stage.QUEUE, detail="the lease ran out"))

    def _begin(self, job: Job, connection: Connection) -> "asyncio.Future[Outcome]":
        job.connection = connection
        outcome = connection.submit(job.envelope)
        outcome.add_done_callback(lambda done: job.finished(job, done.result()))
        return outcome

    def _give_up(self, lane: _Lane, detail: str) -> None:
        while lane.jobs:
            job = lane.jobs.popleft()
            job.finished(job, Outcome(Kind.NOT_SENT, Stage.CONNECT, detail=detail))
