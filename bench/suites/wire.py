"""The wire alone: our SMTP driver beside an aiosmtplib loop, to the same smtp-sink. Nothing is composed or recorded."""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import aiosmtplib
import uvloop

from bench.report import Report
from bench.scene import Scene
from bench.stage import CONNECTIONS, Failed
from caesura.protocol.smtp import Envelope, Kind, TlsMode
from caesura.worker.transport import ConnectionSettings, connect

MESSAGES, OCTETS = 10_000, 3_000

WINDOW = 20
"""How many messages a connection of ours has submitted and not settled."""

LINE = b"Some text of a usual line length, which is written here so that it has one.\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: the same for both."""

    port: int
    messages: int
    connections: int
    content: bytes

    def shares(self) -> list[int]:
        """How many messages each connection sends."""
        whole, rest = divmod(self.messages, self.connections)
        return [whole + (number < rest) for number in range(self.connections)]


async def ours(load: Load) -> None:
    """Our driver, with a window of submitted messages on each connection."""

    async def send(count: int) -> None:
        connection = await connect(
            ConnectionSettings("127.0.0.1", load.port, TlsMode.NONE, helo_name="bench.example", messages_max=count)
        )
        window = []
        for number in range(count):
            envelope = Envelope("sender@example.com", f"lead{number}@example.com", load.content)
            window.append(connection.submit(envelope))
            if len(window) == WINDOW:
                check((await window.pop(0)).kind)
        for future in window:
            check((await future).kind)
        await connection.quit()

    await asyncio.gather(*map(send, load.shares()))


def check(kind: Kind) -> None:
    """Stop at the first message that was not taken: a figure with errors in it is none."""
    if kind is not Kind.ACCEPTED:
        raise Failed(f"a message was {kind.value}")


async def theirs(load: Load) -> None:
    """aiosmtplib, one message after the other on each connection."""

    async def send(count: int) -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=load.port, start_tls=False, local_hostname="bench.example")
        await client.connect()
        for number in range(count):
            await client.sendmail("sender@example.com", [f"lead{number}@example.com"], load.content)
        await client.quit()

    await asyncio.gather(*map(send, load.shares()))


def timed(work: Callable[[], Awaitable[None]], messages: int, run: Callable[..., None]) -> tuple[float, float]:
    """Messages per second, and microseconds of this process's CPU per message."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run(work())
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return messages / elapsed, cpu / messages * 1e6


def measure(scene: Scene) -> Report:
    """Each client on uvloop and on asyncio's own loop; a tenth as many messages for aiosmtplib."""
    report = Report("wire")
    content = b"Subject: a message\r\n\r\n" + LINE * (OCTETS // len(LINE))
    loops: dict[str, Callable[..., None]] = {"uvloop": uvloop.run, "asyncio": asyncio.run}
    figures: dict[str, list[tuple[float, float]]] = {}
    for _ in range(scene.rounds):
        for name, run in loops.items():
            for client, work, count in (("caesura", ours, MESSAGES), ("aiosmtplib", theirs, MESSAGES // 10)):
                load = Load(scene.sink.port, count, CONNECTIONS, content)
                figures.setdefault(f"{client} on {name}", []).append(timed(partial(work, load), count, run))
    for name, rounds in figures.items():
        report.add(name, "/s", *(rate for rate, _ in rounds))
        report.add(f"{name}, CPU", "us a message", *(cost for _, cost in rounds))
    report.notes.append(f"{CONNECTIONS} connections, {len(content):,} octets of content.")
    return report
