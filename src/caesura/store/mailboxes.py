"""Mailboxes, their load, and pools of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.store.database import Connection, affected
from caesura.store.queries import load
from caesura.store.sending import Pace

SQL = load("mailboxes")


@dataclass(frozen=True, slots=True)
class MailboxSecrets:
    """What is sealed of a mailbox: its password, its DKIM key; and the key's public half, as the DNS shows it."""

    secret: bytes | None = None
    dkim_key: bytes | None = None
    dkim_record: str | None = None


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox as stored. `definition` is a MailboxDefinition without what MailboxSecrets has of it."""

    workspace_id: int
    id: int
    name: str
    address: str
    definition: Mapping[str, Any]
    secret: bytes | None
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime
    dkim_key: bytes | None = None
    dkim_record: str | None = None

    @property
    def secrets(self) -> MailboxSecrets:
        """What is sealed."""
        return MailboxSecrets(self.secret, self.dkim_key, self.dkim_record)


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A pool and its mailboxes."""

    id: int
    name: str
    created_at: datetime
    mailbox_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class NewMailbox:
    """A mailbox to be."""

    name: str
    address: str
    definition: Mapping[str, Any]
    secrets: MailboxSecrets


async def insert(
    tx: Connection, workspace_id: int, given: Sequence[NewMailbox], now: datetime
) -> dict[str, MailboxRow]:
    """New mailboxes with no load, by name; without those whose name is taken."""
    rows = await tx.fetch(
        SQL["insert"],
        workspace_id,
        [one.name for one in given],
        [one.address for one in given],
        [one.definition for one in given],
        [one.secrets.secret for one in given],
        [one.secrets.dkim_key for one in given],
        [one.secrets.dkim_record for one in given],
        now,
    )
    return {row["name"]: MailboxRow(*row) for row in rows}


async def get(tx: Connection, workspace_id: int, mailbox_id: int, lock: bool = False) -> MailboxRow | None:
    """One mailbox, or None; `lock` keeps it for this transaction."""
    row = await tx.fetchrow(SQL["lock" if lock else "get"], workspace_id, mailbox_id)
    return MailboxRow(*row) if row else None


async def several(tx: Connection, workspace_id: int, mailbox_ids: Sequence[int]) -> list[MailboxRow]:
    """Those of these mailboxes that exist."""
    return [MailboxRow(*row) for row in await tx.fetch(SQL["several"], workspace_id, list(mailbox_ids))]


async def versions(tx: Connection, workspace_id: int, mailbox_ids: Sequence[int]) -> list[tuple[int, int]]:
    """(mailbox, present version) of these."""
    return [tuple(row) for row in await tx.fetch(SQL["versions"], workspace_id, list(mailbox_ids))]


async def by_name(tx: Connection, workspace_id: int, names: Sequence[str]) -> dict[str, MailboxRow]:
    """Those of these names that are there, by name."""
    return {row["name"]: MailboxRow(*row) for row in await tx.fetch(SQL["by_name"], workspace_id, list(names))}


async def page(
    tx: Connection, workspace_id: int, below: int | None, limit: int, archived: bool = False
) -> list[MailboxRow]:
    """A page of mailboxes with ids under `below`, newest first: the archived ones, or the others."""
    return [MailboxRow(*row) for row in await tx.fetch(SQL["list"], workspace_id, below, limit, archived)]


async def update(
    tx: Connection,
    workspace_id: int,
    mailbox_id: int,
    address: str,
    definition: Mapping[str, Any],
    secrets: MailboxSecrets,
    archived: bool,
    now: datetime,
) -> MailboxRow | None:
    """Stores an edited mailbox under a new version; what its limits made it wait for is asked again."""
    row = await tx.fetchrow(
        SQL["update"],
        workspace_id,
        mailbox_id,
        address,
        definition,
        secrets.secret,
        archived,
        now,
        secrets.dkim_key,
        secrets.dkim_record,
    )
    if row is None:
        return None
    await tx.execute(SQL["reconsider"], workspace_id, mailbox_id)
    return MailboxRow(*row)


async def pace(tx: Connection, workspace_id: int, mailbox_id: int) -> Pace | None:
    """The load of a mailbox, or None."""
    row = await tx.fetchrow(SQL["pace"], workspace_id, mailbox_id)
    return Pace(*row) if row else None


async def paces(tx: Connection, workspace_id: int, mailbox_ids: Sequence[int]) -> list[Pace]:
    """The loads of these mailboxes."""
    return [Pace(*row) for row in await tx.fetch(SQL["paces"], workspace_id, list(mailbox_ids))]


async def insert_pool(tx: Connection, workspace_id: int, name: str, now: datetime) -> int | None:
    """A new, empty pool; None when the name is taken."""
    pool_id: int | None = await tx.fetchval(SQL["insert_pool"], workspace_id, name, now)
    return pool_id


