"""What happens by itself: parked leads fall due, campaigns start, resume, complete and fall quiet at their time."""

from contextlib import suppress
from datetime import datetime

from caesura.domain.errors import CaesuraError, Conflict, Invalid
from caesura.service import bounces, campaigns, definitions, idempotency
from caesura.store import bounces as bounce_store
from caesura.store import campaigns as store
from caesura.store import events
from caesura.store import sending as sending_store
from caesura.store.database import Connection, Database

PARKED = 5_000


async def unpark(database: Database, now: datetime) -> int:
    """Parked enrollments whose time has come are due again, at most 5,000; answers how many."""
    return await database.run(lambda tx: sending_store.unpark(tx, now, PARKED))


async def wake(database: Database, now: datetime) -> int:
    """Enrollments that an edit of windows or dates concerns are due again, at most 5,000; answers how many."""
    return await database.run(lambda tx: sending_store.wake(tx, now, PARKED))


async def tick(database: Database, now: datetime) -> None:
    """Everything that a time has come for. Safe to call from any number of processes at once, as often as one likes."""
    await unpark(database, now)
    await wake(database, now)
    await idempotency.prune(database, now)
    async with database.connection() as connection:
        timed = await store.due_by_themselves(connection, now)
        unquiet = await store.unquiet(connection)
        exhausted = await store.exhausted(connection)
        bounced = await bounce_store.fresh(connection)
    for workspace_id, campaign_id in bounced:
        await bounces.check(database, workspace_id, campaign_id, now)
    for workspace_id, campaign_id, status in timed:
        if status == "paused":
            await campaigns.resume_due(database, workspace_id, campaign_id, now)
        else:
            await _start(database, workspace_id, campaign_id, now)
    for workspace_id, campaign_id in unquiet:
        await campaigns.quiesce(database, workspace_id, campaign_id, now)
    for workspace_id, campaign_id in exhausted:
        await campaigns.complete(database, workspace_id, campaign_id, now)


async def _start(database: Database, workspace_id: int, campaign_id: int, now: datetime) -> None:
    try:
        await definitions.start(database, workspace_id, campaign_id, "engine", now, cause="scheduled", is_planned=True)
    except Conflict:
        return  # another was faster, or it is no longer scheduled, or for later
    except Invalid as error:
        with suppress(Conflict):  # another was faster
            await _back_to_draft(database, workspace_id, campaign_id, error, now)


async def _back_to_draft(
    database: Database, workspace_id: int, campaign_id: int, error: CaesuraError, now: datetime
) -> None:
    """A planned start that the preflight refuses: a draft again, with an event that says why."""
    await campaigns.unschedule(database, workspace_id, campaign_id, "engine", now)

    async def work(tx: Connection) -> None:
        data = {"code": error.code, "detail": error.detail}
        await events.append(
            tx, workspace_id, now, "engine", [events.Entry("campaign.start_refused", campaign_id, data=data)]
        )

    await database.run(work)
