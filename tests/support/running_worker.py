"""A worker at work in the test's own process, and mailboxes of an engine that send to a port."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.validation import validate
from caesura.service import mailboxes
from caesura.worker.carrier import Carrier
from caesura.worker.letters import Identity
from caesura.worker.loop import Worker, WorkerIdentity, WorkerSettings

FAST = WorkerSettings(slots=20, group=10, lease=30, poll=0.02, tick=0.05, outage=0.05)
ONE_STEP = [{"subject": "Hello {{ first_name }}", "text": "Hi {{ first_name }}"}]


def clock() -> datetime:
    return datetime.now(UTC)


class Running:
    """A worker in this process."""

    def __init__(
        self,
        engine: Any,
        settings: WorkerSettings = FAST,
        make_carrier: Any = Carrier,
        name: str = "test/1/1",
        now: Callable[[], datetime] = clock,
    ) -> None:
        me = WorkerIdentity(name, "test", 1)
        letters = Identity(b"s" * 32)
        self.worker = Worker(me, engine.database, engine.plans, letters, now, settings, make_carrier)
        self._engine = engine
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Running":
        self._task = asyncio.create_task(self.worker.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        self.worker.stop()
        async with asyncio.timeout(20):
            await self._task

    async def until(self, condition: Callable[[Any], bool]) -> Any:
        """Waits for a condition on the campaign's status."""
        async with asyncio.timeout(20):
            while not condition(status := await self.status()):
                await asyncio.sleep(0.02)
        return status

    async def status(self) -> Any:
        self._engine.now = clock()
        return await self._engine.status()


async def use(engine: Any, port: int, name: str = "anna", **transport: Any) -> None:
    """A mailbox of the engine's sends to this port."""
    await use_as(engine, lambda w, n, plain: plain.encode(), {"name": name}, port, **transport)


async def use_as(engine: Any, seal: Any, more: dict[str, Any], port: int, **transport: Any) -> None:
    """The same with a seal and fields of its own."""
    engine.now = clock()
    name = more["name"]
    definition = validate(
        MailboxDefinition,
        {
            "name": name,
            "address": f"{name}@example.com",
            "transport": {"host": "127.0.0.1", "port": port, "tls": "none"} | transport,
        }
        | more,
    )
    row = await mailboxes.create(engine.database, engine.workspace, definition, seal, "test", engine.now)
    engine.mailboxes.append(row.id)
