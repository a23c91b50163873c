"""What one can do with the status of a campaign: start, pause, resume, edit, stop, schedule, archive."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from caesura.domain import campaign_time
from caesura.domain.campaign_time import ClockMode
from caesura.domain.errors import Conflict, Invalid, Problem
from caesura.domain.lifecycle import CampaignState, CampaignVerb, campaign_verbs
from caesura.service.campaign_moves import get_row, moved, set_status
from caesura.store import bounces, events
from caesura.store import campaigns as store
from caesura.store import sending as gate
from caesura.store.campaigns import CampaignRow, Counters
from caesura.store.database import Connection, Database

ON_OVERDUE = ("spread", "skip", "review")
NEW_LEADS = ("hold", "reject")
_QUIET = (CampaignState.PAUSED, CampaignState.EDITING)
# Pauses whose overdue steps are still told apart; what is left of earlier ones goes out like any other.
PAUSES = 50


@dataclass(frozen=True, slots=True)
class Status:
    """A campaign with its exact counts."""

    campaign: CampaignRow
    counters: Counters

    @property
    def in_transit(self) -> int:
        """Messages that passed the gate and have no outcome yet."""
        return self.counters.sending

    @property
    def held(self) -> int:
        """Enrollments that have a step to come and nothing in transit."""
        counted = self.counters
        # Leads that were taken out meanwhile may be in transit too, and are none of the claimed.
        return counted.waiting + counted.held + max(counted.claimed - counted.sending, 0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody has seen of a campaign and acts upon: its version, its status, and since when it had that (UTC)."""

    version: int | None = None
    status_at: datetime | None = None
    status: CampaignState | None = None

    def check(self, row: CampaignRow) -> None:
        """Raises Conflict `version_mismatch` and `status_changed` when the campaign has changed since."""
        allowed = campaign_verbs(row.status)
        if self.version is not None and self.version != row.version:
            detail = f"the campaign is at version {row.version}, not {self.version}: read it again"
            raise Conflict("version_mismatch", detail, row.status, allowed)
        is_other = self.status is not None and self.status is not row.status
        if is_other or (self.status_at is not None and self.status_at != row.status_at):
            detail = "the campaign's status has changed since you read it: read it again"
            raise Conflict("status_changed", detail, row.status, allowed)


ANY = Seen()
"""Whatever is there will do."""


@dataclass(frozen=True, slots=True)
class PauseOptions:
    """How to pause. None leaves what is set: `clock` freeze, `new_leads` hold, `on_overdue` spread at first.

    `resume_at` (UTC) resumes by itself, and `stays` takes that back; `reason` is a person's own words (at most 500
    characters).
    """

    reason: str | None = None
    resume_at: datetime | None = None
    clock: str | None = None
    new_leads: str | None = None
    on_overdue: str | None = None
    stays: bool = False

    def check(self, now: datetime) -> None:
        """Raises Invalid, with a pointer for each field that is wrong."""
        problems = []
        if self.clock is not None and self.clock not in tuple(ClockMode):
            problems.append(Problem("bad_clock", "clock is freeze or run", "/clock"))
        if self.new_leads is not None and self.new_leads not in NEW_LEADS:
            problems.append(Problem("bad_new_leads", "new_leads is hold or reject", "/new_leads"))
        if self.on_overdue is not None and self.on_overdue not in ON_OVERDUE:
            problems.append(Problem("bad_on_overdue", "on_overdue is spread, skip or review", "/on_overdue"))
        if self.resume_at is not None and self.resume_at <= now:
            problems.append(Problem("resume_at_past", "resume_at must be in the future", "/resume_at"))
        if self.reason is not None and len(self.reason) > 500:
            problems.append(Problem("reason_too_long", "reason has at most 500 characters", "/reason"))
        if problems:
            raise Invalid.of(*problems)


async def status(database: Database, workspace_id: int, campaign_id: int, now: datetime) -> Status:
    """The campaign and its counts; notes that it is quiet when it has become so. Raises NotFound."""

    async def work(tx: Connection) -> Status:
        return await standing(tx, await get_row(tx, workspace_id, campaign_id), now)

    return await database.run(work)


async def pause(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    options: PauseOptions,
    actor: str,
    now: datetime,
    cause: str | None = None,
    seen: Seen = ANY,
) -> Status:
    """Pauses a campaign that runs or is edited: when this returns, no message of it enters `sending` any more (G1).

    One row changes, however many leads there are (G4). On a paused campaign it only changes what is given, and answers
    the state: another `cause` (a code word; None: `manual` for a new pause) comes with its actor and its reason, while
    `status_at` and `paused_at` stay. Raises NotFound, Invalid, and Conflict in any other status or when the campaign is
    not as `seen`.
    """
    options.check(now)

    async def work(tx: Connection) -> Status:
        before = await get_row(tx, workspace_id, campaign_id, lock=True)
        seen.check(before)
        return await standing(tx, await pause_or_change(tx, before, options, actor, now, cause), now)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def pause_or_change(
    tx: Connection, before: CampaignRow, options: PauseOptions, actor: str, now: datetime, cause: str | None
) -> CampaignRow:
    """As `pause`, for a locked campaign in the caller's transaction, which has closed the gate first."""
    if before.status is CampaignState.PAUSED:
        return await _change_pause(tx, before, options, actor, now, cause)
    return await pause_within(tx, before, options, actor, now, cause or "manual")


