from typing import Any

import pytest

HOLDS = "/api/v1/holds"


async def subjects(desk: Any) -> tuple[str, dict[str, str]]:
    """A running campaign with one lead, and what a hold at each level would name."""
    campaign_id, [enrollment_id] = await desk.running("kim@example.com")
    [mailbox] = await desk.every("/mailboxes")
    lead_id = (await desk.get(f"/enrollments/{enrollment_id}"))["lead_id"]
    named = {"workspace": "", "mailbox": mailbox["id"], "domain": "example.com", "campaign": campaign_id}
    return campaign_id, {**named, "lead": lead_id}


@pytest.mark.parametrize("level", ["workspace", "mailbox", "domain", "campaign", "lead"])
async def test_a_hold_at_any_level_keeps_messages_back_until_it_is_released(desk: Any, level: str) -> None:
    campaign_id, named = await subjects(desk)
    made = await desk.api.client.post(HOLDS, json={"level": level, "subject": named[level], "reason": "they asked"})
    hold = made.json()
    assert (made.status_code, made.headers["Location"]) == (201, f"{HOLDS}/{hold['id']}")
    assert (hold["level"], hold["subject"], hold["cause"]) == (level, named[level], "manual")
    assert (hold["reason"], hold["actor"]) == ("they asked", f"key:{desk.api.issued.row.prefix}")
    assert await desk.send(campaign_id) == 0
    released = await desk.post(f"/holds/{hold['id']}/release")
    assert (released["released_at"], released["released_by"]) == ("2026-03-02T09:00:00Z", hold["actor"])
    assert await desk.send(campaign_id) == 1


async def test_the_same_hold_again_is_the_one_in_force(desk: Any) -> None:
    first = await desk.post("/holds", {"level": "domain", "subject": "EXAMPLE.com"})
    assert await desk.post("/holds", {"level": "domain", "subject": "example.com"}) == first
    assert await desk.every("/holds") == [first]


async def test_releasing_one_hold_releases_no_other(desk: Any) -> None:
    campaign_id, named = await subjects(desk)
    first = await desk.post("/holds", {"level": "workspace"})
    second = await desk.post("/holds", {"level": "lead", "subject": named["lead"]})
    await desk.post(f"/holds/{first['id']}/release")
    assert await desk.send(campaign_id) == 0
    assert await desk.every("/holds") == [second]
    assert [one["id"] for one in await desk.every("/holds", released="true")] == [second["id"], first["id"]]


async def test_a_hold_is_released_once(desk: Any) -> None:
    hold = await desk.post("/holds", {"level": "workspace"})
    released = await desk.post(f"/holds/{hold['id']}/release")
    again = await desk.post(f"/holds/{hold['id']}/release", status=409)
    assert (again["code"], again["state"], again["allowed"]) == ("hold_released", "released", [])
    assert await desk.get(f"/holds/{hold['id']}") == released


async def test_what_belongs_to_another_workspace_is_neither_held_nor_found(desk: Any, stranger: Any) -> None:
    _, named = await subjects(stranger)
    for level in ("mailbox", "campaign", "lead"):
        refused = await desk.post("/holds", {"level": level, "subject": named[level]}, 404)
        assert refused["code"] == f"{level}_not_found"
    foreign = await stranger.post("/holds", {"level": "workspace"})
    assert (await desk.get(f"/holds/{foreign['id']}", 404))["code"] == "hold_not_found"
    assert (await desk.post(f"/holds/{foreign['id']}/release", status=404))["code"] == "hold_not_found"
    assert await desk.every("/holds") == []
    campaign_id, _ = await desk.running("a@example.com")
    assert await desk.send(campaign_id) == 1


async def test_holds_need_their_scope(desk: Any) -> None:
    headers = await desk.api.bearing("campaigns:send", "mailboxes:write")
    assert (await desk.post("/holds", {"level": "workspace"}, 403, headers=headers))["code"] == "scope_missing"
    assert (await desk.get("/holds", 403, headers=headers))["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({}, 422, "missing_field", "/level"),
        ({"level": "planet"}, 422, "unknown_value", "/level"),
        ({"level": "workspace", "subject": "x"}, 422, "bad_subject", "/subject"),
        ({"level": "domain", "subject": "not a domain"}, 422, "bad_subject", "/subject"),
        ({"level": "domain"}, 422, "bad_subject", "/subject"),
        ({"level": "domain", "subject": "x" * 301}, 422, "too_long", "/subject"),
        ({"level": "lead", "subject": "mbx_1"}, 404, "lead_not_found", None),
        ({"level": "lead", "subject": 5}, 422, "wrong_type", "/subject"),
        ({"level": "workspace", "reason": "x" * 501}, 422, "too_long", "/reason"),
        ({"level": "workspace", "colour": "red"}, 422, "unknown_field", "/colour"),
    ],
)
async def test_a_wrong_hold_is_refused_with_its_place(
    desk: Any, body: Any, status: int, code: str, pointer: str | None
) -> None:
    refused = await desk.post("/holds", body, status)
    assert (refused["code"], refused.get("errors", [{}])[0].get("pointer")) == (code, pointer)
    assert await desk.every("/holds") == []


def test_bytes_that_are_no_hold_are_refused(served: Any) -> None:
    kind = {"Content-Type": "application/json"}
    assert served.client.post(HOLDS, content=b'{"level": "\xff"}', headers=kind).status_code == 400
    assert served.client.post(HOLDS, content=b" " * 10_000_000, headers=kind).status_code == 413
