"""Twenty worlds in every run; the same seed is the same world; and a bug that is planted is found."""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from simulation.bug_hunt import ROOT, hunt, plant
from simulation.database import SimulatedDatabase
from simulation.planted_bugs import BUGS, Bug, Change
from simulation.runner import run_seed

SEEDS = range(20)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[SimulatedDatabase]:
    connected = await SimulatedDatabase.connect(dsn)
    await connected.prepare()
    yield connected
    await connected.disconnect()


@pytest.mark.parametrize("first", SEEDS[::5])
async def test_no_world_breaks_a_guarantee(database: SimulatedDatabase, first: int) -> None:
    for seed in range(first, first + 5):
        report = await run_seed(database, seed)
        assert not report.violations, f"replay with: scripts/simulate.py --seed {seed}"
        assert report.numbers["commits"] > 0


async def test_the_same_seed_is_the_same_world(database: SimulatedDatabase) -> None:
    first, again, other = [await run_seed(database, seed) for seed in (3, 3, 4)]
    assert first.digest == again.digest
    assert first.digest != other.digest


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_each_planted_bug_still_fits_the_code(bug, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    plant(bug, tmp_path / "src")


def test_a_bug_that_does_not_fit_is_told_and_ends_nothing() -> None:
    change = Change("service/campaigns.py", "what was never there", "")
    assert (hunt(Bug("unfit", (change,)), 1).fault or "").startswith("does not fit")


def test_a_simulator_that_is_killed_leaves_no_server_behind() -> None:
    program = [sys.executable, str(ROOT / "scripts" / "simulate.py"), "--seeds", "100000", "--jobs", "1"]
    with subprocess.Popen(program, start_new_session=True) as simulator:
        _wait_for(lambda: len(_descendants(simulator.pid)) > 5)
        others = _descendants(simulator.pid)
        simulator.kill()
    _wait_for(lambda: not any(_is_alive(process) for process in others))


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def _descendants(process: int) -> list[int]:
    """The processes that this one started, and theirs."""
    found = [process]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += [int(word) for word in children.read_text().split()]
    return found[1:]


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("name", ["follow-ups are due at once", "the daily cap is off by one"])
def test_a_planted_bug_is_found(name: str) -> None:
    [bug] = [bug for bug in BUGS if bug.name == name]
    assert hunt(bug, 20).seed is not None
