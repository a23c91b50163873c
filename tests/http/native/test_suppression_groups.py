"""Groups of messages that a recipient can refuse, through the native API."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from desk import only_as_it_was_read

from caesura.service import suppression_groups


async def group(desk: Any, name: str = "offers") -> str:
    made: str = (await desk.post("/suppression-groups", {"name": name}, 201))["id"]
    return made


async def test_a_group_is_made_read_listed_and_deleted(desk: Any) -> None:
    answer = await desk.api.client.post(
        "/api/v1/suppression-groups", json={"name": "offers", "description": "what is cheap"}
    )
    made = answer.json()
    assert answer.headers["Location"] == f"/api/v1/suppression-groups/{made['id']}"
    assert (made["name"], made["description"], made["refusals"]) == ("offers", "what is cheap", 0)
    assert (await desk.post("/suppression-groups", {"name": "offers"}, 409))["code"] == "name_taken"
    assert await desk.get(f"/suppression-groups/{made['id']}") == made
    assert (await desk.get("/suppression-groups"))["items"] == [made]
    await desk.ask("DELETE", f"/suppression-groups/{made['id']}", status=204)
    missing = await desk.get(f"/suppression-groups/{made['id']}", 404)
    assert missing["code"] == "suppression_group_not_found"


async def test_a_group_is_changed_only_as_it_was_read_and_is_refused_as_before(desk: Any) -> None:
    group_id, path = await group(desk), "/suppression-groups"
    await group(desk, "news")
    await desk.post(f"{path}/{group_id}/refusals", {"addresses": ["kim@example.com"]})
    kept = {"description": "cheap", "extra": {"owner": "Kim"}}
    await only_as_it_was_read(desk, "PATCH", f"{path}/{group_id}", {"name": "sales"}, kept)
    found = await desk.get(f"{path}/{group_id}")
    assert (found["name"], found["description"], found["extra"], found["refusals"]) == (
        "sales", "cheap", {"owner": "Kim"}, 1
    )  # fmt: skip
    assert (await desk.ask("PATCH", f"{path}/{group_id}", {"name": "news"}, 409))["code"] == "name_taken"


async def test_who_refuses_the_group_of_a_campaign_gets_nothing_of_it_until_the_refusal_is_taken_back(
    desk: Any,
) -> None:
    group_id = await group(desk)
    bound, [kim] = await desk.running("kim@example.com")
    _, [elsewhere] = await desk.running("kim@example.com")
    assert await desk.get(f"/campaigns/{bound}/suppression-group") == {"group": None}
    heeded = await desk.ask("PUT", f"/campaigns/{bound}/suppression-group", {"group_id": group_id})
    assert heeded["group"]["id"] == group_id
    assert await desk.get(f"/campaigns/{bound}/suppression-group") == heeded
    refused = await desk.post(f"/suppression-groups/{group_id}/refusals", {"addresses": ["KIM@example.com"]})
    assert refused == {"added": 1}
    stopped = await desk.get(f"/enrollments/{kim}")
    assert (stopped["state"], stopped["cause"]) == ("stopped", "suppressed")
    assert (await desk.get(f"/enrollments/{elsewhere}"))["state"] == "waiting"
    assert await desk.send(bound) == 0
    [one] = await desk.every(f"/suppression-groups/{group_id}/refusals")
    assert (one["address"], one["cause"]) == ("kim@example.com", "manual")
    assert one["actor"].startswith("key:")
    path = f"/suppression-groups/{group_id}/refusals/{quote('Kim@example.com', safe='')}"
    await desk.ask("DELETE", path, status=204)
    assert (await desk.ask("DELETE", path, status=404))["code"] == "refusal_not_found"
    none = await desk.ask("PUT", f"/campaigns/{bound}/suppression-group", {"group_id": None})
    assert none == {"group": None}


async def test_refusals_come_in_pages_by_address(desk: Any) -> None:
    group_id = await group(desk)
    addresses = ["c@example.com", "a@example.com", "zoë@example.com", "b@example.com"]
    await desk.post(f"/suppression-groups/{group_id}/refusals", {"addresses": addresses})
    found = [one["address"] for one in await desk.every(f"/suppression-groups/{group_id}/refusals")]
    assert found == sorted(addresses)
    assert (await desk.get(f"/suppression-groups/{group_id}"))["refusals"] == 4


async def test_refusals_are_chosen_by_cause_and_by_time(desk: Any) -> None:
    group_id = await group(desk)
    path, at = f"/suppression-groups/{group_id}/refusals", desk.api.clock()
    await desk.post(path, {"addresses": ["a@example.com", "c@example.com", "e@example.com"]})
    place = desk.api.database, desk.workspace_id, int(group_id.removeprefix("sgr_"))
    later = at + timedelta(minutes=1)
    await suppression_groups.refuse(*place, ["b@example.com", "d@example.com"], "unsubscribed", "test", later)

    async def chosen(**choice: str) -> str:
        return "".join([one["address"][0] for one in await desk.every(path, **choice)])

    assert await chosen(cause="manual") == await chosen(until=at.isoformat()) == "ace"
    assert await chosen(cause="unsubscribed") == await chosen(since=later.isoformat()) == "bd"
    assert await chosen(since=at.isoformat(), until=later.isoformat()) == "abcde"
    assert await chosen(cause="manual", since=later.isoformat()) == ""
    assert (await desk.get(f"{path}?since=yesterday", 422))["code"] == "invalid_time"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"addresses": ["a@example.com", "nonsense"]}, "address_syntax", "/addresses/1"),
        ({"addresses": []}, "too_short", "/addresses"),
        ({"addresses": ["a@example.com"] * 1001}, "too_long", "/addresses"),
        ({}, "missing_field", "/addresses"),
    ],
)
async def test_wrong_refusals_are_told_with_their_place(desk: Any, body: Any, code: str, pointer: str) -> None:
    problem = await desk.post(f"/suppression-groups/{await group(desk)}/refusals", body, 422)
    assert [(one["code"], one["pointer"]) for one in problem["errors"]] == [(code, pointer)]


async def test_a_group_in_a_wrong_form_names_nothing(desk: Any) -> None:
    campaign_id = (await desk.campaign())["id"]
    path = f"/campaigns/{campaign_id}/suppression-group"
    assert (await desk.ask("PUT", path, {"group_id": "sgr_99"}, 404))["code"] == "suppression_group_not_found"
    wrong = await desk.ask("PUT", path, {"group_id": "offers"}, 422)
    assert wrong["errors"][0]["detail"] == "This must be the id of a suppression group, such as sgr_15."
    await desk.get("/suppression-groups/offers", 404)
    refused = await desk.ask("DELETE", f"/suppression-groups/{await group(desk)}/refusals/kim", status=422)
    assert refused["errors"][0]["parameter"] == "address"


async def test_groups_of_another_workspace_are_not_there(desk: Any, stranger: Any) -> None:
    group_id = await group(stranger)
    await desk.get(f"/suppression-groups/{group_id}", 404)
    await desk.get(f"/suppression-groups/{group_id}/refusals", 404)
    await desk.post(f"/suppression-groups/{group_id}/refusals", {"addresses": ["a@example.com"]}, 404)
    await desk.ask("DELETE", f"/suppression-groups/{group_id}", status=404)
    assert (await desk.get("/suppression-groups"))["items"] == []


async def test_groups_need_the_scopes_of_leads_and_their_campaigns_those_of_campaigns(desk: Any) -> None:
    group_id, campaign_id = await group(desk), (await desk.campaign())["id"]
    reading, writing = await desk.api.bearing("leads:read"), await desk.api.bearing("leads:write")
    await desk.get("/suppression-groups", headers=reading)
    await desk.get("/suppression-groups", 403, headers=writing)
    await desk.post("/suppression-groups", {"name": "b"}, 403, headers=reading)
    await desk.post(f"/suppression-groups/{group_id}/refusals", {"addresses": ["a@b.example"]}, 403, headers=reading)
    await desk.get(f"/campaigns/{campaign_id}/suppression-group", 403, headers=reading)
    await desk.ask("PUT", f"/campaigns/{campaign_id}/suppression-group", {"group_id": group_id}, 403, headers=writing)
