"""The event log, to be read: what happened, in the order in which it can be told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from caesura.domain.errors import NotFound
from caesura.store import campaigns
from caesura.store import events as store
from caesura.store.database import Database
from caesura.store.events import START, Place

__all__ = ["START", "Event", "Place", "follow", "latest", "page", "place"]


class Event(Struct, frozen=True, gc=False):
    """An entry of the log. `kind` is `noun.verb`; the ids name what it is about; `data` is JSON."""

    id: int
    at: datetime
    kind: str
    actor: str
    campaign_id: int | None
    enrollment_id: int | None
    step: int | None
    mailbox_id: int | None
    lead_id: int | None
    data: Mapping[str, Any]


async def page(
    database: Database, workspace_id: int, after: int | None, campaign_id: int | None, limit: int
) -> list[Event]:
    """Events after the one whose id is `after`, oldest first, of one campaign or of all. Raises NotFound.

    The order is that of transactions, in which ids need not rise. It stops before what a running transaction may
    still put in between, so that nobody who goes on from the last event misses one: a long transaction delays the end
    of the log, never its order.
    """
    async with database.connection() as connection:
        if campaign_id is not None and await campaigns.get(connection, workspace_id, campaign_id) is None:
            raise NotFound("campaign_not_found", "there is no such campaign")
        rows = await store.page(connection, workspace_id, after or 0, campaign_id, limit)
    return [Event(**row) for row in rows]


async def latest(database: Database, workspace_id: int, campaign_id: int | None, limit: int) -> list[Event]:
    """The newest `limit` events of one campaign or of all, the oldest of them first: a look, not to be gone on from."""
    async with database.connection() as connection:
        rows = await store.latest(connection, workspace_id, campaign_id, limit)
    return [Event(**row) for row in reversed(rows)]


async def place(
    database: Database, workspace_id: int, campaign_id: int | None, after: int | None
) -> tuple[Place, Place]:
    """Where a follower begins, after the event whose id is `after` (None: with what comes), and where the log ends now.

    Raises NotFound `campaign_not_found`.
    """
    async with database.connection() as connection:
        if campaign_id is not None and await campaigns.get(connection, workspace_id, campaign_id) is None:
            raise NotFound("campaign_not_found", "there is no such campaign")
        end = await store.end(connection, workspace_id)
        return (end if after is None else await store.place(connection, workspace_id, after)), end


async def follow(
    database: Database, places: Mapping[int, Place], limit: int, campaign_id: int | None = None
) -> list[tuple[int, Place, Event]]:
    """Up to `limit` events after its place of each of these workspaces, with workspace and place, in the order of
    `page`; of all campaigns, or of one. One query, however many workspaces."""
    async with database.connection() as connection:
        rows = await store.follow(connection, places, campaign_id, limit)
    return [(row[0], Place(row[1], row[2]), Event(*row[2:])) for row in rows]
