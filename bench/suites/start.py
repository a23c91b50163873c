"""Seconds from `caesura serve` on an existing data directory, with 1,000,000 leads in it, until it says `ready`."""

from bench.report import Bar, Report
from bench.scene import Scene

SECONDS = 2.0


def measure(scene: Scene) -> Report:
    """Stopped in order before each start."""
    report = Report("start")
    took = [scene.million.server.restart(workers=1) for _ in range(scene.rounds)]
    start = report.add("until ready", "s", *took)
    report.bars.append(Bar("until ready, median", start.median, "s", most=SECONDS))
    return report
