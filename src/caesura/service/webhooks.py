"""Webhooks: made, changed, shown, tried, and what was sent to them. Each door sees those of its own dialect.

Everywhere, `form` is the door's WebhookForm, and `now` aware UTC. What turns events into deliveries, and sends them, is
in `service.webhook_delivery`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from caesura.domain.destinations import Destinations, origin
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.numbered_page import NumberedPage, Place
from caesura.domain.webhook_form import Notice, WebhookForm
from caesura.service.keyring import Keyring
from caesura.store import events, jobs
from caesura.store import webhooks as store
from caesura.store.database import Connection, Database
from caesura.store.webhooks import AttemptRow, DeliveryRow, NewDelivery, WebhookRow

MAXIMUM = 100
DESCRIPTION_LENGTH = 500
# Both secrets sign for a day, so that a receiver can be given the new one without losing anything.
ROTATION = timedelta(days=1)
PURPOSE = "webhook"


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook to be made. `secret` None makes one; `events` are the door's words; `extra` is what it keeps."""

    url: str
    events: Sequence[str]
    description: str | None = None
    active: bool = True
    secret: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed; None leaves it as it is, `description` "" takes it away. `extra` replaces all of it."""

    url: str | None = None
    events: Sequence[str] | None = None
    description: str | None = None
    active: bool | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A webhook, and its secret as its owner sees it."""

    row: WebhookRow
    secret: str = field(repr=False)


async def create(
    database: Database,
    keyring: Keyring,
    form: WebhookForm,
    destinations: Destinations,
    entropy: Callable[[int], bytes],
    workspace_id: int,
    new: NewWebhook,
    actor: str,
    now: datetime,
) -> Issued:
    """A new webhook; it is told what happens after this.

    Raises Invalid `url_invalid`, `url_not_https`, `url_refused`, `events_missing`, `unknown_event`,
    `description_length`; Conflict `too_many_webhooks`.
    """
    destinations.check(new.url)
    names = _checked(form, new.events)
    _check_description(new.description)
    secret = new.secret if new.secret is not None else form.new_secret(entropy)

    async def work(tx: Connection) -> WebhookRow:
        if await store.count_alone(tx, workspace_id) >= MAXIMUM:
            raise Conflict("too_many_webhooks", f"a workspace has at most {MAXIMUM} webhooks: delete one first")
        values = (form.dialect, new.url, names, new.description or None, new.active, new.extra, now)
        webhook_id = await store.insert(tx, workspace_id, *values)
        sealed = keyring.seal(workspace_id, str(webhook_id), secret, PURPOSE)
        row = await store.set_secret(tx, workspace_id, webhook_id, sealed, None, None, now)
        await _tell(tx, row, "webhook.created", actor, now)
        return row

    return Issued(await database.run(work), secret)


async def get(database: Database, workspace_id: int, dialect: str, webhook_id: int) -> WebhookRow:
    """One webhook of a door. Raises NotFound `webhook_not_found`."""
    async with database.connection() as tx:
        return await _get(tx, workspace_id, dialect, webhook_id)


async def page(database: Database, workspace_id: int, dialect: str, below: int | None, limit: int) -> list[WebhookRow]:
    """At most `limit` webhooks of a door with ids under `below`, newest first."""
    async with database.connection() as tx:
        return await store.page(tx, workspace_id, dialect, below, limit)


async def change(
    database: Database,
    form: WebhookForm,
    destinations: Destinations,
    workspace_id: int,
    webhook_id: int,
    changes: Changes,
    version: int | None,
    actor: str,
    now: datetime,
) -> WebhookRow:
    """Changes a webhook. Disabled, what was still to be sent is cancelled; enabled, it is told what happens after this.

    Raises as `create`, NotFound, and Conflict `version_mismatch` unless `version` is None or the present one.
    """
    if changes.url is not None:
        destinations.check(changes.url)
    names = None if changes.events is None else _checked(form, changes.events)
    _check_description(changes.description)

    async def work(tx: Connection) -> WebhookRow:
        before = await _lock(tx, workspace_id, form.dialect, webhook_id)
        if version is not None and version != before.version:
            raise Conflict("version_mismatch", f"the webhook is at version {before.version}, not {version}")
        active = before.active if changes.active is None else changes.active
        row = await store.update(
            tx,
            workspace_id,
            webhook_id,
            before.url if changes.url is None else changes.url,
            before.events if names is None else names,
            before.description if changes.description is None else changes.description or None,
            None if active else before.disabled_cause or "manual",
            before.extra if changes.extra is None else changes.extra,
            now,
        )
        if before.active != active:
            await store.cancel(tx, workspace_id, webhook_id, now)
        await _tell(tx, row, "webhook.disabled" if before.active and not active else "webhook.edited", actor, now)
        return row

    return await database.run(work)


