"""Enrollments: leads in campaigns, as people move them. What sending does with them is in `sending`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from caesura.domain.campaign_time import CampaignClock, campaign_now, to_real
from caesura.domain.lifecycle import EnrollmentEvent, EnrollmentState, enrollment_sources
from caesura.store import leads
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("enrollments")


@dataclass(frozen=True, slots=True)
class EnrollmentRow:
    """A lead in a campaign. `due_at` is campaign time, the others are UTC; `step` is the next one, from 1.

    `fields` count here before the lead's own; `extra` is kept. Since `moved_on` its messages are in the history.
    """

    workspace_id: int
    id: int
    campaign_id: int
    lead_id: int
    state: EnrollmentState
    cause: str | None
    step: int
    due_at: datetime
    not_before: datetime | None
    wait_reason: str | None
    parked_under: int | None
    mailbox_id: int | None
    claimed_by: str | None
    lease_until: datetime | None
    fields: Mapping[str, Any] | None
    extra: Mapping[str, Any] | None
    enrolled_at: datetime
    updated_at: datetime
    moved_on: date | None
    address: str

    def due(self, clock: CampaignClock, now: datetime) -> tuple[datetime | None, int | None]:
        """When (UTC) the next step is due by its campaign's clock, and in how many seconds.

        No instant while a pause freezes the clock; neither when no step is to come.
        """
        if self.state in (EnrollmentState.FINISHED, EnrollmentState.STOPPED):
            return None, None
        seconds = max(0, round((self.due_at - campaign_now(clock, now)).total_seconds()))
        return (to_real(clock, self.due_at) if clock.stopped_at is None else None), seconds


@dataclass(frozen=True, slots=True)
class Locked:
    """An enrollment under a lock. `in_transit`: a message of it is being sent."""

    id: int
    campaign_id: int
    lead_id: int
    state: EnrollmentState
    cause: str | None
    step: int
    in_transit: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """An enrollment that changed its state."""

    id: int
    campaign_id: int
    lead_id: int
    step: int


@dataclass(frozen=True, slots=True)
class ListChunk:
    """A part of a list that was enrolled: `members` looked at, the `last` of them, and how many are not suppressed."""

    members: int
    last: int | None
    open: int
    enrolled: int


def _row(row: Any) -> EnrollmentRow:
    return EnrollmentRow(**{**row, "state": EnrollmentState(row["state"])})


async def analyze(tx: Connection, added: int) -> None:
    """Tells the planner of so many new enrollments, if they are news to it: as for leads."""
    if added >= leads.MANY and added > leads.NEWS * await tx.fetchval(SQL["known_to_planner"]):
        await tx.execute(SQL["analyze"])


async def insert(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    lead_ids: Sequence[int],
    due_at: datetime,
    now: datetime,
    fields: Mapping[int, Mapping[str, Any]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[int, int]:
    """Enrols those leads that are not suppressed and not enrolled; answers the enrollments by lead.

    `fields`, by lead, count in this campaign before the lead's own; `extra` is kept with each.
    """
    own = [(fields or {}).get(one) or None for one in lead_ids]
    rows = await tx.fetch(SQL["insert"], workspace_id, campaign_id, list(lead_ids), due_at, now, own, extra)
    return {row["lead_id"]: row["id"] for row in rows}


async def park(
    tx: Connection, workspace_id: int, enrollment_ids: Sequence[int], not_before: datetime, reason: str, now: datetime
) -> None:
    """Enrollments that wait are not claimed before `not_before` (UTC, real time)."""
    await tx.execute(SQL["park"], workspace_id, list(enrollment_ids), not_before, reason, now)


async def insert_list(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    list_id: int,
    due_at: datetime,
    now: datetime,
    above: int,
    limit: int,
    extra: Mapping[str, Any] | None = None,
) -> ListChunk:
    """Enrols the next `limit` members of a list with ids above `above`; `extra` is kept with each."""
    key = (workspace_id, campaign_id, list_id, due_at, now, above, limit, extra)
    [row] = await tx.fetch(SQL["insert_list"], *key)
    return ListChunk(*row)


async def suppressed(tx: Connection, workspace_id: int, campaign_id: int, lead_ids: Sequence[int]) -> set[int]:
    """Those of these leads that a campaign may not write to: suppressed, or refusing its group of messages."""
    return {row["id"] for row in await tx.fetch(SQL["suppressed"], workspace_id, campaign_id, list(lead_ids))}


async def of_leads(tx: Connection, workspace_id: int, campaign_id: int, lead_ids: Sequence[int]) -> dict[int, int]:
    """The campaign's enrollments of these leads, by lead."""
    rows = await tx.fetch(SQL["of_leads"], workspace_id, campaign_id, list(lead_ids))
    return {row["lead_id"]: row["id"] for row in rows}


