"""What resuming a campaign now would do, without doing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from caesura.domain import campaign_time
from caesura.domain.errors import NotFound
from caesura.domain.forecast import DAYS, Day, Used, forecast
from caesura.service.plans import Plans, begun
from caesura.store import campaigns, mailboxes, sending
from caesura.store.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Preview:
    """`overdue` enrollments would be due at once; `days` is the forecast; `not_sent` counts the held ones by cause."""

    overdue: int
    days: Sequence[Day]
    not_sent: Sequence[tuple[str, int]]


async def preview(database: Database, plans: Plans, workspace_id: int, campaign_id: int, now: datetime) -> Preview:
    """What a resume at `now` would bring, over at most 14 days. Changes nothing. Raises NotFound."""

    async def work(tx: Connection) -> Preview:
        row = await campaigns.get(tx, workspace_id, campaign_id)
        if row is None:
            raise NotFound("campaign_not_found", "there is no such campaign")
        plan = await plans.campaign(tx, workspace_id, campaign_id)
        clock = campaign_time.resume(row.clock, now)
        due_now = campaign_time.campaign_now(clock, now)
        hours = await campaigns.due_by_hour(tx, workspace_id, campaign_id, due_now, due_now + timedelta(days=DAYS))
        pool = await mailboxes.get_pool(tx, workspace_id, row.pool_id) if row.pool_id is not None else None
        usable = await plans.mailboxes_by_id(tx, workspace_id, pool.mailbox_ids if pool else [])
        held = await campaigns.held_by_cause(tx, workspace_id, campaign_id)
        due = [(campaign_time.to_real(clock, hour), count) for hour, count, _ in hours]
        limits = begun(plan.limits, row.started_at, clock.offset.days, now)
        day, count, _ = await sending.campaign_load(tx, workspace_id, campaign_id, lock=False)
        paces = await mailboxes.paces(tx, workspace_id, list(usable))
        used = Used((day, count), {pace.mailbox_id: (pace.day, pace.used) for pace in paces})
        days = forecast(due, list(usable.values()), limits, plan.window, plan.zone, now, used)
        overdue = await campaigns.overdue_count(tx, workspace_id, campaign_id, due_now)
        return Preview(overdue, days, held)

    return await database.run(work)
