"""Leads: add, change, find and delete them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import asyncpg

from caesura.domain.addresses import AddressError, deduplication_key, parse_address
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.extra import check_extra, extra_problem, merged_extra
from caesura.domain.lead_entry import MENDED_BY_FIELDS, GivenFields, LeadEntry, LeadInput, check_fields, check_lead
from caesura.domain.windows import parse_zone
from caesura.store import campaigns, enrollments, events
from caesura.store import leads as store
from caesura.store import sending as gate
from caesura.store.database import Connection, Database
from caesura.store.lead_order import LeadOrder, LeadPosition
from caesura.store.leads import LeadRow, Upserted

MAXIMUM_AT_ONCE = 1_000


class LeadFate(StrEnum):
    """What became of a lead that was given."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class LeadOutcome:
    """What became of one of several leads; `problems`, with pointers, only where it was rejected."""

    fate: LeadFate
    lead_id: int | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class LeadChange:
    """What to change of a lead; None leaves it as it is. A field whose value is None is taken away.

    `replace_fields` puts `fields` in the place of all that are there; `clear_zone` takes the zone away; `extra` is kept
    beside what is kept already.
    """

    address: str | None = None
    fields: Mapping[str, object] | None = None
    replace_fields: bool = False
    zone: str | None = None
    clear_zone: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Put:
    """What became of several leads, in their order; `claimed` are those changed that a worker has at this moment."""

    lead_ids: tuple[int, ...]
    fates: tuple[LeadFate, ...]
    claimed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """Several leads after the check: `entries` by their place, and what is wrong with the others."""

    entries: Mapping[int, LeadEntry]
    rejected: Mapping[int, tuple[Problem, ...]] = field(default_factory=dict)


async def save(
    database: Database, workspace_id: int, lead: LeadInput, replace: bool, actor: str, now: datetime
) -> tuple[LeadRow, LeadFate]:
    """Adds a lead, or changes the one with this address: merges its fields in, or replaces all. Raises Invalid."""
    entry = check_lead(lead, "")

    async def work(tx: Connection) -> tuple[LeadRow, Put]:
        done = await put(tx, workspace_id, [entry], replace, actor, now)
        row = await store.get(tx, workspace_id, done.lead_ids[0])
        assert row is not None
        return row, done

    row, done = await database.run(work)
    await recompose(database, workspace_id, done.claimed, actor, now)
    return row, done.fates[0]


async def save_many(
    database: Database,
    workspace_id: int,
    leads: Sequence[LeadInput],
    replace: bool,
    actor: str,
    now: datetime,
    keep_known: bool = False,
    tell: Callable[[Sequence[LeadFate]], events.Entry] | None = None,
) -> list[LeadOutcome]:
    """The same for at most 1,000 leads: one outcome each, in their order. A wrong one does not keep the others back.

    With `keep_known`, leads that are there already stay as they are. `tell` may make one more entry
    for the log out of what became of them.

    Of several with the same address the first counts; the others are rejected. Pointers begin with `/leads/<place>`.
    Raises Invalid `too_many_leads`.
    """
    checked = check_many(leads)

    entries = list(checked.entries.values())

    async def work(tx: Connection) -> Put:
        done = await put(tx, workspace_id, entries, replace, actor, now, keep_known, in_bulk=True)
        told = [] if tell is None else [tell([*done.fates, *[LeadFate.REJECTED] * len(checked.rejected)])]
        await events.append(tx, workspace_id, now, actor, [*_bulk(done), *told])
        return done

    done = await database.run(work)
    await recompose(database, workspace_id, done.claimed, actor, now)
    outcomes = {
        place: LeadOutcome(fate, lead_id)
        for place, fate, lead_id in zip(checked.entries, done.fates, done.lead_ids, strict=True)
    }
    for place, problems in checked.rejected.items():
        outcomes[place] = LeadOutcome(LeadFate.REJECTED, None, problems)
    return [outcomes[place] for place in range(len(leads))]


