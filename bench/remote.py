"""A PostgreSQL as other machines would reach it: by TCP and with a password, at two addresses of this machine.

Programs and settings are those of the embedded one. It can count the statements of those who ask for it in their URL.
"""

import asyncio
import os
import secrets
import signal
import subprocess
from pathlib import Path

import asyncpg

from bench.machine import connections_to
from bench.stage import Failed, free_port, wait_for
from caesura.runtime.postgres.account import choose_account
from caesura.runtime.postgres.cluster import ensure_cluster, settings_for
from caesura.runtime.postgres.layout import DATABASE, ROLE, Layout, make_home, make_socket_directory
from caesura.runtime.postgres.programs import find_programs, within_reach

FIRST, SECOND = "127.0.0.1", "127.0.0.2"

_ACCESS = "local all all trust\nhost all all 127.0.0.0/8 scram-sha-256\n"
_COUNTING = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none"}
_COUNTED = "?options=-c%20pg_stat_statements.track%3Dtop"
_STATEMENTS = """
select coalesce(sum(calls), 0)::bigint as every,
    coalesce(sum(calls) filter (where query ~* '^(begin|commit|rollback)'), 0)::bigint as bounds
from pg_stat_statements join pg_database on pg_database.oid = dbid where datname = $1
"""
_START_SECONDS = _STOP_SECONDS = 60.0


class RemoteDatabase:
    """Runs from its making to `stop`. Its extension is in the database `postgres`, not in Caesura's."""

    def __init__(self, folder: Path) -> None:
        """Made anew in this folder. Raises Failed when it does not start."""
        layout = Layout.of(folder)
        account = choose_account(())
        make_home(layout, account)
        programs = within_reach(find_programs(None), account, layout.home)
        ensure_cluster(layout, programs, account, durable=True)
        make_socket_directory(layout, account)
        (layout.database / "pg_hba.conf").write_text(_ACCESS)
        self._socket = str(layout.socket_directory)
        self._port = free_port()
        self._password = secrets.token_hex(16)
        place = {"listen_addresses": f"{FIRST},{SECOND}", "port": str(self._port)}
        options = [f"--{name}={value}" for name, value in (settings_for(layout, _COUNTING) | place).items()]
        with open(account.open(layout.start_log, os.O_WRONLY | os.O_TRUNC), "wb") as log:
            self._process = account.spawn([programs.postgres, "-D", layout.database, *options], log)
        try:
            wait_for(self._answers, "PostgreSQL does not start on TCP", _START_SECONDS)
            self._ask(f"alter role {ROLE} password '{self._password}'")
            self._ask(f"create database {DATABASE}")
            self._ask("create extension pg_stat_statements")
        except BaseException:
            self.stop()
            raise

    def url(self, address: str = FIRST, is_counted: bool = False) -> str:
        """For CAESURA_DATABASE_URL. `is_counted`: `statements` counts what is asked through it."""
        url = f"postgresql://{ROLE}:{self._password}@{address}:{self._port}/{DATABASE}"
        return url + _COUNTED if is_counted else url

    def connections(self, address: str) -> int:
        """How many are open by this address."""
        return connections_to(address, self._port)

    def forget_statements(self) -> None:
        """Counts from none again."""
        self._ask("select pg_stat_statements_reset()")

    def statements(self) -> tuple[int, int]:
        """Statements that clients sent, each counted as often as it was run; and how many were `begin` or `commit`.

        What triggers and functions run inside of them is not counted.
        """
        [row] = self._ask(_STATEMENTS, DATABASE)
        return row["every"], row["bounds"]

    def stop(self) -> None:
        """Ends it and all its connections."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise Failed("PostgreSQL on TCP ended at its start")
        try:
            self._ask("select 1")
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    def _ask(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(host=self._socket, port=self._port, user=ROLE, database="postgres")
            try:
                return await connection.fetch(query, *arguments)
            finally:
                await connection.close()

        return asyncio.run(ask())
