"""`apply`: makes or changes mailboxes, pools and a campaign as a file says, and says what it did."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace
from caesura.domain.errors import Invalid, Problem

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.domain.apply_file import ApplyFile
    from caesura.domain.definition import CampaignDefinition
    from caesura.domain.dkim import Publication
    from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition
    from caesura.store.campaigns import CampaignRow
    from caesura.store.mailboxes import MailboxRow

_LISTED_POOLS = 20
# New mailboxes that are made in one transaction.
_MAILBOXES_AT_ONCE = 1_000


class Change(NamedTuple):
    """What was done to one thing: created, updated, scheduled, unscheduled or unchanged."""

    kind: str
    id: str
    name: str
    done: str


def apply(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.toml", show_default=False, help="Such as examples/campaign.toml.")
    ],
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make or change what a file describes.

    These are mailboxes, pools and a campaign, known by their names; each line says what was done.

    Run it again after every edit of the file: what has not changed is left alone. In a running campaign, only messages
    that have not begun to leave are affected.
    """
    from caesura.cli import output
    from caesura.cli.campaign_file import load_campaign_file
    from caesura.cli.campaign_places import in_words
    from caesura.cli.failures import in_file
    from caesura.cli.session import work
    from caesura.runtime import environment

    try:
        definitions = load_campaign_file(file, environment.variables())
    except Invalid as error:
        raise in_words(error, file) from error

    async def action(session: "Session") -> tuple[list[Change], list["Publication"]]:
        from caesura.service import installation

        await installation.join(session.database, session.engine.keyring)
        try:
            await _check(session, definitions)
            changes = [change async for change in _changes(session, definitions)]
        except Invalid as error:
            raise in_words(in_file(error, str(file)), file) from error
        return changes, await _publications(session, changes)

    changes, publications = work(data_dir, workspace, action, makes_workspace=True)
    if as_json:
        output.show_json([change._asdict() for change in changes])
    else:
        output.show_table(("", "ID", "NAME", ""), [(one.kind, one.id, one.name, one.done) for one in changes])
    for one in publications:
        typer.echo(f"\nPublish this TXT record, for DKIM:\n{one.name}\n{one.record}", err=True)
        if one.warning is not None:
            typer.echo(f"Warning: {one.warning}.", err=True)


async def _publications(session: "Session", changes: list[Change]) -> list["Publication"]:
    """What the domains of the mailboxes that were changed have to publish, each once."""
    from caesura.service import mailboxes

    names = [one.name for one in changes if one.kind == "mailbox" and one.done in ("created", "updated")]
    rows = await mailboxes.find_many(session.database, session.workspace_id, names)
    found = (mailboxes.published(rows[name]) for name in names)
    return list({one.name: one for one in found if one is not None}.values())


async def _check(session: "Session", definitions: "ApplyFile") -> None:
    """What only the database can tell, before anything is written, so that a wrong file changes nothing."""
    from caesura.service import mailboxes
    from caesura.service.plans import compile_steps

    key = session.database, session.workspace_id
    problems: list[Problem] = []
    named = {mailbox.name for mailbox in definitions.mailboxes}
    others = {name for pool in definitions.pools for name in pool.mailboxes} - named
    usable = named | {
        name for name, row in (await mailboxes.find_many(*key, sorted(others))).items() if not row.archived
    }
    for place, pool in enumerate(definitions.pools):
        for number, name in enumerate(pool.mailboxes):
            if name not in usable:
                pointer = f"/pools/{place}/mailboxes/{number}"
                problems.append(Problem("unknown_mailbox", f"there is no mailbox named {name!r}", pointer))
    campaign = definitions.campaign
    if campaign is not None:
        pools = {pool.name for pool in definitions.pools}
        if campaign.pool and campaign.pool not in pools and not await mailboxes.find_pool(*key, campaign.pool):
            pools.update(row.name for row in await mailboxes.page_of_pools(*key, None, _LISTED_POOLS))
            known = f"there are {', '.join(map(repr, sorted(pools)[:_LISTED_POOLS]))}" if pools else "there is none"
            problems.append(Problem("unknown_pool", f"there is no pool named {campaign.pool!r}; {known}", "/pool"))
        try:
            compile_steps(campaign.steps)
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid.of(*problems)


async def _changes(session: "Session", definitions: "ApplyFile") -> AsyncIterator[Change]:
    """Mailboxes, then the pools of them, then the campaign that uses one."""
    for start in range(0, len(definitions.mailboxes), _MAILBOXES_AT_ONCE):
        for change in await _apply_mailboxes(session, definitions.mailboxes[start : start + _MAILBOXES_AT_ONCE]):
            yield change
    for pool in definitions.pools:
        yield await _apply_pool(session, pool)
    if definitions.campaign is not None:
        for change in await _apply_campaign(session, definitions.campaign):
            yield change


