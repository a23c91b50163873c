"""Texts that messages are made of."""

import pytest

from caesura.domain.errors import NotFound
from caesura.domain.message_template import MessageTemplateDefinition
from caesura.service import message_templates
from caesura.store.message_templates import TemplateRow

ONE = MessageTemplateDefinition(
    name="spring", subject="Hi", html="<p>{{ first_name }}</p>", text="a", description="d", extra={"owner": "Kim"}
)


async def made(world, definition: MessageTemplateDefinition = ONE) -> TemplateRow:
    return await message_templates.create(*world.key, definition, world.actor, world.now)


async def test_a_template_is_kept_as_it_was_given_even_one_that_could_not_be_sent(world) -> None:
    row = await made(world)
    assert row.content == ("spring", "Hi", "<p>{{ first_name }}</p>", "a", "d", {"owner": "Kim"})
    assert (row.created_at, row.updated_at) == (world.now, world.now)
    assert await message_templates.get(*world.key, row.id) == row
    broken = await made(world, MessageTemplateDefinition(name="spring", text="{{ oh"))
    assert (broken.name, broken.text, broken.html) == ("spring", "{{ oh", None)


async def test_a_replaced_template_has_nothing_of_the_one_before(world) -> None:
    row = await made(world)
    later = world.later(hours=1)
    definition = MessageTemplateDefinition(name="summer", text="b")
    after = await message_templates.replace(*world.key, row.id, definition, None, world.actor, later)
    assert after.content == ("summer", None, None, "b", "", {})
    assert (after.id, after.created_at, after.updated_at) == (row.id, row.created_at, later)
    assert await message_templates.get(*world.key, row.id) == after


async def test_a_deleted_template_is_gone(world) -> None:
    row, other = await made(world), await made(world)
    await message_templates.delete(*world.key, row.id, world.actor, world.now)
    with pytest.raises(NotFound):
        await message_templates.get(*world.key, row.id)
    with pytest.raises(NotFound):
        await message_templates.delete(*world.key, row.id, world.actor, world.now)
    with pytest.raises(NotFound):
        await message_templates.replace(*world.key, row.id, ONE, None, world.actor, world.now)
    assert await message_templates.page(*world.key, None, 10) == [other]


async def test_templates_come_newest_first_past_a_cursor(world) -> None:
    rows = [await made(world) for _ in range(3)]
    assert await message_templates.page(*world.key, None, 2) == [rows[2], rows[1]]
    assert await message_templates.page(*world.key, rows[1].id, 2) == [rows[0]]


async def test_every_change_is_told_with_its_actor(world) -> None:
    row = await made(world)
    await message_templates.replace(*world.key, row.id, ONE, None, "key:other", world.now)
    await message_templates.delete(*world.key, row.id, world.actor, world.now)
    told = [(one["kind"], one["actor"], one["data"]) for one in await world.events()]
    data = {"template": row.id, "name": "spring"}
    assert told == [
        ("template.created", world.actor, data),
        ("template.edited", "key:other", data),
        ("template.deleted", world.actor, data),
    ]


async def test_a_stranger_sees_and_changes_nothing(world, stranger) -> None:
    row = await made(world)
    for work in (
        message_templates.get(*stranger.key, row.id),
        message_templates.replace(*stranger.key, row.id, ONE, None, stranger.actor, stranger.now),
        message_templates.delete(*stranger.key, row.id, stranger.actor, stranger.now),
    ):
        with pytest.raises(NotFound):
            await work
    assert await message_templates.page(*stranger.key, None, 10) == []
    assert await message_templates.get(*world.key, row.id) == row
