from typing import Any

import pytest

from caesura.domain.delivery import Kind

DAY = 86_400


async def test_the_ledger_is_read_by_campaign_enrollment_and_state(desk: Any) -> None:
    campaign_id, ids = await desk.running("a@example.com", "b@example.com", "c@example.com")
    other, [elsewhere] = await desk.running("a@example.com")
    assert (await desk.send(campaign_id), await desk.send(other, Kind.UNKNOWN)) == (3, 1)
    desk.api.clock.advance(DAY)
    assert await desk.send(campaign_id) == 3
    expected = [f"msg_{one.removeprefix('enr_')}_{step}" for one in ids for step in (1, 2)]
    assert [one["id"] for one in await desk.every(f"/campaigns/{campaign_id}/messages")] == expected
    unknown = f"msg_{elsewhere.removeprefix('enr_')}_1"
    assert [one["id"] for one in await desk.every("/messages")] == [*expected, unknown]
    assert [one["id"] for one in await desk.every("/messages", state="unknown")] == [unknown]
    assert await desk.every(f"/campaigns/{campaign_id}/messages", state="unknown") == []
    assert [one["id"] for one in await desk.get(f"/enrollments/{ids[0]}/messages")] == expected[:2]


async def test_a_message_tells_its_place_and_its_outcome(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    await desk.send(campaign_id)
    shown = await desk.get(f"/messages/msg_{enrollment_id.removeprefix('enr_')}_1")
    assert (shown["campaign_id"], shown["enrollment_id"], shown["step"]) == (campaign_id, enrollment_id, 1)
    assert (shown["state"], shown["recipient"], shown["subject"]) == ("sent", "a@example.com", "Hello")
    assert shown["message_id"].endswith("@sender.test>")
    assert (shown["marked_at"], shown["settled_at"]) == ("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z")


@pytest.mark.parametrize(("outcome", "state"), [("sent", "sent"), ("not_sent", "rejected")])
async def test_an_unknown_outcome_is_settled_by_a_person_once(desk: Any, outcome: str, state: str) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com", on_unknown="hold")
    await desk.send(campaign_id, Kind.UNKNOWN)
    message = f"/messages/msg_{enrollment_id.removeprefix('enr_')}_1"
    assert (await desk.get(message))["state"] == "unknown"
    refused = await desk.post(f"/enrollments/{enrollment_id}/release", status=409)
    assert (refused["code"], refused["state"], refused["allowed"]) == ("unknown_outcome", "held", ["settle", "stop"])
    settled = await desk.post(f"{message}/settle", {"outcome": outcome})
    assert (settled["state"], settled["id"]) == (state, message.removeprefix("/messages/"))
    assert (await desk.get(f"/enrollments/{enrollment_id}"))["step"] == 2
    again = await desk.post(f"{message}/settle", {"outcome": outcome}, 409)
    assert (again["code"], again["state"], again["allowed"]) == ("message_not_unknown", state, [])


async def test_messages_of_another_workspace_are_not_found(desk: Any, stranger: Any) -> None:
    campaign_id, [enrollment_id] = await stranger.running("a@example.com")
    await stranger.send(campaign_id, Kind.UNKNOWN)
    message = f"/messages/msg_{enrollment_id.removeprefix('enr_')}_1"
    assert (await desk.get(message, 404))["code"] == "message_not_found"
    assert (await desk.post(f"{message}/settle", {"outcome": "sent"}, 404))["code"] == "message_not_found"
    assert (await desk.get(f"/campaigns/{campaign_id}/messages", 404))["code"] == "campaign_not_found"
    assert (await desk.get(f"/enrollments/{enrollment_id}/messages", 404))["code"] == "enrollment_not_found"
    assert await desk.every("/messages") == []
    assert (await stranger.get(message))["state"] == "unknown"


async def test_settling_needs_campaigns_send(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    await desk.send(campaign_id, Kind.UNKNOWN)
    message = f"/messages/msg_{enrollment_id.removeprefix('enr_')}_1"
    reading, sending = await desk.api.bearing("campaigns:read"), await desk.api.bearing("campaigns:send")
    assert (await desk.post(f"{message}/settle", {"outcome": "sent"}, 403, headers=reading))["code"] == "scope_missing"
    await desk.get(message, 403, headers=sending)
    await desk.post(f"{message}/settle", {"outcome": "sent"}, 200, headers=sending)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing_field", "/outcome"),
        ({"outcome": "lost"}, "unknown_value", "/outcome"),
        ({"outcome": True}, "unknown_value", "/outcome"),
        ({"outcome": "sent", "colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_wrong_field_of_a_settlement_is_refused_with_its_place(
    served: Any, body: Any, code: str, pointer: str
) -> None:
    answer = served.client.post("/api/v1/messages/msg_1_1/settle", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_what_cannot_be_a_message_is_not_found_and_bad_bytes_are_refused(served: Any) -> None:
    for text in ("msg_1", "msg_0_1", "msg_1_0", "msg_1_9999", "enr_1", "%FF"):
        assert served.client.get(f"/api/v1/messages/{text}").json()["code"] == "message_not_found"
    path, kind = "/api/v1/messages/msg_1_1/settle", {"Content-Type": "application/json"}
    assert served.client.post(path, content=b'{"outcome": "\xff"}', headers=kind).status_code == 400
    assert served.client.post(path, content=b" " * 10_000_000, headers=kind).status_code == 413
    assert served.client.get("/api/v1/messages?state=lost").json()["errors"][0]["parameter"] == "state"
