"""Jobs as a server runs them: found by themselves, one per webhook at a time, and begun again after a death."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from typing import Any

import asyncpg
import pytest
import structlog
import webhook_server
from aiohttp import web
from pgqueuer.qm import QueueManager
from webhook_desk import Hooks, receiving, silent
from webhook_server import at_work

from caesura.http.webhook_forms import FORMS
from caesura.service import webhooks, workspaces
from caesura.store.events import Entry


@pytest.fixture
def hooks(engine: Any) -> Hooks:
    engine.now = datetime.now(UTC)
    return Hooks(engine)


async def test_events_reach_their_webhooks_by_themselves(hooks: Hooks, dsn: str) -> None:
    async with receiving() as receiver, at_work(dsn):
        await hooks.create(receiver.url, "message.sent")
        for number in range(1, 21):
            await hooks.happen(Entry("message.sent", 1, number, 1))
            await asyncio.sleep(0.05)
        await receiver.until(20)
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert len(set(ids)) == len(ids) == 20


async def test_a_failed_attempt_is_made_again_by_itself(
    hooks: Hooks, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(FORMS["native"]), "retries", (0.2,) * 9)
    async with receiving(status=500) as receiver, at_work(dsn):
        await hooks.create(receiver.url, "campaign.paused")
        await hooks.happen("campaign.paused")
        await receiver.until(3)
        receiver.status = 200
        await receiver.until(4)


async def test_two_servers_send_each_thing_once(hooks: Hooks, dsn: str) -> None:
    async with receiving() as receiver, at_work(dsn), at_work(dsn):
        for _ in range(3):
            await hooks.create(receiver.url, "message.sent")
        for number in range(1, 51):
            await hooks.happen(Entry("message.sent", 1, number, 1))
        await receiver.until(150)
        await asyncio.sleep(1)
    assert len(receiver.got) == 150


async def test_a_slow_receiver_keeps_no_other_waiting(hooks: Hooks, dsn: str) -> None:
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(8)
        return web.Response()

    async with receiving(answer=slow) as sleeping, receiving() as good, at_work(dsn):
        for _ in range(10):
            await hooks.create(sleeping.url, "campaign.paused")
        await hooks.create(good.url, "campaign.paused")
        for number in range(1, 11):
            await hooks.happen(Entry("campaign.paused", number))
        await good.until(10, seconds=5)


async def test_slow_and_dead_receivers_of_one_workspace_keep_no_other_workspace_waiting(
    hooks: Hooks, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All webhooks that a workspace can have, each with a backlog, and none of them answers meanwhile."""
    monkeypatch.setattr(type(FORMS["native"]), "timeout", 300.0)
    released = asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    other = Hooks(hooks.engine)
    other.workspace = await workspaces.named(hooks.database, "another", hooks.engine.now)
    async with receiving(answer=slow) as sleeping, receiving() as quick, at_work(dsn), silent() as dead:
        for number in range(webhooks.MAXIMUM):
            await hooks.create(sleeping.url if number % 2 else dead, "message.sent")
        await other.create(quick.url, "campaign.paused")
        await hooks.happen(*(Entry("message.sent", 1, lead, 1) for lead in range(1, 21)))
        await sleeping.until(webhooks.MAXIMUM // 2, seconds=100)
        for number in range(1, 4):
            await other.happen("campaign.paused")
            await quick.until(number, seconds=60)
        released.set()


async def test_a_long_log_of_one_workspace_keeps_no_other_workspace_waiting(hooks: Hooks, dsn: str) -> None:
    other = Hooks(hooks.engine)
    other.workspace = await workspaces.named(hooks.database, "another", hooks.engine.now)
    async with receiving() as busy, receiving() as quick:
        for _ in range(20):
            await hooks.create(busy.url, "message.sent")
        await other.create(quick.url, "campaign.paused")
        await hooks.happen(*(Entry("message.sent", 1, lead, 1) for lead in range(1, 2001)))
        await other.happen("campaign.paused")
        async with at_work(dsn):
            await quick.until(1)
            made = await hooks.engine.rows(
                "select count(*) from webhook_delivery where workspace_id = $1", hooks.workspace
            )
    assert made[0]["count"] < 20 * 1000, "the other workspace's event waited until the whole log was told"


async def test_what_was_sent_and_not_noted_when_the_server_was_killed_is_sent_again(hooks: Hooks, dsn: str) -> None:
    killed: list[int] = []

    async def kill(_request: web.Request) -> web.Response:
        if not killed:
            killed.append(server.pid)
            os.kill(server.pid, signal.SIGKILL)
            await server.wait()
        return web.Response()

    async with receiving(answer=kill) as receiver:
        row = (await hooks.create(receiver.url, "campaign.paused")).row
        await hooks.happen("campaign.paused")
        server = await asyncio.create_subprocess_exec(sys.executable, webhook_server.__file__, dsn)
        await receiver.until(1, seconds=60)
        assert await server.wait() == -signal.SIGKILL
        assert [delivery.state for delivery in await hooks.log(row.id)] == ["pending"]
        async with at_work(dsn, webhook_server.SOON):
            await receiver.until(2, seconds=60)
            with contextlib.suppress(TimeoutError):
                await receiver.until(3, seconds=1)
    first, second = receiver.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    [delivery] = await hooks.log(row.id)
    assert delivery.state == "delivered"


async def test_a_workspace_without_webhooks_has_no_cursor_and_no_job(hooks: Hooks, dsn: str) -> None:
    async with at_work(dsn):
        await hooks.happen("campaign.paused")
        await asyncio.sleep(0.5)
    assert await hooks.engine.rows("select * from webhook_cursor") == []
    assert await hooks.engine.rows("select * from pgqueuer") == []


async def test_after_an_outage_of_the_database_it_goes_on(hooks: Hooks, dsn: str) -> None:
    async with receiving() as receiver, at_work(dsn):
        await hooks.create(receiver.url, "campaign.paused")
        await hooks.happen("campaign.paused")
        await receiver.until(1)
        await hooks.engine.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await hooks.happen("campaign.paused")
        await receiver.until(2, seconds=60)


OTHERS = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()"


async def lose_every_line(server: asyncpg.Connection, name: str) -> None:
    """The database dies and is there again at once."""
    await server.execute(OTHERS, name)


async def lose_the_listener(server: asyncpg.Connection, name: str) -> None:
    """Only the line over which jobs are heard of."""
    await server.execute(f"{OTHERS} and application_name = 'caesura jobs' and query ilike 'listen%'", name)


async def lose_the_database(server: asyncpg.Connection, name: str) -> None:
    """It is not there for a while, though its server is."""
    while True:
        await server.execute(OTHERS, name)
        with contextlib.suppress(asyncpg.ObjectInUseError):
            await server.execute(f'alter database "{name}" rename to "{name}_away"')
            break
    await asyncio.sleep(3)
    await server.execute(f'alter database "{name}_away" rename to "{name}"')


@pytest.mark.parametrize("lose", [lose_every_line, lose_the_listener, lose_the_database])
async def test_a_database_that_goes_away_is_a_warning_in_one_line(
    hooks: Hooks, dsn: str, monkeypatch: pytest.MonkeyPatch, lose: Callable[[Any, str], Awaitable[None]]
) -> None:
    usual = QueueManager._run_periodic_health_check
    monkeypatch.setattr(QueueManager, "_run_periodic_health_check", partialmethod(usual, timedelta(seconds=0.3)))
    name = await hooks.engine.rows("select current_database() as name")
    server = await asyncpg.connect(dsn, database="postgres")
    try:
        with structlog.testing.capture_logs() as logs:
            async with receiving() as receiver, at_work(dsn):
                await hooks.create(receiver.url, "campaign.paused")
                await hooks.happen("campaign.paused")
                await receiver.until(1)
                await lose(server, name[0]["name"])
                while not any(one["event"] == "jobs_wait" for one in logs):
                    await asyncio.sleep(0.1)
                await hooks.happen("campaign.paused")
                await receiver.until(2, seconds=60)
    finally:
        await server.close()
    assert {one["event"] for one in logs} <= {"jobs_wait", "webhooks_wait"}
    assert {one["log_level"] for one in logs} == {"warning"}
    assert all(one["error"] and "exc_info" not in one for one in logs)
