"""Templates: texts that are copied into messages."""

from datetime import datetime
from typing import Any

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.message_template import MessageTemplateDefinition
from caesura.store import events
from caesura.store import message_templates as store
from caesura.store.database import Connection, Database
from caesura.store.message_templates import TemplateRow


def _content(definition: MessageTemplateDefinition) -> tuple[Any, ...]:
    one = definition
    return one.name, one.subject, one.html, one.text, one.description, one.extra


async def create(
    database: Database, workspace_id: int, definition: MessageTemplateDefinition, actor: str, now: datetime
) -> TemplateRow:
    """A new template. Nothing in it is compiled: that is done where it is used."""

    async def work(tx: Connection) -> TemplateRow:
        row = await store.insert(tx, workspace_id, _content(definition), now)
        await _tell(tx, row, "template.created", actor, now)
        return row

    return await database.run(work)


async def get(database: Database, workspace_id: int, template_id: int) -> TemplateRow:
    """One template. Raises NotFound `template_not_found`."""
    async with database.connection() as connection:
        return _found(await store.get(connection, workspace_id, template_id))


async def page(database: Database, workspace_id: int, below: int | None, limit: int) -> list[TemplateRow]:
    """A page of templates with ids under `below`, newest first."""
    async with database.connection() as connection:
        return await store.page(connection, workspace_id, below, limit)


async def replace(
    database: Database,
    workspace_id: int,
    template_id: int,
    definition: MessageTemplateDefinition,
    version: int | None,
    actor: str,
    now: datetime,
) -> TemplateRow:
    """Replaces a template; what was made of it stays as it is.

    Raises NotFound, and Conflict `version_mismatch` unless `version` is None or the present one.
    """

    async def work(tx: Connection) -> TemplateRow:
        before = _found(await store.get(tx, workspace_id, template_id, lock=True))
        if version is not None and version != before.version:
            raise Conflict("version_mismatch", f"the template is at version {before.version}, not {version}")
        row = await store.update(tx, workspace_id, template_id, _content(definition), now)
        await _tell(tx, row, "template.edited", actor, now)
        return row

    return await database.run(work)


async def delete(database: Database, workspace_id: int, template_id: int, actor: str, now: datetime) -> None:
    """Deletes a template; what was made of it stays. Raises NotFound."""

    async def work(tx: Connection) -> None:
        row = _found(await store.get(tx, workspace_id, template_id, lock=True))
        await store.delete(tx, workspace_id, template_id)
        await _tell(tx, row, "template.deleted", actor, now)

    await database.run(work)


async def _tell(tx: Connection, row: TemplateRow, kind: str, actor: str, now: datetime) -> None:
    entry = events.Entry(kind, data={"template": row.id, "name": row.name})
    await events.append(tx, row.workspace_id, now, actor, [entry])


def _found(row: TemplateRow | None) -> TemplateRow:
    if row is None:
        raise NotFound("template_not_found", "there is no such template")
    return row
