"""How many of a campaign's messages came back, for its threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("bounces")


@dataclass(frozen=True, slots=True)
class BounceRow:
    """What came back: `bounced` of the messages marked since `since` (UTC; None: since the start).

    `delivered_before` is how many were sent or refused until then. `paused_at` (UTC) is when this has paused the
    campaign; None: it has not, or the campaign was resumed. `is_fresh`: nobody has looked at it yet.
    """

    workspace_id: int
    campaign_id: int
    bounced: int
    delivered_before: int
    since: datetime | None
    paused_at: datetime | None
    is_fresh: bool


async def count(tx: Connection, workspace_id: int, campaign_id: int, marked_at: Sequence[datetime]) -> None:
    """Counts messages that came back, by when they were marked (UTC). Nothing may be locked after this."""
    if marked_at:
        await tx.execute(SQL["count"], workspace_id, campaign_id, list(marked_at))


async def get(tx: Connection, workspace_id: int, campaign_id: int) -> BounceRow | None:
    """The counts of a campaign; None where nothing came back."""
    row = await tx.fetchrow(SQL["get"], workspace_id, campaign_id)
    return BounceRow(**row) if row else None


async def fresh(tx: Connection) -> list[tuple[int, int]]:
    """(workspace, campaign) of those to be looked at; at most 100."""
    return [tuple(row) for row in await tx.fetch(SQL["fresh"])]


async def seen(tx: Connection, row: BounceRow) -> None:
    """Notes that this was looked at, unless it has changed since."""
    await tx.execute(SQL["seen"], row.workspace_id, row.campaign_id, row.bounced)


async def look_again(tx: Connection, workspace_id: int, campaign_id: int) -> None:
    """Lets the timers look at it anew. Nothing may be locked after this."""
    await tx.execute(SQL["look_again"], workspace_id, campaign_id)


async def paused(tx: Connection, workspace_id: int, campaign_id: int, now: datetime) -> None:
    """Notes that it has paused the campaign. Nothing may be locked after this."""
    await tx.execute(SQL["paused"], workspace_id, campaign_id, now)


async def resumed(tx: Connection, workspace_id: int, campaign_id: int, now: datetime) -> None:
    """The campaign runs again; after a pause for it, the counts begin anew. Nothing may be locked after this."""
    await tx.execute(SQL["resumed"], workspace_id, campaign_id, now)


async def is_counted(
    tx: Connection, workspace_id: int, enrollment_id: int, step: int, lead_id: int, before: int
) -> bool:
    """Whether a message of ours was refused, or bounced hard by a report with an id below `before`."""
    answer: bool = await tx.fetchval(SQL["is_counted"], workspace_id, enrollment_id, step, lead_id, before)
    return answer
