"""What the database server itself must be: reachable, writable, in UTF-8 and not too old."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from caesura.domain.errors import CaesuraError, Invalid, Problem, Unavailable
from caesura.store.database import cannot_write

OLDEST = 15

_WARNINGS = {
    "fsync": "fsync is off: a power failure can destroy the database",
    "full_page_writes": "full_page_writes is off: a power failure can destroy the database",
    "synchronous_commit": "synchronous_commit is off: a crash can lose what was recorded last",
}


@dataclass(frozen=True, slots=True)
class Server:
    """What `check_server` found. `version` is the number PostgreSQL gives itself, such as 180006 for 18.6."""

    version: int
    warnings: tuple[Problem, ...]


async def connect(dsn: str, seconds: float = 10.0) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection for administration. `dsn` is a PostgreSQL URL; `seconds` bounds the wait.

    Raises Invalid `database_url_invalid`, `database_login_refused`, `database_missing`;
    Unavailable `database_unreachable`.
    """
    try:
        return await asyncpg.connect(dsn, timeout=seconds)
    except (ValueError, asyncpg.ClientConfigurationError) as error:
        raise Invalid("database_url_invalid", f"the database's URL is not understood: {error}") from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError) as error:
        raise Invalid("database_login_refused", f"the database refuses the login: {error}") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise Invalid("database_missing", f"{error}: make it, or mend the URL") from error
    except TimeoutError as error:
        raise Unavailable("database_unreachable", f"the database has not answered for {seconds:g} seconds") from error
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise Unavailable("database_unreachable", f"the database does not answer: {error}") from error


async def check_server(dsn: str, seconds: float = 10.0) -> Server:
    """Whether Caesura can work on the database at `dsn`, a PostgreSQL URL. Changes nothing there.

    Raises, besides the errors of `connect`, Invalid with one of `database_too_old`, `database_read_only`,
    `database_wrong_encoding`, `database_no_schema`, `database_no_create_right`. Settings that put data at risk are
    warnings in the answer.
    """
    connection = await connect(dsn, seconds)
    try:
        row = await connection.fetchrow(
            "SELECT current_setting('server_version') AS version_text,"
            " current_setting('server_version_num')::int AS version,"
            " current_database()::text AS name, current_user::text AS role,"
            " pg_is_in_recovery() AS standby, current_setting('transaction_read_only')::bool AS read_only,"
            " current_setting('server_encoding') AS encoding, current_schema()::text AS schema,"
            " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,"
            " current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,"
            " current_setting('synchronous_commit') AS synchronous_commit"
        )
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise Unavailable("database_unreachable", f"the database does not answer: {error}") from error
    finally:
        connection.terminate()
    assert row is not None
    if problem := problem_with(dict(row)):
        raise problem
    risky = [name for name in _WARNINGS if row[name] == "off"]
    return Server(row["version"], tuple(Problem(f"database_{name}_off", _WARNINGS[name]) for name in risky))


async def check_room(dsn: str, seconds: float = 10.0) -> None:
    """Whether the database's disk takes a few hundred kilobytes more. Nothing of it stays.

    Raises Unavailable `database_full`, and the errors of `connect`.
    """
    connection = await connect(dsn, seconds)
    try:
        # More rows than fit into its memory go into a temporary file: that leaves no trace, not even in the WAL.
        await connection.execute("SET work_mem = '64kB'; SELECT count(*) FROM generate_series(1, 20000)")
    except asyncpg.DiskFullError as error:
        raise cannot_write(error) from error
    except asyncpg.ConfigurationLimitExceededError:
        return  # temp_file_limit is small: then nothing is known, and all may be well
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise Unavailable("database_unreachable", f"the database does not answer: {error}") from error
    finally:
        connection.terminate()


def problem_with(row: Mapping[str, Any]) -> CaesuraError | None:
    """The first thing that is wrong with a server, out of what it said of itself; public for tests of old versions."""
    name, role = row["name"], row["role"]
    if row["version"] < OLDEST * 10_000:
        return Invalid("database_too_old", f"the server is PostgreSQL {row['version_text']}: {OLDEST} is the oldest")
    if row["standby"]:
        return Invalid("database_read_only", "the server is a read-only standby: give the URL of the primary")
    if row["read_only"]:
        detail = f"transactions in database {name} are read-only for role {role}: see default_transaction_read_only"
        return Invalid("database_read_only", detail)
    if row["encoding"] != "UTF8":
        detail = f"database {name} has encoding {row['encoding']}: make one with ENCODING 'UTF8'"
        return Invalid("database_wrong_encoding", detail)
    if row["schema"] is None:
        return Invalid("database_no_schema", f"no schema on role {role}'s search_path exists in database {name}")
    if not row["may_create"]:
        detail = f"role {role} may not make tables: GRANT CREATE ON SCHEMA {row['schema']} TO {role}"
        return Invalid("database_no_create_right", detail)
    return None


async def lock_file_of(connection: "asyncpg.Connection[asyncpg.Record]") -> str:
    """The `postmaster.pid` that the server itself sees in its data directory; needs a superuser."""
    text: str = await connection.fetchval("SELECT pg_read_file('postmaster.pid')")
    return text


async def create_database(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    """Makes the database unless it is there already."""
    if await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        return
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    except asyncpg.DuplicateDatabaseError:
        return
