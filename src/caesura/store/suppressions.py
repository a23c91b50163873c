"""Suppressions: addresses and domains that are never written to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.domain.recipients import Recipient
from caesura.store.database import Connection, affected
from caesura.store.queries import load

SQL = load("suppressions")


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """A suppression as stored; `value` is an address key or, by `kind`, a domain as A-label."""

    workspace_id: int
    kind: str
    value: str
    cause: str
    actor: str
    created_at: datetime


def _columns(recipients: Sequence[Recipient]) -> tuple[list[Any], list[Any]]:
    return [one.kind for one in recipients], [one.value for one in recipients]


async def insert(
    tx: Connection, workspace_id: int, recipients: Sequence[Recipient], cause: str, actor: str, now: datetime
) -> list[Recipient]:
    """Suppresses these; answers those that were not yet. Call it behind the closed gate."""
    rows = await tx.fetch(SQL["insert"], workspace_id, *_columns(recipients), cause, actor, now)
    return [Recipient(row["kind"], row["value"]) for row in rows]


async def outrank(
    tx: Connection,
    workspace_id: int,
    recipients: Sequence[Recipient],
    cause: str,
    actor: str,
    now: datetime,
    strong: Collection[str],
) -> int:
    """Gives these suppressions another cause, unless theirs is one of `strong`; answers how many."""
    tag = await tx.execute(SQL["outrank"], workspace_id, *_columns(recipients), cause, actor, now, list(strong))
    return affected(tag)


async def delete(tx: Connection, workspace_id: int, recipient: Recipient) -> SuppressionRow | None:
    """Ends a suppression; None when there is none."""
    row = await tx.fetchrow(SQL["delete"], workspace_id, recipient.kind, recipient.value)
    return SuppressionRow(*row) if row else None


async def matching(tx: Connection, workspace_id: int, key: str, domain: str) -> list[SuppressionRow]:
    """What suppresses an address, given as its key and its domain; the address itself comes first."""
    return [SuppressionRow(*row) for row in await tx.fetch(SQL["matching"], workspace_id, key, domain)]


async def page(
    tx: Connection, workspace_id: int, after: tuple[str, str], kind: str | None, limit: int
) -> list[SuppressionRow]:
    """A page of suppressions after the (kind, value) `after`, in their order: all, or those of one kind."""
    first, last = (kind, kind) if kind else ("address", "domain")
    start = max(after, (first, ""))
    return [SuppressionRow(*row) for row in await tx.fetch(SQL["list"], workspace_id, *start, last, limit)]


async def leads_of_addresses(tx: Connection, workspace_id: int, keys: Sequence[str]) -> list[int]:
    """The leads of these addresses."""
    return [row["id"] for row in await tx.fetch(SQL["leads_of_addresses"], workspace_id, list(keys))]


async def leads_among(tx: Connection, workspace_id: int, lead_ids: Sequence[int]) -> set[int]:
    """Those of these leads that are suppressed, by their address or its domain."""
    return {row["id"] for row in await tx.fetch(SQL["leads_among"], workspace_id, list(lead_ids))}


async def leads_of_domain(tx: Connection, workspace_id: int, domain: str, above: int, limit: int) -> list[int]:
    """The next `limit` leads of a domain with ids above `above`: a look at every lead on the way."""
    return [row["id"] for row in await tx.fetch(SQL["leads_of_domain"], workspace_id, domain, above, limit)]
