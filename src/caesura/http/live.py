"""The live log of events: a process reads its end once for all who listen there, and they take of that what they want.

As long as anybody listens, the ends of their workspaces are looked at every 10 ms, all with one query however many
listen; a hint makes it sooner. No writer of events has to tell. What was read is kept for a while, so that a slow
listener is in nobody's way: it takes what it missed from here, or, once that is gone, asks the database for itself.
"""

import asyncio
import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from weakref import WeakSet

import structlog

from caesura.domain.errors import CaesuraError, LimitReached
from caesura.service import events, keys
from caesura.service.events import Event, Place
from caesura.store.database import Database

log = structlog.get_logger()

MAXIMUM_STREAMS = 200
"""Of one process."""
WORKSPACE_STREAMS = 20
"""Of one workspace, at one process."""
_RETRY_SECONDS = 30.0
_POLL_SECONDS = 0.01
# Of each workspace at a time; showing as many takes a few milliseconds, in which nobody else is answered.
_READ = 500
# Of each workspace, at least this many are kept once there were as many, and at most twice as many.
KEPT = 2_000
# So much later than a key is revoked or expires, its streams end at the latest.
_KEY_SECONDS = 5.0


class Entry:
    """An event in its place, and its text once it was shown."""

    __slots__ = ("event", "place", "text")

    def __init__(self, place: Place, event: Event) -> None:
        self.place = place
        self.event = event
        self.text: bytes | None = None


class Tail:
    """The end of one workspace's log, after `low`, without a gap."""

    def __init__(self, low: Place) -> None:
        self.low = low
        self._entries: list[Entry] = []

    @property
    def high(self) -> Place:
        """The place of the last entry."""
        return self._entries[-1].place if self._entries else self.low

    def add(self, entry: Entry) -> None:
        """The next one. The oldest go when they are too many."""
        self._entries.append(entry)
        if len(self._entries) > 2 * KEPT:
            self.low = self._entries[KEPT - 1].place
            del self._entries[:KEPT]

    def after(self, place: Place) -> Sequence[Entry] | None:
        """What comes after that place; None where some of it is not kept."""
        if place < self.low:
            return None
        return self._entries[bisect_right(self._entries, place, key=lambda entry: entry.place) :]


class Ear:
    """One who listens: at `place` in the log, with a key, named by its own workspace and its id."""

    def __init__(self, workspace_id: int, key: tuple[int, int], place: Place, tail: Tail) -> None:
        self.workspace_id = workspace_id
        self.key = key
        self.place = place
        self.tail = tail
        self.is_over = False
        self._told = asyncio.Event()

    def tell(self) -> None:
        """There may be something new."""
        self._told.set()

    def end(self) -> None:
        """It is told nothing more."""
        self.is_over = True
        self._told.set()

    async def wait(self, seconds: float) -> bool:
        """Until it is told or ended, at most so long; answers whether it was."""
        try:
            await asyncio.wait_for(self._told.wait(), seconds)
        except TimeoutError:
            return False
        self._told.clear()
        return True


class News:
    """All who listen in this process."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        # Weak: a stream that was never begun to be read goes without a word.
        self._ears: WeakSet[Ear] = WeakSet()
        self._tails: dict[int, Tail] = {}
        self._hint = asyncio.Event()
        self._keys_seen = 0.0
        self._following: asyncio.Task[None] | None = None
        self._closed = False

    @contextlib.contextmanager
    def listening(self, workspace_id: int, key: tuple[int, int], place: Place, end: Place) -> Iterator[Ear]:
        """An ear for the length of the block, of who has heard all up to `place`, where the log ends at `end` or later.

        Raises LimitReached `too_many_streams`.
        """
        own = sum(ear.workspace_id == workspace_id for ear in self._ears)
        if len(self._ears) >= MAXIMUM_STREAMS or own >= WORKSPACE_STREAMS:
            raise LimitReached("too_many_streams", "too many streams are open: close one first", _RETRY_SECONDS)
        ear = Ear(workspace_id, key, place, self._tails.setdefault(workspace_id, Tail(end)))
        self._ears.add(ear)
        if self._closed:
            ear.end()
        elif self._following is None:
            self._following = asyncio.create_task(self._follow())
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    def tell(self, workspace_id: int) -> None:
        """Something happened in this workspace."""
        if workspace_id in self._tails:
            self._hint.set()

    def close(self) -> None:
        """All streams end."""
        self._closed = True
        self._hint.set()
        self._end_all()

    def _end_all(self) -> None:
        for ear in list(self._ears):
            ear.end()

    async def _follow(self) -> None:
        """Goes on while anybody listens. A database that is away ends all streams: whoever listens comes again."""
        try:
            while not self._closed and await self._look():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hint.wait(), _POLL_SECONDS)
        except CaesuraError:
            self._end_all()
        except Exception:
            log.exception("cannot_follow_events")
            self._end_all()
        finally:
            self._tails.clear()
            self._following = None

    async def _look(self) -> bool:
        """Reads what is new, and tells those whom it may concern; answers whether anybody listens."""
        self._hint.clear()
        ears = list(self._ears)
        for workspace_id in self._tails.keys() - {ear.workspace_id for ear in ears}:
            del self._tails[workspace_id]
        if not ears:
            return False
        places = {workspace_id: tail.high for workspace_id, tail in self._tails.items()}
        found = await events.follow(self._database, places, _READ)
        now = asyncio.get_running_loop().time()
        # A key that was revoked is told nothing; while there is nothing to tell, a look now and then will do.
        if found or now - self._keys_seen >= _KEY_SECONDS:
            self._keys_seen = now
            good = await keys.good(self._database, {ear.key for ear in ears}, self._clock())
            for ear in ears:
                if ear.key not in good:
                    ear.end()
        for workspace_id, place, event in found:
            self._tails[workspace_id].add(Entry(place, event))
        told = {workspace_id for workspace_id, _, _ in found}
        for ear in self._ears:
            if ear.workspace_id in told:
                ear.tell()
        return True
