"""Pause through every door: so many calls each, one client, one campaign that sends all the while.

Each pause is followed by a resume. Prints the times of the pauses, their answers, and whether the campaign was paused
after each. Usage: bench/doors.py [CALLS]
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from pause import prepare, process, ready, sink_command

from caesura.http.opaque_ids import hex_of, uuid_of
from caesura.runtime.postgres.layout import Layout

LEADS = 200_000
CALL_MS = 50.0
PORT = 2601


def doors(number: int) -> Mapping[str, tuple[str, str]]:
    """By dialect: where the campaign is paused, and where it goes on."""
    leadlex = f"/leadlex/functions/v1/api-gateway/v1/campaigns/{uuid_of('campaign', number)}"
    autosend = f"/autosend/v1/campaigns/{hex_of('campaign', number)}"
    woodpecker = f"/woodpecker/rest/v2/campaigns/{number}"
    leadterra = f"/leadterra/v1/campaigns/camp_{number}"
    native = f"/api/v1/campaigns/cmp_{number}"
    return {
        "native": (f"{native}/pause", f"{native}/resume"),
        "leadterra": (f"{leadterra}/pause", f"{leadterra}/start"),
        "leadlex": (f"{leadlex}/pause", f"{leadlex}/start"),
        "autosend": (f"{autosend}/pause", f"{autosend}/resume"),
        "woodpecker": (f"{woodpecker}/pause", f"{woodpecker}/run"),
    }


async def measure(
    address: str, dialect: str, key: str, paths: tuple[str, str], status: Callable[[], Awaitable[Any]], calls: int
) -> None:
    """Pauses and resumes through one door, and prints what was seen."""
    headers = {"x-api-key": key} if dialect == "woodpecker" else {"Authorization": f"Bearer {key}"}
    times, answers, wrong = [], Counter[int](), 0
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        for call in range(calls):
            start = time.perf_counter()
            answer = await client.post(paths[0])
            times.append((time.perf_counter() - start) * 1000)
            answers[answer.status_code] += 1
            if call % 20 == 0:
                wrong += (await status())["status"] != "paused"
            answers[(await client.post(paths[1])).status_code] += 1
    times.sort()
    p99 = times[min(calls - 1, int(calls * 0.99))]
    told = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
    print(
        f"{dialect:11} p50 {statistics.median(times):5.1f} ms   p99 {p99:5.1f} ms   max {times[-1]:5.1f} ms   "
        f"answers {told}   not paused afterwards: {wrong}"
    )
    if p99 > CALL_MS:
        print(f"{'':11} above the bar of {CALL_MS:.0f} ms")


async def run(address: str, dsn: str, native_key: str, calls: int) -> None:
    """The whole measurement."""
    headers = {"Authorization": f"Bearer {native_key}"}
    async with httpx.AsyncClient(base_url=f"{address}/api/v1", headers=headers, timeout=60) as client:
        campaign = await prepare(client, dsn, PORT, LEADS)
        [relay] = (await client.get("/mailboxes")).json()["items"]
        paced = {**relay["definition"], "limits": {"rate_per_second": 200, "connections": 8}}
        (await client.put(f"/mailboxes/{relay['id']}", json=paced)).raise_for_status()
        keys = {}
        for dialect in doors(1):
            body = {"scopes": ["*"], "dialect": dialect, "plan": "unmetered"}
            keys[dialect] = (await client.post("/keys", json=body)).raise_for_status().json()["key"]
        (await client.post(f"/campaigns/{campaign}/start")).raise_for_status()
        await asyncio.sleep(2)

        async def status() -> Any:
            return (await client.get(f"/campaigns/{campaign}/status")).raise_for_status().json()

        for dialect, paths in doors(int(campaign.removeprefix("cmp_"))).items():
            await measure(address, dialect, keys[dialect], paths, status, calls)
        counts = (await status())["counts"]
        print(f"sent meanwhile: {counts['sent']}; unknown: {counts['unknown']}; still waiting: {counts['waiting']}")


def main() -> None:
    """Starts the sink and the server, measures, and takes everything away again."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        data = folder / "data"
        caesura = (sys.executable, "-m", "caesura")
        serving = (*caesura, "serve", "--data-dir", str(data), "--port", "0", "--workers", "1")
        with process(*sink_command(PORT, folder)), process(*serving) as server:
            address = ready(server)
            command = (*caesura, "key", "create", "--data-dir", str(data), "--plan", "unmetered")
            with process(*command) as making:
                assert making.stdout is not None
                key = making.stdout.read().strip()
            asyncio.run(run(address, Layout.of(data).dsn(), key, calls))


if __name__ == "__main__":
    main()
