"""The real database, one statement at a time: faults between any two of them, and races in an order that is drawn."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from types import TracebackType
from typing import Any

import asyncpg

from caesura.store.database import Database, _prepare

# Statements are given this long before one asks whether they wait for a lock, and for a lock to count they must wait
# for longer than the server takes to look for a deadlock, so that each run sees the same.
_PATIENCE_SECONDS = 0.003
_DEADLOCK_SECONDS = 0.010

# For a server of the simulator's own.
SERVER_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
_SESSION_SETTINGS = {
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "off",
    "jit": "off",
    # A plan, and with it the order of rows that are alike, must not depend on what ran before this seed.
    "plan_cache_mode": "force_generic_plan",
    "deadlock_timeout": "1ms",
}

# Every change of a state, as the database itself sees it: nothing here depends on the program. A message to the client
# costs no row and no round trip; what is rolled back is forgotten by the lane.
AUDIT = """
create function audit(kind text, data jsonb) returns void language plpgsql as $$ begin
  raise info '%', jsonb_build_array(kind, data);
end $$;
create function audit_message() returns trigger language plpgsql as $$ begin
  if tg_op = 'INSERT' or old.state is distinct from new.state or old.attempt is distinct from new.attempt then
    perform audit('message', jsonb_build_object(
      'before', case when tg_op = 'UPDATE' then old.state end, 'state', new.state, 'cause', new.cause,
      'enrollment', new.enrollment_id, 'step', new.step, 'attempt', new.attempt, 'campaign', new.campaign_id,
      'mailbox', new.mailbox_id, 'message_id', new.message_id, 'worker', new.worker, 'marked_at', new.marked_at));
  end if;
  return null;
end $$;
create trigger audit after insert or update on message for each row execute function audit_message();
create function audit_enrollment() returns trigger language plpgsql as $$ begin
  if (old.state, old.step) = ('claimed', new.step) and new.state = 'waiting' then
    perform audit('returned', jsonb_build_object('id', new.id));
  elsif (old.state, old.step) is distinct from (new.state, new.step)
      and not (old.state = 'waiting' and new.state = 'claimed') then
    perform audit('enrollment', jsonb_build_object('id', new.id, 'before', old.state,
      'state', new.state, 'step_before', old.step, 'step', new.step, 'due_before', old.due_at, 'cause', new.cause));
  end if;
  return null;
end $$;
create trigger audit after update on enrollment for each row execute function audit_enrollment();
create function audit_campaign() returns trigger language plpgsql as $$ begin
  if (old.status, old.version, old.clock_mode) is distinct from (new.status, new.version, new.clock_mode) then
    perform audit('campaign', jsonb_build_object('id', new.id, 'before', old.status,
      'status', new.status, 'clock_mode', new.clock_mode, 'version', new.version));
  end if;
  return null;
end $$;
create trigger audit after update on campaign for each row execute function audit_campaign();
create function audit_barrier() returns trigger language plpgsql as $$ begin
  perform audit(tg_table_name, to_jsonb(new));
  return null;
end $$;
create trigger audit after insert or update on hold for each row execute function audit_barrier();
create trigger audit after insert on suppression for each row execute function audit_barrier();
"""

_TABLES = "select string_agg(quote_ident(relname), ', ') from pg_stat_user_tables where relname <> 'alembic_version'"
_CHANGED = "select sum(n_tup_ins + n_tup_upd + n_tup_del)::int from pg_stat_xact_user_tables"
_IS_BLOCKED = "select cardinality(pg_blocking_pids($1)) > 0"


class ProcessDied(Exception):
    """The process that was running this was killed here."""


class Loss(Enum):
    """What goes wrong with a call to the database."""

    LINE_BEFORE = "the line falls before some statement"
    LINE_AFTER = "the line falls after the commit: the answer is lost"
    DEATH_BEFORE = "the process dies before some statement"
    DEATH_AFTER = "the process dies after the commit"


@dataclass(slots=True)
class Fault:
    """A loss, at the statement of this number (from 0) or at the first commit."""

    loss: Loss
    statement: int = 0


class _State(Enum):
    RUNNING = 0
    BEFORE = 1  # about to issue a statement
    AFTER = 2  # a statement was answered
    BLOCKED = 3  # its statement waits for a lock
    DONE = 4


@dataclass(slots=True, eq=False)
class Lane:
    """One connection, and the call that is using it."""

    raw: "asyncpg.Connection[asyncpg.Record]"
    process: int
    fault: Fault | None = None
    statements: int = 0
    wants_changed_rows: bool = False
    changed_before: int = 0
    changed_rows: int | None = None  # by the last transaction, when somebody wants to know
    releases: int = 0  # how often its locks were let go
    last_commit: int = 0
    changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # since its last transaction
    is_racing: bool = False
    state: _State = _State.RUNNING
    go: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, message: asyncpg.PostgresLogMessage) -> None:
        """The server said something: what a statement changed."""
        if message.severity_en == "INFO":
            kind, data = json.loads(message.message)
            self.changes.append((kind, data))

    def begin(self, fault: Fault | None) -> None:
        self.fault, self.statements, self.last_commit = fault, 0, 0
        self.state = _State.RUNNING

    async def gate(self, state: _State) -> None:
        """In a race, waits for its turn."""
        if self.is_racing:
            self.state = state
            self.arrived.set()
            await self.go.wait()
            self.go.clear()

    async def before_statement(self) -> None:
        await self.gate(_State.BEFORE)
        fault = self.fault
        if fault is not None and fault.loss in (Loss.LINE_BEFORE, Loss.DEATH_BEFORE):
            if self.statements >= fault.statement:
                self.fault = None
                _fail(fault.loss)
            self.statements += 1

    async def roll_back(self) -> None:
        await self.raw.execute("rollback")
        self.releases += 1
        self.changes.clear()

    def after_commit(self) -> None:
        fault, self.fault = self.fault, None
        if fault is not None and fault.loss in (Loss.LINE_AFTER, Loss.DEATH_AFTER):
            _fail(fault.loss)
        self.fault = fault


def _fail(loss: Loss) -> None:
    if loss in (Loss.DEATH_BEFORE, Loss.DEATH_AFTER):
        raise ProcessDied
    raise asyncpg.ConnectionDoesNotExistError("the line to the database fell (simulated)")


LANE: ContextVar[Lane] = ContextVar("lane")


@contextmanager
def _stopped(lanes: Sequence[Lane]) -> Iterator[None]:
    """The server's processes of these lanes, all of which wait for locks, do not wake meanwhile."""
    for lane in lanes:
        os.kill(lane.process, signal.SIGSTOP)
    try:
        yield
    finally:
        for lane in lanes:
            os.kill(lane.process, signal.SIGCONT)


