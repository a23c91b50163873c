from typing import Any

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.service import lists
from caesura.service.lists import Added


async def create(world: Any, name: str) -> Any:
    return await lists.create(*world.key, name, world.actor, world.now)


async def add(world: Any, list_id: int, *lead_ids: int) -> Added:
    return await lists.add(*world.key, list_id, lead_ids, world.actor, world.now)


async def members(world: Any, list_id: int, above: int | None = None, limit: int = 10) -> list[int]:
    return [row.id for row in await lists.members(*world.key, list_id, above, limit)]


async def test_a_list_is_made_found_and_renamed(world: Any) -> None:
    row = await create(world, " Spring ")
    assert await lists.get(*world.key, row.id) == (row, 0)
    assert await lists.find(*world.key, "Spring") == row
    assert (await lists.change(*world.key, row.id, "Summer", world.actor, world.now)).name == "Summer"
    assert await lists.find(*world.key, "Spring") is None
    assert [one["kind"] for one in await world.events()] == ["list.created", "list.renamed"]


async def test_two_lists_cannot_have_one_name(world: Any, stranger: Any) -> None:
    await create(stranger, "Spring")
    await create(world, "Spring")
    other = await create(world, "Summer")
    for ask in (create(world, "Spring"), lists.change(*world.key, other.id, "Spring", world.actor, world.now)):
        with pytest.raises(Conflict) as caught:
            await ask
        assert caught.value.code == "name_taken"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "a\0b"])
async def test_a_name_that_is_no_name_is_refused(world: Any, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        await create(world, name)
    assert (caught.value.code, caught.value.problems[0].pointer) == ("list_name", "/name")


async def test_lists_are_paged_newest_first(world: Any) -> None:
    ids = [(await create(world, f"list {n}")).id for n in range(3)]
    assert [row.id for row in await lists.page(*world.key, None, 2)] == ids[:0:-1]
    assert [row.id for row in await lists.page(*world.key, ids[1], 2)] == ids[:1]


async def test_leads_join_once_and_leave(world: Any) -> None:
    row = await create(world, "Spring")
    one, two, three = [await world.lead() for _ in range(3)]
    assert await add(world, row.id, one, two) == Added(2, 0)
    assert await add(world, row.id, two, three, three) == Added(1, 1)
    assert await lists.get(*world.key, row.id) == (row, 3)
    assert await members(world, row.id, limit=2) == [one, two]
    assert await members(world, row.id, above=two) == [three]
    assert await lists.remove(*world.key, row.id, [one, 999_999], world.actor, world.now) == 1
    assert await members(world, row.id) == [two, three]


async def test_a_lead_that_is_not_there_or_another_workspaces_is_refused_with_its_place(
    world: Any, stranger: Any
) -> None:
    row = await create(world, "Spring")
    good, foreign = await world.lead(), await stranger.lead()
    with pytest.raises(Invalid) as caught:
        await add(world, row.id, good, foreign, 999_999)
    assert [(one.code, one.pointer) for one in caught.value.problems] == [
        ("unknown_lead", "/lead_ids/1"),
        ("unknown_lead", "/lead_ids/2"),
    ]
    assert await members(world, row.id) == []


async def test_a_deleted_list_leaves_its_leads(world: Any) -> None:
    row = await create(world, "Spring")
    lead_id = await world.lead()
    await add(world, row.id, lead_id)
    await lists.delete(*world.key, row.id, world.actor, world.now)
    with pytest.raises(NotFound):
        await lists.get(*world.key, row.id)
    assert await world.value("select count(*) from lead") == 1
    assert await world.value("select count(*) from lead_list_member") == 0


async def test_a_list_of_another_workspace_is_not_found(world: Any, stranger: Any) -> None:
    row = await create(stranger, "Spring")
    lead_id = await world.lead()
    for ask in (
        lists.get(*world.key, row.id),
        lists.members(*world.key, row.id, None, 10),
        add(world, row.id, lead_id),
        lists.remove(*world.key, row.id, [lead_id], world.actor, world.now),
        lists.change(*world.key, row.id, "x", world.actor, world.now),
        lists.delete(*world.key, row.id, world.actor, world.now),
    ):
        with pytest.raises(NotFound) as caught:
            await ask
        assert caught.value.code == "list_not_found"


async def test_more_than_a_thousand_at_once_are_refused(world: Any) -> None:
    row = await create(world, "Spring")
    with pytest.raises(Invalid, match="1000"):
        await add(world, row.id, *range(1001))
