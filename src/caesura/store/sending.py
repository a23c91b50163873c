"""The rows of the sending path. Order of locks in a mark: gate, paces, enrollments, messages, counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct

from caesura.domain.enclosures import Copy
from caesura.domain.sequence import Next
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("sending")

# The class of the advisory locks that are gates; the object is the workspace.
GATE = 0x43414553


@dataclass(frozen=True, slots=True)
class Runnable:
    """A campaign that may send, and the version of its content."""

    workspace_id: int
    campaign_id: int
    version: int


@dataclass(frozen=True, slots=True)
class ReadyMailbox:
    """A mailbox that may be ready, and its load."""

    mailbox_id: int
    version: int
    day: date | None
    used: int
    ready_at: datetime | None
    busy_until: datetime | None


class Claimed(Struct, frozen=True, gc=False):
    """An enrollment under a lease, with its lead and the thread so far."""

    enrollment_id: int
    lead_id: int
    step: int
    due_at: datetime
    mailbox_id: int | None
    address: str
    address_key: str
    domain: str
    fields: Mapping[str, Any]
    zone: str | None
    message_ids: tuple[str, ...] = ()
    subjects: tuple[str | None, ...] = ()


class Wanted(Struct, frozen=True, gc=False):
    """A claimed enrollment whose message is composed and asks for the gate. `closes_at` is when its window ends.

    `mailbox_version` is what it was composed for.
    """

    claimed: Claimed
    mailbox_id: int
    mailbox_version: int
    variant: int
    message_id: str
    subject: str
    closes_at: datetime | None = None
    copies: tuple[Copy, ...] = ()


class Marked(Struct, frozen=True, gc=False):
    """A message in `sending`. `attempt` counts marks; `refusals` how often a server has put it off before."""

    enrollment_id: int
    step: int
    attempt: int
    refusals: int


class Settlement(Struct, frozen=True, gc=False):
    """What became of one attempt, as the ledger keeps it."""

    enrollment_id: int
    step: int
    attempt: int
    state: str
    cause: str | None
    refused: int
    stage: str
    reply_code: int | None
    reply: str | None


@dataclass(frozen=True, slots=True)
class BehindGate:
    """What a mark reads behind the gate. Holds and suppressions are `level:subject` and `kind:value`."""

    status: str
    version: int
    archived: bool
    started_at: datetime | None
    clock_offset: timedelta
    holds: frozenset[str]
    suppressions: frozenset[str]
    mailboxes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """The load row of a mailbox."""

    mailbox_id: int
    day: date | None
    used: int
    ready_at: datetime | None
    busy_until: datetime | None
    wait_until: datetime | None = None
    wait_reason: str | None = None


def entering_gate(workspace_id: int) -> str:
    """Passes the gate together with other marks, until the transaction ends. Must be its `opening`.

    A fair lock: a mark that comes after a waiting pause queues behind it.
    """
    return f"select pg_advisory_xact_lock_shared({GATE}, {workspace_id:d})"


def closing_gate(workspace_id: int) -> str:
    """Waits until no mark is inside and keeps the gate shut until the transaction ends. Must be its `opening`.

    So does whoever puts back a right to send: what was marked before is in transit, nothing is marked after.
    """
    return f"select pg_advisory_xact_lock({GATE}, {workspace_id:d})"


async def runnable(tx: Connection) -> list[Runnable]:
    """The campaigns of all workspaces that may send now."""
    return [Runnable(*row) for row in await tx.fetch(SQL["runnable"])]


async def ready_mailboxes(
    tx: Connection, workspace_id: int, campaign_id: int, horizon: datetime, now: datetime, limit: int
) -> list[ReadyMailbox]:
    """The mailboxes of the campaign's pool whose `ready_at` is not past `horizon`, at most `limit`."""
    rows = await tx.fetch(SQL["ready_mailboxes"], workspace_id, campaign_id, horizon, now, limit)
    return [ReadyMailbox(*row) for row in rows]


