"""Mark: the only gate to the wire, and why a pause is a barrier (G1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from caesura.domain.lifecycle import CampaignState, EnrollmentState
from caesura.domain.pacing import CampaignLimits, Load, WaitUntil, decide, spend, spend_campaign
from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.domain.reasons import Reason
from caesura.domain.sequence import Plan, SetAside
from caesura.service.plans import Plans, begun
from caesura.service.sending import copies
from caesura.service.sending.effects import apply, campaign_room, gap_identity, load_of
from caesura.store import sending as store
from caesura.store.database import Connection, Database
from caesura.store.sending import BehindGate, Claimed, Marked, Pace, Wanted


@dataclass(frozen=True, slots=True)
class MarkAnswer:
    """What passed the gate, and for the others the reason by enrollment. They are given back or set aside already.

    `left_out`: the addresses that a message must not go to as a copy, by enrollment.
    """

    marked: tuple[Marked, ...] = ()
    refused: Mapping[int, str] = field(default_factory=dict)
    left_out: Mapping[int, frozenset[str]] = field(default_factory=dict)


async def mark(
    database: Database,
    plans: Plans,
    plan: CampaignPlan,
    wanted: Sequence[Wanted],
    worker: str,
    lease_seconds: float,
    now: datetime,
) -> MarkAnswer:
    """The gate: of these composed messages, those that may go to the wire now are `sending` when this returns.

    1. Passes the workspace's gate, in company of other marks. Whoever pauses, holds, suppresses or edits takes the
       gate alone, so that each mark comes wholly before it or wholly after.
    2. Reads, behind the gate, the campaign, every hold, the suppressions, and the load of what is paced.
    3. Marks what all of them allow, and gives back or sets aside the rest.
    """
    lease_until = now + timedelta(seconds=lease_seconds)

    async def work(tx: Connection) -> MarkAnswer:
        found = await store.behind_gate(tx, plan.workspace_id, plan.campaign_id, wanted)
        shut = _shut(plan, found)
        if found is None or shut is not None:
            await _return(tx, plan, wanted, worker, now)
            return MarkAnswer(refused={one.claimed.enrollment_id: shut or "campaign_gone" for one in wanted})
        allowed, refused = await _unblocked(tx, plan, found, wanted, worker, now)
        left_out: Mapping[int, frozenset[str]] = {}
        if plan.copies:
            allowed, left_out, held = await copies.check(tx, plan, allowed, worker, now)
            refused |= held
        limits = begun(plan.limits, found.started_at, found.clock_offset.days, now)
        allowed, over_quota = await _within_quota(tx, plan, limits, allowed, now)
        mailboxes = await plans.mailboxes(tx, plan.workspace_id, found.mailboxes)
        paces = await store.lock_paces(
            tx, plan.workspace_id, sorted(key for key, mailbox in mailboxes.items() if mailbox.is_paced)
        )
        allowed, over_pace = _within_pace(allowed, mailboxes, paces, now)
        marked = await store.mark(tx, plan.workspace_id, plan.campaign_id, allowed, worker, now, lease_until)
        await _spend(tx, plan, allowed, marked, mailboxes, paces, lease_until, now)
        if plan.copies:
            await copies.begin(tx, plan, marked, left_out)
        passed = {one.enrollment_id for one in marked}
        for enrollment_id, reason in over_quota + over_pace:
            refused[enrollment_id] = reason
        lost = [one for one in allowed if one.claimed.enrollment_id not in passed]
        refused |= await _explain_lost(tx, plan, lost, worker, now)
        await _return(tx, plan, [one for one in wanted if one.claimed.enrollment_id not in passed], worker, now)
        return MarkAnswer(tuple(marked), refused, left_out)

    if not wanted:
        return MarkAnswer()
    return await database.run(work, opening=store.entering_gate(plan.workspace_id))


async def _explain_lost(
    tx: Connection, plan: CampaignPlan, lost: Sequence[Wanted], worker: str, now: datetime
) -> dict[int, str]:
    """Why the ledger took no message for these: a lost lease, or a step that is there already (a person must look)."""
    if not lost:
        return {}
    there = await store.already_there(tx, plan.workspace_id, lost)
    conflicts: list[tuple[Claimed, Plan]] = [
        (one.claimed, SetAside(EnrollmentState.HELD, "ledger_conflict"))
        for one in lost
        if one.claimed.enrollment_id in there
    ]
    await apply(tx, plan, conflicts, worker, now)
    return {
        one.claimed.enrollment_id: "ledger_conflict" if one.claimed.enrollment_id in there else "lease_lost"
        for one in lost
    }


def _shut(plan: CampaignPlan, found: BehindGate | None) -> str | None:
    """Why nothing of the campaign may pass, or None."""
    if found is None or found.status != CampaignState.RUNNING:
        return f"campaign_{found.status}" if found else "campaign_gone"
    if found.archived:
        return Reason.CAMPAIGN_ARCHIVED
    if "workspace:" in found.holds:
        return Reason.WORKSPACE_HOLD
    if f"campaign:{plan.campaign_id}" in found.holds:
        return Reason.CAMPAIGN_HOLD
    # Composed from content that has been edited since: to be composed anew.
    return "edited" if found.version != plan.version else None


async def _return(tx: Connection, plan: CampaignPlan, wanted: Sequence[Wanted], worker: str, now: datetime) -> None:
    back = [(one.claimed.enrollment_id, one.claimed.step, None, None) for one in wanted]
    await store.give_back(tx, plan.workspace_id, plan.campaign_id, worker, back, now)


async def _unblocked(
    tx: Connection, plan: CampaignPlan, found: BehindGate, wanted: Sequence[Wanted], worker: str, now: datetime
) -> tuple[list[Wanted], dict[int, str]]:
    """Those that no hold or suppression keeps back; leads that met one are set aside, which its release undoes."""
    allowed: list[Wanted] = []
    refused: dict[int, str] = {}
    aside: list[tuple[Claimed, Plan]] = []
    for one in wanted:
        reason = _blocked_by(one, found)
        if reason is None and one.closes_at is not None and one.closes_at <= now:
            reason = Reason.OUTSIDE_WINDOW
        if reason is None:
            allowed.append(one)
            continue
        refused[one.claimed.enrollment_id] = reason
        if reason is Reason.SUPPRESSED:
            aside.append((one.claimed, SetAside(EnrollmentState.STOPPED, reason)))
        elif reason in (Reason.DOMAIN_HOLD, Reason.LEAD_HOLD):
            aside.append((one.claimed, SetAside(EnrollmentState.HELD, reason)))
    if aside:
        await apply(tx, plan, aside, worker, now)
    return allowed, refused


def _blocked_by(one: Wanted, found: BehindGate) -> Reason | None:
    claimed = one.claimed
    if f"address:{claimed.address_key}" in found.suppressions or f"domain:{claimed.domain}" in found.suppressions:
        return Reason.SUPPRESSED
    if f"lead:{claimed.lead_id}" in found.holds:
        return Reason.LEAD_HOLD
    if f"domain:{claimed.domain}" in found.holds:
        return Reason.DOMAIN_HOLD
    return Reason.MAILBOX_HOLD if f"mailbox:{one.mailbox_id}" in found.holds else None


async def _within_quota(
    tx: Connection, plan: CampaignPlan, limits: CampaignLimits, wanted: list[Wanted], now: datetime
) -> tuple[list[Wanted], list[tuple[int, str]]]:
    """Those that the campaign's own window, quotas and gap have room for, follow-ups first."""
    room = await campaign_room(tx, plan, limits, now, lock=True)
    if isinstance(room, WaitUntil):
        return [], [(one.claimed.enrollment_id, room.reason) for one in wanted]
    allowed: list[Wanted] = []
    refused: list[tuple[int, str]] = []
    openings = 0
    for one in sorted(wanted, key=lambda one: one.claimed.mailbox_id is None):
        is_opening = one.claimed.mailbox_id is None
        if is_opening and room.openings is not None and openings >= room.openings:
            refused.append((one.claimed.enrollment_id, Reason.CAMPAIGN_DAILY_NEW))
        elif room.total is not None and len(allowed) >= room.total:
            reason = Reason.CAMPAIGN_GAP if limits.gap_seconds else Reason.CAMPAIGN_DAILY_TOTAL
            refused.append((one.claimed.enrollment_id, reason))
        else:
            allowed.append(one)
            openings += is_opening
    return allowed, refused


