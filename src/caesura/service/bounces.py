"""Campaigns of which too many messages come back: they pause by themselves.

Whoever records a bounce only counts it, as the last statement of a transaction that may hold much else, so that nobody
who has the count waits for anything. The timers then look, and pause like anybody else: the gate first.
"""

from dataclasses import dataclass
from datetime import datetime

from caesura.domain.bounces import is_over, is_settled, words
from caesura.domain.lifecycle import CampaignState
from caesura.service import campaigns
from caesura.service.campaigns import PauseOptions
from caesura.store import bounces as store
from caesura.store import campaigns as campaign_store
from caesura.store import sending as gate
from caesura.store.bounces import BounceRow
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection, Database

CAUSE = "bounce_threshold"
"""The cause of a pause that a threshold made."""


@dataclass(frozen=True, slots=True)
class _Found:
    row: BounceRow
    threshold: int | None
    delivered: int

    @property
    def is_over(self) -> bool:
        return is_over(self.threshold, self.delivered, self.row.bounced)


async def check(database: Database, workspace_id: int, campaign_id: int, now: datetime) -> bool:
    """Pauses a running campaign that has reached its threshold; whether it did.

    The cause is `bounce_threshold`, the actor the engine. After a resume the counts begin anew: only messages marked
    from then on count, and again no less than 20.
    """
    async with database.connection() as connection:
        campaign = await campaign_store.get(connection, workspace_id, campaign_id)
        found = None if campaign is None else await _found(connection, campaign)
    if campaign is None or found is None:
        return False
    # Whoever sets it running again lets us look again.
    is_running = campaign.status is CampaignState.RUNNING
    if is_running and found.is_over:
        return await _pause(database, workspace_id, campaign_id, now)
    if not is_running or is_settled(found.threshold, found.delivered):
        row = found.row
        await database.run(lambda tx: store.seen(tx, row))
    return False


async def _pause(database: Database, workspace_id: int, campaign_id: int, now: datetime) -> bool:
    async def work(tx: Connection) -> bool:
        before = await campaign_store.get(tx, workspace_id, campaign_id, lock=True)
        if before is None or before.status is not CampaignState.RUNNING:
            return False
        found = await _found(tx, before)
        # It may have been resumed or edited since we looked.
        if found is None or found.threshold is None or not found.is_over:
            return False
        counts = (found.threshold, found.delivered, found.row.bounced)
        facts = dict(zip(("threshold", "delivered", "bounced"), counts, strict=True))
        await campaigns.pause_within(tx, before, PauseOptions(reason=words(*counts)), "engine", now, CAUSE, **facts)
        await store.paused(tx, workspace_id, campaign_id, now)
        return True

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def paused_at(database: Database, workspace_id: int, campaign_id: int) -> datetime | None:
    """When (UTC) a campaign was paused for its bounces, if it was not resumed since."""
    async with database.connection() as connection:
        row = await store.get(connection, workspace_id, campaign_id)
    return row.paused_at if row else None


async def _found(tx: Connection, campaign: CampaignRow) -> _Found | None:
    row = await store.get(tx, campaign.workspace_id, campaign.id)
    if row is None:
        return None
    counters = await campaign_store.counters(tx, campaign.workspace_id, campaign.id)
    limits = campaign.definition.get("limits") or {}
    return _Found(row, limits.get("bounce_threshold"), counters.sent + counters.rejected - row.delivered_before)
