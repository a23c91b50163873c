"""Why something is not sending: for a lead, a mailbox or a campaign, one answer at once, from the rows (G7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.domain.campaign_time import campaign_now
from caesura.domain.errors import CaesuraError, Invalid, NotFound
from caesura.domain.explanation import Explanation, Finding, explain, finding
from caesura.domain.lead_entry import MENDED_BY_FIELDS
from caesura.domain.lifecycle import CampaignState, EnrollmentState, MessageState
from caesura.domain.pacing import WaitUntil, allowed_on, decide
from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.domain.reasons import Reason, held_for, stopped_for
from caesura.domain.sequence import choose_variant
from caesura.domain.windows import local_day, next_open, parse_zone
from caesura.service.plans import Plans, begun
from caesura.service.pool_bars import what_bars_the_pool
from caesura.service.sending.claim import BURST, MAILBOXES
from caesura.service.sending.effects import campaign_room, load_of
from caesura.service.workers import SILENT_AFTER
from caesura.store import campaigns, enrollments, holds, leads, mailboxes, messages, suppression_groups, suppressions
from caesura.store import explain as store
from caesura.store import sending as sending_store
from caesura.store import workers as worker_store
from caesura.store.campaigns import CampaignRow, Counters
from caesura.store.database import Connection, Database
from caesura.store.enrollments import EnrollmentRow
from caesura.store.leads import LeadRow
from caesura.store.mailboxes import MailboxRow
from caesura.store.messages import MessageRow

_HOLDS: Mapping[str, Reason] = {
    "workspace": Reason.WORKSPACE_HOLD,
    "campaign": Reason.CAMPAIGN_HOLD,
    "mailbox": Reason.MAILBOX_HOLD,
    "domain": Reason.DOMAIN_HOLD,
    "lead": Reason.LEAD_HOLD,
}
_WORDS = frozenset(Reason)


@dataclass(frozen=True, slots=True)
class _Case:
    """What every question is asked with."""

    tx: Connection
    plans: Plans
    workspace_id: int
    now: datetime


@dataclass(frozen=True, slots=True)
class _Lead:
    """An enrollment with all that is looked at."""

    row: EnrollmentRow
    lead: LeadRow
    campaign: CampaignRow
    message: MessageRow | None
    plan: CampaignPlan | None


async def why_lead(
    database: Database, plans: Plans, workspace_id: int, enrollment_id: int, now: datetime
) -> Explanation:
    """Why the next step of a lead in a campaign has not gone out. Raises NotFound."""

    async def work(tx: Connection) -> Explanation:
        case = _Case(tx, plans, workspace_id, now)
        row = await enrollments.get(tx, workspace_id, enrollment_id)
        if row is None:
            raise NotFound("enrollment_not_found", "there is no such enrollment")
        lead = await leads.get(tx, workspace_id, row.lead_id)
        campaign = await campaigns.get(tx, workspace_id, row.campaign_id)
        assert lead is not None and campaign is not None, "foreign keys keep them"
        message = await messages.get(tx, workspace_id, enrollment_id, row.step)
        if row.state in (EnrollmentState.FINISHED, EnrollmentState.STOPPED):
            return explain([await _end(case, row, lead, message)], now)
        plan, found = await _plan(case, campaign)
        one = _Lead(row, lead, campaign, message, plan)
        found += await _campaign_findings(case, campaign)
        found += await _lead_findings(case, one)
        found += _position_findings(one)
        found += _time_findings(case, one)
        if plan is not None:
            found += await _pace_findings(case, campaign, plan, is_opening=row.mailbox_id is None)
        found += await (
            _bound_findings(case, campaign, row.mailbox_id) if row.mailbox_id else _pool_findings(case, campaign)
        )
        return explain(found or await _worker_findings(case), now)

    return await database.run(work)


async def why_mailbox(
    database: Database, plans: Plans, workspace_id: int, mailbox_id: int, now: datetime
) -> Explanation:
    """Why a mailbox is not sending. Whether it has anything to send is its campaigns' affair: see `counts`.

    Raises NotFound.
    """

    async def work(tx: Connection) -> Explanation:
        if await mailboxes.get(tx, workspace_id, mailbox_id) is None:
            raise NotFound("mailbox_not_found", "there is no such mailbox")
        case = _Case(tx, plans, workspace_id, now)
        found = await _hold_findings(case, "workspace", "")
        found += await _mailbox_findings(case, mailbox_id)
        number, running = await store.campaigns_of_mailbox(tx, workspace_id, mailbox_id)
        return explain(found or await _worker_findings(case), now, {"campaigns": number, "running_campaigns": running})

    return await database.run(work)


async def why_campaign(
    database: Database, plans: Plans, workspace_id: int, campaign_id: int, now: datetime
) -> Explanation:
    """Why a campaign is not sending, the most general reason first, at a cost that does not grow with its leads.

    `counts` has its exact numbers by state, and as `held_<cause>` those of what is held, of 10,000 at most. Raises
    NotFound.
    """

    async def work(tx: Connection) -> Explanation:
        row = await campaigns.get(tx, workspace_id, campaign_id)
        if row is None:
            raise NotFound("campaign_not_found", "there is no such campaign")
        case = _Case(tx, plans, workspace_id, now)
        counters = await campaigns.counters(tx, workspace_id, campaign_id)
        held = await store.held_causes(tx, workspace_id, campaign_id) if counters.held else []
        plan, found = await _plan(case, row)
        found += await _campaign_findings(case, row)
        found += _work_findings(counters, held)
        if plan is not None:
            found += await _pace_findings(case, row, plan, is_opening=False)
        found += await _pool_findings(case, row)
        if counters.waiting and not counters.claimed:
            found += await _due_findings(case, row)
        if not found and counters.sending:
            found.append(finding(Reason.IN_TRANSIT))
        return explain(found or await _worker_findings(case), now, _counts(counters, held))

    return await database.run(work)


def _counts(counters: Counters, held: list[tuple[str, int]]) -> dict[str, int]:
    names = ("waiting", "claimed", "held", "finished", "stopped", "sent", "deferred", "rejected", "unknown")
    counts = {name: getattr(counters, name) for name in names}
    counts["in_transit"] = counters.sending
    return counts | {f"held_{cause}": number for cause, number in held}


async def _plan(case: _Case, row: CampaignRow) -> tuple[CampaignPlan | None, list[Finding]]:
    """The campaign's plan, or what is wrong with its content."""
    try:
        plan = await case.plans.campaign(case.tx, case.workspace_id, row.id)
    except Invalid as error:
        return None, [finding(Reason.RENDER_FAILED, detail=error.detail)]
    return plan, [] if plan.steps else [finding(Reason.NO_STEPS)]


