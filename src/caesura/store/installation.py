"""What a database knows of the installation that it belongs to: the digest of its secret key."""

from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("installation")


async def keep(tx: Connection, digest: bytes) -> None:
    """Keeps the digest; nothing when one is kept already."""
    await tx.execute(SQL["keep"], digest)


async def digest(tx: Connection) -> bytes | None:
    """The digest that is kept, or None before the first start."""
    kept: bytes | None = await tx.fetchval(SQL["digest"])
    return kept


async def exchange(tx: Connection, digest: bytes) -> None:
    """Keeps this digest from now on."""
    await tx.execute(SQL["exchange"], digest)
