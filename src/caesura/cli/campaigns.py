"""`campaigns`, `check`, `status`, `why`: what one can read of campaigns."""

from typing import TYPE_CHECKING, Annotated

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, CampaignArgument, DataDir, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.domain.explanation import Explanation
    from caesura.service.campaigns import Status
    from caesura.service.definitions import Finding

_PAGE = 500


def campaigns(
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones, instead of the others.")] = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List campaigns, the newest first."""
    from caesura.cli import output, standing
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    async def action(session: "Session") -> "list[Status]":
        from caesura.service import campaigns, definitions

        found: list[Status] = []
        below: int | None = None
        while rows := await definitions.page(session.database, session.workspace_id, below, None, archived, _PAGE):
            found += [
                await campaigns.status(session.database, session.workspace_id, row.id, session.now()) for row in rows
            ]
            below = rows[-1].id
        return found

    found = work(data_dir, workspace, action)
    if as_json:
        output.show_json([standing.as_json(status) for status in found])
        return
    if not found:
        output.say("There are no campaigns. Make one with caesura apply FILE.toml.")
        return
    rows = [
        (
            f"cmp_{status.campaign.id}",
            status.campaign.name,
            status.campaign.status,
            output.ago(status.campaign.status_at, now()),
            output.number(status.counters.enrolled),
            output.number(status.counters.sent),
            output.number(status.in_transit),
        )
        for status in found
    ]
    columns = ("ID", "NAME", "STATUS", "SINCE", "LEADS", "SENT", "IN TRANSIT")
    output.show_table(columns, rows, right=columns[4:])


def check(
    campaign: CampaignArgument,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Look for what would block a start.

    Also for leads that would not be written to. The exit status is 1 if the campaign cannot be started.
    """
    from caesura.cli import output, standing
    from caesura.cli.session import work

    async def action(session: "Session") -> "tuple[str, list[Finding]]":
        from caesura.service import definitions

        row = await session.campaign(campaign)
        return row.name, await definitions.check(session.database, session.workspace_id, row.id)

    name, found = work(data_dir, workspace, action)
    can_start = not any(one.blocks for one in found)
    if as_json:
        output.show_json({"can_start": can_start, "findings": found})
    else:
        standing.show_findings(found)
        output.say(f"{output.clean(name)} {'can' if can_start else 'cannot'} be started", style="bold")
    if not can_start:
        raise typer.Exit(1)


def status(
    campaign: CampaignArgument,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show where a campaign stands.

    That is its status and why, exact counts of leads and messages, and for a running one what comes next.
    """
    from caesura.cli import standing
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    async def action(session: "Session") -> "tuple[Status, Explanation | None]":
        from caesura.domain.lifecycle import CampaignState
        from caesura.service import campaigns, explain

        row = await session.campaign(campaign)
        found = await campaigns.status(session.database, session.workspace_id, row.id, session.now())
        if as_json or found.campaign.status is not CampaignState.RUNNING:
            return found, None
        key = session.database, session.engine.plans, session.workspace_id
        return found, await explain.why_campaign(*key, row.id, session.now())

    found, explanation = work(data_dir, workspace, action)
    standing.show(found, as_json, now(), explanation)


def why(
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="[CAMPAIGN]", show_default=False, help="A campaign's name, or its id such as cmp_12."),
    ] = None,
    lead: Annotated[
        str | None,
        typer.Argument(metavar="[LEAD]", show_default=False, help="A lead's address, or its id such as led_5."),
    ] = None,
    mailbox: Annotated[
        str | None,
        typer.Option(metavar="MAILBOX", show_default=False, help="Instead: a mailbox's name, or its id such as mbx_3."),
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Say why a campaign is not sending.

    Or why one of its leads has not got the next message, or why a mailbox is not sending. There is one answer, at once;
    what else is in the way follows.
    """
    from caesura.cli import naming, output, standing
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    async def action(session: "Session") -> "Explanation":
        from caesura.service import explain

        key = session.database, session.engine.plans, session.workspace_id
        if mailbox is not None:
            return await explain.why_mailbox(*key, (await naming.mailbox_of(session, mailbox)).id, session.now())
        row = await session.campaign(campaign or "")
        if lead is None:
            return await explain.why_campaign(*key, row.id, session.now())
        return await explain.why_lead(*key, (await naming.enrollment_of(session, row, lead)).id, session.now())

    if (campaign is None) is (mailbox is None):
        raise typer.BadParameter("name either a campaign or --mailbox.")

    explanation = work(data_dir, workspace, action)
    if as_json:
        output.show_json(explanation)
    else:
        standing.show_explanation(explanation, now())
