"""What the fields of leads are, for people and forms: nothing is refused because of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.extra import check_extra
from caesura.domain.lead_entry import MAXIMUM_FIELDS, check_fields
from caesura.store import lead_properties as store
from caesura.store.database import Connection, Database
from caesura.store.lead_properties import PropertyRow

KINDS = ("text", "number", "truth", "date")


async def create(
    database: Database,
    workspace_id: int,
    name: str,
    kind: str,
    description: str,
    extra: Mapping[str, Any],
    now: datetime,
) -> PropertyRow:
    """Tells what a field is; `kind` is one of KINDS. Raises Invalid for its name, Conflict `name_taken`."""
    check_fields({name: None}, "/name")
    kept = check_extra(extra, "/extra")

    async def work(tx: Connection) -> PropertyRow:
        if len(await store.all_of(tx, workspace_id, MAXIMUM_FIELDS)) == MAXIMUM_FIELDS:
            raise Conflict("too_many_properties", f"a workspace has at most {MAXIMUM_FIELDS} properties")
        row = await store.insert(tx, workspace_id, name, kind, description, kept, now)
        if row is None:
            raise Conflict("name_taken", f"there is a property named {name!r} already")
        return row

    return await database.run(work)


async def all_of(database: Database, workspace_id: int) -> list[PropertyRow]:
    """All of them, oldest first."""
    async with database.connection() as connection:
        return await store.all_of(connection, workspace_id, MAXIMUM_FIELDS)


async def delete(database: Database, workspace_id: int, property_id: int) -> None:
    """Deletes one; the leads keep the field. Raises NotFound `lead_property_not_found`."""
    if not await database.run(lambda tx: store.delete(tx, workspace_id, property_id)):
        raise NotFound("lead_property_not_found", "there is no such property")