async def lock_stopped(
    tx: Connection, workspace_id: int, campaign_id: int, lead_ids: Sequence[int], causes: Collection[str]
) -> dict[int, date | None]:
    """The enrollments of these leads that were stopped for one of `causes`, kept for this transaction.

    Each with its part of the history, None where its messages are not there.
    """
    rows = await tx.fetch(SQL["lock_stopped"], workspace_id, campaign_id, list(lead_ids), sorted(causes))
    return {row["id"]: row["moved_on"] for row in rows}


async def stay_out(
    tx: Connection,
    workspace_id: int,
    enrollment_ids: Sequence[int],
    causes: Collection[str],
    cause: str,
    now: datetime,
) -> None:
    """Those of these enrollments that were stopped for one of `causes` are stopped for `cause`."""
    if enrollment_ids:
        await tx.execute(SQL["stay_out"], workspace_id, list(enrollment_ids), sorted(causes), cause, now)


async def begin_anew(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    stopped: Mapping[int, date | None],
    extra: Mapping[str, Any] | None,
    now: datetime,
) -> list[Moved]:
    """What `lock_stopped` found waits again, behind all that was sent; its messages come back out of the history."""
    moved_on = {one: day for one, day in stopped.items() if day is not None}
    if moved_on:
        await tx.execute(SQL["bring_back"], workspace_id, list(moved_on), list(moved_on.values()))
    sources = enrollment_sources(EnrollmentEvent.READMIT)
    key = (workspace_id, campaign_id, list(stopped), now, extra, sources)
    return [Moved(*row) for row in await tx.fetch(SQL["begin_anew"], *key)]


async def get(tx: Connection, workspace_id: int, enrollment_id: int) -> EnrollmentRow | None:
    """One enrollment, or None."""
    row = await tx.fetchrow(SQL["get"], workspace_id, enrollment_id)
    return _row(row) if row else None


async def by_lead(tx: Connection, workspace_id: int, campaign_id: int, lead_id: int) -> EnrollmentRow | None:
    """The enrollment of a lead in a campaign, or None."""
    row = await tx.fetchrow(SQL["by_lead"], workspace_id, campaign_id, lead_id)
    return _row(row) if row else None


async def page(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    above: int,
    state: EnrollmentState | None,
    cause: str | None,
    limit: int,
) -> list[EnrollmentRow]:
    """A page of a campaign's enrollments with lead ids above `above`, in their order."""
    rows = await tx.fetch(SQL["list"], workspace_id, campaign_id, above, state, cause, limit)
    return [_row(row) for row in rows]


async def of_lead(tx: Connection, workspace_id: int, lead_id: int, limit: int) -> list[EnrollmentRow]:
    """The enrollments of one lead in all campaigns, the oldest first."""
    return [_row(row) for row in await tx.fetch(SQL["list_of_lead"], workspace_id, lead_id, limit)]


async def lock(tx: Connection, workspace_id: int, enrollment_ids: Iterable[int]) -> list[Locked]:
    """Those of these enrollments that exist, kept for this transaction."""
    rows = await tx.fetch(SQL["lock"], workspace_id, sorted(enrollment_ids))
    return [Locked(**{**row, "state": EnrollmentState(row["state"])}) for row in rows]


