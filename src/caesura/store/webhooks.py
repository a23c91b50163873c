"""Webhooks, what is sent to them, and how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from caesura.domain.numbered_page import NumberedPage, Place
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("webhooks")


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A webhook as stored; `events` as its door calls them. It is told what happens in transactions after `begins`.

    Since `failing_since`, no attempt was answered with 2xx.
    """

    workspace_id: int
    id: int
    dialect: str
    url: str
    events: Sequence[str]
    description: str | None
    active: bool
    disabled_cause: str | None
    secret: bytes | None = field(repr=False)
    previous_secret: bytes | None = field(repr=False)
    previous_until: datetime | None
    extra: Mapping[str, Any]
    begins: int
    last_status: str | None
    last_at: datetime | None
    failing_since: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A request to be sent. `key` names what is told; `event_ids` are the entries of the log that it tells of."""

    webhook_id: int
    key: str
    name: str
    event_ids: Sequence[int]
    campaign_id: int | None
    enrollment_id: int | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """An entry of a webhook's log, with its newest attempt: from `attempted_at` on, None before the first one.

    `state` is pending, delivered, failed or cancelled; `due_at` the next attempt, None unless pending; `error` None for
    an attempt that was answered with 2xx; `response` the beginning of the answer's body.
    """

    workspace_id: int
    id: int
    webhook_id: int
    key: str
    name: str
    event_ids: Sequence[int]
    campaign_id: int | None
    state: str
    attempts: int
    due_at: datetime | None
    created_at: datetime
    settled_at: datetime | None
    attempted_at: datetime | None
    duration_ms: int | None
    status_code: int | None
    error: str | None
    response: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt. `number` counts from 1; `error` is None when it was answered with 2xx."""

    workspace_id: int
    id: int
    webhook_id: int
    delivery_id: int
    number: int
    at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response: bytes | None = field(repr=False)


async def insert(
    tx: Connection,
    workspace_id: int,
    dialect: str,
    url: str,
    events: Sequence[str],
    description: str | None,
    active: bool,
    extra: Mapping[str, Any],
    now: datetime,
) -> int:
    """A new webhook, to be given its secret; answers its id. Whoever makes one asks `count_alone` before."""
    values = (workspace_id, dialect, url, events, description, active, dict(extra), now)
    webhook_id: int = await tx.fetchval(SQL["insert"], *values)
    return webhook_id


async def count_alone(tx: Connection, workspace_id: int) -> int:
    """How many webhooks the workspace has, through all doors; nobody makes another until this transaction ends.

    The first time, it begins the workspace's cursor.
    """
    await tx.execute(SQL["begin_cursor"], workspace_id)
    found: int = await tx.fetchval(SQL["count"], workspace_id)
    return found


async def get(
    tx: Connection, workspace_id: int, dialect: str, webhook_id: int, even_deleted: bool = False
) -> WebhookRow | None:
    """One webhook of a door, or None; `even_deleted` while something of its log is left."""
    row = await tx.fetchrow(SQL["get"], workspace_id, dialect, webhook_id, even_deleted)
    return WebhookRow(**row) if row else None


async def lock(tx: Connection, workspace_id: int, dialect: str, webhook_id: int) -> WebhookRow | None:
    """One webhook of a door, locked against other changes, or None."""
    row = await tx.fetchrow(SQL["lock"], workspace_id, dialect, webhook_id)
    return WebhookRow(**row) if row else None


async def page(tx: Connection, workspace_id: int, dialect: str, below: int | None, limit: int) -> list[WebhookRow]:
    """A page of a door's webhooks with ids under `below`, newest first."""
    return [WebhookRow(**row) for row in await tx.fetch(SQL["list"], workspace_id, dialect, below, limit)]


async def update(
    tx: Connection,
    workspace_id: int,
    webhook_id: int,
    url: str,
    events: Sequence[str],
    description: str | None,
    disabled_cause: str | None,
    extra: Mapping[str, Any],
    now: datetime,
) -> WebhookRow:
    """Changes what its owner may; without a `disabled_cause` it is active. Enabled anew, it is told what comes then."""
    active = disabled_cause is None
    values = (workspace_id, webhook_id, url, events, description, active, disabled_cause, dict(extra), now)
    [row] = await tx.fetch(SQL["update"], *values)
    return WebhookRow(**row)


