"""Groups of messages that a recipient can refuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.domain.numbered_page import NumberedPage, Place
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("suppression_groups")


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group as stored, with the number of those who refuse it."""

    workspace_id: int
    id: int
    name: str
    description: str
    extra: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int
    members: int


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """Who refuses a group (an address key), why, who said so, and since when (UTC)."""

    value: str
    cause: str
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """An address refuses the group of a campaign: why, who said so, and since when (UTC)."""

    group_id: int
    group_name: str
    cause: str
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EntryChoice:
    """Which entries: for one of `causes`, from `since` to `until` (UTC). None: all."""

    causes: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


async def insert(
    tx: Connection, workspace_id: int, name: str, description: str, extra: Mapping[str, Any], now: datetime
) -> GroupRow | None:
    """A new group; None when the name is taken."""
    row = await tx.fetchrow(SQL["insert"], workspace_id, name, description, extra, now)
    return GroupRow(*row) if row else None


async def change(
    tx: Connection,
    workspace_id: int,
    group_id: int,
    name: str | None,
    description: str | None,
    extra: Mapping[str, Any] | None,
    now: datetime,
) -> GroupRow:
    """Changes what is given of a group that is there. Fails by the unique name when another has it."""
    [row] = await tx.fetch(SQL["change"], workspace_id, group_id, name, description, extra, now)
    return GroupRow(*row)


async def get(tx: Connection, workspace_id: int, group_id: int, lock: bool = False) -> GroupRow | None:
    """One group, or None; `lock` keeps it for this transaction."""
    row = await tx.fetchrow(SQL["lock" if lock else "get"], workspace_id, group_id)
    return GroupRow(*row) if row else None


async def all_of(tx: Connection, workspace_id: int, limit: int) -> list[GroupRow]:
    """The oldest `limit` groups."""
    return [GroupRow(*row) for row in await tx.fetch(SQL["all"], workspace_id, limit)]


async def delete(tx: Connection, workspace_id: int, group_id: int) -> None:
    """Deletes a group."""
    await tx.execute(SQL["delete"], workspace_id, group_id)


async def add(
    tx: Connection, workspace_id: int, group_id: int, values: Sequence[str], cause: str, actor: str, now: datetime
) -> list[str]:
    """These address keys refuse a group; answers those that did not before. Call it behind the closed gate."""
    rows = await tx.fetch(SQL["add"], workspace_id, group_id, list(values), cause, actor, now)
    return [row["value"] for row in rows]


async def entries(
    tx: Connection, workspace_id: int, group_id: int | None, choice: EntryChoice, place: Place
) -> NumberedPage[GroupEntry]:
    """Who refuses a group, or with None everything: newest first."""
    chosen = (choice.causes, choice.since, choice.until)
    if group_id is None:
        rows = await tx.fetch(SQL["general_entries"], workspace_id, *chosen, place.size, place.offset)
        total = await tx.fetchval(SQL["count_general"], workspace_id, *chosen)
    else:
        rows = await tx.fetch(SQL["entries"], workspace_id, group_id, *chosen, place.size, place.offset)
        total = await tx.fetchval(SQL["count_entries"], workspace_id, group_id, *chosen)
    return NumberedPage([GroupEntry(*row) for row in rows], total)


async def bind(tx: Connection, workspace_id: int, campaign_id: int, group_id: int | None) -> None:
    """Sets whose refusals a campaign heeds, beside those of everything; None: no group's."""
    if group_id is None:
        await tx.execute(SQL["unbind"], workspace_id, campaign_id)
    else:
        await tx.execute(SQL["bind"], workspace_id, campaign_id, group_id)


async def enrolled(tx: Connection, workspace_id: int, group_id: int, values: Sequence[str]) -> list[int]:
    """The open enrollments of these address keys in campaigns of a group."""
    return [row["id"] for row in await tx.fetch(SQL["enrolled"], workspace_id, group_id, list(values))]


async def bound(tx: Connection, workspace_id: int, campaign_id: int) -> GroupRow | None:
    """The group whose refusals a campaign heeds, or None."""
    row = await tx.fetchrow(SQL["bound"], workspace_id, campaign_id)
    return GroupRow(*row) if row else None


async def refusal(tx: Connection, workspace_id: int, campaign_id: int, value: str) -> Refusal | None:
    """What this address key refuses of a campaign's messages, or None."""
    row = await tx.fetchrow(SQL["refusal"], workspace_id, campaign_id, value)
    return Refusal(*row) if row else None


async def remove(tx: Connection, workspace_id: int, group_id: int, value: str) -> bool:
    """This address key refuses a group no more; whether it did."""
    return await tx.fetchval(SQL["remove"], workspace_id, group_id, value) is not None


async def members(
    tx: Connection, workspace_id: int, group_id: int, choice: EntryChoice, after: str, limit: int
) -> list[GroupEntry]:
    """The next `limit` of those who refuse a group, by address key, past `after`."""
    chosen = (choice.causes, choice.since, choice.until)
    return [GroupEntry(*row) for row in await tx.fetch(SQL["members"], workspace_id, group_id, after, *chosen, limit)]