def check_many(leads: Sequence[LeadInput]) -> Checked:
    """Checks at most 1,000 leads, each by itself, and against those before it. Raises Invalid `too_many_leads`."""
    if len(leads) > MAXIMUM_AT_ONCE:
        raise Invalid.of(Problem("too_many_leads", f"At most {MAXIMUM_AT_ONCE} leads can be given at once.", "/leads"))
    entries: dict[int, LeadEntry] = {}
    rejected: dict[int, tuple[Problem, ...]] = {}
    places: dict[str, int] = {}
    for place, lead in enumerate(leads):
        pointer = f"/leads/{place}"
        try:
            entry = check_lead(lead, pointer)
        except Invalid as error:
            rejected[place] = error.problems
            continue
        first = places.setdefault(entry.key, place)
        if first == place:
            entries[place] = entry
        else:
            detail = f"The same address is given at /leads/{first}."
            rejected[place] = (Problem("duplicate_address", detail, f"{pointer}/address"),)
    return Checked(entries, rejected)


async def put(
    tx: Connection,
    workspace_id: int,
    entries: Sequence[LeadEntry],
    replace: bool,
    actor: str,
    now: datetime,
    keep_known: bool = False,
    in_bulk: bool = False,
) -> Put:
    """Adds or changes checked leads with different addresses, in the caller's transaction.

    With `keep_known` it changes none. `in_bulk` is noted in the log, for those who are told of all of them together.

    Call `recompose` with the answer's `claimed` once it is committed.
    """
    done = await store.upsert(tx, workspace_id, entries, replace, now, keep_known)
    lead_ids = tuple(done.ids[entry.key] for entry in entries)
    fates = tuple(_fate(lead_id, done) for lead_id in lead_ids)
    data = {"in_bulk": True} if in_bulk else {}
    log = [
        events.Entry(f"lead.{fate}", lead_id=lead_id, data=data)
        for lead_id, fate in zip(lead_ids, fates, strict=True)
        if fate is not LeadFate.UNCHANGED
    ]
    await events.append(tx, workspace_id, now, actor, log)
    claimed = await mend(tx, workspace_id, sorted(done.updated), actor, now)
    return Put(lead_ids, fates, claimed)


def _bulk(done: Put) -> list[events.Entry]:
    """An entry about those that were made, if any: their ids alone, since the log outlives them."""
    made = [one for one, fate in zip(done.lead_ids, done.fates, strict=True) if fate is LeadFate.CREATED]
    return [events.Entry("lead.bulk_created", data={"count": len(made), "leads": made})] if made else []


def _fate(lead_id: int, done: Upserted) -> LeadFate:
    if lead_id in done.created:
        return LeadFate.CREATED
    return LeadFate.UPDATED if lead_id in done.updated else LeadFate.UNCHANGED


async def mend(
    tx: Connection, workspace_id: int, lead_ids: Sequence[int], actor: str, now: datetime
) -> tuple[int, ...]:
    """After a change of these leads: enrollments that were held for what their fields held are tried afresh, and those
    that a window has parked are asked again, in the zone that the lead has now.

    Answers those of the leads that a worker has claimed: call `recompose` with them after the commit.
    """
    if not lead_ids:
        return ()
    # Asked first: who is claimed now may be held for the old fields after we have looked for the held.
    claimed = await enrollments.claimed_leads(tx, workspace_id, lead_ids)
    held = await enrollments.held_leads(tx, workspace_id, lead_ids, MENDED_BY_FIELDS)
    moved = await enrollments.release(tx, workspace_id, held, MENDED_BY_FIELDS, now)
    await enrollments.wake_leads(tx, workspace_id, lead_ids, now)
    log = [
        events.Entry(
            "enrollment.released", one.campaign_id, one.id, one.step, None, one.lead_id, {"cause": "lead_updated"}
        )
        for one in moved
    ]
    await events.append(tx, workspace_id, now, actor, log)
    for campaign_id in sorted({one.campaign_id for one in moved}):
        await campaigns.notify(tx, workspace_id, "enrollment.released", campaign_id)
    return tuple(claimed)