async def ready_for_follow_ups(
    tx: Connection, workspace_id: int, campaign_id: int, horizon: datetime, now: datetime, limit: int, due: datetime
) -> list[ReadyMailbox]:
    """Those of them that a follow-up is due from at `due` (campaign time)."""
    rows = await tx.fetch(SQL["ready_for_follow_ups"], workspace_id, campaign_id, horizon, now, limit, due)
    return [ReadyMailbox(*row) for row in rows]


async def campaign_load(
    tx: Connection, workspace_id: int, campaign_id: int, lock: bool
) -> tuple[date | None, int, int, datetime | None]:
    """(day, used, opened) of a campaign's quotas, and the end of its gap; `lock` keeps them for this transaction."""
    query = SQL["lock_campaign_pace" if lock else "campaign_load"]
    row = await tx.fetchrow(query, workspace_id, campaign_id)
    return tuple(row) if row else (None, 0, 0, None)


async def is_in_transit(tx: Connection, workspace_id: int, campaign_id: int) -> bool:
    """Whether a message of the campaign is in transit."""
    answer: bool = await tx.fetchval(SQL["is_in_transit"], workspace_id, campaign_id)
    return answer


async def save_campaign_load(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    day: date | None,
    used: int,
    opened: int,
    ready_at: datetime | None,
) -> None:
    """Writes what `campaign_load` locked."""
    await tx.execute(SQL["save_campaign_pace"], workspace_id, campaign_id, day, used, opened, ready_at)


async def claim_follow_ups(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    campaign_now: datetime,
    rooms: Sequence[tuple[int, int]],
    limit: int,
    worker: str,
    lease_until: datetime,
    now: datetime,
) -> list[Claimed]:
    """Claims at most `limit` due follow-ups, for each (mailbox, room) at most its room."""
    rows = await tx.fetch(
        SQL["claim_follow_ups"],
        workspace_id,
        campaign_id,
        campaign_now,
        limit,
        [mailbox for mailbox, _ in rooms],
        [room for _, room in rooms],
        worker,
        lease_until,
        now,
    )
    return [
        Claimed(
            row["id"], row["lead_id"], row["step"], row["due_at"], row["mailbox_id"], row["address"],
            row["address_key"], row["domain"], row["fields"], row["zone"],
            tuple(row["message_ids"] or ()), tuple(row["subjects"] or ()),
        )
        for row in rows
    ]  # fmt: skip


async def claim_openings(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    campaign_now: datetime,
    limit: int,
    worker: str,
    lease_until: datetime,
    now: datetime,
) -> list[Claimed]:
    """Claims at most `limit` due leads that no mailbox has written to."""
    rows = await tx.fetch(
        SQL["claim_openings"], workspace_id, campaign_id, campaign_now, limit, worker, lease_until, now
    )
    return [
        Claimed(
            row["id"], row["lead_id"], row["step"], row["due_at"], None, row["address"],
            row["address_key"], row["domain"], row["fields"], row["zone"],
        )
        for row in rows
    ]  # fmt: skip


async def give_back(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    worker: str,
    parked: Sequence[tuple[int, int, datetime | None, str | None]],
    now: datetime,
    timing: int | None = None,
) -> int:
    """Claimed enrollments wait again; each as (id, step, not before, reason), the last two None when not parked.

    `timing` is that of the campaign whose windows and dates have parked them; None: something else did.
    """
    if not parked:
        return 0
    ids, steps, untils, reasons = (list(column) for column in zip(*parked, strict=True))
    of = (workspace_id, campaign_id, ids, worker, now, untils, reasons, timing, steps)
    rows = await tx.fetch(SQL["give_back"], *of)
    return len(rows)