async def _end(case: _Case, row: EnrollmentRow, lead: LeadRow, message: MessageRow | None) -> Finding:
    """Where an enrollment has come to that is at its end."""
    if row.state is EnrollmentState.FINISHED:
        return finding(Reason.FINISHED, more={"finished_at": row.updated_at})
    cause = row.cause or ""
    facts: dict[str, Any] = {}
    more: dict[str, Any] = {"stopped_at": row.updated_at}
    if cause == "suppressed":
        key = case.tx, case.workspace_id
        if found := await suppressions.matching(*key, lead.address_key, lead.domain):
            facts = {"actor": found[0].actor}
        elif refusal := await suppression_groups.refusal(*key, row.campaign_id, lead.address_key):
            facts = {"actor": refusal.actor, "group": refusal.group_name}
            more["group_id"] = refusal.group_id
    return finding(stopped_for(cause), more=more, cause=cause, detail=_answer_of(message), **facts)


def _answer_of(message: MessageRow | None) -> str | None:
    """What the server said to the last try."""
    if message is None or message.state is MessageState.SENT or not message.reply:
        return None
    return f"{message.reply_code} {message.reply}" if message.reply_code else message.reply


async def _campaign_findings(case: _Case, row: CampaignRow) -> list[Finding]:
    """What of the campaign's status and of holds keeps all of it back."""
    found: list[Finding] = []
    if row.status is not CampaignState.RUNNING:
        at = {CampaignState.PAUSED: row.resume_at, CampaignState.SCHEDULED: row.starts_at}.get(row.status)
        more = {"since": row.status_at}
        word = Reason(f"campaign_{row.status}")
        found.append(finding(word, at, more, actor=row.actor, cause=row.cause, reason=row.reason))
    if row.archived:
        found.append(finding(Reason.CAMPAIGN_ARCHIVED))
    found += await _hold_findings(case, "workspace", "")
    found += await _hold_findings(case, "campaign", str(row.id))
    return found


