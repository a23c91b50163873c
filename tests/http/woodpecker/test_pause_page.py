"""The vendor's page "Pause campaign": each sentence, field, example and row of it."""

import json
import re
from typing import Any

import pytest
from woodpecker_client import FORM, Bird, number

from caesura.service import campaigns, keys

PAUSED_AT = "2026-03-02 09:00:00"
"""What the test's clock says, as this door writes it."""

BAD_REQUEST = {"title": "Bad Request", "status": 400, "detail": "Value of campaign_id is incorrect."}
UNAUTHORIZED = {"title": "Unauthorized", "status": 401, "detail": "Invalid api key"}
MISSING = {"code": "CAMPAIGN_NOT_EXIST", "message": "Campaign not found", "details": None}


async def running(bird: Bird, *addresses: str) -> int:
    campaign_id, _ = await bird.desk.running(*(addresses or ("a@example.com", "b@example.com")))
    return number(campaign_id)


async def native(bird: Bird, campaign: int) -> Any:
    return await bird.desk.get(f"/campaigns/cmp_{campaign}/status")


async def test_this_request_will_change_the_campaign_status_to_paused(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    shown = await native(bird, campaign)
    assert (shown["status"], shown["cause"]) == ("paused", "manual")


async def test_it_will_halt_any_further_contact_with_prospects(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    assert await bird.desk.send(f"cmp_{campaign}") == 0
    bird.desk.api.clock.advance(30 * 86_400)
    assert await bird.desk.send(f"cmp_{campaign}") == 0


async def test_until_the_status_is_changed_back_to_running(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.desk.post(f"/campaigns/cmp_{campaign}/pause", {"resume_at": "2026-03-02T10:00:00Z"})
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    assert (await native(bird, campaign))["resume_at"] is None, "a planned resume would have changed it by itself"


async def test_to_resume_a_campaign_use_the_run_endpoint(bird: Bird) -> None:
    campaign = await running(bird)
    assert await bird.desk.send(f"cmp_{campaign}") == 2
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    assert await bird.post(f"/v2/campaigns/{campaign}/run") is None
    assert (await native(bird, campaign))["status"] == "running"
    assert await bird.desk.send(f"cmp_{campaign}") == 0, "nobody gets the first step again"
    bird.desk.api.clock.advance(86_401)
    assert await bird.desk.send(f"cmp_{campaign}") == 2, "everybody gets the second"


async def test_what_is_in_transit_finishes_and_nothing_else_goes_out(bird: Bird) -> None:
    campaign = await running(bird)
    marked = await bird.desk.mark(f"cmp_{campaign}")
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    assert (await native(bird, campaign))["in_transit"] == 2
    await bird.desk.record(f"cmp_{campaign}", marked)
    shown = await native(bird, campaign)
    assert (shown["in_transit"], shown["status"]) == (0, "paused")


async def test_the_endpoint_is_post_rest_v2_campaigns_campaign_id_pause(bird: Bird) -> None:
    campaign = await running(bird)
    assert (await bird.raw("POST", f"/v2/campaigns/{campaign}/pause")).status_code == 200
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await bird.raw(method, f"/v2/campaigns/{campaign}/pause")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_the_key_comes_in_the_header_x_api_key(bird: Bird) -> None:
    campaign = await running(bird)
    url = f"/woodpecker/rest/v2/campaigns/{campaign}/pause"
    client = bird.desk.api.client
    bearing = {"Authorization": f"Bearer {bird.key}"}
    assert (await client.post(url, headers=bearing)).status_code == 401
    assert (await client.post(url, headers={"Authorization": "", "X-API-KEY": bird.key})).status_code == 200


async def test_the_campaign_id_of_the_samples_is_an_integer(bird: Bird) -> None:
    assert await bird.post("/v2/campaigns/12345999/pause", status=404) == MISSING


async def test_the_sample_sends_no_body_and_an_empty_object_does_not_matter(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    await bird.post(f"/v2/campaigns/{campaign}/pause", {})
    await bird.post(f"/v2/campaigns/{campaign}/pause", {"campaign_id": campaign})


async def test_200_the_campaign_has_been_paused_body_none(bird: Bird) -> None:
    answer = await bird.raw("POST", f"/v2/campaigns/{await running(bird)}/pause")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize("text", ["abc", "12x", "-1", "1.5", "camp_12", "%20", "9223372036854775808", "٣", "null"])
async def test_400_invalid_request_or_malformed_syntax(bird: Bird, text: str) -> None:
    body = await bird.post(f"/v2/campaigns/{text}/pause", status=400)
    assert body == BAD_REQUEST | {"timestamp": PAUSED_AT}


async def test_400_a_body_that_is_malformed(bird: Bird) -> None:
    campaign = await running(bird)
    answer = await bird.raw("POST", f"/v2/campaigns/{campaign}/pause", content=b"{")
    body = answer.json()
    assert (answer.status_code, body["title"], body["status"], body["timestamp"]) == (
        400,
        "Bad Request",
        400,
        PAUSED_AT,
    )
    assert (await native(bird, campaign))["status"] == "running"


async def test_400_the_body_schema_title_and_detail_strings_status_an_integer(bird: Bird) -> None:
    body = await bird.post("/v2/campaigns/x/pause", status=400)
    assert list(body) == ["title", "status", "detail", "timestamp"]
    assert [type(value) for value in body.values()] == [str, int, str, str]


async def test_400_timestamp_is_when_the_error_occurred_in_utc_to_the_second(bird: Bird) -> None:
    bird.desk.api.clock.advance(3_661.75)
    body = await bird.post("/v2/campaigns/x/pause", status=400)
    assert body["timestamp"] == "2026-03-02 10:01:01"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", body["timestamp"])


async def revoked(bird: Bird) -> str:
    issued = await bird.desk.api.mint("*", form=FORM)
    await keys.revoke(bird.desk.api.database, issued.row.workspace_id, issued.row.id, "test", bird.desk.api.clock())
    return str(issued.text)


@pytest.mark.parametrize("kind", ["none", "empty", "malformed", "unknown", "revoked", "of another dialect"])
async def test_401_an_issue_with_authorization(bird: Bird, kind: str) -> None:
    campaign = await running(bird)
    key = {
        "none": None,
        "empty": "",
        "malformed": "YOUR_API_KEY",
        "unknown": ("a" if bird.key[0] != "a" else "b") + bird.key[1:],
        "revoked": await revoked(bird),
        "of another dialect": (await bird.desk.api.mint("*")).text,
    }[kind]
    headers = {"Authorization": ""} | ({} if key is None else {"x-api-key": key})
    answer = await bird.desk.api.client.post(f"/woodpecker/rest/v2/campaigns/{campaign}/pause", headers=headers)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED | {"timestamp": PAUSED_AT})
    assert (await native(bird, campaign))["status"] == "running"


async def test_401_comes_before_400_and_404(bird: Bird) -> None:
    for text in ("abc", "12345999"):
        await bird.post(f"/v2/campaigns/{text}/pause", status=401, headers={"x-api-key": "wrong"})


async def test_404_the_requested_campaign_does_not_exist(bird: Bird) -> None:
    answer = await bird.raw("POST", "/v2/campaigns/999999999/pause")
    assert answer.status_code == 404
    assert json.dumps(answer.json()) == json.dumps(MISSING), "code, message, details, in this order"


async def test_404_a_campaign_of_another_account(bird: Bird, stranger: Any) -> None:
    campaign_id, _ = await stranger.running("a@example.com")
    assert await bird.post(f"/v2/campaigns/{number(campaign_id)}/pause", status=404) == MISSING
    assert (await stranger.get(f"/campaigns/{campaign_id}"))["status"] == "running"


async def test_404_a_campaign_that_the_key_may_not_touch(bird: Bird) -> None:
    campaign = await running(bird)
    async with bird.desk.api.database.connection() as connection:
        await connection.execute("update api_key set campaign_ids = $1 where dialect = 'woodpecker'", [campaign + 1])
    assert await bird.post(f"/v2/campaigns/{campaign}/pause", status=404) == MISSING


async def test_500_unknown_error_please_try_again_later(bird: Bird, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = await running(bird)

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("caesura.service.halting.halt", broken)
    answer = await bird.raw("POST", f"/v2/campaigns/{campaign}/pause")
    assert answer.status_code == 500
    expected = {"type": "UNKNOWN", "message": "Unknown error during pause campaign call", "details": None}
    assert json.dumps(answer.json()) == json.dumps(expected)


# What the page does not say, as docs/doors/woodpecker.md does.


async def test_pausing_twice_is_200_and_keeps_when_it_was_paused(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    before = await native(bird, campaign)
    bird.desk.api.clock.advance(60)
    assert await bird.post(f"/v2/campaigns/{campaign}/pause") is None
    assert (await native(bird, campaign))["paused_at"] == before["paused_at"]


async def test_a_draft_sends_nothing_and_stays_a_draft(bird: Bird) -> None:
    draft = await bird.desk.campaign()
    assert await bird.post(f"/v2/campaigns/{number(draft['id'])}/pause") is None
    assert (await bird.desk.get(f"/campaigns/{draft['id']}"))["status"] == "draft"


async def test_a_planned_start_is_taken_back(bird: Bird) -> None:
    draft = await bird.desk.campaign()
    await bird.desk.post(f"/campaigns/{draft['id']}/schedule", {"starts_at": "2026-03-02T10:00:00Z"})
    assert await bird.post(f"/v2/campaigns/{number(draft['id'])}/pause") is None
    assert (await bird.desk.get(f"/campaigns/{draft['id']}"))["status"] == "draft"


async def test_a_completed_campaign_is_paused_so_that_new_prospects_do_not_set_it_running(bird: Bird) -> None:
    campaign = await running(bird, "a@example.com")
    for _ in range(2):
        assert await bird.desk.send(f"cmp_{campaign}") == 1
        bird.desk.api.clock.advance(86_401)
    await complete(bird, campaign)
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    assert (await native(bird, campaign))["status"] == "paused"
    await bird.desk.enrol(f"cmp_{campaign}", "late@example.com")
    assert await bird.desk.send(f"cmp_{campaign}") == 0


async def complete(bird: Bird, campaign: int) -> None:
    api = bird.desk.api
    assert await campaigns.complete(api.database, bird.desk.workspace_id, campaign, api.clock())


async def test_an_archived_campaign_is_not_there(bird: Bird) -> None:
    campaign = await running(bird)
    await bird.post(f"/v2/campaigns/{campaign}/pause")
    await bird.desk.post(f"/campaigns/cmp_{campaign}/archive")
    assert await bird.post(f"/v2/campaigns/{campaign}/pause", status=404) == MISSING


async def test_a_key_without_the_permission_is_403_in_the_shape_of_401(bird: Bird) -> None:
    campaign = await running(bird)
    key = (await bird.desk.api.mint("campaigns:read", form=FORM)).text
    body = await bird.post(f"/v2/campaigns/{campaign}/pause", status=403, headers={"x-api-key": key})
    assert (body["title"], body["status"], body["timestamp"]) == ("Forbidden", 403, PAUSED_AT)