async def set_aside(
    tx: Connection,
    workspace_id: int,
    enrollment_ids: Sequence[int],
    event: EnrollmentEvent,
    state: EnrollmentState,
    cause: str,
    now: datetime,
) -> list[Moved]:
    """Enrollments in a state that allows `event` (hold or stop) go to `state`. Call it behind the closed gate."""
    rows = await tx.fetch(
        SQL["set_aside"], workspace_id, list(enrollment_ids), state, cause, enrollment_sources(event), now
    )
    return [Moved(*row) for row in rows]


async def stop_leads(
    tx: Connection,
    workspace_id: int,
    lead_ids: Sequence[int],
    cause: str,
    states: Collection[EnrollmentState],
    now: datetime,
) -> list[Moved]:
    """Stops the enrollments of these leads that are in one of `states`; nothing of a claimed one is touched."""
    rows = await tx.fetch(SQL["stop_leads"], workspace_id, list(lead_ids), cause, list(states), now)
    return [Moved(*row) for row in rows]


async def cancel_deferred(
    tx: Connection, workspace_id: int, enrollment_ids: Sequence[int], cause: str, now: datetime
) -> None:
    """Messages of these enrollments that wait for another try are cancelled."""
    if enrollment_ids:
        await tx.execute(SQL["cancel_deferred"], workspace_id, list(enrollment_ids), cause, now)


async def held_for(
    tx: Connection, workspace_id: int, campaign_id: int, cause: str, above: int, limit: int
) -> list[tuple[int, int]]:
    """(enrollment, lead) of a campaign that are held for `cause`, in the order of leads, above the lead `above`."""
    rows = await tx.fetch(SQL["held_for"], workspace_id, campaign_id, cause, above, limit)
    return [tuple(row) for row in rows]


async def held_leads(tx: Connection, workspace_id: int, lead_ids: Sequence[int], causes: Collection[str]) -> list[int]:
    """The enrollments of these leads that are held for one of `causes`."""
    return [row["id"] for row in await tx.fetch(SQL["held_leads"], workspace_id, sorted(causes), list(lead_ids))]


async def release(
    tx: Connection, workspace_id: int, enrollment_ids: Sequence[int], causes: Collection[str], now: datetime
) -> list[Moved]:
    """Those of these enrollments that are held for one of `causes` wait again, from the same position."""
    if not enrollment_ids:
        return []
    rows = await tx.fetch(SQL["release"], workspace_id, list(enrollment_ids), sorted(causes), now)
    return [Moved(*row) for row in rows]


async def claimed_leads(tx: Connection, workspace_id: int, lead_ids: Sequence[int]) -> list[int]:
    """Those of these leads that a worker has claimed somewhere."""
    return [row["lead_id"] for row in await tx.fetch(SQL["claimed_leads"], workspace_id, list(lead_ids))]


async def give_back_leads(tx: Connection, workspace_id: int, lead_ids: Sequence[int], now: datetime) -> int:
    """Takes claims on these leads from the workers, but for what is in transit. Call it behind the closed gate."""
    return len(await tx.fetch(SQL["give_back_leads"], workspace_id, list(lead_ids), now))


async def rebind(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    above: int,
    limit: int,
    usable: Sequence[int],
    targets: Sequence[int],
    now: datetime,
) -> tuple[int | None, int]:
    """Deals the next `limit` enrollments above the lead `above`, where bound to none of `usable`, out over `targets`.

    Answers the last lead looked at, None when there was none, and how many were dealt out.
    """
    key = (workspace_id, campaign_id, above, limit, now, list(usable), list(targets))
    [row] = await tx.fetch(SQL["rebind"], *key)
    return row["last"], row["rebound"]


async def wake_leads(tx: Connection, workspace_id: int, lead_ids: Sequence[int], now: datetime) -> None:
    """What windows and dates have parked of these leads is asked again."""
    await tx.execute(SQL["wake_leads"], workspace_id, list(lead_ids), now)