async def set_aside(
    tx: Connection, workspace_id: int, worker: str, aside: Sequence[tuple[int, int, str, str]], now: datetime
) -> list[dict[str, Any]]:
    """Claimed enrollments become held or stopped; each as (id, step, state, cause). Answers those that did."""
    if not aside:
        return []
    ids, steps, states, causes = (list(column) for column in zip(*aside, strict=True))
    rows = await tx.fetch(SQL["set_aside"], workspace_id, ids, worker, now, states, causes, steps)
    return [dict(row) for row in rows]


async def pass_over(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    worker: str,
    passed: Sequence[tuple[int, int, str]],
    now: datetime,
) -> list[dict[str, Any]]:
    """Writes steps that are not sent, each as (enrollment, step, cause), into the ledger as cancelled."""
    if not passed:
        return []
    ids, steps, causes = (list(column) for column in zip(*passed, strict=True))
    rows = await tx.fetch(SQL["pass_over"], workspace_id, campaign_id, ids, steps, causes, worker, now)
    return [dict(row) for row in rows]


async def advance(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    moves: Sequence[tuple[int, int, Next, int | None]],
    now: datetime,
) -> list[dict[str, Any]]:
    """Moves claimed enrollments on, each as (id, from step, where to, the mailbox that sent this step or None).

    The first mailbox stays theirs. Answers those that moved.
    """
    if not moves:
        return []
    rows = await tx.fetch(
        SQL["advance"],
        workspace_id,
        campaign_id,
        [enrollment for enrollment, _, _, _ in moves],
        now,
        [step for _, step, _, _ in moves],
        [after.state.value for _, _, after, _ in moves],
        [after.step for _, _, after, _ in moves],
        [float(after.delay_seconds) for _, _, after, _ in moves],
        [mailbox for _, _, _, mailbox in moves],
    )
    return [dict(row) for row in rows]


async def bind(tx: Connection, workspace_id: int, mailboxes: Sequence[tuple[int, int]]) -> None:
    """Later steps of these leave from where the first message left, each as (enrollment, mailbox)."""
    if mailboxes:
        enrollments, ids = (list(column) for column in zip(*mailboxes, strict=True))
        await tx.execute(SQL["bind"], workspace_id, enrollments, ids)


async def unbound(tx: Connection, workspace_id: int, enrollment_ids: Sequence[int]) -> int:
    """How many of these no mailbox has written to yet."""
    count: int = await tx.fetchval(SQL["unbound"], workspace_id, list(enrollment_ids)) if enrollment_ids else 0
    return count


async def behind_gate(
    tx: Connection, workspace_id: int, campaign_id: int, wanted: Sequence[Wanted]
) -> BehindGate | None:
    """What keeps these messages back, or None for a campaign that is gone. To be asked behind the gate only."""
    row = await tx.fetchrow(
        SQL["behind_gate"],
        workspace_id,
        campaign_id,
        list({one.mailbox_id for one in wanted}),
        list({one.claimed.domain for one in wanted}),
        [one.claimed.lead_id for one in wanted],
        [one.claimed.address_key for one in wanted],
    )
    if row is None:
        return None
    return BehindGate(
        row["status"],
        row["version"],
        row["archived"],
        row["started_at"],
        row["clock_offset"],
        frozenset(row["holds"]),
        frozenset(row["suppressions"]),
        tuple(zip(row["mailbox_ids"], row["versions"], strict=True)),
    )


async def lock_paces(tx: Connection, workspace_id: int, mailbox_ids: Sequence[int]) -> dict[int, Pace]:
    """The load rows of these mailboxes, kept for this transaction."""
    if not mailbox_ids:
        return {}
    rows = await tx.fetch(SQL["lock_mailbox_paces"], workspace_id, list(mailbox_ids))
    return {row["mailbox_id"]: Pace(*row) for row in rows}


