"""Whether this process can work: its database answers, can be written, and has the schema that this program knows."""

from caesura.domain.errors import Invalid, Unavailable
from caesura.store.database import Database
from caesura.store.migrations import check_schema
from caesura.store.server import check_server


async def check(database: Database) -> None:
    """Opens connections and asks. Raises Unavailable, with a code as `store.migrations.check_schema` and
    `store.server.check_server`: for who asks now, the server's configuration is an outage too.
    """
    try:
        await check_schema(database.dsn)
        await check_server(database.dsn)
    except Invalid as error:
        raise Unavailable(error.code, error.detail) from error
