"""Memory of the server with 1,000,000 enrolled leads while it sends: the API and one worker, the database aside."""

import time

from bench.machine import memory_mb
from bench.report import Bar, Report
from bench.scene import Scene

SECONDS, LOOK_SECONDS = 2.0, 0.2
TOGETHER_MB = 300.0


def measure(scene: Scene) -> Report:
    """Proportional set sizes (what processes share counts once), looked at all the while; of each round the highest."""
    report = Report("memory")
    million = scene.million
    together, api, worker = [], [], []
    with million.sending():
        for _ in range(scene.rounds):
            looks = []
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                looks.append((memory_mb([million.server.process.pid]), memory_mb(million.server.worker_ids)))
                time.sleep(LOOK_SECONDS)
            together.append(max(sum(look) for look in looks))
            api.append(max(look[0] for look in looks))
            worker.append(max(look[1] for look in looks))
    report.add("API", "MB", *api)
    report.add("worker", "MB", *worker)
    report.add("together", "MB", *together)
    report.bars.append(Bar("API and worker together, the highest", max(together), "MB", most=TOGETHER_MB))
    return report
