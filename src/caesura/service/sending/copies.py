"""Copies of a message at the gate and after it: one row of the ledger stands for the message, whoever else gets it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from caesura.domain.delivery import Delivery, Judgement
from caesura.domain.lifecycle import MessageState
from caesura.domain.plan import CampaignPlan
from caesura.domain.reasons import Reason
from caesura.store import enclosures
from caesura.store import sending as store
from caesura.store.database import Connection
from caesura.store.sending import Marked, Wanted

# How soon a message is looked at again of which a copy is held.
HELD_WAIT = timedelta(minutes=5)


async def check(
    tx: Connection, plan: CampaignPlan, wanted: list[Wanted], worker: str, now: datetime
) -> tuple[list[Wanted], dict[int, frozenset[str]], dict[int, str]]:
    """The messages that may go, the addresses that each must leave out, and what keeps the others back.

    Who is suppressed, or refuses the group, is left out. A hold may be released, and what is left out is never sent
    later, so that a message waits for it as a whole.
    """
    copied = [one for one in wanted if one.copies]
    if not copied:
        return wanted, {}, {}
    asked = list({copy.key: copy for one in copied for copy in one.copies}.values())
    barred = {one.key: one for one in await enclosures.barred(tx, plan.workspace_id, plan.campaign_id, asked)}
    left_out: dict[int, frozenset[str]] = {}
    held: dict[int, str] = {}
    for one in copied:
        enrollment_id = one.claimed.enrollment_id
        out = frozenset(copy.address for copy in one.copies if barred[copy.key].suppressed)
        rest = [barred[copy.key] for copy in one.copies if copy.address not in out]
        if any(copy.lead_held for copy in rest):
            held[enrollment_id] = Reason.LEAD_HOLD
        elif any(copy.domain_held for copy in rest):
            held[enrollment_id] = Reason.DOMAIN_HOLD
        elif out:
            left_out[enrollment_id] = out
    parked = [
        (one.claimed.enrollment_id, one.claimed.step, now + HELD_WAIT, held[one.claimed.enrollment_id])
        for one in copied
        if one.claimed.enrollment_id in held
    ]
    await store.give_back(tx, plan.workspace_id, plan.campaign_id, worker, parked, now)
    return [one for one in wanted if one.claimed.enrollment_id not in held], left_out, held


async def begin(
    tx: Connection, plan: CampaignPlan, marked: Iterable[Marked], left_out: Mapping[int, frozenset[str]]
) -> None:
    """Writes down, for messages that go to the wire, who is left out of them."""
    going = [one.enrollment_id for one in marked if one.enrollment_id in plan.copies]
    if going:
        pairs = [(one, address) for one in going for address in sorted(left_out.get(one, ()))]
        await enclosures.leave_out(tx, plan.workspace_id, plan.campaign_id, going, pairs)


async def settle(
    tx: Connection, plan: CampaignPlan, taken: Sequence[tuple[Delivery, Judgement]]
) -> dict[int, dict[str, list[str]]]:
    """Writes down what became of the copies of messages that were sent; the addresses by outcome, for the log."""
    sent = [one for one, judgement in taken if judgement.state is MessageState.SENT]
    of_ours = [one for one in sent if one.enrollment_id in plan.copies]
    if not of_ours:
        return {}
    refused = [(one.enrollment_id, address, code, text[:500]) for one in of_ours for address, code, text in one.refused]
    ids = [one.enrollment_id for one in of_ours]
    return await enclosures.settle(tx, plan.workspace_id, plan.campaign_id, ids, refused)
