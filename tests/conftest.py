"""Databases for tests: a throw-away PostgreSQL for each test process, a clone of a migrated template for each test.

`CAESURA_TEST_POSTGRES_BIN_DIR` names the programs of another PostgreSQL to run all tests on, such as 15's.
"""

import asyncio
import itertools
import os
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from guarded_directory import guarded_directory
from hypothesis import settings

from caesura.runtime.postgres import EmbeddedPostgres
from caesura.store.migrations import migrate

pytest_plugins = ("sending_engine", "desk")

# How long an example takes is the machine's to say, and no test's.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

T = TypeVar("T")

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")


class Administrator:
    """A connection to the `postgres` database on a thread with its own loop: fixtures need no loop of the test's."""

    def __init__(self, server_dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-database-administrator", daemon=True)
        self._thread.start()
        self._connection = self.run(asyncpg.connect(server_dsn))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def execute(self, statement: str) -> None:
        self.run(self._connection.execute(statement))

    def close(self) -> None:
        self.run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Databases:
    """Gives databases of one server: clones of a migrated template, or empty ones."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._administrator = Administrator(self.dsn_of("postgres"))
        self._administrator.execute("CREATE DATABASE template_migrated")
        self._administrator.run(migrate(self.dsn_of("template_migrated")))

    def dsn_of(self, database: str) -> str:
        return self._server.dsn.replace("/caesura?", f"/{database}?")

    @contextmanager
    def fresh(self, template: str) -> Iterator[str]:
        """A new database's address. It is dropped at the end, with the connections that are left on it."""
        name = f"test_{next(self._numbers)}"
        self._administrator.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG")
        try:
            yield self.dsn_of(name)
        finally:
            self._administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self._administrator.close()


@contextmanager
def serve(bin_dir: Path | None) -> Iterator[Databases]:
    with (
        guarded_directory(prefers_memory=True) as directory,
        EmbeddedPostgres.start(directory, bin_dir=bin_dir, settings={"fsync": "off"}) as server,
    ):
        databases = Databases(server)
        yield databases
        databases.close()


@pytest.fixture(scope="session")
def postgres_bin_dir() -> Path | None:
    chosen = os.environ.get("CAESURA_TEST_POSTGRES_BIN_DIR")
    return Path(chosen) if chosen else None


@pytest.fixture(scope="session")
def databases(postgres_bin_dir: Path | None) -> Iterator[Databases]:
    with serve(postgres_bin_dir) as databases:
        yield databases


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    """The address of a fresh database with the newest schema and no rows; dropped after the test."""
    with databases.fresh("template_migrated") as address:
        yield address


@pytest.fixture
def empty_dsn(databases: Databases) -> Iterator[str]:
    """The address of a fresh database without any table; dropped after the test."""
    with databases.fresh("template1") as address:
        yield address


@pytest.fixture(scope="session")
def databases15() -> Iterator[Databases]:
    if not (POSTGRES_15 / "postgres").exists():
        pytest.skip(f"no PostgreSQL 15 in {POSTGRES_15}")
    with serve(POSTGRES_15) as databases:
        yield databases


@pytest.fixture
def dsn15(databases15: Databases) -> Iterator[str]:
    """As `dsn`, on the oldest PostgreSQL that is supported; the test is skipped where it is not installed."""
    with databases15.fresh("template_migrated") as address:
        yield address


@pytest.fixture(scope="session")
def session_directory() -> Iterator[Path]:
    """As `data_directory`, for what is made once and copied."""
    with guarded_directory() as directory:
        yield directory


@pytest.fixture
def data_directory() -> Iterator[Path]:
    """A data directory with a short path, for a server of the test's own. A server left in it is ended."""
    with guarded_directory() as directory:
        yield directory


@pytest.fixture
def durable_server(data_directory: Path, postgres_bin_dir: Path | None) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, with fsync on, as users have it, and a migrated database: to be killed at will."""
    with EmbeddedPostgres.start(data_directory, bin_dir=postgres_bin_dir) as server:
        with ThreadPoolExecutor(1) as executor:  # this thread's loop is the test's
            executor.submit(lambda: asyncio.run(migrate(server.dsn))).result()
        yield server
