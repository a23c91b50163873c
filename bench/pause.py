"""Pause under load: one campaign at full speed over real SMTP, paused and resumed over the HTTP API again and again.

Prints the time of the pause and resume calls, how many messages entered `sending` after a pause had returned (it must
be none), and how many were in transit at most. Usage: bench/pause.py [LEADS] [ROUNDS]
"""

import asyncio
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx

from caesura.runtime.postgres.layout import Layout

SLOTS = 200
CALL_MS = 50.0


@contextmanager
def process(*command: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    """A process for the length of the block."""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | settings)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


def ready(server: "subprocess.Popen[str]") -> str:
    """The address in the ready line."""
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith("ready "):
            return line.split()[1]
    raise SystemExit("the server did not start")


def sink_command(port: int, folder: Path) -> tuple[str, ...]:
    """Postfix's smtp-sink where there is one, or our own."""
    found = os.environ.get("CAESURA_SMTP_SINK") or shutil.which("smtp-sink") or shutil.which("/usr/sbin/smtp-sink")
    if found:
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        return (found, *user, f"127.0.0.1:{port}", "200")
    return (sys.executable, "-m", "caesura", "sink", "--port", str(port), "--out", str(folder / "sink"))


async def prepare(client: httpx.AsyncClient, dsn: str, port: int, leads: int) -> str:
    """A campaign with its leads, not started; answers its id."""
    mailbox = {
        "name": "relay",
        "address": "anna@example.com",
        "transport": {"host": "127.0.0.1", "port": port, "tls": "none"},
        "limits": {"connections": 8},
    }
    (await client.post("/mailboxes", json=mailbox)).raise_for_status()
    (await client.post("/pools", json={"name": "relay", "mailboxes": ["relay"]})).raise_for_status()
    steps = [{"subject": "Hello {{ n }}", "text": "Hi {{ n }}\n" * 40, "html": "<p>Hi {{ n }}</p>" * 40}]
    made = await client.post("/campaigns", json={"name": "load", "pool": "relay", "steps": steps})
    campaign = str(made.raise_for_status().json()["id"])
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        """with new as (
          insert into lead (workspace_id, address, address_key, domain, fields, created_at, updated_at)
          select 1, a, a, 'example.org', jsonb_build_object('n', n), $1, $1
          from (select n, 'lead' || n || '@example.org' as a from generate_series(1, $2::int) n) x returning id)
        insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at)
        select 1, $3, id, $1, $1, $1 from new""",
        datetime.now(UTC), leads, int(campaign.removeprefix("cmp_")),
    )  # fmt: skip
    await connection.close()
    return campaign


async def rounds(client: httpx.AsyncClient, dsn: str, campaign: str, count: int) -> None:
    """Pauses and resumes, and prints what was seen."""
    connection = await asyncpg.connect(dsn)
    pauses, resumes, in_transit, leaked = [], [], [], 0
    (await client.post(f"/campaigns/{campaign}/start")).raise_for_status()
    began = time.perf_counter()
    for _ in range(count):
        await asyncio.sleep(0.12)
        start = time.perf_counter()
        answer = (await client.post(f"/campaigns/{campaign}/pause")).raise_for_status().json()
        pauses.append((time.perf_counter() - start) * 1000)
        in_transit.append(answer["in_transit"])
        marks = await connection.fetchval("select sum(attempt) from message")
        await asyncio.sleep(0.05)
        leaked += await connection.fetchval("select sum(attempt) from message") - marks
        start = time.perf_counter()
        (await client.post(f"/campaigns/{campaign}/resume")).raise_for_status()
        resumes.append((time.perf_counter() - start) * 1000)
    sent = (await client.get(f"/campaigns/{campaign}/status")).json()["counts"]
    seconds = time.perf_counter() - began
    print(f"sent {sent['sent']} in {seconds:.1f} s with {count} pauses; {sent['waiting']} leads still waiting")
    for name, times in (("pause", pauses), ("resume", resumes)):
        times.sort()
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        print(f"{name:7} p50 {statistics.median(times):5.1f} ms   p99 {p99:5.1f} ms   max {times[-1]:5.1f} ms")
    print(
        f"in transit at a pause: median {statistics.median(in_transit):.0f}, at most {max(in_transit)} of {SLOTS} slots"
    )
    print(f"entered sending after a pause had returned: {leaked}")
    await connection.close()


async def run(address: str, key: str, dsn: str, port: int, leads: int, count: int) -> None:
    """The whole measurement."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"{address}/api/v1", headers=headers, timeout=60) as client:
        campaign = await prepare(client, dsn, port, leads)
        await rounds(client, dsn, campaign, count)


def main() -> None:
    """Starts the sink and the server, measures, and takes everything away again."""
    leads, count = (int(one) for one in (sys.argv[1:] + ["100000", "100"][len(sys.argv) - 1 :]))
    port = 2600
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        data = folder / "data"
        caesura = (sys.executable, "-m", "caesura")
        serving = (*caesura, "serve", "--data-dir", str(data), "--port", "0", "--workers", "1")
        with process(*sink_command(port, folder)), process(*serving, CAESURA_SLOTS=str(SLOTS)) as server:
            address = ready(server)
            key_command = (
                *caesura,
                "key",
                "create",
                "--workspace",
                "bench",
                "--dialect",
                "native",
                "--data-dir",
                str(data),
            )
            key = subprocess.run(key_command, capture_output=True, text=True, check=True).stdout.strip()
            asyncio.run(run(address, key, Layout.of(data).dsn(), port, leads, count))


if __name__ == "__main__":
    main()
