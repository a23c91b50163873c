"""The command line of the simulator."""

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from guarded_directory import guarded_directory

from caesura.runtime.postgres import EmbeddedPostgres
from caesura.store.migrations import migrate
from simulation import leash
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
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes; one for each core")
    parser.add_argument("--leash", action="store_true", help="end when standard input does")
    options = parser.parse_args(arguments)
    if options.leash:
        leash.wear(sys.stdin.fileno())
    with (
        guarded_directory(prefers_memory=True) as directory,
        EmbeddedPostgres.start(directory, settings=SERVER_SETTINGS) as server,
    ):
        if options.seed is not None:
            return asyncio.run(_replay(server.dsn, options.seed, options.quiet))
        seeds = range(options.first, options.first + options.seeds)
        return _run_many(server.dsn, seeds, options.jobs, options.stop)


async def _replay(dsn: str, seed: int, is_quiet: bool) -> int:
    await migrate(dsn)
    database = await _connect(dsn)
    try:
        report = await run_seed(database, seed, None if is_quiet else print)
    finally:
        await database.disconnect()
    _tell(report)
    print(report.digest, report.numbers)
    return bool(report.violations)


async def _connect(dsn: str) -> SimulatedDatabase:
    database = await SimulatedDatabase.connect(dsn)
    await database.prepare()
    return database


def _run_many(dsn: str, seeds: Sequence[int], jobs: int, stop: bool) -> int:
    began = time.monotonic()
    totals: Counter[str] = Counter()
    broken: list[int] = []
    count = 0
    with _reports(dsn, seeds, jobs) as reports:
        for count, report in enumerate(reports, 1):
            totals.update(report.numbers)
            if report.violations:
                broken.append(report.seed)
                _tell(report)
                if stop:
                    break
            if count % 100 == 0:
                print(f"{count} seeds: {time.monotonic() - began:.0f} s", file=sys.stderr)
    seconds = time.monotonic() - began
    print(", ".join(f"{number:,} {name}" for name, number in totals.items()))
    outcome = f"{len(broken)} with violations: {broken}" if broken else "no violation"
    print(f"{count} seeds in {seconds:.1f} s ({count / seconds:.2f} a second, in {jobs} processes): {outcome}")
    return bool(broken)


@contextmanager
def _reports(dsn: str, seeds: Sequence[int], jobs: int) -> Iterator[Iterator[Report]]:
    """The reports of these seeds, in their order, out of so many processes with a database each."""
    context = multiprocessing.get_context("fork")
    databases: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    for one in asyncio.run(_databases(dsn, jobs)):
        databases.put(one)
    ends = os.pipe()
    try:
        with ProcessPoolExecutor(jobs, context, _begin, (databases, *ends)) as executor:
            try:
                yield executor.map(_run_here, seeds)
            finally:
                executor.shutdown(cancel_futures=True)
    finally:
        for end in ends:
            os.close(end)


async def _databases(dsn: str, count: int) -> list[str]:
    """Makes so many databases of the present schema, and answers their addresses."""
    await migrate(dsn)
    parts = urlsplit(dsn)
    own = parts.path.removeprefix("/")
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    names = [f"simulation_{number}" for number in range(count)]
    for name in names:
        await connection.execute(f'create database {name} template "{own}"')
    await connection.close()
    return [urlunsplit(parts._replace(path=f"/{name}")) for name in names]


_loop = asyncio.Runner()
_here: list[SimulatedDatabase] = []


def _begin(databases: "multiprocessing.SimpleQueue[str]", near: int, far: int) -> None:
    """What a process of the pool does first: it ties itself to the first process, and takes a database of its own."""
    os.close(far)
    leash.wear(near)
    _here.append(_loop.run(_connect(databases.get())))


def _run_here(seed: int) -> Report:
    return _loop.run(run_seed(_here[0], seed))


def _tell(report: Report) -> None:
    for violation in report.violations:
        print(f"seed {report.seed}: {violation}")
