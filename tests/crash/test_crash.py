"""Worker processes, and then the whole server with its database, are killed at random moments of a real campaign.

The mail goes over real SMTP into the sink, which alone knows what truly arrived; afterwards ledger and sink must agree.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from caesura.domain.definition import read_definition
from caesura.domain.errors import CaesuraError
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition
from caesura.domain.validation import validate
from caesura.runtime.postgres.layout import Layout
from caesura.runtime.sink import Sink, read_messages
from caesura.service import campaigns, definitions, mailboxes, workspaces
from caesura.service.campaigns import PauseOptions
from caesura.store.database import Database

LEADS = 700
STEPS = 3
SLOTS = 20
WORKERS = 2
SEED = 20261121
WORKER_KILLS = 6
SERVER_KILLS = 3
PATIENCE = 120.0


def now() -> datetime:
    return datetime.now(UTC)


class Server:
    """`caesura serve` as a process, to be killed with everything that belongs to it."""

    def __init__(self, data_directory: Path) -> None:
        self.data_directory = data_directory
        self.dsn = Layout.of(data_directory).dsn()
        self._process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        environment = os.environ | {"CAESURA_SLOTS": str(SLOTS), "CAESURA_LEASE_SECONDS": "5"}
        command = [sys.executable, "-m", "caesura", "serve", "--data-dir", str(self.data_directory)]
        self._process = subprocess.Popen(
            [*command, "--port", "0", "--workers", str(WORKERS)], env=environment, stdout=subprocess.PIPE, text=True
        )
        async with asyncio.timeout(60):
            while not (line := await asyncio.to_thread(self._process.stdout.readline)).startswith("ready "):
                assert line, "the server ended before it was ready"

    @property
    def workers(self) -> list[int]:
        return [process for process in children(self._process.pid) if "worker" in command_of(process)]

    def kill(self) -> None:
        """SIGKILL to the server, its workers, and its database, leaving no one to tidy up."""
        postmaster = Layout.of(self.data_directory).database / "postmaster.pid"
        database = int(postmaster.read_text().split()[0])
        for process in (self._process.pid, *self.workers, database, *children(database)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(60)


def children(process: int) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


def command_of(process: int) -> Sequence[str]:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")
    return ()


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[Sink]:
    """Slow enough that there is always something in transit to be killed."""
    async with Sink(tmp_path / "sink", port=0, accept_delay_seconds=0.03) as running:
        yield running


async def build(dsn: str, port: int) -> tuple[int, int]:
    """A started campaign of three steps a second apart; answers workspace and campaign."""
    database = await Database.open(dsn, 2)
    workspace = await workspaces.named(database, "crash", now())
    transport = {"host": "127.0.0.1", "port": port, "tls": "none"}
    mailbox = {"name": "anna", "address": "anna@example.com", "transport": transport, "limits": {"connections": 4}}
    await mailboxes.create(database, workspace, validate(MailboxDefinition, mailbox), lambda *_: b"", "test", now())
    pool = validate(PoolDefinition, {"name": "all", "mailboxes": ["anna"]})
    await mailboxes.create_pool(database, workspace, pool, "test", now())
    steps = [{"subject": "One {{ n }}", "text": "1"}, {"delay": 1, "text": "2"}, {"delay": 1, "text": "3"}]
    definition = read_definition({"name": "crash", "pool": "all", "steps": steps})
    campaign = await definitions.create(database, workspace, definition, "test", now())
    async with database.transaction() as tx:
        await tx.execute(
            """with new as (
              insert into lead (workspace_id, address, address_key, domain, fields, created_at, updated_at)
              select $1, a, a, 'example.org', jsonb_build_object('n', n), $2, $2
              from (select n, 'lead' || n || '@example.org' as a from generate_series(1, $4::int) n) x returning id)
            insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at)
            select $1, $3, id, $2, $2, $2 from new""",
            workspace, now(), campaign, LEADS,
        )  # fmt: skip
    await definitions.start(database, workspace, campaign, "test", now())
    await database.close()
    return workspace, campaign


class Steering:
    """Pauses and resumes through whatever connection there is: the database may be gone at any moment."""

    def __init__(self, dsn: str, workspace: int, campaign: int) -> None:
        self._dsn, self._workspace, self._campaign = dsn, workspace, campaign

    async def status(self) -> campaigns.Status:
        return await self._do(lambda database: campaigns.status(database, self._workspace, self._campaign, now()))

    async def pause(self) -> campaigns.Status:
        return await self._do(
            lambda database: campaigns.pause(database, self._workspace, self._campaign, PauseOptions(), "test", now())
        )

    async def resume(self) -> campaigns.Status:
        return await self._do(
            lambda database: campaigns.resume(database, self._workspace, self._campaign, "test", now())
        )

    async def _do(self, work):
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(CaesuraError, asyncpg.PostgresError, OSError):
                    database = await Database.open(self._dsn, 1)
                    try:
                        return await work(database)
                    finally:
                        database.terminate()
                await asyncio.sleep(0.1)


async def ledger(dsn: str, campaign: int) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(
            "select recipient, step, state, cause, message_id from message where campaign_id = $1", campaign
        )
    finally:
        await connection.close()


async def rampage(server: Server, steering: Steering, dice: random.Random) -> None:
    """Kills, and in between pauses and resumes."""
    kills = ["worker"] * WORKER_KILLS + ["server"] * SERVER_KILLS
    dice.shuffle(kills)
    for victim in kills:
        await asyncio.sleep(dice.uniform(0.2, 0.9))
        if victim == "worker" and server.workers:
            os.kill(dice.choice(server.workers), signal.SIGKILL)
        elif victim == "server":
            server.kill()
            await server.start()
        if dice.random() < 0.6:
            await steering.pause()
            await asyncio.sleep(dice.uniform(0.05, 0.4))
            await steering.resume()


@pytest.mark.timeout(300)
async def test_ledger_and_sink_agree_after_workers_and_the_whole_server_were_killed(
    data_directory: Path, sink: Sink, tmp_path: Path
) -> None:
    server = Server(data_directory)
    await server.start()
    workspace, campaign = await build(server.dsn, sink.port)
    steering = Steering(server.dsn, workspace, campaign)
    try:
        await rampage(server, steering, random.Random(SEED))
        async with asyncio.timeout(PATIENCE):
            while (await steering.status()).campaign.status != "completed":
                await asyncio.sleep(0.2)
        rows = await ledger(server.dsn, campaign)
    finally:
        code = server.stop()
    assert code == 0

    arrived = Counter(message.message_id for message in read_messages(tmp_path / "sink"))
    by_id = {row["message_id"]: row for row in rows}
    assert len(rows) == LEADS * STEPS, "a step was lost"
    assert max(arrived.values()) == 1, "a step arrived twice"
    assert Counter(row["state"] for row in rows).keys() <= {"sent", "unknown"}
    assert {row["message_id"] for row in rows if row["state"] == "sent"} <= arrived.keys(), "sent, and not arrived"
    assert arrived.keys() <= by_id.keys(), "arrived, and not in the ledger"
    unknown = [row for row in rows if row["state"] == "unknown"]
    assert len(unknown) <= SLOTS * (WORKER_KILLS + SERVER_KILLS * WORKERS)
    assert {row["cause"] for row in unknown} <= {"worker_died", "lease_ran_out"}
