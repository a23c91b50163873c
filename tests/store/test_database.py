"""What PostgreSQL refuses is told as what it is: a full disk and a database that only reads are there, and answer."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from caesura.domain.errors import Unavailable
from caesura.store.database import Connection, Database


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, size=2)
    yield opened
    await opened.close()


async def told(database: Database, statement: str) -> Unavailable:
    async def work(tx: Connection) -> None:
        await tx.execute(statement)

    with pytest.raises(Unavailable) as caught:
        await database.run(work)
    return caught.value


async def test_a_full_disk_is_told_as_that_with_what_to_do(database: Database) -> None:
    error = await told(database, "do $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$")
    assert error.code == "database_full"
    assert "make room" in error.detail and "does not answer" not in error.detail


async def test_a_database_that_has_become_read_only_is_told_as_that(database: Database) -> None:
    error = await told(
        database, "set transaction read only; insert into workspace (name, created_at) values ('x', '-infinity')"
    )
    assert error.code == "database_read_only"
    assert "primary" in error.detail and "does not answer" not in error.detail


@pytest.mark.parametrize("code", ["58P01", "58030", "58P02", "XX000", "XX001", "57P04"])
async def test_a_database_whose_files_are_taken_away_is_told_as_one_that_does_not_answer(
    database: Database, code: str
) -> None:
    error = await told(database, f"do $$ begin raise exception 'could not open file' using errcode = '{code}'; end $$")
    assert error.code == "database_unreachable"
    assert "could not open file" in error.detail


@pytest.mark.parametrize("how", ["allow_connections false", "rename to {name}_away"])
async def test_whatever_a_server_says_to_who_connects_the_database_does_not_answer(
    database: Database, dsn: str, how: str
) -> None:
    name = dsn.partition("?")[0].rpartition("/")[2]
    server = await asyncpg.connect(dsn, database="postgres")
    try:
        await server.execute(f"alter database {name} {how.format(name=name)}")
        assert (await told(database, "select 1")).code == "database_unreachable"
        if "rename" in how:
            await server.execute(f"alter database {name}_away rename to {name}")
    finally:
        await server.close()


async def test_a_fault_in_a_statement_is_no_outage(database: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.connection() as connection:
            await connection.execute("select * from nothing_of_the_kind")


async def test_a_connection_on_which_the_line_fell_is_given_to_nobody_else(dsn: str) -> None:
    database = await Database.open(dsn, size=1)
    async with database.connection() as connection:
        before = connection.get_server_pid()
    with pytest.raises(Unavailable):
        async with database.connection():
            raise ConnectionResetError("in the midst of something")
    async with database.connection() as connection:
        assert connection.get_server_pid() != before
    await database.close()


@pytest.mark.parametrize("end", ["cancelled", "refused"])
async def test_whoever_gives_up_at_the_first_statement_leaves_no_transaction_behind(
    dsn: str, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = await Database.open(dsn, size=1)
    other = await asyncpg.connect(dsn)
    try:
        if end == "cancelled":
            await other.execute("begin; select pg_advisory_xact_lock(7, 7)")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), database.transaction(opening="select pg_advisory_xact_lock(7, 7)"):
                    raise AssertionError("the lock is another's")
            await other.execute("rollback")
        else:
            with pytest.raises(asyncpg.DivisionByZeroError):
                async with database.transaction(opening="select pg_advisory_xact_lock(7, 7), 1 / 0"):
                    raise AssertionError("the statement fails")
        assert await other.fetchval("select pg_try_advisory_lock(7, 7)")
        async with database.connection() as connection:
            assert not connection.is_in_transaction()
        assert caplog.records == []  # asyncpg complains of one that it had to end itself
    finally:
        await other.close()
        await database.close()
