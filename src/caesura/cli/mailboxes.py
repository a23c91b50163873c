"""`mailbox list`, `mailbox archive`, `mailbox unarchive` and `pool list`."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from caesura.cli.session import Session
    from caesura.store.mailboxes import MailboxRow

app = typer.Typer(help="See your mailboxes, and take them out of use.", no_args_is_help=True)
pools = typer.Typer(help="See which mailboxes share the work of a campaign.", no_args_is_help=True)

_PAGE = 500

MailboxArgument = Annotated[
    str, typer.Argument(metavar="MAILBOX", show_default=False, help="Its name, or its id such as mbx_3.")
]


@app.command("list")
def list_mailboxes(
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones, instead of the others.")] = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List mailboxes, the newest first.

    With what each has sent today of what its limits allow, and what keeps it from sending now.

    Example: caesura mailbox list
    """
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> list[dict[str, Any]]:
        from caesura.service import mailboxes

        found: list[dict[str, Any]] = []
        key = session.database, session.workspace_id
        below = None
        while rows := await mailboxes.page(*key, below, _PAGE, archived):
            found += [await _as_json(session, row, session.now()) for row in rows]
            below = rows[-1].id
        return found

    found = work(data_dir, workspace, action)
    if as_json:
        output.show_json(found)
    elif not found:
        output.say("No mailbox is archived." if archived else "There are no mailboxes. Make one with caesura apply.")
    else:
        shown = [(one["id"], one["name"], one["address"], _today(one), _state(one)) for one in found]
        output.show_table(("ID", "NAME", "ADDRESS", "TODAY", "STATE"), shown)
        output.say("Why one does not send: caesura why --mailbox NAME", style="dim")


async def _as_json(session: "Session", row: "MailboxRow", now: "datetime") -> dict[str, Any]:
    from caesura.domain.errors import CaesuraError
    from caesura.service import capacity, explain

    key = session.database, session.engine.plans, session.workspace_id
    explanation = await explain.why_mailbox(*key, row.id, now)
    found = None
    with suppress(CaesuraError):  # the explanation says what is wrong with it
        found = (await capacity.of_mailboxes(*key, [row], now))[row.id]
    return {
        "id": f"mbx_{row.id}",
        "name": row.name,
        "address": row.address,
        "archived": row.archived,
        "used_today": found and found.used,
        "daily_limit": found and found.cap,
        "reason": explanation.reason,
        "sentence": explanation.sentence,
        "also": [one.reason for one in explanation.also],
        "next_at": explanation.next_at,
    }


def _today(one: Mapping[str, Any]) -> str:
    from caesura.cli.output import number

    if one["used_today"] is None:
        return ""
    used = number(one["used_today"])
    return used if one["daily_limit"] is None else f"{used} of {number(one['daily_limit'])}"


def _state(one: Mapping[str, Any]) -> str:
    """All that keeps it back in a word each, and until when."""
    from caesura.cli.output import instant
    from caesura.domain.reasons import Reason

    if one["archived"]:
        return "archived"
    words = ", ".join(dict.fromkeys((one["reason"], *one["also"])))
    waits = one["next_at"] is not None and one["reason"] is not Reason.READY
    return f"{words} until {instant(one['next_at'])}" if waits else words


@app.command()
def archive(
    mailbox: MailboxArgument,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Take a mailbox out of use.

    Once this returns, nothing more goes out from it. Leads that it wrote to wait until it is brought back, or until
    caesura rebind gives them another.

    Example: caesura mailbox archive anna
    """
    _archive(mailbox, True, workspace, as_json, data_dir)


@app.command()
def unarchive(
    mailbox: MailboxArgument,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Bring an archived mailbox back into use.

    Example: caesura mailbox unarchive anna
    """
    _archive(mailbox, False, workspace, as_json, data_dir)


def _archive(named: str, archived: bool, workspace: str, as_json: bool, data_dir: "Path | None") -> None:
    from caesura.cli import naming, output
    from caesura.cli.session import work

    async def action(session: "Session") -> "MailboxRow":
        from caesura.service import mailboxes

        row = await naming.mailbox_of(session, named)
        return await mailboxes.archive(
            session.database, session.workspace_id, row.id, archived, session.actor, session.now()
        )

    row = work(data_dir, workspace, action)
    if as_json:
        output.show_json({"id": f"mbx_{row.id}", "name": row.name, "address": row.address, "archived": row.archived})
    elif archived:
        output.say(f"{row.name} ({row.address}) is archived, and sends nothing more")
    else:
        output.say(f"{row.name} ({row.address}) is in use again")


@pools.command("list")
def list_pools(
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List pools with their mailboxes, the newest first.

    Example: caesura pool list
    """
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> list[dict[str, Any]]:
        from caesura.service import mailboxes

        found: list[dict[str, Any]] = []
        known: dict[int, MailboxRow] = {}
        key = session.database, session.workspace_id
        below = None
        while rows := await mailboxes.page_of_pools(*key, below, _PAGE):
            for row in rows:
                for one in row.mailbox_ids:
                    known[one] = known.get(one) or await mailboxes.get(*key, one)
                members = [known[one] for one in row.mailbox_ids]
                found.append({"id": f"pol_{row.id}", "name": row.name, "mailboxes": [_member(one) for one in members]})
            below = rows[-1].id
        return found

    found = work(data_dir, workspace, action)
    if as_json:
        output.show_json(found)
    elif not found:
        output.say("There are no pools. Make one with caesura apply.")
    else:
        output.show_table(("ID", "NAME", "MAILBOXES"), [(one["id"], one["name"], _members(one)) for one in found])


def _member(row: "MailboxRow") -> dict[str, Any]:
    return {"id": f"mbx_{row.id}", "name": row.name, "archived": row.archived}


def _members(pool: Mapping[str, Any]) -> str:
    names = [f"{one['name']} (archived)" if one["archived"] else one["name"] for one in pool["mailboxes"]]
    return ", ".join(names) or "none"
