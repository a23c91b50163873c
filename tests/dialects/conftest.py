"""A real server with a worker and a mail sink, and one driver for each door."""

import asyncio
import itertools
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from guarded_directory import guarded_directory

from caesura.runtime.sink import Sink, read_messages
from dialects.drivers import DRIVERS, Driver
from dialects.site import Site

NUMBERS = itertools.count(1)
# So slow that there is always something in transit at a pause.
DELAY_SECONDS = 0.05


class SlowSink:
    """A mail sink in a thread of its own, which takes its time over each message."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Sink(self.folder, port=0, accept_delay_seconds=DELAY_SECONDS) as sink:
            self.port = sink.port
            self._ready.set()
            await self._stop.wait()

    def received(self, domain: str) -> Counter[str]:
        """How many messages each address of this domain has got."""
        return Counter(one.recipient for one in read_messages(self.folder) if one.recipient.endswith(f"@{domain}"))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all tests of this folder."""
    sink = SlowSink(tmp_path_factory.mktemp("sink"))
    with guarded_directory() as data_directory:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAESURA_")}
        command = [sys.executable, "-m", "caesura", "serve", "--port", "0", "--data-dir", str(data_directory)]
        server = subprocess.Popen(
            command, env=environment | {"CAESURA_WEBHOOK_HOSTS": "127.0.0.1"}, stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        while not (line := server.stdout.readline()).startswith("ready "):
            assert line, "the server ended before it was ready"
        yield Site(line.removeprefix("ready ").strip(), data_directory, sink)
        server.terminate()
        assert server.wait(60) == 0
    sink.close()


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.door)
def driver(site: Site, request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A client of one door, in a workspace of its own that can send."""
    workspace = f"{request.param.door} {next(NUMBERS)}"
    native = site.client("native", workspace)
    site.can_send(native)
    made = request.param(site.client(request.param.door, workspace), native, f"d{next(NUMBERS)}.test")
    yield made
    made.client.close()
    native.close()


@pytest.fixture
def fresh(site: Site) -> httpx.Client:
    """A client without a key."""
    return httpx.Client(base_url=site.url)
