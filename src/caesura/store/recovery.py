"""What keeps messages in transit, what takes them from a worker that is gone, and what settles the unknown ones."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from caesura.domain.sequence import Next
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("recovery")


async def renew(
    tx: Connection, worker: str, keys: Sequence[tuple[int, int, int]], lease_until: datetime
) -> set[tuple[int, int, int]]:
    """Prolongs messages in transit, each as (workspace, enrollment, step); answers those that are not lost."""
    if not keys:
        return set()
    workspaces, enrollments, steps = (list(column) for column in zip(*keys, strict=True))
    rows = await tx.fetch(SQL["renew"], worker, workspaces, enrollments, steps, lease_until)
    return {(row["workspace_id"], row["enrollment_id"], row["step"]) for row in rows}


async def disown(
    tx: Connection, workspace_id: int, enrollment_ids: Sequence[int], worker: str, marked_at: datetime, now: datetime
) -> list[dict[str, Any]]:
    """Cancels what a mark of `marked_at` put into `sending` for this worker; answers the messages."""
    rows = await tx.fetch(SQL["disown"], workspace_id, list(enrollment_ids), worker, marked_at, now)
    return [dict(row) for row in rows]


async def cancel_abandoned(
    tx: Connection, workspace_id: int, enrollment_ids: Sequence[int], now: datetime
) -> list[dict[str, Any]]:
    """Cancels deferred messages of those of these enrollments that are stopped, or whose campaign is."""
    if not enrollment_ids:
        return []
    return [dict(row) for row in await tx.fetch(SQL["cancel_abandoned"], workspace_id, list(enrollment_ids), now)]


async def overdue_messages(tx: Connection, now: datetime, limit: int, dead_worker: str | None) -> list[dict[str, Any]]:
    """Messages in transit whose lease ran out, or that `dead_worker` had; locked."""
    return [dict(row) for row in await tx.fetch(SQL["overdue_messages"], now, limit, dead_worker)]


async def lose(
    tx: Connection, workspace_id: int, keys: Sequence[tuple[int, int]], cause: str, now: datetime
) -> list[dict[str, Any]]:
    """Messages in transit become unknown, each as (enrollment, step)."""
    rows = await tx.fetch(
        SQL["lose"], workspace_id, [enrollment for enrollment, _ in keys], [step for _, step in keys], now, cause
    )
    return [dict(row) for row in rows]


async def return_overdue_claims(tx: Connection, now: datetime, limit: int, dead_worker: str | None) -> int:
    """Claims whose lease ran out, or that `dead_worker` had, wait again. Answers how many."""
    overdue = await tx.fetch(SQL["overdue_claims"], now, limit, dead_worker)
    if not overdue:
        return 0
    workspaces, enrollments = (list(column) for column in zip(*overdue, strict=True))
    return len(await tx.fetch(SQL["return_claims"], workspaces, enrollments, now))


async def resolve(
    tx: Connection, workspace_id: int, enrollment_id: int, step: int, state: str, cause: str | None, now: datetime
) -> dict[str, Any] | None:
    """Settles an unknown message; None when there is none."""
    row = await tx.fetchrow(SQL["resolve"], workspace_id, enrollment_id, step, state, cause, now)
    return dict(row) if row else None


async def answered(tx: Connection, workspace_id: int, keys: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of these messages, each as (enrollment, step), that are unknown and that something has come back to."""
    if not keys:
        return []
    enrollments, steps = (list(column) for column in zip(*keys, strict=True))
    return [tuple(row) for row in await tx.fetch(SQL["answered"], workspace_id, enrollments, steps)]


async def go_on_after_unknown(
    tx: Connection, workspace_id: int, enrollment_id: int, step: int, after: Next, now: datetime
) -> bool:
    """Lets an enrollment that was held for its unknown message go on; whether there was one."""
    return (
        await tx.fetchval(
            SQL["go_on_after_unknown"],
            workspace_id,
            enrollment_id,
            step,
            after.state,
            after.step,
            float(after.delay_seconds),
            now,
        )
        is not None
    )


async def wait_after_unknown(
    tx: Connection, workspace_id: int, back: Sequence[tuple[int, int, datetime | None, str | None]], now: datetime
) -> None:
    """Lets enrollments that were held for a message wait again now that it is deferred or cancelled.

    Each as (id, step, not before, reason), the last two None when not parked.
    """
    ids, steps, untils, reasons = (list(column) for column in zip(*back, strict=True))
    await tx.execute(SQL["wait_after_unknown"], workspace_id, ids, steps, untils, reasons, now)


async def stop_after_unknown(
    tx: Connection, workspace_id: int, enrollment_id: int, step: int, cause: str, now: datetime
) -> int | None:
    """Stops an enrollment that was held for its unknown message, or went on after it; its lead, or None."""
    lead_id: int | None = await tx.fetchval(SQL["stop_after_unknown"], workspace_id, enrollment_id, step, cause, now)
    return lead_id
