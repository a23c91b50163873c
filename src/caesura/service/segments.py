"""Segments: leads by what their fields hold; and enrolling audiences made of lists and segments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.segments import SegmentDefinition
from caesura.store import events
from caesura.store import segments as store
from caesura.store.database import Connection, Database
from caesura.store.segments import SegmentRow

MAXIMUM = 1_000


async def create(
    database: Database, workspace_id: int, definition: SegmentDefinition, actor: str, now: datetime
) -> SegmentRow:
    """A new segment. Raises Conflict `name_taken`, `too_many_segments` (over 1,000)."""

    async def work(tx: Connection) -> SegmentRow:
        if len(await store.all_of(tx, workspace_id, MAXIMUM)) == MAXIMUM:
            raise Conflict("too_many_segments", f"a workspace has at most {MAXIMUM} segments: delete one first")
        row = await store.insert(tx, workspace_id, *_content(definition), now)
        if row is None:
            raise _taken(definition)
        await _tell(tx, row, "segment.created", actor, now)
        return row

    return await database.run(work)


async def replace(
    database: Database,
    workspace_id: int,
    segment_id: int,
    definition: SegmentDefinition,
    version: int | None,
    actor: str,
    now: datetime,
) -> SegmentRow:
    """Replaces a segment; who was enrolled out of it stays so.

    Raises NotFound, and Conflict: `name_taken`, or `version_mismatch` unless `version` is None or the present one.
    """

    async def work(tx: Connection) -> SegmentRow:
        before = _found(await store.get(tx, workspace_id, segment_id, lock=True))
        if version is not None and version != before.version:
            raise Conflict("version_mismatch", f"the segment is at version {before.version}, not {version}")
        row = await store.update(tx, workspace_id, segment_id, *_content(definition), now)
        await _tell(tx, row, "segment.edited", actor, now)
        return row

    try:
        return await database.run(work)
    except asyncpg.UniqueViolationError as error:
        raise _taken(definition) from error


async def get(database: Database, workspace_id: int, segment_id: int) -> tuple[SegmentRow, int]:
    """A segment, and how many leads are in it at this moment. Raises NotFound."""
    async with database.connection() as connection:
        row = _found(await store.get(connection, workspace_id, segment_id))
        return row, await store.count(connection, workspace_id, segment_id)


async def all_of(database: Database, workspace_id: int) -> list[SegmentRow]:
    """All segments, newest first."""
    async with database.connection() as connection:
        return await store.all_of(connection, workspace_id, MAXIMUM)


async def count_leads(database: Database, workspace_id: int) -> int:
    """How many leads there are."""
    async with database.connection() as connection:
        return await store.count(connection, workspace_id, None)


async def members(database: Database, workspace_id: int, segment_id: int, above: int, limit: int) -> list[int]:
    """The next leads of a segment with ids above `above`, in their order. Raises NotFound."""
    async with database.connection() as connection:
        _found(await store.get(connection, workspace_id, segment_id))
        return await store.members(connection, workspace_id, segment_id, above, limit)


async def delete(database: Database, workspace_id: int, segment_id: int, actor: str, now: datetime) -> None:
    """Deletes a segment; its leads stay, and so do their enrollments. Raises NotFound."""

    async def work(tx: Connection) -> None:
        row = _found(await store.get(tx, workspace_id, segment_id))
        if await store.delete(tx, workspace_id, segment_id):
            await _tell(tx, row, "segment.deleted", actor, now)

    await database.run(work)


async def several(
    database: Database, workspace_id: int, segment_ids: Sequence[int]
) -> dict[int, tuple[SegmentRow, int]]:
    """Those of these segments that are there, each with the number of its leads, by their ids: one statement."""
    async with database.connection() as connection:
        return await store.several(connection, workspace_id, segment_ids)


def _content(definition: SegmentDefinition) -> tuple[str, str, dict[str, Any], Mapping[str, Any]]:
    return definition.name, definition.description, definition.criteria(), definition.extra


def _taken(definition: SegmentDefinition) -> Conflict:
    return Conflict("name_taken", f"there is a segment named {definition.name!r} already")


async def _tell(tx: Connection, row: SegmentRow, kind: str, actor: str, now: datetime) -> None:
    entry = events.Entry(kind, data={"segment": row.id, "name": row.name})
    await events.append(tx, row.workspace_id, now, actor, [entry])


def _found(row: SegmentRow | None) -> SegmentRow:
    if row is None:
        raise NotFound("segment_not_found", "there is no such segment")
    return row
