"""Messages per second over SMTP: our driver beside an aiosmtplib loop, to the same smtp-sink, in interleaved rounds.

Nothing is composed and nothing is recorded: this measures the wire alone. Needs Postfix's `smtp-sink`.

    python bench/smtp_wire.py [--messages 20000] [--connections 8] [--rounds 5] [--bytes 3000]
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import aiosmtplib
import uvloop

from caesura.protocol.smtp import Envelope, Kind, TlsMode
from caesura.worker.transport import ConnectionSettings, connect

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
        raise SystemExit(f"a message was {kind.value}")


async def theirs(load: Load) -> None:
    """aiosmtplib, one message after the other on each connection."""

    async def send(count: int) -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=load.port, start_tls=False, local_hostname="bench.example")
        await client.connect()
        for number in range(count):
            await client.sendmail("sender@example.com", [f"lead{number}@example.com"], load.content)
        await client.quit()

    await asyncio.gather(*map(send, load.shares()))


def measure(work: Callable[[], Awaitable[None]], messages: int, run: Callable[..., None]) -> tuple[float, float]:
    """Messages per second, and microseconds of this process's CPU per message."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run(work())
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return messages / elapsed, cpu / messages * 1e6


def start_sink() -> tuple[subprocess.Popen[bytes], int]:
    """Postfix's smtp-sink on a free port, as nobody when we are root."""
    program = shutil.which("smtp-sink", path=f"{os.pathsep.join(os.get_exec_path())}:/usr/sbin")
    if program is None:
        raise SystemExit("Postfix's smtp-sink is not installed (Debian: postfix)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "100"])
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            continue
        return process, port
    raise SystemExit("smtp-sink ended at once")


def main() -> None:
    """Interleave the rounds, then print the median and the spread of each, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000, help="per round of ours; a tenth for aiosmtplib")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bytes", type=int, default=3_000, help="of content")
    options = parser.parse_args()

    content = b"Subject: a message\r\n\r\n" + LINE * (options.bytes // len(LINE))
    sink, port = start_sink()
    loops: dict[str, Callable[..., None]] = {"uvloop": uvloop.run, "asyncio": asyncio.run}
    figures: dict[str, list[tuple[float, float]]] = {}
    try:
        for _ in range(options.rounds):
            for name, run in loops.items():
                for client, work, count in (
                    ("caesura", ours, options.messages),
                    ("aiosmtplib", theirs, options.messages // 10),
                ):
                    load = Load(port, count, options.connections, content)
                    figures.setdefault(f"{client} on {name}", []).append(measure(partial(work, load), count, run))
    finally:
        sink.terminate()
        sink.wait()
    report(figures, len(content), options.connections)


def report(figures: dict[str, list[tuple[float, float]]], size: int, connections: int) -> None:
    """A table for people, and one line of JSON for programs."""
    result = {}
    for name, rounds in figures.items():
        rates, costs = [rate for rate, _ in rounds], [cost for _, cost in rounds]
        result[name] = {
            "messages_per_second": round(statistics.median(rates)),
            "lowest": round(min(rates)),
            "highest": round(max(rates)),
            "client_cpu_microseconds": round(statistics.median(costs), 1),
        }
        row = result[name]
        sys.stdout.write(
            f"{name:24} {row['messages_per_second']:>7}/s  ({row['lowest']} to {row['highest']})"
            f"  {row['client_cpu_microseconds']:>6} us CPU per message\n"
        )
    summary = {"bytes": size, "connections": connections, "rounds": len(next(iter(figures.values()))), **result}
    sys.stdout.write(json.dumps(summary) + "\n")


if __name__ == "__main__":
    main()