def _within_pace(
    wanted: Sequence[Wanted], mailboxes: Mapping[int, MailboxPlan], paces: Mapping[int, Pace], now: datetime
) -> tuple[list[Wanted], list[tuple[int, str]]]:
    """Those that their mailboxes have room for at this instant."""
    rooms: dict[int, tuple[int | None, str]] = {}
    for mailbox_id, mailbox in mailboxes.items():
        pace = paces.get(mailbox_id)
        answer = decide(now, mailbox.window, mailbox.limits.zone, mailbox.limits, load_of(pace) if pace else Load())
        if isinstance(answer, WaitUntil):
            rooms[mailbox_id] = (0, answer.reason)
        elif pace is not None and pace.busy_until is not None and pace.busy_until > now:
            rooms[mailbox_id] = (0, Reason.GAP)
        else:
            rooms[mailbox_id] = (answer.room, Reason.GAP if mailbox.is_gapped else Reason.RATE)
    allowed: list[Wanted] = []
    refused: list[tuple[int, str]] = []
    for one in wanted:
        room, reason = rooms.get(one.mailbox_id, (0, Reason.NO_USABLE_MAILBOX))
        if one.mailbox_id in mailboxes and one.mailbox_version != mailboxes[one.mailbox_id].version:
            # Composed for a mailbox that has been edited since: to be composed anew.
            room, reason = 0, "edited"
        if room == 0:
            refused.append((one.claimed.enrollment_id, reason))
            continue
        if room is not None:
            rooms[one.mailbox_id] = (room - 1, reason)
        allowed.append(one)
    return allowed, refused


