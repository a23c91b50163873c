"""Receivers of webhooks over real HTTP, good and bad, and a desk that makes webhooks, events and rounds of delivery."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from caesura.domain.destinations import Destinations
from caesura.domain.secrets import KEY_BYTES, Secrets
from caesura.domain.webhook_form import WebhookForm
from caesura.http.webhook_forms import FORMS
from caesura.service import webhook_delivery, webhooks
from caesura.service.keyring import Keyring
from caesura.service.webhooks import DeliveryRow, NewWebhook
from caesura.store import events
from caesura.store.events import Entry
from caesura.worker.webhooks import Courier

KEYRING = Keyring(Secrets(pepper=b"p" * KEY_BYTES, sealing=(b"s" * KEY_BYTES,)), os.urandom)
HERE = Destinations.of("127.0.0.1, hooks.test")


@dataclass
class Got:
    """One request that came in."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Keeps every request, and answers with `status`, or as `answer` does."""

    status: int = 200
    answer: Callable[[web.Request], Any] | None = None
    got: list[Got] = field(default_factory=list)
    url: str = ""
    port: int = 0

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.got.append(Got(dict(request.headers), await request.read()))
        if self.answer is not None:
            response: web.StreamResponse = await self.answer(request)
            return response
        return web.Response(status=self.status, text="thank you")

    async def until(self, count: int, seconds: float = 20) -> None:
        """Waits for so many requests."""
        async with asyncio.timeout(seconds):
            while len(self.got) < count:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def receiving(**options: Any) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(**options)
    application = web.Application(client_max_size=10**8)
    application.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    receiver.port = site._server.sockets[0].getsockname()[1]
    receiver.url = f"http://127.0.0.1:{receiver.port}/hook"
    yield receiver
    await runner.cleanup()


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """The URL of a dead receiver: it takes connections, and never says a word."""
    kept: list[asyncio.StreamWriter] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/hook"
    for writer in kept:
        writer.close()
    server.close()


class Hooks:
    """Webhooks of an engine's workspace. `engine.now` is moved by hand."""

    def __init__(
        self, engine: Any, forms: Mapping[str, WebhookForm] = FORMS, destinations: Destinations = HERE
    ) -> None:
        self.engine = engine
        self.forms = forms
        self.destinations = destinations
        self.database = engine.database
        self.workspace = engine.workspace

    async def create(self, url: str, *names: str, dialect: str = "native", **more: Any) -> webhooks.Issued:
        return await webhooks.create(
            self.database,
            KEYRING,
            self.forms[dialect],
            self.destinations,
            os.urandom,
            self.workspace,
            NewWebhook(url, names or ("*",), **more),
            "test",
            self.engine.now,
        )

    async def happen(self, *entries: Entry | str) -> None:
        """These are written into the log, in one transaction."""
        written = [one if isinstance(one, Entry) else Entry(one) for one in entries]
        async with self.database.transaction() as tx:
            await events.append(tx, self.workspace, self.engine.now, "test", written)

    async def fan_out(self) -> int:
        """All that is in the log; answers of how many events."""
        told = 0
        while count := await webhook_delivery.fan_out(self.database, self.forms, self.engine.now):
            told += count
        return told

    def courier(self, **more: Any) -> Courier:
        return Courier(self.database, KEYRING, self.forms, self.destinations, lambda: self.engine.now, **more)

    async def deliver(self, *webhook_ids: int) -> int:
        """Everything that is due goes out, once; answers how many attempts that were."""
        await self.fan_out()
        async with self.courier(slice_seconds=120.0) as courier:
            ids: Sequence[int] = webhook_ids or [
                row["id"] for row in await self.engine.rows("select id from webhook where active order by id")
            ]
            return sum(await asyncio.gather(*(courier.deliver(self.workspace, one) for one in ids)))

    async def log(self, webhook_id: int, dialect: str = "native") -> list[DeliveryRow]:
        """Its deliveries, oldest first."""
        rows = await webhooks.deliveries(self.database, self.workspace, dialect, webhook_id, None, None, 1000)
        return rows[::-1]

    async def attempts(self, webhook_id: int) -> list[tuple[int, int | None, str | None]]:
        """(number, status, error) of each attempt, oldest first."""
        rows = await webhooks.attempts(self.database, self.workspace, "native", webhook_id, None, None, 1000)
        return [(row.number, row.status_code, row.error) for row in rows[::-1]]
