"""Groups of messages: a recipient can refuse one and get the others. Whom it concerns is settled behind the gate."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from caesura.domain.addresses import AddressError, deduplication_key, parse_address
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.extra import check_extra
from caesura.domain.numbered_page import NumberedPage, Place
from caesura.service import enrollments
from caesura.service.suppressions import MAXIMUM_AT_ONCE
from caesura.store import campaigns, events
from caesura.store import sending as gate
from caesura.store import suppression_groups as store
from caesura.store.database import Connection, Database
from caesura.store.suppression_groups import EntryChoice, GroupEntry, GroupRow

MAXIMUM = 200


async def create(
    database: Database,
    workspace_id: int,
    name: str,
    description: str,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> GroupRow:
    """A new group; its name has 1 to 200 printable characters, `extra` is kept with it.

    Raises Invalid, and Conflict `name_taken`, `too_many_groups` (over 200).
    """
    name = _name(name)
    kept = check_extra(extra or {}, "/extra")

    async def work(tx: Connection) -> GroupRow:
        if len(await store.all_of(tx, workspace_id, MAXIMUM)) == MAXIMUM:
            raise Conflict("too_many_groups", f"a workspace has at most {MAXIMUM} groups: delete one first")
        row = await store.insert(tx, workspace_id, name, description, kept, now)
        if row is None:
            raise _taken(name)
        await _tell(tx, workspace_id, "suppression_group.created", row.id, actor, now, name=name)
        return row

    return await database.run(work)


async def get(database: Database, workspace_id: int, group_id: int) -> GroupRow:
    """One group. Raises NotFound `suppression_group_not_found`."""
    async with database.connection() as connection:
        return _found(await store.get(connection, workspace_id, group_id))


async def all_of(database: Database, workspace_id: int) -> list[GroupRow]:
    """All groups, oldest first."""
    async with database.connection() as connection:
        return await store.all_of(connection, workspace_id, MAXIMUM)


async def change(
    database: Database,
    workspace_id: int,
    group_id: int,
    name: str | None,
    description: str | None,
    version: int | None,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> GroupRow:
    """Gives a group another name, description, or other things to keep; None leaves each as it is.

    Raises NotFound, Invalid, and Conflict: `name_taken`, or `version_mismatch` unless `version` is None or the present
    one.
    """
    name = _name(name) if name is not None else None
    kept = check_extra(extra, "/extra") if extra is not None else None

    async def work(tx: Connection) -> GroupRow:
        before = _found(await store.get(tx, workspace_id, group_id, lock=True))
        if version is not None and version != before.version:
            raise Conflict("version_mismatch", f"the group is at version {before.version}, not {version}")
        row = await store.change(tx, workspace_id, group_id, name, description, kept, now)
        await _tell(tx, workspace_id, "suppression_group.edited", group_id, actor, now, name=row.name)
        return row

    try:
        return await database.run(work)
    except asyncpg.UniqueViolationError as error:
        raise _taken(name or "") from error


async def delete(database: Database, workspace_id: int, group_id: int, actor: str, now: datetime) -> None:
    """Deletes a group with the refusals in it. Raises NotFound."""

    async def work(tx: Connection) -> None:
        row = _found(await store.get(tx, workspace_id, group_id))
        await store.delete(tx, workspace_id, group_id)
        await _tell(tx, workspace_id, "suppression_group.deleted", group_id, actor, now, name=row.name)

    await database.run(work)


async def bind(
    database: Database, workspace_id: int, campaign_id: int, group_id: int | None, actor: str, now: datetime
) -> GroupRow | None:
    """Sets which group's refusals a campaign heeds; None: no group's. Answers that group. Raises NotFound for either.

    When this returns, nothing of the campaign enters `sending` to who refuses the group. Those who are enrolled stop
    with the cause `suppressed` at their next mark.
    """

    async def work(tx: Connection) -> GroupRow | None:
        await _check_campaign(tx, workspace_id, campaign_id, lock=True)
        row = None if group_id is None else _found(await store.get(tx, workspace_id, group_id))
        before = await store.bound(tx, workspace_id, campaign_id)
        if (before.id if before else None) != group_id:
            await store.bind(tx, workspace_id, campaign_id, group_id)
            entry = events.Entry("suppression_group.bound", campaign_id, data={"group": group_id})
            await events.append(tx, workspace_id, now, actor, [entry])
        return row

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def bound(database: Database, workspace_id: int, campaign_id: int) -> GroupRow | None:
    """The group whose refusals a campaign heeds, or None. Raises NotFound `campaign_not_found`."""
    async with database.connection() as connection:
        await _check_campaign(connection, workspace_id, campaign_id)
        return await store.bound(connection, workspace_id, campaign_id)


async def refuse(
    database: Database,
    workspace_id: int,
    group_id: int,
    addresses: Sequence[str],
    cause: str,
    actor: str,
    now: datetime,
) -> int:
    """These addresses (at most 1,000) get nothing of a group any more: when this returns, nothing enters `sending`.

    Answers how many did not refuse it before. Raises NotFound, and Invalid with a pointer for each wrong address.
    """
    keys = address_keys(addresses, "/addresses")

    async def work(tx: Connection) -> int:
        _found(await store.get(tx, workspace_id, group_id))
        added = await store.add(tx, workspace_id, group_id, keys, cause, actor, now)
        open_ones = await store.enrolled(tx, workspace_id, group_id, keys)
        await enrollments.take_out(tx, workspace_id, open_ones, "suppressed", actor, now)
        entries = [
            events.Entry("suppression_group.refused", data={"group": group_id, "value": value, "cause": cause})
            for value in added
        ]
        await events.append(tx, workspace_id, now, actor, entries)
        return len(added)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def readmit(
    database: Database, workspace_id: int, group_id: int, address: str, actor: str, now: datetime
) -> None:
    """Takes a refusal back; what it has stopped stays stopped. Raises Invalid, NotFound `refusal_not_found`."""
    [key] = address_keys([address], "/addresses")

    async def work(tx: Connection) -> None:
        _found(await store.get(tx, workspace_id, group_id))
        if not await store.remove(tx, workspace_id, group_id, key):
            raise NotFound("refusal_not_found", "this address does not refuse the group")
        await _tell(tx, workspace_id, "suppression_group.readmitted", group_id, actor, now, value=key)

    await database.run(work)


async def members(
    database: Database, workspace_id: int, group_id: int, choice: EntryChoice, after: str | None, limit: int
) -> list[GroupEntry]:
    """A page of who refuses a group, by address, past the address key `after`. Raises NotFound.

    A choice costs a look at each of them.
    """
    async with database.connection() as connection:
        _found(await store.get(connection, workspace_id, group_id))
        return await store.members(connection, workspace_id, group_id, choice, after or "", limit)


async def entries(
    database: Database, workspace_id: int, group_id: int | None, choice: EntryChoice, place: Place
) -> NumberedPage[GroupEntry]:
    """Who refuses a group, or with None everything: newest first. Raises NotFound, Invalid."""
    place.check()
    async with database.connection() as connection:
        if group_id is not None:
            _found(await store.get(connection, workspace_id, group_id))
        return await store.entries(connection, workspace_id, group_id, choice, place)


def address_keys(addresses: Sequence[str], pointer: str) -> list[str]:
    """The address keys of at most 1,000 addresses. Raises Invalid with a pointer for each wrong one."""
    if len(addresses) > MAXIMUM_AT_ONCE:
        detail = f"At most {MAXIMUM_AT_ONCE} addresses can be given at once."
        raise Invalid.of(Problem("too_many_values", detail, pointer))
    keys: dict[str, None] = {}
    problems = []
    for place, address in enumerate(addresses):
        try:
            keys[deduplication_key(parse_address(address))] = None
        except AddressError as error:
            problems.append(Problem(error.code, error.detail, f"{pointer}/{place}"))
    if problems:
        raise Invalid.of(*problems)
    return list(keys)


async def _tell(
    tx: Connection, workspace_id: int, kind: str, group_id: int, actor: str, now: datetime, **data: object
) -> None:
    await events.append(tx, workspace_id, now, actor, [events.Entry(kind, data={"group": group_id, **data})])


async def _check_campaign(tx: Connection, workspace_id: int, campaign_id: int, lock: bool = False) -> None:
    if await campaigns.get(tx, workspace_id, campaign_id, lock=lock) is None:
        raise NotFound("campaign_not_found", "there is no such campaign")


def _name(name: str) -> str:
    name = name.strip()
    if not (0 < len(name) <= 200 and name.isprintable()):
        raise Invalid.of(Problem("group_name", "a group's name has 1 to 200 printable characters", "/name"))
    return name


def _taken(name: str) -> Conflict:
    return Conflict("name_taken", f"there is a group named {name!r} already")


def _found(row: GroupRow | None) -> GroupRow:
    if row is None:
        raise NotFound("suppression_group_not_found", "there is no such group")
    return row