async def recompose(database: Database, workspace_id: int, lead_ids: Sequence[int], actor: str, now: datetime) -> None:
    """Takes from workers what they are about to compose, or to hold, with the fields that these leads had before."""

    async def work(tx: Connection, some: Sequence[int]) -> None:
        await enrollments.give_back_leads(tx, workspace_id, some, now)
        await mend(tx, workspace_id, some, actor, now)

    for start in range(0, len(lead_ids), MAXIMUM_AT_ONCE):
        some = lead_ids[start : start + MAXIMUM_AT_ONCE]
        await database.run(partial(work, some=some), opening=gate.closing_gate(workspace_id))


async def get(database: Database, workspace_id: int, lead_id: int) -> LeadRow:
    """One lead. Raises NotFound."""
    async with database.connection() as connection:
        return _found(await store.get(connection, workspace_id, lead_id))


async def find(database: Database, workspace_id: int, address: str) -> LeadRow | None:
    """The lead of this address, or None. Raises AddressError."""
    key = deduplication_key(parse_address(address))
    async with database.connection() as connection:
        return await store.by_key(connection, workspace_id, key)


async def find_many(database: Database, workspace_id: int, addresses: Sequence[str]) -> list[LeadRow]:
    """The leads of at most 1,000 addresses; those that are no addresses are nobody's.

    Raises Invalid `too_many_leads`.
    """
    if len(addresses) > MAXIMUM_AT_ONCE:
        raise Invalid.of(Problem("too_many_leads", f"At most {MAXIMUM_AT_ONCE} leads can be given at once.", "/leads"))
    keys = []
    for address in addresses:
        with suppress(AddressError):
            keys.append(deduplication_key(parse_address(address)))
    async with database.connection() as connection:
        return await store.by_keys(connection, workspace_id, keys)


async def several(database: Database, workspace_id: int, lead_ids: Sequence[int]) -> list[LeadRow]:
    """Those of these leads that are there, in the order of their ids: one statement."""
    async with database.connection() as connection:
        return await store.by_ids(connection, workspace_id, lead_ids)


async def find_kept(database: Database, workspace_id: int, kept: Mapping[str, Any]) -> LeadRow | None:
    """The oldest lead of which `kept` is a part of its `extra`, or None."""
    async with database.connection() as connection:
        rows = await store.by_extra(connection, workspace_id, kept, 1)
    return rows[0] if rows else None


async def page(
    database: Database,
    workspace_id: int,
    below: int | None,
    search: str | None,
    limit: int,
    kept: Mapping[str, Any] | None = None,
) -> list[LeadRow]:
    """A page of leads with ids under `below`, newest first; `search` is an address or a part of one.

    `kept` must be a part of what is kept of them, None for any. Raises Invalid for one that nothing could be.
    """
    part = search.strip().casefold() if search else ""
    if not part.isprintable():
        return []
    async with database.connection() as connection:
        if kept:
            wanted = check_extra(kept, "/extra")
            return await store.page_by_extra(connection, workspace_id, below, part or None, wanted, limit)
        with suppress(AddressError):
            row = await store.by_key(connection, workspace_id, deduplication_key(parse_address(part)))
            return [row] if row and (below is None or row.id < below) else []
        return await store.page(connection, workspace_id, below, part or None, limit)


