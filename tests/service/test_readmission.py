"""Leads that were taken out and come in again: no step twice, none lost, counts exact."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from caesura.domain.delivery import Kind
from caesura.domain.inbound import InboundKind, InboundReport
from caesura.service import enrollments, history, inbound, readmission, recovery, suppressions
from caesura.service.enrollments import Enrolment
from caesura.service.readmission import BY_HAND, REMOVED

TWO_AT_ONCE = [{"subject": "Hi", "text": "Hi"}, {"subject": "So", "text": "So", "delay": 0}]


async def take_out(engine: Any, cause: str = REMOVED) -> int:
    """Stops the only enrollment; its lead."""
    [row] = await engine.rows("select id, lead_id from enrollment")
    await enrollments.stop(engine.database, engine.workspace, row["id"], "test", engine.now, cause)
    return int(row["lead_id"])


async def bring_in(engine: Any, lead_id: int, causes: Any = (REMOVED,)) -> Enrolment:
    key = (engine.database, engine.workspace, engine.campaign)
    return await enrollments.enrol(*key, [lead_id], "test", engine.now, readmit=causes)


async def reply(engine: Any) -> None:
    [sent] = await engine.rows("select message_id from message")
    came = InboundReport(InboundKind.REPLY, in_reply_to=sent["message_id"], from_address="<l1@example.org>")
    await inbound.report(engine.database, engine.plans, engine.workspace, came, "test", engine.now)


async def steps(engine: Any) -> list[tuple[int, str]]:
    rows = await engine.rows("select step, state from ledger order by step")
    return [(row["step"], row["state"]) for row in rows]


async def counts_are_exact(engine: Any) -> bool:
    counters = (await engine.status()).counters
    [told] = await engine.rows(
        "select (select count(*) from ledger where state = 'sent') as sent, "
        "(select count(*) from ledger where state = 'deferred') as deferred, "
        "(select count(*) from enrollment where state = 'waiting') as waiting"
    )
    return (counters.sent, counters.deferred, counters.waiting) == tuple(told.values())


async def test_it_goes_on_at_the_step_that_it_has_not_had_after_that_steps_delay(engine: Any) -> None:
    await engine.build(leads=1)
    await engine.send()
    lead_id = await take_out(engine)
    engine.wait(days=5)
    assert (await bring_in(engine, lead_id)).enrolled == 1
    assert await engine.send() == 0
    engine.wait(days=1)
    assert await engine.send() == 1
    assert await steps(engine) == [(1, "sent"), (2, "sent")]
    assert await counts_are_exact(engine)


async def test_a_message_in_transit_is_stepped_past_whatever_becomes_of_it(engine: Any) -> None:
    await engine.build(leads=1, steps=[{"subject": "Hi", "text": "Hi"}, {"delay": "1d", "subject": "So", "text": "So"}])
    [marked] = (await engine.mark(await engine.claim())).marked
    lead_id = await take_out(engine)
    assert (await bring_in(engine, lead_id)).enrolled == 1
    await engine.record([marked], Kind.DEFERRED, code=450)
    assert await steps(engine) == [(1, "cancelled")]
    engine.wait(days=1)
    assert await engine.send() == 1
    assert await steps(engine) == [(1, "cancelled"), (2, "sent")]
    assert await counts_are_exact(engine)


async def test_what_was_put_off_when_it_was_taken_out_is_tried_again(engine: Any) -> None:
    await engine.build(leads=1)
    await engine.record((await engine.mark(await engine.claim())).marked, Kind.DEFERRED, code=450)
    lead_id = await take_out(engine)
    assert await steps(engine) == [(1, "cancelled")]
    await bring_in(engine, lead_id)
    assert await engine.send() == 1
    assert await steps(engine) == [(1, "sent")]


async def test_its_messages_come_back_out_of_the_history(engine: Any) -> None:
    await engine.build(leads=1)
    await engine.send()
    lead_id = await take_out(engine)
    engine.wait(days=5)
    await history.prepare(engine.database, engine.now)
    assert await history.move(engine.database, timedelta(days=3), engine.now) == 1
    assert await engine.rows("select 1 from message") == []
    await bring_in(engine, lead_id)
    assert [row["step"] for row in await engine.rows("select step from message")] == [1]
    assert await engine.rows("select 1 from message_history") == []
    engine.wait(days=1)
    assert await engine.send() == 1
    assert await steps(engine) == [(1, "sent"), (2, "sent")]
    assert await counts_are_exact(engine)


async def test_behind_the_last_step_it_is_finished_and_gets_nothing(engine: Any) -> None:
    await engine.build(leads=1, steps=[{"subject": "Hello", "text": "Hello"}])
    [marked] = (await engine.mark(await engine.claim())).marked
    lead_id = await take_out(engine)
    await engine.record([marked], Kind.ACCEPTED)
    await bring_in(engine, lead_id)
    assert await engine.send() == 0
    assert [row["state"] for row in await engine.rows("select state from enrollment")] == ["finished"]
    assert await steps(engine) == [(1, "sent")]


async def test_only_who_was_taken_out_for_the_causes_asked_for_comes_in_again_and_nobody_suppressed(
    engine: Any,
) -> None:
    await engine.build(leads=1)
    lead_id = await take_out(engine, "manual")
    assert [one.fate for one in (await bring_in(engine, lead_id)).rows] == ["already_enrolled"]
    await suppressions.suppress(engine.database, engine.workspace, "example.org", "test", engine.now)
    assert (await bring_in(engine, lead_id, BY_HAND)).enrolled == 0
    [row] = await engine.rows("select state, cause from enrollment")
    assert (row["state"], row["cause"]) == ("stopped", "manual")


@pytest.mark.parametrize(
    "end",
    [
        lambda engine, marked: engine.record([marked], Kind.UNKNOWN),
        lambda engine, marked: engine.record([marked], Kind.DEFERRED, code=450),
        lambda engine, _: recovery.recover(engine.database, engine.plans, engine.now, "w1"),
    ],
    ids=["unknown", "deferred", "its worker has died"],
)
async def test_the_end_of_a_message_in_transit_leaves_the_next_step_to_whoever_has_claimed_it(
    engine: Any, end: Any
) -> None:
    await engine.build(leads=1, on_unknown="hold", steps=TWO_AT_ONCE)
    [marked] = (await engine.mark(await engine.claim())).marked
    await bring_in(engine, await take_out(engine))
    assert len(await engine.claim(worker="w1")) == 1
    await end(engine, marked)
    [row] = await engine.rows("select step, state, not_before from enrollment")
    assert (row["step"], row["not_before"]) == (2, None) and row["state"] != "held"
    if row["state"] == "waiting":  # a dead worker's claims go back
        assert await engine.send() == 1


async def test_all_its_steps_leave_from_the_mailbox_of_the_one_in_transit(engine: Any) -> None:
    for name in ("ann", "ben", "cleo"):
        await engine.mailbox(name)
    await engine.build(leads=1, steps=TWO_AT_ONCE)
    [ready] = await engine.claim()
    await engine.mark([ready])
    await bring_in(engine, await take_out(engine))
    [bound] = await engine.rows("select mailbox_id from enrollment")
    assert bound["mailbox_id"] == ready.mailbox.mailbox_id


@pytest.mark.parametrize("is_stopping", [True, False])
async def test_who_has_replied_meanwhile_stays_out_where_a_reply_stops(engine: Any, is_stopping: bool) -> None:
    await engine.build(leads=1, stop_on_reply=is_stopping, steps=TWO_AT_ONCE)
    await engine.send()
    lead_id = await take_out(engine)
    await reply(engine)
    assert (await bring_in(engine, lead_id)).enrolled == (0 if is_stopping else 1)
    assert await engine.send() == (0 if is_stopping else 1)


async def test_a_reply_that_comes_while_its_lead_is_let_in_again_takes_it_out(engine: Any) -> None:
    await engine.build(leads=1, steps=TWO_AT_ONCE)
    await engine.send()
    lead_id = await take_out(engine)
    async with engine.database.transaction() as tx:
        place = (tx, engine.workspace, engine.campaign)
        assert await readmission.readmit(*place, [lead_id], BY_HAND, None, "test", engine.now)
        replying = asyncio.create_task(reply(engine))
        while not (await engine.rows("select exists (select from pg_locks where not granted) as waits"))[0]["waits"]:
            assert not replying.done(), "it has not waited"
            await asyncio.sleep(0.002)
    await replying
    [row] = await engine.rows("select state, cause from enrollment")
    assert tuple(row.values()) == ("stopped", "replied")
