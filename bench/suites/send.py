"""Messages a second, all recorded, beside smtp-source and an aiosmtplib loop to the same sink, in turns."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from functools import partial
from pathlib import Path
from statistics import median

import asyncpg

from bench import letter
from bench.report import Bar, Report
from bench.scene import Scene
from bench.stage import Cost, Failed, Server, Sink, end, free_port, program, wait_for

LEADS = 100_000
RIVALS_SHARE = {"smtp-source": 0.3, "smtp-source -d": 0.5, "aiosmtplib": 0.02}
"""How much of the round each rival sends: enough for some seconds at its own pace."""

SESSIONS = 50
PER_SECOND, OF_SOURCE, OF_LOOP = 5_000.0, 1.0, 3.0


@dataclass(slots=True)
class Rounds:
    """What each turn brought, in messages a second."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    from_start: list[float] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)

    def add(self, name: str, rate: float) -> None:
        """One more turn."""
        self.rates.setdefault(name, []).append(rate)

    def ratio(self, name: str) -> float:
        """Caesura's rate over another's, the median of the rounds."""
        return median(ours / theirs for ours, theirs in zip(self.rates["caesura"], self.rates[name], strict=True))


def measure(scene: Scene) -> Report:
    """Each round: Caesura sends a campaign of 100,000 leads; then come the others, to the same sink."""
    report = Report("send")
    leads = scene.sized(LEADS)
    port = free_port()
    server = scene.server("send", workers=os.cpu_count() or 1)
    server.add_relay(port)
    ours, header = _sizes(scene, server, port)
    sink = Sink(scene.folder, port)
    scene.stack.callback(sink.stop)
    asyncio.run(_make_database(server.dsn))
    path = letter.write_leads(scene.folder / "send.csv", 0, leads)
    campaigns = [server.add_campaign(f"round {number}") for number in range(scene.rounds)]
    for campaign in campaigns:
        server.import_leads(campaign, path)
    rounds = Rounds()
    for campaign in campaigns:
        send(report, server, sink, campaign, leads, rounds)
        for name, share in RIVALS_SHARE.items():
            count = max(SESSIONS, round(leads * share))
            least = sink.received + count
            rounds.add(name, count / _rival(name, server, port, count, ours - header))
            wait_for(partial(_has, sink, least), f"{name} lost messages", 5)
    server.stop()
    _tell(report, rounds, leads, ours)
    return report


def _has(sink: Sink, count: int) -> bool:
    return sink.received >= count


def send(report: Report, server: Server, sink: Sink, campaign: str, leads: int, rounds: Rounds) -> None:
    """One turn of ours: from the start of a campaign to its last message recorded."""
    before, received = server.cost(sink), sink.received
    called = time.time()
    server.api.post(f"/campaigns/{campaign}/start")
    server.wait_until_sent(campaign, leads)
    rounds.costs.append(server.cost(sink).since(before))
    [row] = server.ledger(campaign)
    report.expect(f"{row['messages']} of {leads} messages are on record", row["messages"] == leads == row["leads"])
    report.expect(f"{row['repeated']} messages went out more than once", row["repeated"] == 0)
    arrived = sink.received - received
    report.expect(f"the sink took {arrived} messages of a campaign of {leads}", arrived == leads)
    rounds.add("caesura", leads / (row["last"] - row["first"]))
    rounds.from_start.append(leads / (row["last"] - called))


def _rival(name: str, server: Server, port: int, count: int, payload: int) -> float:
    """Seconds that another took for so many messages."""
    if name == "aiosmtplib":
        dsn = server.dsn.replace("/caesura?", "/rival?")
        command = (sys.executable, "-m", "bench.rivals.aiosmtplib_loop", str(port), "0", str(count), dsn)
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    began = time.perf_counter()
    _source(port, count, payload, *name.split()[1:])
    return time.perf_counter() - began


def _source(port: int, count: int, payload: int, *options: str) -> None:
    sender = ("-f", "kim@sender.example", "-t", "lead@example.org", "-M", "bench.example")
    size = ("-s", str(min(SESSIONS, count)), "-m", str(count), "-l", str(payload))
    command = (program("smtp-source"), *options, *size, *sender, f"127.0.0.1:{port}")
    subprocess.run(command, check=True)


def _sizes(scene: Scene, server: Server, port: int) -> tuple[int, int]:
    """Octets of a message of ours, and of smtp-source's own header.

    A few of each go to `caesura sink`, which keeps them; they also warm the worker up.
    """
    kept = scene.folder / "kept"
    sink = server_sink(kept, port)
    try:
        campaign = server.add_campaign("warm-up")
        server.import_leads(campaign, letter.write_leads(scene.folder / "few.csv", 0, 200, "warm.example.org"))
        server.api.post(f"/campaigns/{campaign}/start")
        server.wait_until_sent(campaign, 200)
        _source(port, 1, 1_000)
        wait_for(lambda: len(list(kept.glob("*.eml"))) >= 201, "the sink has not kept all", 5)
    finally:
        end(sink)
    ours, theirs = [], 0
    for file in kept.glob("*.eml"):
        content = file.read_bytes()
        if "lead@example.org" in str(BytesHeaderParser().parsebytes(content)["To"]):
            theirs = len(content)
        else:
            ours.append(len(content))
    return round(median(ours)), max(0, theirs - 1_000)


def server_sink(out: Path, port: int) -> "subprocess.Popen[str]":
    """`caesura sink`, ready."""
    command = (sys.executable, "-m", "caesura", "sink", "--port", str(port), "--out", str(out))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    if not process.stdout.readline().startswith("ready "):
        raise Failed("caesura sink does not start")
    return process


async def _make_database(dsn: str) -> None:
    """A database of its own for the aiosmtplib loop, on the same server."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("create database rival")
    await connection.close()


def _tell(report: Report, rounds: Rounds, leads: int, octets: int) -> None:
    for name, rates in rounds.rates.items():
        report.add(name if name == "caesura" else f"{name}, {SESSIONS} sessions", "/s", *rates)
    report.add("caesura, from the start call", "/s", *rounds.from_start)
    for who in Cost.__slots__:
        spent = [getattr(cost, who) / leads * 1e6 for cost in rounds.costs]
        report.add(f"CPU of {who}", "us a message", *spent)
    report.bars += [
        Bar("messages a second", median(rounds.rates["caesura"]), "/s", least=PER_SECOND),
        Bar("times smtp-source", rounds.ratio("smtp-source"), "x", least=OF_SOURCE),
        Bar("times smtp-source -d", rounds.ratio("smtp-source -d"), "x", least=OF_SOURCE),
        Bar("times the aiosmtplib loop", rounds.ratio("aiosmtplib"), "x", least=OF_LOOP),
    ]
    report.notes.append(
        f"{leads:,} leads a round, each message of {octets:,} octets. smtp-source opens a connection for each message, "
        "and with -d keeps them; it neither personalises nor records."
    )