async def page_in_order(
    database: Database,
    workspace_id: int,
    order: LeadOrder,
    after: LeadPosition | None,
    search: str | None,
    limit: int,
    kept: Mapping[str, Any] | None = None,
) -> list[tuple[LeadRow, LeadPosition]]:
    """The same in any order, after a position; each lead comes with its own. What has changed meanwhile may move.

    By change or by name, each page looks at every lead of the workspace.
    """
    if order is LeadOrder.NEWEST:
        rows = await page(database, workspace_id, after.lead_id if after else None, search, limit, kept)
        return [(row, LeadPosition("", row.id)) for row in rows]
    part = search.strip().casefold() if search else ""
    if not part.isprintable():
        return []
    wanted = check_extra(kept, "/extra") if kept else None
    async with database.connection() as connection:
        with suppress(AddressError):
            if part and not kept:
                row = await store.by_key(connection, workspace_id, deduplication_key(parse_address(part)))
                return [(row, LeadPosition("", row.id))] if row and after is None else []
        return await store.page_in_order(connection, workspace_id, order, after, part or None, wanted, limit)


async def change(
    database: Database, workspace_id: int, lead_id: int, change: LeadChange, actor: str, now: datetime
) -> LeadRow:
    """Changes a lead. Enrollments that were held for what its fields held are tried afresh.

    Raises NotFound, Invalid with pointers into the change, and Conflict `address_taken` where another lead has it.
    """
    fields = _checked_change(change)

    async def work(tx: Connection) -> tuple[LeadRow, tuple[int, ...]]:
        before = _found(await store.get(tx, workspace_id, lead_id, lock=True))
        address = parse_address(change.address if change.address is not None else before.address)
        after = dict(before.fields)
        if fields is not None:
            kept = {} if change.replace_fields else after
            after = {name: value for name, value in {**kept, **fields}.items() if value is not None}
        zone = None if change.clear_zone else change.zone or before.zone
        extra = merged_extra(before.extra, change.extra)
        if (address.address, after, zone, extra) == (before.address, dict(before.fields), before.zone, before.extra):
            return before, ()
        key = deduplication_key(address)
        row = await store.update(tx, workspace_id, lead_id, address, key, after, zone, extra, now)
        await events.append(tx, workspace_id, now, actor, [events.Entry("lead.updated", lead_id=lead_id)])
        return row, await mend(tx, workspace_id, [lead_id], actor, now)

    try:
        row, claimed = await database.run(work)
    except asyncpg.UniqueViolationError as error:
        raise Conflict("address_taken", "another lead has this address") from error
    await recompose(database, workspace_id, claimed, actor, now)
    return row


def _checked_change(change: LeadChange) -> GivenFields | None:
    """The fields of a change, once all of it is right; raises Invalid."""
    problems: list[Problem] = []
    fields = None
    if change.address is not None:
        try:
            parse_address(change.address)
        except AddressError as error:
            problems.append(Problem(error.code, error.detail, "/address"))
    if change.fields is not None:
        try:
            fields = check_fields(change.fields, "/fields")
        except Invalid as error:
            problems += error.problems
    if change.zone is not None:
        try:
            parse_zone(change.zone, "/zone")
        except Invalid as error:
            problems += error.problems
    if (unfit := extra_problem(change.extra, "/extra")) is not None:
        problems.append(unfit)
    if problems:
        raise Invalid.of(*problems)
    return fields


async def delete(database: Database, workspace_id: int, lead_id: int, actor: str, now: datetime) -> None:
    """Deletes a lead and its places on lists.

    Raises NotFound, and Conflict `lead_enrolled` when a campaign has it, or had: its messages stay on record. Stop it
    there instead.
    """
    enrolled = Conflict("lead_enrolled", "the lead is in a campaign, or was; stop it there instead", allowed=("stop",))

    async def work(tx: Connection) -> None:
        _found(await store.get(tx, workspace_id, lead_id, lock=True))
        if await store.is_enrolled(tx, workspace_id, lead_id):
            raise enrolled
        await store.delete(tx, workspace_id, lead_id)
        await events.append(tx, workspace_id, now, actor, [events.Entry("lead.deleted", lead_id=lead_id)])

    try:
        await database.run(work)
    except asyncpg.ForeignKeyViolationError as error:
        raise enrolled from error


def _found(row: LeadRow | None) -> LeadRow:
    if row is None:
        raise NotFound("lead_not_found", "there is no such lead")
    return row
