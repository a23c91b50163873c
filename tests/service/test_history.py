"""What is at an end leaves the hot tables, and everything that is asked of the ledger stays as it was."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from caesura.domain.delivery import Kind
from caesura.domain.inbound import InboundKind, InboundReport
from caesura.domain.numbered_page import Place
from caesura.service import campaigns, correspondence, enrollments, explain, history, inbound, messages, recovery
from caesura.store import history as store
from caesura.store.correspondence import Choice

DAY = timedelta(days=1)


async def move(world: Any, age: timedelta = timedelta(0)) -> int:
    await history.prepare(world.database, world.now)
    return await history.move(world.database, age, world.now)


async def finished(world: Any, count: int = 1, steps: int = 2) -> tuple[int, list[int]]:
    """A campaign, and so many of its leads that got all steps."""
    campaign = await world.running(steps=steps)
    ids = await world.enrolled(campaign, count=count)
    for _ in range(steps):
        assert await world.send(campaign) == count
        world.later(days=1, seconds=1)
    return campaign, ids


async def hot(world: Any) -> int:
    return await world.value("select count(*) from message")


async def test_the_ledger_reads_the_same_before_and_after(world):
    campaign, [one, two] = await finished(world, 2)

    async def read() -> list[Any]:
        status = await campaigns.status(*world.key, campaign, world.now)
        place = Place(1, 10)
        return [
            await messages.get(*world.key, one, 2),
            await messages.of_enrollment(*world.key, two),
            await messages.page(*world.key, campaign, None, None, 100),
            await messages.page(*world.key, None, None, None, 3),
            await messages.page(*world.key, campaign, None, one * 64 + 1, 2),
            await explain.why_lead(world.database, world.plans, world.workspace_id, one, world.now),
            status.counters,
            (await correspondence.page(*world.key, Choice(is_written_to=True), place)).rows,
        ]

    before = await read()
    assert await move(world) == 2
    assert await hot(world) == 0
    assert await read() == before


async def test_a_lead_is_moved_only_so_long_after_its_end(world):
    await finished(world)
    assert await move(world, 2 * DAY) == 0
    world.later(days=1)
    assert await move(world, 2 * DAY) == 1
    assert await move(world, 2 * DAY) == 0


async def test_who_still_gets_steps_keeps_them(world):
    campaign = await world.running(steps=3)
    [one] = await world.enrolled(campaign)
    await world.send(campaign)
    world.later(days=30)
    assert await move(world) == 0
    await world.send(campaign)
    assert [row.step for row in await messages.of_enrollment(*world.key, one)] == [1, 2]


async def test_a_lead_that_was_taken_out_is_moved_with_what_it_got(world):
    campaign = await world.running(steps=3)
    one, two = await world.enrolled(campaign, count=2)
    await world.send(campaign, 1)
    await enrollments.stop(*world.key, one, world.actor, world.now)
    await enrollments.stop(*world.key, two, world.actor, world.now)
    world.later(seconds=1)
    assert await move(world) == 2
    assert [row.step for row in await messages.of_enrollment(*world.key, one)] == [1]


async def test_an_unknown_message_stays_until_it_is_settled(world):
    campaign = await world.running(steps=1)
    [one] = await world.enrolled(campaign)
    await world.send(campaign, kind=Kind.UNKNOWN)
    world.later(days=30)
    assert await move(world) == 0
    await recovery.settle_unknown(*world.key[:1], world.plans, world.workspace_id, one, 1, True, "user:x", world.now)
    assert await move(world) == 1
    assert (await messages.get(*world.key, one, 1)).state == "sent"


async def test_a_message_in_transit_keeps_its_lead_where_it_is(world):
    campaign = await world.running(steps=1)
    [one] = await world.enrolled(campaign)
    answer = await world.mark(campaign)
    await enrollments.stop(*world.key, one, world.actor, world.now)
    world.later(seconds=1)
    assert await move(world) == 0
    await world.record(campaign, answer)
    assert await move(world) == 1


async def test_a_reply_finds_a_message_in_the_history(world):
    campaign, [one] = await finished(world)
    lead = (await enrollments.get(*world.key, one)).lead_id
    await move(world)
    name = (await messages.get(*world.key, one, 1)).message_id
    report = InboundReport(InboundKind.REPLY, message_id="<r@x.test>", in_reply_to=name, received_at=world.now)
    named = await inbound.report(world.database, world.plans, world.workspace_id, report, world.actor, world.now)
    assert (named.row.enrollment_id, named.row.step) == (one, 1)
    address = (await enrollments.get(*world.key, one)).address
    report = InboundReport(InboundKind.REPLY, address=address, received_at=world.now)
    guessed = await inbound.report(world.database, world.plans, world.workspace_id, report, world.actor, world.now)
    assert (guessed.row.lead_id, guessed.row.enrollment_id, guessed.row.step) == (lead, one, 2)


async def test_what_is_in_the_history_can_never_wait_again(world):
    _, [one] = await finished(world)
    await move(world)
    with pytest.raises(asyncpg.CheckViolationError):
        await world.fetch("update enrollment set state = 'waiting' where id = $1 returning id", one)


async def test_no_open_message_gets_into_the_history(world):
    await finished(world)
    await move(world)
    with pytest.raises(asyncpg.CheckViolationError):
        await world.fetch("update message_history set state = 'unknown' returning step")


async def test_moving_changes_no_count(world):
    campaign, _ = await finished(world, 3)
    await world.enrolled(campaign, count=2)
    await world.send(campaign, kind=Kind.UNKNOWN)
    before = (await campaigns.status(*world.key, campaign, world.now)).counters
    assert await move(world) == 3
    assert (await campaigns.status(*world.key, campaign, world.now)).counters == before
    full = await world.fetch("select state, count(*)::int as n from ledger group by 1 order by 1")
    assert [tuple(row) for row in full] == [("sent", 6), ("unknown", 2)]


async def test_each_month_has_its_part_made_ahead(world):
    parts = "select relname from pg_class where relname like 'message_history_2%' and relkind = 'r' order by 1"
    await history.prepare(world.database, datetime(2026, 11, 23, tzinfo=UTC))
    await history.prepare(world.database, datetime(2026, 12, 26, tzinfo=UTC))
    await history.prepare(world.database, datetime(2026, 12, 26, tzinfo=UTC))
    found = [row["relname"] for row in await world.fetch(parts)]
    assert found == ["message_history_2026_11", "message_history_2026_12", "message_history_2027_01"]


async def test_a_month_that_is_let_go_changes_no_count_and_lets_nobody_be_written_to_again(world):
    campaign, [one] = await finished(world)
    await move(world)
    before = (await campaigns.status(*world.key, campaign, world.now)).counters
    await world.fetch("alter table message_history detach partition message_history_2026_03")
    await world.fetch("drop table message_history_2026_03")
    assert (await campaigns.status(*world.key, campaign, world.now)).counters == before
    assert await messages.of_enrollment(*world.key, one) == []
    assert await world.send(campaign) == 0
    report = InboundReport(InboundKind.REPLY, in_reply_to=f"<{one}.1@sender.test>", received_at=world.now)
    found = await inbound.report(world.database, world.plans, world.workspace_id, report, world.actor, world.now)
    assert found.row.enrollment_id is None


async def test_parts_are_made_by_many_at_once(world):
    await asyncio.gather(*(history.prepare(world.database, world.now) for _ in range(8)))
    assert await move(world) == 0


async def test_the_history_goes_on_over_months(world):
    campaign, _ = await finished(world)
    assert await move(world) == 1
    world.later(days=40)
    await world.enrolled(campaign)
    await world.send(campaign)
    world.later(days=1, seconds=1)
    await world.send(campaign)
    world.later(seconds=1)
    assert await move(world) == 1
    months = await world.fetch(
        "select distinct date_trunc('month', moved_on)::date as m from message_history order by 1"
    )
    assert [row["m"] for row in months] == [date(2026, 3, 1), date(2026, 4, 1)]
    assert len(await messages.page(*world.key, campaign, None, None, 100)) == 4


async def test_nothing_is_moved_twice_or_lost_by_several_at_once(world, monkeypatch):
    monkeypatch.setattr(history, "BATCH", 3)
    await finished(world, 20)
    await history.prepare(world.database, world.now)
    moved = 0
    while more := sum(await asyncio.gather(*(history.move(world.database, 0 * DAY, world.now) for _ in range(4)))):
        moved += more
    assert moved == 20
    assert await world.value("select count(*) from message_history") == 40
    assert await hot(world) == 0


async def test_a_move_that_is_under_way_keeps_nobody_from_sending(world):
    campaign, ids = await finished(world, 5)
    await world.enrolled(campaign, count=3)
    await history.prepare(world.database, world.now)
    async with asyncio.timeout(20), world.database.transaction() as tx:
        assert await store.move(tx, world.now, world.now.date(), 100) == 5
        assert await world.send(campaign) == 3
        # Nor from reading what is being moved.
        assert len(await messages.of_enrollment(*world.key, ids[0])) == 2
    assert await hot(world) == 3


async def test_a_move_passes_by_what_another_has_locked(world):
    _, [one, _] = await finished(world, 2)
    await history.prepare(world.database, world.now)
    async with asyncio.timeout(20), world.database.transaction() as tx:
        await tx.execute("select from enrollment where id = $1 for update", one)
        assert await history.move(world.database, 0 * DAY, world.now) == 1
    assert await history.move(world.database, 0 * DAY, world.now) == 1
