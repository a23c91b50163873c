"""Who waits for events at this process: streams are woken by hints, and looked after so that they are not too many."""

import asyncio
import contextlib
from collections.abc import Iterator
from weakref import WeakSet

from caesura.domain.errors import LimitReached

MAXIMUM_STREAMS = 200
"""Of one process."""
WORKSPACE_STREAMS = 20
"""Of one workspace, at one process."""
_RETRY_SECONDS = 30.0


class Ear:
    """One who waits."""

    def __init__(self, workspace_id: int) -> None:
        self.workspace_id = workspace_id
        self._told = asyncio.Event()

    def tell(self) -> None:
        """There may be something new."""
        self._told.set()

    async def wait(self, seconds: float) -> None:
        """Until it is told, at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), seconds)
        self._told.clear()


class News:
    """All who wait in this process. Hints make them faster; nothing hangs on one."""

    def __init__(self) -> None:
        # Weak: a stream that was never begun to be read goes without a word.
        self._ears: WeakSet[Ear] = WeakSet()
        self.closed = False

    @contextlib.contextmanager
    def listening(self, workspace_id: int) -> Iterator[Ear]:
        """An ear for the length of the block. Raises LimitReached `too_many_streams`."""
        own = sum(ear.workspace_id == workspace_id for ear in self._ears)
        if len(self._ears) >= MAXIMUM_STREAMS or own >= WORKSPACE_STREAMS:
            raise LimitReached("too_many_streams", "too many streams are open: close one first", _RETRY_SECONDS)
        ear = Ear(workspace_id)
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    def tell(self, workspace_id: int) -> None:
        """Something happened in this workspace."""
        for ear in self._ears:
            if ear.workspace_id == workspace_id:
                ear.tell()

    def close(self) -> None:
        """All streams end."""
        self.closed = True
        for ear in self._ears:
            ear.tell()
