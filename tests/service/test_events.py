from typing import Any

import pytest

from caesura.domain.errors import NotFound
from caesura.service import events
from caesura.store import events as store


async def kinds(world: Any, after: int | None = None, campaign_id: int | None = None, limit: int = 100) -> list[str]:
    return [one.kind for one in await events.page(*world.key, after, campaign_id, limit)]


async def test_the_log_is_read_oldest_first_from_where_one_left_off(world: Any) -> None:
    campaign_id = await world.campaign()
    await world.enrolled(campaign_id)
    everything = await events.page(*world.key, None, None, 100)
    assert [one.kind for one in everything][-3:] == ["lead.created", "enrollment.created", "campaign.leads_enrolled"]
    assert await events.page(*world.key, everything[1].id, None, 2) == everything[2:4]
    assert await events.page(*world.key, everything[-1].id, None, 2) == []
    last = everything[-1]
    assert (last.campaign_id, last.actor, last.at) == (campaign_id, world.actor, world.now)
    assert last.data == {"enrolled": 1, "source": "leads"}


async def test_the_log_of_one_campaign_has_only_its_events(world: Any, stranger: Any) -> None:
    first, second = await world.campaign(), await world.campaign()
    await world.enrolled(first)
    assert await kinds(world, campaign_id=first) == [
        "campaign.created",
        "enrollment.created",
        "campaign.leads_enrolled",
    ]
    assert await kinds(world, campaign_id=second) == ["campaign.created"]
    assert await kinds(stranger) == []
    with pytest.raises(NotFound):
        await kinds(stranger, campaign_id=first)


async def test_nobody_reads_past_what_may_still_come_in_between(world: Any) -> None:
    await world.lead()
    async with world.database.transaction() as slow:
        await slow.execute("select pg_current_xact_id()")
        await world.lead()
        assert len(await kinds(world)) == 1
    assert len(await kinds(world)) == 2


async def test_an_event_is_not_missed_whose_transaction_began_later_and_took_its_id_earlier(world: Any) -> None:
    await world.lead()
    start = (await events.page(*world.key, None, None, 100))[-1].id
    database, workspace = world.key
    async with database.transaction() as later:
        async with database.transaction() as earlier:
            await earlier.execute("select pg_current_xact_id()")
            await store.append(later, workspace, world.now, "test", [store.Entry("later.one")])
            await store.append(earlier, workspace, world.now, "test", [store.Entry("earlier.one")])
        first = await events.page(*world.key, start, None, 100)
        assert [one.kind for one in first] == ["earlier.one"]
    assert await kinds(world, after=first[-1].id) == ["later.one"]


async def test_the_newest_events_are_read_oldest_first(world: Any, stranger: Any) -> None:
    campaign_id = await world.campaign()
    await world.enrolled(campaign_id)
    await world.lead()
    everything = await events.page(*world.key, None, None, 100)
    assert await events.latest(*world.key, None, 3) == everything[-3:]
    ours = [one for one in everything if one.campaign_id == campaign_id]
    assert await events.latest(*world.key, campaign_id, 2) == ours[-2:] != everything[-2:]
    assert await events.latest(*stranger.key, campaign_id, 2) == []


async def test_workspaces_are_followed_together_each_from_its_own_place_in_the_order_of_its_pages(
    world: Any, stranger: Any
) -> None:
    campaign_id = await world.campaign()
    await world.enrolled(campaign_id)
    await stranger.lead()
    database, workspace = world.key
    mine, theirs = await events.page(*world.key, None, None, 100), await events.page(*stranger.key, None, None, 100)
    place, end = await events.place(*world.key, None, mine[0].id)
    assert await events.place(*world.key, None, None) == (end, end)
    found = await events.follow(database, {workspace: place, stranger.workspace_id: events.START}, 100)
    own = [(at, event) for owner, at, event in found if owner == workspace]
    assert [event for _, event in own] == mine[1:]
    assert [event for owner, _, event in found if owner == stranger.workspace_id] == theirs
    assert own[-1][0] == end
    [(_, last, first)] = await events.follow(database, {workspace: place}, 1, campaign_id)
    assert first == next(event for event in mine[1:] if event.campaign_id == campaign_id)
    assert [event for _, _, event in await events.follow(database, {workspace: last}, 100)] == mine[
        mine.index(first) + 1 :
    ]
    with pytest.raises(NotFound):
        await events.place(*stranger.key, campaign_id, None)
