"""One database, one secret key: a machine with another key must not work on it."""

from caesura.domain.errors import Invalid
from caesura.domain.secrets import same
from caesura.service.keyring import Keyring
from caesura.store import installation
from caesura.store.database import Connection, Database

_DIFFERS = (
    "this machine's secret key is not the one that this database was first used with, so it could open no password: "
    "copy secret.key from the machine that has it, or set CAESURA_SECRET_KEY; only if that key is lost for good: "
    "caesura adopt-secret-key"
)


async def join(database: Database, keyring: Keyring) -> None:
    """Keeps the digest of the key at the first start. Raises Invalid `secret_key_differs` when there is another."""

    async def work(tx: Connection) -> None:
        if await installation.digest(tx) is None:
            await installation.keep(tx, keyring.digest)

    await database.run(work)
    await check(database, keyring)


async def check(database: Database, keyring: Keyring) -> None:
    """As `join`, and keeps nothing."""
    async with database.connection() as connection:
        kept = await installation.digest(connection)
    if kept is not None and not same(kept, keyring.digest):
        raise Invalid("secret_key_differs", _DIFFERS)


async def adopt(database: Database, keyring: Keyring) -> None:
    """The old key is lost: this one is the database's from now on. What the old one sealed stays closed."""

    async def work(tx: Connection) -> None:
        await installation.exchange(tx, keyring.digest)

    await database.run(work)
