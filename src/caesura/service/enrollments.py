"""Leads in campaigns: enrol them, look at them, and stop, hold or release single ones."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from caesura.domain.campaign_time import campaign_now
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.extra import check_extra
from caesura.domain.lead_entry import LeadInput
from caesura.domain.lifecycle import (
    CampaignState,
    CampaignVerb,
    EnrollmentEvent,
    EnrollmentState,
    campaign_verbs,
    enrollment_after,
)
from caesura.domain.reasons import Reason
from caesura.service import campaigns, leads, readmission
from caesura.service.leads import MAXIMUM_AT_ONCE, LeadFate
from caesura.store import campaigns as campaign_store
from caesura.store import enrollments as store
from caesura.store import events
from caesura.store import leads as lead_store
from caesura.store import sending as gate
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection, Database
from caesura.store.enrollments import EnrollmentRow, Locked, Moved

# Rows in one transaction of bulk work.
CHUNK = 1_000

# What only its own verb settles: a release would try the same step again.
_SETTLED_OTHERWISE = frozenset({Reason.UNKNOWN_OUTCOME.value})


class EnrolFate(StrEnum):
    """What became of a lead that was to be enrolled."""

    ENROLLED = "enrolled"
    ALREADY_ENROLLED = "already_enrolled"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class EnrolOutcome:
    """What became of one lead, in the order given. `problems`, with pointers, only where it was rejected.

    `lead_fate` is set where the lead itself was given: whether it was created, updated or left as it was.
    """

    fate: EnrolFate
    lead_id: int | None = None
    enrollment_id: int | None = None
    problems: tuple[Problem, ...] = ()
    lead_fate: LeadFate | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """How many leads were enrolled and how many not, and why; `rows` is empty for a list. `reopened`: it runs again."""

    enrolled: int
    already_enrolled: int
    suppressed: int
    rejected: int
    rows: tuple[EnrolOutcome, ...] = ()
    reopened: bool = False


async def enrol(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    lead_ids: Sequence[int],
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
    readmit: Collection[str] = (),
    not_before: datetime | None = None,
) -> Enrolment:
    """Enrols at most 1,000 leads; each becomes due after the first step's delay, counted from now in campaign time.

    A suppressed lead is not enrolled. Leads in a completed campaign set it running again. `extra` is kept with each
    enrollment. Who was stopped for one of the causes `readmit` begins anew, at a step that was never sent. None of
    those who begin here is written to before `not_before` (UTC, real time).

    Raises NotFound, Invalid `too_many_leads`, and Conflict where the campaign takes no leads (`campaign_stopped`,
    `campaign_archived`, and `campaign_paused` when its pause rejects them).
    """
    if len(lead_ids) > MAXIMUM_AT_ONCE:
        detail = f"at most {MAXIMUM_AT_ONCE} leads can be enrolled at once"
        raise Invalid.of(Problem("too_many_leads", detail, "/lead_ids"))

    async def work(tx: Connection) -> Enrolment:
        row = await admit(tx, workspace_id, campaign_id)
        known = await lead_store.existing(tx, workspace_id, lead_ids)
        ids = [one for one in lead_ids if one in known]
        outcomes = await _enrol_known(tx, row, ids, actor, now, extra, None, readmit, not_before)
        rows = []
        for place, lead_id in enumerate(lead_ids):
            if lead_id in known:
                rows.append(outcomes[lead_id])
                if rows[-1].fate is EnrolFate.ENROLLED:  # an id that is given twice is enrolled once
                    outcomes[lead_id] = replace(rows[-1], fate=EnrolFate.ALREADY_ENROLLED)
            else:
                problem = Problem("lead_not_found", "there is no such lead", f"/lead_ids/{place}")
                rows.append(EnrolOutcome(EnrolFate.REJECTED, lead_id, None, (problem,)))
        return await _answer(tx, row, rows, actor, now)

    return await database.run(work)


async def enrol_new(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    given: Sequence[LeadInput],
    replace_fields: bool,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
    keep_known: bool = False,
    not_before: datetime | None = None,
) -> Enrolment:
    """The same for at most 1,000 leads by address and fields, which are added or changed on the way.

    `replace_fields` puts the fields in the place of those that a known lead has; else they are merged in.
    With `keep_known`, leads that are there already stay as they are. Pointers begin with `/leads/<place>`.
    """
    checked = leads.check_many(given)
    entries = list(checked.entries.values())

    async def work(tx: Connection) -> tuple[Enrolment, tuple[int, ...]]:
        row = await admit(tx, workspace_id, campaign_id)
        done = await leads.put(tx, workspace_id, entries, replace_fields, actor, now, keep_known)
        own = {one: entry.own_fields for one, entry in zip(done.lead_ids, entries, strict=True) if entry.own_fields}
        by_lead = await _enrol_known(tx, row, done.lead_ids, actor, now, extra, own, (), not_before)
        outcomes = {
            place: EnrolOutcome(by_lead[lead_id].fate, lead_id, by_lead[lead_id].enrollment_id, lead_fate=fate)
            for place, lead_id, fate in zip(checked.entries, done.lead_ids, done.fates, strict=True)
        }
        for place, problems in checked.rejected.items():
            outcomes[place] = EnrolOutcome(EnrolFate.REJECTED, problems=problems)
        return await _answer(tx, row, [outcomes[place] for place in range(len(given))], actor, now), done.claimed

    answer, claimed = await database.run(work)
    await leads.recompose(database, workspace_id, claimed, actor, now)
    return answer


async def admit(tx: Connection, workspace_id: int, campaign_id: int) -> CampaignRow:
    """The campaign, if it takes leads at this moment; not locked: ask `confirm` before the commit.

    Raises NotFound and Conflict.
    """
    row = await campaign_store.get(tx, workspace_id, campaign_id)
    if row is None:
        raise NotFound("campaign_not_found", "there is no such campaign")
    _check_admits(row)
    return row


def _check_admits(row: CampaignRow) -> None:
    if row.archived:
        raise Conflict("campaign_archived", "an archived campaign takes no leads", row.status, ("unarchive",))
    if row.status is CampaignState.STOPPED:
        raise Conflict("campaign_stopped", "a stopped campaign takes no leads", row.status, campaign_verbs(row.status))
    if row.status is CampaignState.PAUSED and row.new_leads == "reject":
        detail = "the campaign is paused and takes no leads meanwhile; resume it, or pause it with new_leads: hold"
        raise Conflict("campaign_paused", detail, row.status, campaign_verbs(row.status))


async def due_at_first(tx: Connection, row: CampaignRow, now: datetime) -> datetime:
    """When (campaign time) a lead that is enrolled now gets the first step."""
    steps = await campaign_store.steps(tx, row.workspace_id, row.id)
    return campaign_now(row.clock, now) + timedelta(seconds=steps[0].get("delay", 0) if steps else 0)


async def confirm(
    tx: Connection, before: CampaignRow, enrolled: int, actor: str, now: datetime, source: dict[str, object]
) -> bool:
    """After the insert, shortly before the commit: looks again whether the campaign takes leads, now under a lock.

    The insert itself goes without the lock, so that a pause need not wait for it. Writes the event with the number
    and `source`, and sets a completed campaign running; answers whether it did. Raises Conflict.
    """
    row = await campaign_store.get(tx, before.workspace_id, before.id, lock=True)
    if row is None:
        raise NotFound("campaign_not_found", "there is no such campaign")
    _check_admits(row)
    if not enrolled:
        return False
    entry = events.Entry("campaign.leads_enrolled", row.id, data={"enrolled": enrolled, **source})
    await events.append(tx, row.workspace_id, now, actor, [entry])
    await campaign_store.notify(tx, row.workspace_id, "campaign.leads_enrolled", row.id)
    if row.status is not CampaignState.COMPLETED:
        return False
    await campaigns.begin(tx, row, CampaignVerb.REOPEN, actor, now, "leads_added")
    return True


async def _enrol_known(
    tx: Connection,
    row: CampaignRow,
    lead_ids: Sequence[int],
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None,
    own: Mapping[int, Mapping[str, Any]] | None = None,
    again: Collection[str] = (),
    not_before: datetime | None = None,
) -> dict[int, EnrolOutcome]:
    """Enrols leads that exist; what became of each, by its id."""
    due_at = await due_at_first(tx, row, now)
    ids = list(dict.fromkeys(lead_ids))
    kept = check_extra(extra, "/extra") if extra is not None else None
    enrolled = await store.insert(tx, row.workspace_id, row.id, ids, due_at, now, own, kept)
    rest = [one for one in ids if one not in enrolled]
    there = await store.of_leads(tx, row.workspace_id, row.id, rest) if rest else {}
    back: dict[int, int] = {}
    if again and there:
        barred = await store.suppressed(tx, row.workspace_id, row.id, rest)
        asked = [one for one in there if one not in barred]
        back = await readmission.readmit(tx, row.workspace_id, row.id, asked, again, kept, actor, now)
    if not_before is not None and not_before > now:
        numbers = [*enrolled.values(), *back.values()]
        await store.park(tx, row.workspace_id, numbers, not_before, Reason.FIXED_DATE, now)
    entries = [
        events.Entry("enrollment.created", row.id, enrolled[one], 1, None, one) for one in ids if one in enrolled
    ]
    await events.append(tx, row.workspace_id, now, actor, entries)
    outcomes = {}
    for one in ids:
        if (number := enrolled.get(one, back.get(one))) is not None:
            outcomes[one] = EnrolOutcome(EnrolFate.ENROLLED, one, number)
        elif one in there:
            outcomes[one] = EnrolOutcome(EnrolFate.ALREADY_ENROLLED, one, there[one])
        else:
            outcomes[one] = EnrolOutcome(EnrolFate.SUPPRESSED, one)
    return outcomes


async def _answer(
    tx: Connection, row: CampaignRow, rows: Sequence[EnrolOutcome], actor: str, now: datetime
) -> Enrolment:
    number = {fate: sum(one.fate is fate for one in rows) for fate in EnrolFate}
    reopened = await confirm(tx, row, number[EnrolFate.ENROLLED], actor, now, {"source": "leads"})
    return Enrolment(
        number[EnrolFate.ENROLLED],
        number[EnrolFate.ALREADY_ENROLLED],
        number[EnrolFate.SUPPRESSED],
        number[EnrolFate.REJECTED],
        tuple(rows),
        reopened,
    )


async def get(database: Database, workspace_id: int, enrollment_id: int) -> EnrollmentRow:
    """One enrollment. Raises NotFound."""
    async with database.connection() as connection:
        row = await store.get(connection, workspace_id, enrollment_id)
    if row is None:
        raise _missing()
    return row


async def find(database: Database, workspace_id: int, campaign_id: int, lead_id: int) -> EnrollmentRow | None:
    """The enrollment of a lead in a campaign, or None."""
    async with database.connection() as connection:
        return await store.by_lead(connection, workspace_id, campaign_id, lead_id)


async def page(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    above: int | None,
    state: EnrollmentState | None,
    cause: str | None,
    limit: int,
) -> list[EnrollmentRow]:
    """A page of a campaign's enrollments with lead ids above `above`, in their order. Raises NotFound."""
    async with database.connection() as connection:
        if await campaign_store.get(connection, workspace_id, campaign_id) is None:
            raise NotFound("campaign_not_found", "there is no such campaign")
        return await store.page(connection, workspace_id, campaign_id, above or 0, state, cause, limit)


