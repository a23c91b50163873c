"""Leads that were taken out of a campaign, and begin anew in it: each at a step that it has had nothing of (G2)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from caesura.store import campaigns, enrollments, events
from caesura.store.database import Connection

REMOVED = "removed"
BY_HAND = frozenset({REMOVED, "manual"})
"""The causes for which a person takes a lead out of a campaign."""


async def readmit(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    lead_ids: Sequence[int],
    causes: Collection[str],
    extra: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> dict[int, int]:
    """Those of these leads that were stopped for one of `causes` wait again; their enrollments, by lead.

    A message that is in transit is stepped past, like one that was sent: what comes of it changes nothing here. Who may
    not be written to stays out. `extra` None leaves what is kept.
    """
    stopped = await enrollments.lock_stopped(tx, workspace_id, campaign_id, lead_ids, causes)
    if not stopped:
        return {}
    moved = await enrollments.begin_anew(tx, workspace_id, campaign_id, stopped, extra, now)
    entries = [events.Entry("enrollment.readmitted", campaign_id, one.id, one.step, None, one.lead_id) for one in moved]
    await events.append(tx, workspace_id, now, actor, entries)
    await campaigns.notify(tx, workspace_id, "enrollment.readmitted", campaign_id)
    return {one.lead_id: one.id for one in moved}