async def delete(
    database: Database, workspace_id: int, dialect: str, webhook_id: int, actor: str, now: datetime
) -> None:
    """Takes a webhook away, and what was still to be sent to it. Raises NotFound."""

    async def work(tx: Connection) -> None:
        row = await _lock(tx, workspace_id, dialect, webhook_id)
        await store.delete(tx, workspace_id, webhook_id, now)
        await _tell(tx, row, "webhook.deleted", actor, now)

    await database.run(work)


async def reveal(database: Database, keyring: Keyring, workspace_id: int, dialect: str, webhook_id: int) -> str:
    """The secret that signs. Raises NotFound."""
    row = await get(database, workspace_id, dialect, webhook_id)
    assert row.secret is not None
    return keyring.open(workspace_id, str(webhook_id), row.secret, PURPOSE)


async def rotate(
    database: Database,
    keyring: Keyring,
    form: WebhookForm,
    entropy: Callable[[int], bytes],
    workspace_id: int,
    webhook_id: int,
    actor: str,
    now: datetime,
) -> Issued:
    """A new secret; the one before signs too for a day. Raises NotFound."""
    secret = form.new_secret(entropy)

    async def work(tx: Connection) -> WebhookRow:
        before = await _lock(tx, workspace_id, form.dialect, webhook_id)
        sealed = keyring.seal(workspace_id, str(webhook_id), secret, PURPOSE)
        row = await store.set_secret(tx, workspace_id, webhook_id, sealed, before.secret, now + ROTATION, now)
        await _tell(tx, row, "webhook.secret_rotated", actor, now)
        return row

    return Issued(await database.run(work), secret)


async def send(
    database: Database,
    form: WebhookForm,
    workspace_id: int,
    webhook_id: int,
    name: str,
    data: Mapping[str, Any],
    now: datetime,
) -> DeliveryRow:
    """Sends what no event stands for: a test, or what a caller gives. `name` need not be one of the subscribed.

    Raises NotFound, Conflict `webhook_disabled`.
    """

    async def work(tx: Connection) -> DeliveryRow:
        row = await _lock(tx, workspace_id, form.dialect, webhook_id)
        must_be_active(row)
        key = f"test_{webhook_id}_{now:%Y%m%d%H%M%S%f}"
        body = form.body([Notice(workspace_id, key, name, data, now)])
        delivery = NewDelivery(webhook_id, key, name, (), None, None, body)
        [delivery_id] = await store.add_deliveries(tx, workspace_id, [delivery], now)
        await jobs.enqueue_webhooks(tx, [(workspace_id, webhook_id)])
        return await _delivery(tx, workspace_id, webhook_id, delivery_id)

    return await database.run(work)


async def resend(
    database: Database, workspace_id: int, dialect: str, webhook_id: int, delivery_id: int, now: datetime
) -> DeliveryRow:
    """The same request once more, as a delivery of its own with the same key and bytes.

    Raises NotFound `webhook_not_found`, `delivery_not_found`; Conflict `webhook_disabled`.
    """

    async def work(tx: Connection) -> DeliveryRow:
        must_be_active(await _lock(tx, workspace_id, dialect, webhook_id))
        repeated = await store.repeat(tx, workspace_id, webhook_id, delivery_id, now)
        if repeated is None:
            raise NotFound("delivery_not_found", "there is no such delivery of this webhook")
        await jobs.enqueue_webhooks(tx, [(workspace_id, webhook_id)])
        return await _delivery(tx, workspace_id, webhook_id, repeated)

    return await database.run(work)


