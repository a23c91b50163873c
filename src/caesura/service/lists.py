"""Lists of leads: make them, name them, and say who is on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.extra import check_extra
from caesura.service.leads import MAXIMUM_AT_ONCE
from caesura.store import events, leads
from caesura.store import lists as store
from caesura.store.database import Connection, Database
from caesura.store.leads import LeadRow
from caesura.store.lists import ListRow

NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Added:
    """How many leads joined a list, and how many were on it already."""

    added: int
    already_there: int


async def create(
    database: Database, workspace_id: int, name: str, actor: str, now: datetime, extra: Mapping[str, Any] | None = None
) -> ListRow:
    """A new, empty list; its name has 1 to 200 printable characters, `extra` is kept with it.

    Raises Invalid, and Conflict `name_taken`.
    """
    name = _name(name)
    kept = check_extra(extra or {}, "/extra")

    async def work(tx: Connection) -> ListRow:
        list_id = await store.insert(tx, workspace_id, name, kept, now)
        if list_id is None:
            raise _taken(name)
        await _tell(tx, workspace_id, "list.created", list_id, actor, now, name=name)
        return ListRow(workspace_id, list_id, name, kept, now)

    return await database.run(work)


async def change(
    database: Database,
    workspace_id: int,
    list_id: int,
    name: str | None,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> ListRow:
    """Gives a list another name, and other things to keep; None leaves either as it is.

    Raises NotFound, Invalid, and Conflict `name_taken`.
    """
    name = _name(name) if name is not None else None
    kept = check_extra(extra, "/extra") if extra is not None else None

    async def work(tx: Connection) -> ListRow:
        before = await _get(tx, workspace_id, list_id)
        row = await store.change(tx, workspace_id, list_id, name or before.name, kept)
        if row is None:
            raise _missing()
        if row.name != before.name:
            await _tell(tx, workspace_id, "list.renamed", list_id, actor, now, name=row.name)
        return row

    try:
        return await database.run(work)
    except asyncpg.UniqueViolationError as error:
        raise _taken(name or "") from error


async def get(database: Database, workspace_id: int, list_id: int) -> tuple[ListRow, int]:
    """A list, and how many leads are on it. Raises NotFound."""
    async with database.connection() as connection:
        return await _get(connection, workspace_id, list_id), await store.count(connection, workspace_id, list_id)


async def find(database: Database, workspace_id: int, name: str) -> ListRow | None:
    """The list of this name, or None."""
    async with database.connection() as connection:
        return await store.by_name(connection, workspace_id, name.strip())


async def several(database: Database, workspace_id: int, list_ids: Sequence[int]) -> dict[int, tuple[ListRow, int]]:
    """Those of these lists that are there, each with the number of its leads, by their ids: one statement."""
    async with database.connection() as connection:
        return await store.several(connection, workspace_id, list_ids)


async def page(
    database: Database, workspace_id: int, below: int | None, limit: int, part: str | None = None
) -> list[ListRow]:
    """A page of lists with ids under `below`, newest first; `part`: of the name, in any case, None for all."""
    async with database.connection() as connection:
        return await store.page(connection, workspace_id, below, part, limit)


async def members(database: Database, workspace_id: int, list_id: int, above: int | None, limit: int) -> list[LeadRow]:
    """A page of the leads of a list with ids above `above`, in their order. Raises NotFound."""
    async with database.connection() as connection:
        await _get(connection, workspace_id, list_id)
        return await store.members(connection, workspace_id, list_id, above or 0, limit)


async def add(
    database: Database, workspace_id: int, list_id: int, lead_ids: Sequence[int], actor: str, now: datetime
) -> Added:
    """Puts at most 1,000 leads on a list. Raises NotFound, and Invalid `unknown_lead` with the place of each."""
    _check_number(lead_ids)

    async def work(tx: Connection) -> Added:
        await _get(tx, workspace_id, list_id, keep=True)
        known = await leads.existing(tx, workspace_id, lead_ids)
        problems = [
            Problem("unknown_lead", "there is no such lead", f"/lead_ids/{place}")
            for place, lead_id in enumerate(lead_ids)
            if lead_id not in known
        ]
        if problems:
            raise Invalid.of(*problems)
        added = await store.add(tx, workspace_id, list_id, lead_ids, now)
        if added:
            await _tell(tx, workspace_id, "list.members_added", list_id, actor, now, count=added)
        return Added(added, len(known) - added)

    return await database.run(work)


async def remove(
    database: Database, workspace_id: int, list_id: int, lead_ids: Sequence[int], actor: str, now: datetime
) -> int:
    """Takes at most 1,000 leads off a list; answers how many were on it. Raises NotFound, Invalid."""
    _check_number(lead_ids)

    async def work(tx: Connection) -> int:
        await _get(tx, workspace_id, list_id)
        removed = await store.remove(tx, workspace_id, list_id, lead_ids)
        if removed:
            await _tell(tx, workspace_id, "list.members_removed", list_id, actor, now, count=removed)
        return removed

    return await database.run(work)


async def delete(database: Database, workspace_id: int, list_id: int, actor: str, now: datetime) -> None:
    """Deletes a list. Its leads stay, and so do their enrollments. Raises NotFound."""

    async def work(tx: Connection) -> None:
        row = await _get(tx, workspace_id, list_id)
        if not await store.delete(tx, workspace_id, list_id):
            raise _missing()
        await _tell(tx, workspace_id, "list.deleted", list_id, actor, now, name=row.name)

    await database.run(work)


def _name(name: str) -> str:
    name = name.strip()
    if not (0 < len(name) <= NAME_LENGTH and name.isprintable()):
        detail = f"a list's name has 1 to {NAME_LENGTH} printable characters"
        raise Invalid.of(Problem("list_name", detail, "/name"))
    return name


def _check_number(lead_ids: Sequence[int]) -> None:
    if len(lead_ids) > MAXIMUM_AT_ONCE:
        detail = f"at most {MAXIMUM_AT_ONCE} leads can be given at once"
        raise Invalid.of(Problem("too_many_leads", detail, "/lead_ids"))


async def _get(tx: Connection, workspace_id: int, list_id: int, keep: bool = False) -> ListRow:
    row = await store.get(tx, workspace_id, list_id, keep)
    if row is None:
        raise _missing()
    return row


def _missing() -> NotFound:
    return NotFound("list_not_found", "there is no such list")


def _taken(name: str) -> Conflict:
    return Conflict("name_taken", f"there is a list named {name!r} already")


async def _tell(
    tx: Connection, workspace_id: int, kind: str, list_id: int, actor: str, now: datetime, **data: object
) -> None:
    await events.append(tx, workspace_id, now, actor, [events.Entry(kind, data={"list": list_id, **data})])
