"""Campaigns, their steps, counters and status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from caesura.domain.campaign_time import CampaignClock, ClockMode
from caesura.domain.lifecycle import CampaignState
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("campaigns")


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as stored; of the kind `single`, a mailing of its own that is in no list.

    Times are UTC; `overdue_*` and what the offset is taken from are campaign time."""

    workspace_id: int
    id: int
    name: str
    status: CampaignState
    cause: str
    actor: str
    reason: str | None
    status_at: datetime
    pool_id: int | None
    definition: Mapping[str, Any]
    starts_at: datetime | None
    started_at: datetime | None
    paused_at: datetime | None
    quiesced_at: datetime | None
    resume_at: datetime | None
    clock_mode: str
    clock_offset: timedelta
    clock_stopped_at: datetime | None
    new_leads: str
    on_overdue: str
    overdue_since: Sequence[datetime]
    overdue_until: Sequence[datetime]
    overdue_policy: Sequence[str]
    archived: bool
    kind: str
    turned_away: int
    timing: int
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def clock(self) -> CampaignClock:
        """The campaign's own clock."""
        return CampaignClock(self.clock_offset, self.clock_stopped_at, ClockMode(self.clock_mode))


@dataclass(frozen=True, slots=True)
class Counters:
    """Exact counts: enrollments by state, then messages by state."""

    waiting: int
    claimed: int
    held: int
    finished: int
    stopped: int
    sending: int
    sent: int
    deferred: int
    rejected: int
    unknown: int
    cancelled: int

    @property
    def enrolled(self) -> int:
        """All enrollments."""
        return self.waiting + self.claimed + self.held + self.finished + self.stopped


_NOTHING = Counters(*([0] * len(Counters.__slots__)))


def _row(row: Any) -> CampaignRow:
    return CampaignRow(**{**row, "status": CampaignState(row["status"])})


async def insert(
    tx: Connection,
    workspace_id: int,
    name: str,
    pool_id: int | None,
    definition: Mapping[str, Any],
    starts_at: datetime | None,
    actor: str,
    now: datetime,
    kind: str = "sequence",
) -> int:
    """A new draft; answers its id."""
    values = (name, actor, now, pool_id, definition, starts_at, kind)
    campaign_id: int = await tx.fetchval(SQL["insert"], workspace_id, *values)
    await tx.execute(SQL["insert_pace"], workspace_id, campaign_id)
    return campaign_id


async def get(tx: Connection, workspace_id: int, campaign_id: int, lock: bool = False) -> CampaignRow | None:
    """The campaign, or None; `lock` keeps it for this transaction."""
    row = await tx.fetchrow(SQL["lock" if lock else "get"], workspace_id, campaign_id)
    return _row(row) if row else None


async def turn_away(tx: Connection, workspace_id: int, campaign_id: int, count: int) -> None:
    """How many of those enrolled last may not be written to."""
    await tx.execute(SQL["turn_away"], workspace_id, campaign_id, count)


async def find(tx: Connection, workspace_id: int, name: str) -> list[CampaignRow]:
    """At most two campaigns of this name that are not archived."""
    return [_row(row) for row in await tx.fetch(SQL["find"], workspace_id, name)]


async def page(
    tx: Connection,
    workspace_id: int,
    below: int | None,
    status: str | None,
    archived: bool | None,
    part: str | None,
    limit: int,
) -> list[CampaignRow]:
    """A page of campaigns with ids under `below`, newest first: all, or those with `part` in the name."""
    return [_row(row) for row in await tx.fetch(SQL["list"], workspace_id, below, status, archived, part, limit)]


async def update_definition(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    name: str,
    pool_id: int | None,
    definition: Mapping[str, Any],
    starts_at: datetime | None,
    is_retimed: bool,
    now: datetime,
) -> int:
    """Stores edited content; answers the new version. `is_retimed`: it has other windows, zones or fixed dates."""
    version: int = await tx.fetchval(
        SQL["update_definition"], workspace_id, campaign_id, name, pool_id, definition, starts_at, now, is_retimed
    )
    return version


async def set_status(
    tx: Connection, before: CampaignRow, after: CampaignRow, now: datetime, kind: str, actor: str, data: dict[str, Any]
) -> CampaignRow | None:
    """Moves `before` to `after` by compare-and-set on the status; None when another was faster.

    With it go an event of this kind and, on commit, a hint to whoever listens.
    """
    row = await tx.fetchrow(
        SQL["set_status"],
        before.workspace_id,
        before.id,
        before.status,
        after.status,
        after.cause,
        after.actor,
        after.reason,
        now,
        after.paused_at,
        after.quiesced_at,
        after.resume_at,
        after.clock_mode,
        after.clock_offset,
        after.clock_stopped_at,
        after.new_leads,
        after.on_overdue,
        after.overdue_since,
        after.overdue_until,
        after.overdue_policy,
        after.starts_at,
        after.started_at,
        kind,
        actor,
        data,
        _hint(before.workspace_id, kind, before.id),
    )
    return _row(row) if row else None


async def give_pool(tx: Connection, workspace_id: int, campaign_id: int, pool_id: int, now: datetime) -> CampaignRow:
    """Sets the pool of a campaign that is there, under a new version."""
    return _row(await tx.fetchrow(SQL["give_pool"], workspace_id, campaign_id, pool_id, now))


async def shift_gap(tx: Connection, workspace_id: int, campaign_id: int, seconds: float) -> None:
    """Moves the end of a campaign's gap by so many seconds."""
    await tx.execute(SQL["shift_gap"], workspace_id, campaign_id, seconds)


