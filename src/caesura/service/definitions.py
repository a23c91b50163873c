"""Creating and editing campaigns, and starting them once a preflight finds nothing in the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from caesura.domain.definition import CampaignDefinition
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.lifecycle import CampaignState, CampaignVerb, campaign_after
from caesura.service.campaigns import ANY, PauseOptions, Seen, Status, begin, pause_within
from caesura.service.plans import compile_steps, definition_of
from caesura.service.pool_bars import what_bars_the_pool
from caesura.store import bounces, events, mailboxes, preflight
from caesura.store import campaigns as store
from caesura.store import sending as gate
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection, Database

# Leads looked at by the check that runs at every start; the preflight itself looks at all.
START_SAMPLE = 10_000
EXAMPLES = 20

_WITH_LEADS = "only a draft without leads can be deleted; archive this one instead"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a preflight found. `blocks` keeps the campaign from starting; else it only tells."""

    code: str
    detail: str
    blocks: bool
    pointer: str | None = None
    count: int | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign with its definition."""

    row: CampaignRow
    definition: CampaignDefinition


def _stored(definition: CampaignDefinition) -> dict[str, Any]:
    """What of a definition has no column or table of its own."""
    return definition.model_dump(mode="json", exclude={"name", "steps", "pool", "starts_at"})


def _steps(definition: CampaignDefinition) -> list[dict[str, Any]]:
    return [step.model_dump(mode="json", exclude_none=True, exclude={"id"}) for step in definition.steps]


def _step_ids(before: CampaignDefinition, after: CampaignDefinition) -> list[int | None]:
    """The ids of an edited sequence: those given, then those of the steps that stood at the same place, else new ones.

    A step that is there twice is a copy, and new. Raises Invalid `unknown_step` for an id that no step has.
    """
    known = [step.id for step in before.steps]
    given = [step.id for step in after.steps]
    problems = [
        Problem("unknown_step", "the campaign has no step with this id", f"/steps/{place}/id")
        for place, step_id in enumerate(given)
        if step_id is not None and step_id not in known
    ]
    if problems:
        raise Invalid.of(*problems)
    ids: list[int | None] = []
    for place, step_id in enumerate(given):
        stood = known[place] if place < len(known) and known[place] not in given else None
        ids.append(stood if step_id is None else step_id if step_id not in ids else None)
    return ids


def _timing(definition: CampaignDefinition) -> tuple[Any, ...]:
    """What of a definition parks leads until a time."""
    steps = [(step.send_at, step.windows) for step in definition.steps]
    return definition.windows, definition.zone, definition.window_zone, steps


async def create(
    database: Database,
    workspace_id: int,
    definition: CampaignDefinition,
    actor: str,
    now: datetime,
    kind: str = "sequence",
) -> int:
    """A new draft, whose steps have new ids; answers its id. One of the kind `single` is in no list of campaigns.

    Raises Invalid for templates, conditions and pools that are wrong.
    """
    compile_steps(definition.steps)

    async def work(tx: Connection) -> int:
        pool_id = await _pool(tx, workspace_id, definition.pool)
        stored, steps = _stored(definition), _steps(definition)
        campaign_id = await store.insert(
            tx, workspace_id, definition.name, pool_id, stored, definition.starts_at, actor, now, kind
        )
        await store.replace_steps(tx, workspace_id, campaign_id, steps, [None] * len(steps))
        entry = events.Entry("campaign.created", campaign_id, data={"name": definition.name})
        await events.append(tx, workspace_id, now, actor, [entry])
        return campaign_id

    return await database.run(work)


async def edit(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    definition: CampaignDefinition,
    version: int | None,
    actor: str,
    now: datetime,
    since: datetime | None = None,
) -> Campaign:
    """Replaces the content of a campaign, running or not: only messages that are not marked yet are affected.

    `version` must be the present one unless None, and `since` (UTC) when it came into its present status. Raises
    NotFound, Invalid (`step_in_use` where a step would go of which there are messages, `unknown_step`) and Conflict
    (`version_mismatch`, `status_changed`, or a stopped campaign).
    """
    compile_steps(definition.steps)

    async def work(tx: Connection) -> Campaign:
        before = await _get(tx, workspace_id, campaign_id, lock=True)
        if before.status is CampaignState.STOPPED or before.archived:
            state = "archived" if before.archived else before.status
            raise Conflict(f"campaign_{state}", f"a campaign that is {state} cannot be edited", state)
        Seen(version, since).check(before)
        found = await _campaign(tx, before)
        # Only where steps go: it reads every message of the campaign, and all marks of the workspace wait for us.
        is_shorter = len(definition.steps) < len(found.definition.steps)
        used = await store.highest_used_step(tx, workspace_id, campaign_id) if is_shorter else 0
        if used > len(definition.steps):
            detail = f"messages of step {used} exist, so at least {used} steps must stay"
            raise Invalid.of(Problem("step_in_use", detail, "/steps"))
        pool_id = await _pool(tx, workspace_id, definition.pool)
        await store.update_definition(
            tx,
            workspace_id,
            campaign_id,
            definition.name,
            pool_id,
            _stored(definition),
            definition.starts_at,
            _timing(found.definition) != _timing(definition),
            now,
        )
        longer = definition.limits.gap_seconds - found.definition.limits.gap_seconds
        if longer:
            await store.shift_gap(tx, workspace_id, campaign_id, longer)
        ids = _step_ids(found.definition, definition)
        await store.replace_steps(tx, workspace_id, campaign_id, _steps(definition), ids)
        edited = await _campaign(tx, await _get(tx, workspace_id, campaign_id))
        known = {step.id for step in found.definition.steps}
        added = [step.id for step in edited.definition.steps if step.id not in known]
        data = {"steps_added": added} if added else {}
        await events.append(tx, workspace_id, now, actor, [events.Entry("campaign.edited", campaign_id, data=data)])
        await store.notify(tx, workspace_id, "campaign.edited", campaign_id)
        await bounces.look_again(tx, workspace_id, campaign_id)
        return edited

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def get(database: Database, workspace_id: int, campaign_id: int) -> Campaign:
    """The campaign with its definition. Raises NotFound."""
    async with database.connection() as connection:
        return await _campaign(connection, await _get(connection, workspace_id, campaign_id))


async def find(database: Database, workspace_id: int, name: str) -> CampaignRow | None:
    """The one campaign of this name that is not archived, or None. Raises Conflict `name_ambiguous` for several."""
    async with database.connection() as connection:
        rows = await store.find(connection, workspace_id, name)
    if len(rows) > 1:
        raise Conflict("name_ambiguous", f"several campaigns are named {name!r}: use the id")
    return rows[0] if rows else None


async def page(
    database: Database,
    workspace_id: int,
    below: int | None,
    status: str | None,
    archived: bool | None,
    limit: int,
    part: str | None = None,
) -> list[CampaignRow]:
    """A page of campaigns with ids under `below`, newest first; `archived` None: both; `part`: of the name, in any

    case, None for all.
    """
    async with database.connection() as connection:
        return await store.page(connection, workspace_id, below, status, archived, part, limit)


async def delete(database: Database, workspace_id: int, campaign_id: int, actor: str, now: datetime) -> None:
    """Deletes a draft without leads. Raises NotFound, and Conflict for any other: archive that instead."""

    async def work(tx: Connection) -> None:
        row = await _get(tx, workspace_id, campaign_id, lock=True)
        counters = await store.counters(tx, workspace_id, campaign_id)
        if row.status is not CampaignState.DRAFT or counters.enrolled:
            raise Conflict(f"campaign_{row.status}", _WITH_LEADS, row.status, ("archive",))
        await store.delete(tx, workspace_id, campaign_id)
        entry = events.Entry("campaign.deleted", campaign_id, data={"name": row.name})
        await events.append(tx, workspace_id, now, actor, [entry])

    try:
        await database.run(work)
    except asyncpg.ForeignKeyViolationError as error:  # somebody enrolled a lead at this moment
        raise Conflict("campaign_draft", _WITH_LEADS, CampaignState.DRAFT, ("archive",)) from error


async def highest_used_step(database: Database, workspace_id: int, campaign_id: int) -> int:
    """The last step of which there are messages, from 1; 0 without any. Raises NotFound."""
    async with database.connection() as connection:
        await _get(connection, workspace_id, campaign_id)
        return await store.highest_used_step(connection, workspace_id, campaign_id)


async def check(database: Database, workspace_id: int, campaign_id: int) -> list[Finding]:
    """The preflight: everything that would keep the campaign from starting, or hold some of its leads."""
    async with database.connection() as connection:
        row = await _get(connection, workspace_id, campaign_id)
        return await _findings(connection, await _campaign(connection, row), None)


async def start(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    actor: str,
    now: datetime,
    verb: CampaignVerb = CampaignVerb.START,
    cause: str = "manual",
    is_planned: bool = False,
    seen: Seen = ANY,
    pool_id: int | None = None,
    paused: PauseOptions | None = None,
) -> tuple[Status, list[Finding]]:
    """Sets a campaign running, and answers what the preflight found that does not block.

    One that has no pool gets `pool_id` (such as that of `mailboxes.usual_pool`), if it starts. With `paused` it begins
    in a pause: nothing goes out until it is resumed.

    On a running campaign it changes nothing. `is_planned` starts only one that is scheduled and whose time has come,
    else it is Conflict `start_not_due`. Raises NotFound, Conflict for a status that does not allow it or when the
    campaign is not as `seen`, and Invalid with every finding that blocks.
    """

    async def work(tx: Connection) -> tuple[Status, list[Finding]]:
        before = await _get(tx, workspace_id, campaign_id, lock=True)
        seen.check(before)
        planned = before.starts_at if before.status is CampaignState.SCHEDULED else None
        if is_planned and (planned is None or planned > now):
            raise Conflict("start_not_due", "no start is planned for now", before.status)
        if before.status is CampaignState.RUNNING and verb is CampaignVerb.START:
            return Status(before, await store.counters(tx, workspace_id, campaign_id)), []
        campaign_after(before.status, verb)
        if before.archived:
            raise Conflict(
                "campaign_archived", "an archived campaign cannot be started: unarchive it first", "archived"
            )
        if before.pool_id is None and pool_id is not None:
            before = await _give_pool(tx, before, pool_id, actor, now)
        if before.pool_id is not None:
            await mailboxes.keep_usable(tx, workspace_id, before.pool_id)
        found = await _findings(tx, await _campaign(tx, before), START_SAMPLE)
        blocking = [Problem(one.code, one.detail, one.pointer) for one in found if one.blocks]
        if blocking:
            raise Invalid.of(*blocking)
        row = await begin(tx, before, verb, actor, now, cause)
        if paused is not None:
            # Without the gate: to no mark has it ever been running.
            row = await pause_within(tx, row, paused, actor, now, "manual")
        return Status(row, await store.counters(tx, workspace_id, campaign_id)), found

    return await database.run(work)


async def _give_pool(tx: Connection, before: CampaignRow, pool_id: int, actor: str, now: datetime) -> CampaignRow:
    if await mailboxes.get_pool(tx, before.workspace_id, pool_id) is None:
        raise NotFound("pool_not_found", "there is no such pool")
    await events.append(tx, before.workspace_id, now, actor, [events.Entry("campaign.edited", before.id)])
    return await store.give_pool(tx, before.workspace_id, before.id, pool_id, now)


async def _findings(tx: Connection, campaign: Campaign, sample: int | None) -> list[Finding]:
    found = [*_content_findings(campaign.definition), *await _mailbox_findings(tx, campaign.row)]
    found += await _lead_findings(tx, campaign, sample)
    return found


def _content_findings(definition: CampaignDefinition) -> list[Finding]:
    if not definition.steps:
        return [Finding("no_steps", "the campaign has no steps", True, "/steps")]
    try:
        compile_steps(definition.steps)
    except Invalid as error:
        return [Finding(one.code, one.detail, True, one.pointer) for one in error.problems]
    if definition.reply_to is not None and not definition.reply_to.isascii():
        detail = "servers without SMTPUTF8 refuse messages whose reply address is not ASCII"
        return [Finding("reply_to_not_ascii", detail, False, "/reply_to")]
    return []


async def _mailbox_findings(tx: Connection, row: CampaignRow) -> list[Finding]:
    if row.pool_id is None:
        return [Finding("no_pool", "the campaign has no pool of mailboxes", True, "/pool")]
    if not await mailboxes.usable(tx, row.workspace_id, row.pool_id):
        bars = await what_bars_the_pool(tx, row.workspace_id, row.pool_id)
        detail = f"no mailbox of the pool can send: {bars}"
        return [Finding("no_usable_mailbox", detail, True, "/pool")]
    return []


async def _lead_findings(tx: Connection, campaign: Campaign, sample: int | None) -> list[Finding]:
    row = campaign.row
    counters = await store.counters(tx, row.workspace_id, row.id)
    needed = _required(campaign.definition)
    if not counters.enrolled:
        needs = f"; needs from each lead: {', '.join(sorted(needed))}" if needed else ""
        return [Finding("no_leads", f"no lead is enrolled yet{needs}", False)]
    if not needed:
        return []
    missing, examples = await preflight.leads_missing(tx, row.workspace_id, row.id, sorted(needed), sample, EXAMPLES)
    if not missing:
        return []
    detail = f"leads without a value for a variable that a step needs, which will be held, not sent to: {missing}"
    return [Finding("missing_variable", detail, False, None, missing, tuple(examples))]


def _required(definition: CampaignDefinition) -> set[str]:
    """The variables that some variant needs and that have no default."""
    try:
        steps = compile_steps(definition.steps)
    except Invalid:
        return set()
    names = {name for step in steps for variant in step.variants for name in variant.required}
    return {name for name in names if not definition.defaults.get(name, "").strip()} - {"email", "unsubscribe_url"}


async def _pool(tx: Connection, workspace_id: int, name: str | None) -> int | None:
    if name is None:
        return None
    pool = await mailboxes.pool_by_name(tx, workspace_id, name)
    if pool is None:
        raise Invalid.of(Problem("unknown_pool", f"there is no pool named {name!r}", "/pool"))
    return pool.id


async def _get(tx: Connection, workspace_id: int, campaign_id: int, lock: bool = False) -> CampaignRow:
    row = await store.get(tx, workspace_id, campaign_id, lock)
    if row is None:
        raise NotFound("campaign_not_found", "there is no such campaign")
    return row


async def _campaign(tx: Connection, row: CampaignRow) -> Campaign:
    pool = await mailboxes.get_pool(tx, row.workspace_id, row.pool_id) if row.pool_id is not None else None
    steps: Sequence[Any] = await store.steps(tx, row.workspace_id, row.id)
    return Campaign(row, definition_of(row, steps, pool.name if pool else None))