async def get_pool(tx: Connection, workspace_id: int, pool_id: int) -> PoolRow | None:
    """One pool, or None."""
    row = await tx.fetchrow(SQL["get_pool"], workspace_id, pool_id)
    return PoolRow(*row) if row else None


async def pool_names(tx: Connection, workspace_id: int, pool_ids: Sequence[int]) -> dict[int, str]:
    """What these pools are called, by their ids."""
    return {row["id"]: row["name"] for row in await tx.fetch(SQL["pool_names"], workspace_id, list(pool_ids))}


async def pool_by_name(tx: Connection, workspace_id: int, name: str) -> PoolRow | None:
    """The pool of this name, or None."""
    row = await tx.fetchrow(SQL["pool_by_name"], workspace_id, name)
    return PoolRow(*row) if row else None


async def by_address(tx: Connection, workspace_id: int, address: str) -> list[MailboxRow]:
    """The mailboxes of this address that are in use, the oldest first."""
    return [MailboxRow(*row) for row in await tx.fetch(SQL["by_address"], workspace_id, address)]


async def of_domain(tx: Connection, workspace_id: int, domain: str) -> MailboxRow | None:
    """The oldest mailbox in use with an address of this domain, or None."""
    row = await tx.fetchrow(SQL["of_domain"], workspace_id, domain)
    return MailboxRow(*row) if row else None


async def count_archived(tx: Connection, workspace_id: int, address: str) -> int:
    """How many mailboxes of this address are out of use."""
    number: int = await tx.fetchval(SQL["count_archived"], workspace_id, address)
    return number


async def is_used(tx: Connection, workspace_id: int, mailbox_id: int) -> bool:
    """Whether a campaign that is not at an end sends from a pool with this mailbox."""
    answer: bool = await tx.fetchval(SQL["is_used"], workspace_id, mailbox_id)
    return answer


async def pool_of(tx: Connection, workspace_id: int, mailbox_ids: Sequence[int]) -> PoolRow | None:
    """The oldest pool of exactly these mailboxes, given in order; or None."""
    row = await tx.fetchrow(SQL["pool_of"], workspace_id, list(mailbox_ids))
    return PoolRow(*row) if row else None


async def usual_pool(tx: Connection, workspace_id: int) -> PoolRow | None:
    """The pool named `default`, else the oldest with a mailbox that is neither archived nor held, or None."""
    row = await tx.fetchrow(SQL["usual_pool"], workspace_id)
    return PoolRow(*row) if row else None


async def page_of_pools(tx: Connection, workspace_id: int, below: int | None, limit: int) -> list[PoolRow]:
    """A page of pools with ids under `below`, newest first."""
    return [PoolRow(*row) for row in await tx.fetch(SQL["list_pools"], workspace_id, below, limit)]


async def rename_pool(tx: Connection, workspace_id: int, pool_id: int, name: str) -> None:
    """Gives a pool another name; raises asyncpg.UniqueViolationError when it is taken."""
    await tx.execute(SQL["set_pool_name"], workspace_id, pool_id, name)


async def fill_pool(tx: Connection, workspace_id: int, pool_id: int, mailbox_ids: Sequence[int]) -> int:
    """Replaces the membership; answers how many of the ids were mailboxes of this workspace."""
    await tx.execute(SQL["empty_pool"], workspace_id, pool_id)
    return affected(await tx.execute(SQL["fill_pool"], workspace_id, pool_id, list(mailbox_ids)))


async def delete_pool(tx: Connection, workspace_id: int, pool_id: int) -> None:
    """Deletes a pool; raises asyncpg.ForeignKeyViolationError when a campaign uses it."""
    await tx.execute(SQL["delete_pool"], workspace_id, pool_id)


async def usable_versions(tx: Connection, workspace_id: int, pool: PoolRow | None) -> list[tuple[int, int]]:
    """(mailbox, present version) of those of the pool that are neither archived nor held."""
    rows = await tx.fetch(SQL["usable_versions"], workspace_id, pool.id) if pool is not None else []
    return [tuple(row) for row in rows]


async def usable_of_pools(
    tx: Connection, workspace_id: int, pool_ids: Sequence[int]
) -> dict[int, list[tuple[int, int]]]:
    """The same for each of these pools that has any."""
    usable: dict[int, list[tuple[int, int]]] = {}
    for pool_id, mailbox_id, version in await tx.fetch(SQL["usable_of_pools"], workspace_id, list(pool_ids)):
        usable.setdefault(pool_id, []).append((mailbox_id, version))
    return usable


async def usable(tx: Connection, workspace_id: int, pool_id: int) -> int:
    """How many mailboxes of the pool are neither archived nor held."""
    count: int = await tx.fetchval(SQL["usable"], workspace_id, pool_id)
    return count


async def keep_usable(tx: Connection, workspace_id: int, pool_id: int) -> None:
    """Sees to it that one of these, if there is any, is not archived before the transaction ends."""
    await tx.execute(SQL["keep_usable"], workspace_id, pool_id)
