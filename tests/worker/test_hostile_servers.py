"""The whole worker against servers that misbehave: the ledger's exact word, the other mailboxes, and the stop."""

import asyncio
import time
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from running_worker import FAST, ONE_STEP, Running, clock, use

from caesura.protocol.smtp import Kind, Outcome, Stage
from caesura.runtime.sink import Sink
from caesura.worker.carrier import Carrier, Job
from caesura.worker.transport import Timeouts


@pytest.mark.parametrize("stage", ["GREETING", "EHLO"])
async def test_a_worker_stops_at_once_though_a_server_keeps_it_waiting_for_a_session(
    engine: Any, faults: Any, stage: str
) -> None:
    server = await faults.start({stage: faults.be_silent})
    await use(engine, server.port)
    await engine.build(leads=5, steps=ONE_STEP)
    running = Running(engine)
    async with running:
        await running.until(lambda status: status.counters.sending == 2)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    counters = (await running.status()).counters
    assert (counters.waiting, counters.sending, counters.unknown) == (5, 0, 0)


@pytest.mark.parametrize("stage", ["GREETING", "MAIL", "CONTENT"])
async def test_a_server_that_never_answers_keeps_no_other_mailbox_back(
    engine: Any, faults: Any, tmp_path: Path, stage: str
) -> None:
    server = await faults.start({stage: faults.be_silent})
    async with Sink(tmp_path / "sink", port=0) as sink:
        await use(engine, server.port)
        await use(engine, sink.port, "ben")
        await engine.build(leads=200, steps=ONE_STEP)
        timeouts = Timeouts(greeting=60, command=60, final=60)
        async with Running(engine, make_carrier=partial(Carrier, timeouts=timeouts)):
            async with asyncio.timeout(12):
                while sink.received < 150:
                    await asyncio.sleep(0.05)
            await server.stop()


async def test_a_server_that_was_fast_and_falls_silent_gives_its_slots_back(engine: Any, faults: Any) -> None:
    server = await faults.start({"CONTENT": ["250 2.0.0 Ok"] * 40 + [faults.be_silent] * 3})
    await use(engine, server.port)
    await engine.build(leads=200, steps=ONE_STEP)
    settings = replace(FAST, silence=0.5, patience=0.5)
    async with Running(engine, settings) as running:
        await running.until(lambda status: status.counters.sent == 40)
        await asyncio.sleep(1)
        # What is begun stays: at most two messages on each of its two connections.
        await running.until(lambda status: 1 <= status.counters.sending <= 4)
        await asyncio.sleep(0.5)
        assert (await running.status()).counters.sending <= 4


@pytest.mark.parametrize(
    ("stage", "state"), [("MAIL", "deferred"), ("RCPT", "deferred"), ("DATA", "deferred"), ("CONTENT", "unknown")]
)
async def test_a_worker_that_has_waited_long_enough_stops_and_says_how_far_each_message_came(
    engine: Any, faults: Any, stage: str, state: str
) -> None:
    server = await faults.start({stage: faults.be_silent}, offers=("8BITMIME",))
    await use(engine, server.port)
    await engine.build(leads=1, steps=ONE_STEP)
    async with Running(engine, replace(FAST, patience=0.5)):
        async with asyncio.timeout(10):
            word = ["MAIL", "RCPT", "DATA"][min(2, ["MAIL", "RCPT", "DATA", "CONTENT"].index(stage))]
            await server.until(lambda: any(line.startswith(word) for line in server.commands))
            await asyncio.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert await engine.rows("select state, cause from message") == [
        {"state": state, "cause": "line_lost_content" if state == "unknown" else "line_lost"}
    ]


async def test_a_clock_that_jumps_an_hour_ahead_and_back_takes_nothing_from_a_worker_that_lives(engine: Any) -> None:
    engine.now = clock()
    await engine.mailbox("anna")
    await engine.mailbox("ben")
    await engine.build(leads=40, steps=ONE_STEP)
    ahead = timedelta(0)

    def jumping() -> datetime:
        return clock() + ahead

    # The second sees the jump long before the first.
    late = replace(FAST, tick=0.6, lease=6)
    soon = replace(FAST, tick=0.05, lease=6)
    async with Running(engine, late, Silent, "test/1/1", jumping) as first:
        await first.until(lambda status: status.counters.sending == 4)
        async with Running(engine, soon, Silent, "test/2/1", jumping) as second:
            await second.until(lambda status: status.counters.sending == 8)
            for jump in (timedelta(hours=1), timedelta(0)):
                ahead = jump
                await asyncio.sleep(1.5)
                counters = (await second.status()).counters
                assert (counters.sending, counters.unknown) == (8, 0)


class Silent:
    """A carrier whose server never says a word."""

    def __init__(self, failed: Any) -> None:
        return

    def submit(self, job: Job) -> None:
        return

    def withdraw(self, jobs: list[Job]) -> int:
        for job in jobs:
            job.finished(job, Outcome(Kind.NOT_SENT, Stage.QUEUE))
        return len(jobs)

    async def close(self, seconds: float) -> None:
        return
