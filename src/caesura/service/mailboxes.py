"""Mailboxes and pools: create, edit, archive."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import asyncpg

from caesura.domain.dkim import Publication, publication, record_of
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.extra import check_extra, merged_extra
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition
from caesura.domain.windows import local_day
from caesura.store import events
from caesura.store import mailboxes as store
from caesura.store import sending as gate
from caesura.store.campaigns import notify
from caesura.store.database import Connection, Database
from caesura.store.mailboxes import MailboxRow, MailboxSecrets, NewMailbox, PoolRow

_NO_MAILBOX = NotFound("mailbox_not_found", "there is no such mailbox")


class Sealer(Protocol):
    """Seals a secret of (workspace, mailbox name): its password, or for the purpose `dkim` its key."""

    def __call__(self, workspace_id: int, name: str, plain: str, purpose: str = ..., /) -> bytes:
        """The sealed secret."""
        ...


def _stored(definition: MailboxDefinition, now: datetime, before: dict[str, Any] | None) -> dict[str, Any]:
    """The definition without its secrets; a ramp that was there already goes on from the day it began."""
    stored = without_secrets(definition)
    if definition.limits.ramp is not None:
        began = (before or {}).get("ramp_started_on")
        stored["ramp_started_on"] = began or local_day(ZoneInfo(definition.zone), now).isoformat()
    return stored


def without_secrets(definition: MailboxDefinition) -> dict[str, Any]:
    """The definition as it is stored and shown."""
    return definition.model_dump(mode="json", exclude={"transport": {"password"}, "dkim": {"private_key"}})


def _sealed(workspace_id: int, definition: MailboxDefinition, seal: Sealer) -> MailboxSecrets:
    password, dkim = definition.transport.password, definition.dkim
    pem = dkim.private_key.get_secret_value() if dkim is not None else None
    return MailboxSecrets(
        seal(workspace_id, definition.name, password.get_secret_value()) if password is not None else None,
        seal(workspace_id, definition.name, pem, "dkim") if pem is not None else None,
        record_of(pem) if pem is not None else None,
    )


def published(row: MailboxRow) -> Publication | None:
    """What the mailbox's domain has to publish for its signatures; None when it signs nothing."""
    dkim = row.definition.get("dkim")
    if dkim is None or row.dkim_record is None:
        return None
    return publication(dkim["domain"], dkim["selector"], row.dkim_record)


async def create(
    database: Database, workspace_id: int, definition: MailboxDefinition, seal: Sealer, actor: str, now: datetime
) -> MailboxRow:
    """A new mailbox; its secrets are kept sealed. Raises Conflict `name_taken`."""
    [row] = await create_many(database, workspace_id, [definition], seal, actor, now)
    return row


async def create_many(
    database: Database,
    workspace_id: int,
    definitions: Sequence[MailboxDefinition],
    seal: Sealer,
    actor: str,
    now: datetime,
) -> list[MailboxRow]:
    """New mailboxes with different names, in their order: all, or none. Raises Conflict `name_taken`."""
    given = [
        NewMailbox(one.name, one.address, _stored(one, now, None), _sealed(workspace_id, one, seal))
        for one in definitions
    ]

    async def work(tx: Connection) -> list[MailboxRow]:
        made = await store.insert(tx, workspace_id, given, now)
        for one in given:
            if one.name not in made:
                raise Conflict("name_taken", f"there is a mailbox named {one.name!r} already")
        rows = [made[one.name] for one in given]
        log = [events.Entry("mailbox.created", mailbox_id=row.id) for row in rows]
        await events.append(tx, workspace_id, now, actor, log)
        return rows

    return await database.run(work)


