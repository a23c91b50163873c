"""Segments, and audiences made of lists and segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.store.database import Connection
from caesura.store.enrollments import ListChunk
from caesura.store.queries import load

SQL = load("segments")


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment as stored; `criteria` as `SegmentDefinition.criteria` gives them."""

    workspace_id: int
    id: int
    name: str
    description: str
    criteria: Mapping[str, Any]
    extra: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is meant: everyone, or who is on a list or in a segment; but not who is on others."""

    everyone: bool = False
    list_ids: Sequence[int] = ()
    segment_ids: Sequence[int] = ()
    without_list_ids: Sequence[int] = ()
    without_segment_ids: Sequence[int] = ()


async def insert(
    tx: Connection,
    workspace_id: int,
    name: str,
    description: str,
    criteria: Mapping[str, Any],
    extra: Mapping[str, Any],
    now: datetime,
) -> SegmentRow | None:
    """A new segment; None when the name is taken."""
    row = await tx.fetchrow(SQL["insert"], workspace_id, name, description, criteria, extra, now)
    return SegmentRow(*row) if row else None


async def get(tx: Connection, workspace_id: int, segment_id: int, lock: bool = False) -> SegmentRow | None:
    """One segment, or None; `lock` keeps it for this transaction."""
    row = await tx.fetchrow(SQL["lock" if lock else "get"], workspace_id, segment_id)
    return SegmentRow(*row) if row else None


async def update(
    tx: Connection,
    workspace_id: int,
    segment_id: int,
    name: str,
    description: str,
    criteria: Mapping[str, Any],
    extra: Mapping[str, Any],
    now: datetime,
) -> SegmentRow:
    """Stores an edited segment. Fails by the unique name when another has it."""
    [row] = await tx.fetch(SQL["update"], workspace_id, segment_id, name, description, criteria, extra, now)
    return SegmentRow(*row)


async def all_of(tx: Connection, workspace_id: int, limit: int) -> list[SegmentRow]:
    """The newest `limit` segments."""
    return [SegmentRow(*row) for row in await tx.fetch(SQL["all"], workspace_id, limit)]


async def delete(tx: Connection, workspace_id: int, segment_id: int) -> bool:
    """Deletes a segment; whether there was one."""
    return await tx.fetchval(SQL["delete"], workspace_id, segment_id) is not None


async def count(tx: Connection, workspace_id: int, segment_id: int | None) -> int:
    """How many leads a segment has, or with None how many there are: counted, one by one."""
    if segment_id is None:
        number: int = await tx.fetchval(SQL["count_leads"], workspace_id)
    else:
        number = await tx.fetchval(SQL["count"], workspace_id, segment_id)
    return number


async def members(tx: Connection, workspace_id: int, segment_id: int, above: int, limit: int) -> list[int]:
    """The next `limit` leads of a segment with ids above `above`, in their order."""
    return [row["id"] for row in await tx.fetch(SQL["members"], workspace_id, above, segment_id, limit)]


async def enrol(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    who: Audience,
    due_at: datetime,
    now: datetime,
    above: int,
    limit: int,
    extra: Mapping[str, Any] | None = None,
) -> ListChunk:
    """Enrols those of an audience's next `limit` leads who may be written to; `extra` is kept with each."""
    parts = [list(one) for one in (who.list_ids, who.segment_ids, who.without_list_ids, who.without_segment_ids)]
    key = (workspace_id, above, who.everyone, *parts, limit, campaign_id, due_at, now, extra)
    [row] = await tx.fetch(SQL["enrol"], *key)
    return ListChunk(*row)


async def several(tx: Connection, workspace_id: int, segment_ids: Sequence[int]) -> dict[int, tuple[SegmentRow, int]]:
    """Those of these segments that are there, each with the number of its leads, by their ids."""
    rows = await tx.fetch(SQL["several"], workspace_id, list(segment_ids)) if segment_ids else ()
    return {row["id"]: (SegmentRow(*tuple(row)[:-1]), row["leads"]) for row in rows}
