from typing import Any

import pytest

from caesura.http.pagination import encode

LEADS = "/api/v1/leads"
JSON = {"Content-Type": "application/json"}


async def test_a_lead_is_created_once_and_updated_from_then_on(desk: Any) -> None:
    made = await desk.api.client.post(LEADS, json={"address": "kim@example.com", "fields": {"company": "Acme"}})
    body = made.json()
    assert (made.status_code, body["outcome"], body["fields"]) == (201, "created", {"company": "Acme"})
    assert made.headers["Location"] == f"{LEADS}/{body['id']}"
    again = await desk.api.client.post(
        LEADS, json={"address": "KIM@example.com", "fields": {"title": "Dr"}, "zone": "Europe/Berlin"}
    )
    assert (again.status_code, again.json()["outcome"], again.json()["id"]) == (200, "updated", body["id"])
    assert again.json()["fields"] == {"company": "Acme", "title": "Dr"}
    same = await desk.api.client.post(LEADS, json={"address": "kim@example.com", "fields": {"title": "Dr"}})
    assert same.json()["outcome"] == "unchanged"
    replaced = await desk.post("/leads", {"address": "kim@example.com", "fields": {"n": 1.5}, "replace": True})
    assert replaced["fields"] == {"n": 1.5}
    shown = await desk.get(f"/leads/{body['id']}")
    assert shown == {name: value for name, value in replaced.items() if name != "outcome"}
    assert (again.json()["zone"], same.json()["zone"], shown["zone"]) == ("Europe/Berlin", "Europe/Berlin", None)


async def test_each_of_several_leads_has_its_own_outcome(desk: Any) -> None:
    await desk.lead("known@example.com")
    given = [
        {"address": "new@example.com", "fields": {"n": 1, "ok": True}},
        {"address": "nonsense"},
        {"address": "known@example.com", "fields": {"x": "y"}},
        {"address": "NEW@example.com"},
        {"address": "zone@example.com", "zone": "Mars/Base", "fields": {"Bad Name": 1, "deep": {}}},
    ]
    done = await desk.post("/leads/bulk", {"leads": given})
    outcomes = [one["outcome"] for one in done["outcomes"]]
    assert outcomes == ["created", "rejected", "updated", "rejected", "rejected"]
    assert [done[name] for name in ("created", "updated", "unchanged", "rejected")] == [1, 1, 0, 3]
    faults = [(fault["code"], fault["pointer"]) for one in done["outcomes"] for fault in one["errors"]]
    assert faults == [
        ("address_syntax", "/leads/1/address"),
        ("duplicate_address", "/leads/3/address"),
        ("invalid_name", "/leads/4/fields/Bad Name"),
        ("wrong_type", "/leads/4/fields/deep"),
        ("unknown_time_zone", "/leads/4/zone"),
    ]
    assert [one["lead_id"] is None for one in done["outcomes"]] == [False, True, False, True, True]


async def test_a_thousand_leads_fit_into_one_request_and_no_more(desk: Any) -> None:
    leads = [{"address": f"a{number}@example.com"} for number in range(1001)]
    assert (await desk.post("/leads/bulk", {"leads": leads[:1000]}))["created"] == 1000
    refused = await desk.post("/leads/bulk", {"leads": leads}, status=422)
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("too_long", "/leads")


async def test_leads_come_in_pages_newest_first_and_are_found_by_address(desk: Any) -> None:
    made = [(await desk.lead(f"l{number}@{'a' if number % 2 else 'b'}.example"))["id"] for number in range(5)]
    assert [lead["id"] for lead in await desk.every("/leads")] == made[::-1]
    assert [lead["id"] for lead in await desk.every("/leads", address="L3@A.example")] == [made[3]]
    assert [lead["id"] for lead in await desk.every("/leads", address="@b.ex")] == [made[4], made[2], made[0]]
    assert await desk.every("/leads", address="\x01") == []


