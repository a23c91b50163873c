import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from caesura.domain.errors import Invalid
from caesura.service.workspaces import named
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
