"""How many calls may be under way: the queue in the database, seen by several processes."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from caesura.domain.errors import LimitReached
from caesura.service import call_slots, workspaces
from caesura.service.call_slots import LEASE
from caesura.store.database import Database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MOST = 7


@pytest.fixture
async def processes(dsn: str) -> Any:
    """Two pools on one database, and a workspace."""
    first, second = await Database.open(dsn, size=8), await Database.open(dsn, size=8)
    yield first, second, await workspaces.named(first, "calls", NOW)
    await first.close()
    await second.close()


async def test_places_are_given_in_the_order_of_coming_over_all_processes(processes: Any) -> None:
    first, second, workspace = processes
    places = [await call_slots.join((first, second)[n % 2], workspace, "door", MOST, NOW) for n in range(4)]
    assert [one.ahead for one in places] == [0, 1, 2, 3]


async def test_whoever_comes_to_a_full_queue_is_refused_and_takes_no_place(processes: Any) -> None:
    first, second, workspace = processes
    for _ in range(MOST):
        place = await call_slots.join(first, workspace, "door", MOST, NOW)
    with pytest.raises(LimitReached):
        await call_slots.join(second, workspace, "door", MOST, NOW)
    await call_slots.leave(first, place)
    assert (await call_slots.join(second, workspace, "door", MOST, NOW)).ahead == MOST - 1


async def test_of_many_at_once_exactly_as_many_as_may_get_places_of_their_own(processes: Any) -> None:
    first, second, workspace = processes
    await call_slots.leave(first, await call_slots.join(first, workspace, "door", MOST, NOW))
    asked = [call_slots.join((first, second)[n % 2], workspace, "door", MOST, NOW) for n in range(40)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    places = [one for one in answers if not isinstance(one, BaseException)]
    assert sorted(one.ahead for one in places) == list(range(MOST))
    assert all(isinstance(one, LimitReached) for one in answers if one not in places)


async def test_when_one_is_done_all_behind_it_move_up(processes: Any) -> None:
    first, second, workspace = processes
    places = [await call_slots.join(first, workspace, "door", MOST, NOW) for _ in range(3)]
    await call_slots.leave(second, places[1])
    assert (await call_slots.keep(second, places[2], NOW)).ahead == 1
    await call_slots.leave(second, places[0])
    assert (await call_slots.keep(second, places[2], NOW)).ahead == 0


async def test_the_place_of_a_process_that_died_becomes_free_by_itself(processes: Any) -> None:
    first, second, workspace = processes
    await call_slots.join(first, workspace, "door", MOST, NOW)
    waiting = await call_slots.join(second, workspace, "door", MOST, NOW)
    waiting = await call_slots.keep(second, waiting, NOW + LEASE / 2)
    assert waiting.ahead == 1
    assert (await call_slots.keep(second, waiting, NOW + LEASE)).ahead == 0


async def test_a_lease_that_ran_out_is_not_renewed_since_somebody_may_have_moved_up(processes: Any) -> None:
    first, _, workspace = processes
    place = await call_slots.join(first, workspace, "door", MOST, NOW)
    with pytest.raises(LimitReached):
        await call_slots.keep(first, place, NOW + LEASE)


async def test_dead_places_do_not_fill_the_queue(processes: Any) -> None:
    first, second, workspace = processes
    for _ in range(MOST):
        await call_slots.join(first, workspace, "door", MOST, NOW)
    assert (await call_slots.join(second, workspace, "door", MOST, NOW + LEASE)).ahead == 0


async def test_workspaces_and_queues_do_not_know_each_other(processes: Any) -> None:
    first, _, workspace = processes
    other = await workspaces.named(first, "others", NOW)
    await call_slots.join(first, workspace, "door", MOST, NOW)
    assert (await call_slots.join(first, workspace, "another", MOST, NOW + timedelta(0))).ahead == 0
    assert (await call_slots.join(first, other, "door", MOST, NOW)).ahead == 0