async def of_lead(database: Database, workspace_id: int, lead_id: int, limit: int = 1_000) -> list[EnrollmentRow]:
    """The enrollments of a lead in all campaigns, the oldest first. Raises NotFound."""
    async with database.connection() as connection:
        if await lead_store.get(connection, workspace_id, lead_id) is None:
            raise NotFound("lead_not_found", "there is no such lead")
        return await store.of_lead(connection, workspace_id, lead_id, limit)


async def stop(
    database: Database,
    workspace_id: int,
    enrollment_id: int,
    actor: str,
    now: datetime,
    cause: str = "manual",
) -> EnrollmentRow:
    """Takes a lead out of a campaign for good: when this returns, nothing more of it enters `sending`.

    A message in transit finishes. On a stopped one it changes nothing. Raises NotFound, and Conflict when every step
    is behind it.
    """

    async def work(tx: Connection) -> EnrollmentRow:
        before = await _lock(tx, workspace_id, enrollment_id)
        if before.state is not EnrollmentState.STOPPED:
            enrollment_after(before.state, EnrollmentEvent.STOP)
            await take_out(tx, workspace_id, [enrollment_id], cause, actor, now)
        return await _read(tx, workspace_id, enrollment_id)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def take_out(
    tx: Connection, workspace_id: int, enrollment_ids: Sequence[int], cause: str, actor: str, now: datetime
) -> list[Moved]:
    """Stops those of these enrollments that are not at an end, in the caller's transaction, behind the closed gate."""
    stopped = EnrollmentState.STOPPED
    moved = await store.set_aside(tx, workspace_id, enrollment_ids, EnrollmentEvent.STOP, stopped, cause, now)
    await store.cancel_deferred(tx, workspace_id, [one.id for one in moved], cause, now)
    await _tell(tx, workspace_id, "enrollment.stopped", moved, cause, actor, now)
    return moved


