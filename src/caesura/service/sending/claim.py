"""Claim: due enrollments under a lease. Nothing is written to a socket, so it is safe to give back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from caesura.domain.campaign_time import campaign_now
from caesura.domain.lifecycle import CampaignState, EnrollmentState
from caesura.domain.pacing import CampaignRoom, SendNow, WaitUntil, decide
from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.domain.reasons import Reason
from caesura.domain.sequence import Go, Overdue, Plan, SetAside, plan_step, spread
from caesura.domain.windows import parse_zone
from caesura.service.plans import Plans, begun
from caesura.service.sending.effects import apply, campaign_room, load_of
from caesura.store import campaigns as campaign_store
from caesura.store import sending as store
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection, Database
from caesura.store.sending import Claimed, Runnable

# How far ahead GCRA's arrival time may lie while there is still room; the largest burst that limits allow by default.
BURST = timedelta(seconds=1)
# Mailboxes looked at in one claim, and as many again of those that follow-ups are due from.
MAILBOXES = 200
# Waits that are worth a row: the others end by themselves within the gap.
_LONG_WAITS = frozenset({Reason.OUTSIDE_WINDOW, Reason.DAILY_CAP, Reason.RAMP})


class Work(Struct, frozen=True, gc=False):
    """One claimed enrollment, the mailbox that is to send it, and when its window closes (None: never)."""

    claimed: Claimed
    mailbox: MailboxPlan
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim brought. `is_stale`: the plan is of an old version, load it anew. `wait`: why nothing came."""

    work: tuple[Work, ...] = ()
    settled: int = 0
    is_stale: bool = False
    wait: WaitUntil | None = None


async def runnable(database: Database) -> list[Runnable]:
    """The campaigns of all workspaces that are running and that no hold at campaign or workspace level keeps back."""
    async with database.connection() as connection:
        return await store.runnable(connection)


async def claim(
    database: Database,
    plans: Plans,
    plan: CampaignPlan,
    worker: str,
    limit: int,
    lease_seconds: float,
    now: datetime,
    allowed: Callable[[MailboxPlan, int], int] = lambda _, wanted: wanted,
) -> Claim:
    """Takes up to `limit` due enrollments of a campaign under a lease: follow-ups first, oldest first.

    `allowed` says how many of so many messages the caller can carry for a mailbox, beside what the limits leave.

    Nothing is written to a socket on a claim, so it is safe to give back. Mailboxes that must wait long are put off
    with their reason; leads whose step is not for now are parked, passed over or set aside on the way.
    """

    async def work(tx: Connection) -> Claim:
        row = await campaign_store.get(tx, plan.workspace_id, plan.campaign_id)
        if row is None or row.status is not CampaignState.RUNNING:
            return Claim()
        if row.version != plan.version:
            return Claim(is_stale=True)
        limits = begun(plan.limits, row.started_at, row.clock_offset.days, now)
        room = await campaign_room(tx, plan, limits, now)
        if isinstance(room, WaitUntil):
            return Claim(wait=room)
        mailboxes, rooms, wait = await _mailbox_rooms(tx, plans, plan, limit, campaign_now(row.clock, now), now)
        rooms = [(one, most) for one, wanted in rooms if (most := allowed(mailboxes[one], wanted)) > 0]
        if not rooms:
            return Claim(wait=wait)
        claimed = await _claim_within(
            tx, plan, row, room, rooms, worker, limit, now + timedelta(seconds=lease_seconds), now
        )
        going, settled = await _sort_out(tx, plan, row, claimed, worker, now)
        return Claim(
            tuple(Work(one, mailboxes[mailbox], closes_at) for one, mailbox, closes_at in going),
            settled,
            wait=room.openings_wait if not going else None,
        )

    # What a crash forgets of a claim was never claimed; a mark that builds on it brings it to the disk with itself.
    return await database.run(work, durable=False)


