"""What only a diagnosis asks of the database."""

from datetime import datetime

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("diagnosis")


async def clock(tx: Connection) -> datetime:
    """The time by the database server's clock."""
    moment: datetime = await tx.fetchval(SQL["clock"])
    return moment
