"""What a server does beside answering, when it fails. The rest is tested where one is started: in tests/cli."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from caesura.runtime import errands
from caesura.runtime.settings import Settings
from caesura.worker.jobs import Pump


async def test_an_errand_that_dies_is_told_at_once_and_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0

    async def die(_: Pump) -> None:
        nonlocal begun
        begun += 1
        raise AssertionError("a bug")

    monkeypatch.setattr(Pump, "run", die)
    monkeypatch.setattr(errands, "_OUTAGE_SECONDS", 0.01)
    engine: Any = SimpleNamespace(keyring=None)
    both = errands.Errands(engine, "postgresql://nobody@127.0.0.1:1/nothing", Settings(), lambda _: None)
    with capture_logs() as told:
        running = asyncio.create_task(both.run())
        async with asyncio.timeout(2):
            while begun < 2:
                await asyncio.sleep(0.005)
        assert "errands_failed" in [one["event"] for one in told]
        both.stop()
        await asyncio.wait_for(running, 2)
