"""What every change of a campaign's status is made of: the row under its lock, where a verb leads, and what is told."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from caesura.domain.errors import NotFound
from caesura.domain.lifecycle import CampaignState, CampaignVerb, campaign_after
from caesura.store import approvals
from caesura.store import campaigns as store
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection

# What an approval has become, by where its campaign went.
_SETTLED = {
    CampaignState.RUNNING: "approved",
    CampaignState.DRAFT: "dismissed",
    CampaignState.STOPPED: "withdrawn",
}


async def get_row(tx: Connection, workspace_id: int, campaign_id: int, lock: bool = False) -> CampaignRow:
    """The campaign; `lock` keeps it for this transaction. Raises NotFound."""
    row = await store.get(tx, workspace_id, campaign_id, lock)
    if row is None:
        raise NotFound("campaign_not_found", "there is no such campaign")
    return row


async def set_status(
    tx: Connection,
    before: CampaignRow,
    after: CampaignRow,
    now: datetime,
    kind: str,
    actor: str | None = None,
    **more: Any,
) -> CampaignRow:
    """Writes a change of the status that `moved` allowed, on a row that is locked, with an event of this kind.

    `more` is what else the event says.
    """
    data: dict[str, Any] = {
        "from": before.status,
        "to": after.status,
        "cause": after.cause,
        "reason": after.reason,
        **more,
    }
    approval = await _approval(tx, before, after, now)
    if approval is not None:
        data["approval"] = approval
    row = await store.set_status(tx, before, after, now, kind, actor or after.actor, data)
    # The row is locked, so only a bug in the caller can lose this compare-and-set.
    assert row is not None
    return row


async def _approval(tx: Connection, before: CampaignRow, after: CampaignRow, now: datetime) -> int | None:
    """Asks for the approval that the new status waits for, or settles the one that the old status waited for."""
    if after.status is CampaignState.PENDING_APPROVAL:
        return await approvals.ask(tx, before.workspace_id, before.id, after.actor, now)
    if before.status is not CampaignState.PENDING_APPROVAL:
        return None
    state = _SETTLED[after.status]
    return await approvals.settle(tx, before.workspace_id, before.id, state, after.actor, after.reason, now)


def moved(before: CampaignRow, verb: CampaignVerb, cause: str, actor: str, reason: str | None) -> CampaignRow:
    """The row after a verb. Raises Conflict where its status does not allow it."""
    return replace(before, status=campaign_after(before.status, verb), cause=cause, actor=actor, reason=reason)
