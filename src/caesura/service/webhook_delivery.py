"""From the event log to webhooks: events become deliveries, what is due is handed out, and how it went is noted.

A delivery is made in the transaction that moves the workspace's cursor over its event, so each is made once. It is sent
at least once: what was sent and not noted, since the process died, is sent again with the same key and bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from caesura.domain.errors import CaesuraError, Invalid, NotFound, Problem
from caesura.domain.webhook_form import EVERYTHING, Facts, Notice, Parcel, WebhookForm
from caesura.domain.webhook_order import next_attempt, ready
from caesura.service.keyring import Keyring
from caesura.service.webhooks import PURPOSE, must_be_active
from caesura.store import events, jobs
from caesura.store import webhook_delivery as store
from caesura.store import webhooks as webhook_store
from caesura.store.database import Connection, Database
from caesura.store.webhook_delivery import News, Result, Settlement
from caesura.store.webhooks import NewDelivery, WebhookRow

log = structlog.get_logger()

Forms = Mapping[str, WebhookForm]

# Of one workspace's log at a time: so many events, unless they make more deliveries than this.
PAGE = 500
PAGE_DELIVERIES = 2_000
# So many deliveries are looked at for what may go, and so many go at a time.
WINDOW = 500
LOAD = 16
REPLAY = 10_000
KEPT = timedelta(days=30)
# The queue's own notes are of use only to who looks into it while something is wrong.
QUEUE_KEPT = timedelta(days=1)
PRUNED = 5_000
# A webhook to which nothing comes through for so long is disabled; whether it failed in a longer silence, nobody knows.
GIVEN_UP = timedelta(days=5)
SILENCE = timedelta(days=2)
# One that has failed for so long is asked so often whether it is back, and gets all that waits once it is.
FAILING = timedelta(minutes=1)
PROBED = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be sent to one webhook now. `secrets` are those that sign, newest first."""

    workspace_id: int
    webhook_id: int
    dialect: str
    url: str
    secrets: Sequence[str] = field(repr=False)
    parcels: Sequence[Parcel]


async def fan_out(database: Database, forms: Forms, now: datetime) -> int:
    """Makes deliveries of what happened, a page for each workspace with webhooks; answers of how many events, 0 when

    there is nothing left. Safe to call from any number of processes at once, as often as one likes.
    """
    async with database.connection() as tx:
        workspaces = await store.behind(tx)
    told = 0
    for workspace_id in workspaces:
        advance = partial(_advance, forms=forms, workspace_id=workspace_id, now=now)
        try:
            told += await database.run(advance)
        except CaesuraError:
            raise
        except Exception:
            # Such as a webhook of a door that only a newer server has. It waits, and the other workspaces do not.
            log.exception("webhooks_stuck", workspace_id=workspace_id)
    return told


async def enqueue_due(database: Database, now: datetime) -> int:
    """A job for each webhook to which something is to be sent now, unless it has one; answers for how many."""

    async def work(tx: Connection) -> int:
        webhooks = await store.due(tx, now)
        await jobs.enqueue_webhooks(tx, webhooks)
        return len(webhooks)

    return await database.run(work)


async def prune(database: Database, now: datetime) -> None:
    """Forgets deliveries after 30 days, with their attempts, and what the queue noted after a day."""
    while await database.run(lambda tx: store.prune(tx, now - KEPT, PRUNED)) == PRUNED:
        pass
    await database.run(lambda tx: jobs.prune(tx, now - QUEUE_KEPT))


