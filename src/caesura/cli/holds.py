"""`hold place`, `hold release`, `hold list`."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Reason, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.store.holds import HoldRow

app = typer.Typer(help="Keep messages back, at any level.", no_args_is_help=True)

_PAGE = 500
_PREFIXES = {"mailbox": "mbx_", "campaign": "cmp_", "lead": "led_"}


@app.command()
def place(
    level: Annotated[
        Literal["workspace", "mailbox", "domain", "campaign", "lead"],
        typer.Argument(show_default=False, help="workspace is the kill switch: nothing at all goes out."),
    ],
    subject: Annotated[
        str,
        typer.Argument(
            show_default=False,
            help="The mailbox or campaign by name or id, the domain, the lead's address or id; for workspace, nothing.",
        ),
    ] = "",
    reason: Reason = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Hold messages back.

    Once this returns, none that the hold covers goes out.
    """
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "HoldRow":
        from caesura.service import holds

        named = await _subject(session, level, subject)
        return await holds.place(
            session.database, session.workspace_id, level, named, "manual", session.actor, reason, session.now()
        )

    row = work(data_dir, workspace, action)
    if as_json:
        output.show_json(_as_json(row))
    else:
        output.say(f"hld_{row.id} holds {'the workspace' if level == 'workspace' else f'{level} {subject}'}")


@app.command()
def release(
    hold: Annotated[str, typer.Argument(metavar="HOLD", show_default=False, help="Its id, such as hld_8.")],
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Release one hold. What it kept back goes on from its position."""
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.domain.errors import NotFound

    digits = hold.removeprefix("hld_")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise NotFound("hold_not_found", f"there is no hold {hold!r}: a hold has an id such as hld_8")

    async def action(session: "Session") -> "HoldRow":
        from caesura.service import holds

        return await holds.release(session.database, session.workspace_id, int(digits), session.actor, session.now())

    row = work(data_dir, workspace, action)
    if as_json:
        output.show_json(_as_json(row))
    else:
        output.say(f"hld_{row.id} is released")


@app.command("list")
def list_holds(
    released: Annotated[bool, typer.Option("--all", help="The released ones too.")] = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the holds in force.

    With what each keeps back, since when and why; the newest first.
    """
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    async def action(session: "Session") -> "list[tuple[HoldRow, str]]":
        from caesura.service import holds

        rows: list[tuple[HoldRow, str]] = []
        below = None
        while page := await holds.page(session.database, session.workspace_id, below, released, _PAGE):
            rows += [(row, await name_of(session, row.level, row.subject)) for row in page]
            below = page[-1].id
        return rows

    rows = work(data_dir, workspace, action)
    if as_json:
        output.show_json([_as_json(row) for row, _ in rows])
        return
    if not rows:
        output.say("Nothing is on hold.")
        return
    shown = [
        (
            f"hld_{row.id}",
            row.level,
            name,
            row.cause,
            row.actor,
            output.ago(row.created_at, now()),
            f"released by {row.released_by}" if row.released_by else "in force",
            row.reason,
        )
        for row, name in rows
    ]
    output.show_table(("ID", "LEVEL", "SUBJECT", "CAUSE", "BY", "SINCE", "STATE", "REASON"), shown)


async def _subject(session: "Session", level: str, named: str) -> str:
    """The id of what a person has named. Raises NotFound."""
    from caesura.cli import naming

    match level:
        case "campaign":
            return str((await session.campaign(named)).id)
        case "mailbox":
            return str((await naming.mailbox_of(session, named)).id)
        case "lead":
            return str((await naming.lead_of(session, named)).id)
        case _:
            return named


async def name_of(session: "Session", level: str, subject: str) -> str:
    """What a person calls the subject of a hold."""
    from caesura.service import definitions, leads, mailboxes

    key = session.database, session.workspace_id
    match level:
        case "workspace":
            return "everything"
        case "campaign":
            return (await definitions.get(*key, int(subject))).row.name
        case "mailbox":
            return (await mailboxes.get(*key, int(subject))).name
        case "lead":
            return (await leads.get(*key, int(subject))).address
        case _:
            return subject


def _as_json(row: "HoldRow") -> dict[str, object]:
    return {
        "id": f"hld_{row.id}",
        "level": row.level,
        "subject": f"{_PREFIXES.get(row.level, '')}{row.subject}" or None,
        "cause": row.cause,
        "actor": row.actor,
        "reason": row.reason,
        "created_at": row.created_at,
        "released_at": row.released_at,
        "released_by": row.released_by,
    }
