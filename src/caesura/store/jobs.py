"""Ordinary jobs, in pgqueuer's tables: enqueued in the caller's transaction, run by `worker.jobs`."""

from collections.abc import Collection
from datetime import datetime

import msgspec

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("jobs")

WEBHOOK = "webhook"


class WebhookJob(msgspec.Struct, frozen=True):
    """Send what is due to one webhook."""

    workspace_id: int
    webhook_id: int


async def enqueue_webhooks(tx: Connection, webhooks: Collection[tuple[int, int]]) -> None:
    """A job for each (workspace, webhook) that has none waiting or running."""
    if webhooks:
        payloads = [msgspec.json.encode(WebhookJob(*one)) for one in webhooks]
        await tx.execute(SQL["enqueue"], WEBHOOK, payloads, [f"{WEBHOOK}:{one[0]}:{one[1]}" for one in webhooks])


async def prune(tx: Connection, before: datetime) -> None:
    """Forgets what the queue noted of jobs before then."""
    await tx.execute(SQL["prune_log"], before)
    await tx.execute(SQL["prune_statistics"], before)
