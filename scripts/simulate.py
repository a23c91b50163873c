"""Runs the simulator: `scripts/simulate.py --seeds 2000`, or `--seed 18` to replay one with its trace."""

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "support")]

from simulation.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
