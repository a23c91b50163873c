"""Leads: people with an address and fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.domain.addresses import Address
from caesura.domain.extra import merged_extra
from caesura.domain.lead_entry import GivenFields, LeadEntry
from caesura.store.database import Connection
from caesura.store.lead_order import NAME, LeadOrder, LeadPosition
from caesura.store.queries import load

SQL = load("leads")


def _backwards(query: str) -> str:
    condition, order = query.split("\norder by ")
    by, limit = order.split("\n", 1)
    key, last = by.rsplit(", ", 1)
    return f"{condition.replace(', l.id) > (', ', l.id) < (')}\norder by {key} desc, {last} desc\n{limit}"


_BY_CHANGE = SQL["list_by_change"]
_BY_NAME = (
    _BY_CHANGE.replace("l.*, '' as", f"l.*, {NAME} as")
    .replace("$4::text::timestamptz", "$4::text")
    .replace("l.updated_at", NAME)
)
_IN_ORDER: Mapping[LeadOrder, str] = {
    LeadOrder.OLDEST: SQL["list_oldest"],
    LeadOrder.ADDRESS: SQL["list_by_address"],
    LeadOrder.ADDRESS_BACKWARDS: SQL["list_by_address_backwards"],
    LeadOrder.CHANGED_FIRST: _BY_CHANGE,
    LeadOrder.CHANGED_LAST: _backwards(_BY_CHANGE),
    LeadOrder.NAME: _BY_NAME,
    LeadOrder.NAME_BACKWARDS: _backwards(_BY_NAME),
}

# From so many new rows on, the planner is told of them at once, if they are such a share of what it knows.
MANY, NEWS = 1_000, 0.05


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead as stored. `domain` is an A-label; `zone` an IANA name, None: the campaign's; `extra` is kept."""

    workspace_id: int
    id: int
    address: str
    address_key: str
    domain: str
    fields: Mapping[str, Any]
    zone: str | None
    extra: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of entries: ids by key, and which of these ids are new, and which were known and changed."""

    ids: Mapping[str, int]
    created: frozenset[int]
    updated: frozenset[int]


async def upsert(
    tx: Connection,
    workspace_id: int,
    entries: Sequence[LeadEntry],
    replace: bool,
    now: datetime,
    keep_known: bool = False,
) -> Upserted:
    """Adds leads, and changes those that are known by their address: merges their fields in, or replaces all.

    With `keep_known` these stay as they are.

    Keys must differ; at most some thousands at a time. The address of a known lead keeps its spelling.
    """
    if not entries:
        return Upserted({}, frozenset(), frozenset())
    keys = [entry.key for entry in entries]
    fields = [entry.fields for entry in entries]
    extras = [entry.extra for entry in entries]
    zones = [entry.zone for entry in entries]
    rows = await tx.fetch(
        SQL["insert_new"],
        workspace_id,
        [entry.address.address for entry in entries],
        keys,
        [entry.address.domain for entry in entries],
        fields,
        zones,
        now,
        extras,
    )
    ids = {row["address_key"]: row["id"] for row in rows}
    created = frozenset(ids.values())
    if len(ids) == len(entries):
        return Upserted(ids, created, frozenset())
    known = [place for place, key in enumerate(keys) if key not in ids]
    # A statement of its own, so that it sees those whom another transaction added a moment ago.
    kept = {}
    for row in await tx.fetch(SQL["lock_known"], workspace_id, [keys[place] for place in known]):
        ids[row["address_key"]] = row["id"]
        kept[row["address_key"]] = row["extra"]
    if keep_known:
        return Upserted(ids, created, frozenset())
    changed = await tx.fetch(
        SQL["replace" if replace else "merge"],
        workspace_id,
        [keys[place] for place in known],
        [fields[place] for place in known],
        [zones[place] for place in known],
        now,
        [merged_extra(kept[keys[place]], extras[place]) for place in known],
    )
    return Upserted(ids, created, frozenset(row["id"] for row in changed))


async def analyze(tx: Connection, added: int) -> None:
    """Tells the planner of so many new leads, if they are news to it: some 0.1 s, however many there are.

    Of what is added bit by bit, PostgreSQL tells it by itself.
    """
    if added >= MANY and added > NEWS * await tx.fetchval(SQL["known_to_planner"]):
        await tx.execute(SQL["analyze"])


async def get(tx: Connection, workspace_id: int, lead_id: int, lock: bool = False) -> LeadRow | None:
    """One lead, or None; `lock` keeps it for this transaction."""
    row = await tx.fetchrow(SQL["lock" if lock else "get"], workspace_id, lead_id)
    return LeadRow(*row) if row else None


async def by_key(tx: Connection, workspace_id: int, key: str) -> LeadRow | None:
    """The lead of this address key, or None."""
    row = await tx.fetchrow(SQL["by_key"], workspace_id, key)
    return LeadRow(*row) if row else None


async def by_extra(tx: Connection, workspace_id: int, kept: Mapping[str, Any], limit: int) -> list[LeadRow]:
    """The oldest `limit` leads of which `kept` is a part of what is kept."""
    return [LeadRow(*row) for row in await tx.fetch(SQL["by_extra"], workspace_id, kept, limit)]


async def by_keys(tx: Connection, workspace_id: int, keys: Sequence[str]) -> list[LeadRow]:
    """The leads of these address keys."""
    return [LeadRow(*row) for row in await tx.fetch(SQL["by_keys"], workspace_id, list(keys))]


async def by_ids(tx: Connection, workspace_id: int, lead_ids: Sequence[int]) -> list[LeadRow]:
    """Those of these leads that are there, in the order of their ids."""
    return [LeadRow(**row) for row in await tx.fetch(SQL["by_ids"], workspace_id, list(lead_ids))]


async def existing(tx: Connection, workspace_id: int, lead_ids: Sequence[int]) -> set[int]:
    """Those of these ids that are leads of this workspace."""
    return {row["id"] for row in await tx.fetch(SQL["existing"], workspace_id, list(lead_ids))}


async def page(tx: Connection, workspace_id: int, below: int | None, part: str | None, limit: int) -> list[LeadRow]:
    """A page of leads with ids under `below`, newest first: all, or those whose address key has `part`.

    A `part` costs a look at every lead that is passed over, some 0.3 s for a million.
    """
    return [LeadRow(*row) for row in await tx.fetch(SQL["list"], workspace_id, below, part, limit)]


async def page_by_extra(
    tx: Connection, workspace_id: int, below: int | None, part: str | None, kept: Mapping[str, Any], limit: int
) -> list[LeadRow]:
    """The same of those leads of which `kept` is a part of what is kept of them."""
    return [LeadRow(*row) for row in await tx.fetch(SQL["list_by_extra"], workspace_id, below, part, kept, limit)]


async def page_in_order(
    tx: Connection,
    workspace_id: int,
    order: LeadOrder,
    after: LeadPosition | None,
    part: str | None,
    kept: Mapping[str, Any] | None,
    limit: int,
) -> list[tuple[LeadRow, LeadPosition]]:
    """A page of leads after a position, in any order but the usual one, each with its own position.

    By change or by name, each page looks at every lead.
    """
    position = (None, None) if after is None else (after.text, after.lead_id)
    given = position[1:] if order is LeadOrder.OLDEST else position
    answer = []
    for row in await tx.fetch(_IN_ORDER[order], workspace_id, part, kept, *given, limit):
        *columns, text = row
        lead = LeadRow(*columns)
        if order in (LeadOrder.CHANGED_FIRST, LeadOrder.CHANGED_LAST):
            text = lead.updated_at.isoformat()
        answer.append((lead, LeadPosition(text, lead.id)))
    return answer


async def update(
    tx: Connection,
    workspace_id: int,
    lead_id: int,
    address: Address,
    key: str,
    fields: GivenFields,
    zone: str | None,
    extra: Mapping[str, Any],
    now: datetime,
) -> LeadRow:
    """Stores an edited lead; raises asyncpg.UniqueViolationError when the address is another lead's."""
    [row] = await tx.fetch(
        SQL["update"], workspace_id, lead_id, address.address, key, address.domain, fields, zone, now, extra
    )
    return LeadRow(*row)


async def is_enrolled(tx: Connection, workspace_id: int, lead_id: int) -> bool:
    """Whether the lead is in a campaign, or was."""
    answer: bool = await tx.fetchval(SQL["is_enrolled"], workspace_id, lead_id)
    return answer


async def delete(tx: Connection, workspace_id: int, lead_id: int) -> None:
    """Deletes a lead; raises asyncpg.ForeignKeyViolationError when it is in a campaign."""
    await tx.execute(SQL["delete"], workspace_id, lead_id)
