"""What claim, mark and record share: the campaign's quotas and gap, a mailbox's load, and effects on enrollments."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from caesura.domain.pacing import CampaignLimits, CampaignRoom, Load, WaitUntil, decide_campaign, jitter
from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.domain.reasons import Reason
from caesura.domain.sequence import Finish, Go, Next, Park, PassOver, Plan, SetAside, after_step
from caesura.domain.windows import Window
from caesura.store import events, recovery
from caesura.store import sending as store
from caesura.store.database import Connection
from caesura.store.sending import Claimed, Pace, ReadyMailbox

ALWAYS = Window(())


async def campaign_room(
    tx: Connection, plan: CampaignPlan, limits: CampaignLimits, now: datetime, lock: bool = False
) -> CampaignRoom | WaitUntil:
    """What the campaign's own window, quotas and gap leave; `lock` keeps what it has used for this transaction."""
    key = (plan.workspace_id, plan.campaign_id)
    load = Load(*await store.campaign_load(tx, *key, lock)) if plan.is_paced else Load()
    room = decide_campaign(now, ALWAYS if plan.is_windowed_by_lead else plan.window, plan.zone, limits, load)
    if limits.gap_seconds and isinstance(room, CampaignRoom) and await store.is_in_transit(tx, *key):
        # The gap counts from the end of a message, so it is not over before this one's has come.
        return WaitUntil(now + timedelta(seconds=limits.gap_seconds), Reason.CAMPAIGN_GAP)
    return room


def campaign_ready_after(plan: CampaignPlan, now: datetime) -> datetime | None:
    """When the gap is over of a campaign whose message came to its end at `now`; None where it keeps no gap."""
    gap = plan.limits.gap_seconds
    return now + timedelta(seconds=gap) if gap else None


def load_of(row: ReadyMailbox | Pace) -> Load:
    """A mailbox's load row in the form that pacing asks for."""
    return Load(row.day, row.used, 0, row.ready_at)


def ready_after(mailbox: MailboxPlan, now: datetime) -> datetime | None:
    """When the gap is over of a mailbox whose message came to its end at `now`; None where it keeps no gap."""
    limits = mailbox.limits
    gap = limits.gap_seconds + limits.jitter_seconds * jitter(*gap_identity(mailbox.mailbox_id, now))
    return now + timedelta(seconds=gap) if mailbox.is_gapped else None


def gap_identity(mailbox_id: int, now: datetime) -> tuple[str | int, ...]:
    """What the jitter of a gap is drawn from: new at each mark, the same when the plan is reckoned again."""
    return ("gap", mailbox_id, now.isoformat())


async def apply(
    tx: Connection, plan: CampaignPlan, effects: Sequence[tuple[Claimed, Plan]], worker: str, now: datetime
) -> None:
    """Writes what is not sent: every case of Plan but Go."""
    parked: list[tuple[int, int, datetime | None, str | None]] = []
    passed: list[tuple[int, int, str]] = []
    moves: list[tuple[int, int, Next, int | None]] = []
    aside: list[tuple[int, int, str, str]] = []
    for one, effect in effects:
        match effect:
            case Park():
                parked.append((one.enrollment_id, one.step, effect.until, effect.reason))
            case PassOver():
                passed.append((one.enrollment_id, one.step, effect.cause))
                moves.append((one.enrollment_id, one.step, after_step(one.step, plan.rules), None))
            case Finish():
                moves.append((one.enrollment_id, one.step, after_step(one.step, plan.rules), None))
            case SetAside():
                aside.append((one.enrollment_id, one.step, effect.state, effect.cause))
            case Go():
                raise AssertionError("what goes is not applied")
    key = (tx, plan.workspace_id, plan.campaign_id)
    await store.give_back(*key, worker, parked, now, plan.timing)
    skipped = await store.pass_over(*key, worker, passed, now)
    moved = await store.advance(*key, moves, now)
    held = await store.set_aside(tx, plan.workspace_id, worker, aside, now)
    entries = [
        entry(plan, "message.skipped", row["enrollment_id"], row["lead_id"], row["step"], cause=row["cause"])
        for row in skipped
    ]
    entries += [
        entry(plan, "enrollment.finished", row["id"], row["lead_id"], None)
        for row in moved
        if row["state"] == "finished"
    ]
    entries += [
        entry(plan, f"enrollment.{row['state']}", row["id"], row["lead_id"], row["step"], cause=row["cause"])
        for row in held
    ]
    entries += await abandon(tx, plan, [row["id"] for row in held if row["state"] == "stopped"], now)
    await events.append(tx, plan.workspace_id, now, f"worker:{worker}", entries)


async def abandon(
    tx: Connection, plan: CampaignPlan, enrollment_ids: Sequence[int], now: datetime
) -> list[events.Entry]:
    """Cancels what would be tried again of leads that were taken out, or of a stopped campaign; entries to append."""
    rows = await recovery.cancel_abandoned(tx, plan.workspace_id, enrollment_ids, now)
    return [
        entry(plan, "message.cancelled", row["enrollment_id"], row["lead_id"], row["step"], cause=row["cause"])
        for row in rows
    ]


def entry(
    plan: CampaignPlan, kind: str, enrollment_id: int, lead_id: int, step: int | None, **data: Any
) -> events.Entry:
    """An entry of the log about one enrollment; `data` is what else there is to say."""
    return events.Entry(kind, plan.campaign_id, enrollment_id, step, None, lead_id, data)