async def _hold_findings(case: _Case, level: str, subject: str, **facts: Any) -> list[Finding]:
    rows = await holds.on_subject(case.tx, case.workspace_id, level, subject)
    return [
        finding(
            _HOLDS[level],
            None,
            {"hold": row.id, "since": row.created_at},
            actor=row.actor,
            cause=row.cause,
            reason=row.reason,
            **facts,
        )
        for row in rows
    ]


async def _lead_findings(case: _Case, one: _Lead) -> list[Finding]:
    """What keeps this lead back, whatever its campaign does."""
    found = [
        finding(Reason.SUPPRESSED, None, {"kind": row.kind, "since": row.created_at}, cause=row.cause)
        for row in await suppressions.matching(case.tx, case.workspace_id, one.lead.address_key, one.lead.domain)
    ]
    refusal = await suppression_groups.refusal(case.tx, case.workspace_id, one.campaign.id, one.lead.address_key)
    if refusal is not None:
        more = {"kind": "group", "group_id": refusal.group_id, "since": refusal.created_at}
        found.append(finding(Reason.SUPPRESSED, None, more, group=refusal.group_name, cause=refusal.cause))
    found += await _hold_findings(case, "lead", str(one.lead.id))
    found += await _hold_findings(case, "domain", one.lead.domain, domain=one.lead.domain)
    if one.row.state is EnrollmentState.HELD:
        held = _held_finding(one)
        if held.reason not in {other.reason for other in found}:
            found.append(held)
    return found


def _held_finding(one: _Lead) -> Finding:
    cause = one.row.cause or ""
    reason = held_for(cause)
    more = {"since": one.row.updated_at}
    if reason is Reason.UNKNOWN_OUTCOME:
        return finding(reason, None, more, step=one.row.step)
    if reason is Reason.MISSING_VARIABLE:
        return finding(reason, None, more, detail=_missing(one))
    if reason is Reason.HELD_OTHER and cause in MENDED_BY_FIELDS:
        return finding(Reason.RENDER_FAILED, None, more, detail=cause.replace("_", " "))
    return finding(reason, None, more, cause=cause)


def _missing(one: _Lead) -> str | None:
    """The variables that the lead's next message needs and that it has no value for."""
    if one.plan is None or one.row.step > len(one.plan.steps):
        return None
    step = one.plan.steps[one.row.step - 1]
    variant = choose_variant(step.rule.weights, one.row.campaign_id, one.row.id, one.row.step)
    return (
        ", ".join(step.variants[variant].missing({**one.plan.defaults, **one.lead.fields, **(one.row.fields or {})}))
        or None
    )


def _position_findings(one: _Lead) -> list[Finding]:
    """Where the enrollment is on its way to the wire."""
    if one.message is not None and one.message.state is MessageState.SENDING:
        return [finding(Reason.IN_TRANSIT, None, {"since": one.message.marked_at})]
    if one.row.state is EnrollmentState.CLAIMED:
        return [finding(Reason.CLAIMED, one.row.lease_until, {"worker": one.row.claimed_by})]
    return []


def _time_findings(case: _Case, one: _Lead) -> list[Finding]:
    """What of the enrollment's own times has not come yet."""
    found: list[Finding] = []
    row, plan = one.row, one.plan
    if row.not_before is not None and row.not_before > case.now:
        found.append(_parked(row.not_before, row.wait_reason or "", _answer_of(one.message)))
    found += _due(case, one.campaign, row.due_at)
    if plan is None or row.step > len(plan.steps):
        return found
    send_at = plan.steps[row.step - 1].rule.send_at
    if send_at is not None and send_at > case.now:
        found.append(finding(Reason.FIXED_DATE, send_at))
    if plan.is_windowed_by_lead:
        zone = parse_zone(one.lead.zone, "/zone") if plan.lead_zone and one.lead.zone else plan.zone
        opens = next_open(plan.steps[row.step - 1].rule.window_in(plan.window), zone, case.now)
        if opens > case.now:
            found.append(finding(Reason.OUTSIDE_WINDOW, opens, zone=zone.key))
    return _without_repetition(found)


def _without_repetition(found: list[Finding]) -> list[Finding]:
    """A lead that is parked for a window that is still shut is told so once."""
    return [one for place, one in enumerate(found) if one.reason not in {before.reason for before in found[:place]}]


