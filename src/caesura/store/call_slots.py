"""Calls that are under way or wait for their turn."""

from datetime import datetime

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("call_slots")


async def join(
    tx: Connection, workspace_id: int, name: str, most: int, now: datetime, until: datetime
) -> tuple[int, int] | None:
    """A place at the end, which counts `until`: its ticket, and how many are before it. None where `most` are there."""
    row = await tx.fetchrow(SQL["join"], workspace_id, name, now, until, most)
    return (row["ticket"], row["ahead"]) if row else None


async def keep(tx: Connection, workspace_id: int, name: str, ticket: int, now: datetime, until: datetime) -> int | None:
    """Lets a place count `until`; how many are before it, or None where its time had run out."""
    ahead: int | None = await tx.fetchval(SQL["keep"], workspace_id, name, ticket, now, until)
    return ahead


async def leave(tx: Connection, workspace_id: int, name: str, ticket: int) -> None:
    """Gives a place up."""
    await tx.execute(SQL["leave"], workspace_id, name, ticket)
