"""How much mailboxes and pools may send on the present day, by the rows that their limits are kept with."""

from collections.abc import Sequence
from datetime import datetime

from caesura.domain.capacity import Capacity, capacity, together
from caesura.domain.pacing import Load
from caesura.service.plans import Plans
from caesura.service.sending.effects import load_of
from caesura.store import mailboxes as store
from caesura.store.database import Connection, Database
from caesura.store.mailboxes import MailboxRow


async def of_mailboxes(
    database: Database, plans: Plans, workspace_id: int, rows: Sequence[MailboxRow], now: datetime
) -> dict[int, Capacity]:
    """The capacity of each of these, by its id. Raises Invalid where a definition cannot be read."""
    async with database.connection() as connection:
        return await _capacities(connection, plans, workspace_id, [(row.id, row.version) for row in rows], now)


async def of_pools(
    database: Database, plans: Plans, workspace_id: int, pool_ids: Sequence[int], now: datetime
) -> dict[int, Capacity]:
    """The capacity of each of these pools, by its id: that of its mailboxes which are neither archived nor held.

    Raises Invalid where a mailbox's definition cannot be read.
    """
    async with database.connection() as connection:
        usable = await store.usable_of_pools(connection, workspace_id, pool_ids)
        versions = sorted({one for members in usable.values() for one in members})
        known = await _capacities(connection, plans, workspace_id, versions, now)
    return {pool_id: together(known[one] for one, _ in usable.get(pool_id, ())) for pool_id in pool_ids}


async def _capacities(
    tx: Connection, plans: Plans, workspace_id: int, versions: Sequence[tuple[int, int]], now: datetime
) -> dict[int, Capacity]:
    mailboxes = await plans.mailboxes(tx, workspace_id, versions)
    loads = {pace.mailbox_id: load_of(pace) for pace in await store.paces(tx, workspace_id, list(mailboxes))}
    return {one: capacity(now, mailbox, loads.get(one, Load())) for one, mailbox in mailboxes.items()}
