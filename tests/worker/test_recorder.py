"""The recorder against failures that are not the plain course."""

import asyncio
from datetime import timedelta
from typing import Any

from caesura.protocol.smtp import FailureKind, SessionFailure, Stage
from caesura.worker.recorder import Recorder

DOWN = SessionFailure(FailureKind.TEMPORARY, Stage.CONNECT, "connect_failed", "connection refused")


async def put_off(engine: Any, recorder: Recorder, times: int) -> timedelta:
    """How long the mailbox waits after so many sessions have failed at once."""
    async with engine.database.connection() as connection:
        [mailbox] = (await engine.plans.mailboxes_by_id(connection, engine.workspace, engine.mailboxes)).values()
    for _ in range(times):
        recorder.session_failed(engine.workspace, mailbox, DOWN)
    running = asyncio.create_task(recorder.run())
    async with asyncio.timeout(10):
        while recorder._failures:
            await asyncio.sleep(0.005)
    running.cancel()
    [row] = await engine.rows("select wait_until from mailbox_pace")
    return row["wait_until"] - engine.now


async def test_sessions_that_fail_side_by_side_count_once(engine) -> None:
    await engine.build(leads=1)
    recorder = Recorder("w1", engine.database, engine.plans, lambda: engine.now, 0, 0)
    assert await put_off(engine, recorder, 10) == timedelta(minutes=1)
    engine.wait(minutes=1)
    assert await put_off(engine, recorder, 10) == timedelta(minutes=2)
