"""Texts to make messages of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("message_templates")


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A template as stored."""

    workspace_id: int
    id: int
    name: str
    subject: str | None
    html: str | None
    text: str | None
    description: str
    extra: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def content(self) -> tuple[Any, ...]:
        """What of it can be edited, in the order of the queries."""
        return self.name, self.subject, self.html, self.text, self.description, self.extra


async def insert(tx: Connection, workspace_id: int, content: tuple[Any, ...], now: datetime) -> TemplateRow:
    """A new template."""
    [row] = await tx.fetch(SQL["insert"], workspace_id, *content, now)
    return TemplateRow(*row)


async def get(tx: Connection, workspace_id: int, template_id: int, lock: bool = False) -> TemplateRow | None:
    """One template, or None; `lock` keeps it for this transaction."""
    row = await tx.fetchrow(SQL["lock" if lock else "get"], workspace_id, template_id)
    return TemplateRow(*row) if row else None


async def page(tx: Connection, workspace_id: int, below: int | None, limit: int) -> list[TemplateRow]:
    """A page of templates with ids under `below`, newest first."""
    return [TemplateRow(*row) for row in await tx.fetch(SQL["list"], workspace_id, below, limit)]


async def update(
    tx: Connection, workspace_id: int, template_id: int, content: tuple[Any, ...], now: datetime
) -> TemplateRow:
    """Stores an edited template."""
    [row] = await tx.fetch(SQL["update"], workspace_id, template_id, *content, now)
    return TemplateRow(*row)


async def delete(tx: Connection, workspace_id: int, template_id: int) -> bool:
    """Deletes a template; whether there was one."""
    return await tx.fetchval(SQL["delete"], workspace_id, template_id) is not None
