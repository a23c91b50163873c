"""What a preflight asks of the rows."""

from collections.abc import Sequence

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("preflight")


async def leads_missing(
    tx: Connection, workspace_id: int, campaign_id: int, names: Sequence[str], sample: int | None, examples: int
) -> tuple[int, list[str]]:
    """How many leads to come lack one of the fields `names`, and some addresses. `sample`: look at so many at most."""
    [row] = await tx.fetch(SQL["leads_missing"], workspace_id, campaign_id, list(names), sample, examples)
    return row["missing"], row["examples"]
