"""One pool of connections to PostgreSQL, and transactions over it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias, TypeVar, cast

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from caesura.domain.errors import Unavailable

T = TypeVar("T")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# A cancelled statement or a dead server must not hold a worker for ever.
STATEMENT_SECONDS = 60.0
ATTEMPTS = 5

# The guarantees rest on isolation and commits, whatever the server's own defaults: the gate on a fresh snapshot for
# each statement, mark and record on commits that outlive a crash. Plans are made without looking at the arguments: for
# a workspace that the statistics do not know yet, walking through all of its rows looks cheap.
_SESSION = {
    "application_name": "caesura",
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "on",
    "plan_cache_mode": "force_generic_plan",
    # For a table that was nearly empty when a plan was made, reading all of it looks cheap, and the plan stays.
    "enable_seqscan": "off",
    "random_page_cost": "1.1",
    "jit": "off",
}
# So long does a plan stay at most, whatever the table was like when it was made: until its connection is replaced.
_QUERIES = 2_000

# PostgreSQL asks for these to be tried again: nothing of the transaction was kept.
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_GONE = (
    OSError,
    asyncpg.InterfaceError,
    # What asyncpg says when a line breaks in the midst of an exchange.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    TimeoutError,
    # It was dropped, or its files were taken away while it runs.
    asyncpg.DatabaseDroppedError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
)
OUTAGES = (*_GONE, asyncpg.PostgresError)
"""What says, outside of a `Database`, that the one connected to is away or does not do what it is asked."""
# It answers, and can keep nothing.
_CANNOT_WRITE = (asyncpg.DiskFullError, asyncpg.ReadOnlySQLTransactionError)


def cannot_write(error: Exception) -> Unavailable:
    """`database_full` or `database_read_only`, out of what PostgreSQL said to a write."""
    if isinstance(error, asyncpg.DiskFullError):
        detail = f"the database's disk is full: make room there, then all goes on by itself ({error})"
        return Unavailable("database_full", detail)
    detail = f"the database takes no changes now: make it the primary again, or give the primary's URL ({error})"
    return Unavailable("database_read_only", detail)


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda value: msgspec.json.decode(value[1:]),
        format="binary",
    )


class _PooledConnection(asyncpg.Connection):
    """Nothing of a session is ever changed, so there is nothing to put right when it goes back to the pool."""

    def get_reset_query(self) -> str:
        return ""


class _Transaction:
    """As asyncpg's own, without savepoints, and with a first statement that goes to the server beside `begin`."""

    def __init__(self, connection: Connection, opening: str) -> None:
        self._connection = connection
        self._opening = opening

    async def __aenter__(self) -> None:
        try:
            await self._connection.execute(f"begin; {self._opening}")
        except BaseException:
            # The first of the two may have come through.
            await self._roll_back()
            raise

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self._connection.execute("commit")
        else:
            await self._roll_back()

    async def _roll_back(self) -> None:
        if not self._connection.is_closed():
            try:
                await self._connection.execute("rollback")
            except _GONE:
                # The server does that by itself for who has gone.
                self._connection.terminate()


class Database:
    """A pool of at most `size` connections. Open it with `await Database.open(dsn)`, close it with `close()`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", dsn: str) -> None:
        self._pool = pool
        self.dsn = dsn

    @classmethod
    async def open(cls, dsn: str, size: int = 10) -> "Database":
        """Connects; raises Unavailable `database_unreachable`."""
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=0,
                max_size=size,
                init=_prepare,
                connection_class=_PooledConnection,
                max_queries=_QUERIES,
                command_timeout=STATEMENT_SECONDS,
                server_settings=_SESSION,
            )
        except OUTAGES as error:
            raise Unavailable("database_unreachable", f"the database does not answer: {error}") from error
        return cls(pool, dsn)

    async def close(self) -> None:
        """Waits for the connections in use, then closes all."""
        await self._pool.close()

    def terminate(self) -> None:
        """Closes all connections at once; what was not committed is rolled back."""
        self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection without a transaction, for single reads.

        Raises Unavailable: `database_unreachable`, `database_full`, `database_read_only`.
        """
        is_open = False
        try:
            async with self._pool.acquire() as connection:
                is_open = True
                try:
                    yield cast("Connection", connection)
                except _GONE:
                    # It may be in the midst of something, which nobody asks of it when it goes back to the pool.
                    connection.terminate()
                    raise
        except _CANNOT_WRITE as error:
            raise cannot_write(error) from error
        except OUTAGES as error:
            # Whatever it says to who connects: it was renamed, closed or broken, and that is no fault of the caller's.
            if is_open and not isinstance(error, _GONE):
                raise
            raise Unavailable("database_unreachable", f"the database does not answer: {error}") from error

    @asynccontextmanager
    async def transaction(self, durable: bool = True, opening: str = "") -> AsyncIterator[Connection]:
        """One transaction (READ COMMITTED): committed at the end, rolled back on any error.

        One that is not `durable` does not wait for the disk. If the server crashes at that moment it never was, and
        with it none of those that were committed after it. `opening` is a statement that comes before all others and
        costs no round trip of its own.
        """
        if not durable:
            opening = f"set local synchronous_commit = off; {opening}"
        async with self.connection() as connection, self._begun(connection, opening):
            yield connection

    def _begun(self, connection: Connection, opening: str) -> AbstractAsyncContextManager[None]:
        return _Transaction(connection, opening)

    async def run(self, work: Callable[[Connection], Awaitable[T]], durable: bool = True, opening: str = "") -> T:
        """Runs `work` in one transaction, again from the start when PostgreSQL broke a deadlock by ending it.

        `work` must do nothing but SQL; the others as in `transaction`. Raises Unavailable after 5 attempts.
        """
        for _ in range(ATTEMPTS):
            try:
                async with self.transaction(durable, opening) as connection:
                    return await work(connection)
            except _AGAIN as error:
                last = error
        raise Unavailable("database_busy", f"the database gave up {ATTEMPTS} times: {last}") from last


def affected(tag: str) -> int:
    """The number of rows in a command tag such as `UPDATE 3`."""
    return int(tag.rsplit(" ", 1)[-1])


def record_of(row: Any) -> dict[str, Any]:
    """A row as a plain dictionary."""
    return dict(row)
