"""Properties of leads, through the native API."""

from typing import Any

import pytest

SEATS = {"name": "seats", "kind": "number", "description": "how many people they are", "extra": {"form": 7}}


async def test_a_property_is_told_listed_and_deleted_and_refuses_nothing(desk: Any) -> None:
    made = await desk.post("/lead-properties", SEATS, 201)
    assert {name: made[name] for name in SEATS} == SEATS
    other = await desk.post("/lead-properties", {"name": "born_on", "kind": "date"}, 201)
    assert (await desk.get("/lead-properties"))["items"] == [made, other]
    assert (await desk.post("/lead-properties", SEATS, 409))["code"] == "name_taken"
    lead = await desk.lead("kim@example.com", seats="many")
    await desk.ask("DELETE", f"/lead-properties/{made['id']}", status=204)
    missing = await desk.ask("DELETE", f"/lead-properties/{made['id']}", status=404)
    assert missing["code"] == "lead_property_not_found"
    assert (await desk.get(f"/leads/{lead['id']}"))["fields"] == {"seats": "many"}


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"name": "Seats", "kind": "number"}, "invalid_name", "/name"),
        ({"name": "seats", "kind": "integer"}, "unknown_value", "/kind"),
        ({"name": "seats"}, "missing_field", "/kind"),
        ({"name": "seats", "kind": "text", "description": "x" * 501}, "too_long", "/description"),
    ],
)
async def test_a_wrong_property_is_refused_with_its_place(desk: Any, body: Any, code: str, pointer: str) -> None:
    problem = await desk.post("/lead-properties", body, 422)
    assert [(one["code"], one["pointer"]) for one in problem["errors"]] == [(code, pointer)]


async def test_properties_of_another_workspace_are_not_there(desk: Any, stranger: Any) -> None:
    made = await stranger.post("/lead-properties", SEATS)
    assert (await desk.get("/lead-properties"))["items"] == []
    await desk.ask("DELETE", f"/lead-properties/{made['id']}", status=404)


async def test_properties_need_the_scopes_of_leads(desk: Any) -> None:
    reading, writing = await desk.api.bearing("leads:read"), await desk.api.bearing("leads:write")
    await desk.post("/lead-properties", SEATS, 403, headers=reading)
    made = await desk.post("/lead-properties", SEATS, 201, headers=writing)
    await desk.get("/lead-properties", 403, headers=writing)
    await desk.ask("DELETE", f"/lead-properties/{made['id']}", status=403, headers=reading)
