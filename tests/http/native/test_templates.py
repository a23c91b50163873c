"""Templates, through the native API."""

from typing import Any

from desk import only_as_it_was_read

ONE = {"name": "spring", "subject": "Hi", "html": "<p>{{ first_name }}</p>", "extra": {"owner": "Kim"}}


async def test_a_template_is_made_read_replaced_and_deleted(desk: Any) -> None:
    made = await desk.post("/templates", ONE, 201)
    assert {name: made[name] for name in ONE} == ONE
    assert await desk.get(f"/templates/{made['id']}") == made
    replaced = await desk.ask("PUT", f"/templates/{made['id']}", {"name": "summer", "text": "a"})
    assert (replaced["name"], replaced["text"], replaced["html"]) == ("summer", "a", None)
    assert await desk.every("/templates") == [replaced]
    await desk.ask("DELETE", f"/templates/{made['id']}", status=204)
    await desk.get(f"/templates/{made['id']}", 404)


async def test_a_template_is_replaced_only_as_it_was_read(desk: Any) -> None:
    made = await desk.post("/templates", ONE, 201)
    await only_as_it_was_read(desk, "PUT", f"/templates/{made['id']}", {"name": "summer"}, {"name": "autumn"})


async def test_a_template_of_another_workspace_is_not_there(desk: Any, stranger: Any) -> None:
    made = await stranger.post("/templates", ONE)
    await desk.get(f"/templates/{made['id']}", 404)
    await desk.ask("PUT", f"/templates/{made['id']}", ONE, 404)
    await desk.ask("DELETE", f"/templates/{made['id']}", status=404)
    assert await desk.every("/templates") == []
