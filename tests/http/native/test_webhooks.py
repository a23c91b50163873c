"""Webhooks through the API: made, read, changed and deleted."""

from typing import Any

import pytest

URL = "https://hooks.example.com/caesura"


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
