"""Ends a process with the one that started it, however that one ends."""

import os
from threading import Thread


def wear(leash: int) -> None:
    """From now on, this process ends at once when this pipe does. Nothing is ever written to it."""
    Thread(target=_wait, args=(leash,), daemon=True).start()


def _wait(leash: int) -> None:
    os.read(leash, 1)
    os._exit(1)