async def set_quiesced(tx: Connection, workspace_id: int, campaign_id: int, now: datetime) -> bool:
    """Notes that a campaign which is paused or being edited is quiet, if it is; whether this call did."""
    return await tx.fetchval(SQL["set_quiesced"], workspace_id, campaign_id, now) is not None


async def set_archived(
    tx: Connection, workspace_id: int, campaign_id: int, archived: bool, now: datetime
) -> CampaignRow | None:
    """Sets the flag; None when there is no such campaign."""
    row = await tx.fetchrow(SQL["set_archived"], workspace_id, campaign_id, archived, now)
    return _row(row) if row else None


async def delete(tx: Connection, workspace_id: int, campaign_id: int) -> None:
    """Deletes a campaign with its steps; fails by foreign key when it has enrollments."""
    await tx.execute(SQL["delete"], workspace_id, campaign_id)


async def steps(tx: Connection, workspace_id: int, campaign_id: int) -> list[Mapping[str, Any]]:
    """The steps' definitions, in order, each with its `id`."""
    return [{**row["definition"], "id": row["id"]} for row in await tx.fetch(SQL["steps"], workspace_id, campaign_id)]


async def steps_of(
    tx: Connection, workspace_id: int, campaign_ids: Sequence[int]
) -> dict[int, list[Mapping[str, Any]]]:
    """The same of several campaigns, by their ids."""
    found: dict[int, list[Mapping[str, Any]]] = {one: [] for one in campaign_ids}
    for row in await tx.fetch(SQL["steps_of"], workspace_id, list(campaign_ids)):
        found[row["campaign_id"]].append({**row["definition"], "id": row["id"]})
    return found


async def replace_steps(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    definitions: Sequence[Mapping[str, Any]],
    ids: Sequence[int | None],
) -> None:
    """Stores the whole sequence anew; a step whose id is None has a new one."""
    await tx.execute(SQL["delete_steps"], workspace_id, campaign_id)
    numbers = list(range(1, len(definitions) + 1))
    await tx.execute(SQL["insert_steps"], workspace_id, campaign_id, numbers, list(definitions), list(ids))


async def highest_used_step(tx: Connection, workspace_id: int, campaign_id: int) -> int:
    """The last step with a message in the ledger; 0 when there is none."""
    number: int = await tx.fetchval(SQL["highest_used_step"], workspace_id, campaign_id)
    return number


async def counters(tx: Connection, workspace_id: int, campaign_id: int) -> Counters:
    """Exact counts, at a cost that does not grow with the campaign."""
    [row] = await tx.fetch(SQL["counters"], workspace_id, campaign_id)
    return Counters(*row)


async def counters_of(tx: Connection, workspace_id: int, campaign_ids: Sequence[int]) -> dict[int, Counters]:
    """The same of several campaigns, by their ids."""
    found = dict.fromkeys(campaign_ids, _NOTHING)
    for row in await tx.fetch(SQL["counters_of"], workspace_id, list(campaign_ids)):
        found[row["campaign_id"]] = Counters(*tuple(row)[1:])
    return found


async def due_by_themselves(tx: Connection, now: datetime) -> list[tuple[int, int, str]]:
    """(workspace, campaign, status) of those whose start or resume has come; at most 100."""
    return [tuple(row) for row in await tx.fetch(SQL["due_by_themselves"], now)]


async def unquiet(tx: Connection) -> list[tuple[int, int]]:
    """(workspace, campaign) of those that are paused or being edited and not known to be quiet; at most 100."""
    return [tuple(row) for row in await tx.fetch(SQL["unquiet"])]


async def exhausted(tx: Connection) -> list[tuple[int, int]]:
    """(workspace, campaign) of running ones with nothing left; at most 100."""
    return [tuple(row) for row in await tx.fetch(SQL["exhausted"])]


async def is_exhausted(tx: Connection, workspace_id: int, campaign_id: int) -> bool:
    """Whether a campaign with leads has nothing left to send."""
    answer: bool = await tx.fetchval(SQL["is_exhausted"], workspace_id, campaign_id)
    return answer


async def due_count(
    tx: Connection, workspace_id: int, campaign_id: int, campaign_now: datetime, paused_at: datetime | None
) -> tuple[int, int]:
    """(due at `campaign_now`, of these fallen due in the pause since `paused_at`), both instants in campaign time."""
    [row] = await tx.fetch(SQL["due_count"], workspace_id, campaign_id, campaign_now, paused_at)
    return row["due"], row["overdue"]


async def due_by_hour(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    campaign_now: datetime,
    until: datetime,
    paused_at: datetime | None,
) -> list[tuple[datetime, int, bool, int]]:
    """(hour in campaign time, step, whether it is an opening, count), what is due counted at `campaign_now`.

    What fell due since `paused_at` is left out, unless that is None.
    """
    rows = await tx.fetch(SQL["due_by_hour"], workspace_id, campaign_id, campaign_now, until, paused_at)
    return [tuple(row) for row in rows]


async def held_by_cause(tx: Connection, workspace_id: int, campaign_id: int) -> list[tuple[str, int]]:
    """(cause, count) of the enrollments that are set aside, the most first."""
    return [tuple(row) for row in await tx.fetch(SQL["held_by_cause"], workspace_id, campaign_id)]


async def notify(tx: Connection, workspace_id: int, kind: str, campaign_id: int | None = None) -> None:
    """Hints to workers and pages, on commit, that something changed."""
    await tx.execute(SQL["notify"], _hint(workspace_id, kind, campaign_id))


def _hint(workspace_id: int, kind: str, campaign_id: int | None) -> str:
    return msgspec.json.encode({"workspace": workspace_id, "kind": kind, "campaign": campaign_id}).decode()