async def replay(
    database: Database,
    form: WebhookForm,
    workspace_id: int,
    webhook_id: int,
    event_ids: Sequence[int] | None,
    span: tuple[datetime, datetime] | None,
    now: datetime,
) -> int:
    """Tells a webhook of events out of the log, by their ids or by a span of time (its end not in it), once more or

    for the first time; only of those that it is subscribed to. Answers how many deliveries that makes.

    Raises NotFound `webhook_not_found`, `event_not_found`; Conflict `webhook_disabled`; Invalid `range_too_large`,
    `range_reversed`.
    """
    if span is not None and span[0] > span[1]:
        raise Invalid.of(Problem("range_reversed", "this must not be before since", pointer="/until"))

    async def work(tx: Connection) -> int:
        row = await webhook_store.lock(tx, workspace_id, form.dialect, webhook_id)
        if row is None:
            raise NotFound("webhook_not_found", "there is no such webhook in this workspace")
        must_be_active(row)
        found = await _chosen(tx, workspace_id, event_ids, span)
        facts = await store.facts(tx, workspace_id, [one.event for one in found])
        deliveries = _deliveries(form, row, _notices(form, found, facts))
        await webhook_store.add_deliveries(tx, workspace_id, deliveries, now)
        await jobs.enqueue_webhooks(tx, [(workspace_id, webhook_id)])
        return len(deliveries)

    return await database.run(work)


async def take(
    database: Database, keyring: Keyring, workspace_id: int, webhook_id: int, now: datetime, limit: int = LOAD
) -> Work | None:
    """What is to be sent to a webhook now, at most `limit` requests; None when there is nothing.

    It changes nothing: the webhook's job, of which there is one at a time, keeps others away. While a webhook fails for
    longer than a minute, there is one request a second, so that a dead receiver costs little however much waits for it.
    """
    async with database.connection() as tx:
        row = await store.webhook(tx, workspace_id, webhook_id)
        if row is None:
            return None
        if row.failing_since is not None and now - row.failing_since > FAILING:
            if row.last_at is not None and timedelta() <= now - row.last_at < PROBED:
                return None
            limit = 1
        chosen = ready(await store.first(tx, workspace_id, webhook_id, WINDOW), now)[:limit]
        if len(chosen) < limit:
            chosen += await store.later(tx, workspace_id, webhook_id, now, limit - len(chosen))
        parcels = await store.parcels(tx, workspace_id, chosen) if chosen else []
    if not parcels:
        return None
    sealed = [row.secret]
    if row.previous_until is not None and now < row.previous_until:
        sealed.append(row.previous_secret)
    return Work(
        workspace_id,
        webhook_id,
        row.dialect,
        row.url,
        [keyring.open(workspace_id, str(webhook_id), one, PURPOSE) for one in sealed if one is not None],
        [
            Parcel(workspace_id, webhook_id, one.id, one.key, one.name, one.body, one.attempts + 1, row.extra)
            for one in parcels
        ],
    )


async def note(
    database: Database, form: WebhookForm, workspace_id: int, webhook_id: int, results: Sequence[Result], now: datetime
) -> None:
    """Writes down how attempts went: when the next ones are, or that there are none.

    Disables the webhook when it answers that it wants no more, and after five days of nothing but failures.
    """
    settlements = [_settlement(form, one, now) for one in results]
    unsubscribes = any(one.status_code in form.unsubscribing for one in results)

    async def work(tx: Connection) -> None:
        failing_since = await store.note(tx, workspace_id, webhook_id, results, settlements, SILENCE, now)
        data: dict[str, Any] = {"webhook_id": webhook_id}
        if unsubscribes:
            data["cause"] = "unsubscribed"
        elif failing_since is not None and now - failing_since >= GIVEN_UP:
            data |= {"cause": "failing", "failing_since": failing_since}
        else:
            return
        if await webhook_store.disable(tx, workspace_id, webhook_id, data["cause"], now):
            await events.append(tx, workspace_id, now, "engine", [events.Entry("webhook.disabled", data=data)])

    await database.run(work)


