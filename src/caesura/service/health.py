"""Whether this process can work: its database answers, can be written, has room, and the schema of this program."""

from caesura.domain.errors import Invalid, Unavailable
from caesura.store.database import Database
from caesura.store.migrations import check_schema
from caesura.store.server import check_room, check_server


async def check(database: Database) -> None:
    """Opens connections and asks. Raises Unavailable, with a code as `store.migrations.check_schema`,
    `store.server.check_server` and `check_room`: for who asks now, the server's configuration is an outage too.
    """
    try:
        await check_schema(database.dsn)
        await check_server(database.dsn)
        await check_room(database.dsn)
    except Invalid as error:
        raise Unavailable(error.code, error.detail) from error
