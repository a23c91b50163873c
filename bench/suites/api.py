"""Reading a campaign's status and stats with 1,000,000 leads while it sends; the event stream; and are counts exact."""

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain
from threading import Event, Thread
from urllib.parse import urlsplit

import asyncpg

from bench.report import Bar, Report, percentile
from bench.scene import Million, Scene
from bench.stage import Api, wait_for

CALLS = 60
"""Of each kind in each round."""

STREAM_SECONDS = 2.0
P99_MS = 30.0


def measure(scene: Scene) -> Report:
    """Calls are timed at the client, one after the other; events at their arrival.

    An event's own time is before its transaction, and it can be told once that and all older ones are at an end: so
    the stream is timed twice, from the event's own time, and from the moment when the database could tell it.
    """
    report = Report("api")
    million = scene.million
    door = _door(million)
    number = million.campaign.removeprefix("cmp_")
    calls: dict[str, Callable[[], object]] = {
        "status": lambda: million.server.api.get(f"/campaigns/{million.campaign}/status"),
        "campaign": lambda: million.server.api.get(f"/campaigns/{million.campaign}"),
        "stats (Leadterra's)": lambda: door.get(f"/campaigns/camp_{number}/stats"),
    }
    streams = ("event stream", "event stream, since the event")
    times: dict[str, list[list[float]]] = {name: [] for name in (*calls, *streams)}
    with million.sending():
        for _ in range(scene.rounds):
            for name, call in calls.items():
                times[name].append([_timed(call) for _ in range(CALLS)])
            for name, lags in zip(streams, _stream(million), strict=True):
                times[name].append(lags)
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


def _stream(million: Million) -> tuple[list[float], list[float]]:
    """Milliseconds until the stream has brought each event: since it could be told, and since its own time."""
    ends = Ends(million.server.dsn)
    arrivals = [(number, at, arrived) for number, at, arrived in _arrivals(million)]
    told = ends.stop()
    since_told = lags([(number, arrived) for number, _, arrived in arrivals], told)
    since_event = [(arrived - at) * 1000 for _, at, arrived in arrivals]
    nothing = [STREAM_SECONDS * 1000]
    return since_told or nothing, since_event or nothing


def _arrivals(million: Million) -> list[tuple[int, float, float]]:
    """(number, its own time, when it came) of each event that the stream brings, in seconds since the epoch."""
    server = million.server
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    path = f"/api/v1/events/stream?campaign_id={million.campaign}"
    connection.request("GET", path, headers=server.headers)
    answer = connection.getresponse()
    found: list[tuple[int, float, float]] = []
    deadline = time.monotonic() + STREAM_SECONDS
    while time.monotonic() < deadline and (line := answer.readline()):
        if line.startswith(b"data: "):
            arrived, event = time.time(), json.loads(line[6:])
            at = datetime.fromisoformat(event["at"].replace("Z", "+00:00"))
            found.append((int(event["id"].removeprefix("evt_")), at.timestamp(), arrived))
    answer.close()
    connection.close()
    return found


class Ends:
    """Asks the database, every few milliseconds, for the last event that can be told: by nothing of the product."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._over = Event()
        self._seen: list[tuple[int, float]] = []
        self._thread = Thread(target=lambda: asyncio.run(self._look()), daemon=True)
        self._thread.start()

    def stop(self) -> list[tuple[int, float]]:
        """(number of the event, when it was seen) of each end of the log."""
        self._over.set()
        self._thread.join(10)
        return self._seen

    async def _look(self) -> None:
        connection = await asyncpg.connect(self._dsn)
        asked = await connection.prepare(
            "select id from event where transaction_id < pg_snapshot_xmin(pg_current_snapshot()) "
            "order by workspace_id desc, transaction_id desc, id desc limit 1"
        )
        last = None
        while not self._over.is_set():
            number = await asked.fetchval()
            if number != last:
                self._seen.append((number, time.time()))
                last = number
            await asyncio.sleep(0.003)
        await connection.close()


def lags(arrivals: Sequence[tuple[int, float]], ends: Sequence[tuple[int, float]]) -> list[float]:
    """Milliseconds from the end of the log that first held an event until its arrival; both in the log's order.

    Events before the first end that was seen and after the last one are left out.
    """
    places = {number: place for place, (number, _) in enumerate(arrivals)}
    known = [(places[number], at) for number, at in ends if number in places]
    found: list[float] = []
    for (before, _), (until, at) in zip(known, known[1:], strict=False):
        found += [(arrived - at) * 1000 for _, arrived in arrivals[before + 1 : until + 1]]
    return found


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
