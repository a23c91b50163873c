"""The live log: how those who listen at one process are fed."""

import asyncio
from contextlib import ExitStack
from typing import Any, cast

import pytest

from caesura.domain.errors import LimitReached
from caesura.http import live
from caesura.http.live import Ear, News, Tail
from caesura.http.native import events as stream
from caesura.service import events
from caesura.service.events import START
from caesura.store import events as store


class Studio:
    """A workspace in which things happen, and listeners."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.news: News = api.context.news
        self.workspace_id = api.issued.row.workspace_id
        self.key = (self.workspace_id, api.issued.row.id)
        self._open = ExitStack()

    async def happens(self, count: int, campaign_id: int | None = None) -> None:
        """One transaction for each event."""
        for number in range(count):
            async with self.api.database.transaction() as tx:
                entry = store.Entry("x.happened", campaign_id, data={"number": number})
                await store.append(tx, self.workspace_id, self.api.clock(), "test", [entry])

    async def listen(self) -> Ear:
        """From now on."""
        place, end = await events.place(self.api.database, self.workspace_id, None, None)
        return self._open.enter_context(self.news.listening(self.workspace_id, self.key, place, end))

    def body(self, ear: Ear, campaign_id: int | None = None) -> Any:
        """What its stream sends."""
        return stream._told(self.api.context, ear, ExitStack(), campaign_id)

    def close(self) -> None:
        self._open.close()


async def numbers(body: Any, count: int) -> list[int]:
    """Of the next events of a stream."""
    told: list[int] = []
    async with asyncio.timeout(20):
        while len(told) < count:
            told += [int(part[: part.index(b"}")]) for part in (await anext(body)).split(b'"number":')[1:]]
    return told


@pytest.fixture
async def studio(api: Any) -> Any:
    studio = Studio(api)
    yield studio
    studio.close()


async def test_all_who_listen_are_fed_by_one_reader_without_any_hint(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    follow = events.follow

    async def counted(*arguments: Any) -> Any:
        found = await follow(*arguments)
        read.extend(event.id for _, _, event in found)
        return found

    monkeypatch.setattr(events, "follow", counted)
    bodies = [studio.body(await studio.listen()) for _ in range(live.WORKSPACE_STREAMS)]
    await studio.happens(10)
    assert [await numbers(body, 10) for body in bodies] == [list(range(10))] * len(bodies)
    assert len(read) == 10


async def test_a_slow_listener_misses_nothing_and_holds_nobody_up(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEPT", 2)
    monkeypatch.setattr(stream, "_STREAM_PAGE", 3)
    slow, picky, fast = [await studio.listen() for _ in range(3)]
    await studio.happens(10)
    assert await numbers(studio.body(fast), 10) == list(range(10))
    await studio.happens(1, campaign_id=7)
    late = studio.body(slow)
    assert await numbers(late, 5) == list(range(6))
    await studio.happens(1)
    assert await numbers(late, 6) == [6, 7, 8, 9, 0, 0]
    # Nothing of its campaign is in what it missed but one.
    assert await numbers(studio.body(picky, campaign_id=7), 1) == [0]
    assert picky.place >= slow.tail.low


async def test_what_a_late_listener_read_before_this_process_did_is_not_told_again(studio: Studio) -> None:
    place, _ = await events.place(studio.api.database, studio.workspace_id, None, None)
    await studio.happens(3)
    _, read = await events.place(studio.api.database, studio.workspace_id, None, None)
    await studio.happens(2)
    tail = Tail(read)
    body = studio.body(Ear(studio.workspace_id, studio.key, place, tail))
    assert await numbers(body, 5) == [0, 1, 2, 0, 1]
    for _, at, event in await events.follow(studio.api.database, {studio.workspace_id: read}, 10):
        tail.add(live.Entry(at, event))
    await studio.happens(1)
    [(_, at, event)] = (await events.follow(studio.api.database, {studio.workspace_id: tail.high}, 10))[-1:]
    tail.add(live.Entry(at, event))
    assert await numbers(body, 1) == [0]


async def test_the_end_of_the_log_is_kept_without_a_gap() -> None:
    tail, nothing = Tail(START), cast("Any", None)
    for number in range(1, 3 * live.KEPT):
        tail.add(live.Entry(events.Place(number // 2, number), nothing))
    kept = tail.after(tail.low)
    assert kept is not None
    assert live.KEPT <= len(kept) <= 2 * live.KEPT
    assert [one.place.id for one in kept] == list(range(tail.low.id + 1, 3 * live.KEPT))
    assert tail.after(events.Place(0, 1)) is None
    assert tail.after(tail.high) == []


async def test_nothing_is_asked_once_nobody_listens(studio: Studio) -> None:
    await studio.listen()
    following = studio.news._following
    assert following is not None
    studio.close()
    async with asyncio.timeout(5):
        await following


async def test_a_broken_database_ends_the_streams_and_who_comes_again_is_heard(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = await studio.listen()
    monkeypatch.setattr(live, "_READ", -1)  # PostgreSQL refuses this
    async with asyncio.timeout(5):
        while not ear.is_over:
            await ear.wait(1)
    monkeypatch.undo()
    body = studio.body(await studio.listen())
    await studio.happens(1)
    assert await numbers(body, 1) == [0]


async def test_closing_ends_every_wait(studio: Studio) -> None:
    ear = await studio.listen()
    waiting = asyncio.create_task(ear.wait(60))
    await asyncio.sleep(0)
    studio.news.close()
    async with asyncio.timeout(5):
        assert await waiting
    assert ear.is_over
    assert (await studio.listen()).is_over


async def test_a_process_has_a_bound_on_all_streams(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAXIMUM_STREAMS", 1)
    await studio.listen()
    with pytest.raises(LimitReached):
        await studio.listen()
    studio.close()
    await studio.listen()
