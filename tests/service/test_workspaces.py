import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from caesura.domain.errors import Invalid
from caesura.service import workspaces
from caesura.service.workspaces import Settings, named
from caesura.store.database import Database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, size=20)
    yield opened
    await opened.close()


async def test_a_workspace_is_made_when_first_named_and_found_afterwards(database: Database) -> None:
    acme, other = await named(database, "acme", NOW), await named(database, "Acme", NOW)
    assert acme != other
    assert await named(database, "acme", NOW) == acme


async def test_twenty_who_name_a_workspace_at_once_get_the_same_one(database: Database) -> None:
    found = await asyncio.gather(*(named(database, "acme", NOW) for _ in range(20)))
    assert len(set(found)) == 1


@pytest.mark.parametrize("name", ["", " acme", "acme ", "a\0b", "a\nb", "x" * 201, "\ud800"])
async def test_a_name_that_nobody_could_type_again_is_refused(database: Database, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        await named(database, name, NOW)
    assert caught.value.code == "workspace_name"


async def test_what_is_not_set_has_its_default_and_what_is_set_stays(world: Any, stranger: Any) -> None:
    assert await workspaces.settings(*world.key) == Settings(approval_above=100)
    for value in (None, 0, 5):
        changes = {"approval_above": value}
        assert await workspaces.change_settings(*world.key, changes, world.actor, world.now) == Settings(value)
        assert await workspaces.settings(*world.key) == Settings(value)
    assert await workspaces.settings(*stranger.key) == Settings()
    assert len(await world.events("workspace.edited")) == 3


@pytest.mark.parametrize(
    ("changes", "code"), [({"approval_above": -1}, "out_of_range"), ({"colour": 1}, "unknown_field")]
)
async def test_a_setting_that_cannot_be_is_refused(world: Any, changes: dict[str, int], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        await workspaces.change_settings(*world.key, changes, world.actor, world.now)
    assert caught.value.code == code
