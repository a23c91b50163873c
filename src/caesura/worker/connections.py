"""Connections kept for reuse: so many per mailbox and in all, opened when needed, closed when idle."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from caesura.worker.transport import Connection, ConnectionSettings, connect


@dataclass(slots=True, eq=False)
class _Idle:
    connection: Connection
    settings: ConnectionSettings
    since: float
    closing: asyncio.TimerHandle


@dataclass(slots=True)
class _Place:
    """One mailbox's connections: those lent out are counted, the idle ones are kept, latest used last."""

    limit: int
    lent: int = 0
    idle: list[_Idle] = field(default_factory=list)
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class ConnectionPool:
    """Lends connections, one borrower each. For one event loop.

    An idle connection is closed after `idle_seconds`; one idle for longer than `check_seconds` is asked for a sign of
    life before it is lent again. The limit holds in this process: a mailbox that several processes use needs a
    share for each. At most `most` are open at once in all (None: any number): for one more, that which has been idle
    longest is closed, and where none is idle, the next to end is waited for.
    """

    def __init__(
        self,
        idle_seconds: float = 60.0,
        check_seconds: float = 15.0,
        most: int | None = None,
        connecting: Callable[[ConnectionSettings], Awaitable[Connection]] = connect,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._check_seconds = check_seconds
        self._most = most
        self._connecting = connecting
        self._places: dict[Hashable, _Place] = {}
        self._open = 0
        self._idle: dict[_Idle, tuple[Hashable, _Place]] = {}  # the longest idle first
        self._for_room: deque[asyncio.Future[None]] = deque()
        self._ending: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._all_back = asyncio.Event()

    @asynccontextmanager
    async def lend(self, mailbox: Hashable, settings: ConnectionSettings, limit: int) -> AsyncIterator[Connection]:
        """A usable connection for the length of the block; waits, first come first served, while `limit` are lent.

        Connections opened with other settings are not reused. A connection that is busy or spent at the block's end
        is finished and closed, not kept. Raises SessionFailed if none can be opened, RuntimeError if the pool is
        closed or gets closed, ValueError if `limit` is below 1.
        """
        if limit < 1:
            raise ValueError("a mailbox needs at least one connection")
        place = await self._enter(mailbox, limit)
        connection: Connection | None = None
        try:
            connection = await self._reuse(place, settings) or await self._connect(settings)
            yield connection
        finally:
            self._leave(mailbox, place, connection, settings)

    @property
    def lent(self) -> int:
        """How many connections are lent, being opened or being closed now."""
        return sum(place.lent for place in self._places.values())

    @property
    def idle(self) -> int:
        """How many connections are kept idle now."""
        return len(self._idle)

    async def forget(self, mailbox: Hashable) -> None:
        """Close this mailbox's idle connections (it was changed, held or removed); returns when they are closed."""
        place = self._places.get(mailbox)
        if place is not None:
            for idle in list(place.idle):
                self._retire(mailbox, place, idle)
        await self._ended()

    async def close(self) -> None:
        """Lend nothing more, close what is idle, wait until what is lent has come back and is closed."""
        self._is_closed = True
        for mailbox, place in list(self._places.items()):
            for waiter in place.waiting:
                if not waiter.done():
                    waiter.set_exception(RuntimeError("the pool is closed"))
            for idle in list(place.idle):
                self._retire(mailbox, place, idle)
        while self.lent:
            self._all_back.clear()
            await self._all_back.wait()
        await self._ended()

    # Inside

    async def _enter(self, mailbox: Hashable, limit: int) -> _Place:
        """Take one of the mailbox's places, or wait for it."""
        if self._is_closed:
            raise RuntimeError("the pool is closed")
        place = self._places.setdefault(mailbox, _Place(limit))
        place.limit = limit
        self._wake(place)
        if place.lent < limit and not place.waiting:
            place.lent += 1
            return place
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place.waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # The place was given to us in the very moment that we were cancelled.
                self._give_up(mailbox, place)
            raise
        return place

    def _leave(
        self, mailbox: Hashable, place: _Place, connection: Connection | None, settings: ConnectionSettings
    ) -> None:
        if connection is None:
            self._give_up(mailbox, place)
        elif connection.is_idle and connection.is_usable and not (self._is_closed or self._for_room):
            self._keep(mailbox, place, connection, settings)
            self._give_up(mailbox, place)
        else:
            self._end(mailbox, place, connection)

    def _give_up(self, mailbox: Hashable, place: _Place) -> None:
        place.lent -= 1
        self._wake(place)
        self._drop_if_unused(mailbox, place)
        self._all_back.set()

    def _wake(self, place: _Place) -> None:
        while place.waiting and (place.lent < place.limit or place.waiting[0].done()):
            waiter = place.waiting.popleft()
            if not waiter.done():
                place.lent += 1
                waiter.set_result(None)

    async def _reuse(self, place: _Place, settings: ConnectionSettings) -> Connection | None:
        """The latest used idle connection that still lives and has these settings."""
        now = asyncio.get_running_loop().time
        while place.idle:
            idle = place.idle.pop()
            del self._idle[idle]
            connection = idle.connection
            idle.closing.cancel()
            is_kept = False
            try:
                if idle.settings != settings or not connection.is_usable:
                    await connection.quit()
                elif now() - idle.since < self._check_seconds or await connection.check():
                    is_kept = True
                    return connection
            except asyncio.CancelledError:
                connection.abort("the check was given up")
                raise
            finally:
                if not is_kept:
                    self._free_room()
        return None

    async def _connect(self, settings: ConnectionSettings) -> Connection:
        await self._take_room()
        try:
            return await self._connecting(settings)
        except BaseException:
            self._free_room()
            raise

    async def _take_room(self) -> None:
        """Counts one more connection as open, once there may be one more."""
        if self._most is None or self._open < self._most:
            self._open += 1
            return
        if self._idle:
            idle, (mailbox, place) = next(iter(self._idle.items()))
            self._retire(mailbox, place, idle)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._for_room.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # The room was given to us in the very moment that we were cancelled.
                self._free_room()
            raise

    def _free_room(self) -> None:
        """One connection is closed: whoever waits longest may open the next."""
        self._open -= 1
        while self._for_room:
            waiter = self._for_room.popleft()
            if not waiter.done():
                self._open += 1
                waiter.set_result(None)
                return

    def _keep(self, mailbox: Hashable, place: _Place, connection: Connection, settings: ConnectionSettings) -> None:
        loop = asyncio.get_running_loop()

        def expire() -> None:
            self._retire(mailbox, place, idle)

        idle = _Idle(connection, settings, loop.time(), loop.call_later(self._idle_seconds, expire))
        place.idle.append(idle)
        self._idle[idle] = mailbox, place

    def _retire(self, mailbox: Hashable, place: _Place, idle: _Idle) -> None:
        place.idle.remove(idle)
        del self._idle[idle]
        idle.closing.cancel()
        place.lent += 1
        self._end(mailbox, place, idle.connection)

    def _end(self, mailbox: Hashable, place: _Place, connection: Connection) -> None:
        """Close it; it holds its place until it is closed, or the server would see one connection too many."""

        async def end() -> None:
            try:
                await connection.quit()
            finally:
                self._free_room()
                self._give_up(mailbox, place)

        task = asyncio.get_running_loop().create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _ended(self) -> None:
        while self._ending:
            await asyncio.wait(self._ending)

    def _drop_if_unused(self, mailbox: Hashable, place: _Place) -> None:
        if not (place.lent or place.idle or place.waiting) and self._places.get(mailbox) is place:
            del self._places[mailbox]
