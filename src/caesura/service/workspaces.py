"""Workspaces: made when first named, and what is set for each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.store import events, workspaces
from caesura.store.database import Connection, Database
from caesura.store.workspaces import WorkspaceRow

NAME_LENGTH = 200
MAXIMUM_LISTED = 1_000
_NAMED = 20
MAXIMUM_LEADS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """What is set for a workspace. Through doors that ask for approval, a draft with more than `approval_above` leads

    is submitted to a person instead of started; None: never.
    """

    approval_above: int | None = 100


async def named(database: Database, name: str, now: datetime) -> int:
    """The id of the workspace of this name, which is made if there is none. Two at once get the same one.

    A name has 1 to 200 printable characters, and no space at either end. Raises Invalid `workspace_name`.
    """
    _check_name(name)

    async def work(tx: Connection) -> int:
        # Read first: the insert would wait for a lock and burn an id each time.
        known = await workspaces.by_name(tx, name)
        made = known or await workspaces.insert(tx, name, now)
        found = made or await workspaces.by_name(tx, name)
        if found is None:
            raise RuntimeError("workspaces are never deleted")
        return found

    return await database.run(work)


async def get(database: Database, workspace_id: int) -> WorkspaceRow:
    """The workspace of this id. Raises NotFound `workspace_not_found`."""
    async with database.connection() as connection:
        row = await workspaces.get(connection, workspace_id)
    if row is None:
        raise NotFound("workspace_not_found", "there is no such workspace")
    return row


async def all_of(database: Database) -> list[WorkspaceRow]:
    """The oldest 1,000 workspaces."""
    async with database.connection() as connection:
        return await workspaces.all_of(connection, MAXIMUM_LISTED)


async def create(database: Database, name: str, now: datetime) -> WorkspaceRow:
    """A new workspace. Raises Invalid as `named` does, and Conflict `name_taken`."""
    _check_name(name)

    async def work(tx: Connection) -> WorkspaceRow:
        workspace_id = await workspaces.insert(tx, name, now)
        row = await workspaces.get(tx, workspace_id) if workspace_id is not None else None
        if row is None:
            raise _taken(name)
        return row

    return await database.run(work)


async def page(database: Database, below: int | None, limit: int) -> list[WorkspaceRow]:
    """A page of the installation's workspaces with ids under `below`, newest first."""
    async with database.connection() as connection:
        return await workspaces.page(connection, below, limit)


async def rename(database: Database, workspace_id: int, name: str, actor: str, now: datetime) -> WorkspaceRow:
    """Gives a workspace another name. Raises NotFound, Invalid as `named` does, and Conflict `name_taken`."""
    _check_name(name)

    async def work(tx: Connection) -> WorkspaceRow:
        before = await workspaces.get(tx, workspace_id)
        row = await workspaces.rename(tx, workspace_id, name)
        if before is None or row is None:
            raise NotFound("workspace_not_found", "there is no such workspace")
        if name != before.name:
            await events.append(tx, workspace_id, now, actor, [events.Entry("workspace.edited", data={"name": name})])
        return row

    try:
        return await database.run(work)
    except asyncpg.UniqueViolationError as error:
        raise _taken(name) from error


async def delete(database: Database, workspace_id: int) -> None:
    """Deletes a workspace with nothing in it. Raises NotFound, and Conflict `workspace_not_empty`."""

    async def work(tx: Connection) -> bool:
        return await workspaces.delete(tx, workspace_id)

    try:
        if not await database.run(work):
            raise NotFound("workspace_not_found", "there is no such workspace")
    except asyncpg.ForeignKeyViolationError as error:
        detail = "only a workspace in which nothing was ever made can be deleted"
        raise Conflict("workspace_not_empty", detail) from error


async def existing(database: Database, name: str) -> int:
    """The id of the workspace of this name. Raises NotFound `workspace_not_found`, which lists those there are."""
    async with database.connection() as connection:
        found = await workspaces.by_name(connection, name)
        if found is not None:
            return found
        names = await workspaces.names(connection, _NAMED + 1)
    listed = ", ".join(map(repr, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")
    there = f"those there are: {listed}" if names else "there is none yet"
    raise NotFound("workspace_not_found", f"there is no workspace {name!r}; {there}")


async def settings(database: Database, workspace_id: int) -> Settings:
    """What is set for a workspace, and the defaults of all else."""
    async with database.connection() as connection:
        return _settings(await workspaces.settings(connection, workspace_id))


async def change_settings(
    database: Database, workspace_id: int, changes: Mapping[str, Any], actor: str, now: datetime
) -> Settings:
    """Sets what is given of `Settings`. Raises Invalid `unknown_field`, `out_of_range`, with pointers."""
    known = asdict(Settings())
    problems = [
        Problem("unknown_field", "there is no such setting", f"/{name}") for name in changes if name not in known
    ]
    above = changes.get("approval_above")
    if above is not None and not 0 <= above <= MAXIMUM_LEADS:
        detail = f"approval_above is 0 to {MAXIMUM_LEADS}, or null for never"
        problems.append(Problem("out_of_range", detail, "/approval_above"))
    if problems:
        raise Invalid.of(*problems)

    async def work(tx: Connection) -> Settings:
        stored = await workspaces.settings(tx, workspace_id, lock=True)
        before = _settings(stored)
        after = replace(before, **changes)
        if after != before:
            await workspaces.set_settings(tx, workspace_id, {**stored, **asdict(after)})
            entry = events.Entry("workspace.edited", data=dict(changes))
            await events.append(tx, workspace_id, now, actor, [entry])
        return after

    return await database.run(work)


def _check_name(name: str) -> None:
    if not (0 < len(name) <= NAME_LENGTH and name.isprintable() and name == name.strip()):
        detail = f"a workspace's name has 1 to {NAME_LENGTH} printable characters and no space at either end"
        raise Invalid.of(Problem("workspace_name", detail, "/name"))


def _taken(name: str) -> Conflict:
    return Conflict("name_taken", f"there is a workspace named {name!r} already")


def _settings(stored: Mapping[str, Any]) -> Settings:
    return Settings(**{name: value for name, value in stored.items() if name in asdict(Settings())})
