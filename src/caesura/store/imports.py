"""Lead files on their way in: rows wait in a temporary table, then go in by whole sets, in one transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import asyncpg

from caesura.domain.errors import Unavailable
from caesura.store.database import ATTEMPTS, Connection, affected
from caesura.store.queries import load

T = TypeVar("T")

SQL = load("imports")

# The class of the advisory locks by which imports take turns; the object is the workspace.
TURN = 0x43414549

# A million rows take some ten seconds; a server under load must not be given up for that.
SECONDS = 1_800.0

COLUMNS = ("line", "address", "address_key", "fields", "zone")


@dataclass(frozen=True, slots=True)
class Repeated:
    """A row whose address stands on line `first` already."""

    line: int
    address: str
    first: int


async def open_staging(connection: Connection) -> None:
    """Makes the place where rows wait; the connection must be kept until `close_staging`."""
    await connection.execute(SQL["close"])
    await connection.execute(SQL["open"])


async def close_staging(connection: Connection) -> None:
    """Drops it, unless the connection is gone, and it with it."""
    if not connection.is_closed():
        await connection.execute(SQL["close"])


async def stage(connection: Connection, block: bytes) -> None:
    """Stages rows in PostgreSQL's text format (tabs, `\\N` for null), in a short transaction of its own."""

    async def source() -> AsyncIterator[bytes]:
        yield block

    await connection.copy_to_table("staged_lead", source=source(), columns=COLUMNS, format="text", timeout=SECONDS)


async def run(connection: Connection, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Runs `work` in one transaction on this very connection, again when others were in its way."""
    for _ in range(ATTEMPTS):
        try:
            async with connection.transaction():
                await connection.execute(SQL["memory"])
                return await work(connection)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
            last = error
    raise Unavailable("database_busy", f"the database gave up {ATTEMPTS} times: {last}") from last


async def take_turns(tx: Connection, workspace_id: int) -> None:
    """Waits until no other import of the workspace is putting its rows in."""
    await tx.execute(SQL["take_turns"], TURN, workspace_id, timeout=SECONDS)


async def insert_new(tx: Connection, workspace_id: int, now: datetime) -> int:
    """Adds the leads that are not known; answers how many."""
    await tx.execute(SQL["open_new"])
    return affected(await tx.execute(SQL["insert_new"], workspace_id, now, timeout=SECONDS))


async def find_repeated(tx: Connection, is_needed: bool) -> int:
    """Looks, if need be, for addresses that stand there more than once; answers how many rows come after a first."""
    await tx.execute(SQL["open_repeated"])
    if not is_needed:
        return 0
    number: int = await tx.fetchval(SQL["find_repeated"], timeout=SECONDS)
    return number


async def repeated(tx: Connection, limit: int) -> list[Repeated]:
    """The rows that come after the first one with their address."""
    return [Repeated(*row) for row in await tx.fetch(SQL["repeated"], limit, timeout=SECONDS)]


async def find_known(tx: Connection, workspace_id: int, expected: int) -> None:
    """Looks for the leads that were there before. After `insert_new` and `find_repeated`.

    Raises asyncpg.SerializationError when fewer are left than there must have been: one was deleted just now.
    """
    await tx.execute(SQL["open_known"])
    if expected and affected(await tx.execute(SQL["find_known"], workspace_id, timeout=SECONDS)) < expected:
        raise asyncpg.SerializationError("a lead was deleted while it was imported")


async def merge_known(tx: Connection, workspace_id: int, actor: str, now: datetime) -> int:
    """Gives known leads the file's fields, and tells of each that changed; answers how many."""
    return affected(await tx.execute(SQL["merge_known"], workspace_id, now, actor, timeout=SECONDS))


async def enrol(
    tx: Connection, workspace_id: int, campaign_id: int, due_at: datetime, now: datetime, with_known: bool
) -> int:
    """Enrols all that are neither suppressed, nor refuse the campaign's group, nor are enrolled; answers how many.

    `with_known`: not only new leads.
    """
    query = SQL["enrol_all" if with_known else "enrol_new"]
    return affected(await tx.execute(query, workspace_id, campaign_id, due_at, now, timeout=SECONDS))


async def find_suppressed(tx: Connection, workspace_id: int, campaign_id: int) -> int:
    """Looks for rows that are suppressed, or refuse the campaign's group; answers how many."""
    return affected(await tx.execute(SQL["open_suppressed"], workspace_id, campaign_id, timeout=SECONDS))


async def suppressed(tx: Connection, limit: int) -> list[tuple[int, str, bool]]:
    """(line, address, whether it only refuses the campaign's group) of suppressed rows; after `find_suppressed`."""
    return [tuple(row) for row in await tx.fetch(SQL["suppressed"], limit, timeout=SECONDS)]


async def join_list(tx: Connection, workspace_id: int, list_id: int, now: datetime) -> int:
    """Puts all of them on a list; answers how many were not on it."""
    return affected(await tx.execute(SQL["join_list"], workspace_id, list_id, now, timeout=SECONDS))


async def held_of_changed(tx: Connection, workspace_id: int, causes: Collection[str], limit: int) -> list[int]:
    """Enrollments held for one of `causes` whose leads this import has changed."""
    rows = await tx.fetch(SQL["held_of_changed"], workspace_id, sorted(causes), limit, timeout=SECONDS)
    return [row["id"] for row in rows]


async def claimed_of_changed(tx: Connection, workspace_id: int) -> list[int]:
    """Leads that this import has changed and that a worker has claimed."""
    return [row["lead_id"] for row in await tx.fetch(SQL["claimed_of_changed"], workspace_id, timeout=SECONDS)]
