"""The vendor's page "Pause Campaign": each sentence, field, example, note and error row of it."""

import asyncio
import re
from typing import Any

import pytest
from leadterra_client import FORM, Terra, native

from caesura.service import keys

NOW = "2026-03-02T09:00:00Z"


async def test_use_this_endpoint_to_immediately_pause_a_running_campaign(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.post(f"/campaigns/{campaign}/pause")
    assert (await terra.status(campaign))["status"] == "paused"
    assert await terra.desk.send(native(campaign)) == 0


async def test_when_paused_it_stops_scheduling_new_outbound_messages(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.post(f"/campaigns/{campaign}/pause")
    terra.desk.api.clock.advance(30 * 86_400)
    assert await terra.desk.send(native(campaign)) == 0


async def test_any_emails_already_in_transit_are_still_delivered(terra: Terra) -> None:
    campaign = await terra.running()
    marked = await terra.desk.mark(native(campaign))
    await terra.post(f"/campaigns/{campaign}/pause")
    assert (await terra.status(campaign))["in_transit"] == 2
    assert await terra.desk.record(native(campaign), marked) == 2
    assert (await terra.get(f"/campaigns/{campaign}/stats"))["delivered"] == 2


async def test_queued_messages_are_held_and_resume_from_the_same_position_on_start(terra: Terra) -> None:
    campaign = await terra.running()
    assert await terra.desk.send(native(campaign)) == 2
    terra.desk.api.clock.advance(86_400 // 2)
    await terra.post(f"/campaigns/{campaign}/pause")
    assert (await terra.status(campaign))["held"] == 2
    terra.desk.api.clock.advance(10 * 86_400)
    await terra.post(f"/campaigns/{campaign}/start")
    assert await terra.desk.send(native(campaign)) == 0, "the waiting time stood still"
    terra.desk.api.clock.advance(86_400 // 2)
    assert await terra.desk.send(native(campaign)) == 2
    sent = await terra.messages(campaign)
    assert sorted((one["step"], one["state"]) for one in sent) == [(1, "sent")] * 2 + [(2, "sent")] * 2


async def test_pausing_is_useful_when_you_need_to_update_copy(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.post(f"/campaigns/{campaign}/pause")
    steps = [{"subject": "Better", "text": "Better"}]
    await terra.desk.ask("PUT", f"/campaigns/{native(campaign)}/steps", steps)
    await terra.post(f"/campaigns/{campaign}/start")
    assert await terra.desk.send(native(campaign)) == 2


async def test_post_v1_campaigns_id_pause_and_no_other_method(terra: Terra) -> None:
    campaign = await terra.running()
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        refused = await terra.raw(method, f"/campaigns/{campaign}/pause")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")
        assert refused.json()["error"]["code"] == "method_not_allowed"


async def test_all_requests_must_include_a_bearer_token_in_the_authorization_header(terra: Terra) -> None:
    assert terra.key.startswith("sk_live_")
    campaign = await terra.running()
    client, url = terra.desk.api.client, f"/leadterra/v1/campaigns/{campaign}/pause"
    assert (await client.post(url, headers={"Authorization": terra.key})).status_code == 401
    assert (await client.post(url, headers={"Authorization": "", "x-api-key": terra.key})).status_code == 401
    assert (await client.post(url, headers={"Authorization": f"bearer {terra.key}"})).status_code == 200


async def test_the_path_parameter_id_is_the_one_that_you_receive_when_you_create_a_campaign(terra: Terra) -> None:
    made = await terra.post("/campaigns", {"name": "one"})
    assert re.fullmatch(r"camp_[0-9]+", made["id"])
    assert (await terra.post(f"/campaigns/{made['id']}/pause"))["id"] == made["id"]


@pytest.mark.parametrize("content", [b"", b"{}", b" \n", b" { } "])
async def test_this_endpoint_accepts_no_request_body(terra: Terra, content: bytes) -> None:
    campaign = await terra.running()
    assert (await terra.raw("POST", f"/campaigns/{campaign}/pause", content=content)).status_code == 200


async def test_the_example_request_sends_content_type_json_without_a_body(terra: Terra) -> None:
    campaign = await terra.running()
    headers = {"Content-Type": "application/json"}
    answer = await terra.raw("POST", f"/campaigns/{campaign}/pause", headers=headers)
    assert answer.status_code == 200


async def test_the_example_response(terra: Terra) -> None:
    campaign = await terra.running()
    answer = await terra.raw("POST", f"/campaigns/{campaign}/pause")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.text == f'{{"id":"{campaign}","status":"paused","pausedAt":"{NOW}"}}'


async def test_id_is_the_campaign_that_was_paused(terra: Terra) -> None:
    campaigns = [await terra.running("a@example.com"), await terra.running("b@example.com")]
    for campaign in campaigns:
        assert (await terra.post(f"/campaigns/{campaign}/pause"))["id"] == campaign


async def test_status_is_paused_on_success(terra: Terra) -> None:
    campaign = await terra.running()
    assert (await terra.post(f"/campaigns/{campaign}/pause"))["status"] == "paused"


async def test_paused_at_is_when_it_transitioned_to_paused_in_iso_8601(terra: Terra) -> None:
    campaign = await terra.running()
    terra.desk.api.clock.advance(61.5)
    assert (await terra.post(f"/campaigns/{campaign}/pause"))["pausedAt"] == "2026-03-02T09:01:01Z"


async def test_calling_it_on_a_paused_campaign_is_a_no_op_that_returns_the_current_state(terra: Terra) -> None:
    campaign = await terra.running()
    first = await terra.post(f"/campaigns/{campaign}/pause")
    before = await terra.desk.get(f"/campaigns/{native(campaign)}")
    events = (await terra.desk.get("/events", params={"limit": 100}))["items"]
    terra.desk.api.clock.advance(3_600)
    assert await terra.post(f"/campaigns/{campaign}/pause") == first
    assert await terra.desk.get(f"/campaigns/{native(campaign)}") == before
    assert (await terra.desk.get("/events", params={"limit": 100}))["items"] == events


async def test_calling_it_on_a_draft_is_a_no_op_that_returns_the_current_state(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    before = await terra.desk.get(f"/campaigns/{native(campaign)}")
    expected = {"id": campaign, "status": "draft", "pausedAt": None}
    assert await terra.post(f"/campaigns/{campaign}/pause") == expected
    assert await terra.desk.get(f"/campaigns/{native(campaign)}") == before


async def test_emails_in_transit_before_the_pause_was_received_are_delivered(terra: Terra) -> None:
    campaign = await terra.running()
    marked = await terra.desk.mark(native(campaign))
    await terra.post(f"/campaigns/{campaign}/pause")
    assert await terra.desk.record(native(campaign), marked) == 2
    shown = await terra.status(campaign)
    assert (shown["in_transit"], shown["status"]) == (0, "paused")


async def test_to_resume_call_start_so_that_no_clock_does_it(terra: Terra) -> None:
    campaign = await terra.running("a@example.com")
    await terra.desk.post(f"/campaigns/{native(campaign)}/pause", {"resume_at": "2026-03-02T10:00:00Z"})
    answer = await terra.post(f"/campaigns/{campaign}/pause")
    assert (answer["status"], answer["pausedAt"]) == ("paused", NOW)
    assert (await terra.status(campaign))["resume_at"] is None


async def test_to_resume_call_start_with_the_same_campaign_id(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.post(f"/campaigns/{campaign}/pause")
    assert (await terra.post(f"/campaigns/{campaign}/start"))["status"] == "running"
    assert await terra.desk.send(native(campaign)) == 2


@pytest.mark.parametrize(
    "more",
    [
        {"json": {"reason": "x"}},
        {"json": []},
        {"json": "x"},
        {"json": 0},
        {"content": b"{"},
        {"content": b"\xff"},
        {"params": {"wait": "1"}},
    ],
)
@pytest.mark.parametrize("verb", ["pause", "start"])
async def test_400_invalid_request_malformed_or_unexpected_parameters(terra: Terra, verb: str, more: Any) -> None:
    campaign = await terra.running()
    before = await terra.desk.get(f"/campaigns/{native(campaign)}")
    answer = await terra.raw("POST", f"/campaigns/{campaign}/{verb}", **more)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert sorted(answer.json()["error"]) == ["code", "message"]
    assert await terra.desk.get(f"/campaigns/{native(campaign)}") == before


@pytest.mark.parametrize("header", ["", "Basic x", "Bearer", "Bearer  ", "Bearer sk_live_x", "Bearer sk_test_abc"])
async def test_401_authentication_failed_header_missing_malformed_or_key_invalid(terra: Terra, header: str) -> None:
    campaign = await terra.running()
    for verb in ("pause", "start"):
        found = await terra.code("POST", f"/campaigns/{campaign}/{verb}", headers={"Authorization": header})
        assert found == (401, "authentication_failed")
    assert (await terra.status(campaign))["status"] == "running"


async def test_401_authentication_failed_for_a_key_of_another_dialect_and_a_revoked_one(terra: Terra) -> None:
    campaign = await terra.running()
    issued = await terra.desk.api.mint("*", form=FORM)
    assert (await terra.raw("POST", f"/campaigns/{campaign}/pause", key=issued.text)).status_code == 200
    await keys.revoke(terra.desk.api.database, issued.row.workspace_id, issued.row.id, "test", terra.desk.api.clock())
    for key in (issued.text, terra.desk.api.issued.text):
        assert await terra.code("POST", f"/campaigns/{campaign}/pause", key=key) == (401, "authentication_failed")


@pytest.mark.parametrize("text", ["camp_999999999", "camp_0", "camp_", "camp_x", "1", "cmp_1", "camp_01HZA1TPNQ8RD4KF"])
@pytest.mark.parametrize("verb", ["pause", "start"])
async def test_404_campaign_not_found(terra: Terra, verb: str, text: str) -> None:
    assert await terra.code("POST", f"/campaigns/{text}/{verb}") == (404, "campaign_not_found")


async def test_404_campaign_not_found_for_one_of_another_workspace(terra: Terra, stranger: Any) -> None:
    theirs = (await stranger.campaign())["id"].replace("cmp", "camp")
    answers = [await terra.raw("POST", f"/campaigns/{one}/pause") for one in (theirs, "camp_999999999")]
    assert answers[0].json() == answers[1].json()
    assert answers[0].status_code == 404


async def test_the_key_of_a_single_campaign_sees_no_other(terra: Terra) -> None:
    campaigns = [await terra.running("a@example.com"), await terra.running("b@example.com")]
    issued = await terra.desk.api.mint("*", form=FORM, campaign_ids=[int(campaigns[0].removeprefix("camp_"))])
    assert (await terra.raw("POST", f"/campaigns/{campaigns[0]}/pause", key=issued.text)).status_code == 200
    found = await terra.code("POST", f"/campaigns/{campaigns[1]}/pause", key=issued.text)
    assert found == (404, "campaign_not_found")


async def test_several_who_pause_at_once_are_told_the_same(terra: Terra) -> None:
    campaign = await terra.running()
    answers = await asyncio.gather(*(terra.post(f"/campaigns/{campaign}/pause") for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)


async def test_a_campaign_with_a_planned_start_becomes_a_draft_that_does_not_start(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    await terra.desk.post(f"/campaigns/{native(campaign)}/schedule", {"starts_at": "2026-03-02T10:00:00Z"})
    expected = {"id": campaign, "status": "draft", "pausedAt": None}
    assert await terra.post(f"/campaigns/{campaign}/pause") == expected
    assert (await terra.status(campaign))["status"] == "draft"


async def test_a_campaign_that_waits_for_approval_becomes_a_draft_that_nobody_can_approve(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    await terra.desk.post(f"/campaigns/{native(campaign)}/submit")
    assert (await terra.post(f"/campaigns/{campaign}/pause"))["status"] == "draft"
    assert (await terra.status(campaign))["status"] == "draft"


async def test_a_campaign_that_is_being_edited_is_paused(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.desk.post(f"/campaigns/{native(campaign)}/edit")
    terra.desk.api.clock.advance(60)
    answer = await terra.post(f"/campaigns/{campaign}/pause")
    assert (answer["status"], answer["pausedAt"]) == ("paused", "2026-03-02T09:01:00Z")
    assert (await terra.status(campaign))["status"] == "paused"


async def test_a_campaign_that_has_nothing_left_to_send_is_paused_so_that_new_leads_wait(terra: Terra) -> None:
    campaign = await terra.running("a@example.com", steps=[{"subject": "Hello", "text": "Hello"}])
    await terra.desk.send(native(campaign))
    assert (await terra.complete(campaign))["status"] == "completed"
    assert (await terra.post(f"/campaigns/{campaign}/pause"))["status"] == "paused"
    assert (await terra.post(f"/campaigns/{campaign}/leads/bulk", {"leads": [{"email": "b@example.com"}]}))["total"]
    assert await terra.desk.send(native(campaign)) == 0
    assert (await terra.post(f"/campaigns/{campaign}/start"))["status"] == "running"
    assert await terra.desk.send(native(campaign)) == 1


async def test_a_campaign_that_was_stopped_for_good_stays_so(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.desk.post(f"/campaigns/{native(campaign)}/stop")
    expected = {"id": campaign, "status": "paused", "pausedAt": NOW}
    assert await terra.post(f"/campaigns/{campaign}/pause") == expected
    assert (await terra.status(campaign))["status"] == "stopped"
