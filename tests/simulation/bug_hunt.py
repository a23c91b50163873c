"""Plants each bug into a copy of the product and runs the simulator on it until it is found."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from simulation.planted_bugs import BUGS, Bug

ROOT = Path(__file__).parent.parent.parent
_FOUND = re.compile(r"^seed (\d+): ([\w-]+): ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Hunt:
    """What came of one bug: the first seed that found it and the rule that it broke; None where none did.

    `fault` says why it could not be hunted at all.
    """

    bug: Bug
    seed: int | None
    rule: str | None
    seconds: float
    fault: str | None = None


def plant(bug: Bug, source: Path) -> None:
    """Changes the copy. Raises LookupError where the text to be changed is not there any more."""
    for change in bug.changes:
        file = source / "caesura" / change.file
        text = file.read_text(encoding="utf-8")
        if change.before not in text:
            raise LookupError(f"{bug.name}: {change.file} has no {change.before!r}")
        file.write_text(text.replace(change.before, change.after), encoding="utf-8")


def hunt(bug: Bug, seeds: int) -> Hunt:
    """Runs up to `seeds` seeds on a copy of the product with this bug."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="caesura-bug-") as directory:
        source = Path(directory) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            plant(bug, source)
        except LookupError as error:
            return Hunt(bug, None, None, 0.0, f"does not fit: {error}")
        run = _simulate(source, seeds)
    seconds = time.monotonic() - began
    found = _FOUND.search(run.stdout)
    if run.returncode == 1 and found:
        return Hunt(bug, int(found[1]), found[2], seconds)
    fault = None if run.returncode == 0 else f"the simulator broke: {run.stdout[-500:]}{run.stderr[-1500:]}"
    return Hunt(bug, None, None, seconds, fault)


def _simulate(source: Path, seeds: int) -> "subprocess.CompletedProcess[str]":
    """Runs the simulator on this copy, in a process that ends with this one."""
    simulator = str(ROOT / "scripts" / "simulate.py")
    program = [sys.executable, simulator, "--stop", "--leash", "--jobs", "1", "--seeds", str(seeds)]
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    near, far = os.pipe()
    try:
        return subprocess.run(program, env=environment, stdin=near, capture_output=True, text=True, check=False)
    finally:
        os.close(near)
        os.close(far)


def main(arguments: Sequence[str]) -> int:
    """Hunts all bugs, or those whose names match; 0 if each fits the code, and each that has no note was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds for each bug")
    parser.add_argument("--only", default="", help="those whose names match this regular expression")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time; one for each core")
    options = parser.parse_args(arguments)
    chosen = [bug for bug in BUGS if re.search(options.only, bug.name)]
    hunts: list[Hunt] = []
    began = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as executor:
        for one in executor.map(lambda bug: hunt(bug, options.seeds), chosen):
            hunts.append(one)
            print(_line(one), flush=True)
    found = sum(one.seed is not None for one in hunts)
    print(f"{found} of {len(hunts)} found, in {time.monotonic() - began:.0f} s")
    return int(any(one.fault or (one.seed is None and not one.bug.note) for one in hunts))


def _line(hunt: Hunt) -> str:
    end = hunt.fault or (f"seed {hunt.seed} ({hunt.rule})" if hunt.seed is not None else f"NOT FOUND  {hunt.bug.note}")
    return f"{hunt.bug.name:52} {end:28} {hunt.seconds:6.0f} s"
