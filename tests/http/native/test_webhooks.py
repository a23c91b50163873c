"""Webhooks through the API: made, changed, tried, replayed, and looked into."""

from datetime import timedelta
from typing import Any

import pytest
from desk import Desk
from webhook_desk import HERE, receiving

from caesura.http.webhook_forms import FORMS
from caesura.service import webhook_delivery
from caesura.worker.webhooks import Courier

URL = "https://hooks.example.com/caesura"


async def deliver(desk: Any, webhook_id: str) -> None:
    context = desk.api.context
    await webhook_delivery.fan_out(context.database, FORMS, desk.api.clock())
    async with Courier(context.database, context.keyring, FORMS, HERE, desk.api.clock) as courier:
        await courier.deliver(desk.workspace_id, int(webhook_id.removeprefix("whk_")))


async def test_a_webhook_is_made_read_changed_and_deleted(desk: Any) -> None:
    answer = await desk.api.client.post("/api/v1/webhooks", json={"url": URL, "events": ["campaign.paused"]})
    made = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/v1/webhooks/{made['id']}")
    assert made["secret"].startswith("whsec_")
    read = await desk.get(f"/webhooks/{made['id']}")
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert (await desk.get("/webhooks"))["items"] == [read]
    tag = answer.headers["ETag"]
    changed = await desk.ask(
        "PATCH", f"/webhooks/{made['id']}", {"events": ["*"], "active": False}, headers={"If-Match": tag}
    )
    assert (changed["events"], changed["active"], changed["disabled_cause"]) == (["*"], False, "manual")
    await desk.ask("PATCH", f"/webhooks/{made['id']}", {"active": True}, 412, headers={"If-Match": tag})
    assert (await desk.get(f"/webhooks/{made['id']}/secret"))["secret"] == made["secret"]
    rotated = await desk.post(f"/webhooks/{made['id']}/rotate-secret")
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"] is not None
    assert (await desk.get(f"/webhooks/{made['id']}/secret"))["secret"] == rotated["secret"]
    await desk.ask("DELETE", f"/webhooks/{made['id']}", None, 204)
    await desk.get(f"/webhooks/{made['id']}", 404)
    assert await desk.every("/webhooks") == []