async def test_a_change_touches_only_what_it_names(desk: Any) -> None:
    lead = await desk.post(
        "/leads", {"address": "kim@example.com", "fields": {"a": "1", "b": "2"}, "zone": "Europe/Berlin"}
    )
    path = f"/leads/{lead['id']}"
    changed = await desk.ask("PATCH", path, {"fields": {"b": None, "c": False}})
    assert (changed["fields"], changed["zone"]) == ({"a": "1", "c": False}, "Europe/Berlin")
    moved = await desk.ask("PATCH", path, {"address": "Kim@Example.org", "zone": None})
    assert (moved["address"], moved["zone"], moved["fields"]) == ("Kim@example.org", None, {"a": "1", "c": False})
    assert (await desk.ask("PATCH", path, {"fields": {}, "replace_fields": True}))["fields"] == {}
    assert (await desk.ask("PATCH", path, {}))["address"] == "Kim@example.org"


async def test_the_address_of_another_lead_cannot_be_taken(desk: Any) -> None:
    await desk.lead("kim@example.com")
    other = await desk.lead()
    refused = await desk.ask("PATCH", f"/leads/{other['id']}", {"address": "KIM@example.com"}, 409)
    assert refused["code"] == "address_taken"


async def test_a_lead_is_deleted_unless_a_campaign_has_it(desk: Any) -> None:
    free, bound = await desk.lead(), await desk.lead("bound@example.com")
    await desk.enrol((await desk.campaign())["id"], "bound@example.com")
    assert await desk.ask("DELETE", f"/leads/{free['id']}", status=204) is None
    assert (await desk.get(f"/leads/{free['id']}", 404))["code"] == "lead_not_found"
    refused = await desk.ask("DELETE", f"/leads/{bound['id']}", status=409)
    assert (refused["code"], "state" in refused) == ("lead_enrolled", False)


async def test_a_lead_of_another_workspace_is_not_found(desk: Any, stranger: Any) -> None:
    foreign = (await stranger.lead())["id"]
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert (await desk.ask(method, f"/leads/{foreign}", body, 404))["code"] == "lead_not_found"
    assert (await desk.get(f"/leads/{foreign}/enrollments", 404))["code"] == "lead_not_found"
    assert await desk.every("/leads") == []


