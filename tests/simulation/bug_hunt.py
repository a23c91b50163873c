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
    """What came of one bug: the first seed that found it and the rule that it broke; None where none did."""

    bug: Bug
    seed: int | None
    rule: str | None
    seconds: float


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
        plant(bug, source)
        program = [
            sys.executable,
            str(ROOT / "scripts" / "simulate.py"),
            "--stop",
            "--jobs",
            "1",
            "--seeds",
            str(seeds),
        ]
        environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
        run = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1) or (run.returncode == 1 and not _FOUND.search(run.stdout)):
        raise RuntimeError(f"{bug.name}: the simulator broke\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    found = _FOUND.search(run.stdout)
    seconds = time.monotonic() - began
    return Hunt(bug, int(found[1]) if found else None, found[2] if found else None, seconds)


def main(arguments: Sequence[str]) -> int:
    """Hunts all bugs, or those whose names match; 0 if each that has no note was found."""
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
    return int(any(one.seed is None and not one.bug.note for one in hunts))


def _line(hunt: Hunt) -> str:
    end = f"seed {hunt.seed} ({hunt.rule})" if hunt.seed is not None else f"NOT FOUND  {hunt.bug.note}"
    return f"{hunt.bug.name:52} {end:28} {hunt.seconds:6.0f} s"