async def edit(
    database: Database,
    workspace_id: int,
    mailbox_id: int,
    definition: MailboxDefinition,
    version: int | None,
    seal: Sealer,
    actor: str,
    now: datetime,
) -> MailboxRow:
    """Replaces a mailbox's definition. The name cannot change: its secrets are sealed under it.

    Raises NotFound, Invalid, and Conflict `version_mismatch` unless `version` is None or the present one.
    """

    async def work(tx: Connection) -> MailboxRow:
        before = await _get(tx, workspace_id, mailbox_id)
        if version is not None and version != before.version:
            raise Conflict("version_mismatch", f"the mailbox is at version {before.version}, not {version}")
        if definition.name != before.name:
            raise Invalid.of(Problem("name_fixed", "a mailbox keeps its name", "/name"))
        row = await store.update(
            tx,
            workspace_id,
            mailbox_id,
            definition.address,
            _stored(definition, now, dict(before.definition)),
            _sealed(workspace_id, definition, seal),
            before.archived,
            now,
        )
        assert row is not None
        await events.append(tx, workspace_id, now, actor, [events.Entry("mailbox.edited", mailbox_id=mailbox_id)])
        await notify(tx, workspace_id, "mailbox.edited")
        return row

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def keep_extra(
    database: Database, workspace_id: int, mailbox_id: int, extra: Mapping[str, Any], actor: str, now: datetime
) -> MailboxRow:
    """Keeps `extra` beside what is kept with a mailbox already, and changes nothing else. Raises NotFound, Invalid."""

    async def work(tx: Connection) -> MailboxRow:
        before = await _get(tx, workspace_id, mailbox_id)
        kept = check_extra(merged_extra(before.definition.get("extra") or {}, extra), "/extra")
        definition = {**before.definition, "extra": kept}
        row = await store.update(
            tx, workspace_id, mailbox_id, before.address, definition, before.secrets, before.archived, now
        )
        assert row is not None
        await events.append(tx, workspace_id, now, actor, [events.Entry("mailbox.edited", mailbox_id=mailbox_id)])
        await notify(tx, workspace_id, "mailbox.edited")
        return row

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def archive(
    database: Database, workspace_id: int, mailbox_id: int, archived: bool, actor: str, now: datetime
) -> MailboxRow:
    """Takes a mailbox out of use, or back into it. Raises NotFound."""

    async def work(tx: Connection) -> MailboxRow:
        return await archive_within(tx, await _get(tx, workspace_id, mailbox_id), archived, actor, now)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def archive_within(tx: Connection, before: MailboxRow, archived: bool, actor: str, now: datetime) -> MailboxRow:
    """The same in the caller's transaction, which has closed the gate as its first statement."""
    key = tx, before.workspace_id
    row = await store.update(*key, before.id, before.address, before.definition, before.secrets, archived, now)
    assert row is not None
    kind = "mailbox.archived" if archived else "mailbox.unarchived"
    await events.append(*key, now, actor, [events.Entry(kind, mailbox_id=before.id)])
    await notify(*key, kind)
    return row


async def get(database: Database, workspace_id: int, mailbox_id: int) -> MailboxRow:
    """One mailbox. Raises NotFound."""
    async with database.connection() as connection:
        return await _get(connection, workspace_id, mailbox_id)


async def several(database: Database, workspace_id: int, mailbox_ids: Sequence[int]) -> list[MailboxRow]:
    """Those of these mailboxes that are there, by id."""
    async with database.connection() as connection:
        rows = await store.several(connection, workspace_id, mailbox_ids)
    return sorted(rows, key=lambda row: row.id)


async def find(database: Database, workspace_id: int, name: str) -> MailboxRow | None:
    """The mailbox of this name, or None."""
    return (await find_many(database, workspace_id, [name])).get(name)


async def find_many(database: Database, workspace_id: int, names: Sequence[str]) -> dict[str, MailboxRow]:
    """Those of these names that are there, by name."""
    async with database.connection() as connection:
        return await store.by_name(connection, workspace_id, names)


async def page(
    database: Database, workspace_id: int, below: int | None, limit: int, archived: bool = False
) -> list[MailboxRow]:
    """A page of mailboxes with ids under `below`, newest first: the archived ones, or the others."""
    async with database.connection() as connection:
        return await store.page(connection, workspace_id, below, limit, archived)


async def create_pool(
    database: Database, workspace_id: int, definition: PoolDefinition, actor: str, now: datetime
) -> PoolRow:
    """A new pool. Raises Conflict `name_taken`, and Invalid `unknown_mailbox` with the place."""

    async def work(tx: Connection) -> PoolRow:
        pool_id = await store.insert_pool(tx, workspace_id, definition.name, now)
        if pool_id is None:
            raise Conflict("name_taken", f"there is a pool named {definition.name!r} already")
        return await _fill(tx, workspace_id, pool_id, definition.mailboxes, "pool.created", actor, now)

    return await database.run(work)


