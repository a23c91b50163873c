"""Approvals: campaigns that waited for a person before their start, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("approvals")

ApprovalState: TypeAlias = Literal["pending", "approved", "dismissed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """An approval as stored, with the campaign's `name`; withdrawn: that was stopped meanwhile."""

    workspace_id: int
    id: int
    campaign_id: int
    state: ApprovalState
    asked_at: datetime
    asked_by: str
    settled_at: datetime | None
    settled_by: str | None
    reason: str | None
    name: str


async def ask(tx: Connection, workspace_id: int, campaign_id: int, actor: str, now: datetime) -> int:
    """A new one, pending; answers its id."""
    number: int = await tx.fetchval(SQL["ask"], workspace_id, campaign_id, now, actor)
    return number


async def settle(
    tx: Connection, workspace_id: int, campaign_id: int, state: str, actor: str, reason: str | None, now: datetime
) -> int | None:
    """Ends the one that a campaign waits for; answers its id, None where there is none."""
    number: int | None = await tx.fetchval(SQL["settle"], workspace_id, campaign_id, state, now, actor, reason)
    return number


async def get(tx: Connection, workspace_id: int, approval_id: int) -> ApprovalRow | None:
    """One approval, or None."""
    row = await tx.fetchrow(SQL["get"], workspace_id, approval_id)
    return ApprovalRow(**row) if row else None


async def pending(tx: Connection, workspace_id: int, campaign_id: int) -> ApprovalRow | None:
    """The one that a campaign waits for, or None."""
    row = await tx.fetchrow(SQL["pending"], workspace_id, campaign_id)
    return ApprovalRow(**row) if row else None


async def page(
    tx: Connection, workspace_id: int, below: int | None, states: Sequence[str] | None, limit: int
) -> list[ApprovalRow]:
    """A page of approvals with ids under `below`, newest first; `states` None: in any."""
    return [ApprovalRow(**row) for row in await tx.fetch(SQL["list"], workspace_id, below, states, limit)]
