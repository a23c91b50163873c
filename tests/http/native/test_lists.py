from typing import Any

import pytest

LISTS = "/api/v1/lists"


async def test_a_list_is_made_renamed_and_deleted_and_its_leads_stay(desk: Any) -> None:
    made = await desk.api.client.post(LISTS, json={"name": " fair "})
    body = made.json()
    assert (made.status_code, body["name"]) == (201, "fair")
    assert made.headers["Location"] == f"{LISTS}/{body['id']}"
    lead = await desk.lead()
    await desk.post(f"/lists/{body['id']}/members", {"lead_ids": [lead["id"]]})
    renamed = await desk.ask("PATCH", f"/lists/{body['id']}", {"name": "fair 2026"})
    assert renamed == {**body, "name": "fair 2026"}
    assert await desk.get(f"/lists/{body['id']}") == {**renamed, "leads": 1}
    await desk.ask("DELETE", f"/lists/{body['id']}", status=204)
    assert (await desk.get(f"/lists/{body['id']}", 404))["code"] == "list_not_found"
    await desk.get(f"/leads/{lead['id']}")


async def test_lists_come_in_pages_newest_first(desk: Any) -> None:
    made = [await desk.post("/lists", {"name": f"list {number}"}) for number in range(5)]
    assert await desk.every("/lists") == made[::-1]


async def test_leads_join_a_list_once_and_leave_it(desk: Any) -> None:
    path = f"/lists/{(await desk.post('/lists', {'name': 'fair'}))['id']}"
    leads = [(await desk.lead())["id"] for _ in range(4)]
    assert await desk.post(f"{path}/members", {"lead_ids": leads[:2]}) == {"added": 2, "already_there": 0}
    assert await desk.post(f"{path}/members", {"lead_ids": leads[1:]}) == {"added": 2, "already_there": 1}
    assert [lead["id"] for lead in await desk.every(f"{path}/members")] == leads
    assert await desk.post(f"{path}/members/remove", {"lead_ids": leads[:1]}) == {"removed": 1}
    assert await desk.post(f"{path}/members/remove", {"lead_ids": leads[:2]}) == {"removed": 1}
    assert [lead["id"] for lead in await desk.every(f"{path}/members")] == leads[2:]


async def test_leads_that_are_unknown_or_foreign_keep_all_from_joining(desk: Any, stranger: Any) -> None:
    path = f"/lists/{(await desk.post('/lists', {'name': 'fair'}))['id']}"
    foreign, own = (await stranger.lead())["id"], (await desk.lead())["id"]
    refused = await desk.post(f"{path}/members", {"lead_ids": [own, foreign]}, 422)
    assert [(fault["code"], fault["pointer"]) for fault in refused["errors"]] == [("unknown_lead", "/lead_ids/1")]
    assert await desk.every(f"{path}/members") == []


async def test_two_lists_cannot_have_one_name(desk: Any) -> None:
    await desk.post("/lists", {"name": "fair"})
    other = await desk.post("/lists", {"name": "other"})
    assert (await desk.post("/lists", {"name": "fair"}, 409))["code"] == "name_taken"
    assert (await desk.ask("PATCH", f"/lists/{other['id']}", {"name": "fair"}, 409))["code"] == "name_taken"


async def test_a_list_of_another_workspace_is_not_found(desk: Any, stranger: Any) -> None:
    path = f"/lists/{(await stranger.post('/lists', {'name': 'fair'}))['id']}"
    lead = (await desk.lead())["id"]
    for method, below, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "mine"}),
        ("DELETE", "", None),
        ("GET", "/members", None),
        ("POST", "/members", {"lead_ids": [lead]}),
        ("POST", "/members/remove", {"lead_ids": [lead]}),
    ):
        assert (await desk.ask(method, path + below, body, 404))["code"] == "list_not_found"
    assert await desk.every("/lists") == []


async def test_lists_need_the_scopes_of_leads(desk: Any) -> None:
    reading, writing = await desk.api.bearing("leads:read"), await desk.api.bearing("leads:write")
    assert (await desk.get("/lists", 403, headers=writing))["code"] == "scope_missing"
    assert (await desk.post("/lists", {"name": "fair"}, 403, headers=reading))["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("path", "body", "code", "pointer"),
    [
        ("", {}, "missing_field", "/name"),
        ("", {"name": ""}, "too_short", "/name"),
        ("", {"name": "x" * 201}, "too_long", "/name"),
        ("", {"name": "a\nb"}, "control_character", "/name"),
        ("", {"name": "\u202e"}, "list_name", "/name"),
        ("/lst_1/members", {"lead_ids": []}, "too_short", "/lead_ids"),
        ("/lst_1/members", {"lead_ids": [5]}, "invalid_id", "/lead_ids/0"),
        ("/lst_1/members", {"lead_ids": ["lst_5"]}, "invalid_id", "/lead_ids/0"),
        ("/lst_1/members/remove", {"lead_ids": ["led_1"] * 1001}, "too_long", "/lead_ids"),
    ],
)
def test_a_wrong_field_of_a_list_is_refused_with_its_place(
    served: Any, path: str, body: Any, code: str, pointer: str
) -> None:
    answer = served.client.post(LISTS + path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_body_that_is_too_large_or_no_text_is_refused(served: Any) -> None:
    kind = {"Content-Type": "application/json"}
    assert served.client.post(LISTS, content=b'{"name": "\xff"}', headers=kind).status_code == 400
    assert served.client.post(LISTS, content=b" " * 10_000_000, headers=kind).status_code == 413


async def test_campaigns_lists_and_keys_are_found_by_a_part_of_their_name_in_any_case(desk: Any) -> None:
    for name in ("Frühling Straße", "ÄPFEL", "100% _x"):
        await desk.campaign(name=name)
        await desk.post("/lists", {"name": name})
        await desk.post("/keys", {"label": name, "scopes": ["leads:read"]})
    await desk.post("/keys", {"scopes": ["leads:read"]})
    for path, field in (("/campaigns", "name"), ("/lists", "name"), ("/keys", "label")):
        for part, found in (
            ("fRÜHLING", ["Frühling Straße"]), ("straße", ["Frühling Straße"]), ("äpf", ["ÄPFEL"]), ("%", ["100% _x"]),
            ("l", ["ÄPFEL", "Frühling Straße"]), ("nothing", []), ("_X", ["100% _x"]),
        ):  # fmt: skip
            assert [one[field] for one in await desk.every(path, **{field: part})] == found, (path, part)