async def edit_pool(
    database: Database, workspace_id: int, pool_id: int, definition: PoolDefinition, actor: str, now: datetime
) -> PoolRow:
    """Replaces a pool's name and mailboxes. Raises NotFound, Conflict, Invalid."""

    async def work(tx: Connection) -> PoolRow:
        await _get_pool(tx, workspace_id, pool_id)
        try:
            await store.rename_pool(tx, workspace_id, pool_id, definition.name)
        except asyncpg.UniqueViolationError as error:
            raise Conflict("name_taken", f"there is a pool named {definition.name!r} already") from error
        return await _fill(tx, workspace_id, pool_id, definition.mailboxes, "pool.edited", actor, now)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def delete_pool(database: Database, workspace_id: int, pool_id: int, actor: str, now: datetime) -> None:
    """Deletes a pool that no campaign uses. Raises NotFound, Conflict `pool_in_use`."""

    async def work(tx: Connection) -> None:
        await _get_pool(tx, workspace_id, pool_id)
        try:
            await store.delete_pool(tx, workspace_id, pool_id)
        except asyncpg.ForeignKeyViolationError as error:
            raise Conflict("pool_in_use", "a campaign uses this pool") from error
        await events.append(tx, workspace_id, now, actor, [events.Entry("pool.deleted", data={"pool": pool_id})])

    await database.run(work)


async def get_pool(database: Database, workspace_id: int, pool_id: int) -> PoolRow:
    """One pool. Raises NotFound."""
    async with database.connection() as connection:
        return await _get_pool(connection, workspace_id, pool_id)


async def find_pool(database: Database, workspace_id: int, name: str) -> PoolRow | None:
    """The pool of this name, or None."""
    async with database.connection() as connection:
        return await store.pool_by_name(connection, workspace_id, name)


async def find_by_address(database: Database, workspace_id: int, address: str) -> MailboxRow | None:
    """The oldest mailbox of this address that is in use, or None."""
    async with database.connection() as connection:
        rows = await store.by_address(connection, workspace_id, address)
    return rows[0] if rows else None


async def pool_of(
    database: Database, workspace_id: int, mailbox_ids: Sequence[int], actor: str, now: datetime
) -> PoolRow:
    """The pool of exactly these mailboxes, which is made if there is none. Raises NotFound `mailbox_not_found`."""
    ids = sorted(set(mailbox_ids))

    async def work(tx: Connection) -> PoolRow:
        rows = sorted(await store.several(tx, workspace_id, ids), key=lambda row: row.id)
        if len(rows) < len(ids):
            raise _NO_MAILBOX
        known = await store.pool_of(tx, workspace_id, ids)
        if known is not None:
            return known
        shown = ", ".join(row.address for row in rows)
        digest = blake2b(repr(ids).encode(), digest_size=4).hexdigest()
        for name in (shown, f"{shown[:180]} {digest}"):
            pool_id = await store.insert_pool(tx, workspace_id, name, now) if len(name) <= 200 else None
            if pool_id is not None:
                return await _fill(tx, workspace_id, pool_id, [row.name for row in rows], "pool.created", actor, now)
        raise Conflict("name_taken", f"there is a pool named {name!r} already")

    return await database.run(work)


async def usual_pool(database: Database, workspace_id: int) -> PoolRow | None:
    """The pool for a campaign that names none: the one named `default`, else the oldest with a usable mailbox, or None.

    Nothing in here takes it unasked: whoever creates or starts a campaign says so.
    """
    async with database.connection() as connection:
        return await store.usual_pool(connection, workspace_id)


async def page_of_pools(database: Database, workspace_id: int, below: int | None, limit: int) -> list[PoolRow]:
    """A page of pools with ids under `below`, newest first."""
    async with database.connection() as connection:
        return await store.page_of_pools(connection, workspace_id, below, limit)


async def _fill(
    tx: Connection, workspace_id: int, pool_id: int, names: Sequence[str], kind: str, actor: str, now: datetime
) -> PoolRow:
    known = await store.by_name(tx, workspace_id, names)
    for place, name in enumerate(names):
        if name not in known or known[name].archived:
            raise Invalid.of(Problem("unknown_mailbox", f"there is no mailbox named {name!r}", f"/mailboxes/{place}"))
    await store.fill_pool(tx, workspace_id, pool_id, [known[name].id for name in names])
    await events.append(tx, workspace_id, now, actor, [events.Entry(kind, data={"pool": pool_id})])
    await notify(tx, workspace_id, kind)
    return await _get_pool(tx, workspace_id, pool_id)


async def _get(tx: Connection, workspace_id: int, mailbox_id: int) -> MailboxRow:
    row = await store.get(tx, workspace_id, mailbox_id)
    if row is None:
        raise _NO_MAILBOX
    return row


async def _get_pool(tx: Connection, workspace_id: int, pool_id: int) -> PoolRow:
    row = await store.get_pool(tx, workspace_id, pool_id)
    if row is None:
        raise NotFound("pool_not_found", "there is no such pool")
    return row
