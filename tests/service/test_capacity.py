from caesura.domain.capacity import Capacity
from caesura.service import capacity, holds, mailboxes


async def of_pool(world, name: str) -> Capacity:
    pool = await mailboxes.find_pool(*world.key, name)
    return (await capacity.of_pools(world.database, world.plans, world.workspace_id, [pool.id], world.now))[pool.id]


async def test_a_pool_has_the_capacity_of_its_mailboxes_and_what_is_sent_is_used(world) -> None:
    anna = await world.mailbox("anna", {"daily_cap": 5})
    ben = await world.mailbox("ben", {"ramp": {"start": 2, "add": 1}})
    pool = await world.pool(anna, ben)
    assert await of_pool(world, pool) == Capacity(0, 7, 7)
    campaign_id = await world.running(pool=pool)
    await world.enrolled(campaign_id, count=4)
    assert await world.send(campaign_id) == 4
    assert await of_pool(world, pool) == Capacity(4, 7, 3)
    rows = [await mailboxes.get(*world.key, one) for one in (anna, ben)]
    found = await capacity.of_mailboxes(*world.key[:1], world.plans, world.workspace_id, rows, world.now)
    assert found == {anna: Capacity(2, 5, 3), ben: Capacity(2, 2, 0)}
    world.later(days=1)
    assert await of_pool(world, pool) == Capacity(0, 8, 8)


async def test_mailboxes_that_are_archived_or_held_add_nothing_to_a_pool(world) -> None:
    ids = [await world.mailbox(limits={"daily_cap": 5}) for _ in range(3)]
    pool = await world.pool(*ids)
    await mailboxes.archive(*world.key, ids[0], True, world.actor, world.now)
    await holds.place(*world.key, "mailbox", str(ids[1]), "manual", world.actor, None, world.now)
    assert await of_pool(world, pool) == Capacity(0, 5, 5)
    await mailboxes.archive(*world.key, ids[2], True, world.actor, world.now)
    assert await of_pool(world, pool) == Capacity(0, 0, 0)


async def test_a_strangers_pool_has_nothing(world, stranger) -> None:
    pool = await mailboxes.find_pool(*world.key, await world.pool())
    found = await capacity.of_pools(stranger.database, stranger.plans, stranger.workspace_id, [pool.id], world.now)
    assert found == {pool.id: Capacity(0, 0, 0)}
