"""`key create`, `key list`, `key revoke`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.domain.api_key import KeyForm
    from caesura.service.keys import IssuedKey
    from caesura.store.keys import KeyRow

app = typer.Typer(help="Make, list and revoke keys of the API.", no_args_is_help=True)

_PAGE = 500


@app.command()
def create(
    workspace: Workspace = DEFAULT_WORKSPACE,
    dialect: Annotated[
        str, typer.Option(help="Whose door it opens: native, leadterra, leadlex, autosend or woodpecker.")
    ] = "native",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            show_default=False,
            help="What it may do, such as campaigns:read; several times for several. Default: everything.",
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(metavar="TEXT", show_default=False, help="For people.")] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", show_default=False, help="2030-01-31T09:00:00Z, or from now: 90d. Default: never."
        ),
    ] = None,
    campaign: Annotated[
        list[str] | None,
        typer.Option(
            show_default=False,
            help="The only campaign that it may touch, by name or id; several times for several. Default: all.",
        ),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(
            show_default=False, help="Its rate limits: usual, slow or unmetered; other doors have other plans."
        ),
    ] = None,
    account: Annotated[
        bool,
        typer.Option("--account", help="It opens every workspace, each named in the request; of native and autosend."),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it.

    It stands alone on standard output, and is shown this once. Works while the server runs.
    """
    from caesura.cli.moments import moment
    from caesura.cli.session import work
    from caesura.domain.scopes import Scope
    from caesura.runtime.instance import now

    form = _form(dialect, account)
    expires_at = moment(expires, "--expires", now()) if expires is not None else None

    async def action(session: "Session") -> "IssuedKey":
        from caesura.domain.api_key import ENTROPY_BYTES
        from caesura.runtime.instance import entropy
        from caesura.service import installation, keys

        await installation.join(session.database, session.engine.keyring)
        campaign_ids = [(await session.campaign(one)).id for one in campaign or []] or None
        new = keys.NewKey(form, scope or [Scope.ALL], label, expires_at, campaign_ids, plan, account)
        place = (session.database, session.workspace_id)
        secrets = (session.engine.keyring.secrets.pepper, entropy(ENTROPY_BYTES))
        return await keys.create(*place, new, [Scope.ALL], None, *secrets, session.actor, session.now())

    print(work(data_dir, workspace, action, makes_workspace=True).text)


def _form(dialect: str, account: bool) -> "KeyForm":
    """How the key looks. Raises Invalid `unknown_dialect`, `no_account_keys`."""
    from caesura.domain.errors import Invalid, Problem
    from caesura.http.key_forms import ACCOUNT_FORMS, KEY_FORMS

    if dialect not in KEY_FORMS:
        raise Invalid.of(Problem("unknown_dialect", f"a dialect is one of {', '.join(KEY_FORMS)}", "--dialect"))
    if account and dialect not in ACCOUNT_FORMS:
        raise Invalid.of(Problem("no_account_keys", f"{dialect} has no keys for an account", "--account"))
    return ACCOUNT_FORMS[dialect] if account else KEY_FORMS[dialect]


@app.command("list")
def list_keys(workspace: Workspace = DEFAULT_WORKSPACE, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the keys of a workspace.

    Without their secrets; the newest first.
    """
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    async def action(session: "Session") -> "list[KeyRow]":
        from caesura.service import keys

        rows: list[KeyRow] = []
        while page := await keys.list_page(
            session.database, session.workspace_id, rows[-1].id if rows else None, _PAGE
        ):
            rows += page
        return rows

    rows = work(data_dir, workspace, action)
    if as_json:
        output.show_json([_as_json(row) for row in rows])
        return
    if not rows:
        output.say("There are no keys. Make one with caesura key create.")
        return
    shown = [
        (
            f"key_{row.id}",
            row.dialect,
            row.prefix,
            _state(row, now()),
            " ".join(row.scopes),
            row.label,
            output.ago(row.last_used_at, now()) if row.last_used_at else "never",
        )
        for row in rows
    ]
    output.show_table(("ID", "DIALECT", "PREFIX", "STATE", "SCOPES", "LABEL", "USED"), shown)


@app.command()
def revoke(
    key: Annotated[
        str, typer.Argument(metavar="KEY", show_default=False, help="Its id, such as key_9, or its prefix.")
    ],
    workspace: Workspace = DEFAULT_WORKSPACE,
    data_dir: DataDir = None,
) -> None:
    """Revoke a key: from then on it opens nothing."""
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "KeyRow":
        from caesura.service import keys

        number = await _find(session, key)
        return await keys.revoke(session.database, session.workspace_id, number, session.actor, session.now())

    row = work(data_dir, workspace, action)
    output.say(f"key_{row.id} ({row.prefix}) is revoked")


async def _find(session: "Session", key: str) -> int:
    """The id of a key by its id, its prefix, or the whole key."""
    from caesura.domain.errors import NotFound
    from caesura.service import keys

    digits = key.removeprefix("key_")
    if digits.isascii() and digits.isdigit() and len(digits) < 19:
        return int(digits)
    below = None
    while page := await keys.list_page(session.database, session.workspace_id, below, _PAGE):
        for row in page:
            if row.prefix in key:
                return row.id
        below = page[-1].id
    raise NotFound("key_not_found", f"there is no such key in workspace {session.workspace!r}")


def _state(row: "KeyRow", now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "ok"


def _as_json(row: "KeyRow") -> dict[str, object]:
    return {
        "id": f"key_{row.id}",
        "prefix": row.prefix,
        "dialect": row.dialect,
        "label": row.label,
        "scopes": list(row.scopes),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
    }


def adopt_secret_key(data_dir: DataDir = None) -> None:
    """Go on with this machine's secret key, when the database's own is lost for good.

    What the old key sealed stays closed: give the mailboxes' passwords and DKIM keys anew with caesura apply, and make
    new keys for the API. Unsubscribe links that were sent no longer work.
    """
    from caesura.cli.session import work
    from caesura.service import installation

    async def action(session: "Session") -> None:
        await installation.adopt(session.database, session.engine.keyring)

    work(data_dir, DEFAULT_WORKSPACE, action)
    typer.echo("This machine's secret key is the database's now. Next: caesura doctor", err=True)
