"""Evidence on messages whose outcome is unknown (G3): it settles them, and none of them is sent again."""

from collections.abc import Sequence
from datetime import datetime

from caesura.domain.lifecycle import MessageEvent, MessageState, message_after
from caesura.domain.sequence import after_step
from caesura.service.plans import Plans
from caesura.service.sending.effects import entry
from caesura.store import events, recovery
from caesura.store.database import Connection


async def settle(
    tx: Connection,
    plans: Plans,
    workspace_id: int,
    enrollment_id: int,
    step: int,
    was_sent: bool,
    actor: str,
    now: datetime,
) -> bool:
    """Settles an unknown message in the caller's transaction: it was sent, or it was not and counts as rejected.

    A lead that was held for it goes on. False where there is no such message, or it is not unknown.
    """
    state = message_after(MessageState.UNKNOWN, MessageEvent.ACCEPT if was_sent else MessageEvent.REJECT)
    cause = None if was_sent else "settled_as_not_sent"
    row = await recovery.resolve(tx, workspace_id, enrollment_id, step, state, cause, now)
    if row is None:
        return False
    plan = await plans.campaign(tx, workspace_id, row["campaign_id"])
    await recovery.go_on_after_unknown(tx, workspace_id, enrollment_id, step, after_step(step, plan.rules), now)
    facts = entry(plan, f"message.{state}", enrollment_id, row["lead_id"], step, cause="settled")
    await events.append(tx, workspace_id, now, actor, [facts])
    return True


async def settle_answered(
    tx: Connection, plans: Plans, workspace_id: int, keys: Sequence[tuple[int, int]], now: datetime
) -> None:
    """Settles those of these (enrollment, step) that have just become unknown and were answered before that."""
    for enrollment_id, step in await recovery.answered(tx, workspace_id, keys):
        await settle(tx, plans, workspace_id, enrollment_id, step, True, "engine", now)
