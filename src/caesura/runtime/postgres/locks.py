"""Locks on files (`flock`), by which programs on one data directory take turns and count each other.

The system releases them when a program ends, however it ends.
"""

import fcntl
import os
import time
from pathlib import Path

from caesura.runtime.postgres.account import Account


class FileLock:
    """One program's hold on one lock file. `close` releases it."""

    def __init__(self, path: Path, account: Account) -> None:
        """Opens the file, which is made when missing. Raises OSError."""
        # The account's, since the next to come may be that user rather than root.
        self._descriptor = account.open(path, os.O_RDWR)

    def try_exclusive(self) -> bool:
        """Takes the lock for this program alone, if no other holds it in any way; turns a shared hold into that."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait_exclusive(self, seconds: float) -> bool:
        """As `try_exclusive`, for at most that long."""
        deadline = time.monotonic() + seconds
        while not self.try_exclusive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def share(self) -> None:
        """Holds the lock along with others who share it. Waits while another has it alone."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        os.close(self._descriptor)