async def deliveries(
    database: Database,
    workspace_id: int,
    dialect: str,
    webhook_id: int,
    below: int | None,
    states: Sequence[str] | None,
    limit: int,
    offset: int = 0,
) -> list[DeliveryRow]:
    """What was sent to a webhook, or is to be: newest first, those under `below`, in these states (None: all).

    `offset` is for doors that count pages. A webhook that was deleted keeps its log for 30 days. Raises NotFound.
    """
    async with database.connection() as tx:
        await _get(tx, workspace_id, dialect, webhook_id, even_deleted=True)
        return await store.deliveries(tx, workspace_id, webhook_id, below, states, limit, offset)


async def count_deliveries(
    database: Database, workspace_id: int, dialect: str, webhook_id: int, states: Sequence[str] | None
) -> int:
    """How many of them there are. Raises NotFound."""
    async with database.connection() as tx:
        await _get(tx, workspace_id, dialect, webhook_id, even_deleted=True)
        return await store.count_deliveries(tx, workspace_id, webhook_id, states)


async def attempts(
    database: Database,
    workspace_id: int,
    dialect: str,
    webhook_id: int,
    below: int | None,
    delivery_id: int | None,
    limit: int,
) -> list[AttemptRow]:
    """The log of attempts, newest first, those under `below`; of one delivery or of all. Raises NotFound."""
    async with database.connection() as tx:
        await _get(tx, workspace_id, dialect, webhook_id, even_deleted=True)
        return await store.attempts(tx, workspace_id, webhook_id, below, delivery_id, limit)


async def attempt_log(
    database: Database, workspace_id: int, dialect: str, webhook_id: int, came_through: bool | None, place: Place
) -> NumberedPage[tuple[AttemptRow, str]]:
    """The same by page number, each with the name of what was told: all, or those that came through, or failed.

    Raises NotFound, and Invalid `page_invalid` and `page_size_invalid`.
    """
    place.check()
    async with database.connection() as tx:
        await _get(tx, workspace_id, dialect, webhook_id, even_deleted=True)
        return await store.attempt_log(tx, workspace_id, webhook_id, came_through, place)


def _checked(form: WebhookForm, names: Collection[str]) -> list[str]:
    """The events, each once. Raises Invalid with a pointer for each that the door has not."""
    unknown = [
        Problem("unknown_event", f"there is no event {name!r}", pointer=f"/events/{number}")
        for number, name in enumerate(names)
        if name not in form.names
    ]
    if unknown:
        raise Invalid.of(*unknown)
    if not names:
        raise Invalid.of(Problem("events_missing", "a webhook needs at least one event", pointer="/events"))
    return list(dict.fromkeys(names))


def _check_description(text: str | None) -> None:
    if text is not None and len(text) > DESCRIPTION_LENGTH:
        detail = f"a description has at most {DESCRIPTION_LENGTH} characters"
        raise Invalid.of(Problem("description_length", detail, pointer="/description"))


def must_be_active(row: WebhookRow) -> None:
    """Raises Conflict `webhook_disabled`."""
    if not row.active:
        raise Conflict("webhook_disabled", "this webhook is disabled: enable it first", "disabled", ("enable",))


async def _get(
    tx: Connection, workspace_id: int, dialect: str, webhook_id: int, even_deleted: bool = False
) -> WebhookRow:
    return _found(await store.get(tx, workspace_id, dialect, webhook_id, even_deleted))


async def _lock(tx: Connection, workspace_id: int, dialect: str, webhook_id: int) -> WebhookRow:
    return _found(await store.lock(tx, workspace_id, dialect, webhook_id))


def _found(row: WebhookRow | None) -> WebhookRow:
    if row is None:
        raise NotFound("webhook_not_found", "there is no such webhook in this workspace")
    return row


async def _delivery(tx: Connection, workspace_id: int, webhook_id: int, delivery_id: int) -> DeliveryRow:
    [row] = await store.deliveries(tx, workspace_id, webhook_id, None, None, 1, 0, delivery_id)
    return row


async def _tell(tx: Connection, row: WebhookRow, kind: str, actor: str, now: datetime) -> None:
    data: dict[str, Any] = {"webhook_id": row.id, "url": origin(row.url), "events": list(row.events)}
    if kind == "webhook.disabled":
        data["cause"] = row.disabled_cause
    await events.append(tx, row.workspace_id, now, actor, [events.Entry(kind, data=data)])