async def set_secret(
    tx: Connection,
    workspace_id: int,
    webhook_id: int,
    secret: bytes,
    previous: bytes | None,
    previous_until: datetime | None,
    now: datetime,
) -> WebhookRow:
    """A new secret; the one before signs too until then."""
    [row] = await tx.fetch(SQL["set_secret"], workspace_id, webhook_id, secret, previous, previous_until, now)
    return WebhookRow(**row)


async def disable(tx: Connection, workspace_id: int, webhook_id: int, cause: str, now: datetime) -> bool:
    """Switches it off by itself, and cancels what was to be sent. False when it was off already."""
    if await tx.fetchval(SQL["disable"], workspace_id, webhook_id, cause, now) is None:
        return False
    await tx.execute(SQL["cancel"], workspace_id, webhook_id, now)
    return True


async def cancel(tx: Connection, workspace_id: int, webhook_id: int, now: datetime) -> None:
    """What was still to be sent is not."""
    await tx.execute(SQL["cancel"], workspace_id, webhook_id, now)


async def delete(tx: Connection, workspace_id: int, webhook_id: int, now: datetime) -> None:
    """Takes it away, with its secrets and what was still to be sent. Its log stays for a while."""
    await tx.execute(SQL["delete"], workspace_id, webhook_id, now)
    await tx.execute(SQL["cancel"], workspace_id, webhook_id, now)


async def add_deliveries(
    tx: Connection, workspace_id: int, deliveries: Sequence[NewDelivery], now: datetime
) -> list[int]:
    """Requests to be sent, due at once; answers their ids, in the same order."""
    if not deliveries:
        return []
    rows = await tx.fetch(
        SQL["add_deliveries"],
        workspace_id,
        [one.webhook_id for one in deliveries],
        [one.key for one in deliveries],
        [one.name for one in deliveries],
        [",".join(map(str, one.event_ids)) for one in deliveries],
        [one.campaign_id for one in deliveries],
        [one.enrollment_id for one in deliveries],
        [one.body for one in deliveries],
        now,
    )
    return sorted(row["id"] for row in rows)


async def repeat(tx: Connection, workspace_id: int, webhook_id: int, delivery_id: int, now: datetime) -> int | None:
    """The same request once more; answers the new delivery's id, or None when there is no such delivery."""
    repeated: int | None = await tx.fetchval(SQL["repeat"], workspace_id, webhook_id, delivery_id, now)
    return repeated


async def deliveries(
    tx: Connection,
    workspace_id: int,
    webhook_id: int,
    below: int | None,
    states: Sequence[str] | None,
    limit: int,
    offset: int = 0,
    delivery_id: int | None = None,
) -> list[DeliveryRow]:
    """A page of a webhook's log, newest first: those under `below`, in these states (None: all); or that one."""
    values = (workspace_id, webhook_id, below, states, delivery_id, limit, offset)
    return [DeliveryRow(**row) for row in await tx.fetch(SQL["deliveries"], *values)]


async def count_deliveries(tx: Connection, workspace_id: int, webhook_id: int, states: Sequence[str] | None) -> int:
    """How many entries a webhook's log has in these states (None: all)."""
    found: int = await tx.fetchval(SQL["count_deliveries"], workspace_id, webhook_id, states)
    return found


async def attempts(
    tx: Connection, workspace_id: int, webhook_id: int, below: int | None, delivery_id: int | None, limit: int
) -> list[AttemptRow]:
    """A page of a webhook's attempts with ids under `below`, newest first; of one delivery or of all."""
    values = (workspace_id, webhook_id, below, delivery_id, limit)
    return [AttemptRow(**row) for row in await tx.fetch(SQL["attempts"], *values)]


async def attempt_log(
    tx: Connection, workspace_id: int, webhook_id: int, came_through: bool | None, place: Place
) -> NumberedPage[tuple[AttemptRow, str]]:
    """A numbered page of a webhook's attempts, newest first, each with the name of what was told."""
    rows = await tx.fetch(SQL["attempt_log"], workspace_id, webhook_id, came_through, place.size, place.offset)
    total: int = await tx.fetchval(SQL["count_attempts"], workspace_id, webhook_id, came_through)
    return NumberedPage([(AttemptRow(*tuple(row)[:-1]), row["name"]) for row in rows], total)
