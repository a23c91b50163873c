"""The way from the event log to webhooks: the cursor, what deliveries are made of, what is due, and how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from caesura.domain.webhook_form import Facts, Occurrence
from caesura.domain.webhook_order import Waiting
from caesura.store.database import Connection, affected
from caesura.store.queries import load
from caesura.store.webhooks import WebhookRow

SQL = load("webhook_delivery")

_SECRETS = frozenset({"secret", "dkim_key"})


@dataclass(frozen=True, slots=True)
class News:
    """An event, and the transaction that wrote it."""

    transaction_id: int
    event: Occurrence


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """What is sent of a delivery; `attempts` have failed so far."""

    id: int
    key: str
    name: str
    body: bytes = field(repr=False)
    attempts: int


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt went. `error` is a code word, None for an answer of 2xx; `retry_after` what the answer asked for.

    `duration` is in seconds; `response` the beginning of the answer's body.
    """

    delivery_id: int
    number: int
    at: datetime
    duration: float
    status_code: int | None
    error: str | None
    response: bytes | None = field(default=None, repr=False)
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an attempt makes of its delivery: `state`, and when to try again, None unless that is pending."""

    delivery_id: int
    number: int
    state: str
    due_at: datetime | None


async def behind(tx: Connection) -> list[int]:
    """Workspaces with webhooks whose log has gone on."""
    return [row["workspace_id"] for row in await tx.fetch(SQL["behind"])]


async def lock_cursor(tx: Connection, workspace_id: int) -> tuple[int, int] | None:
    """Where the workspace's fan-out stands: a transaction and an event in it. None while another has it."""
    row = await tx.fetchrow(SQL["lock_cursor"], workspace_id)
    return (row["transaction_id"], row["event_id"]) if row else None


async def active(tx: Connection, workspace_id: int) -> list[WebhookRow]:
    """The webhooks that are told anything."""
    return [WebhookRow(**row) for row in await tx.fetch(SQL["active"], workspace_id)]


async def news(tx: Connection, workspace_id: int, after: tuple[int, int], limit: int) -> list[News]:
    """Events after a place in the log, in its order."""
    return _news(await tx.fetch(SQL["news"], workspace_id, *after, limit))


async def move_cursor(tx: Connection, workspace_id: int, place: tuple[int, int]) -> None:
    """All up to there has become deliveries."""
    await tx.execute(SQL["move_cursor"], workspace_id, *place)


async def between(tx: Connection, workspace_id: int, since: datetime, until: datetime, limit: int) -> list[News]:
    """Events of a span of time, the end not in it, in the log's order: some of them, if there are more than `limit`."""
    return _news(await tx.fetch(SQL["between"], workspace_id, since, until, limit))


async def named(tx: Connection, workspace_id: int, event_ids: Sequence[int]) -> list[News]:
    """These events, in the log's order; those that are not there are left out."""
    return _news(await tx.fetch(SQL["named"], workspace_id, list(event_ids)))


def _news(rows: Sequence[Any]) -> list[News]:
    found = [dict(row) for row in rows]
    return [News(row.pop("transaction_id"), Occurrence(**row)) for row in found]


async def facts(tx: Connection, workspace_id: int, events: Sequence[Occurrence]) -> Facts:
    """The rows that events name, as they are now."""
    campaign_ids = _ids(event.campaign_id for event in events)
    places = {(event.enrollment_id, event.step) for event in events if event.enrollment_id and event.step}
    steps: dict[int, list[Mapping[str, Any]]] = {}
    for row in await tx.fetch(SQL["fact_steps"], workspace_id, campaign_ids) if campaign_ids else ():
        steps.setdefault(row["campaign_id"], []).append(dict(row))
    senders: dict[int, list[str]] = {}
    subjects = _ids(event.campaign_id for event in events if event.kind.startswith("campaign."))
    for row in await tx.fetch(SQL["fact_senders"], workspace_id, subjects) if subjects else ():
        senders.setdefault(row["id"], []).append(row["address"])
    many = (one for event in events if event.kind == "lead.bulk_created" for one in event.data.get("leads", ()))
    lead_ids = _ids([*(event.lead_id for event in events), *many])
    mailbox_ids = _ids(event.mailbox_id for event in events)
    enrollment_ids = _ids(event.enrollment_id for event in events)
    named = sorted((enrollment, step) for enrollment, step in places if enrollment and step)
    columns = [enrollment for enrollment, _ in named], [step for _, step in named]
    messages = await tx.fetch(SQL["fact_messages"], workspace_id, *columns) if named else ()
    inbound_ids = _ids(event.data.get("inbound") for event in events)
    workspace = await tx.fetchrow(SQL["fact_workspace"], workspace_id)
    return Facts(
        workspace=dict(workspace) if workspace else {},
        campaigns=_by_id(await tx.fetch(SQL["fact_campaigns"], workspace_id, campaign_ids) if campaign_ids else ()),
        steps=steps,
        senders=senders,
        leads=_by_id(await tx.fetch(SQL["fact_leads"], workspace_id, lead_ids) if lead_ids else ()),
        mailboxes=_by_id(await tx.fetch(SQL["fact_mailboxes"], workspace_id, mailbox_ids) if mailbox_ids else ()),
        enrollments=_by_id(
            await tx.fetch(SQL["fact_enrollments"], workspace_id, enrollment_ids) if enrollment_ids else ()
        ),
        messages={(row["enrollment_id"], row["step"]): dict(row) for row in messages},
        inbound=_by_id(await tx.fetch(SQL["fact_inbound"], workspace_id, inbound_ids) if inbound_ids else ()),
    )


