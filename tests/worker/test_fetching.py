"""Files from URLs: what is taken, and what no URL can reach or make us read."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from webhook_desk import Receiver, receiving, silent

from caesura.domain.destinations import Destinations
from caesura.domain.errors import Problem
from caesura.worker import webhooks as guard
from caesura.worker.fetching import Fetcher

HERE = Destinations.of("127.0.0.1")


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def fetched(*urls: str, most: int = 1_000, destinations: Destinations = HERE, seconds: float = 5) -> list[Any]:
    """What is at these URLs; of what cannot be had, the code."""
    async with Fetcher(destinations, seconds) as fetcher:
        found = await fetcher.fetch(urls, most)
    return [found[one].code if isinstance(found[one], Problem) else found[one] for one in urls]


async def test_a_file_is_fetched_once_however_often_it_is_named(server: Receiver) -> None:
    assert await fetched(server.url, server.url) == [b"thank you", b"thank you"]
    [request] = server.got
    assert request.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (web.Response(status=404), "file_refused"),
        (web.Response(status=302, headers={"Location": "/other"}), "file_refused"),
        (web.Response(body=b"x", headers={"Content-Encoding": "gzip"}), "file_refused"),
        (web.Response(body=bytes(1_001)), "file_too_large"),
    ],
)
async def test_what_is_no_file_to_be_taken_is_told(server: Receiver, answer: web.Response, code: str) -> None:
    async def answered(_request: web.Request) -> web.Response:
        return answer

    server.answer = answered
    assert await fetched(server.url) == [code]
    assert len(server.got) == 1


async def test_files_are_not_read_beyond_what_they_may_have_together(server: Receiver) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(10_000))

    async def six_hundred(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(600))

    server.answer = endless
    assert await fetched(server.url) == ["file_too_large"]
    server.answer = six_hundred
    assert sorted(map(type, await fetched(f"{server.url}?1", f"{server.url}?2")), key=str) == [bytes, str]


async def test_half_a_file_is_none() -> None:
    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(half, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        assert await fetched(f"http://127.0.0.1:{port}/") == ["file_unreachable"]


async def test_one_time_limit_counts_for_all_files() -> None:
    async with silent() as url, asyncio.timeout(2):
        assert await fetched(*(f"{url}?{one}" for one in range(12)), seconds=0.1) == ["file_timeout"] * 12


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1", "url_refused"),
        ("[::ffff:10.0.0.1]", "url_refused"),
        ("[64:ff9b::7f00:1]", "url_refused"),
        ("localhost", "url_refused"),
        ("2130706433", "url_refused"),
        ("user@127.0.0.1", "url_invalid"),
        ("inside.example", "file_unreachable"),
    ],
)
async def test_no_url_reaches_a_host_inside(host: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = []

    def inside(_host: str, port: int, *_rest: Any, **_more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(writer)  # whatever is said then
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        monkeypatch.setattr(guard.socket, "getaddrinfo", inside)
        assert await fetched(f"https://{host}:{port}/", destinations=Destinations()) == [code]
    assert reached == []
