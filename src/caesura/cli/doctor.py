"""`doctor`: looks at everything that sending needs, and says what to do."""

from typing import TYPE_CHECKING

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace

if TYPE_CHECKING:
    from caesura.runtime.diagnosis import Check


def doctor(
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Look at all that sending needs.

    That is disk, secret key, database, workers, clocks, and each mailbox's server, where it logs in and sends nothing.

    Each line is ok, warn or fail, with what to do. The exit status is 1 if any is fail.
    """
    from caesura.cli import output
    from caesura.cli.session import settings_for, warn_of_misspelt_settings
    from caesura.runtime.diagnosis import Level, diagnose

    checks: list[Check] = []

    def tell(check: "Check") -> None:
        checks.append(check)
        if not as_json:
            _show(check)

    settings = settings_for(data_dir=data_dir)
    warn_of_misspelt_settings()
    diagnose(settings, workspace, tell)
    failed = any(check.level is Level.FAIL for check in checks)
    if as_json:
        output.show_json({"ok": not failed, "checks": checks})
    if failed:
        raise typer.Exit(1)


def _show(check: "Check") -> None:
    from caesura.cli import output

    line = output.word(f"{check.level:<5}")
    line.stylize(output.word(check.level).style)
    line.append(f" {output.clean(check.subject)}", style="bold").append(
        f": {output.clean(check.detail)}", style="not bold"
    )
    output.console().print(line)
    if check.advice is not None and check.level != "ok":
        output.say(f"      {output.clean(check.advice)}", style="dim")
