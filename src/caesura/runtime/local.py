"""Opens the database that a command works on: the embedded one, joined or started, or the server of a URL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from caesura.runtime.instance import keyring
from caesura.runtime.postgres import EmbeddedPostgres
from caesura.runtime.settings import Settings
from caesura.service.keyring import Keyring
from caesura.service.plans import Plans
from caesura.store.database import Database
from caesura.store.migrations import migrate
from caesura.store.server import check_server


@dataclass(frozen=True, slots=True)
class Reached:
    """A database that is there and has the right schema. `embedded` is None when a URL was set."""

    dsn: str
    embedded: EmbeddedPostgres | None


@contextmanager
def reach_database(settings: Settings) -> Iterator[Reached]:
    """The database, migrated, for the length of the block. Not inside an event loop.

    Raises Unavailable and Invalid with codes that say what to do.
    """
    if settings.database_url is not None:
        asyncio.run(check_server(settings.database_url))
        asyncio.run(migrate(settings.database_url))
        yield Reached(settings.database_url, None)
        return
    with EmbeddedPostgres.start(settings.data_dir, bin_dir=settings.postgres_bin_dir) as embedded:
        asyncio.run(migrate(embedded.dsn))
        yield Reached(embedded.dsn, embedded)


@dataclass(frozen=True, slots=True)
class Engine:
    """What services are called with."""

    database: Database
    plans: Plans
    keyring: Keyring


@asynccontextmanager
async def open_engine(dsn: str, settings: Settings, connections: int = 10) -> AsyncIterator[Engine]:
    """An engine over a reached database, closed at the end of the block."""
    ring = keyring(settings)
    database = await Database.open(dsn, connections)
    try:
        yield Engine(database, Plans(ring), ring)
    finally:
        try:
            async with asyncio.timeout(5):
                await database.close()
        except TimeoutError:
            database.terminate()
