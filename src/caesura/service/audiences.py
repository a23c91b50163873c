"""Many leads into a campaign at once: everyone on a list, or an audience made of lists and segments."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from caesura.domain.errors import NotFound
from caesura.domain.extra import check_extra
from caesura.domain.lifecycle import CampaignState
from caesura.service.enrollments import Enrolment, admit, confirm, due_at_first
from caesura.store import campaigns as campaign_store
from caesura.store import enrollments as store
from caesura.store import lists, segments
from caesura.store.database import Connection, Database
from caesura.store.enrollments import ListChunk
from caesura.store.segments import Audience

CHUNK = 10_000
"""Rows in one statement, and for a campaign that is under way in one transaction."""

# Messages of these are counted in the same rows as leads: they would wait for a long transaction, and a pause for them.
_UNDER_WAY = (CampaignState.RUNNING, CampaignState.COMPLETED)

Insert: TypeAlias = Callable[[Connection, datetime, int], Awaitable[ListChunk]]
"""Enrols the next leads, due at this campaign time, above the last one before."""


async def enrol_list(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    list_id: int,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> Enrolment:
    """As `enrollments.enrol`, for everyone on a list, however many. Raises NotFound, Conflict.

    All in one transaction; where the campaign is under way, in transactions of 10,000. When that is cut short, ask
    again: those who are enrolled stay so, and are counted as already enrolled.
    """

    async def insert(tx: Connection, due_at: datetime, above: int) -> ListChunk:
        if await lists.get(tx, workspace_id, list_id) is None:
            raise NotFound("list_not_found", "there is no such list")
        return await store.insert_list(tx, workspace_id, campaign_id, list_id, due_at, now, above, CHUNK, extra)

    source = {"source": "list", "list": list_id}
    return await _in_chunks(database, workspace_id, campaign_id, insert, source, actor, now)


async def enrol(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    who: Audience,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> Enrolment:
    """The same for an audience as it is at this moment; lists that are gone are empty.

    `extra` is kept with each enrollment. Raises NotFound, Conflict.
    """
    kept = check_extra(extra, "/extra") if extra is not None else None

    async def insert(tx: Connection, due_at: datetime, above: int) -> ListChunk:
        return await segments.enrol(tx, workspace_id, campaign_id, who, due_at, now, above, CHUNK, kept)

    return await _in_chunks(database, workspace_id, campaign_id, insert, {"source": "audience"}, actor, now)


async def enrol_chosen(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    who: Audience,
    actor: str,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> Enrolment:
    """As `enrol`, with NotFound `list_not_found` or `segment_not_found` for what `who` names and is not there."""
    async with database.connection() as connection:
        for list_id in (*who.list_ids, *who.without_list_ids):
            if await lists.get(connection, workspace_id, list_id) is None:
                raise NotFound("list_not_found", "there is no such list")
        for segment_id in (*who.segment_ids, *who.without_segment_ids):
            if await segments.get(connection, workspace_id, segment_id) is None:
                raise NotFound("segment_not_found", "there is no such segment")
    return await enrol(database, workspace_id, campaign_id, who, actor, now, extra)


async def _in_chunks(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    insert: Insert,
    source: dict[str, object],
    actor: str,
    now: datetime,
) -> Enrolment:
    """Enrols chunk after chunk. With the campaign it is kept how many of all may not be written to."""

    async def work(tx: Connection, done: Enrolment, above: int) -> tuple[Enrolment, int | None]:
        """What is done then, and the last lead; None for that once all are through."""
        row = await admit(tx, workspace_id, campaign_id)
        due_at = await due_at_first(tx, row, now)
        before, last = done.enrolled, above
        while True:
            chunk = await insert(tx, due_at, last)
            done = _with(done, chunk)
            is_over = chunk.members < CHUNK or chunk.last is None
            last = chunk.last or last
            if is_over or row.status in _UNDER_WAY:
                break
        reopened = await confirm(tx, row, done.enrolled - before, actor, now, source)
        if is_over:
            await campaign_store.turn_away(tx, workspace_id, campaign_id, done.suppressed)
        return replace(done, reopened=done.reopened or reopened), None if is_over else last

    done, last = await database.run(partial(work, done=Enrolment(0, 0, 0, 0), above=0))
    while last is not None:
        done, last = await database.run(partial(work, done=done, above=last))
    await database.run(partial(store.analyze, added=done.enrolled))
    return done


def _with(done: Enrolment, chunk: ListChunk) -> Enrolment:
    return replace(
        done,
        enrolled=done.enrolled + chunk.enrolled,
        already_enrolled=done.already_enrolled + chunk.open - chunk.enrolled,
        suppressed=done.suppressed + chunk.members - chunk.open,
    )