async def _advance(tx: Connection, forms: Forms, workspace_id: int, now: datetime) -> int:
    """One page of one workspace; answers how many events that were."""
    cursor = await store.lock_cursor(tx, workspace_id)
    webhooks = await store.active(tx, workspace_id)
    if cursor is None or not webhooks:
        return 0
    # What happened while nobody listened is told to nobody.
    start = max(cursor, (min(row.begins for row in webhooks), 0))
    page = min(PAGE, max(1, PAGE_DELIVERIES // len(webhooks)))
    found = await store.news(tx, workspace_id, start, page)
    if not found:
        if start > cursor:
            await store.move_cursor(tx, workspace_id, start)
        return 0
    facts = await store.facts(tx, workspace_id, [one.event for one in found])
    told = {
        dialect: _notices(forms[dialect], found, facts) for dialect in {row.dialect for row in webhooks} & forms.keys()
    }
    deliveries = [
        delivery
        for row in webhooks
        for delivery in _deliveries(
            forms[row.dialect], row, [one for one in told.get(row.dialect, ()) if one[0] > row.begins]
        )
    ]
    await webhook_store.add_deliveries(tx, workspace_id, deliveries, now)
    await jobs.enqueue_webhooks(tx, {(workspace_id, one.webhook_id) for one in deliveries})
    await store.move_cursor(tx, workspace_id, (found[-1].transaction_id, found[-1].event.id))
    return len(found)


def _notices(form: WebhookForm, found: Sequence[News], facts: Facts) -> list[tuple[int, Notice]]:
    """What a door tells of events, each with the transaction that it was in."""
    notices = []
    for one in found:
        event = one.event
        try:
            translated = form.translate(event, facts)
        except Exception:
            # One event that a door cannot put into words must not keep back all that come after it.
            log.exception("event_untranslatable", dialect=form.dialect, event_id=event.id, kind=event.kind)
            continue
        for number, (name, data) in enumerate(translated):
            key = f"evt_{event.id}_{number}" if number else f"evt_{event.id}"
            place = (event.at, event.id, event.campaign_id, event.enrollment_id)
            notices.append((one.transaction_id, Notice(event.workspace_id, key, name, data, *place)))
    return notices


def _deliveries(form: WebhookForm, row: WebhookRow, notices: Sequence[tuple[int, Notice]]) -> list[NewDelivery]:
    """Requests to one webhook, of what it is subscribed to."""
    wanted = form.names if EVERYTHING in row.events else row.events
    made = []
    for group in _groups([one for _, one in notices if one.name in wanted], form.batch):
        first = group[0]
        event_ids = [one.event_id for one in group if one.event_id is not None]
        try:
            body = form.body(group)
        except Exception:
            log.exception("event_untranslatable", dialect=form.dialect, event_ids=event_ids, kind=first.name)
            continue
        lead = first.enrollment_id if len(group) == 1 else None
        made.append(NewDelivery(row.id, first.key, first.name, event_ids, first.campaign_id, lead, body))
    return made


def _groups(notices: Sequence[Notice], size: int) -> list[list[Notice]]:
    """Notices of one event and campaign together, at most `size`, in the order of the first of each."""
    groups: list[list[Notice]] = []
    open_groups: dict[tuple[str, int | None], list[Notice]] = {}
    for notice in notices:
        place = (notice.name, notice.campaign_id)
        group = open_groups.get(place)
        if group is None or len(group) >= size:
            group = open_groups[place] = []
            groups.append(group)
        group.append(notice)
    return groups


async def _chosen(
    tx: Connection, workspace_id: int, event_ids: Sequence[int] | None, span: tuple[datetime, datetime] | None
) -> list[News]:
    if event_ids is not None:
        found = await store.named(tx, workspace_id, event_ids)
        missing = set(event_ids) - {one.event.id for one in found}
        if missing:
            raise NotFound("event_not_found", "there is no such event in this workspace")
        return found
    assert span is not None
    found = await store.between(tx, workspace_id, *span, REPLAY + 1)
    if len(found) > REPLAY:
        detail = f"that would be more than {REPLAY} events: take a shorter range"
        raise Invalid.of(Problem("range_too_large", detail, pointer="/until"))
    return found


def _settlement(form: WebhookForm, result: Result, now: datetime) -> Settlement:
    if result.error is None:
        return Settlement(result.delivery_id, result.number, "delivered", None)
    due_at = next_attempt(form.retries, result.delivery_id, result.number, result.retry_after, now)
    return Settlement(result.delivery_id, result.number, "failed" if due_at is None else "pending", due_at)
