"""What names a lead, a campaign or a workspace finds it there, and it stays: also where no foreign key sees to that."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from caesura.store import imports
from caesura.store.queries import load

WORLD = """
insert into workspace (id, name, created_at) overriding system value values (1, 'w', now()), (2, 'empty', now());
insert into campaign (workspace_id, name, status, cause, actor, status_at, definition, created_at, updated_at)
  values (1, 'c', 'draft', 'x', 'x', now(), '{}', now(), now());
"""
ENROL = """
insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at)
select 1, $1, l, now(), now(), now() from unnest($2::bigint[]) l
"""
NOW = datetime(2026, 3, 2, tzinfo=UTC)
NEEDED = asyncpg.ForeignKeyViolationError


async def add(connection: Any, workspace_id: int, address: str) -> int:
    """A lead, as the service adds it."""
    values = [[address], [address], ["x.test"], ["{}"], [None], NOW, ["{}"]]
    number: int = await connection.fetchval(load("leads")["insert_new"], workspace_id, *values)
    return number


async def bring_in(connection: Any, workspace_id: int, address: str) -> None:
    """The same, as an import does."""
    await imports.open_staging(connection)
    await imports.stage(connection, f"1\t{address}\t{address}\t{{}}\t\\N\n".encode())
    assert await imports.insert_new(connection, workspace_id, NOW) == 1


class Pair:
    """Two who work at once, and one who looks on. `lead` and `campaign` are there."""

    def __init__(self, one: Any, two: Any, watch: Any) -> None:
        self.one, self.two, self.watch = one, two, watch

    async def blocked(self, statement: Awaitable[object]) -> "asyncio.Task[object]":
        """It waits for the other one."""
        task = asyncio.ensure_future(statement)
        async with asyncio.timeout(10):
            while not await self.watch.fetchval("select exists (select from pg_locks where not granted)"):
                await asyncio.sleep(0.005)
        return task


@pytest.fixture
async def pair(dsn: str) -> AsyncIterator[Pair]:
    connections = [await asyncpg.connect(dsn) for _ in range(3)]
    pair = Pair(*connections)
    await pair.one.execute(WORLD)
    pair.campaign = await pair.one.fetchval("select id from campaign")
    pair.lead = await add(pair.one, 1, "a@x.test")
    yield pair
    for connection in connections:
        await connection.close()


async def test_nothing_names_what_is_not_there(pair: Any) -> None:
    with pytest.raises(NEEDED):
        await pair.one.execute(ENROL, pair.campaign, [pair.lead, 99])
    with pytest.raises(NEEDED):
        await pair.one.execute(ENROL, 99, [pair.lead])
    with pytest.raises(asyncpg.NotNullViolationError):
        await add(pair.one, 99, "b@x.test")


async def test_what_is_named_stays(pair: Any) -> None:
    await pair.one.execute(ENROL, pair.campaign, [pair.lead])
    for table in ("lead", "campaign", "workspace"):
        with pytest.raises(NEEDED):
            await pair.one.execute(f"delete from {table} where id = 1")
    await pair.one.execute("delete from workspace where id = 2")


async def test_who_deletes_a_lead_waits_for_who_enrols_it(pair: Any) -> None:
    async with pair.one.transaction():
        # Beside one of the same transaction, which needs no lock.
        fresh = await add(pair.one, 1, "b@x.test")
        await pair.one.execute(ENROL, pair.campaign, [fresh, pair.lead])
        deleting = await pair.blocked(pair.two.execute("delete from lead where id = $1", pair.lead))
    with pytest.raises(NEEDED):
        await deleting


async def test_who_enrols_a_lead_waits_for_who_deletes_it(pair: Any) -> None:
    async with pair.one.transaction():
        await pair.one.execute("delete from lead where id = $1", pair.lead)
        enrolling = await pair.blocked(pair.two.execute(ENROL, pair.campaign, [pair.lead]))
    with pytest.raises(NEEDED):
        await enrolling


async def test_who_deletes_a_campaign_waits_for_who_enrols_in_it(pair: Any) -> None:
    async with pair.one.transaction():
        await pair.one.execute(ENROL, pair.campaign, [pair.lead])
        deleting = await pair.blocked(pair.two.execute("delete from campaign"))
    with pytest.raises(NEEDED):
        await deleting


@pytest.mark.parametrize("adds", [add, bring_in])
async def test_who_deletes_a_workspace_waits_for_who_adds_leads_to_it(pair: Any, adds: Any) -> None:
    async with pair.one.transaction():
        await adds(pair.one, 2, "a@x.test")
        deleting = await pair.blocked(pair.two.execute("delete from workspace where id = 2"))
    with pytest.raises(NEEDED):
        await deleting
