"""The append-only event log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
from msgspec import Struct, field

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("events")


class Place(NamedTuple):
    """Where an entry stands in the log: in the order of transactions, and in each by id."""

    transaction_id: int
    id: int


START = Place(0, 0)
"""Before all entries."""


class Entry(Struct, frozen=True, gc=False):
    """One thing that happened. `kind` is `noun.verb`; the ids name what it is about; `data` is JSON."""

    kind: str
    campaign_id: int | None = None
    enrollment_id: int | None = None
    step: int | None = None
    mailbox_id: int | None = None
    lead_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


async def append(tx: Connection, workspace_id: int, now: datetime, actor: str, entries: Sequence[Entry]) -> None:
    """Writes entries into the log, in the caller's transaction."""
    if entries:
        await tx.execute(
            SQL["insert"],
            workspace_id,
            now,
            actor,
            [entry.kind for entry in entries],
            [entry.campaign_id for entry in entries],
            [entry.enrollment_id for entry in entries],
            [entry.step for entry in entries],
            [entry.mailbox_id for entry in entries],
            [entry.lead_id for entry in entries],
            [entry.data for entry in entries],
        )


async def page(
    tx: Connection, workspace_id: int, after: int, campaign_id: int | None, limit: int
) -> list[dict[str, Any]]:
    """Entries after the one whose id is `after` (0: all), oldest first; the last id is the next cursor."""
    return [dict(row) for row in await tx.fetch(SQL["list"], workspace_id, after, campaign_id, limit)]


async def latest(tx: Connection, workspace_id: int, campaign_id: int | None, limit: int) -> list[dict[str, Any]]:
    """The newest entries of a campaign, or of all, newest first."""
    if campaign_id is None:
        return [dict(row) for row in await tx.fetch(SQL["newest"], workspace_id, limit)]
    return [dict(row) for row in await tx.fetch(SQL["newest_of_campaign"], workspace_id, campaign_id, limit)]


async def end(tx: Connection, workspace_id: int) -> Place:
    """The place of the last entry that can be told now; `START` when there is none."""
    return _place(await tx.fetchrow(SQL["end"], workspace_id))


async def place(tx: Connection, workspace_id: int, event_id: int) -> Place:
    """The place of an entry; `START` when it is not there."""
    return _place(await tx.fetchrow(SQL["place"], workspace_id, event_id))


async def follow(
    tx: Connection, places: Mapping[int, Place], campaign_id: int | None, limit: int
) -> list[asyncpg.Record]:
    """Up to `limit` entries after its place of each of these workspaces: `workspace_id`, `transaction_id`, and then the
    columns of `page`, in their order."""
    values = list(places), [one.transaction_id for one in places.values()], [one.id for one in places.values()]
    return await tx.fetch(SQL["follow"], *values, campaign_id, limit)


def _place(row: asyncpg.Record | None) -> Place:
    return START if row is None else Place(*row)
