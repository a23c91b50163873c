"""Races end the same way each time: PostgreSQL leaves nothing of them to chance."""

from collections.abc import AsyncIterator
from random import Random

import pytest

from simulation.database import SimulatedDatabase


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[SimulatedDatabase]:
    connected = await SimulatedDatabase.connect(dsn)
    await connected.monitor.execute(
        "create table counter (id int primary key, n int); insert into counter values (1, 0)"
    )
    yield connected
    await connected.disconnect()


async def _race(database: SimulatedDatabase, seed: int) -> list[str]:
    """Three that count on from the same row, in the order in which they came to it."""
    came: list[str] = []

    async def count(name: str) -> None:
        async with database.transaction() as connection:
            await connection.execute("update counter set n = n + 1 where id = 1")
            came.append(name)
            await connection.execute("select pg_sleep(0)")
            await connection.fetchval("select n from counter where id = 1 for update")

    calls = [(lambda name=name: count(name), None) for name in ("one", "two", "three")]
    await database.race(calls, Random(seed))
    return came


async def test_two_that_wait_for_the_same_row_come_to_it_in_the_order_that_the_seed_draws(
    database: SimulatedDatabase,
) -> None:
    orders = {seed: await _race(database, seed) for seed in range(12)}
    for _ in range(4):
        for seed, order in orders.items():
            assert await _race(database, seed) == order
    assert len({tuple(order) for order in orders.values()}) > 1
