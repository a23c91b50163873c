"""Each sentence, field and example of the vendor's page for pause, and the page for resume that it names."""

import re
from typing import Any

import pytest
from autosend_client import FORM, SPRING_SALE, Sender, shown

from caesura.http.opaque_ids import hex_of

# As on the page; the id and the times are the server's own.
EXAMPLE = {
    "success": True,
    "data": {
        "campaignId": "60d5ec49f1b2c72d9c8b4567",
        "name": "Spring Sale Newsletter",
        "subject": "Don't miss our Spring Sale!",
        "previewText": "Up to 50% off this weekend only",
        "status": "paused",
        "sendMode": "gradual",
        "trackingClick": True,
        "trackingOpen": True,
        "createdAt": "2026-03-01T10:00:00.000Z",
        "updatedAt": "2026-03-15T14:30:00.000Z",
    },
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
GRADUAL = {"limits": {"gradual": {"start": 100, "factor": 2.0}}}


@pytest.fixture
async def spring_sale(sender: Any) -> str:
    """The campaign of the example, being sent."""
    campaign = await sender.post("/campaigns", SPRING_SALE)
    native = await sender.desk.get("/campaigns")
    [one] = [one for one in native["items"] if one["name"] == SPRING_SALE["name"]]
    await sender.desk.ask("PATCH", f"/campaigns/{one['id']}", {"pool": (await sender.desk.pool())["name"]})
    await sender.desk.enrol(one["id"], "kim@example.com", "lee@example.com")
    await sender.desk.post(f"/campaigns/{one['id']}/start")
    assert shown(one["id"]) == campaign["data"]["id"]
    return str(campaign["data"]["id"])


async def test_post_campaigns_campaign_id_pause_answers_the_example(sender: Any, spring_sale: str) -> None:
    answer = await sender.post(f"/campaigns/{spring_sale}/pause")
    assert answer["success"] is EXAMPLE["success"]
    assert answer["data"]["campaignId"] == spring_sale
    server_given = ("campaignId", "createdAt", "updatedAt")
    assert isinstance(EXAMPLE["data"], dict)
    for name, value in EXAMPLE["data"].items():
        if name in server_given:
            assert type(answer["data"][name]) is type(value)
        else:
            assert answer["data"][name] == value, name


async def test_bearer_authentication_header_of_the_form_bearer_token_is_required(sender: Any, spring_sale: str) -> None:
    for header in ("", "Bearer", "Basic abc", f"Bearer {sender.key}x", "Bearer AS_wrong", sender.key):
        answer = await sender.raw("POST", f"/campaigns/{spring_sale}/pause", headers={"Authorization": header})
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert (error["code"], error["details"]) == ("UNAUTHORIZED", [])
        assert error["message"] == "Invalid or expired API key"
    assert (await sender.get(f"/campaigns/{spring_sale}"))["data"]["status"] == "sending_gradual"


async def test_campaign_id_is_24_hexadecimal_digits_and_under_both_of_its_names(sender: Any, spring_sale: str) -> None:
    data = (await sender.post(f"/campaigns/{spring_sale}/pause"))["data"]
    assert data["id"] == data["campaignId"] == spring_sale
    assert re.fullmatch(r"[0-9a-f]{24}", spring_sale)


async def test_the_id_of_a_campaign_that_is_not_there_is_not_found(sender: Any, spring_sale: str) -> None:
    for wrong in ("60d5ec49f1b2c72d9c8b4567", hex_of("campaign", 10**9), "campaign", "1", hex_of("list", 1)):
        error = await sender.refused("POST", f"/campaigns/{wrong}/pause", status=404)
        assert error == {"message": "Campaign not found", "code": "CAMPAIGN_NOT_FOUND", "details": [], "status": 404}


async def test_a_campaign_of_another_workspace_is_not_found(sender: Any, stranger: Any) -> None:
    campaign_id, _ = await stranger.running("kim@example.com")
    for verb in ("pause", "resume"):
        error = await sender.refused("POST", f"/campaigns/{shown(campaign_id)}/{verb}", status=404)
        assert error["code"] == "CAMPAIGN_NOT_FOUND"
    assert (await stranger.get(f"/campaigns/{campaign_id}"))["status"] == "running"


async def test_returns_the_updated_campaign_object_with_status_set_to_paused(sender: Any, spring_sale: str) -> None:
    before = (await sender.get(f"/campaigns/{spring_sale}"))["data"]
    sender.desk.api.clock.advance(90)
    after = (await sender.post(f"/campaigns/{spring_sale}/pause"))["data"]
    assert (before["status"], after["status"]) == ("sending_gradual", "paused")
    assert after["sendMode"] == before["sendMode"] == "gradual"
    assert after["createdAt"] == before["createdAt"]
    assert after["updatedAt"] > before["updatedAt"]
    assert after["pausedAt"] == after["updatedAt"]
    assert set(after) <= set(before)
    seen = (await sender.get(f"/campaigns/{spring_sale}"))["data"]
    assert {name: seen[name] for name in after} == after


async def test_times_are_utc_with_milliseconds_and_z(sender: Any, spring_sale: str) -> None:
    data = (await sender.post(f"/campaigns/{spring_sale}/pause"))["data"]
    assert data["updatedAt"] == "2026-03-02T09:00:00.000Z"
    assert TIME.fullmatch(data["createdAt"])


async def test_success_indicates_whether_the_request_was_successful(sender: Any, spring_sale: str) -> None:
    assert (await sender.post(f"/campaigns/{spring_sale}/pause"))["success"] is True
    assert (await sender.ask("POST", "/campaigns/x/pause", status=404))["success"] is False


async def test_a_paused_campaign_can_be_resumed_later(sender: Any, spring_sale: str) -> None:
    await sender.post(f"/campaigns/{spring_sale}/pause")
    sender.desk.api.clock.advance(3600)
    data = (await sender.post(f"/campaigns/{spring_sale}/resume"))["data"]
    assert (data["status"], data["sendMode"]) == ("sending_gradual", "gradual")
    assert (data["pausedAt"], data["resumedAt"]) == (None, "2026-03-02T10:00:00.000Z")


@pytest.mark.parametrize(("limits", "status"), [({}, "sending"), (GRADUAL, "sending_gradual")])
async def test_resume_goes_back_to_sending_or_sending_gradual_by_send_mode(
    sender: Any, limits: Any, status: str
) -> None:
    campaign_id, _ = await sender.running("kim@example.com", **limits)
    assert (await sender.post(f"/campaigns/{campaign_id}/pause"))["data"]["status"] == "paused"
    assert (await sender.post(f"/campaigns/{campaign_id}/resume"))["data"]["status"] == status


async def test_delivery_stops_temporarily_without_losing_progress(sender: Any) -> None:
    """What is in transit finishes; who was sent to is not sent to again; who was not is next."""
    campaign_id, native = await sender.running("kim@example.com", steps=[{"subject": "One", "text": "One"}])
    in_transit = await sender.desk.mark(native)
    await sender.desk.enrol(native, "lee@example.com")
    await sender.post(f"/campaigns/{campaign_id}/pause")
    assert (await sender.desk.mark(native)).marked == ()
    assert await sender.desk.record(native, in_transit) == 1
    await sender.post(f"/campaigns/{campaign_id}/resume")
    assert await sender.desk.send(native) == 1
    assert await sender.desk.send(native) == 0
    sent = (await sender.get(f"/campaigns/{campaign_id}"))["data"]["metrics"]
    assert (sent["sent"], sent["totalContacts"]) == (2, 2)


async def test_pausing_a_paused_campaign_changes_nothing(sender: Any, spring_sale: str) -> None:
    first = await sender.post(f"/campaigns/{spring_sale}/pause")
    sender.desk.api.clock.advance(60)
    assert await sender.post(f"/campaigns/{spring_sale}/pause") == first


async def test_resuming_a_running_campaign_changes_nothing(sender: Any, spring_sale: str) -> None:
    first = (await sender.post(f"/campaigns/{spring_sale}/resume"))["data"]
    sender.desk.api.clock.advance(60)
    assert (await sender.post(f"/campaigns/{spring_sale}/resume"))["data"] == first


async def test_a_campaign_that_is_not_being_sent_can_be_neither_paused_nor_resumed(sender: Any) -> None:
    campaign_id = (await sender.post("/campaigns", SPRING_SALE))["data"]["id"]
    for verb, code in (("pause", "CAMPAIGN_CANNOT_BE_PAUSED"), ("resume", "CAMPAIGN_CANNOT_BE_RESUMED")):
        error = await sender.refused("POST", f"/campaigns/{campaign_id}/{verb}", status=400)
        assert (error["code"], error["status"]) == (code, 400)
    assert (await sender.get(f"/campaigns/{campaign_id}"))["data"]["status"] == "draft"


async def test_what_is_in_the_body_is_not_looked_at(sender: Any, spring_sale: str) -> None:
    answer = await sender.ask("POST", f"/campaigns/{spring_sale}/resume", content=b"reason=none")
    assert answer["data"]["status"] == "sending_gradual"
    answer = await sender.ask("POST", f"/campaigns/{spring_sale}/pause", content=b'{"half of')
    assert answer["data"]["status"] == "paused"


async def test_a_key_that_may_only_read_cannot_pause(sender: Any, spring_sale: str) -> None:
    reader = Sender(sender.desk, (await sender.desk.api.mint("campaigns:read", form=FORM)).text)
    for verb in ("pause", "resume"):
        error = await reader.refused("POST", f"/campaigns/{spring_sale}/{verb}", status=403)
        assert (error["code"], error["message"]) == ("FORBIDDEN", "Insufficient permissions")
