"""Brings a database's schema to this program's version, forwards only and one program at a time.

Each version is a script `NNNN_name.sql` in this folder, and a revision of the same name in `versions/` that runs it.
Alembic does the work, and is imported only when there is work: a start from an up-to-date database does not pay for it.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from caesura.domain.errors import Unavailable
from caesura.store.server import connect

SCRIPTS = Path(__file__).parent

# Any constant will do; it must only differ from other programs' locks in the same database ("caesura" in ASCII, cut).
_LOCK = 0x63616573757261

_SCRIPT_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


def head(scripts: Path = SCRIPTS) -> str:
    """This program's schema version: four digits, the highest number among the scripts."""
    return max(match[1] for path in scripts.iterdir() if (match := _SCRIPT_NAME.fullmatch(path.name)))


async def migrate(dsn: str, scripts: Path = SCRIPTS) -> bool:
    """Brings the database at `dsn` to `head()`; answers whether there was anything to do.

    Waits while another program migrates. Each version is one transaction: one that fails, or is killed, leaves the
    version before it. `scripts` is a folder laid out as this one. Raises Unavailable: `database_newer_than_program`,
    `migration_failed` (with the version and the server's message), or as `store.server.connect`.
    """
    async with _connection(dsn) as connection:
        if _is_current(await _version(connection), scripts):
            return False
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        # Another program may have done it while this one waited. The lock goes with the connection.
        if _is_current(await _version(connection), scripts):
            return False
        from caesura.store.migrations.upgrade import upgrade

        try:
            await upgrade(connection, scripts)
        except (asyncpg.PostgresError, OSError) as error:
            reached = await _reached(dsn)
            detail = f"the schema could not be brought from version {reached} to {head(scripts)}: {error}"
            raise Unavailable("migration_failed", detail) from error
        return True


async def check_schema(dsn: str, scripts: Path = SCRIPTS) -> None:
    """For programs that must not migrate: raises Unavailable unless the schema is exactly at `head()`.

    Codes: `database_not_migrated`, `database_older_than_program`, `database_newer_than_program`, or as
    `store.server.connect`.
    """
    async with _connection(dsn) as connection:
        version = await _version(connection)
    if version is None:
        raise Unavailable("database_not_migrated", "the database is empty: start `caesura serve` on it first")
    if not _is_current(version, scripts):
        detail = f"the schema is version {version}, this program needs {head(scripts)}: start the newer server first"
        raise Unavailable("database_older_than_program", detail)


@asynccontextmanager
async def _connection(dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await connect(dsn)
    try:
        yield connection
    finally:
        # After an error the connection may be in any state, and `close` would wait for it.
        connection.terminate()


async def _version(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    version: str | None = await connection.fetchval("SELECT max(version_num) FROM alembic_version")
    return version


async def _reached(dsn: str) -> str:
    """For a message only: where a failed migration stands now."""
    try:
        async with _connection(dsn) as connection:
            return await _version(connection) or "none"
    except Unavailable:
        return "unknown"


def _is_current(version: str | None, scripts: Path) -> bool:
    newest = head(scripts)
    if version is not None and version > newest:
        detail = f"the database has schema version {version}, this program knows {newest} at most: use a newer Caesura"
        raise Unavailable("database_newer_than_program", detail)
    return version == newest