async def _mailbox_rooms(
    tx: Connection, plans: Plans, plan: CampaignPlan, limit: int, due: datetime, now: datetime
) -> tuple[dict[int, MailboxPlan], list[tuple[int, int]], WaitUntil | None]:
    """The mailboxes that may send now with their rooms (at most `limit` each), and the earliest wait of the others."""
    key = (plan.workspace_id, plan.campaign_id, now + BURST, now, MAILBOXES)
    ready = await store.ready_mailboxes(tx, *key)
    if len(ready) == MAILBOXES:
        # There may be more, and idle ones come first: those that have follow-ups to send are looked for by name.
        seen = {one.mailbox_id for one in ready}
        ready += [one for one in await store.ready_for_follow_ups(tx, *key, due) if one.mailbox_id not in seen]
    known = await plans.mailboxes(tx, plan.workspace_id, [(one.mailbox_id, one.version) for one in ready])
    rooms: list[tuple[int, int]] = []
    waits: list[tuple[int, datetime, str]] = []
    earliest: WaitUntil | None = None
    for one in ready:
        mailbox = known[one.mailbox_id]
        answer = decide(now, mailbox.window, mailbox.limits.zone, mailbox.limits, load_of(one))
        if isinstance(answer, SendNow):
            rooms.append((one.mailbox_id, limit if answer.room is None else min(limit, answer.room)))
            continue
        if answer.reason in _LONG_WAITS:
            waits.append((one.mailbox_id, answer.at, answer.reason))
        if earliest is None or answer.at < earliest.at:
            earliest = answer
    await store.mailbox_waits(tx, plan.workspace_id, waits)
    return known, rooms, earliest


async def _claim_within(
    tx: Connection,
    plan: CampaignPlan,
    row: CampaignRow,
    room: CampaignRoom,
    rooms: list[tuple[int, int]],
    worker: str,
    limit: int,
    lease_until: datetime,
    now: datetime,
) -> list[tuple[Claimed, int]]:
    """Claims follow-ups, then deals openings out over what room is left."""
    total = limit if room.total is None else min(limit, room.total)
    due = campaign_now(row.clock, now)
    key = (plan.workspace_id, plan.campaign_id, due)
    follow_ups = await store.claim_follow_ups(tx, *key, rooms, total, worker, lease_until, now)
    left = dict(rooms)
    claimed: list[tuple[Claimed, int]] = []
    for one in follow_ups:
        assert one.mailbox_id is not None
        left[one.mailbox_id] -= 1
        claimed.append((one, one.mailbox_id))
    places = min(total - len(follow_ups), sum(left.values()))
    if room.openings is not None:
        places = min(places, room.openings)
    if places > 0:
        openings = await store.claim_openings(tx, *key, places, worker, lease_until, now)
        claimed += zip(openings, spread(len(openings), list(left.items())), strict=True)
    return claimed


async def _sort_out(
    tx: Connection,
    plan: CampaignPlan,
    row: CampaignRow,
    claimed: Sequence[tuple[Claimed, int]],
    worker: str,
    now: datetime,
) -> tuple[list[tuple[Claimed, int, datetime | None]], int]:
    """What of the claimed goes now; the rest is parked, passed over, set aside or finished in this transaction."""
    going: list[tuple[Claimed, int, datetime | None]] = []
    others: list[tuple[Claimed, Plan]] = []
    # A running campaign has as many ends as beginnings; one that is paused meanwhile marks nothing.
    pauses = zip(row.overdue_since, row.overdue_until, row.overdue_policy, strict=False)
    overdue = [Overdue(*pause) for pause in pauses]
    for one, mailbox_id in claimed:
        zone = parse_zone(one.zone, "/zone") if plan.lead_zone and one.zone else plan.zone
        fields = {**plan.defaults, **one.fields}
        answer = plan_step(one.step, plan.rules, one.due_at, fields, plan.window, zone, overdue, now)
        if isinstance(answer, Go):
            going.append((one, mailbox_id, answer.until))
        else:
            others.append((one, answer))
    await apply(tx, plan, others, worker, now)
    return going, len(others)


async def give_back(
    database: Database, plan: CampaignPlan, claimed: Iterable[Claimed], worker: str, now: datetime
) -> int:
    """Claimed enrollments wait again from the same position; answers how many were still this worker's."""
    back = [(one.enrollment_id, one.step, None, None) for one in claimed]
    return await database.run(lambda tx: store.give_back(tx, plan.workspace_id, plan.campaign_id, worker, back, now))


async def set_aside(
    database: Database, plan: CampaignPlan, causes: Sequence[tuple[Claimed, str]], worker: str, now: datetime
) -> None:
    """Holds claimed enrollments whose message cannot be composed, with the cause (such as missing_variable)."""
    effects: list[tuple[Claimed, Plan]] = [(one, SetAside(EnrollmentState.HELD, cause)) for one, cause in causes]
    await database.run(lambda tx: apply(tx, plan, effects, worker, now))
