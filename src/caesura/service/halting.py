"""Halt: whatever a campaign's status is, nothing of it goes out until somebody starts it again or lets it go on."""

from dataclasses import replace
from datetime import datetime

from caesura.domain.lifecycle import CampaignState, CampaignVerb
from caesura.service import campaigns
from caesura.service.campaign_moves import get_row, moved, set_status
from caesura.service.campaigns import PauseOptions, Status
from caesura.store import sending as gate
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection, Database

# Who would start by itself, or by another's word, is a draft again.
_TAKEN_BACK = {
    CampaignState.SCHEDULED: (CampaignVerb.UNSCHEDULE, "campaign.unscheduled"),
    CampaignState.PENDING_APPROVAL: (CampaignVerb.DISMISS, "campaign.dismissed"),
}
_AT_REST = (CampaignState.DRAFT, CampaignState.STOPPED)


async def halt(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    actor: str,
    now: datetime,
    cause: str | None = None,
) -> Status:
    """Sees to it that nothing goes out, in one transaction: when this returns, no message enters `sending` any more.

    What runs or is edited is paused, and so is what is completed, since new leads would set it going again. A planned
    start and a wait for approval end: it is a draft again. A paused one has no planned resume any more, and another
    cause, if one is given. A draft and a stopped one stay as they are. Raises NotFound.
    """

    async def work(tx: Connection) -> Status:
        before = await get_row(tx, workspace_id, campaign_id, lock=True)
        return await campaigns.standing(tx, await _halted(tx, before, actor, now, cause), now)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def _halted(tx: Connection, before: CampaignRow, actor: str, now: datetime, cause: str | None) -> CampaignRow:
    if before.status in _AT_REST:
        return before
    if before.status in _TAKEN_BACK:
        verb, kind = _TAKEN_BACK[before.status]
        after = replace(moved(before, verb, "manual", actor, None), starts_at=None)
        return await set_status(tx, before, after, now, kind)
    if before.status is CampaignState.COMPLETED:
        before = await campaigns.edit_within(tx, before, actor, now, "manual")
    return await campaigns.pause_or_change(tx, before, PauseOptions(stays=True), actor, now, cause)
