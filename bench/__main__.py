"""`python -m bench [SUITE...]`: runs the suites, prints their tables, and keeps them in bench/results/.

A bar that is missed is told. The exit status is 1 only where a suite could not run, or what must never happen did.
"""

import argparse
import importlib
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from bench import report
from bench.machine import ROOT, machine, versions
from bench.report import Report
from bench.scene import Scene
from bench.stage import Failed, folder

SUITES = {
    "send": "send",
    "import": "imports",
    "start": "start",
    "pause": "pause",
    "mailboxes": "mailboxes",
    "memory": "memory",
    "api": "api",
    "grow": "grow",
    "doors": "doors",
    "stages": "stages",
    "compose": "compose",
    "wire": "wire",
    "signing": "signing",
    "gate": "gate",
    "bloat": "bloat",
}
"""Each suite, in this order, and its module in `bench.suites`."""

BY_NAME = {"bloat"}
"""Those that take longer than all others together, and so are run only when they are named."""


def main() -> int:
    """Runs what was asked for; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; none: all but {', '.join(BY_NAME)}"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="smaller than 1 to try a suite out; nothing is kept")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    unknown = sorted(set(options.suites) - SUITES.keys())
    if unknown:
        parser.error(f"there is no suite {', '.join(unknown)}; there are {', '.join(SUITES)}")
    moment = datetime.now(UTC)
    kept: dict[str, Any] = {}
    began = time.monotonic()
    with ExitStack() as stack:
        scene = Scene(stack.enter_context(folder()), stack, options.scale, options.rounds)
        for name in options.suites or [one for one in SUITES if one not in BY_NAME]:
            kept[name] = run(name, scene)
            print("\n".join(report.lines(name, kept[name])), flush=True)
    took = time.monotonic() - began
    print(f"\n{took / 60:.1f} minutes on {machine()['cores']} cores")
    if options.scale == 1.0:
        content = {
            "at": moment.isoformat(timespec="seconds"),
            "seconds": round(took),
            "machine": machine(),
            "versions": versions(),
            "suites": kept,
        }
        path = report.write(ROOT / "bench" / "results", moment.strftime("%Y-%m-%dT%H%M%SZ"), content)
        print(f"kept in {path.relative_to(ROOT)}")
    return int(any(suite["broken"] for suite in kept.values()))


def run(name: str, scene: Scene) -> dict[str, Any]:
    """One suite. What keeps it from running is told as broken, and the others go on."""
    began = time.monotonic()
    try:
        result: Report = importlib.import_module(f"bench.suites.{SUITES[name]}").measure(scene)
    except Failed as error:
        result = Report(name, broken=[str(error)])
    return report.as_json(result) | {"seconds": round(time.monotonic() - began)}


if __name__ == "__main__":
    sys.exit(main())
