from datetime import timedelta
from typing import Any

import pytest

from caesura.http.key_forms import ACCOUNT_FORMS, KEY_FORMS

MADE_UP = "a" * 52


async def started(agent: Any, campaign_id: str) -> Any:
    code = (await agent.call("preview_start", campaign_id=campaign_id))["confirmation"]
    return await agent.call("start_campaign", campaign_id=campaign_id, confirmation=code)


async def test_a_campaign_is_started_paused_and_resumed_each_after_its_preview(desk: Any, agent: Any) -> None:
    campaign_id = (await desk.campaign())["id"]
    await desk.enrol(campaign_id, "a@example.com", "b@example.com")
    preview = await agent.call("preview_start", campaign_id=campaign_id)
    assert (preview["can_go"], preview["campaign"]["status"], preview["version"]) == (True, "draft", 1)
    assert (preview["forecast"]["due"], preview["forecast"]["days"][0]["sent"]) == (2, 2)
    assert preview["expires_at"] == "2026-03-02T09:10:00Z"
    assert (await desk.get(f"/campaigns/{campaign_id}"))["status"] == "draft"
    running = await agent.call("start_campaign", campaign_id=campaign_id, confirmation=preview["confirmation"])
    assert (running["status"], running["actor"]) == ("running", f"key:{desk.api.issued.row.prefix}")
    assert await desk.send(campaign_id) == 2
    desk.api.clock.advance(1)
    paused = await agent.call("pause_campaign", campaign_id=campaign_id, reason="wrong price")
    assert (paused["status"], paused["held"], paused["in_transit"]) == ("paused", 2, 0)
    assert (paused["reason"], paused["resume_at"]) == ("wrong price", None)
    assert (await agent.call("pause_campaign", campaign_id=campaign_id))["status"] == "paused"
    desk.api.clock.advance(3600)
    preview = await agent.call("preview_resume", campaign_id=campaign_id)
    assert (preview["can_go"], preview["campaign"]["status"]) == (True, "paused")
    resumed = await agent.call("resume_campaign", campaign_id=campaign_id, confirmation=preview["confirmation"])
    assert resumed["status"] == "running"


async def test_nothing_starts_or_resumes_without_a_code(desk: Any, agent: Any) -> None:
    draft = (await desk.campaign())["id"]
    running, _ = await desk.running("a@example.com")
    await desk.post(f"/campaigns/{running}/pause")
    for tool, campaign_id, status in (("start_campaign", draft, "draft"), ("resume_campaign", running, "paused")):
        assert (await agent.failure(tool, campaign_id=campaign_id))["code"] == "missing_field"
        for made_up in ("", "yes", MADE_UP, "é" * 52):
            refused = await agent.failure(tool, campaign_id=campaign_id, confirmation=made_up)
            assert (refused["code"], refused["errors"][0]["pointer"]) == ("confirmation_wrong", "/confirmation")
        assert (await desk.get(f"/campaigns/{campaign_id}"))["status"] == status


async def test_a_code_is_good_for_its_own_campaign_action_and_caller_only(desk: Any, agent: Any, connect: Any) -> None:
    one, two = (await desk.campaign())["id"], (await desk.campaign())["id"]
    code = (await agent.call("preview_start", campaign_id=one))["confirmation"]
    assert (await agent.failure("start_campaign", campaign_id=two, confirmation=code))["code"] == "confirmation_wrong"
    other = await connect(await desk.api.bearing("*"))
    assert (await other.failure("start_campaign", campaign_id=one, confirmation=code))["code"] == "confirmation_wrong"
    await started(agent, two)
    await agent.call("pause_campaign", campaign_id=two)
    code = (await agent.call("preview_start", campaign_id=one))["confirmation"]
    refused = await agent.failure("resume_campaign", campaign_id=two, confirmation=code)
    assert refused["code"] == "confirmation_wrong"
    code = (await agent.call("preview_resume", campaign_id=two))["confirmation"]
    refused = await agent.failure("start_campaign", campaign_id=two, confirmation=code)
    assert refused["code"] == "confirmation_wrong"


async def test_a_code_is_void_once_the_content_was_edited(desk: Any, agent: Any) -> None:
    campaign_id = (await desk.campaign())["id"]
    code = (await agent.call("preview_start", campaign_id=campaign_id))["confirmation"]
    await agent.call("edit_campaign", campaign_id=campaign_id, changes={"name": "Other"}, version=1)
    refused = await agent.failure("start_campaign", campaign_id=campaign_id, confirmation=code)
    assert refused["code"] == "confirmation_outdated"
    await started(agent, campaign_id)
    await agent.call("pause_campaign", campaign_id=campaign_id)
    code = (await agent.call("preview_resume", campaign_id=campaign_id))["confirmation"]
    await desk.ask("PATCH", f"/campaigns/{campaign_id}", {"name": "By a person"})
    refused = await agent.failure("resume_campaign", campaign_id=campaign_id, confirmation=code)
    assert refused["code"] == "confirmation_outdated"
    assert (await desk.get(f"/campaigns/{campaign_id}"))["status"] == "paused"


