"""Lets only so many calls of a workspace be under way at a time; the others wait for their turn, but not for long."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from caesura.domain.errors import CaesuraError, LimitReached
from caesura.service import call_slots
from caesura.service.call_slots import LEASE, Place
from caesura.store.database import Database

# The next in line asks this often, the one after it half as often, and so on.
_ASK_SECONDS = 0.02
_KEEP_SECONDS = LEASE.total_seconds() / 3


@dataclass(frozen=True, slots=True)
class Turns:
    """How many calls may be under way, how many more may wait, and for how many seconds each."""

    active: int
    queued: int
    wait: float


@asynccontextmanager
async def turn(
    database: Database, clock: Callable[[], datetime], workspace_id: int, name: str, turns: Turns
) -> AsyncIterator[None]:
    """Waits for its turn in the queue `name`, and has it while the block runs.

    Raises LimitReached: `too_many_calls` at once where the queue is full, `waited_too_long`.
    """
    place = await call_slots.join(database, workspace_id, name, turns.active + turns.queued, clock())
    try:
        await _wait(database, clock, place, turns)
        keeper = asyncio.create_task(_keep(database, clock, place))
        try:
            yield
        finally:
            keeper.cancel()
    finally:
        # Where this fails, the lease runs out by itself: no reason to take the answer back.
        with suppress(CaesuraError):
            await asyncio.shield(call_slots.leave(database, place))


async def _wait(database: Database, clock: Callable[[], datetime], place: Place, turns: Turns) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + turns.wait
    while (before := place.ahead - turns.active + 1) > 0:
        if loop.time() >= ends:
            raise LimitReached("waited_too_long", f"the calls before this one took more than {turns.wait:g} seconds")
        await asyncio.sleep(min(_ASK_SECONDS * before, max(ends - loop.time(), 0)))
        place = await call_slots.keep(database, place, clock())


async def _keep(database: Database, clock: Callable[[], datetime], place: Place) -> None:
    """Renews the lease for as long as the call takes. A lost place cannot be had back, and the call goes on."""
    while True:
        await asyncio.sleep(_KEEP_SECONDS)
        with suppress(CaesuraError):
            await call_slots.keep(database, place, clock())
