"""Leads that were taken out and come in again: no step twice, none lost, counts exact."""

from datetime import timedelta
from typing import Any

from caesura.domain.delivery import Kind
from caesura.service import enrollments, history, suppressions
from caesura.service.enrollments import Enrolment
from caesura.service.readmission import BY_HAND, REMOVED


async def take_out(engine: Any, cause: str = REMOVED) -> int:
    """Stops the only enrollment; its lead."""
    [row] = await engine.rows("select id, lead_id from enrollment")
    await enrollments.stop(engine.database, engine.workspace, row["id"], "test", engine.now, cause)
    return int(row["lead_id"])


async def bring_in(engine: Any, lead_id: int, causes: Any = (REMOVED,)) -> Enrolment:
    key = (engine.database, engine.workspace, engine.campaign)
    return await enrollments.enrol(*key, [lead_id], "test", engine.now, readmit=causes)


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
