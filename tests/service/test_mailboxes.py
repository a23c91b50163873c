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
