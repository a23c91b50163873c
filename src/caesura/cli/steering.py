"""`start`, `pause`, `resume`, `stop`, `rebind`: what moves a campaign."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, CampaignArgument, DataDir, Reason, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.service.campaigns import PauseOptions, Status
    from caesura.service.definitions import Finding
    from caesura.service.forecast import Preview

# How often a waiting pause looks whether it is quiet, in seconds.
_LOOK = 0.02


def start(
    campaign: CampaignArgument,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Start a campaign.

    A preflight looks for what is in its way first. A running one stays running.
    """
    from caesura.cli import output, standing
    from caesura.cli.session import work

    async def action(session: "Session") -> "tuple[Status, list[Finding], int]":
        from caesura.service import definitions, workers

        row = await session.campaign(campaign)
        status, found = await definitions.start(
            session.database, session.workspace_id, row.id, session.actor, session.now()
        )
        return status, found, len(await workers.listed(session.database))

    status, found, working = work(data_dir, workspace, action)
    if as_json:
        output.show_json({**standing.as_json(status), "findings": found})
        return
    standing.show_findings(found)
    output.say(f"{status.campaign.name} is {status.campaign.status}", style="bold")
    if not working:
        output.say("No worker is there to send it: start one with caesura serve.", style="yellow")


def pause(
    campaign: CampaignArgument,
    reason: Reason = None,
    resume_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            show_default=False,
            help="Resume by itself: 2030-01-31T09:00:00Z, or from now: 90m, 3d; never takes it back.",
        ),
    ] = None,
    clock: Annotated[
        Literal["freeze", "run"] | None,
        typer.Option(show_default=False, help="Whether waiting times stand still in the pause. Default: freeze."),
    ] = None,
    new_leads: Annotated[
        Literal["hold", "reject"] | None,
        typer.Option(show_default=False, help="Leads that come in the pause. Default: hold."),
    ] = None,
    on_overdue: Annotated[
        Literal["spread", "skip", "review"] | None,
        typer.Option(show_default=False, help="What falls due in the pause. Default: spread."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Return once nothing is in transit, at most so late.")
    ] = 0,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Pause a campaign.

    Once this returns, nothing more of it goes out; what is in transit at that moment is counted, and arrives.

    On a paused campaign, the options that are given are changed.
    """
    from caesura.cli import standing
    from caesura.cli.failures import of_options
    from caesura.cli.moments import moment
    from caesura.cli.session import work
    from caesura.domain.errors import Invalid
    from caesura.runtime.instance import now
    from caesura.service.campaigns import PauseOptions

    stays = resume_at == "never"
    resumes = moment(resume_at, "--resume-at", now()) if resume_at is not None and not stays else None
    options = PauseOptions(reason, resumes, clock, new_leads, on_overdue, stays)
    try:
        options.check(now())
    except Invalid as error:
        raise of_options(error) from error
    status = work(data_dir, workspace, lambda session: _pause(session, campaign, options, wait))
    standing.show(status, as_json, now())


async def _pause(session: "Session", campaign: str, options: "PauseOptions", wait: float) -> "Status":
    import asyncio

    from caesura.service import campaigns

    row = await session.campaign(campaign)
    status = await campaigns.pause(
        session.database, session.workspace_id, row.id, options, session.actor, session.now()
    )
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    while status.campaign.quiesced_at is None and loop.time() < deadline:
        await asyncio.sleep(_LOOK)
        status = await campaigns.status(session.database, session.workspace_id, row.id, session.now())
    return status


def resume(
    campaign: CampaignArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; tell what a resume would bring.")] = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let a paused campaign go on.

    It goes on from the exact position, at its usual pace: nothing twice, nothing skipped, no burst.
    """
    from caesura.cli import output, standing
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    if dry_run:
        name, preview = work(data_dir, workspace, lambda session: _preview(session, campaign))
        if as_json:
            output.show_json(standing.preview_json(preview))
        else:
            standing.show_preview(name, preview)
        return

    async def action(session: "Session") -> "Status":
        from caesura.service import campaigns

        row = await session.campaign(campaign)
        return await campaigns.resume(session.database, session.workspace_id, row.id, session.actor, session.now())

    standing.show(work(data_dir, workspace, action), as_json, now())


async def _preview(session: "Session", campaign: str) -> "tuple[str, Preview]":
    from caesura.service import forecast

    row = await session.campaign(campaign)
    plans = session.engine.plans
    return row.name, await forecast.preview(session.database, plans, session.workspace_id, row.id, session.now())


def stop(
    campaign: CampaignArgument,
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """End a campaign for good.

    It cannot be started again: to stop it for a while, pause it.
    """
    import sys

    from caesura.cli import standing
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    # A program that calls this means it; a person may have meant pause.
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Stop {campaign} for good? It cannot be started again", abort=True, err=True)

    async def action(session: "Session") -> "Status":
        from caesura.service import campaigns

        row = await session.campaign(campaign)
        return await campaigns.stop(
            session.database, session.workspace_id, row.id, reason, session.actor, session.now()
        )

    standing.show(work(data_dir, workspace, action), as_json, now())


def rebind(
    campaign: CampaignArgument,
    to: Annotated[
        str | None,
        typer.Option(metavar="MAILBOX", show_default=False, help="One of the pool's. Default: all of them in turn."),
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give leads whose mailbox is archived or has left the pool another one.

    Until then they wait. Later steps leave from the new mailbox, still as answers to what was sent before.
    """
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> tuple[str, int]:
        from caesura.service import binding

        row = await session.campaign(campaign)
        return row.name, await binding.rebind(
            session.database, session.workspace_id, row.id, to, session.actor, session.now()
        )

    name, leads = work(data_dir, workspace, action)
    if as_json:
        output.show_json({"leads": leads})
    elif leads:
        output.say(f"{leads:,} leads of {name} have another mailbox now", style="bold")
    else:
        output.say(f"Every lead of {name} has a mailbox that can write to it, or none yet.")
