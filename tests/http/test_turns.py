"""Waiting for one's turn, in two processes' worth of pools on one database; with the real clock."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from caesura.domain.errors import LimitReached
from caesura.http.turns import Turns, turn
from caesura.service import call_slots, workspaces
from caesura.store.database import Database

ONE_AND_SIX = Turns(active=1, queued=6, wait=15.0)


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def processes(dsn: str) -> Any:
    first, second = await Database.open(dsn, size=2), await Database.open(dsn, size=2)
    yield first, second, await workspaces.named(first, "turns", clock())
    await first.close()
    await second.close()


async def test_one_is_under_way_six_wait_in_order_and_the_eighth_is_refused_at_once(processes: Any) -> None:
    first, second, workspace = processes
    order: list[int] = []
    under_way = most = 0
    go = asyncio.Event()

    async def call(number: int) -> None:
        nonlocal under_way, most
        async with turn((first, second)[number % 2], clock, workspace, "door", ONE_AND_SIX):
            under_way += 1
            most = max(most, under_way)
            await go.wait()
            order.append(number)
            under_way -= 1

    calls = []
    for number in range(7):
        calls.append(asyncio.create_task(call(number)))
        await joined(first, workspace, number + 1)
    began = time.monotonic()
    with pytest.raises(LimitReached):
        await call(7)
    assert time.monotonic() - began < 1
    go.set()
    await asyncio.gather(*calls)
    assert (order, most) == (list(range(7)), 1)


async def joined(database: Database, workspace: int, number: int) -> None:
    while True:
        async with database.connection() as connection:
            places = await connection.fetchval(
                "select cardinality(tickets) from call_queue where workspace_id = $1", workspace
            )
        if places == number:
            return
        await asyncio.sleep(0.005)


async def test_whoever_waits_too_long_is_refused_and_gives_its_place_up(processes: Any) -> None:
    first, second, workspace = processes
    holder = await call_slots.join(first, workspace, "door", 7, clock())
    with pytest.raises(LimitReached) as refused:
        async with turn(second, clock, workspace, "door", Turns(1, 6, 0.1)):
            raise AssertionError("it was not its turn")
    assert refused.value.code == "waited_too_long"
    await call_slots.leave(first, holder)
    assert (await call_slots.join(first, workspace, "door", 7, clock())).ahead == 0


async def test_whoever_waits_holds_no_connection(processes: Any) -> None:
    first, second, workspace = processes
    await call_slots.join(first, workspace, "door", 7, clock())

    async def wait() -> None:
        async with turn(second, clock, workspace, "door", ONE_AND_SIX):
            pass

    waiting = [asyncio.create_task(wait()) for _ in range(6)]
    await joined(first, workspace, 7)
    async with asyncio.timeout(5), second.connection(), second.connection():
        pass  # the pool has two, and six wait
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await joined(first, workspace, 1)


async def test_a_call_that_fails_gives_its_turn_to_the_next(processes: Any) -> None:
    first, second, workspace = processes
    with pytest.raises(ZeroDivisionError):
        async with turn(first, clock, workspace, "door", ONE_AND_SIX):
            raise ZeroDivisionError
    async with asyncio.timeout(1), turn(second, clock, workspace, "door", ONE_AND_SIX):
        pass


async def test_a_call_that_takes_long_keeps_its_turn(processes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, workspace = processes
    monkeypatch.setattr("caesura.http.turns._KEEP_SECONDS", 0.01)
    async with turn(first, clock, workspace, "door", ONE_AND_SIX):
        before = await lease(first, workspace)
        while await lease(second, workspace) == before:
            await asyncio.sleep(0.01)


async def lease(database: Database, workspace: int) -> Any:
    async with database.connection() as connection:
        return await connection.fetchval("select leases from call_queue where workspace_id = $1", workspace)


HOLDER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from caesura.service import call_slots
from caesura.store.database import Database

async def hold(dsn, workspace):
    database = await Database.open(dsn)
    # All but a second of the lease is over, so that the test need not wait for it.
    await call_slots.join(database, workspace, "door", 7, datetime.now(UTC) - call_slots.LEASE + timedelta(seconds=1))
    print("held", flush=True)
    await asyncio.sleep(60)

asyncio.run(hold(sys.argv[1], int(sys.argv[2])))
"""


async def test_the_turn_of_a_process_that_was_killed_goes_to_the_next(processes: Any) -> None:
    _, second, workspace = processes
    command = (sys.executable, "-c", HOLDER, second.dsn, str(workspace))
    holder = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    holder.kill()
    await holder.wait()
    async with asyncio.timeout(10), turn(second, clock, workspace, "door", ONE_AND_SIX):
        pass
