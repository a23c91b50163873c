"""Pause and resume under full load, with 1,000, 100,000 and 1,000,000 enrolled leads, in turns."""

import time
from dataclasses import dataclass, field
from itertools import chain

from bench import letter
from bench.report import Bar, Report, percentile
from bench.scene import Scene
from bench.stage import Server, wait_for

SIZES = {"1,000": 1_000, "100,000": 100_000}
LARGEST = "1,000,000"
PAUSES = 30
"""In each round, for each size."""

SLOTS = 400
QUIET_SECONDS = 0.03
P50_MS, P99_MS, RATIO = 10.0, 50.0, 1.5
_MARKED = ("sending", "sent", "deferred", "rejected", "unknown", "cancelled")


@dataclass(slots=True)
class Measured:
    """What was seen at one size; times in milliseconds, a list for each round."""

    pauses: list[list[float]] = field(default_factory=list)
    resumes: list[list[float]] = field(default_factory=list)
    in_transit: list[int] = field(default_factory=list)
    leaked: int = 0
    sent: int = 0
    seconds: float = 0.0


def measure(scene: Scene) -> Report:
    """Each size has a server of its own, and only one of them sends at a time.

    A thousand leads would be used up in a blink: every campaign here has 50 steps without delays, so that a thousand
    leads are 50,000 messages, and at the smallest size each round has a campaign of its own.
    """
    report = Report("pause")
    places: dict[str, tuple[Server, list[str]]] = {}
    for name, leads in SIZES.items():
        server = scene.server(f"pause-{leads}")
        server.add_relay(scene.sink.port)
        path = letter.write_leads(scene.folder / f"pause-{leads}.csv", 0, max(1_000, scene.sized(leads)))
        campaigns = []
        for number in range(scene.rounds if leads == min(SIZES.values()) else 1):
            campaigns.append(server.add_campaign(f"load {number}", letter.MANY_STEPS))
            server.import_leads(campaigns[-1], path)
        places[name] = server, campaigns
    places[LARGEST] = scene.million.server, [scene.million.campaign]
    measured = {name: Measured() for name in places}
    for number in range(scene.rounds):
        for name, (server, campaigns) in places.items():
            campaign = campaigns[number % len(campaigns)]
            _round(server, campaign, measured[name])
    _tell(report, measured)
    for name in SIZES:
        places[name][0].stop()
    return report


def _round(server: Server, campaign: str, measured: Measured) -> None:
    """Lets it run, then pauses and resumes it again and again; it ends paused."""
    api, pauses, resumes = server.api, [], []
    sent, began = server.counts(campaign)["sent"], time.perf_counter()
    verb = "start" if api.get(f"/campaigns/{campaign}/status")["status"] == "draft" else "resume"
    api.post(f"/campaigns/{campaign}/{verb}")
    for number in range(PAUSES):
        # As many as there are slots must have gone out, so that all of them are in use; then some moment or other.
        full = server.counts(campaign)["sent"] + SLOTS + 1
        server.wait_until_sent(campaign, full, 60, 0.01)
        time.sleep(number * 7 % 40 / 1000)
        start = time.perf_counter()
        answer = api.post(f"/campaigns/{campaign}/pause")
        pauses.append((time.perf_counter() - start) * 1000)
        measured.in_transit.append(answer["in_transit"])
        time.sleep(QUIET_SECONDS)
        later = server.counts(campaign)
        measured.leaked += max(0, sum(later[one] - answer["counts"][one] for one in _MARKED))
        if number < PAUSES - 1:
            start = time.perf_counter()
            api.post(f"/campaigns/{campaign}/resume")
            resumes.append((time.perf_counter() - start) * 1000)
    wait_for(lambda: api.get(f"/campaigns/{campaign}/status")["in_transit"] == 0, "in transit for ever", 30)
    measured.seconds += time.perf_counter() - began
    measured.sent += server.counts(campaign)["sent"] - sent
    measured.pauses.append(pauses)
    measured.resumes.append(resumes)


def _tell(report: Report, measured: dict[str, Measured]) -> None:
    medians: dict[str, dict[str, float]] = {"pause": {}, "resume": {}}
    for name, seen in measured.items():
        for verb, rounds in (("pause", seen.pauses), ("resume", seen.resumes)):
            times = list(chain.from_iterable(rounds))
            report.add(f"{verb} at {name}, p50", "ms", *(percentile(one, 0.5) for one in rounds))
            report.add(f"{verb} at {name}, p99 of {len(times)}", "ms", percentile(times, 0.99))
            medians[verb][name] = percentile(times, 0.5)
        report.add(f"in transit at a pause of {name}, at most", "", max(seen.in_transit))
        report.add(f"sent at {name} meanwhile, pauses included", "/s", seen.sent / seen.seconds)
        report.expect(f"{seen.leaked} messages of {name} were marked after a pause had returned", seen.leaked == 0)
        report.expect(
            f"{max(seen.in_transit)} messages of {name} were in transit, with {SLOTS} slots",
            max(seen.in_transit) <= SLOTS,
        )
    largest_p99 = {}
    for verb in ("pause", "resume"):
        every = [
            percentile(list(chain.from_iterable(seen.pauses if verb == "pause" else seen.resumes)), 0.99)
            for seen in measured.values()
        ]
        largest_p99[verb] = max(every)
        smallest, largest = medians[verb]["1,000"], medians[verb][LARGEST]
        report.bars += [
            Bar(f"{verb} p50, the highest of the sizes", max(medians[verb].values()), "ms", most=P50_MS),
            Bar(f"{verb} p99, the highest of the sizes", largest_p99[verb], "ms", most=P99_MS),
            Bar(f"{verb}: median at 1,000,000 over that at 1,000", largest / smallest, "x", most=RATIO),
        ]
