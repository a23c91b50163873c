"""Segments, through the native API."""

from typing import Any

from desk import only_as_it_was_read

GERMANS = {"name": "Germans", "conditions": [{"field": "country", "operator": "equals", "value": "DE"}]}


async def test_a_segment_has_the_leads_whose_fields_fit(desk: Any) -> None:
    await desk.lead("a@example.com", country="DE")
    await desk.lead("b@example.com", country="FR")
    made = await desk.post("/segments", GERMANS, 201)
    assert (made["match"], made["conditions"][0]["kind"]) == ("all", "text")
    assert await desk.get(f"/segments/{made['id']}") == {**made, "leads": 1}
    assert (await desk.get("/segments"))["items"] == [made]
    assert (await desk.post("/segments", GERMANS, 409))["code"] == "name_taken"
    await desk.ask("DELETE", f"/segments/{made['id']}", status=204)
    await desk.get(f"/segments/{made['id']}", 404)


async def test_a_segment_is_replaced_only_as_it_was_read_and_asks_other_things_from_then_on(desk: Any) -> None:
    await desk.lead("b@example.com", country="FR")
    made = await desk.post("/segments", GERMANS, 201)
    other = await desk.post("/segments", {**GERMANS, "name": "other"}, 201)
    path = f"/segments/{made['id']}"
    french = {"name": "French", "conditions": [{**GERMANS["conditions"][0], "value": "FR"}]}
    await only_as_it_was_read(desk, "PUT", path, french, {**french, "name": "Belgians"})
    assert (await desk.get(path))["leads"] == 1
    assert (await desk.ask("PUT", path, {**french, "name": other["name"]}, 409))["code"] == "name_taken"


async def test_wrong_conditions_are_refused_with_their_place(desk: Any) -> None:
    wrong = {"field": "seats", "kind": "number", "operator": "contains", "value": "7"}
    refused = await desk.post("/segments", {**GERMANS, "conditions": [wrong]}, 422)
    assert refused["errors"][0]["pointer"] == "/conditions/0"
    await desk.post("/segments", {**GERMANS, "conditions": []}, 422)


async def test_a_segment_of_another_workspace_is_not_there(desk: Any, stranger: Any) -> None:
    made = await stranger.post("/segments", GERMANS)
    await desk.get(f"/segments/{made['id']}", 404)
    await desk.ask("PUT", f"/segments/{made['id']}", GERMANS, 404)
    await desk.ask("DELETE", f"/segments/{made['id']}", status=404)