async def save_paces(tx: Connection, workspace_id: int, paces: Sequence[Pace]) -> None:
    """Writes load rows that `lock_paces` locked."""
    if paces:
        await tx.execute(
            SQL["save_mailbox_paces"],
            workspace_id,
            [pace.mailbox_id for pace in paces],
            [pace.day for pace in paces],
            [pace.used for pace in paces],
            [pace.ready_at for pace in paces],
            [pace.busy_until for pace in paces],
        )


async def mailbox_waits(tx: Connection, workspace_id: int, waits: Sequence[tuple[int, datetime, str]]) -> None:
    """Puts mailboxes off, each as (id, until, reason)."""
    if waits:
        ids, untils, reasons = (list(column) for column in zip(*waits, strict=True))
        await tx.execute(SQL["mailbox_waits"], workspace_id, ids, untils, reasons)


async def mark(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    wanted: Sequence[Wanted],
    worker: str,
    now: datetime,
    lease_until: datetime,
) -> list[Marked]:
    """Puts the messages of these claims into `sending`; what is no longer claimed by `worker` is left out."""
    rows = await tx.fetch(
        SQL["mark"],
        workspace_id,
        campaign_id,
        [one.claimed.enrollment_id for one in wanted],
        [one.claimed.step for one in wanted],
        [one.mailbox_id for one in wanted],
        [one.variant for one in wanted],
        [one.message_id for one in wanted],
        [one.subject for one in wanted],
        [one.claimed.address for one in wanted],
        worker,
        now,
        lease_until,
    )
    return [Marked(*row) for row in rows]


async def already_there(tx: Connection, workspace_id: int, wanted: Sequence[Wanted]) -> set[int]:
    """The enrollments of these whose step the ledger has already: in transit, or at an end."""
    rows = await tx.fetch(
        SQL["already_there"],
        workspace_id,
        [one.claimed.enrollment_id for one in wanted],
        [one.claimed.step for one in wanted],
    )
    return {row["enrollment_id"] for row in rows}


async def settle(
    tx: Connection, workspace_id: int, campaign_id: int, settlements: Sequence[Settlement], worker: str, now: datetime
) -> list[dict[str, Any]]:
    """Writes outcomes of a campaign; answers the rows that took them, with the campaign's present `version`.

    An attempt that is not this worker's own takes nothing.
    """
    rows = await tx.fetch(
        SQL["settle"],
        workspace_id,
        [one.enrollment_id for one in settlements],
        [one.step for one in settlements],
        [one.attempt for one in settlements],
        [one.state for one in settlements],
        [one.cause for one in settlements],
        [one.refused for one in settlements],
        [one.stage for one in settlements],
        [one.reply_code for one in settlements],
        [one.reply for one in settlements],
        worker,
        now,
        campaign_id,
    )
    return [dict(row) for row in rows]


async def refund_mailboxes(
    tx: Connection, workspace_id: int, refunds: Sequence[tuple[int, date | None, int, datetime | None]]
) -> None:
    """Gives places of the day back, each as (mailbox, day, count, not ready before); frees what sends nothing."""
    if refunds:
        ids, days, counts, readies = (list(column) for column in zip(*refunds, strict=True))
        await tx.execute(SQL["refund_mailboxes"], workspace_id, ids, days, counts, readies)


async def refund_campaign(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    day: date | None,
    count: int,
    openings: int,
    ready_at: datetime | None,
) -> None:
    """Gives places of the campaign's day back, `openings` of them of new leads; nothing leaves before `ready_at`."""
    await tx.execute(SQL["refund_campaign"], workspace_id, campaign_id, day, count, openings, ready_at)


async def unpark(tx: Connection, now: datetime, limit: int) -> int:
    """Parked enrollments whose time has come are due again. Answers how many."""
    return len(await tx.fetch(SQL["unpark"], now, limit))


async def wake(tx: Connection, now: datetime, limit: int) -> int:
    """Enrollments parked by windows or dates that their running campaign no longer has are due again; how many."""
    return len(await tx.fetch(SQL["wake"], now, limit))
