"""The options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DEFAULT_WORKSPACE = "default"


def _folder(text: str) -> Path:
    if not text:
        raise typer.BadParameter("it is empty: name a folder.")
    return Path(text)


DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="CAESURA_DATA_DIR",
        parser=_folder,
        metavar="DIR",
        show_default=False,
        help="The folder of the embedded database. For root /var/lib/caesura, else ~/.local/share/caesura.",
    ),
]
Workspace: TypeAlias = Annotated[str, typer.Option("--workspace", "-w", metavar="NAME", help="The workspace.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
CampaignArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="CAMPAIGN", show_default=False, help="A campaign's name, or its id such as cmp_12.")
]
Reason: TypeAlias = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", show_default=False, help="In your own words, for others.")
]
