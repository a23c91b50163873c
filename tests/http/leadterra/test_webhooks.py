"""Webhooks: registration, the four events, their signature and their retries."""

import hashlib
import hmac
from typing import Any

import pytest
from leadterra_client import Terra, native
from webhook_desk import KEYRING, receiving

from caesura.domain.delivery import Kind
from caesura.domain.destinations import Destinations
from caesura.http.leadterra.webhook_form import LEADTERRA_WEBHOOKS
from caesura.http.webhook_forms import FORMS
from caesura.service import webhook_delivery, webhooks
from caesura.service.webhooks import NewWebhook
from caesura.worker.webhooks import Courier

EVENTS = ["campaign.started", "message.sent", "message.bounced", "reply.received"]
NOW = "2026-03-02T09:00:00Z"


async def hooked(terra: Terra, url: str, *names: str) -> Any:
    api = terra.desk.api
    place = (api.database, KEYRING, LEADTERRA_WEBHOOKS, Destinations.of("127.0.0.1"), api.context.entropy)
    return await webhooks.create(*place, terra.desk.workspace_id, NewWebhook(url, names or EVENTS), "test", api.clock())


async def deliver(terra: Terra, hook: Any) -> None:
    api = terra.desk.api
    await webhook_delivery.fan_out(api.database, FORMS, api.clock())
    async with Courier(api.database, KEYRING, FORMS, Destinations.of("127.0.0.1"), api.clock) as courier:
        await courier.deliver(terra.desk.workspace_id, hook.row.id)


async def test_registration_answers_a_flat_webhook_and_its_secret_once(terra: Terra) -> None:
    body = {"url": "https://example.com/hook", "events": EVENTS}
    answer = await terra.post("/webhooks", body, status=201)
    assert answer.pop("id").startswith("wh_")
    assert answer.pop("signingSecret").startswith("whsec_")
    assert answer == {**body, "status": "active", "createdAt": NOW}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "https://example.com/hook"},
        {"events": EVENTS},
        {"url": "http://example.com/hook", "events": EVENTS},
        {"url": "nonsense", "events": EVENTS},
        {"url": 7, "events": EVENTS},
        {"url": "https://example.com/hook", "events": []},
        {"url": "https://example.com/hook", "events": "message.sent"},
        {"url": "https://example.com/hook", "events": [7]},
        {"url": "https://example.com/hook", "events": ["campaign.paused"]},
        {"url": "https://127.0.0.1/hook", "events": EVENTS},
    ],
)
async def test_registration_400(terra: Terra, body: Any) -> None:
    assert await terra.code("POST", "/webhooks", body) == (400, "invalid_request")


async def test_several_webhooks_may_be_registered_and_taken_away(terra: Terra) -> None:
    body = {"url": "https://example.com/hook", "events": EVENTS}
    made = [await terra.post("/webhooks", body) for _ in range(3)]
    assert len({one["id"] for one in made}) == 3
    assert (await terra.raw("DELETE", f"/webhooks/{made[0]['id']}")).status_code == 204
    assert await terra.code("DELETE", f"/webhooks/{made[0]['id']}") == (404, "webhook_not_found")


async def test_campaign_started_is_told_from_draft_to_running_and_not_at_a_resume(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com", name="Q1")
    async with receiving() as receiver:
        hook = await hooked(terra, receiver.url)
        for verb in ("start", "pause", "start"):
            await terra.post(f"/campaigns/{campaign}/{verb}")
        await deliver(terra, hook)
    [got] = receiver.got
    data = {"campaignId": campaign, "name": "Q1", "status": "running", "startedAt": NOW}
    assert got.json == {"event": "campaign.started", "timestamp": NOW, "data": data}


async def test_message_sent_has_the_steps_index_and_the_message_id(terra: Terra) -> None:
    campaign = await terra.running("a@example.com")
    async with receiving() as receiver:
        hook = await hooked(terra, receiver.url)
        await terra.desk.send(native(campaign))
        await deliver(terra, hook)
    [got] = receiver.got
    [message] = await terra.messages(campaign)
    assert got.json["event"] == "message.sent"
    assert got.json["data"] == {
        "campaignId": campaign,
        "email": "a@example.com",
        "sequenceStep": 0,
        "messageId": message["message_id"],
        "sentAt": NOW,
    }


async def test_message_bounced_when_a_bounce_is_reported(terra: Terra) -> None:
    campaign = await terra.running("a@example.com")
    await terra.desk.send(native(campaign))
    async with receiving() as receiver:
        hook = await hooked(terra, receiver.url, "message.bounced")
        report = {"kind": "bounce", "bounce_type": "soft", "address": "a@example.com", "reason": "452 full"}
        await terra.desk.post("/inbound", report)
        await deliver(terra, hook)
    [got] = receiver.got
    assert got.json["event"] == "message.bounced"
    expected = {"campaignId": campaign, "email": "a@example.com", "bounceType": "soft", "bounceReason": "452 full"}
    assert {name: got.json["data"][name] for name in expected} == expected


async def test_message_bounced_when_a_server_refuses_for_good(terra: Terra) -> None:
    campaign = await terra.running("a@example.com")
    async with receiving() as receiver:
        hook = await hooked(terra, receiver.url, "message.bounced")
        await terra.desk.send(native(campaign), Kind.REJECTED, code=550, text="no such user")
        await deliver(terra, hook)
    [got] = receiver.got
    assert (got.json["data"]["bounceType"], got.json["data"]["bounceReason"]) == ("hard", "no such user")


async def test_reply_received_has_the_reply(terra: Terra) -> None:
    campaign = await terra.running("a@example.com")
    await terra.desk.send(native(campaign))
    async with receiving() as receiver:
        hook = await hooked(terra, receiver.url, "reply.received")
        await terra.desk.post("/inbound", {"kind": "reply", "from_address": "a@example.com", "text": "Yes"})
        await deliver(terra, hook)
    [got] = receiver.got
    [reply] = await terra.get("/replies")
    assert got.json["data"] == {"campaignId": campaign, "reply": reply}


async def test_the_signature_is_the_hmac_of_the_raw_body(terra: Terra) -> None:
    campaign = await terra.draft("a@example.com")
    async with receiving() as receiver:
        hook = await hooked(terra, receiver.url)
        await terra.post(f"/campaigns/{campaign}/start")
        await deliver(terra, hook)
    [got] = receiver.got
    expected = hmac.new(hook.secret.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Leadterra-Signature"] == expected
    assert got.headers["Content-Type"] == "application/json"


def test_retries_come_after_1_min_5_min_30_min_2_h_and_8_h_and_2xx_within_10_s_acknowledges() -> None:
    assert list(LEADTERRA_WEBHOOKS.retries) == [60, 300, 1_800, 7_200, 28_800]
    assert (LEADTERRA_WEBHOOKS.timeout, LEADTERRA_WEBHOOKS.batch) == (10, 1)
    assert sorted(LEADTERRA_WEBHOOKS.names) == sorted(EVENTS)
