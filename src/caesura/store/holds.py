"""Holds: what keeps messages back, at five levels."""

from dataclasses import dataclass
from datetime import datetime

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("holds")


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold. `subject` is the id at its level, a domain, or '' for the workspace; in force while not released."""

    workspace_id: int
    id: int
    level: str
    subject: str
    cause: str
    actor: str
    reason: str | None
    created_at: datetime
    released_at: datetime | None
    released_by: str | None


async def place(
    tx: Connection,
    workspace_id: int,
    level: str,
    subject: str,
    cause: str,
    actor: str,
    reason: str | None,
    now: datetime,
) -> tuple[HoldRow, bool]:
    """The hold in force for this subject and cause, and whether this call placed it. Call it behind the closed gate."""
    row = await tx.fetchrow(SQL["place"], workspace_id, level, subject, cause, actor, reason, now)
    if row is not None:
        return HoldRow(*row), True
    [row] = await tx.fetch(SQL["in_force"], workspace_id, level, subject, cause)
    return HoldRow(*row), False


async def get(tx: Connection, workspace_id: int, hold_id: int) -> HoldRow | None:
    """One hold, or None."""
    row = await tx.fetchrow(SQL["get"], workspace_id, hold_id)
    return HoldRow(*row) if row else None


async def release(tx: Connection, workspace_id: int, hold_id: int, actor: str, now: datetime) -> HoldRow | None:
    """Ends a hold; None when it is not in force."""
    row = await tx.fetchrow(SQL["release"], workspace_id, hold_id, now, actor)
    return HoldRow(*row) if row else None


async def page(tx: Connection, workspace_id: int, below: int | None, with_released: bool, limit: int) -> list[HoldRow]:
    """A page of holds with ids under `below`, newest first."""
    return [HoldRow(*row) for row in await tx.fetch(SQL["list"], workspace_id, below, with_released, limit)]


async def on_subject(tx: Connection, workspace_id: int, level: str, subject: str) -> list[HoldRow]:
    """The holds in force on one subject."""
    return [HoldRow(*row) for row in await tx.fetch(SQL["on_subject"], workspace_id, level, subject)]


async def release_met(tx: Connection, hold: HoldRow, now: datetime, from_lead: int, limit: int) -> int | None:
    """Enrollments that were set aside because they met this hold wait again, those of a domain's `limit` at a time.

    Answers the lead to go on from, or None when there are no more.
    """
    if hold.level == "lead":
        await tx.execute(SQL["release_met_by_lead"], hold.workspace_id, int(hold.subject), now)
    elif hold.level == "domain":
        rows = await tx.fetch(SQL["release_met_by_domain"], hold.workspace_id, hold.subject, now, from_lead, limit)
        if len(rows) == limit:
            last: int = max(row["lead_id"] for row in rows)
            return last
    return None
