"""The history: where the messages of enrollments go that came to an end, by month."""

from datetime import date, datetime

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("history")


async def prepare(tx: Connection, *days: date) -> None:
    """Makes the parts of the history for the months of these two days, unless they are there."""
    await tx.execute(SQL["prepare"], *days)


async def move(tx: Connection, before: datetime, today: date, limit: int) -> int:
    """Moves the messages of at most `limit` enrollments that came to an end before then; answers how many these were.

    Left are those with a message that may still change, and those that another has locked.
    """
    count: int = await tx.fetchval(SQL["move"], before, today, limit)
    return count
