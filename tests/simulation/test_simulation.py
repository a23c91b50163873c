"""Twenty worlds in every run; the same seed is the same world; and a bug that is planted is found."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulation.bug_hunt import ROOT, hunt, plant
from simulation.database import SimulatedDatabase
from simulation.planted_bugs import BUGS
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


@pytest.mark.parametrize("name", ["follow-ups are due at once", "the daily cap is off by one"])
def test_a_planted_bug_is_found(name: str) -> None:
    [bug] = [bug for bug in BUGS if bug.name == name]
    assert hunt(bug, 20).seed is not None
