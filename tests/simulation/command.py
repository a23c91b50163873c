"""The command line of the simulator."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from caesura.runtime.postgres import EmbeddedPostgres
from caesura.store.migrations import migrate
from simulation.database import SERVER_SETTINGS, SimulatedDatabase
from simulation.runner import Report, run_seed


def main(arguments: Sequence[str]) -> int:
    """Runs what the arguments ask for; 0 if no seed broke a guarantee."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="one seed, with its trace")
    parser.add_argument("--stop", action="store_true", help="stop at the first violation")
    parser.add_argument("--quiet", action="store_true", help="with --seed: no trace")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="caesura-simulation-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)  # root's server is another user
        with EmbeddedPostgres.start(Path(directory), settings=SERVER_SETTINGS) as server:
            return asyncio.run(_run(server.dsn, options))


async def _run(dsn: str, options: argparse.Namespace) -> int:
    await migrate(dsn)
    database = await SimulatedDatabase.connect(dsn)
    await database.prepare()
    try:
        if options.seed is not None:
            report = await run_seed(database, options.seed, None if options.quiet else print)
            _tell(report)
            print(report.digest, report.numbers)
            return bool(report.violations)
        return await _run_many(database, range(options.first, options.first + options.seeds), options.stop)
    finally:
        await database.disconnect()


async def _run_many(database: SimulatedDatabase, seeds: range, stop: bool) -> int:
    began = time.monotonic()
    used = time.process_time()
    totals: Counter[str] = Counter()
    broken: list[int] = []
    for seed in seeds:
        report = await run_seed(database, seed)
        totals.update(report.numbers)
        if report.violations:
            broken.append(seed)
            _tell(report)
            if stop:
                break
        if (seed + 1) % 100 == 0:
            print(f"{seed + 1}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    seconds = time.monotonic() - began
    count = seed - seeds.start + 1
    print(", ".join(f"{number:,} {name}" for name, number in totals.items()))
    spent = f"{seconds / count:.2f} s each, {(time.process_time() - used) / count:.2f} s of it in this process"
    outcome = f"{len(broken)} with violations: {broken}" if broken else "no violation"
    print(f"{count} seeds in {seconds:.1f} s ({spent}): {outcome}")
    return bool(broken)


def _tell(report: Report) -> None:
    for violation in report.violations:
        print(f"seed {report.seed}: {violation}")
