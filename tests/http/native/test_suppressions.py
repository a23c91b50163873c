from typing import Any
from urllib.parse import quote

import pytest

SUPPRESSIONS = "/api/v1/suppressions"


async def test_who_is_suppressed_is_stopped_and_stays_so_until_it_is_ended(desk: Any) -> None:
    campaign_id, [enrollment_id, other] = await desk.running("kim@example.com", "ben@example.com")
    done = await desk.post("/suppressions", {"value": " KIM@example.com "})
    assert done == {"added": 1, "already_there": 0, "stopped": 1, "rejected": []}
    stopped = await desk.get(f"/enrollments/{enrollment_id}")
    assert (stopped["state"], stopped["cause"]) == ("stopped", "suppressed")
    assert (await desk.get(f"/enrollments/{other}"))["state"] == "waiting"
    assert await desk.send(campaign_id) == 1
    again = await desk.post("/suppressions", {"value": "kim@example.com"})
    assert (again["added"], again["already_there"], again["stopped"]) == (0, 1, 0)
    await desk.ask("DELETE", "/suppressions/Kim@example.com", status=204)
    assert (await desk.ask("DELETE", "/suppressions/kim@example.com", status=404))["code"] == "suppression_not_found"
    assert (await desk.get(f"/enrollments/{enrollment_id}"))["state"] == "stopped"


async def test_of_several_a_wrong_one_keeps_no_other_back(desk: Any) -> None:
    done = await desk.post("/suppressions", {"values": ["a@example.com", "not a domain", "b.example", "A@example.com"]})
    assert (done["added"], done["already_there"]) == (2, 0)
    assert [(fault["code"], fault["pointer"]) for fault in done["rejected"]] == [("address_domain", "/values/1")]


async def test_suppressions_come_in_pages_by_kind_and_value(desk: Any) -> None:
    values = ["c@example.com", "a@example.com", "zoë@example.com", "b@example.com", "x.example", "bücher.example"]
    await desk.post("/suppressions", {"values": values})
    found = [(one["kind"], one["value"]) for one in await desk.every("/suppressions")]
    assert len(found) == 6
    assert found == sorted(found)
    domains = [one["value"] for one in await desk.every("/suppressions", kind="domain")]
    assert domains == ["x.example", "xn--bcher-kva.example"]
    assert len(await desk.every("/suppressions", kind="address", limit=2)) == 4


async def test_one_can_ask_what_keeps_an_address_from_being_written_to(desk: Any) -> None:
    await desk.post("/suppressions", {"values": ["kim@example.com", "example.com"]})
    found = await desk.get("/suppressions/check", params={"address": "Kim@example.com"})
    assert [(one["kind"], one["value"]) for one in found] == [("address", "kim@example.com"), ("domain", "example.com")]
    assert [one["cause"] for one in found] == ["manual", "manual"]
    assert await desk.get("/suppressions/check", params={"address": "kim@elsewhere.example"}) == []
    refused = await desk.get("/suppressions/check", 422, params={"address": "example.com"})
    assert refused["errors"][0]["parameter"] == "address"


@pytest.mark.parametrize("value", ["a/b@example.com", "a%b@example.com", "a+b@example.com", "zoë@bücher.example"])
async def test_any_address_can_be_named_in_the_path(desk: Any, value: str) -> None:
    await desk.post("/suppressions", {"value": value})
    await desk.ask("DELETE", f"/suppressions/{quote(value, safe='')}", status=204)
    assert await desk.every("/suppressions") == []


async def test_suppressions_of_another_workspace_are_not_there(desk: Any, stranger: Any) -> None:
    await stranger.post("/suppressions", {"value": "kim@example.com"})
    assert await desk.every("/suppressions") == []
    assert await desk.get("/suppressions/check", params={"address": "kim@example.com"}) == []
    assert (await desk.ask("DELETE", "/suppressions/kim@example.com", status=404))["code"] == "suppression_not_found"
    assert len(await stranger.every("/suppressions")) == 1


async def test_suppressions_need_the_scopes_of_leads(desk: Any) -> None:
    reading, writing = await desk.api.bearing("leads:read"), await desk.api.bearing("leads:write")
    assert (await desk.post("/suppressions", {"value": "a.example"}, 403, headers=reading))["code"] == "scope_missing"
    assert (await desk.ask("DELETE", "/suppressions/a.example", status=403, headers=reading))["code"] == "scope_missing"
    assert (await desk.get("/suppressions", 403, headers=writing))["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "one_source", ""),
        ({"value": "a.example", "values": ["b.example"]}, "one_source", ""),
        ({"value": 5}, "wrong_type", "/value"),
        ({"value": ""}, "address_domain", "/value"),
        ({"value": "a@"}, "address_domain", "/value"),
        ({"value": "x" * 1001}, "too_long", "/value"),
        ({"values": []}, "too_short", "/values"),
        ({"values": ["a.example"] * 1001}, "too_long", "/values"),
        ({"values": [None]}, "wrong_type", "/values/0"),
        ({"value": "a.example", "colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_wrong_field_of_a_suppression_is_refused_with_its_place(
    served: Any, body: Any, code: str, pointer: str
) -> None:
    answer = served.client.post(SUPPRESSIONS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_value_that_is_no_address_and_no_domain_is_refused_by_name(served: Any) -> None:
    for value in ("%20", "a@", "a%09b@example.com", "%FF", "localhost@"):
        answer = served.client.delete(f"{SUPPRESSIONS}/{value}")
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "value")


def test_bytes_that_are_no_suppression_are_refused(served: Any) -> None:
    kind = {"Content-Type": "application/json"}
    assert served.client.post(SUPPRESSIONS, content=b'{"value": "\xff"}', headers=kind).status_code == 400
    assert served.client.post(SUPPRESSIONS, content=b" " * 10_000_000, headers=kind).status_code == 413
    for query in ("cursor=nonsense", "cursor=WyJzdXBwcmVzc2lvbnMiLDZd", "kind=person", "limit=201"):
        assert served.client.get(f"{SUPPRESSIONS}?{query}").status_code == 422