async def test_a_pause_is_told_and_the_log_says_how_it_went(make_api: Any) -> None:

    desk = Desk(await make_api(destinations=HERE))
    async with receiving() as receiver:
        webhook = await desk.post("/webhooks", {"url": receiver.url, "events": ["campaign.paused"]})
        campaign_id, _ = await desk.running("kim@example.com")
        await desk.post(f"/campaigns/{campaign_id}/pause", {"reason": "wait"})
        await deliver(desk, webhook["id"])
        receiver.status = 500
        test = await desk.post(f"/webhooks/{webhook['id']}/test", status=202)
        await deliver(desk, webhook["id"])
    told, tested = receiver.got
    assert (told.json["type"], told.json["data"]["campaign_id"]) == ("campaign.paused", campaign_id)
    assert (tested.json["type"], tested.headers["webhook-id"]) == ("webhook.test", test["key"])
    newest, oldest = (await desk.get(f"/webhooks/{webhook['id']}/deliveries"))["items"]
    assert (oldest["state"], oldest["status_code"], oldest["error"]) == ("delivered", 200, None)
    assert (newest["id"], newest["state"], newest["error"]) == (test["id"], "pending", "http_error")
    pending = await desk.get(f"/webhooks/{webhook['id']}/deliveries", params={"state": "pending"})
    assert [one["id"] for one in pending["items"]] == [test["id"]]
    attempts = await desk.get(f"/webhooks/{webhook['id']}/attempts", params={"delivery_id": test["id"]})
    [attempt] = attempts["items"]
    assert (attempt["number"], attempt["status_code"], attempt["response"]) == (1, 500, "thank you")
    assert len((await desk.get(f"/webhooks/{webhook['id']}/attempts"))["items"]) == 2
    again = await desk.post(f"/webhooks/{webhook['id']}/deliveries/{oldest['id']}/resend", status=202)
    assert (again["state"], again["key"]) == ("pending", oldest["key"])
    began = desk.api.clock() - timedelta(hours=1)
    span = {"since": began.isoformat(), "until": (began + timedelta(hours=2)).isoformat()}
    assert await desk.post(f"/webhooks/{webhook['id']}/replay", span, 202) == {"deliveries": 1}
    by_id = {"event_ids": oldest["event_ids"]}
    assert await desk.post(f"/webhooks/{webhook['id']}/replay", by_id, 202) == {"deliveries": 1}
    assert (await desk.get(f"/webhooks/{webhook['id']}"))["last_status"] == "failed"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"url": "http://example.com", "events": ["*"]}, "url_not_https", "/url"),
        ({"url": "https://127.0.0.1/", "events": ["*"]}, "url_refused", "/url"),
        ({"url": URL, "events": ["campaign.pausd"]}, "unknown_event", "/events/0"),
        ({"url": URL, "events": []}, "too_short", "/events"),
        ({"url": URL}, "missing_field", "/events"),
        ({"url": URL, "events": ["*"], "secret": "mine"}, "unknown_field", "/secret"),
    ],
)
async def test_what_is_wrong_is_told_with_its_place(desk: Any, body: Any, code: str, pointer: str) -> None:
    problem = await desk.post("/webhooks", body, 422)
    assert [(one["code"], one["pointer"]) for one in problem["errors"]] == [(code, pointer)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "2026-03-02T09:00:00Z"},
        {"event_ids": ["evt_1"], "since": "2026-03-02T09:00:00Z", "until": "2026-03-02T10:00:00Z"},
    ],
)
async def test_a_replay_says_of_what(desk: Any, body: Any) -> None:
    made = await desk.post("/webhooks", {"url": URL, "events": ["*"]})
    problem = await desk.post(f"/webhooks/{made['id']}/replay", body, 422)
    assert [one["code"] for one in problem["errors"]] == ["replay_unclear"], problem


@pytest.mark.parametrize(
    ("since", "until", "deliveries"),
    [
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1),
        ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", 0),
        ("9999-12-31T00:00:00Z", "9999-12-31T23:59:59Z", 0),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:01Z", 0),
    ],
)
async def test_a_replay_takes_any_span_of_the_calendar(desk: Any, since: str, until: str, deliveries: int) -> None:
    made = await desk.post("/webhooks", {"url": URL, "events": ["webhook.created"]})
    answer = await desk.post(f"/webhooks/{made['id']}/replay", {"since": since, "until": until}, 202)
    assert answer == {"deliveries": deliveries}


async def test_nobody_sees_anothers_webhooks(desk: Any, stranger: Any) -> None:
    made = (await desk.post("/webhooks", {"url": URL, "events": ["*"]}))["id"]
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/secret"),
        ("POST", "/rotate-secret"),
        ("POST", "/test"),
        ("POST", "/deliveries/dlv_1/resend"),
        ("GET", "/deliveries"),
        ("GET", "/attempts"),
    ):
        body = {"active": False} if method == "PATCH" else None
        problem = await stranger.ask(method, f"/webhooks/{made}{path}", body, 404)
        assert problem["code"] == "webhook_not_found"
    await stranger.post(f"/webhooks/{made}/replay", {"event_ids": ["evt_1"]}, 404)
    assert (await desk.get(f"/webhooks/{made}"))["active"] is True


async def test_reading_and_writing_are_two_scopes_and_a_secret_is_for_writers(desk: Any) -> None:
    made = (await desk.post("/webhooks", {"url": URL, "events": ["*"]}))["id"]
    reader = await desk.api.bearing("webhooks:read")
    writer = await desk.api.bearing("webhooks:write")
    await desk.get(f"/webhooks/{made}", headers=reader)
    for path in (f"/webhooks/{made}/secret",):
        await desk.get(path, 403, headers=reader)
        await desk.get(path, headers=writer)
    await desk.get(f"/webhooks/{made}", 403, headers=writer)
    await desk.post(f"/webhooks/{made}/test", None, 403, headers=reader)
    await desk.post(f"/webhooks/{made}/test", None, 202, headers=writer)
