"""Agents with the library's own client, over streamable HTTP, at a real server on the database of `desk`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from prometheus_client import CollectorRegistry

from caesura.http.agents import PATH, Names
from caesura.http.mcp.application import create_mcp_application


@dataclass
class Agent:
    """A connected client."""

    client: Client

    async def call(self, tool: str, **arguments: Any) -> Any:
        """The structured result of a tool, which must not fail. The client checks it against the tool's schema."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def failure(self, tool: str, **arguments: Any) -> Any:
        """The failure of a tool, which must fail."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, result.structured_content
        return result.structured_content


@pytest.fixture(scope="session")
def shared_dsn(databases: Any) -> Iterator[str]:
    """Of its own: an account key that another test has left would close pause and resume here."""
    with databases.fresh("template_migrated") as dsn:
        yield dsn


@pytest.fixture
async def serve_mcp() -> AsyncIterator[Callable[..., Any]]:
    """Puts a real server before an Api's context; answers its address."""
    async with AsyncExitStack() as stack:

        async def served(api: Any) -> str:
            context = replace(api.context, registry=CollectorRegistry())
            application = create_mcp_application(context, Names("127.0.0.1"))
            server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="warning", http="httptools"))
            serving = asyncio.create_task(server.serve())

            async def stop() -> None:
                server.should_exit = True
                await serving

            stack.push_async_callback(stop)
            while not server.started:
                await asyncio.sleep(0.01)
            return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{PATH}"

        yield served


@pytest.fixture
async def mcp_url(api: Any, serve_mcp: Callable[..., Any]) -> str:
    address: str = await serve_mcp(api)
    return address


@pytest.fixture
async def connect(mcp_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Connects an agent with these headers."""
    stopping, living = asyncio.Event(), []

    async def live(headers: Mapping[str, str], connected: asyncio.Future[Agent]) -> None:
        # In one task from beginning to end, as the library wants it; a fixture has several.
        async with (
            httpx2.AsyncClient(headers=dict(headers)) as http_client,
            Client(streamable_http_client(mcp_url, http_client=http_client)) as client,
        ):
            connected.set_result(Agent(client))
            await stopping.wait()

    async def connected(headers: Mapping[str, str]) -> Agent:
        future: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()
        living.append(asyncio.create_task(live(headers, future)))
        await asyncio.wait([future, living[-1]], return_when=asyncio.FIRST_COMPLETED)
        return await (future if future.done() else living[-1])

    yield connected
    stopping.set()
    await asyncio.gather(*living)


@pytest.fixture
async def agent(api: Any, connect: Callable[..., Any]) -> Agent:
    """With all scopes, in the workspace of `desk`."""
    connected: Agent = await connect({"Authorization": f"Bearer {api.issued.text}"})
    return connected
