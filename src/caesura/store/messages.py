"""The ledger: one row for each step to each enrollment. Only sending writes it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.domain.lifecycle import MessageState
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("messages")

# Steps are at most 50, so a place in the ledger is one number.
STEPS = 64


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as the ledger has it. `variant` is 0-based; `stage`, `reply_code` and `reply` are of the last try."""

    workspace_id: int
    enrollment_id: int
    step: int
    campaign_id: int
    lead_id: int
    variant: int
    mailbox_id: int | None
    state: MessageState
    cause: str | None
    message_id: str | None
    subject: str | None
    recipient: str
    attempt: int
    refusals: int
    worker: str | None
    lease_until: datetime | None
    marked_at: datetime | None
    settled_at: datetime | None
    stage: str | None
    reply_code: int | None
    reply: str | None

    @property
    def position(self) -> int:
        """Its place in the order of enrollments and steps: a page's cursor."""
        return self.enrollment_id * STEPS + self.step


def _row(row: Any) -> MessageRow:
    return MessageRow(**{**row, "state": MessageState(row["state"])})


async def get(tx: Connection, workspace_id: int, enrollment_id: int, step: int) -> MessageRow | None:
    """One message, or None."""
    row = await tx.fetchrow(SQL["get"], workspace_id, enrollment_id, step)
    return _row(row) if row else None


async def of_enrollment(tx: Connection, workspace_id: int, enrollment_id: int) -> list[MessageRow]:
    """All messages of one enrollment, in the order of steps."""
    return [_row(row) for row in await tx.fetch(SQL["of_enrollment"], workspace_id, enrollment_id)]


async def page(
    tx: Connection, workspace_id: int, campaign_id: int | None, state: MessageState | None, after: int, limit: int
) -> list[MessageRow]:
    """A page of messages past the position `after`: of one campaign, or of all. A state costs a look at each row."""
    enrollment_id, step = divmod(after, STEPS)
    if campaign_id is None:
        rows = await tx.fetch(SQL["of_workspace"], workspace_id, enrollment_id, step, state, limit)
    else:
        rows = await tx.fetch(SQL["of_campaign"], workspace_id, campaign_id, enrollment_id, step, state, limit)
    return [_row(row) for row in rows]