def _parked(until: datetime, word: str, answer: str | None) -> Finding:
    if word in _WORDS:
        return finding(Reason(word), until, detail=answer if word == Reason.RETRY_WAIT else None)
    return finding(Reason.RETRY_WAIT, until, detail=word.replace("_", " "))


def _due(case: _Case, row: CampaignRow, due_at: datetime) -> list[Finding]:
    """NOT_DUE while a due time (campaign time) has not come; on a frozen clock its date hangs on the resume."""
    left = due_at - campaign_now(row.clock, case.now)
    if left.total_seconds() <= 0:
        return []
    at = case.now + left
    if row.clock.stopped_at is not None:
        return [finding(Reason.NOT_DUE, row.resume_at and row.resume_at + left, {"seconds_left": left.total_seconds()})]
    return [finding(Reason.NOT_DUE, at)]


async def _pace_findings(case: _Case, row: CampaignRow, plan: CampaignPlan, is_opening: bool) -> list[Finding]:
    """What of the campaign's window and quotas keeps it back; for an opening, the quota of new leads too."""
    limits = begun(plan.limits, row.started_at, row.clock_offset.days, case.now)
    room = await campaign_room(case.tx, plan, limits, case.now)
    wait = room if isinstance(room, WaitUntil) else room.openings_wait if is_opening else None
    if wait is None:
        return []
    numbers = {
        Reason.CAMPAIGN_DAILY_NEW: limits.daily_new,
        Reason.CAMPAIGN_DAILY_TOTAL: limits.daily_total,
        Reason.GRADUAL: limits.gradual and allowed_on(limits.gradual, local_day(limits.zone, case.now)),
    }
    zone = plan.zone.key if wait.reason is Reason.OUTSIDE_WINDOW else None
    return [finding(wait.reason, wait.at, limit=numbers.get(wait.reason), zone=zone)]


async def _pool_findings(case: _Case, row: CampaignRow) -> list[Finding]:
    """Why no mailbox of the campaign's pool can send now; nothing when one can."""
    if row.pool_id is None:
        return [finding(Reason.NO_USABLE_MAILBOX, detail="the campaign has no pool")]
    if not await mailboxes.usable(case.tx, case.workspace_id, row.pool_id):
        detail = await what_bars_the_pool(case.tx, case.workspace_id, row.pool_id)
        return [finding(Reason.NO_USABLE_MAILBOX, detail=detail)]
    ready = await sending_store.ready_mailboxes(
        case.tx, case.workspace_id, row.id, case.now + BURST, case.now, MAILBOXES
    )
    try:
        plans = await case.plans.mailboxes(case.tx, case.workspace_id, [(one.mailbox_id, one.version) for one in ready])
    except CaesuraError as error:
        return [finding(Reason.NO_USABLE_MAILBOX, detail=error.detail)]
    waits: list[tuple[datetime, int]] = []
    unreadable: list[int] = []
    for one in ready:
        plan = plans[one.mailbox_id]
        if plan.transport.unreadable is not None:
            unreadable.append(one.mailbox_id)
            continue
        answer = decide(case.now, plan.window, plan.limits.zone, plan.limits, load_of(one))
        if not isinstance(answer, WaitUntil):
            return []
        waits.append((answer.at, one.mailbox_id))
    waiting = await store.next_mailbox(case.tx, case.workspace_id, row.pool_id, case.now)
    if waiting is not None:
        waits.append(waiting)
    first = min(waits)[1] if waits else next(iter(unreadable), None)
    return await _mailbox_findings(case, first) if first is not None else []


async def _bound_findings(case: _Case, row: CampaignRow, mailbox_id: int) -> list[Finding]:
    """What keeps the mailbox back that a lead is bound to."""
    pool = await mailboxes.get_pool(case.tx, case.workspace_id, row.pool_id) if row.pool_id is not None else None
    mailbox = await mailboxes.get(case.tx, case.workspace_id, mailbox_id)
    if mailbox is None or mailbox.archived or pool is None or mailbox_id not in pool.mailbox_ids:
        return [finding(Reason.MAILBOX_LEFT, None, {"mailbox_id": mailbox_id}, mailbox=mailbox and mailbox.name)]
    return await _mailbox_findings(case, mailbox_id)