async def pause_within(
    tx: Connection,
    before: CampaignRow,
    options: PauseOptions,
    actor: str,
    now: datetime,
    cause: str,
    **facts: Any,
) -> CampaignRow:
    """Pauses a locked campaign in the caller's transaction, which has closed the gate as its first statement.

    `facts` stand in the event. Raises Conflict in a status that does not allow it.
    """
    clock = campaign_time.pause(before.clock, now, ClockMode(options.clock or ClockMode.FREEZE))
    after = replace(
        moved(before, CampaignVerb.PAUSE, cause, actor, options.reason),
        paused_at=now,
        quiesced_at=None,
        resume_at=options.resume_at,
        clock_mode=clock.mode,
        clock_offset=clock.offset,
        clock_stopped_at=clock.stopped_at,
        new_leads=options.new_leads or "hold",
        on_overdue=options.on_overdue or "spread",
        overdue_since=[*before.overdue_since, campaign_time.campaign_now(before.clock, now)],
    )
    return await set_status(tx, before, after, now, "campaign.paused", **facts)


async def resume(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    actor: str,
    now: datetime,
    cause: str = "manual",
    seen: Seen = ANY,
) -> Status:
    """Lets a campaign that is paused or being edited go on from the same position, within the same limits as ever (G5).

    On a running campaign it changes nothing. Raises NotFound, and Conflict in any other status, when archived, or when
    the campaign is not as `seen`.
    """

    async def work(tx: Connection) -> Status:
        before = await get_row(tx, workspace_id, campaign_id, lock=True)
        seen.check(before)
        if before.status is CampaignState.RUNNING:
            return await _status(tx, before)
        if before.archived:
            detail = "an archived campaign cannot be resumed: unarchive it first"
            raise Conflict("campaign_archived", detail, before.status, ("unarchive",))
        return await _status(tx, await _resume(tx, before, actor, now, cause))

    return await database.run(work)


async def _resume(tx: Connection, before: CampaignRow, actor: str, now: datetime, cause: str) -> CampaignRow:
    clock = campaign_time.resume(before.clock, now)
    after = replace(
        moved(before, CampaignVerb.RESUME, cause, actor, None),
        paused_at=None,
        quiesced_at=None,
        resume_at=None,
        clock_offset=clock.offset,
        clock_stopped_at=None,
    )
    after = _close_overdue(after, campaign_time.campaign_now(clock, now))
    row = await set_status(tx, before, after, now, "campaign.resumed")
    await bounces.resumed(tx, row.workspace_id, row.id, now)
    return row


def _close_overdue(row: CampaignRow, until: datetime) -> CampaignRow:
    """The row with the span of the pause that ends, in campaign time, and its choice: one row, however many leads.

    What fell due between two pauses is in no span; neither is what may go out like any other.
    """
    if len(row.overdue_since) == len(row.overdue_until):
        return row
    *earlier, since = row.overdue_since
    if row.on_overdue == "spread" or since >= until:
        return replace(row, overdue_since=earlier)
    return replace(
        row,
        overdue_since=row.overdue_since[-PAUSES:],
        overdue_until=[*row.overdue_until, until][-PAUSES:],
        overdue_policy=[*row.overdue_policy, row.on_overdue][-PAUSES:],
    )


async def start_editing(
    database: Database, workspace_id: int, campaign_id: int, actor: str, now: datetime, cause: str = "manual"
) -> Status:
    """Takes a campaign out of sending until `resume`, so that nobody gets half-edited content.

    When this returns, no message of it enters `sending` any more (G1); one row changes (G4). Its clock stands still:
    nothing falls due meanwhile, and each lead keeps its position (G2, G5). A pause ends with it, what fell due there
    being treated as that pause has chosen, and so does a planned resume. A completed campaign may be edited too:
    resumed with nothing left to send, it is completed again. While it is being edited this changes nothing. Raises
    NotFound, and Conflict in any other status.
    """

    async def work(tx: Connection) -> Status:
        before = await get_row(tx, workspace_id, campaign_id, lock=True)
        if before.status is CampaignState.EDITING:
            return await standing(tx, before, now)
        return await standing(tx, await edit_within(tx, before, actor, now, cause), now)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def edit_within(tx: Connection, before: CampaignRow, actor: str, now: datetime, cause: str) -> CampaignRow:
    """As `start_editing`, for a locked campaign in the caller's transaction, which has closed the gate first."""
    clock = campaign_time.pause(before.clock, now, ClockMode.FREEZE)
    after = replace(
        _close_overdue(moved(before, CampaignVerb.EDIT, cause, actor, None), campaign_time.campaign_now(clock, now)),
        paused_at=now,
        quiesced_at=None,
        resume_at=None,
        clock_mode=clock.mode,
        clock_offset=clock.offset,
        clock_stopped_at=clock.stopped_at,
        new_leads="hold",
        on_overdue="spread",
    )
    return await set_status(tx, before, after, now, "campaign.editing_started")


