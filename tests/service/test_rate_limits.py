"""How often a key may ask: over processes, windows and clocks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from caesura.domain.api_key import Allowance
from caesura.service import rate_limits
from caesura.store.database import Database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE, DAY = Allowance("minute", 60, 10), Allowance("day", 86_400, 25)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, size=3)
    yield opened
    await opened.close()


async def passes(database: Database, seconds: float = 0, key_id: int = 1, *, of=(MINUTE, DAY)) -> bool:
    standing = await rate_limits.take(database, 1, key_id, of, NOW + timedelta(seconds=seconds))
    assert standing is not None
    return standing.retry_after == 0


async def test_several_processes_count_together(dsn: str) -> None:
    processes = [await Database.open(dsn, size=3) for _ in range(3)]
    passed = await asyncio.gather(*(passes(processes[number % 3]) for number in range(60)))
    assert sum(passed) == 10
    for process in processes:
        await process.close()


async def test_a_new_window_begins_afresh(database: Database) -> None:
    assert [await passes(database) for _ in range(11)] == [True] * 10 + [False]
    assert not await passes(database, 59.9)
    assert await passes(database, 60)


async def test_what_one_limit_refuses_uses_up_nothing_of_another(database: Database) -> None:
    for _ in range(40):
        await passes(database)
    assert sum([await passes(database, 60) for _ in range(20)]) == 10
    assert sum([await passes(database, 120) for _ in range(20)]) == 5


async def test_the_refusal_says_which_limit_it_was_and_until_when(database: Database) -> None:
    for _ in range(10):
        await passes(database)
    standing = await rate_limits.take(database, 1, 1, (MINUTE, DAY), NOW + timedelta(seconds=20))
    assert standing is not None
    end = int(NOW.timestamp()) + 60
    assert (standing.limit, standing.remaining, standing.retry_after, standing.resets_at) == (10, 0, 40, end)


async def test_keys_do_not_share_their_limits(database: Database) -> None:
    assert [await passes(database, key_id=1) for _ in range(11)][-1] is False
    assert await passes(database, key_id=2)


async def test_a_process_whose_clock_is_behind_counts_in_the_newer_window(database: Database) -> None:
    assert (
        sum([await passes(database, 60.1) for _ in range(8)] + [await passes(database, 59.9) for _ in range(8)]) == 10
    )


async def test_clocks_that_are_minutes_apart_still_count_together(database: Database) -> None:
    assert sum([await passes(database, 270 * (number % 2)) for number in range(1, 41)]) == 10


async def test_a_clock_that_is_set_back_far_locks_nobody_out(database: Database) -> None:
    for _ in range(11):
        await passes(database, 86_400 * 30)
    assert await passes(database)


async def test_a_plan_without_limits_is_not_even_counted(database: Database) -> None:
    assert await rate_limits.take(database, 1, 1, (), NOW) is None
