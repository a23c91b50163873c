"""Plants bugs into copies of the product, one by one, and tells which the simulator finds, and in which seed."""

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "support")]

from simulation.bug_hunt import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
