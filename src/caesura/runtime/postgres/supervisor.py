"""Starts, joins and stops the one server of a data directory, on behalf of all programs that use it."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from types import TracebackType

import asyncpg

from caesura.domain.errors import Unavailable
from caesura.runtime.postgres.account import Account, choose_account
from caesura.runtime.postgres.cluster import (
    ClusterIdentity,
    ensure_cluster,
    identity_of,
    is_full,
    log_sizes,
    reason_of_failure,
    settings_for,
)
from caesura.runtime.postgres.layout import DATABASE, Layout, make_home, make_socket_directory, of_os_error
from caesura.runtime.postgres.locks import FileLock
from caesura.runtime.postgres.processes import (
    LockFile,
    adopt,
    end,
    end_leftovers,
    forget_dead_server,
    is_server,
    is_server_of_path,
    read_lock_file,
)
from caesura.runtime.postgres.programs import find_programs, within_reach
from caesura.store.server import create_database, lock_file_of

# A fast stop writes all changed pages first; after that many seconds it is cut short, and the next start recovers.
_STOP = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
# Of one without its directory nothing can be saved, unless that was only moved.
_STOP_LOST = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 10.0))
_LEFTOVER_SECONDS = 20.0


class _Answer(Enum):
    READY = "it is this directory's server, and takes connections"
    STARTING = "it lives and is not ready: starting, recovering or stopping"
    NOTHING = "nobody answers, or another directory's server does"


class EmbeddedPostgres:
    """This program's use of the PostgreSQL server in a data directory, which it may share with other programs.

    The first one to come starts the server, the last one to leave stops it. Use `start`, and then `stop` or a `with`
    statement. Synchronous, and not for two threads at once.
    """

    def __init__(
        self, layout: Layout, account: Account, bin_dir: Path | None, settings: Mapping[str, str], timeout: float
    ) -> None:
        self._layout = layout
        self._account = account
        self._bin_dir = bin_dir
        self._settings = dict(settings)
        self._timeout = timeout
        self._users: FileLock | None = None
        self._child: subprocess.Popen[bytes] | None = None
        # The cluster that this use began with, and its server: what is found in the directory later may be another.
        self._identity: ClusterIdentity | None = None
        self._server: int | None = None

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> "EmbeddedPostgres":
        """Joins the server of `data_dir`, or starts it, or makes directory and database first; then it takes
        connections.

        `bin_dir` names PostgreSQL's programs, otherwise the wheel's or the system's are used. `settings` are the
        server's own (such as `{"fsync": "off"}`) and count when this call starts it. `timeout` bounds, in seconds,
        each wait for a sign of life: a server at work on its recovery is waited for as long as it says so.

        Raises Invalid and Unavailable with the codes `data_directory_...` (`unreachable`, `not_writable`,
        `not_a_directory`, `of_another_user`, `full`, `wrong_version`, `damaged`, `unusable`), `postgres_...`
        (`binaries_missing`, `binaries_too_old`, `binaries_unreachable`, `user_missing`, `busy`, `leftovers`,
        `initialisation_failed`, `start_failed`, `start_timeout`) and `socket_directory_taken`.
        """
        layout = Layout.of(data_dir)
        try:
            account = choose_account((layout.database, layout.data_directory))
            make_home(layout, account)
            server = cls(layout, account, bin_dir, settings or {}, timeout)
            server._enter()
        except OSError as error:
            raise of_os_error(error, layout) from error
        return server

    @property
    def dsn(self) -> str:
        """The URL of the database `caesura`, for asyncpg."""
        return self._layout.dsn()

    @property
    def database_directory(self) -> Path:
        """PostgreSQL's own data directory."""
        return self._layout.database

    @property
    def process(self) -> int | None:
        """The server's process number; None when it is dead."""
        lock_file = self._living()
        return lock_file.process if lock_file else None

    def ensure_running(self) -> bool:
        """Starts the server again if it has died; answers whether it had to. Errors as for `start`.

        Raises Unavailable `database_gone` or `database_replaced` where the cluster of the start is no longer in the
        directory: its server is ended, and no other is made or joined.
        """
        try:
            self._check_same()
            lock = self._take_turn()
            try:
                self._check_same()
                make_socket_directory(self._layout, self._account)
                was_started = self._bring_up()
                self._server = self.process
                return was_started
            finally:
                lock.close()
        except OSError as error:
            raise of_os_error(error, self._layout) from error

    def stop(self) -> None:
        """Leaves; the last one stops the server, which ends all connections. A second call does nothing."""
        if self._users is None:
            return
        users, self._users = self._users, None
        try:
            self._check_same()
            lock = self._take_turn()
        except (Unavailable, OSError):
            # Whoever has the turn this long uses the server, and is there to stop it; or the directory is gone, and
            # its server with it.
            users.close()
            return
        try:
            if users.try_exclusive():
                self._shut_down()
        finally:
            users.close()
            lock.close()

    def __enter__(self) -> "EmbeddedPostgres":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _enter(self) -> None:
        lock = self._take_turn()
        try:
            # First, so that nothing is asked or removed in somebody else's.
            make_socket_directory(self._layout, self._account)
            self._users = FileLock(self._layout.users_lock, self._account)
            self._users.share()
            try:
                self._bring_up()
                self._identity = identity_of(self._layout)
                self._server = self.process
            except BaseException:
                # Ctrl-C too: nothing that was begun here stays behind.
                if self._users.try_exclusive():
                    self._shut_down()
                self._users.close()
                self._users = None
                raise
        finally:
            lock.close()

    def _take_turn(self) -> FileLock:
        """Starts, joins and stops happen one at a time."""
        lock = FileLock(self._layout.start_lock, self._account)
        if not lock.wait_exclusive(self._timeout):
            lock.close()
            detail = f"another program has been starting or stopping the database for {self._timeout:g} seconds"
            raise Unavailable("postgres_busy", f"{detail}: {self._layout.start_lock}")
        return lock

    def _check_same(self) -> None:
        """Raises Unavailable `database_gone` or `database_replaced`, once the server left without it is ended."""
        found = identity_of(self._layout)
        if found == self._identity:
            return
        server, current = self._server, self._living()
        if server is not None and (current is None or current.process != server):
            # It would go on for up to a minute, with everything that is written to it lost. A server that ends in
            # order removes the socket at its path, which may be the other one's by now.
            ways = _STOP_LOST if found is None else _STOP_LOST[-1:]
            _end(server, lambda: is_server_of_path(server, self._layout), ways)
        place = self._layout.database
        if found is None:
            raise Unavailable("database_gone", f"the database was taken away while it was in use: {place}")
        detail = f"another database is in the place of the one that was in use: {place}"
        raise Unavailable("database_replaced", detail)

    def _bring_up(self) -> bool:
        """Answers whether the server had to be started."""
        if self._ask() is _Answer.READY:
            return False
        # Left by a killed supervisor, perhaps in the middle of its start or stop: it gets ready, or it ends.
        found = self._living()
        if found and self._wait(lambda: is_server(found.process, self._layout)):
            return False
        programs = within_reach(find_programs(self._bin_dir), self._account, self._layout.home)
        ensure_cluster(self._layout, programs, self._account, durable=self._settings.get("fsync") != "off")
        end_leftovers(self._layout, _LEFTOVER_SECONDS)
        forget_dead_server(self._layout, self._account)
        logs = log_sizes(self._layout)
        child = self._launch(programs.postgres)
        if not self._wait(lambda: child.poll() is None):
            reason = reason_of_failure(self._layout, logs)
            code = "data_directory_full" if is_full(reason, self._layout) else "postgres_start_failed"
            raise Unavailable(code, f"the database does not start: {reason}")
        return True

    def _launch(self, program: Path) -> "subprocess.Popen[bytes]":
        options = [f"--{name}={value}" for name, value in settings_for(self._layout, self._settings).items()]
        with open(self._account.open(self._layout.start_log, os.O_WRONLY | os.O_TRUNC), "wb") as log:
            child = self._account.spawn([program, "-D", self._layout.database, *options], log)
        self._child = child
        adopt(child)
        return child

    def _wait(self, lives: Callable[[], bool]) -> bool:
        """True once the server is ready, False once it has died. Raises Unavailable `postgres_start_timeout`."""
        deadline = time.monotonic() + self._timeout
        while True:
            was_alive = lives()
            answer = self._ask()
            if answer is _Answer.READY:
                return True
            if not was_alive:
                return False
            if answer is _Answer.STARTING:
                deadline = time.monotonic() + self._timeout
            if time.monotonic() >= deadline:
                detail = f"the database has not answered for {self._timeout:g} seconds: see {self._layout.database}/log"
                raise Unavailable("postgres_start_timeout", detail)
            time.sleep(0.005)

    def _ask(self) -> _Answer:
        # On a thread, so that it works where a loop runs already.
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(lambda: asyncio.run(_ask(self._layout, min(2.0, self._timeout)))).result()

    def _living(self) -> LockFile | None:
        lock_file = read_lock_file(self._layout)
        return lock_file if lock_file and is_server(lock_file.process, self._layout) else None

    def _shut_down(self) -> None:
        lock_file = self._living()
        child = self._child
        if lock_file is not None:
            process = lock_file.process
            _end(process, lambda: is_server(process, self._layout), _STOP)
        elif child is not None and child.poll() is None:
            # So young that it has no lock file, and may not hear SIGINT yet.
            _end(child.pid, lambda: child.poll() is None, _STOP[1:])
        if self._layout.socket_directory.parent != self._layout.home:
            try:
                self._layout.socket_directory.rmdir()
            except OSError:
                return  # not empty after a hard end; the next start clears it


def _end(process: int, lives: Callable[[], bool], ways: Sequence[tuple[signal.Signals, float]]) -> None:
    for way, seconds in ways:
        if end(process, way, lives, seconds):
            return


async def _ask(layout: Layout, seconds: float) -> _Answer:
    """Asks by connecting: a process number proves nothing."""
    if not layout.socket_files[0].exists():
        return _Answer.NOTHING
    try:
        connection = await asyncpg.connect(layout.dsn("postgres"), timeout=seconds)
        try:
            # Only this directory's server sees in its own directory the lock file that we see.
            lock_file = read_lock_file(layout)
            if lock_file is None or not lock_file.is_of(await lock_file_of(connection)):
                return _Answer.NOTHING
            await create_database(connection, DATABASE)
            return _Answer.READY
        finally:
            connection.terminate()
    except asyncpg.CannotConnectNowError:
        return _Answer.STARTING
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return _Answer.NOTHING
