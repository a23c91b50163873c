"""Lists of leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.store.database import Connection, affected
from caesura.store.leads import LeadRow
from caesura.store.queries import load

SQL = load("lists")


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list as stored; `extra` is kept and returned."""

    workspace_id: int
    id: int
    name: str
    extra: Mapping[str, Any]
    created_at: datetime


async def insert(tx: Connection, workspace_id: int, name: str, extra: Mapping[str, Any], now: datetime) -> int | None:
    """A new, empty list; None when the name is taken."""
    list_id: int | None = await tx.fetchval(SQL["insert"], workspace_id, name, now, extra)
    return list_id


async def get(tx: Connection, workspace_id: int, list_id: int, keep: bool = False) -> ListRow | None:
    """One list, or None; `keep`: it is not deleted before this transaction ends."""
    row = await tx.fetchrow(SQL["keep" if keep else "get"], workspace_id, list_id)
    return ListRow(*row) if row else None


async def by_name(tx: Connection, workspace_id: int, name: str) -> ListRow | None:
    """The list of this name, or None."""
    row = await tx.fetchrow(SQL["by_name"], workspace_id, name)
    return ListRow(*row) if row else None


async def page(tx: Connection, workspace_id: int, below: int | None, part: str | None, limit: int) -> list[ListRow]:
    """A page of lists with ids under `below`, newest first: all, or those with `part` in the name."""
    return [ListRow(*row) for row in await tx.fetch(SQL["list"], workspace_id, below, part, limit)]


async def change(
    tx: Connection, workspace_id: int, list_id: int, name: str, extra: Mapping[str, Any] | None
) -> ListRow | None:
    """Gives a list another name, and with `extra` other things to keep; None when there is no such list."""
    row = await tx.fetchrow(SQL["change"], workspace_id, list_id, name, extra)
    return ListRow(*row) if row else None


async def delete(tx: Connection, workspace_id: int, list_id: int) -> bool:
    """Deletes a list, not its leads; whether there was one."""
    return affected(await tx.execute(SQL["delete"], workspace_id, list_id)) > 0


async def count(tx: Connection, workspace_id: int, list_id: int) -> int:
    """How many leads are on the list: counted, some 0.1 s for a million."""
    number: int = await tx.fetchval(SQL["count"], workspace_id, list_id)
    return number


async def several(tx: Connection, workspace_id: int, list_ids: Sequence[int]) -> dict[int, tuple[ListRow, int]]:
    """Those of these lists that are there, each with the number of its leads, by their ids."""
    rows = await tx.fetch(SQL["several"], workspace_id, list(list_ids)) if list_ids else ()
    return {row["id"]: (ListRow(*tuple(row)[:-1]), row["leads"]) for row in rows}


async def members(tx: Connection, workspace_id: int, list_id: int, above: int, limit: int) -> list[LeadRow]:
    """A page of the leads of a list with ids above `above`, in their order."""
    return [LeadRow(*row) for row in await tx.fetch(SQL["members"], workspace_id, list_id, above, limit)]


async def add(tx: Connection, workspace_id: int, list_id: int, lead_ids: Sequence[int], now: datetime) -> int:
    """Puts leads on a list; answers how many were not on it."""
    return affected(await tx.execute(SQL["add"], workspace_id, list_id, list(lead_ids), now))


async def remove(tx: Connection, workspace_id: int, list_id: int, lead_ids: Sequence[int]) -> int:
    """Takes leads off a list; answers how many were on it."""
    return affected(await tx.execute(SQL["remove"], workspace_id, list_id, list(lead_ids)))
