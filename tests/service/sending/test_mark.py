"""What a mark reckons with beside the gate: the gap of a campaign over all its mailboxes."""

import asyncio
from datetime import timedelta

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Delivery, Kind
from caesura.service import definitions, explain, recovery, sending
from support.sending_engine import STEPS, Engine

GAP = {"gap_seconds": 60}


async def build(engine: Engine, leads: int = 4, **content) -> None:
    for name in ("anna", "bert"):
        await engine.mailbox(name)
    await engine.build(leads=leads, **({"limits": None} | content))
    await limit(engine, GAP)


async def limit(engine: Engine, limits: dict[str, int]) -> None:
    definition = read_definition({"name": "spring", "pool": "all", "steps": list(STEPS), "limits": limits})
    await definitions.edit(engine.database, engine.workspace, engine.campaign, definition, None, "test", engine.now)


async def test_a_campaign_with_a_gap_sends_one_message_at_a_time_over_all_its_mailboxes(engine) -> None:
    await build(engine)
    assert await engine.send() == 1
    engine.wait(seconds=59)
    assert await engine.send() == 0
    engine.wait(seconds=1)
    assert await engine.send() == 1


async def test_the_gap_counts_from_the_end_of_a_message(engine) -> None:
    await build(engine)
    answer = await engine.mark(await engine.claim())
    assert len(answer.marked) == 1
    engine.wait(minutes=10)  # a slow server; the worker is at work on it
    assert await engine.claim() == []
    await engine.record(answer.marked, Kind.ACCEPTED)
    engine.wait(seconds=59)
    assert await engine.claim() == []
    engine.wait(seconds=1)
    assert await engine.send() == 1


async def test_two_workers_that_claimed_before_do_not_both_pass(engine) -> None:
    await build(engine)
    first, second = await engine.claim("w1"), await engine.claim("w2")
    assert (len(first), len(second)) == (1, 1)
    answers = await asyncio.gather(engine.mark(first, "w1"), engine.mark(second, "w2"))
    assert sorted(len(one.marked) for one in answers) == [0, 1]
    assert [reason for one in answers for reason in one.refused.values()] == ["campaign_gap"]
    engine.wait(seconds=50)  # still in transit, and its lease still good
    assert await engine.claim() == []


async def test_after_a_worker_died_the_gap_counts_from_when_that_was_known(engine) -> None:
    await build(engine)
    await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    await recovery.bury(engine.database, engine.plans, "w1", engine.now)
    engine.wait(seconds=59)
    assert await engine.claim() == []
    engine.wait(seconds=1)
    assert len(await engine.claim()) == 1


async def test_what_was_marked_and_came_back_unsent_keeps_the_gap(engine) -> None:
    await build(engine)
    answer = await engine.mark(await engine.claim())
    await engine.record(answer.marked, Kind.NOT_SENT, stage="queue")
    assert await engine.claim() == []
    engine.wait(seconds=60)
    assert await engine.send() == 1


@pytest.mark.parametrize(("gap", "waits"), [(30, 30), (3_600, 3_600)])
async def test_another_gap_counts_from_the_last_message(engine, gap: int, waits: int) -> None:
    await build(engine)
    await engine.send()
    await limit(engine, {"gap_seconds": gap})
    engine.wait(seconds=waits - 1)
    assert await engine.send() == 0
    engine.wait(seconds=1)
    assert await engine.send() == 1


async def test_a_message_in_transit_while_the_gap_is_changed_ends_with_the_new_one(engine) -> None:
    await build(engine)
    await limit(engine, {"gap_seconds": 86_400})
    plan = await engine.plan()
    [one] = (await engine.mark(await engine.claim(), plan=plan)).marked
    await limit(engine, {"gap_seconds": 30})
    [row] = await engine.rows("select mailbox_id from message")
    place = (one.enrollment_id, one.step, one.attempt, one.refusals, row["mailbox_id"])
    ends = [Delivery(*place, Kind.ACCEPTED, "content")]
    await sending.record(engine.database, engine.plans, plan, ends, "w1", engine.now)
    engine.wait(seconds=30)
    assert await engine.send() == 1


async def test_a_gap_that_is_taken_away_is_not_waited_for(engine) -> None:
    await build(engine)
    await engine.send()
    await limit(engine, {})
    assert await engine.send() == 3


async def test_a_refund_within_quota_and_gap_gives_its_place_back(engine) -> None:
    await build(engine)
    await limit(engine, GAP | {"daily_total": 1})
    answer = await engine.mark(await engine.claim())
    await engine.record(answer.marked, Kind.NOT_SENT, stage="queue")
    engine.wait(seconds=60)
    assert await engine.send() == 1
    engine.wait(seconds=60)
    assert await engine.send() == 0


async def test_a_why_names_the_gap_of_the_campaign_and_its_end(engine) -> None:
    await build(engine)
    await engine.send()
    key = (engine.database, engine.plans, engine.workspace, engine.campaign)
    answer = await explain.why_campaign(*key, engine.now)
    assert (answer.reason, answer.next_at) == ("campaign_gap", engine.now + timedelta(seconds=60))
