import pytest
from asyncpg.connection import Connection

from caesura.domain.errors import Conflict
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition
from caesura.domain.validation import validate
from caesura.service import holds, mailboxes


async def usual(world) -> str | None:
    pool = await mailboxes.usual_pool(*world.key)
    return pool and pool.name


async def test_the_usual_pool_is_the_oldest_that_can_send(world, stranger) -> None:
    assert await usual(world) is None
    first, second = await world.mailbox(), await world.mailbox()
    await world.pool(first, name="old")
    await world.pool(second, name="young")
    assert await usual(world) == "old"
    await holds.place(*world.key, "mailbox", str(first), "manual", world.actor, None, world.now)
    assert await usual(world) == "young"
    await mailboxes.archive(*world.key, second, True, world.actor, world.now)
    assert await usual(world) is None
    assert await usual(stranger) is None


async def test_a_pool_that_is_named_default_is_the_usual_one_whatever_it_can_send(world) -> None:
    await world.pool(name="old")
    mailbox = await world.mailbox()
    pool = await world.pool(mailbox, name="default")
    await mailboxes.archive(*world.key, mailbox, True, world.actor, world.now)
    assert await usual(world) == pool


def described(name: str) -> MailboxDefinition:
    transport = {"host": "localhost", "port": 2525, "tls": "none"}
    data = {"name": name, "address": "anna@sender.test", "transport": transport}
    return validate(MailboxDefinition, data)


async def test_many_mailboxes_are_made_in_their_order_or_none_of_them(world) -> None:
    sealed = []

    def seal(*secret: object) -> bytes:
        sealed.append(secret)
        return b""

    rows = await mailboxes.create_many(*world.key, [*map(described, "bac")], seal, world.actor, world.now)
    assert [row.name for row in sorted(rows, key=lambda row: row.id)] == [row.name for row in rows] == ["b", "a", "c"]
    assert rows == [await mailboxes.get(*world.key, row.id) for row in rows]
    assert await world.value("select count(*) from mailbox_pace") == 3
    with pytest.raises(Conflict, match="'a'"):
        await mailboxes.create_many(*world.key, [*map(described, "dae")], seal, world.actor, world.now)
    assert sorted(await mailboxes.find_many(*world.key, list("abcde"))) == ["a", "b", "c"]
    assert await world.value("select count(*) from event where kind = 'mailbox.created'") == 3
    assert not sealed, "there was no secret"


async def test_a_pool_is_edited_with_as_many_statements_however_many_mailboxes_it_has(world, monkeypatch) -> None:
    """Sends of the workspace wait behind the gate for as long."""
    names = [f"box{number}" for number in range(30)]
    made = await mailboxes.create_many(*world.key, [*map(described, names)], lambda *_: b"", world.actor, world.now)
    pool = await mailboxes.find_pool(*world.key, await world.pool(made[0].id))
    asked: list[str] = []
    execute = Connection._execute

    async def noted(connection, query, *arguments, **more):
        asked.append(query)
        return await execute(connection, query, *arguments, **more)

    monkeypatch.setattr(Connection, "_execute", noted)
    counts = []
    for some in (names[:2], names):
        asked.clear()
        definition = PoolDefinition(name=pool.name, mailboxes=tuple(some))
        row = await mailboxes.edit_pool(*world.key, pool.id, definition, world.actor, world.now)
        assert len(row.mailbox_ids) == len(some)
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0
