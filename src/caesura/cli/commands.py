"""All commands in one application, in the order of their help."""

import sys
from typing import Annotated

import typer

from caesura.cli import (
    applying,
    campaigns,
    demo,
    doctor,
    events,
    holds,
    inbound,
    keys,
    leads,
    lists,
    mailboxes,
    mcp,
    messages,
    serving,
    steering,
    suppressing,
    webhooks,
)

_ABOUT = """
Caesura sends email campaigns from your own mailboxes, and its pause can be trusted: once it has returned, nothing
more goes out, and a resume goes on from the exact position.

To begin: caesura serve, and in another terminal caesura apply FILE.toml, caesura leads import, caesura start.
"""


def application() -> typer.Typer:
    """The application; call it to run the command of `sys.argv`."""
    app = typer.Typer(
        name="caesura",
        help=_ABOUT,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command(rich_help_panel="Server")(serving.serve)
    app.command(rich_help_panel="Server")(serving.worker)
    app.command(rich_help_panel="Server")(serving.sink)
    app.command(rich_help_panel="Server")(mcp.mcp)
    app.command(rich_help_panel="Server")(doctor.doctor)
    app.add_typer(keys.app, name="key", rich_help_panel="Server")
    app.command(rich_help_panel="Server")(keys.adopt_secret_key)
    app.add_typer(webhooks.app, name="webhook", rich_help_panel="Server")
    app.command(rich_help_panel="Campaigns")(applying.apply)
    app.add_typer(leads.app, name="leads", rich_help_panel="Campaigns")
    app.add_typer(lists.app, name="list", rich_help_panel="Campaigns")
    for command in (
        campaigns.campaigns,
        campaigns.check,
        steering.start,
        steering.pause,
        steering.resume,
        steering.stop,
        steering.rebind,
        campaigns.status,
        campaigns.why,
        messages.messages,
        events.events,
    ):
        app.command(rich_help_panel="Campaigns")(command)
    app.add_typer(mailboxes.app, name="mailbox", rich_help_panel="Campaigns")
    app.add_typer(mailboxes.pools, name="pool", rich_help_panel="Campaigns")
    app.add_typer(inbound.app, name="inbound", rich_help_panel="Care")
    app.add_typer(holds.app, name="hold", rich_help_panel="Care")
    app.add_typer(suppressing.app, name="suppress", rich_help_panel="Care")
    app.command(rich_help_panel="Care")(messages.settle)
    app.command(hidden=True)(demo.demo)
    app.callback()(_root)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        import caesura

        print(f"caesura {caesura.__version__}")
        raise typer.Exit()


def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Only here for its option."""
