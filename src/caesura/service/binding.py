"""Leads whose mailbox can no longer write to them: find another for each."""

from collections.abc import Sequence
from datetime import datetime

from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.store import campaigns as campaign_store
from caesura.store import enrollments as store
from caesura.store import events, mailboxes
from caesura.store.database import Connection, Database

# Rows looked at in one transaction.
CHUNK = 10_000


async def rebind(
    database: Database, workspace_id: int, campaign_id: int, to: str | None, actor: str, now: datetime
) -> int:
    """Gives every lead of a campaign whose mailbox is archived or has left the pool another one; answers how many.

    That is the mailbox named `to`, or all usable ones of the pool in turn. Later steps leave from there, still as
    answers to what was sent before. Leads that are claimed or in transit are left as they are. It commits in parts;
    one that was cut short is asked for again. Raises NotFound, Invalid `unknown_mailbox`, Conflict `no_usable_mailbox`.
    """

    above: int | None = 0
    total = 0

    async def part(tx: Connection) -> tuple[int | None, int]:
        assert above is not None
        usable, targets = await _targets(tx, workspace_id, campaign_id, to)
        last, rebound = await store.rebind(tx, workspace_id, campaign_id, above, CHUNK, usable, targets, now)
        if rebound:
            entry = events.Entry("campaign.rebound", campaign_id, data={"leads": rebound})
            await events.append(tx, workspace_id, now, actor, [entry])
            await campaign_store.notify(tx, workspace_id, entry.kind, campaign_id)
        return last, rebound

    while above is not None:
        above, rebound = await database.run(part)
        total += rebound
    return total


async def _targets(
    tx: Connection, workspace_id: int, campaign_id: int, to: str | None
) -> tuple[Sequence[int], Sequence[int]]:
    """The campaign's mailboxes that are not archived, and those that leads are to be dealt out over."""
    row = await campaign_store.get(tx, workspace_id, campaign_id)
    if row is None:
        raise NotFound("campaign_not_found", "there is no such campaign")
    pool = await mailboxes.get_pool(tx, workspace_id, row.pool_id) if row.pool_id is not None else None
    members = await mailboxes.several(tx, workspace_id, pool.mailbox_ids) if pool else []
    usable = [one.id for one in members if not one.archived]
    if not usable:
        raise Conflict("no_usable_mailbox", "the campaign's pool has no mailbox that is not archived")
    if to is None:
        return usable, usable
    named = [one.id for one in members if one.name == to and not one.archived]
    if not named:
        raise Invalid.of(Problem("unknown_mailbox", f"the campaign's pool has no usable mailbox named {to!r}", "/to"))
    return usable, named
