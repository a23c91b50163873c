"""Workers that are there: for people to see, and to bury the dead of this machine at once."""

from dataclasses import dataclass
from datetime import datetime

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("sending")


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker process. `seen_at` is when it last said that it is there."""

    id: str
    host: str
    process_id: int
    slots: int
    started_at: datetime
    seen_at: datetime


async def see(tx: Connection, worker: str, host: str, process_id: int, slots: int, now: datetime) -> None:
    """A worker says that it is there."""
    await tx.execute(SQL["see_worker"], worker, host, process_id, slots, now)


async def forget(tx: Connection, worker: str) -> None:
    """A worker has left."""
    await tx.execute(SQL["forget_worker"], worker)


async def is_any_seen(tx: Connection, since: datetime) -> bool:
    """Whether any worker was there after `since`."""
    return bool(await tx.fetchval(SQL["worker_seen"], since))


async def listed(tx: Connection) -> list[WorkerRow]:
    """The workers, the oldest first."""
    return [WorkerRow(*row) for row in await tx.fetch(SQL["workers"])]