def _ids(found: Any) -> list[int]:
    return sorted({one for one in found if one is not None})


def _by_id(rows: Sequence[Any]) -> dict[int, Mapping[str, Any]]:
    return {row["id"]: {name: value for name, value in row.items() if name not in _SECRETS} for row in rows}


async def due(tx: Connection, now: datetime) -> list[tuple[int, int]]:
    """(workspace, webhook) to which something is to be sent now."""
    return [(row["workspace_id"], row["id"]) for row in await tx.fetch(SQL["due"], now)]


async def webhook(tx: Connection, workspace_id: int, webhook_id: int) -> WebhookRow | None:
    """The webhook, if it is active."""
    row = await tx.fetchrow(SQL["webhook"], workspace_id, webhook_id)
    return WebhookRow(**row) if row else None


async def first(tx: Connection, workspace_id: int, webhook_id: int, limit: int) -> list[Waiting]:
    """The oldest that are in their first attempts, due or not, in order."""
    return [Waiting(**row) for row in await tx.fetch(SQL["first"], workspace_id, webhook_id, limit)]


async def later(tx: Connection, workspace_id: int, webhook_id: int, now: datetime, limit: int) -> list[int]:
    """Ids of those that are due after their first attempts."""
    return [row["id"] for row in await tx.fetch(SQL["later"], workspace_id, webhook_id, now, limit)]


async def parcels(tx: Connection, workspace_id: int, delivery_ids: Sequence[int]) -> list[ParcelRow]:
    """What is to be sent, in order."""
    return [ParcelRow(**row) for row in await tx.fetch(SQL["parcels"], workspace_id, list(delivery_ids))]


async def note(
    tx: Connection,
    workspace_id: int,
    webhook_id: int,
    results: Sequence[Result],
    settlements: Sequence[Settlement],
    silence: timedelta,
    now: datetime,
) -> datetime | None:
    """Writes attempts into the log, and what became of their deliveries.

    Answers since when all attempts failed, none of them longer than `silence` after another; None if one has not.
    """
    await tx.execute(
        SQL["add_attempts"],
        workspace_id,
        webhook_id,
        [one.delivery_id for one in results],
        [one.number for one in results],
        [one.at for one in results],
        [round(one.duration * 1000) for one in results],
        [one.status_code for one in results],
        [one.error for one in results],
        [one.response for one in results],
    )
    await tx.execute(
        SQL["settle"],
        workspace_id,
        [one.delivery_id for one in settlements],
        [one.number for one in settlements],
        [one.state for one in settlements],
        [one.due_at for one in settlements],
        now,
    )
    status = "delivered" if results[-1].error is None else "failed"
    came_through = any(one.error is None for one in results)
    failing_since: datetime | None = await tx.fetchval(
        SQL["set_last"], workspace_id, webhook_id, status, now, came_through, silence
    )
    return failing_since


async def prune(tx: Connection, before: datetime, limit: int) -> int:
    """Deletes at most `limit` deliveries made before then, and deleted webhooks without any; answers how many."""
    pruned = affected(await tx.execute(SQL["prune"], before, limit))
    await tx.execute(SQL["prune_webhooks"], before)
    return pruned
