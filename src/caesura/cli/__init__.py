"""The command line: `caesura`. What is slow to import is imported by the command that needs it."""

import signal
import sys
from types import FrameType

from caesura.cli.failures import check_text, exit_status


def main() -> None:
    """Runs the command in `sys.argv`, and ends the process: 0 for done, 1 for not done, 2 for a wrong command line."""
    signal.signal(signal.SIGTERM, _terminate)
    from caesura.cli.commands import application

    def command() -> None:
        check_text(sys.argv[1:])
        application()(prog_name="caesura")

    sys.exit(exit_status(command))


def _terminate(number: int, _frame: FrameType | None) -> None:
    # As an exception, so that a database that was started for a command is stopped with it.
    raise SystemExit(128 + number)
