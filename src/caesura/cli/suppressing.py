"""`suppress add`, `suppress list`, `suppress remove`."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.domain.errors import Problem
    from caesura.service.suppressions import Suppressed
    from caesura.store.suppressions import SuppressionRow

app = typer.Typer(help="Never write to an address or a domain again.", no_args_is_help=True)

_PAGE = 500


@app.command(epilog="Example: caesura suppress add ada@example.com example.org")
def add(
    values: Annotated[list[str], typer.Argument(metavar="ADDRESS|DOMAIN...", show_default=False)],
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Never write to these again.

    Once this returns, nothing to them goes out. Whoever waits is stopped. A wrong one does not keep the others back.
    """
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.domain.errors import Invalid

    async def action(session: "Session") -> "Suppressed":
        from caesura.service import suppressions

        return await suppressions.suppress_many(
            session.database, session.workspace_id, values, session.actor, session.now()
        )

    done = work(data_dir, workspace, action)
    if as_json:
        output.show_json({"added": done.added, "already_there": done.already_there, "stopped": done.stopped})
    else:
        before = f", {output.number(done.already_there)} were before" if done.already_there else ""
        stopped = f"; {output.number(done.stopped)} enrollments stopped" if done.stopped else ""
        output.say(f"{output.number(done.added)} suppressed{before}{stopped}")
    if done.rejected:
        raise Invalid.of(*(_named(one.pointer, values, one.detail, one.code) for one in done.rejected))


@app.command("list", epilog="Example: caesura suppress list")
def list_suppressions(
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List who is never written to, with the cause, by whom and since when."""
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    async def action(session: "Session") -> "list[SuppressionRow]":
        from caesura.service import suppressions

        rows: list[SuppressionRow] = []
        after = None
        while page := await suppressions.page(session.database, session.workspace_id, after, None, _PAGE):
            rows += page
            after = page[-1].kind, page[-1].value
        return rows

    rows = work(data_dir, workspace, action)
    if as_json:
        output.show_json([_as_json(row) for row in rows])
    elif rows:
        shown = [(row.value, row.kind, row.cause, row.actor, output.ago(row.created_at, now())) for row in rows]
        output.show_table(("VALUE", "KIND", "CAUSE", "BY", "SINCE"), shown)
    else:
        output.say("Nobody is suppressed.")


@app.command(epilog="Example: caesura suppress remove ada@example.com")
def remove(
    value: Annotated[str, typer.Argument(metavar="ADDRESS|DOMAIN", show_default=False)],
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """End a suppression. What it has stopped stays stopped."""
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.domain.errors import Invalid

    async def action(session: "Session") -> "SuppressionRow":
        from caesura.service import suppressions

        return await suppressions.unsuppress(
            session.database, session.workspace_id, value, session.actor, session.now()
        )

    try:
        row = work(data_dir, workspace, action)
    except Invalid as error:
        raise Invalid.of(*(replace(one, pointer=None) for one in error.problems)) from None
    if as_json:
        output.show_json(_as_json(row))
    else:
        output.say(f"{row.value} is no longer suppressed")


def _named(pointer: str | None, values: list[str], detail: str, code: str) -> "Problem":
    """A problem with the argument that it is about instead of its place."""
    from caesura.domain.errors import Problem

    value = values[int((pointer or "/0").rsplit("/", 1)[-1])]
    return Problem(code, f"{value!r}: {detail}")


def _as_json(row: "SuppressionRow") -> dict[str, object]:
    return {
        "value": row.value,
        "kind": row.kind,
        "cause": row.cause,
        "actor": row.actor,
        "created_at": row.created_at,
    }
