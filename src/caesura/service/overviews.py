"""Campaigns with their content and their numbers, a page at a time, in a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass

from caesura.service.definitions import Campaign
from caesura.service.plans import definition_of
from caesura.store import campaigns as store
from caesura.store import inbound, mailboxes
from caesura.store.campaigns import CampaignRow, Counters
from caesura.store.database import Database
from caesura.store.inbound import Numbers


@dataclass(frozen=True, slots=True)
class Overview:
    """A campaign, its exact counts, and how many leads did what."""

    campaign: Campaign
    counters: Counters
    came_back: Numbers


async def of_campaigns(database: Database, workspace_id: int, rows: Sequence[CampaignRow]) -> list[Overview]:
    """The overviews of these campaigns, in their order."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    pool_ids = sorted({row.pool_id for row in rows if row.pool_id is not None})
    async with database.connection() as connection:
        steps = await store.steps_of(connection, workspace_id, ids)
        pools = await mailboxes.pool_names(connection, workspace_id, pool_ids)
        counters = await store.counters_of(connection, workspace_id, ids)
        came_back = await inbound.totals(connection, workspace_id, ids)
    return [
        Overview(
            Campaign(row, definition_of(row, steps[row.id], pools.get(row.pool_id or 0))),
            counters[row.id],
            came_back[row.id],
        )
        for row in rows
    ]
