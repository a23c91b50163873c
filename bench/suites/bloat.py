"""What a claim costs after five million messages went through the hot tables, beside what it cost at first."""

import asyncio

from bench.bloat import BAR, Options, run
from bench.report import Bar, Report
from bench.scene import Scene
from caesura.runtime.postgres import EmbeddedPostgres

MESSAGES, WAVE = 5_000_000, 20_000


def measure(scene: Scene) -> Report:
    """Once, whatever the number of rounds: the last wave of leads beside the first."""
    report = Report("bloat")
    messages = scene.sized(MESSAGES)
    options = Options(messages, wave=max(200, min(WAVE, messages // 8)))
    with EmbeddedPostgres.start(scene.folder / "bloat") as server:
        outcome = asyncio.run(run(server.dsn, options))
    for name in outcome.first:
        for when, costs in (("at first", outcome.first), ("at last", outcome.last)):
            milliseconds, buffers = costs[name].typical
            report.add(f"claim of {name}, {when}", "ms", milliseconds)
            report.add(f"claim of {name}, {when}, buffers", "", buffers)
    report.add("the worst on the way, over the first", "x", outcome.worst_on_the_way)
    report.bars.append(Bar("a claim at last over the first", outcome.ratio, "x", most=BAR))
    report.notes.append(
        f"{outcome.sent:,} messages, in waves of {options.wave:,} leads, with history and autovacuum as shipped."
    )
    return report
