"""Workspaces: the tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("workspaces")


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A workspace as stored."""

    id: int
    name: str
    settings: Mapping[str, Any]
    created_at: datetime


async def get(tx: Connection, workspace_id: int) -> WorkspaceRow | None:
    """The workspace of this id, or None."""
    row = await tx.fetchrow(SQL["get"], workspace_id)
    return WorkspaceRow(*row) if row else None


async def all_of(tx: Connection, limit: int) -> list[WorkspaceRow]:
    """The oldest `limit` workspaces."""
    return [WorkspaceRow(*row) for row in await tx.fetch(SQL["all"], limit)]


async def page(tx: Connection, below: int | None, limit: int) -> list[WorkspaceRow]:
    """A page of workspaces with ids under `below`, newest first."""
    return [WorkspaceRow(*row) for row in await tx.fetch(SQL["list"], below, limit)]


async def rename(tx: Connection, workspace_id: int, name: str) -> WorkspaceRow | None:
    """Gives a workspace another name; None when there is none. Fails by the unique name when another has it."""
    row = await tx.fetchrow(SQL["rename"], workspace_id, name)
    return WorkspaceRow(*row) if row else None


async def delete(tx: Connection, workspace_id: int) -> bool:
    """Deletes a workspace; whether there was one. Fails by foreign key when anything is in it."""
    return await tx.fetchval(SQL["delete"], workspace_id) is not None


async def insert(tx: Connection, name: str, now: datetime) -> int | None:
    """A new workspace; answers its id, or None when the name is taken (by one that has committed by then)."""
    workspace_id: int | None = await tx.fetchval(SQL["insert"], name, now)
    return workspace_id


async def by_name(tx: Connection, name: str) -> int | None:
    """The id of the workspace of this name, or None."""
    workspace_id: int | None = await tx.fetchval(SQL["by_name"], name)
    return workspace_id


async def names(tx: Connection, limit: int) -> list[str]:
    """The names of up to `limit` workspaces, in their order."""
    return [row["name"] for row in await tx.fetch(SQL["names"], limit)]


async def settings(tx: Connection, workspace_id: int, lock: bool = False) -> dict[str, Any]:
    """What was set for a workspace; `lock` keeps it for this transaction."""
    return dict(await tx.fetchval(SQL["lock_settings" if lock else "settings"], workspace_id))


async def set_settings(tx: Connection, workspace_id: int, values: Mapping[str, Any]) -> None:
    """Sets all of it."""
    await tx.execute(SQL["set_settings"], workspace_id, dict(values))
