"""What a server has at work for webhooks; as a program, a process to be killed: `webhook_server.py DSN`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from webhook_desk import HERE, KEYRING

from caesura.http.webhook_forms import FORMS
from caesura.store.database import Database
from caesura.worker.jobs import JobRunner, Pump
from caesura.worker.webhooks import Courier

SOON = timedelta(seconds=2)


def clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def at_work(dsn: str, heartbeat: timedelta = timedelta(seconds=30)) -> AsyncIterator[None]:
    """What a server has at work, for the length of the block."""
    database = await Database.open(dsn, 4)
    async with Courier(database, KEYRING, FORMS, HERE, clock) as courier:
        runner = JobRunner(dsn, courier, heartbeat)
        tasks = [asyncio.create_task(Pump(database, FORMS, clock, 0.1).run()), asyncio.create_task(runner.run())]
        try:
            yield
        finally:
            runner.stop()
            async with asyncio.timeout(30):
                await tasks[1]
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    await database.close()


async def _serve(dsn: str) -> None:
    async with at_work(dsn, SOON):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
