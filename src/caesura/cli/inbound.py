"""`inbound list`, `inbound report`: what came back, to be read, and to be told by whoever reads mail elsewhere."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace
from caesura.domain.inbound import BounceType, Classification, InboundKind

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.service.inbound import Received
    from caesura.store.inbound import InboundRow

app = typer.Typer(help="What came back: replies, bounces, complaints, unsubscribes.", no_args_is_help=True)

_PAGE = 200
_SHOWN = 50
_IDS = {"campaign_id": "cmp", "enrollment_id": "enr", "lead_id": "led", "mailbox_id": "mbx"}

Campaign = Annotated[
    str | None,
    typer.Option("--campaign", "-c", metavar="CAMPAIGN", show_default=False, help="A campaign's name or its id."),
]


@app.command("list", epilog="Example: caesura inbound list --campaign Spring --kind reply")
def list_inbound(
    campaign: Campaign = None,
    kind: Annotated[InboundKind | None, typer.Option(show_default=False, help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = _SHOWN,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List what came back, newest first."""
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "list[InboundRow]":
        from caesura.service import inbound
        from caesura.store.inbound import Selection

        campaigns = None if campaign is None else [(await session.campaign(campaign)).id]
        selection = Selection(campaign_ids=campaigns, kinds=None if kind is None else [kind])
        rows: list[InboundRow] = []
        wanted = limit + 1  # one more tells whether there are more
        while len(rows) < wanted:
            size = min(_PAGE, wanted - len(rows))
            below = rows[-1].id if rows else None
            page = await inbound.page(session.database, session.workspace_id, selection, below, size)
            rows += page
            if len(page) < size:
                break
        return rows

    rows = work(data_dir, workspace, action)
    if as_json:
        output.show_json([_as_json(row) for row in rows[:limit]])
        return
    shown = [
        (
            f"inb_{row.id}",
            output.instant(row.received_at),
            row.kind if row.bounce_type is None else f"{row.kind} ({row.bounce_type})",
            row.address or row.from_address,
            row.classification,
            row.subject or row.reason,
        )
        for row in rows
    ]
    output.show_first(limit, ("ID", "CAME", "KIND", "FROM", "CLASSIFICATION", "SUBJECT"), shown)


@app.command(epilog="Example: caesura inbound report bounce --bounce hard --address ada@example.com")
def report(
    kind: Annotated[InboundKind, typer.Argument(show_default=False, help="What it is.")],
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", show_default=False, help="The lead's: whom it is about.")
    ] = None,
    in_reply_to: Annotated[
        str | None,
        typer.Option(metavar="ID", show_default=False, help="The Message-ID of the message that it came back to."),
    ] = None,
    message_id: Annotated[
        str | None,
        typer.Option(metavar="ID", show_default=False, help="Its own Message-ID: reported twice, it counts once."),
    ] = None,
    bounce: Annotated[
        BounceType | None, typer.Option(show_default=False, help="Of a bounce: hard if the address is no good.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", show_default=False, help="In the words of the server.")
    ] = None,
    classification: Annotated[
        Classification | None, typer.Option(show_default=False, help="What the lead wants, if you know.")
    ] = None,
    campaign: Campaign = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Report what came back by mail.

    Once this returns, nothing that it ended goes out any more. Name the message that it answers with --in-reply-to, or
    at least the lead's --address.
    """
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.domain.errors import Invalid, Problem
    from caesura.domain.inbound import InboundReport

    if address is None and in_reply_to is None:
        raise Invalid.of(Problem("inbound_unplaced", "Say with --in-reply-to or --address what it came back to."))

    async def action(session: "Session") -> "Received":
        from caesura.service import inbound

        given = InboundReport(
            kind=kind,
            from_address=None if kind in (InboundKind.BOUNCE, InboundKind.COMPLAINT) else address,
            address=address,
            campaign_id=None if campaign is None else (await session.campaign(campaign)).id,
            message_id=message_id,
            in_reply_to=in_reply_to,
            bounce_type=bounce,
            reason=reason,
            classification=classification,
        )
        place = (session.database, session.engine.plans, session.workspace_id)
        return await inbound.report(*place, given, session.actor, session.now())

    done = work(data_dir, workspace, action)
    if as_json:
        output.show_json({**_as_json(done.row), "stopped": done.stopped})
        return
    if not done.is_new:
        output.say(f"inb_{done.row.id} was reported before; nothing is done twice")
        return
    whose = "no lead of ours" if done.row.lead_id is None else done.row.address
    stopped = f"; {output.number(done.stopped)} enrollments stopped" if done.stopped else ""
    output.say(f"inb_{done.row.id}: {done.row.kind} of {whose}{stopped}")


def _as_json(row: "InboundRow") -> dict[str, Any]:
    shown = {one.name: getattr(row, one.name) for one in fields(row) if one.name != "workspace_id"}
    for name, prefix in _IDS.items():
        shown[name] = None if shown[name] is None else f"{prefix}_{shown[name]}"
    return {**shown, "id": f"inb_{row.id}"}
