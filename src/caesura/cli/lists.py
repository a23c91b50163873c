"""`list`: lists of leads, to be enrolled together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.service.lists import Added
    from caesura.store.lists import ListRow

app = typer.Typer(help="Keep lists of leads, to enrol them together.", no_args_is_help=True)

_PAGE = 500

ListArgument = Annotated[str, typer.Argument(metavar="LIST", show_default=False, help="Its name, or its id.")]
LeadArguments = Annotated[
    list[str], typer.Argument(metavar="LEAD...", show_default=False, help="Leads' addresses or ids, at most 1,000.")
]


@app.command("list")
def list_lists(
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the lists with the number of leads on each.

    The newest first.

    Example: caesura list list
    """
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    async def action(session: "Session") -> "list[tuple[ListRow, int]]":
        from caesura.service import lists

        key = session.database, session.workspace_id
        found: list[tuple[ListRow, int]] = []
        below = None
        while rows := await lists.page(*key, below, _PAGE):
            found += [await lists.get(*key, row.id) for row in rows]
            below = rows[-1].id
        return found

    found = work(data_dir, workspace, action)
    if as_json:
        output.show_json([{**_as_json(row), "members": members} for row, members in found])
    elif not found:
        output.say("There are no lists. Make one with caesura list create NAME.")
    else:
        shown = [
            (f"lst_{row.id}", row.name, output.number(members), output.ago(row.created_at, now()))
            for row, members in found
        ]
        output.show_table(("ID", "NAME", "LEADS", "CREATED"), shown, right=("LEADS",))


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="No other list's.")],
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a new, empty list.

    Example: caesura list create customers
    """
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "ListRow":
        from caesura.service import lists

        return await lists.create(session.database, session.workspace_id, name, session.actor, session.now())

    row = work(data_dir, workspace, action)
    if as_json:
        output.show_json(_as_json(row))
    else:
        output.say(f"lst_{row.id} is the list {row.name}")


@app.command()
def delete(
    named: ListArgument,
    workspace: Workspace = DEFAULT_WORKSPACE,
    data_dir: DataDir = None,
) -> None:
    """Delete a list. Its leads stay, in their campaigns too.

    Example: caesura list delete customers
    """
    from caesura.cli import naming, output
    from caesura.cli.session import work

    async def action(session: "Session") -> "ListRow":
        from caesura.service import lists

        row = await naming.list_of(session, named)
        await lists.delete(session.database, session.workspace_id, row.id, session.actor, session.now())
        return row

    row = work(data_dir, workspace, action)
    output.say(f"the list {row.name} is deleted")


@app.command()
def add(
    named: ListArgument,
    leads: LeadArguments,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put leads on a list: all of them or, when one is unknown, none.

    Example: caesura list add customers ada@example.com grace@example.org
    """
    from caesura.cli import naming, output
    from caesura.cli.session import work

    async def action(session: "Session") -> "tuple[str, Added]":
        from caesura.service import lists

        row = await naming.list_of(session, named)
        ids = await _leads(session, leads)
        key = session.database, session.workspace_id, row.id
        return row.name, await lists.add(*key, ids, session.actor, session.now())

    name, done = work(data_dir, workspace, action)
    if as_json:
        output.show_json(done)
        return
    there = f", {output.number(done.already_there)} were on it before" if done.already_there else ""
    output.say(f"{output.number(done.added)} put on {output.clean(name)}{there}")


@app.command()
def remove(
    named: ListArgument,
    leads: LeadArguments,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Take leads off a list. They stay in their campaigns.

    Example: caesura list remove customers ada@example.com
    """
    from caesura.cli import naming, output
    from caesura.cli.session import work

    async def action(session: "Session") -> tuple[str, int]:
        from caesura.service import lists

        row = await naming.list_of(session, named)
        ids = await _leads(session, leads)
        key = session.database, session.workspace_id, row.id
        return row.name, await lists.remove(*key, ids, session.actor, session.now())

    name, removed = work(data_dir, workspace, action)
    if as_json:
        output.show_json({"removed": removed})
    else:
        output.say(f"{output.number(removed)} taken off {output.clean(name)}")


async def _leads(session: "Session", named: Sequence[str]) -> list[int]:
    """The leads of these addresses or ids. Raises Invalid with every one that is none."""
    from caesura.cli import naming
    from caesura.domain.errors import CaesuraError, Invalid, Problem

    ids: list[int] = []
    problems: list[Problem] = []
    for one in named:
        try:
            ids.append((await naming.lead_of(session, one)).id)
        except CaesuraError as error:
            problems.append(Problem(error.code, f"{one}: {error.detail}"))
    if problems:
        raise Invalid.of(*problems)
    return ids


def _as_json(row: "ListRow") -> dict[str, Any]:
    return {"id": f"lst_{row.id}", "name": row.name, "created_at": row.created_at}
