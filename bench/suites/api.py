"""Reading a campaign's status and stats with 1,000,000 leads while it sends; the event stream; and are counts exact."""

import http.client
import json
import time
from collections.abc import Callable
from datetime import datetime
from itertools import chain
from urllib.parse import urlsplit

from bench.report import Bar, Report, percentile
from bench.scene import Million, Scene
from bench.stage import Api, wait_for

CALLS = 60
"""Of each kind in each round."""

STREAM_SECONDS = 2.0
P99_MS = 30.0


def measure(scene: Scene) -> Report:
    """Calls are timed at the client, one after the other; events from their own time to their arrival."""
    report = Report("api")
    million = scene.million
    door = _door(million)
    number = million.campaign.removeprefix("cmp_")
    calls: dict[str, Callable[[], object]] = {
        "status": lambda: million.server.api.get(f"/campaigns/{million.campaign}/status"),
        "campaign": lambda: million.server.api.get(f"/campaigns/{million.campaign}"),
        "stats (Leadterra's)": lambda: door.get(f"/campaigns/camp_{number}/stats"),
    }
    times: dict[str, list[list[float]]] = {name: [] for name in (*calls, "event stream")}
    with million.sending():
        for _ in range(scene.rounds):
            for name, call in calls.items():
                times[name].append([_timed(call) for _ in range(CALLS)])
            times["event stream"].append(_stream(million))
    for name, rounds in times.items():
        every = list(chain.from_iterable(rounds))
        report.add(f"{name}, p50", "ms", *(percentile(one, 0.5) for one in rounds))
        report.bars.append(Bar(f"{name}, p99 of {len(every)}", percentile(every, 0.99), "ms", most=P99_MS))
    _compare(report, million)
    return report


def _door(million: Million) -> Api:
    key = million.server.run("key", "create", "--dialect", "leadterra", "--plan", "unmetered").stdout.strip()
    return Api(million.server.url, {"Authorization": f"Bearer {key}"}, "/leadterra/v1")


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _stream(million: Million) -> list[float]:
    """Milliseconds from each event's own time, which is before its commit, until the stream has brought it."""
    server = million.server
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    path = f"/api/v1/events/stream?campaign_id={million.campaign}"
    connection.request("GET", path, headers=server.headers)
    answer = connection.getresponse()
    lags: list[float] = []
    deadline = time.monotonic() + STREAM_SECONDS
    while time.monotonic() < deadline and (line := answer.readline()):
        if line.startswith(b"data: "):
            at = datetime.fromisoformat(json.loads(line[6:])["at"].replace("Z", "+00:00"))
            lags.append((time.time() - at.timestamp()) * 1000)
    answer.close()
    connection.close()
    return lags or [STREAM_SECONDS * 1000]


def _compare(report: Report, million: Million) -> None:
    """The counters beside a full count, in a pause."""
    status = f"/campaigns/{million.campaign}/status"
    wait_for(lambda: million.server.api.get(status)["in_transit"] == 0, "in transit for ever", 60)
    counted = million.server.counts(million.campaign)
    number = int(million.campaign.removeprefix("cmp_"))
    for table in ("enrollment", "ledger"):
        rows = million.server.rows(
            f"select state, count(*) as n from {table} where campaign_id = $1 group by state", number
        )
        for row in rows:
            sentence = f"{counted[row['state']]} {row['state']} by the counters, {row['n']} by a full count"
            report.expect(sentence, counted[row["state"]] == row["n"])
    report.notes.append(f"The counters were compared with a full count: {counted['enrolled']:,} leads.")
