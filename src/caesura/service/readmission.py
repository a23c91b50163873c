"""Leads that were taken out of a campaign, and begin anew in it: each behind all that it may have had (G2)."""

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

    A message that is in transit is stepped past, like one that was sent, even where its server turns out not to have
    taken it; only a refusal or a reply to it still takes the lead out. Who may not be written to stays out. `extra`
    None leaves what is kept.
    """
    stopped = await enrollments.lock_stopped(tx, workspace_id, campaign_id, lead_ids, causes)
    if not stopped:
        return {}
    moved = await enrollments.begin_anew(tx, workspace_id, campaign_id, stopped, extra, now)
    entries = [events.Entry("enrollment.readmitted", campaign_id, one.id, one.step, None, one.lead_id) for one in moved]
    await events.append(tx, workspace_id, now, actor, entries)
    await campaigns.notify(tx, workspace_id, "enrollment.readmitted", campaign_id)
    return {one.lead_id: one.id for one in moved}


async def stay_out(tx: Connection, workspace_id: int, enrollment_ids: Sequence[int], cause: str, now: datetime) -> None:
    """Who was taken out by hand, and has said no since, is not readmitted: `cause` is in the place of theirs.

    To be called before those that are still in are taken out: one that comes in at this moment is then among them.
    """
    await enrollments.stay_out(tx, workspace_id, enrollment_ids, BY_HAND, cause, now)
