"""What a command works in: the settings, the database of its data directory, its workspace and who it acts for."""

import asyncio
import getpass
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import typer

from caesura.cli.options import DEFAULT_WORKSPACE
from caesura.domain.errors import NotFound
from caesura.runtime import environment, instance
from caesura.runtime.local import Engine, open_engine, reach_database
from caesura.runtime.settings import Settings, load, misspelt
from caesura.service import definitions, workspaces
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Database

T = TypeVar("T")

_CAMPAIGN_ID = re.compile(r"(?:cmp_)?([1-9][0-9]{0,17})")
_SUGGESTED_AMONG = 500


@dataclass(frozen=True, slots=True)
class Session:
    """One command at work. `actor` is how events name it, such as `cli:anna`."""

    engine: Engine
    settings: Settings
    workspace: str
    workspace_id: int
    actor: str

    @property
    def database(self) -> Database:
        """What services are called with."""
        return self.engine.database

    def now(self) -> datetime:
        """The time."""
        return instance.now()

    async def campaign(self, named: str) -> CampaignRow:
        """The campaign of this name or id. Raises NotFound, with names that are close, and Conflict for a name that
        several have."""
        number = _CAMPAIGN_ID.fullmatch(named)
        if number is not None:
            try:
                return (await definitions.get(self.database, self.workspace_id, int(number[1]))).row
            except NotFound:
                if named.startswith("cmp_"):
                    raise NotFound("campaign_not_found", f"there is no campaign {named}{self._here}") from None
        row = await definitions.find(self.database, self.workspace_id, named)
        if row is not None:
            return row
        detail = f"there is no campaign {named!r}{self._here}"
        rows = await definitions.page(self.database, self.workspace_id, None, None, False, _SUGGESTED_AMONG)
        names = {row.name.lower(): row.name for row in reversed(rows)}
        if close := [names[one] for one in get_close_matches(named.lower(), names, 3, 0.4)]:
            detail += f"; did you mean {' or '.join(map(repr, close))}?"
        elif rows:
            detail += f"; the newest are {', '.join(repr(row.name) for row in rows[:3])}"
        else:
            detail += ", and no other: make one with caesura apply"
        raise NotFound("campaign_not_found", detail)

    @property
    def _here(self) -> str:
        return "" if self.workspace == "default" else f" in workspace {self.workspace!r}"


def settings_for(**options: Any) -> Settings:
    """The settings of this command, its own options first. Call it before anything else. Raises Invalid."""
    instance.use_own_zones()
    settings = load(**options)
    instance.check_data_directory(settings)
    return settings


def warn_of_misspelt_settings() -> None:
    """A line on standard error for each variable of the environment that looks like a setting and is none."""
    for sentence in misspelt(environment.variables()):
        typer.echo(f"caesura: {sentence}", err=True)


def work(
    data_dir: Path | None, workspace: str, action: Callable[[Session], Awaitable[T]], makes_workspace: bool = False
) -> T:
    """Runs `action` on the database, which is joined if a server runs, else started for as long as this takes.

    Raises NotFound `workspace_not_found` for one that is not there, unless `makes_workspace` or it is the default.
    """
    settings = settings_for(data_dir=data_dir)
    with reach_database(settings) as reached:
        return asyncio.run(_work(reached.dsn, settings, workspace, action, makes_workspace))


async def _work(
    dsn: str, settings: Settings, workspace: str, action: Callable[[Session], Awaitable[T]], makes_workspace: bool
) -> T:
    async with open_engine(dsn, settings, connections=4) as engine:
        if makes_workspace or workspace == DEFAULT_WORKSPACE:
            workspace_id = await workspaces.named(engine.database, workspace, instance.now())
        else:
            workspace_id = await workspaces.existing(engine.database, workspace)
        return await action(Session(engine, settings, workspace, workspace_id, actor()))


def actor() -> str:
    """Who acts: the user of the system, as far as it is known."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"
