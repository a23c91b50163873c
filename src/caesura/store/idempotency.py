"""Answers kept by the client's own key, so that a request that is sent again is not done again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from caesura.store.database import Connection, affected
from caesura.store.queries import load

SQL = load("idempotency")


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """Which request holds a key; `status`, `headers` and `body` are None until it is answered.

    At `renewed_at`, whoever answers last said that it is there.
    """

    request_digest: bytes
    renewed_at: datetime
    status: int | None
    headers: Mapping[str, str] | None
    body: bytes | None = field(repr=False)


async def claim(
    tx: Connection, workspace_id: int, key: str, digest: bytes, now: datetime, kept_since: datetime
) -> bool:
    """Takes the key for a request; False when another holds it (see `get`).

    What was claimed at `kept_since` or before counts as forgotten.
    """
    return await tx.fetchval(SQL["claim"], workspace_id, key, digest, now, kept_since) is not None


async def get(tx: Connection, workspace_id: int, key: str) -> AnswerRow | None:
    """Who holds the key, or None."""
    row = await tx.fetchrow(SQL["get"], workspace_id, key)
    return AnswerRow(*row) if row else None


async def finish(
    tx: Connection,
    workspace_id: int,
    key: str,
    claimed_at: datetime,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> None:
    """Keeps the answer of the request that claimed the key at `claimed_at`; nothing when another has it."""
    await tx.execute(SQL["finish"], workspace_id, key, claimed_at, status, headers, body)


async def release(tx: Connection, workspace_id: int, key: str, claimed_at: datetime) -> None:
    """Gives back a key that was claimed at `claimed_at`; nothing when another has it."""
    await tx.execute(SQL["release"], workspace_id, key, claimed_at)


async def renew(tx: Connection, workspace_id: int, key: str, claimed_at: datetime, now: datetime) -> None:
    """Whoever claimed the key at `claimed_at` is still there; nothing when another has it."""
    await tx.execute(SQL["renew"], workspace_id, key, claimed_at, now)


async def prune(tx: Connection, kept_since: datetime) -> int:
    """Deletes what was claimed at `kept_since` or before; answers how many."""
    return affected(await tx.execute(SQL["prune"], kept_since))
