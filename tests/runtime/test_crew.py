"""The crew of a server when the system gives it trouble."""

import asyncio
import os
from typing import Any

from caesura.runtime import crew
from caesura.runtime.crew import Crew


class Endless:
    """A worker process that never ends."""

    pid = 1
    returncode = None

    async def wait(self) -> int:
        await asyncio.Event().wait()
        return 0


async def test_a_worker_that_cannot_be_started_now_is_started_later(monkeypatch: Any) -> None:
    monkeypatch.setattr(crew, "_LAST_SECONDS", 0)
    tries, started = [], asyncio.Event()

    async def start(self: Crew) -> tuple[Endless, int]:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("Resource temporarily unavailable")
        started.set()
        return Endless(), os.open(os.devnull, os.O_RDONLY)

    monkeypatch.setattr(Crew, "_start", start)
    running = asyncio.create_task(Crew(None, 1, "test", {}).run())
    async with asyncio.timeout(10):
        await started.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
