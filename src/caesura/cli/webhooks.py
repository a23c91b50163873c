"""`webhook create`, `webhook list`, `webhook test`, `webhook log`, `webhook delete`."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.service.webhooks import Issued
    from caesura.store.webhooks import DeliveryRow, WebhookRow

app = typer.Typer(help="Have a URL of yours told what happens.", no_args_is_help=True)

_ID = re.compile(r"(?:whk_)?([1-9][0-9]{0,17})")

Id = Annotated[str, typer.Argument(metavar="ID", show_default=False, help="As in the list: whk_10.")]


@app.command(epilog="Example: caesura webhook create https://hooks.example.com/caesura campaign.paused message.sent")
def create(
    url: Annotated[str, typer.Argument(show_default=False)],
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[EVENT]...", show_default=False, help="Default: all events.")
    ] = None,
    description: Annotated[str | None, typer.Option(metavar="TEXT", show_default=False, help="For people.")] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a webhook, and show the secret that signs what comes. The server sends; it must run for that."""
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "Issued":
        from caesura.domain.destinations import Destinations
        from caesura.http.native.webhook_form import NATIVE
        from caesura.runtime.instance import entropy
        from caesura.service import webhooks

        return await webhooks.create(
            session.database,
            session.engine.keyring,
            NATIVE,
            Destinations.of(session.settings.webhook_hosts),
            entropy,
            session.workspace_id,
            webhooks.NewWebhook(url, kinds or ["*"], description),
            session.actor,
            session.now(),
        )

    issued = work(data_dir, workspace, action)
    if as_json:
        output.show_json({**_as_json(issued.row), "secret": issued.secret})
    else:
        output.show_pairs((("webhook", f"whk_{issued.row.id}"), ("secret", issued.secret)))


@app.command("list", epilog="Example: caesura webhook list")
def list_webhooks(workspace: Workspace = DEFAULT_WORKSPACE, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List webhooks, with how it went last."""
    from caesura.cli import output
    from caesura.cli.session import work
    from caesura.runtime.instance import now

    async def action(session: "Session") -> "list[WebhookRow]":
        from caesura.service import webhooks

        return await webhooks.page(session.database, session.workspace_id, "native", None, webhooks.MAXIMUM)

    rows = work(data_dir, workspace, action)
    if as_json:
        output.show_json([_as_json(row) for row in rows])
    elif rows:
        shown = [
            (
                f"whk_{row.id}",
                row.url,
                ", ".join(row.events),
                "active" if row.active else row.disabled_cause or "",
                row.last_status or "",
                output.ago(row.last_at, now()) if row.last_at else "",
            )
            for row in rows
        ]
        output.show_table(("ID", "URL", "EVENTS", "STATE", "LAST", "WHEN"), shown)
    else:
        output.say("There is no webhook.")


@app.command(epilog="Example: caesura webhook test whk_10")
def test(
    webhook: Id, workspace: Workspace = DEFAULT_WORKSPACE, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Have the server send a test. How it went is in the log."""
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "DeliveryRow":
        from caesura.http.native.webhook_form import NATIVE, TEST
        from caesura.service import webhooks

        number = _number(webhook)
        data = {"webhook_id": f"whk_{number}"}
        return await webhooks.send(session.database, NATIVE, session.workspace_id, number, TEST, data, session.now())

    row = work(data_dir, workspace, action)
    if as_json:
        output.show_json(_delivery_as_json(row))
    else:
        output.say(f"a test waits for the server: caesura webhook log whk_{row.webhook_id}")


@app.command(epilog="Example: caesura webhook log whk_10")
def log(
    webhook: Id,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many of the newest.")] = 50,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what was sent in the last 30 days, the newest at the top, and how it went."""
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "list[DeliveryRow]":
        from caesura.service import webhooks

        return await webhooks.deliveries(
            session.database, session.workspace_id, "native", _number(webhook), None, None, limit
        )

    rows = work(data_dir, workspace, action)
    if as_json:
        output.show_json([_delivery_as_json(row) for row in rows])
    elif rows:
        shown = [
            (
                output.instant(row.created_at),
                row.name,
                row.key,
                output.word(row.state),
                row.attempts,
                row.error or row.status_code or "",
                output.instant(row.due_at) if row.due_at else "",
            )
            for row in rows
        ]
        output.show_table(("AT", "EVENT", "KEY", "STATE", "ATTEMPTS", "ANSWER", "NEXT"), shown, right=("ATTEMPTS",))
    else:
        output.say("Nothing was sent.")


@app.command(epilog="Example: caesura webhook delete whk_10")
def delete(webhook: Id, workspace: Workspace = DEFAULT_WORKSPACE, data_dir: DataDir = None) -> None:
    """Take a webhook away, and what was still to be sent to it."""
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> None:
        from caesura.service import webhooks

        number = _number(webhook)
        await webhooks.delete(session.database, session.workspace_id, "native", number, session.actor, session.now())

    work(data_dir, workspace, action)
    output.say("the webhook is gone")


def _number(text: str) -> int:
    from caesura.domain.errors import NotFound

    match = _ID.fullmatch(text)
    if match is None:
        raise NotFound("webhook_not_found", f"there is no webhook {text!r}: caesura webhook list shows those there are")
    return int(match[1])


def _as_json(row: "WebhookRow") -> dict[str, Any]:
    return {
        "id": f"whk_{row.id}",
        "url": row.url,
        "events": list(row.events),
        "description": row.description,
        "active": row.active,
        "disabled_cause": row.disabled_cause,
        "last_status": row.last_status,
        "last_at": row.last_at,
        "failing_since": row.failing_since,
        "created_at": row.created_at,
    }


def _delivery_as_json(row: "DeliveryRow") -> dict[str, Any]:
    return {
        "id": f"dlv_{row.id}",
        "key": row.key,
        "event": row.name,
        "state": row.state,
        "attempts": row.attempts,
        "next_attempt_at": row.due_at,
        "created_at": row.created_at,
        "status_code": row.status_code,
        "error": row.error,
    }
