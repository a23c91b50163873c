"""The command line: `caesura`. What is slow to import is imported by the command that needs it."""

import os
import signal
import sys
from types import FrameType

from caesura.cli.failures import check_text, exit_status


def main() -> None:
    """Runs the command in `sys.argv`, and ends the process: 0 for done, 1 for not done, 2 for a wrong command line."""
    signal.signal(signal.SIGTERM, _terminate)
    _open_closed_streams()
    from caesura.cli.commands import application

    def command() -> None:
        check_text(sys.argv[1:])
        application()(prog_name="caesura")

    sys.exit(exit_status(command))


def _open_closed_streams() -> None:
    """A standard stream that was closed (`>&-`) leads nowhere, as with /dev/null."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free number is the stream's own: else the next socket would take it, and hear all output.
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))


def _terminate(number: int, _frame: FrameType | None) -> None:
    # As an exception, so that a database that was started for a command is stopped with it.
    raise SystemExit(128 + number)