async def _apply_mailboxes(session: "Session", definitions: Sequence["MailboxDefinition"]) -> list[Change]:
    from caesura.service import mailboxes

    key = session.database, session.workspace_id
    known = await mailboxes.find_many(*key, [one.name for one in definitions])
    new = [one for one in definitions if one.name not in known]
    created = await mailboxes.create_many(*key, new, session.engine.keyring.seal, session.actor, session.now())
    done = {row.name: Change("mailbox", f"mbx_{row.id}", row.name, "created") for row in created}
    return [done.get(one.name) or await _change_mailbox(session, known[one.name], one) for one in definitions]


async def _change_mailbox(session: "Session", row: "MailboxRow", definition: "MailboxDefinition") -> Change:
    from caesura.service import mailboxes

    key = session.database, session.workspace_id
    seal = session.engine.keyring.seal
    done = "unchanged"
    if row.archived:
        await mailboxes.archive(*key, row.id, False, session.actor, session.now())
        done = "brought back"
    if not _is_same_mailbox(session, row, definition):
        await mailboxes.edit(*key, row.id, definition, None, seal, session.actor, session.now())
        done = "updated"
    return Change("mailbox", f"mbx_{row.id}", row.name, done)


def _is_same_mailbox(session: "Session", row: "MailboxRow", definition: "MailboxDefinition") -> bool:
    from caesura.domain.errors import Unavailable
    from caesura.service import mailboxes

    stored = {name: value for name, value in row.definition.items() if name != "ramp_started_on"}
    if stored != mailboxes.without_secrets(definition):
        return False
    dkim = definition.dkim
    pairs = (
        (row.secret, definition.transport.password, "mailbox"),
        (row.dkim_key, dkim.private_key if dkim is not None else None, "dkim"),
    )
    for sealed, given, purpose in pairs:
        if sealed is None or given is None:
            if sealed is not None or given is not None:
                return False
            continue
        try:
            known = session.engine.keyring.open(row.workspace_id, row.name, sealed, purpose)
        except Unavailable:
            return False  # sealed under another key: this mends it
        if known != given.get_secret_value():
            return False
    return True


async def _apply_pool(session: "Session", definition: "PoolDefinition") -> Change:
    from caesura.service import mailboxes

    key = session.database, session.workspace_id
    row = await mailboxes.find_pool(*key, definition.name)
    if row is None:
        row = await mailboxes.create_pool(*key, definition, session.actor, session.now())
        return Change("pool", f"pol_{row.id}", row.name, "created")
    wanted = {member.id for member in (await mailboxes.find_many(*key, definition.mailboxes)).values()}
    if set(row.mailbox_ids) == wanted:
        return Change("pool", f"pol_{row.id}", row.name, "unchanged")
    await mailboxes.edit_pool(*key, row.id, definition, session.actor, session.now())
    return Change("pool", f"pol_{row.id}", row.name, "updated")


async def _apply_campaign(session: "Session", definition: "CampaignDefinition") -> list[Change]:
    from caesura.service import definitions

    key = session.database, session.workspace_id
    found = await definitions.find(*key, definition.name)
    if found is None:
        number = await definitions.create(*key, definition, session.actor, session.now())
        row, done = (await definitions.get(*key, number)).row, "created"
    else:
        before = await definitions.get(*key, found.id)
        row, done = before.row, "unchanged"
        if _content(before.definition) != _content(definition):
            row = (await definitions.edit(*key, row.id, definition, None, session.actor, session.now())).row
            done = "updated"
    changes = [Change("campaign", f"cmp_{row.id}", row.name, done)]
    return changes + [
        Change("campaign", f"cmp_{row.id}", row.name, word) async for word in _time(session, row, definition)
    ]


def _content(definition: "CampaignDefinition") -> dict[str, Any]:
    """All but its time, which has verbs of its own, and the steps' ids, which a file need not know."""
    return definition.model_dump(exclude={"starts_at": True, "steps": {"__all__": {"id"}}})


async def _time(session: "Session", row: "CampaignRow", definition: "CampaignDefinition") -> AsyncIterator[str]:
    """Plans the start of a campaign that has not begun, as `starts_at` says."""
    from caesura.domain.lifecycle import CampaignState
    from caesura.service import campaigns

    key = session.database, session.workspace_id, row.id
    if definition.starts_at is None:
        if row.status is CampaignState.SCHEDULED:
            await campaigns.unschedule(*key, session.actor, session.now())
            yield "no longer scheduled"
    elif row.status is CampaignState.DRAFT or (
        row.status is CampaignState.SCHEDULED and row.starts_at != definition.starts_at
    ):
        await campaigns.schedule(*key, definition.starts_at, session.actor, session.now())
        yield f"scheduled for {definition.starts_at.isoformat()}"
