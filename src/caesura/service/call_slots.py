"""How many calls of a workspace may be under way at a time, over all processes: the others wait in a fair queue.

Whoever waits keeps no connection: they ask again and again. A place counts until its lease runs out, so that those of a
dead process become free by themselves.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from caesura.domain.errors import LimitReached
from caesura.store import call_slots as store
from caesura.store.database import Database

LEASE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Place:
    """A call in the queue `name` of a workspace. `ahead` came before it and are not done."""

    workspace_id: int
    name: str
    ticket: int
    ahead: int


async def join(database: Database, workspace_id: int, name: str, most: int, now: datetime) -> Place:
    """A place at the end of the queue, for LEASE. Raises LimitReached `too_many_calls` where `most` are in it."""
    async with database.connection() as connection:
        found = await store.join(connection, workspace_id, name, most, now, now + LEASE)
    if found is None:
        raise LimitReached("too_many_calls", f"{most} calls are under way or wait already")
    return Place(workspace_id, name, *found)


async def keep(database: Database, place: Place, now: datetime) -> Place:
    """The place as it is now, good for another LEASE. Raises LimitReached `place_lost` where the lease had run out."""
    async with database.connection() as connection:
        ahead = await store.keep(connection, place.workspace_id, place.name, place.ticket, now, now + LEASE)
    if ahead is None:
        raise LimitReached("place_lost", "the call was not heard of for too long")
    return Place(place.workspace_id, place.name, place.ticket, ahead)


async def leave(database: Database, place: Place) -> None:
    """The call is done, or has given up."""
    async with database.connection() as connection:
        await store.leave(connection, place.workspace_id, place.name, place.ticket)
