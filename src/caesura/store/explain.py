"""What an explanation asks of the rows: nothing here grows with the number of leads."""

from datetime import datetime

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("explain")

# Rows looked at, at most, for what has no counter.
LOOKED_AT = 10_000


async def next_mailbox(tx: Connection, workspace_id: int, pool_id: int, now: datetime) -> tuple[datetime, int] | None:
    """(until when, mailbox) of the pool's usable mailbox that has to wait least, of those that have to; or None."""
    row = await tx.fetchrow(SQL["next_mailbox"], workspace_id, pool_id, now)
    return (row["at"], row["id"]) if row else None


async def earliest_due(tx: Connection, workspace_id: int, campaign_id: int) -> datetime | None:
    """When (campaign time) the next waiting enrollment falls due; None when none waits, but for parked ones."""
    at: datetime | None = await tx.fetchval(SQL["earliest_due"], workspace_id, campaign_id)
    return at


async def earliest_parked(tx: Connection, workspace_id: int, campaign_id: int) -> tuple[datetime, str] | None:
    """Until when (UTC) the next parked enrollment waits, and why; None where it is not among the first 10,000."""
    row = await tx.fetchrow(SQL["earliest_parked"], workspace_id, campaign_id, LOOKED_AT)
    return (row["not_before"], row["wait_reason"]) if row else None


async def held_causes(tx: Connection, workspace_id: int, campaign_id: int) -> list[tuple[str, int]]:
    """(cause, count) of held enrollments, the most frequent first; of 10,000 of them at most."""
    return [tuple(row) for row in await tx.fetch(SQL["held_causes"], workspace_id, campaign_id, LOOKED_AT)]


async def campaigns_of_mailbox(tx: Connection, workspace_id: int, mailbox_id: int) -> tuple[int, int]:
    """(all, running) campaigns whose pool has the mailbox."""
    [row] = await tx.fetch(SQL["campaigns_of_mailbox"], workspace_id, mailbox_id)
    return row["campaigns"], row["running"]


async def left_mailboxes(tx: Connection, workspace_id: int, campaign_id: int, due_at: datetime) -> list[str]:
    """The names of the mailboxes that all leads due by `due_at` (campaign time) have, if none can send for it now."""
    return [row["name"] for row in await tx.fetch(SQL["left_mailboxes"], workspace_id, campaign_id, due_at)]
