"""Whether this process can work: its database answers, with the schema that this program knows."""

from caesura.store.database import Database
from caesura.store.migrations import check_schema


async def check(database: Database) -> None:
    """Opens a connection and asks. Raises Unavailable, with a code as `store.migrations.check_schema`."""
    await check_schema(database.dsn)
