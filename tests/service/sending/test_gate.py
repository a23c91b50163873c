"""G1 under real concurrency: marks and pauses race in one PostgreSQL."""

import asyncio
from datetime import timedelta

from caesura.domain.delivery import Kind
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.validation import validate
from caesura.service import definitions, holds, mailboxes, sending
from caesura.store import sending as store


async def marks(engine) -> int:
    [row] = await engine.rows("select coalesce(sum(attempt), 0)::int as marks from message")
    return row["marks"]


async def keep_sending(engine, worker: str, stop: asyncio.Event) -> None:
    while not stop.is_set():
        answer = await engine.mark(await engine.claim(worker, 20), worker)
        await engine.record(answer.marked, Kind.ACCEPTED, worker)
        await asyncio.sleep(0)


async def test_no_message_passes_the_gate_once_a_pause_has_returned(engine) -> None:
    await engine.build(leads=4000, steps=[{"subject": "Hi", "text": "Hello"}])
    stop = asyncio.Event()
    workers = [asyncio.create_task(keep_sending(engine, f"w{number}", stop)) for number in range(4)]
    moved = 0
    for _ in range(15):
        before = await marks(engine)
        await asyncio.sleep(0.03)
        answer = await engine.pause()
        at_pause = await marks(engine)
        moved += at_pause - before
        await asyncio.sleep(0.05)
        assert await marks(engine) == at_pause
        assert answer.in_transit <= 4 * 20
        await engine.resume()
    stop.set()
    await asyncio.gather(*workers)
    assert moved > 0  # or the race was not one


async def test_no_message_passes_the_gate_once_a_hold_has_returned(engine) -> None:
    await engine.build(leads=3000, steps=[{"subject": "Hi", "text": "Hello"}])
    stop = asyncio.Event()
    workers = [asyncio.create_task(keep_sending(engine, f"w{number}", stop)) for number in range(3)]
    levels = [("workspace", ""), ("mailbox", str(engine.mailboxes[0])), ("campaign", str(engine.campaign))]
    for level, subject in levels * 3:
        await asyncio.sleep(0.03)
        hold = await holds.place(engine.database, engine.workspace, level, subject, "test", "me", None, engine.now)
        at_hold = await marks(engine)
        await asyncio.sleep(0.05)
        assert await marks(engine) == at_hold, level
        await holds.release(engine.database, engine.workspace, hold.id, "me", engine.now)
    stop.set()
    await asyncio.gather(*workers)


async def test_what_was_composed_before_an_edit_is_not_marked_after_it(engine) -> None:
    await engine.build(leads=5)
    old = await engine.plan()
    ready = await engine.claim()
    found = await definitions.get(engine.database, engine.workspace, engine.campaign)
    steps = list(found.definition.steps)
    edited = found.definition.model_copy(update={"steps": (steps[0], steps[1])})
    await definitions.edit(engine.database, engine.workspace, engine.campaign, edited, None, "me", engine.now)
    answer = await engine.mark(ready, plan=old)
    assert not answer.marked
    assert set(answer.refused.values()) == {"edited"}
    assert await engine.send() == 5


async def test_what_was_claimed_for_a_mailbox_is_not_marked_once_it_is_archived_or_out_of_the_pool(engine) -> None:
    await engine.build(leads=4)
    ready = await engine.claim()
    [mailbox] = engine.mailboxes
    await mailboxes.archive(engine.database, engine.workspace, mailbox, True, "me", engine.now)
    answer = await engine.mark(ready)
    assert (answer.marked, set(answer.refused.values())) == ((), {"no_usable_mailbox"})
    await mailboxes.archive(engine.database, engine.workspace, mailbox, False, "me", engine.now)
    ready = await engine.claim()
    async with engine.database.transaction() as tx:
        await tx.execute("delete from pool_mailbox")
    assert not (await engine.mark(ready)).marked


async def test_what_was_composed_for_a_mailbox_before_its_edit_is_not_marked_after_it(engine) -> None:
    await engine.build(leads=4)
    ready = await engine.claim()
    found = await mailboxes.get(engine.database, engine.workspace, engine.mailboxes[0])
    definition = validate(MailboxDefinition, dict(found.definition) | {"address": "other@example.com"})
    seal = lambda workspace, name, plain: plain.encode()  # noqa: E731
    await mailboxes.edit(engine.database, engine.workspace, found.id, definition, None, seal, "me", engine.now)
    answer = await engine.mark(ready)
    assert (answer.marked, set(answer.refused.values())) == ((), {"edited"})
    assert await engine.send() == 4


async def test_a_lost_mark_that_commits_while_it_is_undone_leaves_nothing_in_transit(engine) -> None:
    await engine.build(leads=1)
    ready = await engine.claim()
    plan = await engine.plan()
    wanted = [one.wanted for one in ready]
    ids = [(one.claimed.enrollment_id, one.claimed.step) for one in wanted]
    async with engine.database.transaction() as tx:
        lease = engine.now + timedelta(minutes=1)
        await store.mark(tx, engine.workspace, engine.campaign, wanted, "w1", engine.now, lease)
        undo = asyncio.create_task(
            sending.disown(engine.database, engine.plans, plan, ids, "w1", engine.now, engine.now)
        )
        waiting = "select exists (select from pg_locks where not granted) as waits"
        while not (await engine.rows(waiting))[0]["waits"]:
            assert not undo.done(), "it has not waited"
            await asyncio.sleep(0.002)
    await undo
    assert await engine.rows("select state, cause from message") == [{"state": "cancelled", "cause": "not_begun"}]
    assert await engine.rows("select state from enrollment") == [{"state": "waiting"}]
    assert await engine.send() == 1


async def test_a_mailbox_with_a_gap_has_one_message_in_transit_whoever_claimed_before(engine) -> None:
    await engine.build(leads=2, limits={"gap_seconds": 10})
    first, second = await engine.claim("w1"), await engine.claim("w2")
    assert len((await engine.mark(first, "w1")).marked) == 1
    engine.wait(seconds=11)
    answer = await engine.mark(second, "w2")
    assert (answer.marked, set(answer.refused.values())) == ((), {"gap"})


async def test_what_was_claimed_before_its_window_closed_is_not_marked_after(engine) -> None:
    window = {"days": ["mon"], "start": "09:00", "end": "12:01"}
    await engine.build(leads=1, windows=[window], window_zone="lead")
    ready = await engine.claim()
    assert len(ready) == 1
    engine.wait(minutes=2)
    answer = await engine.mark(ready)
    assert (answer.marked, set(answer.refused.values())) == ((), {"outside_window"})
