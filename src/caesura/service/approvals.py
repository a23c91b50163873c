"""Starts that a person must approve: asked for, listed, approved and dismissed."""

from collections.abc import Sequence
from datetime import datetime

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.lifecycle import CampaignState, CampaignVerb
from caesura.service import campaigns, definitions, workspaces
from caesura.service.campaigns import Seen, Status
from caesura.store import approvals as store
from caesura.store.approvals import ApprovalRow
from caesura.store.database import Database


async def start(
    database: Database, workspace_id: int, campaign_id: int, actor: str, now: datetime, pool_id: int | None = None
) -> tuple[Status, ApprovalRow | None]:
    """Starts a campaign, or submits a draft with more leads than the workspace's `approval_above`.

    Answers the approval that it waits for, None where it runs. One that waits already goes on waiting. `pool_id` and
    errors as `definitions.start`.
    """
    status = await campaigns.status(database, workspace_id, campaign_id, now)
    state = status.campaign.status
    above = (await workspaces.settings(database, workspace_id)).approval_above
    if state is CampaignState.DRAFT and above is not None and status.counters.enrolled > above:
        status = await campaigns.submit(database, workspace_id, campaign_id, actor, now)
    elif state is not CampaignState.PENDING_APPROVAL:
        status, _ = await definitions.start(database, workspace_id, campaign_id, actor, now, pool_id=pool_id)
        return status, None
    return status, await pending(database, workspace_id, campaign_id)


async def approve(
    database: Database, workspace_id: int, approval_id: int, actor: str, now: datetime, pool_id: int | None = None
) -> ApprovalRow:
    """Starts the campaign that waits for this approval.

    Raises NotFound `approval_not_found`, Conflict `approval_settled` where it is not pending, and as
    `definitions.start`.
    """
    row = await _pending(database, workspace_id, approval_id)
    waits = Seen(status=CampaignState.PENDING_APPROVAL)
    await definitions.start(
        database,
        workspace_id,
        row.campaign_id,
        actor,
        now,
        CampaignVerb.APPROVE,
        "approved",
        seen=waits,
        pool_id=pool_id,
    )
    return await get(database, workspace_id, approval_id)


async def dismiss(
    database: Database, workspace_id: int, approval_id: int, reason: str | None, actor: str, now: datetime
) -> ApprovalRow:
    """Refuses this approval: its campaign is a draft again. `reason` is in a person's words.

    Raises NotFound `approval_not_found`, Conflict `approval_settled` where it is not pending.
    """
    row = await _pending(database, workspace_id, approval_id)
    await campaigns.dismiss(database, workspace_id, row.campaign_id, actor, now, reason)
    return await get(database, workspace_id, approval_id)


async def get(database: Database, workspace_id: int, approval_id: int) -> ApprovalRow:
    """One approval. Raises NotFound `approval_not_found`."""
    async with database.connection() as connection:
        row = await store.get(connection, workspace_id, approval_id)
    if row is None:
        raise NotFound("approval_not_found", "there is no such approval")
    return row


async def pending(database: Database, workspace_id: int, campaign_id: int) -> ApprovalRow | None:
    """The one that a campaign waits for, or None."""
    async with database.connection() as connection:
        return await store.pending(connection, workspace_id, campaign_id)


async def page(
    database: Database, workspace_id: int, below: int | None, states: Sequence[str] | None, limit: int
) -> list[ApprovalRow]:
    """A page of approvals with ids under `below`, newest first; `states` None: in any."""
    async with database.connection() as connection:
        return await store.page(connection, workspace_id, below, states, limit)


async def _pending(database: Database, workspace_id: int, approval_id: int) -> ApprovalRow:
    row = await get(database, workspace_id, approval_id)
    if row.state != "pending":
        raise Conflict("approval_settled", f"this was {row.state} already", row.state)
    return row
