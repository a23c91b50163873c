"""Segments: leads by what their fields hold; and enrolling audiences made of lists and segments."""

from datetime import datetime

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.segments import SegmentDefinition
from caesura.service import enrollments
from caesura.service.enrollments import Enrolment
from caesura.store import events
from caesura.store import segments as store
from caesura.store.database import Connection, Database
from caesura.store.segments import Audience, SegmentRow

MAXIMUM = 1_000
# Leads enrolled in one transaction.
CHUNK = 1_000


async def create(
    database: Database, workspace_id: int, definition: SegmentDefinition, actor: str, now: datetime
) -> SegmentRow:
    """A new segment. Raises Conflict `name_taken`, `too_many_segments` (over 1,000)."""

    async def work(tx: Connection) -> SegmentRow:
        if len(await store.all_of(tx, workspace_id, MAXIMUM)) == MAXIMUM:
            raise Conflict("too_many_segments", f"a workspace has at most {MAXIMUM} segments: delete one first")
        given = (definition.name, definition.description, definition.criteria(), definition.extra)
        row = await store.insert(tx, workspace_id, *given, now)
        if row is None:
            raise Conflict("name_taken", f"there is a segment named {definition.name!r} already")
        await _tell(tx, row, "segment.created", actor, now)
        return row

    return await database.run(work)


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


async def enrol(
    database: Database, workspace_id: int, campaign_id: int, who: Audience, actor: str, now: datetime
) -> Enrolment:
    """Enrols an audience as it is at this moment, 1,000 leads in a transaction; lists that are gone are empty.

    When it is cut short, ask again: those who are enrolled stay so. Raises NotFound, Conflict: see `enrollments.enrol`.
    """
    enrolled = already = suppressed = above = 0
    reopened = False
    while True:
        async with database.connection() as connection:
            lead_ids = await store.audience(connection, workspace_id, who, above, CHUNK)
        if lead_ids:
            done = await enrollments.enrol(database, workspace_id, campaign_id, lead_ids, actor, now)
            enrolled, already = enrolled + done.enrolled, already + done.already_enrolled
            suppressed, reopened = suppressed + done.suppressed, reopened or done.reopened
            above = lead_ids[-1]
        if len(lead_ids) < CHUNK:
            return Enrolment(enrolled, already, suppressed, 0, reopened=reopened)


async def _tell(tx: Connection, row: SegmentRow, kind: str, actor: str, now: datetime) -> None:
    entry = events.Entry(kind, data={"segment": row.id, "name": row.name})
    await events.append(tx, row.workspace_id, now, actor, [entry])


def _found(row: SegmentRow | None) -> SegmentRow:
    if row is None:
        raise NotFound("segment_not_found", "there is no such segment")
    return row
