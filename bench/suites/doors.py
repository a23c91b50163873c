"""Pause through every door, in turns: one client, one campaign that sends all the while, each pause taken back."""

import http.client
import time
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from urllib.parse import urlsplit

from bench import letter
from bench.report import Bar, Report, percentile
from bench.scene import Scene
from bench.stage import Server
from caesura.http.opaque_ids import hex_of, uuid_of

LEADS = 20_000
CALLS = 30
"""In each round, through each door."""

P99_MS = 50.0


def places(number: int) -> Mapping[str, tuple[str, str]]:
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


def measure(scene: Scene) -> Report:
    """Every answer must be good, and the campaign paused after each pause."""
    report = Report("doors")
    server = scene.server("doors")
    server.add_relay(scene.sink.port)
    campaign = server.add_campaign("load", letter.MANY_STEPS)
    server.import_leads(campaign, letter.write_leads(scene.folder / "doors.csv", 0, scene.sized(LEADS)))
    doors = places(int(campaign.removeprefix("cmp_")))
    keys = {}
    for dialect in doors:
        keys[dialect] = server.run("key", "create", "--dialect", dialect, "--plan", "unmetered").stdout.strip()
    server.api.post(f"/campaigns/{campaign}/start")
    times: dict[str, list[list[float]]] = {dialect: [] for dialect in doors}
    answers: dict[str, Counter[int]] = {dialect: Counter() for dialect in doors}
    wrong: Counter[str] = Counter()
    for _ in range(scene.rounds):
        for dialect, paths in doors.items():
            seen = _round(server, campaign, _headers(dialect, keys[dialect]), paths, answers[dialect])
            times[dialect].append([took for took, _ in seen])
            wrong[dialect] += sum(not is_paused for _, is_paused in seen)
    server.stop()
    for dialect, rounds in times.items():
        every = list(chain.from_iterable(rounds))
        report.add(f"{dialect}, p50", "ms", *(percentile(one, 0.5) for one in rounds))
        report.bars.append(Bar(f"{dialect}, p99 of {len(every)}", percentile(every, 0.99), "ms", most=P99_MS))
        told = ", ".join(f"{count} x {status}" for status, count in sorted(answers[dialect].items()))
        report.expect(f"{dialect} answered {told}", all(200 <= status < 300 for status in answers[dialect]))
        report.expect(f"{wrong[dialect]} pauses by {dialect} did not pause", wrong[dialect] == 0)
    return report


def _headers(dialect: str, key: str) -> dict[str, str]:
    return {"x-api-key": key} if dialect == "woodpecker" else {"Authorization": f"Bearer {key}"}


def _round(
    server: Server, campaign: str, headers: dict[str, str], paths: tuple[str, str], answers: Counter[int]
) -> list[tuple[float, bool]]:
    """(milliseconds, whether it was paused) of each pause."""
    client = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    seen = []

    def post(path: str) -> float:
        start = time.perf_counter()
        client.request("POST", path, headers=headers)
        answer = client.getresponse()
        answer.read()
        answers[answer.status] += 1
        return (time.perf_counter() - start) * 1000

    for _ in range(CALLS):
        took = post(paths[0])
        seen.append((took, server.api.get(f"/campaigns/{campaign}/status")["status"] == "paused"))
        post(paths[1])
    client.close()
    return seen
