"""Jobs as a server runs them: found by themselves, one per webhook at a time, and begun again after a death."""

import asyncio
import contextlib
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
import webhook_server
from aiohttp import web
from webhook_desk import Hooks, receiving
from webhook_server import at_work

from caesura.http.webhook_forms import FORMS
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
