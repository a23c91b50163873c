"""Everyone on a list, or an audience of lists and segments, enrolled at once."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from caesura.domain.errors import NotFound
from caesura.service import audiences, enrollments, suppressions
from caesura.service.enrollments import Enrolment
from caesura.store import leads as lead_store
from caesura.store.segments import Audience


async def test_a_list_is_enrolled_in_chunks(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audiences, "CHUNK", 3)
    campaign_id = await world.campaign()
    ids = [await world.lead(f"lead{n}@firm{n % 2}.example") for n in range(9)]
    list_id = await world.list_of(*ids)
    await enrollments.enrol(*world.key, campaign_id, [ids[4]], world.actor, world.now)
    await suppressions.suppress(*world.key, "firm1.example", world.actor, world.now)

    monkeypatch.setattr(lead_store, "MANY", 4)
    answer = await audiences.enrol_list(*world.key, campaign_id, list_id, world.actor, world.now)

    assert await world.value("select reltuples from pg_class where relname = 'enrollment'") == 5
    assert answer == Enrolment(enrolled=4, already_enrolled=1, suppressed=4, rejected=0)
    again = await audiences.enrol_list(*world.key, campaign_id, list_id, world.actor, world.now)
    assert again == Enrolment(enrolled=0, already_enrolled=5, suppressed=4, rejected=0)
    assert (await world.counts(campaign_id))["waiting"] == 5


async def test_a_list_or_campaign_of_another_workspace_is_not_found(world: Any, stranger: Any) -> None:
    foreign_list, foreign_campaign = await stranger.list_of(), await stranger.campaign()
    campaign_id, list_id = await world.campaign(), await world.list_of()
    with pytest.raises(NotFound, match="list"):
        await audiences.enrol_list(*world.key, campaign_id, foreign_list, world.actor, world.now)
    with pytest.raises(NotFound, match="campaign"):
        await audiences.enrol_list(*world.key, foreign_campaign, list_id, world.actor, world.now)


Way = Callable[[Any, int, int], Awaitable[Enrolment]]


async def by_list(world: Any, campaign_id: int, list_id: int) -> Enrolment:
    return await audiences.enrol_list(*world.key, campaign_id, list_id, world.actor, world.now)


async def by_audience(world: Any, campaign_id: int, list_id: int) -> Enrolment:
    who = Audience(list_ids=[list_id])
    return await audiences.enrol_chosen(*world.key, campaign_id, who, world.actor, world.now)


@pytest.mark.parametrize("way", [by_list, by_audience])
@pytest.mark.parametrize(("is_running", "left"), [(False, 0), (True, 3)])
async def test_a_campaign_that_is_not_under_way_takes_all_or_nobody(
    world: Any, monkeypatch: pytest.MonkeyPatch, way: Way, is_running: bool, left: int
) -> None:
    monkeypatch.setattr(audiences, "CHUNK", 3)
    campaign_id = await (world.running() if is_running else world.campaign())
    list_id = await world.list_of(*[await world.lead(f"lead{n}@example.com") for n in range(7)])
    await world.fetch(
        """create function falls_short() returns trigger language plpgsql as $$ begin
        if (select count(*) from enrollment) > 3 then raise 'cut short'; end if; return null; end $$"""
    )
    await world.fetch("create trigger falls_short after insert on enrollment execute function falls_short()")
    with pytest.raises(Exception, match="cut short"):
        await way(world, campaign_id, list_id)
    assert await world.value("select count(*) from enrollment") == left
    await world.fetch("drop trigger falls_short on enrollment")
    answer = await way(world, campaign_id, list_id)
    assert (answer.enrolled, answer.already_enrolled) == (7 - left, left)
    told = await world.fetch("select data->>'enrolled' from event where kind = 'campaign.leads_enrolled' order by id")
    assert [one[0] for one in told] == (["3", "3", "1"] if is_running else ["7"])