async def test_reading_and_writing_leads_need_their_scopes(desk: Any) -> None:
    lead = await desk.lead()
    reading, writing = await desk.api.bearing("leads:read"), await desk.api.bearing("leads:write")
    assert (await desk.get(f"/leads/{lead['id']}", 403, headers=writing))["code"] == "scope_missing"
    await desk.get(f"/leads/{lead['id']}", 200, headers=reading)
    for method, path in (("POST", ""), ("POST", "/bulk"), ("PATCH", f"/{lead['id']}"), ("DELETE", f"/{lead['id']}")):
        body = {"POST": {"address": "a@b.example"}, "PATCH": {}}.get(method)
        if path == "/bulk":
            body = {"leads": [{"address": "a@b.example"}]}
        assert (await desk.ask(method, f"/leads{path}", body, 403, headers=reading))["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing_field", "/address"),
        ({"address": 5}, "wrong_type", "/address"),
        ({"address": "nonsense"}, "address_syntax", "/address"),
        ({"address": "a@b.example", "fields": []}, "wrong_type", "/fields"),
        ({"address": "a@b.example", "fields": {"Name": "x"}}, "invalid_name", "/fields/Name"),
        ({"address": "a@b.example", "fields": {"x": [1]}}, "wrong_type", "/fields/x"),
        ({"address": "a@b.example", "fields": {"x": "y" * 65_537}}, "too_long", "/fields/x"),
        ({"address": "a@b.example", "fields": {f"f{n}": 1 for n in range(501)}}, "too_many_fields", "/fields"),
        ({"address": "a@b.example", "zone": "Mars/Base"}, "unknown_time_zone", "/zone"),
        ({"address": "a@b.example", "zone": 1}, "wrong_type", "/zone"),
        ({"address": "a@b.example", "colour": "red"}, "unknown_field", "/colour"),
        ({"address": "a@b.example", "replace": 1}, "wrong_type", "/replace"),
    ],
)
def test_a_wrong_field_of_a_lead_is_refused_with_its_place(served: Any, body: Any, code: str, pointer: str) -> None:
    answer = served.client.post(LEADS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert served.client.get(LEADS, params={"address": "a@b.example"}).json()["items"] == []


def test_bytes_that_are_no_leads_are_refused(served: Any) -> None:
    bad = served.client.post(LEADS, content=b'{"address": "\xff"}', headers=JSON)
    assert (bad.status_code, bad.json()["code"]) == (400, "encoding_invalid")
    large = served.client.post(f"{LEADS}/bulk", content=b" " * 10_000_000, headers=JSON)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert served.client.get(f"{LEADS}?address=%ff").status_code == 400


async def test_leads_are_found_by_what_is_kept_of_them(desk: Any) -> None:
    for name, extra in (
        ("a", {"crm": {"id": 7, "owner": "Kim"}}),
        ("b", {"crm": {"id": 7}}),
        ("c", {"id": 7}),
        ("d", {}),
    ):
        await desk.post("/leads", {"address": f"{name}@example.com", "extra": extra})

    async def found(extra: str, **more: str) -> list[str]:
        return [one["address"][0] for one in await desk.every("/leads", extra=extra, **more)]

    assert await found('{"crm": {"id": 7}}') == ["b", "a"]
    assert await found('{"crm": {"id": 7}}', address="a@") == ["a"]
    assert await found('{"crm": {"id": 7}}', address="B@example.com") == ["b"]
    assert await found('{"crm": {"owner": "Kim"}}') == ["a"]
    assert await found('{"crm": {"id": "7"}}') == []
    for wrong in ("{}", "[]", "7", "{", '{"a": "\\u0000"}', '{"a": 1, "a": 2}', '{"a": 1e999}', ""):
        refused = await desk.get("/leads", 422, params={"extra": wrong})
        assert (refused["errors"][0]["code"], refused["errors"][0]["parameter"]) == ("invalid_json", "extra")


async def test_leads_are_told_in_any_order_and_in_pages_that_fit(desk: Any) -> None:
    names = [{"first_name": "Zoe"}, {"full_name": "ada\u00a0" + "x" * 200}, {}, {"first_name": "Ada"}]
    given = zip(["b", "d", "a", "c"], names, strict=True)
    b, d, a, c = [(await desk.lead(f"{part}@example.com", **fields))["id"] for part, fields in given]
    desk.api.clock.advance(1)
    await desk.ask("PATCH", f"/leads/{d}", {"fields": {"company": "Acme"}})
    orders = {"newest": [c, a, d, b], "address": [a, b, c, d], "name": [a, c, d, b], "changed_first": [b, a, c, d]}
    opposites = {"newest": "oldest", "changed_first": "changed_last"}
    for order, ids in orders.items():
        backwards = opposites.get(order, f"{order}_backwards")
        assert [one["id"] for one in await desk.every("/leads", order=order)] == ids, order
        assert [one["id"] for one in await desk.every("/leads", order=backwards)] == ids[::-1], backwards
        assert len((await desk.get(f"/leads?order={backwards}&address=exam"))["items"]) == 4
    found = await desk.get("/leads?order=name&address=b@example.com")
    assert [one["id"] for one in found["items"]] == [b]


async def test_a_cursor_is_for_its_own_order_only(desk: Any) -> None:
    for part in "ab":
        await desk.lead(f"{part}@example.com")
    made = {
        order: (await desk.get(f"/leads?limit=1&order={order}"))["next_cursor"]
        for order in ("newest", "name", "address")
    }
    forged = [encode("leads.changed_last", text, 1) for text in ("", "x", "0001-01-01T00:00:00+23:59")]
    forged += [encode("leads.name", "a\0", 1), encode("leads.name", "a", 2**70)]
    wrong = [("name", made["address"]), ("newest", made["name"]), ("changed_last", made["newest"])]
    wrong += [("changed_last", one) for one in forged[:3]] + [("name", one) for one in forged[3:]]
    for order, cursor in wrong:
        refused = await desk.get(f"/leads?order={order}&cursor={cursor}", status=422)
        assert refused["code"] == "cursor_invalid", (order, cursor)
