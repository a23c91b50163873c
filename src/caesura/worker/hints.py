"""Hints from the database (LISTEN/NOTIFY) that something changed. Nothing hangs on their arrival."""

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg
import msgspec

from caesura.store.database import OUTAGES

CHANNEL = "caesura"


class Hint(msgspec.Struct, frozen=True):
    """What changed: an event's kind, in which workspace, and of which campaign (None: not of one)."""

    workspace: int
    kind: str
    campaign: int | None = None


async def listen(dsn: str, heard: Callable[[Hint], None], outage_seconds: float) -> None:
    """Calls `heard` for each hint, for ever; a lost connection is opened again after `outage_seconds`."""

    def on_notify(_connection: object, _process: int, _channel: str, payload: object) -> None:
        with contextlib.suppress(msgspec.DecodeError):
            heard(msgspec.json.decode(str(payload).encode(), type=Hint))

    while True:
        with contextlib.suppress(*OUTAGES):
            connection = await asyncpg.connect(dsn, server_settings={"application_name": "caesura hints"})
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
            try:
                await connection.add_listener(CHANNEL, on_notify)
                await lost.wait()
            finally:
                connection.terminate()
        await asyncio.sleep(outage_seconds)
