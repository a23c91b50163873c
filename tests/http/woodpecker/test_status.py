"""Run, stop and make_editable."""

from typing import Any

import pytest
from woodpecker_client import Bird, number

from caesura.service import campaigns

MISSING = {"code": "CAMPAIGN_NOT_EXIST", "message": "Campaign not found", "details": None}


async def native(bird: Bird, campaign: int) -> Any:
    return await bird.desk.get(f"/campaigns/cmp_{campaign}/status")


async def running(bird: Bird) -> int:
    return number((await bird.desk.running("a@example.com", "b@example.com"))[0])


async def state(bird: Bird, campaign: int) -> tuple[str, str]:
    shown = await native(bird, campaign)
    return shown["status"], shown["cause"]


@pytest.mark.parametrize("verb", ["run", "stop", "make_editable", "editable"])
async def test_each_verb_answers_200_without_a_body_and_404_for_no_campaign(bird: Bird, verb: str) -> None:
    answer = await bird.raw("POST", f"/v2/campaigns/{await running(bird)}/{verb}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert await bird.post(f"/v2/campaigns/99999999/{verb}", status=404) == MISSING


async def test_a_draft_runs(bird: Bird) -> None:
    draft = number((await bird.desk.campaign())["id"])
    await bird.post(f"/v2/campaigns/{draft}/run")
    assert (await state(bird, draft))[0] == "running"


async def test_a_draft_that_is_not_ready_is_409_with_what_is_missing(bird: Bird) -> None:
    draft = number((await bird.desk.campaign(steps=[], pool=None))["id"])
    body = await bird.post(f"/v2/campaigns/{draft}/run", status=409)
    assert body == {
        "code": "NO_STEPS",
        "message": "the campaign has no steps; the campaign has no pool of mailboxes",
        "details": None,
    }


async def test_running_a_campaign_that_runs_changes_nothing(bird: Bird) -> None:
    campaign = await running(bird)
    before = await native(bird, campaign)
    await bird.post(f"/v2/campaigns/{campaign}/run")
    assert (await native(bird, campaign))["status_at"] == before["status_at"]


async def test_stop_holds_it_and_run_undoes_that_from_the_same_position(bird: Bird) -> None:
    campaign = await running(bird)
    assert await bird.desk.send(f"cmp_{campaign}") == 2
    await bird.post(f"/v2/campaigns/{campaign}/stop")
    assert await state(bird, campaign) == ("paused", "stopped")
    await bird.post(f"/v2/campaigns/{campaign}/run")
    assert await bird.desk.send(f"cmp_{campaign}") == 0
    bird.desk.api.clock.advance(86_401)
    assert await bird.desk.send(f"cmp_{campaign}") == 2


async def test_a_paused_campaign_is_stopped_and_a_stopped_one_paused(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    await bird.post(f"/v2/campaigns/{campaign}/stop")
    assert await state(bird, campaign) == ("paused", "stopped")
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    assert await state(bird, campaign) == ("paused", "manual")


async def test_make_editable_takes_a_running_campaign_out_and_run_puts_it_back(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.post(f"/v2/campaigns/{campaign}/make_editable")
    assert (await state(bird, campaign))[0] == "editing"
    assert await bird.desk.send(f"cmp_{campaign}") == 0
    await bird.post(f"/v2/campaigns/{campaign}/run")
    assert await bird.desk.send(f"cmp_{campaign}") == 2


async def test_an_edited_campaign_can_be_paused(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.post(f"/v2/campaigns/{campaign}/make_editable")
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    assert await state(bird, campaign) == ("paused", "manual")


async def test_a_draft_can_be_edited_as_it_is(bird: Bird) -> None:
    draft = number((await bird.desk.campaign())["id"])
    await bird.post(f"/v2/campaigns/{draft}/make_editable")
    assert (await state(bird, draft))[0] == "draft"


async def test_what_another_door_has_stopped_for_good_cannot_be_run(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.desk.post(f"/campaigns/cmp_{campaign}/stop")
    body = await bird.post(f"/v2/campaigns/{campaign}/run", status=409)
    assert body["code"] == "CAMPAIGN_STOPPED"
    await bird.post(f"/v2/campaigns/{campaign}/stop")


@pytest.mark.parametrize("verb", ["pause", "stop", "make_editable"])
async def test_a_campaign_that_waits_for_approval_is_a_draft_again_which_no_approval_starts(
    bird: Bird, verb: str
) -> None:
    draft = number((await bird.desk.campaign())["id"])
    api = bird.desk.api
    await campaigns.submit(api.database, bird.desk.workspace_id, draft, "test", api.clock())
    await bird.post(f"/v2/campaigns/{draft}/{verb}")
    assert (await state(bird, draft))[0] == "draft"
