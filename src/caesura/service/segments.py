"""Segments: leads by what their fields hold; and enrolling audiences made of lists and segments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.extra import check_extra
from caesura.domain.segments import SegmentDefinition
from caesura.service import enrollments
from caesura.service.enrollments import Enrolment
from caesura.store import enrollments as enrollment_store
from caesura.store import events, lists
from caesura.store import segments as store
from caesura.store.database import Connection, Database
from caesura.store.enrollments import ListChunk
from caesura.store.segments import Audience, SegmentRow

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
        return await store.audience(connection, workspace_id, Audience(segment_ids=[segment_id]), above, limit)


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


async def enrol_chosen(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    who: Audience,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> Enrolment:
    """As `enrol`, with NotFound `list_not_found` or `segment_not_found` for what `who` names and is not there."""
    async with database.connection() as connection:
        for list_id in (*who.list_ids, *who.without_list_ids):
            if await lists.get(connection, workspace_id, list_id) is None:
                raise NotFound("list_not_found", "there is no such list")
        for segment_id in (*who.segment_ids, *who.without_segment_ids):
            _found(await store.get(connection, workspace_id, segment_id))
    return await enrol(database, workspace_id, campaign_id, who, actor, now, extra)


async def enrol(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    who: Audience,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> Enrolment:
    """Enrols an audience as it is at this moment, in transactions of 10,000 leads; lists that are gone are empty.

    `extra` is kept with each enrollment. When it is cut short, ask again: those who are enrolled stay so, and are
    counted as already enrolled. Raises NotFound, Conflict: see `enrollments.enrol`.
    """

    kept = check_extra(extra, "/extra") if extra is not None else None

    async def work(tx: Connection, above: int) -> tuple[ListChunk, bool]:
        row = await enrollments.admit(tx, workspace_id, campaign_id)
        due_at = await enrollments.due_at_first(tx, row, now)
        lead_ids = await store.audience(tx, workspace_id, who, above, enrollments.LIST_CHUNK)
        enrolled = await enrollment_store.insert(tx, workspace_id, campaign_id, lead_ids, due_at, now, None, kept)
        suppressed = await enrollment_store.suppressed(tx, workspace_id, campaign_id, lead_ids)
        chunk = ListChunk(len(lead_ids), max(lead_ids, default=None), len(lead_ids) - len(suppressed), len(enrolled))
        return chunk, await enrollments.confirm(tx, row, chunk.enrolled, actor, now, {"source": "audience"})

    return await enrollments.in_chunks(database, workspace_id, campaign_id, work)


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
