"""Record: what became of marked messages, in the ledger, and where their leads stand now."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from caesura.domain.delivery import Delivery, Judgement, Kind, judge
from caesura.domain.lifecycle import EnrollmentState, MessageState
from caesura.domain.plan import CampaignPlan
from caesura.domain.sequence import Advance, GiveBack, Next, Park, SetAside, after_step
from caesura.domain.windows import local_day
from caesura.service.plans import Plans
from caesura.service.sending import copies
from caesura.service.sending.effects import abandon, campaign_ready_after, entry, ready_after
from caesura.service.sending.settlement import settle_answered
from caesura.store import bounces, enrollments, events, recovery
from caesura.store import sending as store
from caesura.store.database import Connection, Database
from caesura.store.sending import Settlement

# What a server has, or may have.
_TAKEN = frozenset({MessageState.SENT, MessageState.UNKNOWN})


async def record(
    database: Database,
    plans: Plans,
    plan: CampaignPlan,
    deliveries: Sequence[Delivery],
    worker: str,
    now: datetime,
) -> None:
    """Writes what became of marked messages and moves their leads on.

    An outcome of an attempt that is no longer this worker's changes nothing, but for one case: an unknown message is
    settled by the late word of the very worker that sent it. Where that word is that it was not taken, it counts only
    while the lead is held for it: the lead then goes on from the same step.
    """
    judged = {(one.enrollment_id, one.step): (one, judge(one, plan.hold_unknown, now)) for one in deliveries}

    async def work(tx: Connection) -> None:
        rows = await store.settle(
            tx,
            plan.workspace_id,
            plan.campaign_id,
            [_settlement(one, judgement) for one, judgement in judged.values()],
            worker,
            now,
        )
        if not rows:
            return
        taken = [judged[(row["enrollment_id"], row["step"])] for row in rows]
        # Where a lead goes from here is for the present content to say: it may have more steps than at the mark.
        present = await plans.campaign(tx, plan.workspace_id, plan.campaign_id, rows[0]["version"])
        moved = await _follow(tx, present, taken, worker, now)
        await _refund(tx, plans, plan, present, taken, [row["marked_at"] for row in rows], now)
        entries = _entries(rows, taken, await copies.settle(tx, plan, taken) if plan.copies else {})
        put_off = [one.enrollment_id for one, judgement in taken if judgement.state is MessageState.DEFERRED]
        entries += await abandon(tx, plan, put_off, now)
        await events.append(tx, plan.workspace_id, now, f"worker:{worker}", moved + entries)
        lost = [(one.enrollment_id, one.step) for one, judgement in taken if judgement.state is MessageState.UNKNOWN]
        await settle_answered(tx, plans, plan.workspace_id, lost, now)
        refused = [row["marked_at"] for row in rows if row["state"] == MessageState.REJECTED]
        await bounces.count(tx, plan.workspace_id, plan.campaign_id, refused)  # the last lock: see there

    if judged:
        await database.run(work)


def mailboxes_to_hold(
    plan: CampaignPlan, deliveries: Sequence[Delivery], now: datetime
) -> dict[int, tuple[str, Delivery]]:
    """The mailboxes that these outcomes blame, with the cause. Hold them before recording: it fails closed."""
    blamed: dict[int, tuple[str, Delivery]] = {}
    for one in deliveries:
        cause = judge(one, plan.hold_unknown, now).mailbox_hold
        if cause:
            blamed.setdefault(one.mailbox_id, (cause, one))
    return blamed


def _settlement(one: Delivery, judgement: Judgement) -> Settlement:
    text = one.text[:500] if one.text else None
    return Settlement(
        one.enrollment_id, one.step, one.attempt, judgement.state, judgement.cause, judgement.refused, one.stage,
        one.code, text,
    )  # fmt: skip


def _entries(
    rows: Sequence[dict[str, Any]],
    taken: Sequence[tuple[Delivery, Judgement]],
    copied: Mapping[int, Mapping[str, Sequence[str]]] = MappingProxyType({}),
) -> list[events.Entry]:
    return [
        events.Entry(
            f"message.{judgement.state}",
            row["campaign_id"],
            row["enrollment_id"],
            row["step"],
            row["mailbox_id"],
            row["lead_id"],
            _facts(one, judgement, copied.get(one.enrollment_id)),
        )
        for row, (one, judgement) in zip(rows, taken, strict=True)
    ]


def _facts(one: Delivery, judgement: Judgement, copied: Mapping[str, Sequence[str]] | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"attempt": one.attempt, "cause": judgement.cause}
    facts |= {"code": one.code, "enhanced": one.enhanced, "copies": copied}
    return {name: value for name, value in facts.items() if value is not None}


async def _refund(
    tx: Connection,
    plans: Plans,
    plan: CampaignPlan,
    present: CampaignPlan,
    judged: Sequence[tuple[Delivery, Judgement]],
    marked_at: Sequence[datetime],
    now: datetime,
) -> None:
    """Gives back what was not taken by a server, on the day that it was counted, and lets gaps count from now.

    `plan` is what it was counted by, `present` the campaign as it is now.
    """
    mailboxes = await plans.mailboxes_by_id(tx, plan.workspace_id, {one.mailbox_id for one, _ in judged})
    refunds = []
    for mailbox_id, mailbox in sorted(mailboxes.items()):
        if mailbox.is_paced:
            own = [pair for pair in zip(judged, marked_at, strict=True) if pair[0][0].mailbox_id == mailbox_id]
            day, lost = _places(own, mailbox.limits.zone)
            refunds.append((mailbox_id, day, len(lost), ready_after(mailbox, now)))
    ready_at = campaign_ready_after(present, now)
    if judged and (plan.is_paced or ready_at is not None):
        every = list(zip(judged, marked_at, strict=True))
        day, lost = _places(every if plan.is_paced else [], plan.limits.zone)
        # Nothing of these came to the wire, so they will be opened anew.
        openings = await store.unbound(tx, plan.workspace_id, lost)
        await store.refund_campaign(tx, plan.workspace_id, plan.campaign_id, day, len(lost), openings, ready_at)
    await store.refund_mailboxes(tx, plan.workspace_id, refunds)


def _places(
    judged: Sequence[tuple[tuple[Delivery, Judgement], datetime]], zone: ZoneInfo
) -> tuple[date | None, list[int]]:
    """The last day on which one of these was marked, and the enrollments of that day's that were not taken.

    A count is of that day or of a later one, so places of earlier days are gone.
    """
    day = max((local_day(zone, at) for _, at in judged), default=None)
    return day, [
        one.enrollment_id
        for (one, judgement), at in judged
        if judgement.state not in _TAKEN and local_day(zone, at) == day
    ]


async def _follow(
    tx: Connection,
    plan: CampaignPlan,
    taken: Sequence[tuple[Delivery, Judgement]],
    worker: str,
    now: datetime,
) -> list[events.Entry]:
    """Moves the enrollments on by what became of their messages; answers entries to append."""
    moves: list[tuple[int, int, Next, int | None]] = []
    parked: list[tuple[int, int, datetime | None, str | None]] = []
    aside: list[tuple[int, int, str, str]] = []
    for one, judgement in taken:
        match judgement.effect:
            case Advance():
                moves.append((one.enrollment_id, one.step, after_step(one.step, plan.rules), one.mailbox_id))
            case Park(until, reason):
                parked.append((one.enrollment_id, one.step, until, reason))
            case GiveBack():
                parked.append((one.enrollment_id, one.step, None, None))
            case SetAside(state, cause):
                aside.append((one.enrollment_id, one.step, state, cause))
    key = (tx, plan.workspace_id, plan.campaign_id)
    moved = await store.advance(*key, moves, now)
    back = await store.give_back(*key, worker, parked, now)
    if back < len(parked):
        await recovery.wait_after_unknown(tx, plan.workspace_id, parked, now)
    set_aside = await store.set_aside(tx, plan.workspace_id, worker, aside, now)
    entries = [
        entry(plan, "enrollment.finished", row["id"], row["lead_id"], None)
        for row in moved
        if row["state"] == "finished"
    ]
    entries += [
        entry(plan, f"enrollment.{row['state']}", row["id"], row["lead_id"], row["step"], cause=row["cause"])
        for row in set_aside
    ]
    gone_on = {row["id"] for row in moved}
    # What came to the wire is tried again with the same Message-ID, so from the same mailbox.
    written = [one for one, _ in taken if one.kind is not Kind.NOT_SENT]
    bound = [(one.enrollment_id, one.mailbox_id) for one in written if one.enrollment_id not in gone_on]
    await store.bind(tx, plan.workspace_id, bound)
    done = gone_on | {row["id"] for row in set_aside}
    for one, judgement in taken:
        if one.enrollment_id not in done:
            entries += await _free(tx, plan, one, judgement, now)
    return entries


async def _free(
    tx: Connection, plan: CampaignPlan, one: Delivery, judgement: Judgement, now: datetime
) -> list[events.Entry]:
    """A late word on an unknown message settles it: a lead that was held for it need not wait for a person, and one
    that went on to its next step is taken out if that word was a refusal. Answers entries to append."""
    key = (tx, plan.workspace_id, one.enrollment_id, one.step)
    match judgement.effect:
        case Advance():
            await recovery.go_on_after_unknown(*key, after_step(one.step, plan.rules), now)
        case SetAside(EnrollmentState.STOPPED, cause):
            lead_id = await recovery.stop_after_unknown(*key, cause, now)
            if lead_id is not None:
                await enrollments.cancel_deferred(tx, plan.workspace_id, [one.enrollment_id], cause, now)
                return [entry(plan, "enrollment.stopped", one.enrollment_id, lead_id, one.step, cause=cause)]
        case _:
            pass
    return []


async def put_off_mailbox(database: Database, workspace_id: int, mailbox_id: int, until: datetime, reason: str) -> None:
    """Keeps a mailbox whose server is away from sending until a time, with the reason."""
    await database.run(lambda tx: store.mailbox_waits(tx, workspace_id, [(mailbox_id, until, reason)]))


async def renew(
    database: Database, worker: str, keys: Sequence[tuple[int, int, int]], lease_seconds: float, now: datetime
) -> set[tuple[int, int, int]]:
    """Prolongs the leases of messages in transit, each as (workspace, enrollment, step); answers those not lost.

    Only what the worker itself knows of: what it lost the answer to must not stay in transit for ever.
    """
    return await database.run(lambda tx: recovery.renew(tx, worker, keys, now + timedelta(seconds=lease_seconds)))


async def disown(
    database: Database,
    plans: Plans,
    plan: CampaignPlan,
    claimed: Sequence[tuple[int, int]],
    worker: str,
    marked_at: datetime,
    now: datetime,
) -> None:
    """Undoes a mark whose answer never came: nothing of it was written, so it waits again from the same position.

    `claimed` are the (enrollment, step) of the mark. What it used of the day's counts comes back.
    """

    enrollment_ids = [enrollment_id for enrollment_id, _ in claimed]

    async def work(tx: Connection) -> None:
        # The mark may be at its commit: only a statement that begins after it sees its messages.
        await enrollments.lock(tx, plan.workspace_id, enrollment_ids)
        rows = await recovery.disown(tx, plan.workspace_id, enrollment_ids, worker, marked_at, now)
        back = [(enrollment_id, step, None, None) for enrollment_id, step in claimed]
        await store.give_back(tx, plan.workspace_id, plan.campaign_id, worker, back, now)
        taken = []
        for row in rows:
            place = (row["enrollment_id"], row["step"], row["attempt"], row["refusals"], row["mailbox_id"])
            one = Delivery(*place, Kind.NOT_SENT, "queue")
            taken.append((one, judge(one, plan.hold_unknown, now)))
        present = await plans.campaign(tx, plan.workspace_id, plan.campaign_id)
        await _refund(tx, plans, plan, present, taken, [row["marked_at"] for row in rows], now)
        await events.append(tx, plan.workspace_id, now, f"worker:{worker}", _entries(rows, taken))

    await database.run(work)
