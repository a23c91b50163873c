from typing import Any

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.service import approvals, campaigns, workspaces


async def above(world: Any, number: int | None) -> None:
    await workspaces.change_settings(*world.key, {"approval_above": number}, world.actor, world.now)


async def start(world: Any, campaign_id: int) -> Any:
    return await approvals.start(*world.key, campaign_id, world.actor, world.now)


async def asked(world: Any, leads: int = 1) -> tuple[int, Any]:
    campaign_id = await world.campaign()
    await world.enrolled(campaign_id, count=leads)
    await above(world, 0)
    _, approval = await start(world, campaign_id)
    return campaign_id, approval


async def status(world: Any, campaign_id: int) -> str:
    return str((await campaigns.status(*world.key, campaign_id, world.now)).campaign.status)


async def test_a_draft_with_as_many_leads_as_allowed_starts_and_one_with_more_waits(world: Any) -> None:
    await above(world, 2)
    few, many = await world.campaign(), await world.campaign()
    await world.enrolled(few, count=2)
    await world.enrolled(many, count=3)
    assert (await start(world, few))[1] is None
    _, approval = await start(world, many)
    assert [await status(world, one) for one in (few, many)] == ["running", "pending_approval"]
    assert (approval.campaign_id, approval.state, approval.asked_by) == (many, "pending", world.actor)


async def test_with_no_bound_nobody_is_asked(world: Any) -> None:
    await above(world, None)
    campaign_id = await world.campaign()
    await world.enrolled(campaign_id, count=3)
    assert (await start(world, campaign_id))[1] is None


async def test_starting_what_waits_already_asks_nobody_again(world: Any) -> None:
    campaign_id, approval = await asked(world)
    assert (await start(world, campaign_id))[1] == approval
    assert len(await approvals.page(*world.key, None, None, 10)) == 1


async def test_approved_it_runs(world: Any) -> None:
    campaign_id, approval = await asked(world)
    row = await approvals.approve(*world.key, approval.id, "user:boss", world.now)
    assert (row.state, row.settled_by, await status(world, campaign_id)) == ("approved", "user:boss", "running")
    [started] = await world.events("campaign.started")
    assert started["data"]["approval"] == approval.id


async def test_dismissed_it_is_a_draft_again_and_cannot_be_approved_any_more(world: Any) -> None:
    campaign_id, approval = await asked(world)
    row = await approvals.dismiss(*world.key, approval.id, "not now", "user:boss", world.now)
    assert (row.state, row.reason, await status(world, campaign_id)) == ("dismissed", "not now", "draft")
    _, again = await start(world, campaign_id)
    assert again.id != approval.id
    for decide in (
        approvals.approve(*world.key, approval.id, "user:boss", world.now),
        approvals.dismiss(*world.key, approval.id, None, "user:boss", world.now),
    ):
        with pytest.raises(Conflict) as caught:
            await decide
        assert caught.value.code == "approval_settled"


async def test_stopped_meanwhile_it_is_withdrawn(world: Any) -> None:
    campaign_id, approval = await asked(world)
    await world.stop(campaign_id)
    assert (await approvals.get(*world.key, approval.id)).state == "withdrawn"


async def test_what_is_decided_at_the_campaign_is_told_of_the_approval(world: Any) -> None:
    campaign_id, approval = await asked(world)
    await campaigns.dismiss(*world.key, campaign_id, world.actor, world.now)
    assert (await approvals.get(*world.key, approval.id)).state == "dismissed"
    assert await approvals.pending(*world.key, campaign_id) is None


async def test_approvals_are_listed_newest_first_and_by_state(world: Any, stranger: Any) -> None:
    (_, one), (_, two) = await asked(world), await asked(world)
    await asked(stranger)
    await approvals.approve(*world.key, one.id, world.actor, world.now)
    assert [row.id for row in await approvals.page(*world.key, None, None, 10)] == [two.id, one.id]
    assert [row.id for row in await approvals.page(*world.key, None, ["approved"], 10)] == [one.id]
    assert [row.id for row in await approvals.page(*world.key, two.id, None, 10)] == [one.id]


async def test_an_approval_of_another_workspace_is_not_there(world: Any, stranger: Any) -> None:
    _, approval = await asked(stranger)
    for ask in (
        approvals.get(*world.key, approval.id),
        approvals.approve(*world.key, approval.id, world.actor, world.now),
        approvals.dismiss(*world.key, approval.id, None, world.actor, world.now),
    ):
        with pytest.raises(NotFound):
            await ask


async def test_a_start_that_is_approved_and_cannot_be_goes_on_waiting(world: Any) -> None:
    campaign_id = await world.campaign(steps=[])
    await world.enrolled(campaign_id)
    await above(world, 0)
    _, approval = await start(world, campaign_id)
    with pytest.raises(Invalid):
        await approvals.approve(*world.key, approval.id, world.actor, world.now)
    assert (await approvals.get(*world.key, approval.id)).state == "pending"
