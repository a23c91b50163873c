"""A fair share for each workspace in what is scarce: slots, of which there are so many at one server."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator


class Shares:
    """Slots for workspaces. Each may hold as many as it leaves free, so one alone gets half, two in time a third each.

    Who comes while one holds its all gets one at once; and so while some do, up to the binary logarithm of the slots,
    though all of them came one after the other and took what they could. For one event loop.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._held: Counter[int] = Counter()
        self._waiting: dict[int, deque[asyncio.Future[bool]]] = {}
        self._closed = False

    @contextlib.asynccontextmanager
    async def slot(self, workspace_id: int, seconds: float) -> AsyncIterator[bool]:
        """A slot for the length of the block; False when there was none for so long, or none are given any more."""
        granted = await self._wait(workspace_id, seconds)
        try:
            yield granted
        finally:
            if granted:
                self._release(workspace_id, 1)

    @contextlib.contextmanager
    def more(self, workspace_id: int, wanted: int) -> Iterator[int]:
        """Up to so many besides, for the length of the block, without waiting: how many there are.

        Only of plenty: a third of what is free, so that one's second never comes before another's first.
        """
        granted = 0
        while granted < wanted and not self._waiting and 3 * self._held[workspace_id] < self._free:
            self._take(workspace_id)
            granted += 1
        try:
            yield granted
        finally:
            self._release(workspace_id, granted)

    def close(self) -> None:
        """Gives no more; who waits is told so."""
        self._closed = True
        for waiting in self._waiting.values():
            for place in waiting:
                if not place.done():
                    place.set_result(False)
        self._waiting.clear()

    async def _wait(self, workspace_id: int, seconds: float) -> bool:
        if self._closed:
            return False
        if workspace_id not in self._waiting and self._may(workspace_id):
            self._take(workspace_id)
            return True
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace_id, deque()).append(place)
        try:
            await asyncio.wait([place], timeout=seconds)
        except asyncio.CancelledError:
            if place.done() and place.result():
                self._release(workspace_id, 1)
            raise
        finally:
            self._leave(workspace_id, place)
        return place.done() and place.result()

    def _leave(self, workspace_id: int, place: "asyncio.Future[bool]") -> None:
        waiting = self._waiting.get(workspace_id, deque())
        with contextlib.suppress(ValueError):
            waiting.remove(place)
        if not waiting:
            self._waiting.pop(workspace_id, None)

    def _may(self, workspace_id: int) -> bool:
        return self._held[workspace_id] < self._free

    def _take(self, workspace_id: int) -> None:
        self._free -= 1
        self._held[workspace_id] += 1

    def _release(self, workspace_id: int, count: int) -> None:
        self._free += count
        self._held[workspace_id] -= count
        if not self._held[workspace_id]:
            del self._held[workspace_id]
        while free_for := [one for one in self._waiting if self._may(one)]:
            first = min(free_for, key=self._held.__getitem__)
            place = self._waiting[first].popleft()
            if not self._waiting[first]:
                del self._waiting[first]
            self._take(first)
            place.set_result(True)