async def _mailbox_findings(case: _Case, mailbox_id: int) -> list[Finding]:
    """What keeps one mailbox from sending now."""
    row = await mailboxes.get(case.tx, case.workspace_id, mailbox_id)
    if row is None:
        return [finding(Reason.NO_USABLE_MAILBOX, detail="it is gone")]
    found = await _hold_findings(case, "mailbox", str(mailbox_id), mailbox=row.name)
    if row.archived:
        found.append(finding(Reason.NO_USABLE_MAILBOX, None, {"mailbox_id": row.id}, detail=f"{row.name} is archived"))
    try:
        plans = await case.plans.mailboxes(case.tx, case.workspace_id, [(row.id, row.version)])
    except CaesuraError as error:
        return [*found, finding(Reason.NO_USABLE_MAILBOX, detail=f"{row.name}: {error.detail}")]
    plan = plans[row.id]
    if plan.transport.unreadable is not None and not found:
        # The first try holds it.
        found.append(finding(Reason.NO_USABLE_MAILBOX, detail=f"{row.name}: {plan.transport.unreadable}"))
    return found + await _wait_findings(case, row, plan)


async def _wait_findings(case: _Case, row: MailboxRow, plan: MailboxPlan) -> list[Finding]:
    """What of its window, its limits and its server a mailbox waits for."""
    pace = await mailboxes.pace(case.tx, case.workspace_id, row.id)
    if pace is None:
        return []
    more = {"mailbox_id": row.id}
    limits = plan.limits
    numbers = {
        Reason.DAILY_CAP: limits.daily_cap,
        Reason.RAMP: limits.ramp and allowed_on(limits.ramp, local_day(limits.zone, case.now)),
    }
    answer = decide(case.now, plan.window, limits.zone, limits, load_of(pace))
    if isinstance(answer, WaitUntil):
        zone = limits.zone.key if answer.reason is Reason.OUTSIDE_WINDOW else None
        number = numbers.get(answer.reason)
        found = [finding(answer.reason, answer.at, more, mailbox=row.name, limit=number, zone=zone)]
    elif pace.busy_until is not None and pace.busy_until > case.now:
        found = [finding(Reason.GAP, pace.busy_until, {**more, "is_sending": True}, mailbox=row.name)]
    else:
        found = []
    word = pace.wait_reason or ""
    if pace.wait_until is not None and pace.wait_until > case.now and word not in {one.reason for one in found}:
        if word in _WORDS:
            found.append(finding(Reason(word), pace.wait_until, more, mailbox=row.name))
        else:
            detail = f"{row.name} waits ({word.replace('_', ' ')})"
            found.append(finding(Reason.NO_USABLE_MAILBOX, pace.wait_until, more, detail=detail))
    return found


async def _worker_findings(case: _Case) -> list[Finding]:
    """For what nothing else keeps back: whether there is anybody to send it."""
    is_served = await worker_store.is_any_seen(case.tx, case.now - SILENT_AFTER)
    return [] if is_served else [finding(Reason.NO_WORKER)]


def _work_findings(counters: Counters, held: list[tuple[str, int]]) -> list[Finding]:
    """Whether there is anybody left to write to."""
    if counters.waiting or counters.claimed:
        return []
    if not counters.held:
        return [finding(Reason.NO_LEADS)]
    return [finding(held_for(cause), None, {"count": number}, cause=cause) for cause, number in held]


async def _due_findings(case: _Case, row: CampaignRow) -> list[Finding]:
    """Whether anything that waits is due, and from a mailbox that can send it."""
    due_at = await store.earliest_due(case.tx, case.workspace_id, row.id)
    if due_at is not None:
        found = _due(case, row, due_at)
        if not found:
            left = await store.left_mailboxes(case.tx, case.workspace_id, row.id, campaign_now(row.clock, case.now))
            return [finding(Reason.MAILBOX_LEFT, mailbox=", ".join(left))] if left else []
    else:
        found = []
    parked = await store.earliest_parked(case.tx, case.workspace_id, row.id)
    if parked is None:
        return found
    if parked[0] <= case.now:
        return []
    found.append(_parked(*parked, None))
    # Either will do: the campaign goes on with the first of the two.
    return sorted(found, key=lambda one: (one.at is None, one.at or case.now))[:1]