async def _spend(
    tx: Connection,
    plan: CampaignPlan,
    allowed: Sequence[Wanted],
    marked: Sequence[Marked],
    mailboxes: Mapping[int, MailboxPlan],
    paces: Mapping[int, Pace],
    lease_until: datetime,
    now: datetime,
) -> None:
    """Writes down what the marked messages use of their mailboxes' and the campaign's limits."""
    passed = {one.enrollment_id for one in marked}
    counts: dict[int, int] = {}
    openings = 0
    for one in allowed:
        if one.claimed.enrollment_id in passed:
            counts[one.mailbox_id] = counts.get(one.mailbox_id, 0) + 1
            openings += one.claimed.mailbox_id is None
    changed: list[Pace] = []
    for mailbox_id, pace in paces.items():
        count = counts.get(mailbox_id, 0)
        if count:
            mailbox = mailboxes[mailbox_id]
            load = spend(now, mailbox.limits, load_of(pace), count, *gap_identity(mailbox_id, now))
            busy_until = lease_until if mailbox.is_gapped else None
            changed.append(replace(pace, day=load.day, used=load.used, ready_at=load.ready_at, busy_until=busy_until))
    await store.save_paces(tx, plan.workspace_id, changed)
    if marked and plan.is_paced:
        key = (tx, plan.workspace_id, plan.campaign_id)
        load = Load(*await store.campaign_load(*key, lock=True))
        after = spend_campaign(now, plan.limits, load, len(marked), openings)
        await store.save_campaign_load(*key, after.day, after.used, after.opened, after.ready_at)
