"""The vendor's page "Start Campaign": each sentence, field, example, note and error row of it."""

import pytest
from leadterra_client import Terra, native

NOW = "2026-03-02T09:00:00Z"


async def test_use_this_endpoint_to_start_or_resume_a_campaign(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    for _ in range(2):
        assert (await terra.post(f"/campaigns/{campaign}/start"))["status"] == "running"
        assert (await terra.post(f"/campaigns/{campaign}/pause"))["status"] == "paused"


async def test_on_a_draft_it_queues_the_first_step_for_all_enrolled_leads_and_runs(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com", "b@example.com", "c@example.com")
    assert await terra.desk.send(native(campaign)) == 0
    await terra.post(f"/campaigns/{campaign}/start")
    assert (await terra.status(campaign))["status"] == "running"
    assert await terra.desk.send(native(campaign)) == 3
    sent = await terra.messages(campaign)
    assert [one["step"] for one in sent] == [1, 1, 1]


async def test_on_a_paused_campaign_sending_resumes_from_where_it_left_off(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.desk.send(native(campaign))
    await terra.post(f"/campaigns/{campaign}/pause")
    terra.desk.api.clock.advance(5 * 86_400)
    await terra.post(f"/campaigns/{campaign}/start")
    assert await terra.desk.send(native(campaign)) == 0, (
        "the second step is a day after the first, and the pause froze it"
    )
    terra.desk.api.clock.advance(86_400)
    assert await terra.desk.send(native(campaign)) == 2


async def test_the_campaign_must_have_at_least_one_enrolled_lead_otherwise_an_error(terra: Terra) -> None:
    campaign = await terra.draft()
    answer = await terra.raw("POST", f"/campaigns/{campaign}/start")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "no_leads_enrolled")
    assert (await terra.status(campaign))["status"] == "draft"


async def test_post_v1_campaigns_id_start_and_no_other_method(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert (await terra.raw(method, f"/campaigns/{campaign}/start")).status_code == 405


@pytest.mark.parametrize("content", [b"", b"{}", b"\n"])
async def test_this_endpoint_accepts_no_request_body(terra: Terra, content: bytes) -> None:
    campaign = await terra.draft("a@example.com")
    headers = {"Content-Type": "application/json"}
    answer = await terra.raw("POST", f"/campaigns/{campaign}/start", content=content, headers=headers)
    assert answer.status_code == 200


async def test_the_example_response(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    answer = await terra.raw("POST", f"/campaigns/{campaign}/start")
    assert answer.text == f'{{"id":"{campaign}","status":"running","startedAt":"{NOW}"}}'


async def test_id_is_the_campaign_that_was_started(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    assert (await terra.post(f"/campaigns/{campaign}/start"))["id"] == campaign


async def test_status_is_running_on_success(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    assert (await terra.post(f"/campaigns/{campaign}/start"))["status"] == "running"


async def test_started_at_is_when_it_transitioned_to_running_in_iso_8601(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    terra.desk.api.clock.advance(1.75)
    assert (await terra.post(f"/campaigns/{campaign}/start"))["startedAt"] == "2026-03-02T09:00:01Z"
    await terra.post(f"/campaigns/{campaign}/pause")
    terra.desk.api.clock.advance(60)
    assert (await terra.post(f"/campaigns/{campaign}/start"))["startedAt"] == "2026-03-02T09:01:01Z"


async def test_if_no_leads_are_enrolled_it_returns_400_with_code_no_leads_enrolled(terra: Terra) -> None:
    campaign = (await terra.post("/campaigns", {"name": "without anything"}))["id"]
    assert await terra.code("POST", f"/campaigns/{campaign}/start") == (400, "no_leads_enrolled")


async def test_calling_it_on_a_running_campaign_is_a_no_op_that_returns_the_current_state(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    first = await terra.post(f"/campaigns/{campaign}/start")
    before = await terra.desk.get(f"/campaigns/{native(campaign)}")
    events = (await terra.desk.get("/events", params={"limit": 100}))["items"]
    terra.desk.api.clock.advance(3_600)
    assert await terra.post(f"/campaigns/{campaign}/start") == first
    assert await terra.desk.get(f"/campaigns/{native(campaign)}") == before
    assert (await terra.desk.get("/events", params={"limit": 100}))["items"] == events


async def test_once_running_it_respects_the_send_volume_limits_of_the_pool(terra: Terra) -> None:
    mailbox = await terra.desk.mailbox(limits={"daily_cap": 2})
    pool = await terra.desk.pool(mailbox["name"])
    campaign = await terra.draft("a@example.com", "b@example.com", "c@example.com", pool=pool["name"])
    await terra.post(f"/campaigns/{campaign}/start")
    sent = 0
    for _ in range(5):
        sent += await terra.desk.send(native(campaign))
        terra.desk.api.clock.advance(600)
    assert sent == 2


async def test_use_the_sender_pools_endpoint_to_check_remaining_capacity(terra: Terra) -> None:
    mailbox = await terra.desk.mailbox(limits={"daily_cap": 2})
    pool = await terra.desk.pool(mailbox["name"])
    campaign = await terra.draft("a@example.com", pool=pool["name"])
    await terra.post(f"/campaigns/{campaign}/start")
    await terra.desk.send(native(campaign))
    [shown] = await terra.get("/sender-pools")
    assert (shown["dailyCapacity"], shown["remainingVolume"]) == (2, 1)


async def test_400_no_leads_enrolled(terra: Terra) -> None:
    campaign = await terra.draft()
    answer = await terra.post(f"/campaigns/{campaign}/start", status=400)
    expected = "The campaign has no enrolled leads and cannot be started."
    assert answer == {"error": {"code": "no_leads_enrolled", "message": expected}}


async def test_400_no_sequence_steps(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com", steps=[])
    answer = await terra.post(f"/campaigns/{campaign}/start", status=400)
    expected = "The campaign has no sequence steps defined."
    assert answer == {"error": {"code": "no_sequence_steps", "message": expected}}
    assert (await terra.status(campaign))["status"] == "draft"


async def test_401_authentication_failed(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    assert await terra.code("POST", f"/campaigns/{campaign}/start", key="sk_live_x") == (401, "authentication_failed")
    assert (await terra.status(campaign))["status"] == "draft"


async def test_404_campaign_not_found(terra: Terra) -> None:
    assert await terra.code("POST", "/campaigns/camp_999999999/start") == (404, "campaign_not_found")


async def test_a_campaign_without_a_pool_gets_the_usual_one(terra: Terra) -> None:
    pool = await terra.desk.pool()
    campaign = await terra.draft("a@example.com", pool=None)
    await terra.post(f"/campaigns/{campaign}/start")
    assert (await terra.desk.get(f"/campaigns/{native(campaign)}"))["definition"]["pool"] == pool["name"]


async def test_a_workspace_that_cannot_send_is_told_what_is_missing(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com", pool=None)
    answer = await terra.post(f"/campaigns/{campaign}/start", status=400)
    assert answer["error"] == {"code": "invalid_request", "message": "The campaign has no pool of mailboxes."}


async def test_a_campaign_with_a_planned_start_starts_now(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    await terra.desk.post(f"/campaigns/{native(campaign)}/schedule", {"starts_at": "2026-03-02T10:00:00Z"})
    assert (await terra.post(f"/campaigns/{campaign}/start"))["startedAt"] == NOW


async def test_a_campaign_that_is_being_edited_goes_on(terra: Terra) -> None:
    campaign = await terra.running()
    await terra.desk.post(f"/campaigns/{native(campaign)}/edit")
    assert (await terra.post(f"/campaigns/{campaign}/start"))["status"] == "running"
    assert (await terra.status(campaign))["status"] == "running"


async def test_a_campaign_that_has_nothing_left_to_send_is_running_since_it_started(terra: Terra) -> None:
    campaign = await terra.running("a@example.com", steps=[{"subject": "Hello", "text": "Hello"}])
    await terra.desk.send(native(campaign))
    terra.desk.api.clock.advance(60)
    await terra.complete(campaign)
    expected = {"id": campaign, "status": "running", "startedAt": NOW}
    assert await terra.post(f"/campaigns/{campaign}/start") == expected
    assert (await terra.status(campaign))["status"] == "completed"


@pytest.mark.parametrize(("verb", "code"), [("stop", "campaign_stopped"), ("submit", "campaign_pending_approval")])
async def test_a_campaign_that_no_client_may_start_is_refused(terra: Terra, verb: str, code: str) -> None:
    campaign = await terra.draft("a@example.com")
    await terra.desk.post(f"/campaigns/{native(campaign)}/{verb}")
    before = await terra.desk.get(f"/campaigns/{native(campaign)}")
    assert await terra.code("POST", f"/campaigns/{campaign}/start") == (409, code)
    assert await terra.desk.get(f"/campaigns/{native(campaign)}") == before


async def test_an_archived_campaign_is_not_started(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    await terra.desk.post(f"/campaigns/{native(campaign)}/archive")
    assert await terra.code("POST", f"/campaigns/{campaign}/start") == (409, "campaign_archived")
