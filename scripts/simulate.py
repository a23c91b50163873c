"""Runs the simulator: `scripts/simulate.py --seeds 2000`, or `--seed 18` to replay one with its trace."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from simulation.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
