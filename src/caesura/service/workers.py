"""Workers: who is there, and what the dead of this machine left behind."""

from collections.abc import Callable
from datetime import datetime, timedelta

from caesura.service.plans import Plans
from caesura.service.recovery import Recovered, bury
from caesura.store import workers as store
from caesura.store.database import Database
from caesura.store.workers import WorkerRow

# A worker says every second that it is there; one that has said nothing for this long counts as silent.
SILENT_AFTER = timedelta(seconds=15)


async def see(database: Database, worker: str, host: str, process_id: int, slots: int, now: datetime) -> None:
    """A worker says that it is there."""
    await database.run(lambda tx: store.see(tx, worker, host, process_id, slots, now))


async def forget(database: Database, worker: str) -> None:
    """A worker has left, with nothing of its own any more."""
    await database.run(lambda tx: store.forget(tx, worker))


async def listed(database: Database) -> list[WorkerRow]:
    """The workers that are there, or were; the oldest first."""
    async with database.connection() as connection:
        return await store.listed(connection)


async def bury_dead(
    database: Database, plans: Plans, host: str, is_alive: Callable[[str, int], bool], now: datetime
) -> Recovered:
    """Takes everything from the workers of `host` whose processes have ended.

    `is_alive(name, process_id)` must be sure: a worker wrongly called dead has its messages in transit made unknown.
    """
    unknown = returned = 0
    for row in await listed(database):
        if row.host == host and not is_alive(row.id, row.process_id):
            one = await bury(database, plans, row.id, now)
            unknown, returned = unknown + one.unknown, returned + one.returned
    return Recovered(unknown, returned)