class _Connection:
    """What services see of a connection."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def fetch(self, query: str, *arguments: Any) -> Any:
        return await self._do(self._lane.raw.fetch, query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        return await self._do(self._lane.raw.fetchrow, query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        return await self._do(self._lane.raw.fetchval, query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> Any:
        return await self._do(self._lane.raw.execute, query, *arguments)

    async def executemany(self, query: str, arguments: Any) -> Any:
        return await self._do(self._lane.raw.executemany, query, arguments)

    async def copy_records_to_table(self, table: str, **options: Any) -> Any:
        return await self._do(lambda name: self._lane.raw.copy_records_to_table(name, **options), table)

    def terminate(self) -> None:
        """What fell is the lane's own line, which stays as it is: only a transaction was lost with it."""

    async def _do(self, statement: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        await self._lane.before_statement()
        try:
            return await statement(*arguments)
        finally:
            await self._lane.gate(_State.AFTER)


class _Transaction:
    """Where the product sends two statements in one message, these are two steps here."""

    def __init__(self, lane: Lane, opening: str, committed: Callable[[Lane], None]) -> None:
        self._lane = lane
        self._opening = opening
        self._committed = committed

    async def __aenter__(self) -> None:
        await self._lane.before_statement()
        lane = self._lane
        if lane.raw.is_in_transaction():
            raise AssertionError("one transaction within another")
        await lane.raw.execute("begin")
        if lane.wants_changed_rows:
            lane.changed_before = await lane.raw.fetchval(_CHANGED)
        if self._opening:
            try:
                await lane.before_statement()
                await lane.raw.execute(self._opening)
                await lane.gate(_State.AFTER)
            except BaseException:
                await lane.roll_back()
                raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lane = self._lane
        if error is None:
            try:
                await lane.before_statement()
                if lane.wants_changed_rows:
                    lane.changed_rows = await lane.raw.fetchval(_CHANGED) - lane.changed_before
                await lane.raw.execute("commit")
            except BaseException:
                await lane.roll_back()
                raise
            lane.releases += 1
            self._committed(lane)
            lane.after_commit()
        else:
            await lane.roll_back()


class _Borrowed:
    async def __aenter__(self) -> _Connection:
        return _Connection(LANE.get())

    async def __aexit__(self, *_: object) -> None:
        return None


class _Pool:
    """Stands where asyncpg's pool does, so that all of `Database` itself is real."""

    def acquire(self) -> _Borrowed:
        return _Borrowed()


Collected = Callable[[int, Sequence[tuple[str, dict[str, Any]]]], None]


class SimulatedDatabase(Database):
    """A `Database` over a few real connections. `heard` is told, by number, what each commit changed."""

    def __init__(self, lanes: Sequence[Lane], monitors: Sequence[asyncpg.Connection], dsn: str) -> None:
        super().__init__(_Pool(), dsn)
        self.lanes = lanes
        self.monitor, self._watcher = monitors
        self.commits = 0
        self.heard: Collected = lambda number, rows: None

    @classmethod
    async def connect(cls, dsn: str) -> "SimulatedDatabase":
        """Connects; once for many seeds."""
        connections = []
        for _ in range(5):
            connection = await asyncpg.connect(dsn, server_settings=_SESSION_SETTINGS)
            await _prepare(connection)
            connections.append(connection)
        lanes = [Lane(connection, connection.get_server_pid()) for connection in connections[2:]]
        for lane in lanes:
            lane.raw.add_log_listener(lambda _, message, lane=lane: lane.hear(message))
        return cls(lanes, connections[:2], dsn)

    def _begun(self, connection: Any, opening: str) -> _Transaction:
        return _Transaction(LANE.get(), opening, self.committed)

    async def disconnect(self) -> None:
        for connection in (self.monitor, self._watcher, *(lane.raw for lane in self.lanes)):
            connection.terminate()

    async def prepare(self) -> None:
        """Adds the audit to a migrated database."""
        await self.monitor.execute(AUDIT)
        for row in await self.monitor.fetch(
            "select relname from pg_class c join pg_stat_user_tables t using (relname) where c.relkind = 'r'"
        ):
            await self.monitor.execute(f"alter table {row['relname']} set (autovacuum_enabled = off)")

    async def empty(self) -> None:
        """Back to no rows, with all numbers from 1."""
        await self.monitor.execute(f"truncate {await self.monitor.fetchval(_TABLES)} restart identity")
        self.commits = 0

    def committed(self, lane: Lane) -> None:
        """Notes a commit and what it changed."""
        self.commits += 1
        lane.last_commit = self.commits
        changes, lane.changes = lane.changes, []
        self.heard(self.commits, changes)

    # Races

    async def race(self, calls: Sequence[tuple[Callable[[], Awaitable[None]], Fault | None]], random: Random) -> None:
        """Runs at most three calls side by side; whose statement comes next is drawn. Locks are real.

        In some races one goes on for a while before another comes to its turn: so a whole call falls between two
        statements of another more often.
        """
        constancy = random.choice((0.0, 0.6, 0.9))
        last: Lane | None = None
        lanes = list(self.lanes[: len(calls)])
        tasks = []
        for lane, (call, fault) in zip(lanes, calls, strict=True):
            lane.begin(fault)
            lane.is_racing = True
            lane.go.clear()
            tasks.append(asyncio.create_task(self._runner(lane, call)))
        try:
            while await self._settle(lanes):
                ready = [lane for lane in lanes if lane.state is _State.AFTER]
                waiting = [lane for lane in lanes if lane.state is _State.BEFORE]
                if ready:
                    chosen = ready[0]
                elif last in waiting and random.random() < constancy:
                    chosen = last
                else:
                    chosen = random.choice(waiting)
                last = chosen
                await self._let_go(chosen, lanes, random)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for lane in lanes:
                lane.is_racing = False
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _runner(self, lane: Lane, call: Callable[[], Awaitable[None]]) -> None:
        LANE.set(lane)
        try:
            await lane.gate(_State.BEFORE)
            await call()
        finally:
            lane.state = _State.DONE
            lane.arrived.set()

    async def _let_go(self, chosen: Lane, lanes: Sequence[Lane], random: Random) -> None:
        """Lets a lane go on to its next gate, and then those that waited for what it let go.

        PostgreSQL leaves it to chance which of two comes first that wait for the same row. Here it is drawn: their
        processes are stopped, and go on one at a time.
        """
        waiting = [lane for lane in lanes if lane.state is _State.BLOCKED]
        random.shuffle(waiting)
        releases = chosen.releases
        with _stopped(waiting):
            chosen.state = _State.RUNNING
            chosen.go.set()
            await self._settle_one(chosen)
            has_moved = chosen.releases != releases
            while has_moved:
                has_moved = False
                for lane in [lane for lane in waiting if lane.state is _State.BLOCKED]:
                    has_moved |= await self._try_again(lane)

    async def _try_again(self, lane: Lane) -> bool:
        """Lets a lane that waits for a lock go on, if it can; whether it could."""
        os.kill(lane.process, signal.SIGCONT)
        lane.state = _State.RUNNING
        await self._settle_one(lane)
        if lane.state is _State.BLOCKED:
            os.kill(lane.process, signal.SIGSTOP)
        return lane.state is not _State.BLOCKED

    async def _settle(self, lanes: Sequence[Lane]) -> bool:
        """Waits until every lane is at a gate, at a lock or done; whether any is at a gate."""
        while True:
            for lane in lanes:
                await self._settle_one(lane)
            if any(lane.state in (_State.BEFORE, _State.AFTER) for lane in lanes):
                return True
            blocked = [lane for lane in lanes if lane.state is _State.BLOCKED]
            if not blocked:
                return False
            # All wait for each other: PostgreSQL will end one of them.
            for lane in blocked:
                lane.state = _State.RUNNING

    async def _settle_one(self, lane: Lane) -> None:
        since: float | None = None
        clock = asyncio.get_running_loop().time
        while lane.state is _State.RUNNING:
            lane.arrived.clear()
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await lane.arrived.wait()
            except TimeoutError:
                if lane.state is not _State.RUNNING:
                    return
                if not await self._watcher.fetchval(_IS_BLOCKED, lane.process):
                    since = None
                elif since is None:
                    since = clock()
                elif clock() - since > _DEADLOCK_SECONDS and lane.state is _State.RUNNING:
                    lane.state = _State.BLOCKED
