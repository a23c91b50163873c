"""`caesura demo`: a campaign from a file of leads to the audit of every message, with a pause in the middle."""

from pathlib import Path
from typing import Annotated

import typer

_EXAMPLES = Path(__file__).parents[4] / "examples"


def demo(
    examples: Annotated[
        Path, typer.Option(file_okay=False, help="A folder with campaign.toml and leads.csv.", show_default=False)
    ] = _EXAMPLES,
) -> None:
    """Send the example campaign to a local mail sink, pause it, resume it, and audit every message.

    Everything happens in a temporary folder, on this machine, and goes away at the end. The exit status is 0 only if
    the audit holds.
    """
    from caesura.cli.demo.play import play

    if not play(examples):
        raise typer.Exit(1)
