"""How much of its rate limits each key has used."""

from collections.abc import Mapping, Sequence

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("rate_limits")


async def take(
    tx: Connection, workspace_id: int, key_id: int, windows: Sequence[tuple[str, int, int, int]]
) -> Mapping[str, int]:
    """Counts one request in each window: its name, its number, requests allowed, and by how many windows another

    clock may be ahead. Answers what is used of each by now; one more than allowed where there was nothing left.
    """
    columns = [list(column) for column in zip(*windows, strict=True)]
    rows = await tx.fetch(SQL["take"], workspace_id, key_id, *columns)
    return {row["name"]: row["used"] for row in rows}


async def give_back(tx: Connection, workspace_id: int, key_id: int, names: Sequence[str]) -> None:
    """Takes a request out of these windows again."""
    await tx.execute(SQL["give_back"], workspace_id, key_id, list(names))