async def stop(
    database: Database, workspace_id: int, campaign_id: int, reason: str | None, actor: str, now: datetime
) -> Status:
    """Ends a campaign for good; what is in transit finishes. On a stopped campaign it changes nothing.

    Raises NotFound. Conflict cannot come: every status but stopped allows it.
    """

    async def work(tx: Connection) -> Status:
        before = await get_row(tx, workspace_id, campaign_id, lock=True)
        return await _status(tx, await _stop(tx, before, reason, actor, now))

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def _stop(tx: Connection, before: CampaignRow, reason: str | None, actor: str, now: datetime) -> CampaignRow:
    if before.status is CampaignState.STOPPED:
        return before
    after = _unpaused(moved(before, CampaignVerb.STOP, "manual", actor, reason))
    return await set_status(tx, before, after, now, "campaign.stopped")


async def withdraw(database: Database, workspace_id: int, campaign_id: int, actor: str, now: datetime) -> Status:
    """Stops a campaign for good and puts it out of sight, in one transaction and in any status; the ledger stays.

    What is in transit finishes. Once withdrawn, it changes nothing. Raises NotFound.
    """

    async def work(tx: Connection) -> Status:
        before = await get_row(tx, workspace_id, campaign_id, lock=True)
        stopped = await _stop(tx, before, None, actor, now)
        return await _status(tx, await _archive(tx, stopped, True, actor, now))

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def schedule(
    database: Database, workspace_id: int, campaign_id: int, starts_at: datetime, actor: str, now: datetime
) -> Status:
    """Lets a draft start by itself at `starts_at` (UTC, in the future). Raises NotFound, Invalid, Conflict."""
    if starts_at <= now:
        raise Invalid.of(Problem("starts_at_past", "starts_at must be in the future", "/starts_at"))
    kind = "campaign.scheduled"
    return await _move(database, workspace_id, campaign_id, CampaignVerb.SCHEDULE, kind, actor, now, starts_at)


async def unschedule(database: Database, workspace_id: int, campaign_id: int, actor: str, now: datetime) -> Status:
    """Makes a scheduled campaign a draft again. Raises NotFound, Conflict."""
    return await _move(database, workspace_id, campaign_id, CampaignVerb.UNSCHEDULE, "campaign.unscheduled", actor, now)


async def submit(database: Database, workspace_id: int, campaign_id: int, actor: str, now: datetime) -> Status:
    """Lays a draft before a person, whose approval starts it (see `definitions.start`). Raises NotFound, Conflict."""
    return await _move(database, workspace_id, campaign_id, CampaignVerb.SUBMIT, "campaign.submitted", actor, now)


async def dismiss(
    database: Database, workspace_id: int, campaign_id: int, actor: str, now: datetime, reason: str | None = None
) -> Status:
    """Refuses a submitted campaign: it is a draft again. `reason` is in a person's words. Raises NotFound, Conflict."""
    verb, kind = CampaignVerb.DISMISS, "campaign.dismissed"
    return await _move(database, workspace_id, campaign_id, verb, kind, actor, now, reason=reason)


async def _move(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    verb: CampaignVerb,
    kind: str,
    actor: str,
    now: datetime,
    starts_at: datetime | None = None,
    reason: str | None = None,
) -> Status:
    """A change of status that neither gives nor takes the right to send."""

    async def work(tx: Connection) -> Status:
        before = await get_row(tx, workspace_id, campaign_id, lock=True)
        if before.archived and verb in (CampaignVerb.SCHEDULE, CampaignVerb.SUBMIT):
            detail = f"an archived campaign cannot {verb}: unarchive it first"
            raise Conflict("campaign_archived", detail, before.status, ("unarchive",))
        after = replace(moved(before, verb, "manual", actor, reason), starts_at=starts_at)
        return await _status(tx, await set_status(tx, before, after, now, kind))

    return await database.run(work)


