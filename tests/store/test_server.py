"""What is said about servers that Caesura cannot work on."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from caesura.domain.errors import CaesuraError, Invalid, Unavailable
from caesura.runtime.postgres import EmbeddedPostgres
from caesura.store.server import OLDEST, check_room, check_server, connect, problem_with


async def fails(code: str, dsn: str) -> CaesuraError:
    with pytest.raises(CaesuraError) as caught:
        await check_server(dsn, seconds=0.5)
    assert caught.value.code == code, caught.value.detail
    return caught.value


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def named(dsn: str, statement: str, name: str) -> AsyncIterator[str]:
    """The same server's address with another database, which `statement` makes."""
    base, rest = dsn.split("@/", 1)
    await execute(dsn, statement)
    try:
        yield f"{base}@/{name}?{rest.split('?', 1)[1]}"
    finally:
        await execute(dsn, f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_good_server_is_named_with_what_puts_data_at_risk(dsn: str) -> None:
    server = await check_server(dsn)
    assert server.version >= OLDEST * 10_000
    assert [warning.code for warning in server.warnings] == ["database_fsync_off"]


async def test_a_server_as_users_have_it_gives_no_warning(durable_server: EmbeddedPostgres) -> None:
    assert (await check_server(durable_server.dsn)).warnings == ()


async def test_the_oldest_version_is_good(dsn15: str) -> None:
    assert 150_000 <= (await check_server(dsn15)).version < 160_000


@pytest.mark.parametrize(
    ("dsn", "kind", "code"),
    [
        ("postgresql://127.0.0.1:1/x", Unavailable, "database_unreachable"),
        ("postgresql:///x?host=/nowhere", Unavailable, "database_unreachable"),
        ("postgresql://host.invalid/x", Unavailable, "database_unreachable"),
        ("mysql://localhost/x", Invalid, "database_url_invalid"),
        ("postgresql://localhost:port/x", Invalid, "database_url_invalid"),
        ("postgresql://localhost/x?sslmode=perhaps", Invalid, "database_url_invalid"),
        ("", Unavailable, "database_unreachable"),
    ],
)
async def test_what_is_not_there_or_no_address_is_an_error(
    dsn: str, kind: type[CaesuraError], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "/nowhere")
    assert isinstance(await fails(code, dsn), kind)


async def test_a_server_that_says_nothing_is_given_up() -> None:
    held = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        error = await fails("database_unreachable", f"postgresql://caesura@127.0.0.1:{port}/x")
        assert "0.5 seconds" in error.detail
        for writer in held:
            writer.close()


async def test_a_server_that_is_not_postgresql_is_an_error() -> None:
    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(other, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await fails("database_unreachable", f"postgresql://caesura@127.0.0.1:{port}/x?sslmode=disable")


async def test_a_missing_database_and_a_refused_login_are_told_apart(dsn: str) -> None:
    await fails("database_missing", dsn.replace("/test_", "/no_such_"))
    await fails("database_login_refused", dsn.replace("caesura@", "nobody_known@"))


async def test_a_database_that_only_reads_is_refused(empty_dsn: str) -> None:
    name = empty_dsn.split("@/")[1].split("?")[0]
    await execute(empty_dsn, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "default_transaction_read_only" in (await fails("database_read_only", empty_dsn)).detail


async def test_a_server_whose_disk_is_full_is_told_as_that(dsn: str, session_directory: Path) -> None:
    place = session_directory / "full"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", place], capture_output=True
    ).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        (place / "space").mkdir()
        account = await servers_account(dsn)
        os.chown(place / "space", account, -1)
        name = dsn.split("@/")[1].split("?")[0]
        await execute(
            dsn,
            f"CREATE TABLESPACE little LOCATION '{place / 'space'}'",
            f"ALTER DATABASE {name} SET temp_tablespaces = little",
        )
        await check_room(dsn)
        with suppress(OSError), (place / "filling").open("wb", buffering=0) as filling:
            while True:
                filling.write(bytes(4096))
        with pytest.raises(Unavailable, match="make room") as caught:
            await check_room(dsn)
        assert caught.value.code == "database_full"
        (place / "filling").unlink()
        await check_room(dsn)
        await execute(dsn, f"ALTER DATABASE {name} RESET temp_tablespaces", "DROP TABLESPACE little")
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


async def servers_account(dsn: str) -> int:
    """The user whom the server runs as."""
    connection = await asyncpg.connect(dsn)
    try:
        return Path(f"/proc/{await connection.fetchval('select pg_backend_pid()')}").stat().st_uid
    finally:
        await connection.close()


async def test_a_standby_is_refused(data_directory: Path, postgres_bin_dir: Path | None) -> None:
    settings = {"fsync": "off"}
    with EmbeddedPostgres.start(data_directory, bin_dir=postgres_bin_dir, settings=settings) as server:
        directory = server.database_directory
    (directory / "standby.signal").touch()
    with EmbeddedPostgres.start(data_directory, bin_dir=postgres_bin_dir, settings=settings) as server:
        assert "standby" in (await fails("database_read_only", server.dsn)).detail


async def test_another_encoding_is_refused(dsn: str) -> None:
    statement = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    if "PostgreSQL 15" not in await version(dsn):
        statement += " LOCALE_PROVIDER libc"
    async with named(dsn, statement, "latin") as other:
        assert "LATIN1" in (await fails("database_wrong_encoding", other)).detail


async def version(dsn: str) -> str:
    connection = await connect(dsn)
    try:
        return str(await connection.fetchval("SELECT version()"))
    finally:
        await connection.close()


async def test_a_role_that_may_not_make_tables_is_told_what_to_grant(empty_dsn: str) -> None:
    await execute(empty_dsn, "CREATE ROLE guest LOGIN")
    try:
        error = await fails("database_no_create_right", empty_dsn.replace("caesura@", "guest@"))
        assert "GRANT CREATE ON SCHEMA public TO guest" in error.detail
        await execute(empty_dsn, "GRANT CREATE ON SCHEMA public TO guest")
        await check_server(empty_dsn.replace("caesura@", "guest@"))
    finally:
        await execute(empty_dsn, "DROP OWNED BY guest", "DROP ROLE guest")


async def test_a_search_path_that_leads_nowhere_is_refused(empty_dsn: str) -> None:
    await fails("database_no_schema", f"{empty_dsn}&options=-csearch_path%3D{quote('nowhere')}")


def test_a_version_too_old_is_named() -> None:
    row = {"version": 140_011, "version_text": "14.11", "name": "x", "role": "y"}
    error = problem_with(row)
    assert error is not None
    assert (error.code, "14.11" in error.detail) == ("database_too_old", True)
