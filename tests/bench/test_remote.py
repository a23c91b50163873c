"""The database on TCP counts what it is asked to count, and who comes by which address."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from bench.remote import FIRST, SECOND, RemoteDatabase
from bench.stage import folder


@pytest.fixture(scope="module")
def remote() -> Iterator[RemoteDatabase]:
    with folder() as path:
        database = RemoteDatabase(path / "remote")
        yield database
        database.stop()


def test_statements_count_once_for_each_run_and_only_by_the_url_that_asks_for_it(remote: RemoteDatabase) -> None:
    async def ask(url: str) -> None:
        connection = await asyncpg.connect(url)
        async with connection.transaction():
            await connection.fetchval("select $1::int", 1)
            await connection.executemany("select $1::int", [(2,), (3,)])
        await connection.close()

    remote.forget_statements()
    asyncio.run(ask(remote.url()))
    assert remote.statements() == (0, 0)
    asyncio.run(ask(remote.url(is_counted=True)))
    assert remote.statements() == (5, 2)


def test_connections_are_told_apart_by_the_address_they_came_to(remote: RemoteDatabase) -> None:
    async def count() -> list[tuple[int, int]]:
        first = await asyncpg.connect(remote.url(FIRST))
        seen = [(remote.connections(FIRST), remote.connections(SECOND))]
        second = await asyncpg.connect(remote.url(SECOND))
        seen.append((remote.connections(FIRST), remote.connections(SECOND)))
        await first.close()
        await second.close()
        return seen

    assert asyncio.run(count()) == [(1, 0), (1, 1)]


def test_nobody_comes_by_tcp_without_the_password(remote: RemoteDatabase) -> None:
    scheme, _, place = remote.url(SECOND).partition("caesura:")
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asyncpg.connect(f"{scheme}caesura:wrong@{place.partition('@')[2]}"))