async def hold(
    database: Database, workspace_id: int, enrollment_id: int, actor: str, now: datetime, cause: str = "manual"
) -> EnrollmentRow:
    """Keeps a lead back in one campaign, at its position, until it is released.

    When this returns, nothing of it enters `sending`. On one that is held for the same cause it changes nothing.
    Raises NotFound, and Conflict: `enrollment_in_transit` while a message of it is being sent (ask again when that is
    through: only then is its position known), or a state that does not allow it.
    """

    async def work(tx: Connection) -> EnrollmentRow:
        before = await _lock(tx, workspace_id, enrollment_id)
        if not (before.state is EnrollmentState.HELD and before.cause == cause):
            _check_releasable(before.cause or "")
            state = enrollment_after(before.state, EnrollmentEvent.HOLD)
            if before.in_transit:
                detail = "a message to this lead is being sent at this moment; hold it when that is through"
                raise Conflict("enrollment_in_transit", detail, "in_transit", (EnrollmentEvent.STOP,))
            moved = await store.set_aside(tx, workspace_id, [enrollment_id], EnrollmentEvent.HOLD, state, cause, now)
            await _tell(tx, workspace_id, "enrollment.held", moved, cause, actor, now)
        return await _read(tx, workspace_id, enrollment_id)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def release(
    database: Database, workspace_id: int, enrollment_id: int, actor: str, now: datetime
) -> EnrollmentRow:
    """Lets a held lead go on from its position. On one that waits or is claimed it changes nothing.

    Raises NotFound, and Conflict: `unknown_outcome` where the fate of a message must be settled first, or a state
    that does not allow it.
    """

    async def work(tx: Connection) -> EnrollmentRow:
        before = await _lock(tx, workspace_id, enrollment_id)
        if before.state not in (EnrollmentState.WAITING, EnrollmentState.CLAIMED):
            enrollment_after(before.state, EnrollmentEvent.RELEASE)
            cause = before.cause or ""
            _check_releasable(cause)
            moved = await store.release(tx, workspace_id, [enrollment_id], [cause], now)
            await _tell(tx, workspace_id, "enrollment.released", moved, cause, actor, now)
        return await _read(tx, workspace_id, enrollment_id)

    return await database.run(work)


