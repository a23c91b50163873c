from typing import Any

import pytest

from caesura.domain.delivery import Kind
from caesura.domain.errors import NotFound
from caesura.domain.lifecycle import MessageState
from caesura.service import messages
from caesura.store.messages import MessageRow


async def page(
    world: Any, campaign_id: int | None, state: MessageState | None = None, after: int | None = None, limit: int = 10
) -> list[MessageRow]:
    return await messages.page(*world.key, campaign_id, state, after, limit)


def keys(rows: list[MessageRow]) -> list[tuple[int, int]]:
    return [(row.enrollment_id, row.step) for row in rows]


async def test_the_ledger_is_paged_by_enrollment_and_step(world: Any, stranger: Any) -> None:
    campaign_id, other, foreign = await world.running(), await world.running(), await stranger.running()
    first, second = await world.enrolled(campaign_id, count=2)
    [elsewhere] = await world.enrolled(other)
    await stranger.enrolled(foreign)
    for one, its in ((world, campaign_id), (world, other), (stranger, foreign)):
        await one.send(its)
    world.later(days=1)
    await world.send(campaign_id, limit=1)
    await world.send(campaign_id, kind=Kind.UNKNOWN)

    rows = await page(world, campaign_id)
    assert keys(rows) == [(first, 1), (first, 2), (second, 1), (second, 2)]
    assert keys(await page(world, campaign_id, limit=2)) == [(first, 1), (first, 2)]
    assert keys(await page(world, campaign_id, after=rows[1].position)) == [(second, 1), (second, 2)]
    assert keys(await page(world, campaign_id, after=rows[0].position, limit=1)) == [(first, 2)]
    assert keys(await page(world, campaign_id, state=MessageState.UNKNOWN)) == [(second, 2)]
    assert (elsewhere, 1) in keys(await page(world, None))
    assert len(await page(world, None)) == 5
    assert keys(await messages.of_enrollment(*world.key, second)) == [(second, 1), (second, 2)]


async def test_a_message_tells_how_it_ended(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    await world.send(campaign_id, kind=Kind.DEFERRED, code=450, text="4.2.2 mailbox full")
    row = await messages.get(*world.key, enrollment_id, 1)
    assert (row.state, row.attempt, row.refusals) == (MessageState.DEFERRED, 1, 1)
    assert (row.stage, row.reply_code, row.reply) == ("content", 450, "4.2.2 mailbox full")
    assert (row.recipient, row.settled_at) == ("lead1@example.com", world.now)


async def test_what_is_not_there_or_another_workspaces_is_not_found(world: Any, stranger: Any) -> None:
    campaign_id = await stranger.running()
    [enrollment_id] = await stranger.enrolled(campaign_id)
    await stranger.send(campaign_id)
    for ask, code in (
        (messages.get(*world.key, enrollment_id, 1), "message_not_found"),
        (messages.get(*stranger.key, enrollment_id, 2), "message_not_found"),
        (messages.of_enrollment(*world.key, enrollment_id), "enrollment_not_found"),
        (page(world, campaign_id), "campaign_not_found"),
    ):
        with pytest.raises(NotFound) as caught:
            await ask
        assert caught.value.code == code
    assert await page(world, None) == []