async def test_a_code_does_not_undo_a_later_pause(desk: Any, agent: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    await desk.post(f"/campaigns/{campaign_id}/pause")
    code = (await agent.call("preview_resume", campaign_id=campaign_id))["confirmation"]
    desk.api.clock.advance(1)
    await desk.post(f"/campaigns/{campaign_id}/resume")
    desk.api.clock.advance(1)
    await desk.post(f"/campaigns/{campaign_id}/pause", {"reason": "stop that agent"})
    refused = await agent.failure("resume_campaign", campaign_id=campaign_id, confirmation=code)
    assert refused["code"] == "confirmation_outdated"


async def test_a_code_expires_after_ten_minutes(desk: Any, agent: Any) -> None:
    campaign_id = (await desk.campaign())["id"]
    code = (await agent.call("preview_start", campaign_id=campaign_id))["confirmation"]
    desk.api.clock.advance(600)
    refused = await agent.failure("start_campaign", campaign_id=campaign_id, confirmation=code)
    assert refused["code"] == "confirmation_expired"
    await started(agent, campaign_id)


async def test_a_preview_of_what_cannot_go_gives_no_code(desk: Any, agent: Any) -> None:
    empty = (await desk.post("/campaigns", {"name": "Empty"}))["id"]
    preview = await agent.call("preview_start", campaign_id=empty)
    assert (preview["can_go"], preview["confirmation"], preview["forecast"]) == (False, None, None)
    assert {one["code"] for one in preview["findings"]} >= {"no_steps", "no_pool"}
    draft = (await desk.campaign())["id"]
    assert (await agent.failure("preview_resume", campaign_id=draft))["code"] == "campaign_draft"
    await started(agent, draft)
    assert (await agent.failure("preview_start", campaign_id=draft))["code"] == "campaign_running"
    await agent.call("pause_campaign", campaign_id=draft)
    await desk.post(f"/campaigns/{draft}/archive")
    assert (await agent.failure("preview_resume", campaign_id=draft))["code"] == "campaign_archived"


async def test_a_pause_cannot_be_given_an_end(desk: Any, agent: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    refused = await agent.failure("pause_campaign", campaign_id=campaign_id, resume_at="2026-03-02T09:00:01Z")
    assert refused["code"] == "unknown_argument"


async def test_a_workspace_that_uses_the_autosend_door_has_pause_and_resume_blocked(desk: Any, agent: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    paused, _ = await desk.running("b@example.com")
    await desk.post(f"/campaigns/{paused}/pause")
    code = (await agent.call("preview_resume", campaign_id=paused))["confirmation"]
    key = await desk.api.mint("*", form=KEY_FORMS["autosend"])
    for tool, arguments in (
        ("pause_campaign", {"campaign_id": campaign_id}),
        ("preview_resume", {"campaign_id": paused}),
        ("resume_campaign", {"campaign_id": paused, "confirmation": code}),
    ):
        blocked = await agent.failure(tool, **arguments)
        assert blocked["code"] == "blocked_for_mcp"
        assert "POST /autosend/v1/campaigns/{campaignId}/pause" in blocked["detail"]
        assert f"POST /api/v1/campaigns/{arguments['campaign_id']}/pause" in blocked["detail"]
    assert (await agent.failure("pause_campaign", campaign_id="cmp_999"))["code"] == "campaign_not_found"
    assert (await desk.get(f"/campaigns/{campaign_id}"))["status"] == "running"
    draft = (await desk.campaign())["id"]
    assert (await started(agent, draft))["status"] == "running", "that vendor closes only pause and resume"
    await desk.ask("DELETE", f"/keys/key_{key.row.id}")
    assert (await agent.call("pause_campaign", campaign_id=campaign_id))["status"] == "paused"


async def test_an_account_key_of_that_door_blocks_them_in_every_workspace(desk: Any, stranger: Any, agent: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    key = await stranger.api.mint("*", form=ACCOUNT_FORMS["autosend"], is_account=True)
    try:
        blocked = await agent.failure("pause_campaign", campaign_id=campaign_id)
    finally:
        await stranger.ask("DELETE", f"/keys/key_{key.row.id}")
    assert blocked["code"] == "blocked_for_mcp"
    assert (await agent.call("pause_campaign", campaign_id=campaign_id))["status"] == "paused"


@pytest.mark.parametrize("dialect", ["leadterra", "leadlex", "woodpecker"])
async def test_the_other_doors_block_nothing(desk: Any, agent: Any, dialect: str) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    await desk.api.mint("*", form=KEY_FORMS[dialect])
    assert (await agent.call("pause_campaign", campaign_id=campaign_id))["status"] == "paused"


async def test_a_key_of_that_door_counts_until_it_expires_and_only_in_its_workspace(
    desk: Any, stranger: Any, agent: Any
) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    await stranger.api.mint("*", form=KEY_FORMS["autosend"])
    expires_at = desk.api.clock() + timedelta(hours=1)
    await desk.api.mint("*", form=KEY_FORMS["autosend"], expires_at=expires_at)
    assert (await agent.failure("pause_campaign", campaign_id=campaign_id))["code"] == "blocked_for_mcp"
    desk.api.clock.advance(3600)
    assert (await agent.call("pause_campaign", campaign_id=campaign_id))["status"] == "paused"
