"""A fair share of slots: nobody without one waits while others hold many."""

import asyncio
from contextlib import AsyncExitStack, ExitStack

from hypothesis import given
from hypothesis import strategies as st

from caesura.worker.shares import Shares


async def held(shares: Shares, stack: AsyncExitStack, workspace: int, wanted: int) -> int:
    """How many of so many slots it gets at once; they are held until the stack ends."""
    return sum([await stack.enter_async_context(shares.slot(workspace, 0)) for _ in range(wanted)])


async def test_each_holds_at_most_what_it_leaves_free() -> None:
    shares = Shares(12)
    async with AsyncExitStack() as stack:
        assert await held(shares, stack, 1, 100) == 6
        assert await held(shares, stack, 2, 100) == 3
        assert await held(shares, stack, 3, 100) == 2
        assert await held(shares, stack, 4, 100) == 1
    async with AsyncExitStack() as stack:
        assert await held(shares, stack, 4, 100) == 6


@given(st.lists(st.integers(1, 5), max_size=300), st.integers(2**6, 400))
def test_there_is_always_one_for_who_holds_none(asked: list[int], slots: int) -> None:
    async def check() -> None:
        shares = Shares(slots)
        async with AsyncExitStack() as stack:
            for workspace in asked:
                await held(shares, stack, workspace, 1)
                stack.enter_context(shares.more(workspace, 3))
            assert await held(shares, stack, 9, 1) == 1

    asyncio.run(check())


async def test_what_is_given_back_goes_to_who_holds_least() -> None:
    shares = Shares(6)
    served: list[int] = []

    async def want(workspace: int) -> None:
        async with shares.slot(workspace, 10) as granted:
            assert granted
            served.append(workspace)

    async with AsyncExitStack() as first:
        assert await held(shares, first, 1, 9) == 3
        async with AsyncExitStack() as second:
            assert await held(shares, second, 2, 9) == 2
            waiting = [asyncio.create_task(want(workspace)) for workspace in (1, 1, 2)]
            await asyncio.sleep(0)
            assert served == []
        await waiting[2]
        assert served == [2]  # the other one holds half
    await asyncio.gather(*waiting)


async def test_more_than_one_is_given_only_out_of_plenty() -> None:
    shares = Shares(8)
    async with AsyncExitStack() as stack:
        assert await held(shares, stack, 1, 1) == 1
        with shares.more(1, 3) as granted, ExitStack() as rest:
            assert granted == 1
            assert rest.enter_context(shares.more(1, 3)) == 0
            assert await held(shares, stack, 1, 9) == 2
        assert await held(shares, stack, 1, 9) == 1


async def test_who_gives_up_or_is_cancelled_leaves_no_slot_behind() -> None:
    shares = Shares(2)
    async with AsyncExitStack() as stack:
        assert await held(shares, stack, 1, 1) == 1

        async def want() -> None:
            async with shares.slot(1, 10):
                await asyncio.sleep(10)

        waiting = [asyncio.create_task(want()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.sleep(0)
    waiting[0].cancel()  # in the same turn as it is given the slot
    await asyncio.sleep(0)
    waiting[2].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    async with AsyncExitStack() as stack:
        assert await held(shares, stack, 1, 9) == 1
        assert await held(shares, stack, 2, 9) == 1


async def test_once_closed_nobody_waits() -> None:
    shares = Shares(2)
    async with shares.slot(1, 0), asyncio.timeout(5):
        waiting = asyncio.ensure_future(shares.slot(1, 60).__aenter__())
        await asyncio.sleep(0)
        shares.close()
        assert await waiting is False
        async with shares.slot(2, 60) as granted:
            assert not granted
