"""The application over a fresh database, with a clock that stands still; in process, or behind a real server."""

import asyncio
import itertools
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
import uvicorn

from caesura.domain.api_key import ENTROPY_BYTES
from caesura.domain.secrets import KEY_BYTES, Secrets
from caesura.http.application import create_application
from caesura.http.context import ApiContext
from caesura.http.key_forms import NATIVE
from caesura.service import keys, workspaces
from caesura.service.keys import IssuedKey, NewKey
from caesura.store.database import Database

SECRETS = Secrets(pepper=b"p" * KEY_BYTES, sealing=(b"s" * KEY_BYTES,))


NUMBERS = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """The default renders tracebacks in colours, with every local variable, in seconds."""
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.KeyValueRenderer()])


class Clock:
    """Answers the same moment until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Api:
    """A client that carries a key with all scopes, and what stands behind it."""

    client: httpx.AsyncClient
    context: ApiContext
    clock: Clock
    workspace: str
    issued: IssuedKey

    @property
    def database(self) -> Database:
        return self.context.database

    async def mint(self, *scopes: str, workspace: str = "", **new: Any) -> IssuedKey:
        return await mint(self.context, scopes, workspace or self.workspace, **new)

    async def bearing(self, *scopes: str, workspace: str = "") -> dict[str, str]:
        """Headers with a new key of these scopes."""
        return {"Authorization": f"Bearer {(await self.mint(*scopes, workspace=workspace)).text}"}


async def mint(context: ApiContext, scopes: tuple[str, ...], workspace: str, **new: Any) -> IssuedKey:
    workspace_id = await workspaces.named(context.database, workspace, context.clock())
    return await keys.create(
        context.database,
        workspace_id,
        NewKey(**{"form": NATIVE, "scopes": scopes, **new}),
        ("*",),
        None,
        context.secrets.pepper,
        context.entropy(ENTROPY_BYTES),
        "test",
        context.clock(),
    )


@pytest.fixture(scope="session")
def shared_dsn(databases: Any) -> Iterator[str]:
    with databases.fresh("template_migrated") as dsn:
        yield dsn


@pytest.fixture
async def make_api(shared_dsn: str) -> AsyncIterator[Callable[..., Any]]:
    """Makes an Api in a workspace of its own; takes fields of ApiContext, and `register`, which may add routes."""
    database = await Database.open(shared_dsn, size=5)
    clients = []

    async def make(register: Callable[[Any], None] | None = None, **fields: Any) -> Api:
        clock = Clock()
        context = ApiContext(database, clock, os.urandom, SECRETS, **fields)
        application = create_application(context)
        if register is not None:
            register(application)
        name = f"workspace {next(NUMBERS)}"
        issued = await mint(context, ("*",), name)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(application, raise_app_exceptions=False),
            base_url="http://api.test",
            headers={"Authorization": f"Bearer {issued.text}"},
        )
        clients.append(client)
        return Api(client, context, clock, name, issued)

    yield make
    for client in clients:
        await client.aclose()
    await database.close()


@pytest.fixture
async def api(make_api: Callable[..., Any]) -> Api:
    made: Api = await make_api()
    return made


class Served:
    """The application behind a real server, with a client that carries a key with all scopes."""

    def __init__(self, dsn: str) -> None:
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(dsn)), name="test-server", daemon=True)
        self._thread.start()
        assert self._started.wait(30)
        self.client = httpx.Client(base_url=self.url, headers=self.bearing("*"))

    async def _serve(self, dsn: str) -> None:
        database = await Database.open(dsn, size=5)
        self._loop = asyncio.get_running_loop()
        self.context = ApiContext(database, lambda: datetime.now(UTC), os.urandom, SECRETS)
        config = uvicorn.Config(create_application(self.context), port=0, log_level="warning", http="httptools")
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        self._started.set()
        await serving
        await database.close()

    def mint(self, *scopes: str, workspace: str = "served", **new: Any) -> IssuedKey:
        coroutine = mint(self.context, scopes, workspace, **new)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def bearing(self, *scopes: str, workspace: str = "served") -> dict[str, str]:
        """Headers with a new key of these scopes."""
        return {"Authorization": f"Bearer {self.mint(*scopes, workspace=workspace).text}"}

    def close(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(30)


@pytest.fixture(scope="session")
def served(databases: Any) -> Iterator[Served]:
    """One server for all tests that do not mind what others leave in its database."""
    with databases.fresh("template_migrated") as dsn:
        served = Served(dsn)
        yield served
        served.close()
