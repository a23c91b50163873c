"""API keys: prefix, digest, scopes and state. The secret part is never stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("keys")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as stored; the times are UTC. It is good while not revoked and not expired.

    `campaign_ids` are the only campaigns that it may touch, None for all; an `is_account` key opens every workspace;
    `plan` names its rate limits, None for the usual ones of its door; `extra` is kept.
    """

    workspace_id: int
    id: int
    prefix: str
    digest: bytes = field(repr=False)
    dialect: str
    scopes: Sequence[str]
    campaign_ids: Sequence[int] | None
    plan: str | None
    is_account: bool
    label: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    extra: Mapping[str, Any] = field(default_factory=dict)


async def insert(
    tx: Connection,
    workspace_id: int,
    prefix: str,
    digest: bytes,
    dialect: str,
    scopes: Sequence[str],
    label: str | None,
    expires_at: datetime | None,
    now: datetime,
    campaign_ids: Sequence[int] | None,
    plan: str | None,
    is_account: bool,
    extra: Mapping[str, Any],
) -> KeyRow:
    """A new key."""
    values = (workspace_id, prefix, digest, dialect, scopes, label, now, expires_at, campaign_ids, plan, is_account)
    [row] = await tx.fetch(SQL["insert"], *values, dict(extra))
    return KeyRow(**row)


async def good(tx: Connection, asked: Collection[tuple[int, int]], now: datetime) -> set[tuple[int, int]]:
    """Those of these keys, each given as workspace and id, that are neither revoked nor expired."""
    rows = await tx.fetch(SQL["good"], [one for one, _ in asked], [one for _, one in asked], now)
    return {(row["workspace_id"], row["id"]) for row in rows}


async def by_prefix(tx: Connection, prefix: str, dialect: str) -> KeyRow | None:
    """The key with this public part at this dialect's door, or None."""
    row = await tx.fetchrow(SQL["by_prefix"], prefix, dialect)
    return KeyRow(**row) if row else None


async def get(tx: Connection, workspace_id: int, key_id: int) -> KeyRow | None:
    """One key, or None."""
    row = await tx.fetchrow(SQL["get"], workspace_id, key_id)
    return KeyRow(**row) if row else None


async def page(tx: Connection, workspace_id: int, below: int | None, part: str | None, limit: int) -> list[KeyRow]:
    """A page of keys with ids under `below`, newest first: all, or those with `part` in the label."""
    return [KeyRow(**row) for row in await tx.fetch(SQL["list"], workspace_id, below, part, limit)]


async def revoke(tx: Connection, workspace_id: int, key_id: int, now: datetime) -> KeyRow | None:
    """Revokes a key; None when there is none that is not revoked yet."""
    row = await tx.fetchrow(SQL["revoke"], workspace_id, key_id, now)
    return KeyRow(**row) if row else None


async def dialects_in_use(tx: Connection, workspace_id: int, now: datetime) -> list[str]:
    """The dialects of the keys that are good, those that open every workspace among them."""
    return [row["dialect"] for row in await tx.fetch(SQL["dialects_in_use"], workspace_id, now)]


async def touch(tx: Connection, workspace_id: int, key_id: int, now: datetime, unless_after: datetime) -> None:
    """Notes that a key was used `now`, when no use after `unless_after` is noted."""
    await tx.execute(SQL["touch"], workspace_id, key_id, now, unless_after)
