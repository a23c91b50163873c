"""What a dead or hanging worker left behind: claims go back, what was on the wire becomes unknown (G3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from caesura.domain.delivery import after_unknown
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.lifecycle import EnrollmentState
from caesura.domain.plan import CampaignPlan
from caesura.domain.sequence import Advance, Next, after_step
from caesura.service.plans import Plans
from caesura.service.sending.effects import campaign_ready_after, entry, ready_after
from caesura.service.sending.settlement import settle, settle_answered
from caesura.store import events, messages, recovery, workers
from caesura.store import sending as store
from caesura.store.database import Connection, Database

# Rows in one transaction: a crash of a busy server is recovered in short steps.
GROUP = 500


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many messages became unknown and how many claims wait again."""

    unknown: int
    returned: int


async def recover(database: Database, plans: Plans, now: datetime, dead_worker: str | None = None) -> Recovered:
    """Takes from workers what their leases no longer cover, and all that `dead_worker` had.

    A worker counts as dead only when its process is known to have ended. Call it again until it recovers nothing.
    """

    async def work(tx: Connection) -> Recovered:
        rows = await recovery.overdue_messages(tx, now, GROUP, dead_worker)
        for (workspace_id, campaign_id), group in groupby(
            rows, key=lambda row: (row["workspace_id"], row["campaign_id"])
        ):
            plan = await plans.campaign(tx, workspace_id, campaign_id)
            await _lose(tx, plans, plan, list(group), dead_worker, now)
        returned = await recovery.return_overdue_claims(tx, now, GROUP, dead_worker)
        return Recovered(len(rows), returned)

    return await database.run(work)


async def _lose(
    tx: Connection,
    plans: Plans,
    plan: CampaignPlan,
    rows: Sequence[Mapping[str, Any]],
    dead_worker: str | None,
    now: datetime,
) -> None:
    cause = "worker_died" if dead_worker else "lease_ran_out"
    mailboxes = await plans.mailboxes_by_id(tx, plan.workspace_id, {row["mailbox_id"] for row in rows})
    lost = await recovery.lose(tx, plan.workspace_id, [(row["enrollment_id"], row["step"]) for row in rows], cause, now)
    # They may have arrived a moment ago, so the gap counts from now.
    ends = [(key, None, 0, ready_after(mailbox, now)) for key, mailbox in sorted(mailboxes.items())]
    ready_at = campaign_ready_after(plan, now)
    if ready_at is not None:
        await store.refund_campaign(tx, plan.workspace_id, plan.campaign_id, None, 0, 0, ready_at)
    await store.refund_mailboxes(tx, plan.workspace_id, ends)
    effect = after_unknown(plan.hold_unknown)
    moves: list[tuple[int, int, Next, int | None]] = []
    aside: dict[str, list[tuple[int, int, str, str]]] = {}
    workers_of = {(row["enrollment_id"], row["step"]): row["worker"] for row in rows}
    for row in lost:
        if isinstance(effect, Advance):
            after = after_step(row["step"], plan.rules)
            moves.append((row["enrollment_id"], row["step"], after, row["mailbox_id"]))
        else:
            key = (row["enrollment_id"], row["step"])
            aside.setdefault(workers_of[key], []).append((*key, effect.state, effect.cause))
    moved = await store.advance(tx, plan.workspace_id, plan.campaign_id, moves, now)
    await store.bind(tx, plan.workspace_id, [(row["enrollment_id"], row["mailbox_id"]) for row in lost])
    for worker, several in aside.items():
        await store.set_aside(tx, plan.workspace_id, worker, several, now)
    entries = [
        entry(plan, "message.unknown", row["enrollment_id"], row["lead_id"], row["step"], cause=cause) for row in lost
    ]
    entries += [
        entry(plan, "enrollment.finished", row["id"], row["lead_id"], None)
        for row in moved
        if row["state"] == EnrollmentState.FINISHED
    ]
    await events.append(tx, plan.workspace_id, now, "engine", entries)
    await settle_answered(tx, plans, plan.workspace_id, [(row["enrollment_id"], row["step"]) for row in lost], now)


async def bury(database: Database, plans: Plans, worker: str, now: datetime) -> Recovered:
    """Takes everything from a worker whose process has ended, and forgets it."""
    unknown = returned = 0
    while True:
        step = await recover(database, plans, now, worker)
        unknown, returned = unknown + step.unknown, returned + step.returned
        if step.unknown < GROUP and step.returned < GROUP:
            break
    await database.run(lambda tx: workers.forget(tx, worker))
    return Recovered(unknown, returned)


async def settle_unknown(
    database: Database,
    plans: Plans,
    workspace_id: int,
    enrollment_id: int,
    step: int,
    was_sent: bool,
    actor: str,
    now: datetime,
) -> None:
    """A person's word, or evidence, on an unknown message: it was sent, or it was not and counts as rejected.

    It is never sent again. A lead that was held for it goes on. Raises NotFound, and Conflict `message_not_unknown`
    in any other state.
    """

    async def work(tx: Connection) -> None:
        if not await settle(tx, plans, workspace_id, enrollment_id, step, was_sent, actor, now):
            there = await messages.get(tx, workspace_id, enrollment_id, step)
            if there is None:
                raise NotFound("message_not_found", "there is no such message")
            detail = f"the message is {there.state}: only one whose outcome is unknown can be settled"
            raise Conflict("message_not_unknown", detail, there.state)

    if step < 1:
        raise Invalid.of(Problem("bad_step", "steps are counted from 1", "/step"))
    await database.run(work)
