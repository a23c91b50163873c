"""What is told of the fields of leads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("lead_properties")


@dataclass(frozen=True, slots=True)
class PropertyRow:
    """A field of leads: its name, its kind (text, number, truth, date), and what it means."""

    workspace_id: int
    id: int
    name: str
    kind: str
    description: str
    extra: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


async def insert(
    tx: Connection, workspace_id: int, name: str, kind: str, description: str, extra: Mapping[str, Any], now: datetime
) -> PropertyRow | None:
    """A new entry; None when the field has one."""
    row = await tx.fetchrow(SQL["insert"], workspace_id, name, kind, description, extra, now)
    return PropertyRow(*row) if row else None


async def all_of(tx: Connection, workspace_id: int, limit: int) -> list[PropertyRow]:
    """The oldest `limit` entries."""
    return [PropertyRow(*row) for row in await tx.fetch(SQL["all"], workspace_id, limit)]


async def delete(tx: Connection, workspace_id: int, property_id: int) -> bool:
    """Deletes one; whether there was one."""
    return await tx.fetchval(SQL["delete"], workspace_id, property_id) is not None
