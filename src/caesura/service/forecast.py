"""What resuming a campaign now would do, without doing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from caesura.domain import campaign_time
from caesura.domain.errors import NotFound
from caesura.domain.forecast import DAYS, Day, Due, Used, forecast
from caesura.service.plans import Plans, begun
from caesura.store import campaigns, mailboxes, sending
from caesura.store.database import Connection, Database

# What a resume does with what fell due in the pause, where it does not send it.
_ASIDE = {"skip": "overdue_skipped", "review": "overdue_review"}


@dataclass(frozen=True, slots=True)
class Preview:
    """`due` enrollments would be due at once, `overdue` of them fell due in the pause; `days` is the forecast.

    `not_sent` counts by cause what is held, and what fell due in the pause where that is not sent.
    """

    due: int
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
        paused_at = row.overdue_since[-1] if len(row.overdue_since) > len(row.overdue_until) else None
        due, overdue = await campaigns.due_count(tx, workspace_id, campaign_id, due_now, paused_at)
        aside = _ASIDE.get(row.on_overdue)
        hours = await campaigns.due_by_hour(
            tx, workspace_id, campaign_id, due_now, due_now + timedelta(days=DAYS), paused_at if aside else None
        )
        pool = await mailboxes.get_pool(tx, workspace_id, row.pool_id) if row.pool_id is not None else None
        usable = await plans.mailboxes(tx, workspace_id, await mailboxes.usable_versions(tx, workspace_id, pool))
        held = await campaigns.held_by_cause(tx, workspace_id, campaign_id)
        falling = [
            Due(is_opening, campaign_time.to_real(clock, hour), step, count) for hour, step, is_opening, count in hours
        ]
        limits = begun(plan.limits, row.started_at, clock.offset.days, now)
        day, count, opened, _ = await sending.campaign_load(tx, workspace_id, campaign_id, lock=False)
        paces = await mailboxes.paces(tx, workspace_id, list(usable))
        used = Used((day, count), {pace.mailbox_id: (pace.day, pace.used) for pace in paces}, opened)
        days = forecast(falling, plan.rules, list(usable.values()), limits, plan.window, plan.zone, now, used)
        if aside and overdue:
            held = [*held, (aside, overdue)]
        return Preview(due, overdue, days, held)

    return await database.run(work)