async def release_held(
    database: Database, workspace_id: int, campaign_id: int, cause: str, actor: str, now: datetime
) -> int:
    """Lets all leads of a campaign go on that are held for `cause`; answers how many. In transactions of 1,000.

    Raises NotFound, and Conflict `unknown_outcome` for that cause.
    """
    _check_releasable(cause)
    above = 0
    released = 0

    async def work(tx: Connection) -> tuple[int, list[tuple[int, int]]]:
        if await campaign_store.get(tx, workspace_id, campaign_id) is None:
            raise NotFound("campaign_not_found", "there is no such campaign")
        held = await store.held_for(tx, workspace_id, campaign_id, cause, above, CHUNK)
        moved = await store.release(tx, workspace_id, [one for one, _ in held], [cause], now)
        await _tell(tx, workspace_id, "enrollment.released", moved, cause, actor, now)
        return len(moved), held

    while True:
        number, held = await database.run(work)
        released += number
        if len(held) < CHUNK:
            return released
        above = held[-1][1]


def _check_releasable(cause: str) -> None:
    if cause in _SETTLED_OTHERWISE:
        detail = "nobody knows whether its last message has arrived; settle that message first"
        raise Conflict("unknown_outcome", detail, EnrollmentState.HELD, ("settle", EnrollmentEvent.STOP))


async def _lock(tx: Connection, workspace_id: int, enrollment_id: int) -> Locked:
    rows = await store.lock(tx, workspace_id, [enrollment_id])
    if not rows:
        raise _missing()
    return rows[0]


async def _read(tx: Connection, workspace_id: int, enrollment_id: int) -> EnrollmentRow:
    row = await store.get(tx, workspace_id, enrollment_id)
    assert row is not None
    return row


def _missing() -> NotFound:
    return NotFound("enrollment_not_found", "there is no such enrollment")


async def _tell(
    tx: Connection, workspace_id: int, kind: str, moved: Sequence[Moved], cause: str, actor: str, now: datetime
) -> None:
    entries = [
        events.Entry(kind, one.campaign_id, one.id, one.step, None, one.lead_id, {"cause": cause}) for one in moved
    ]
    await events.append(tx, workspace_id, now, actor, entries)
    for campaign_id in sorted({one.campaign_id for one in moved}):
        await campaign_store.notify(tx, workspace_id, kind, campaign_id)