async def archive(
    database: Database, workspace_id: int, campaign_id: int, archived: bool, actor: str, now: datetime
) -> Status:
    """Puts a campaign out of sight, or back. A running one must be paused or stopped first: Conflict."""

    async def work(tx: Connection) -> Status:
        before = await get_row(tx, workspace_id, campaign_id, lock=True)
        if archived and before.status in (CampaignState.RUNNING, CampaignState.SCHEDULED):
            raise Conflict(
                f"campaign_{before.status}",
                f"a campaign that is {before.status} cannot be archived; pause or stop it first",
                before.status,
                campaign_verbs(before.status),
            )
        return await _status(tx, await _archive(tx, before, archived, actor, now))

    return await database.run(work)


async def _archive(tx: Connection, before: CampaignRow, archived: bool, actor: str, now: datetime) -> CampaignRow:
    row = await store.set_archived(tx, before.workspace_id, before.id, archived, now)
    assert row is not None
    if before.archived != archived:
        kind = "campaign.archived" if archived else "campaign.unarchived"
        await events.append(tx, before.workspace_id, now, actor, [events.Entry(kind, before.id)])
    return row


async def begin(
    tx: Connection, before: CampaignRow, verb: CampaignVerb, actor: str, now: datetime, cause: str
) -> CampaignRow:
    """Sets a checked campaign running, in the caller's transaction; `verb` is start, approve or reopen."""
    after = replace(moved(before, verb, cause, actor, None), starts_at=None, started_at=now)
    kind = "campaign.reopened" if verb is CampaignVerb.REOPEN else "campaign.started"
    row = await set_status(tx, before, after, now, kind)
    await bounces.look_again(tx, row.workspace_id, row.id)
    return row


async def complete(database: Database, workspace_id: int, campaign_id: int, now: datetime) -> bool:
    """Ends a running campaign with nothing left to send; whether it did. Leads added later reopen it."""

    async def work(tx: Connection) -> bool:
        before = await store.get(tx, workspace_id, campaign_id, lock=True)
        if before is None or before.status is not CampaignState.RUNNING:
            return False
        if not await store.is_exhausted(tx, workspace_id, campaign_id):
            return False
        await set_status(
            tx, before, moved(before, CampaignVerb.COMPLETE, "finished", "engine", None), now, "campaign.completed"
        )
        return True

    return await database.run(work)


async def quiesce(database: Database, workspace_id: int, campaign_id: int, now: datetime) -> None:
    """Notes that a campaign which is paused or being edited has become quiet, if it has."""
    await status(database, workspace_id, campaign_id, now)


async def resume_due(database: Database, workspace_id: int, campaign_id: int, now: datetime) -> None:
    """Resumes a paused campaign whose planned time has come."""

    async def work(tx: Connection) -> None:
        before = await store.get(tx, workspace_id, campaign_id, lock=True)
        if before is None or before.archived or before.resume_at is None or before.resume_at > now:
            return
        await _resume(tx, before, "engine", now, "resume_at")

    await database.run(work)


def _unpaused(row: CampaignRow) -> CampaignRow:
    return replace(row, paused_at=None, quiesced_at=None, resume_at=None)


async def _change_pause(
    tx: Connection, before: CampaignRow, options: PauseOptions, actor: str, now: datetime, cause: str | None
) -> CampaignRow:
    """Changes what is given of a pause that is under way."""
    known = before
    if cause is not None and cause != before.cause:
        # Who has the pause now is not who had it before, and neither are their words.
        known = replace(before, cause=cause, actor=actor, reason=None)
    clock = before.clock
    if options.clock is not None and options.clock != clock.mode:
        clock = campaign_time.pause(clock, now, ClockMode(options.clock))
    after = replace(
        known,
        reason=options.reason if options.reason is not None else known.reason,
        resume_at=None if options.stays else options.resume_at or before.resume_at,
        clock_mode=clock.mode,
        clock_offset=clock.offset,
        clock_stopped_at=clock.stopped_at,
        new_leads=options.new_leads or before.new_leads,
        on_overdue=options.on_overdue or before.on_overdue,
    )
    if after == before:
        return before
    return await set_status(tx, before, after, now, "campaign.pause_changed", actor)


async def _status(tx: Connection, row: CampaignRow) -> Status:
    return Status(row, await store.counters(tx, row.workspace_id, row.id))


async def standing(tx: Connection, row: CampaignRow, now: datetime) -> Status:
    """A campaign and its counts, in the caller's transaction; notes that it is quiet when it has become so."""
    answer = await _status(tx, row)
    if row.status not in _QUIET or row.quiesced_at is not None or answer.in_transit:
        return answer
    if not await store.set_quiesced(tx, row.workspace_id, row.id, now):
        return answer
    await events.append(tx, row.workspace_id, now, "engine", [events.Entry("campaign.quiesced", row.id)])
    return replace(answer, campaign=replace(row, quiesced_at=now))
