"""What is told of the fields of leads."""

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.service import lead_properties, leads


async def made(world, name: str = "seats", kind: str = "number", extra: object = None):
    return await lead_properties.create(*world.key, name, kind, "how many", extra or {}, world.now)


async def test_properties_come_in_the_order_in_which_they_were_told(world) -> None:
    rows = [await made(world, name, kind) for name, kind in zip("dcba", lead_properties.KINDS, strict=True)]
    assert [(row.name, row.kind, row.description) for row in rows] == [
        ("d", "text", "how many"),
        ("c", "number", "how many"),
        ("b", "truth", "how many"),
        ("a", "date", "how many"),
    ]
    assert await lead_properties.all_of(*world.key) == rows


async def test_a_field_is_told_of_once(world, stranger) -> None:
    await made(world)
    with pytest.raises(Conflict, match="'seats'"):
        await made(world, kind="text")
    assert (await made(stranger)).kind == "number"


async def test_a_workspace_has_a_limit_of_properties(world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_properties, "MAXIMUM_FIELDS", 2)
    for name in "ab":
        await made(world, name)
    with pytest.raises(Conflict, match="at most 2"):
        await made(world, "c")


async def test_a_name_that_no_field_can_have_is_refused_with_its_place(world) -> None:
    for name in ("Seats", "1st", "", "a b", "x" * 65):
        with pytest.raises(Invalid) as error:
            await made(world, name)
        assert error.value.problems[0].pointer.startswith("/name")
    with pytest.raises(Invalid) as error:
        await made(world, extra={"a": "x" * 10**6})
    assert error.value.problems[0].pointer.startswith("/extra")
    assert await lead_properties.all_of(*world.key) == []


async def test_a_lead_may_hold_anything_in_the_field(world) -> None:
    await made(world)
    lead_id = await world.lead(seats="many")
    assert (await leads.get(*world.key, lead_id)).fields == {"seats": "many"}


async def test_a_deleted_property_leaves_the_field_with_the_leads(world, stranger) -> None:
    row = await made(world)
    lead_id = await world.lead(seats=7)
    with pytest.raises(NotFound):
        await lead_properties.delete(*stranger.key, row.id)
    await lead_properties.delete(*world.key, row.id)
    with pytest.raises(NotFound):
        await lead_properties.delete(*world.key, row.id)
    assert await lead_properties.all_of(*world.key) == []
    assert (await leads.get(*world.key, lead_id)).fields == {"seats": 7}
