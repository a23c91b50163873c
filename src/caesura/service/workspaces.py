"""Workspaces: made when first named."""

from datetime import datetime

from caesura.domain.errors import Invalid, NotFound, Problem
from caesura.store import workspaces
from caesura.store.database import Connection, Database
from caesura.store.workspaces import WorkspaceRow

NAME_LENGTH = 200
_NAMED = 20


async def named(database: Database, name: str, now: datetime) -> int:
    """The id of the workspace of this name, which is made if there is none. Two at once get the same one.

    A name has 1 to 200 printable characters, and no space at either end. Raises Invalid `workspace_name`.
    """
    if not (0 < len(name) <= NAME_LENGTH and name.isprintable() and name == name.strip()):
        detail = f"a workspace's name has 1 to {NAME_LENGTH} printable characters and no space at either end"
        raise Invalid.of(Problem("workspace_name", detail))

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
