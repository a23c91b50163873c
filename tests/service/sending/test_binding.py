"""When a lead and a mailbox are bound to each other: all later steps leave from where the first was taken."""

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Kind
from caesura.service import definitions, mailboxes, recovery, sending, timers
from support.sending_engine import STEPS


async def bound(engine) -> list[int | None]:
    return [row["mailbox_id"] for row in await engine.rows("select mailbox_id from enrollment order by id")]


async def test_a_lead_is_bound_to_the_mailbox_whose_message_was_taken(engine) -> None:
    anna, bert = await engine.mailbox("anna"), await engine.mailbox("bert")
    await engine.build(leads=4)
    answer = await engine.mark(await engine.claim())
    assert await bound(engine) == [None] * 4
    await engine.record(answer.marked, Kind.ACCEPTED)
    assert sorted(await bound(engine)) == [anna, anna, bert, bert]


async def test_a_message_that_was_put_off_is_tried_again_from_the_same_mailbox(engine) -> None:
    await engine.mailbox("anna")
    await engine.mailbox("bert")
    await engine.build(leads=2)
    answer = await engine.mark(await engine.claim())
    before = await engine.rows("select enrollment_id, mailbox_id, message_id from message order by 1")
    await engine.record(answer.marked, Kind.DEFERRED, stage="rcpt", code=450)
    engine.wait(days=1)
    await timers.unpark(engine.database, engine.now)
    assert await engine.send() == 2
    assert await engine.rows("select enrollment_id, mailbox_id, message_id from message order by 1") == before


async def test_a_lead_whose_message_was_refused_for_its_mailboxs_sake_waits_for_that_mailbox(engine) -> None:
    anna = await engine.mailbox("anna")
    await engine.build(leads=1)
    answer = await engine.mark(await engine.claim())
    await engine.record(answer.marked, Kind.REJECTED, stage="mail", code=550, enhanced="5.7.1")
    assert [row["state"] for row in await engine.rows("select state from message")] == ["cancelled"]
    assert await bound(engine) == [anna]


async def test_a_lead_that_nothing_was_written_to_is_free_for_any_mailbox(engine) -> None:
    anna, bert = await engine.mailbox("anna"), await engine.mailbox("bert")
    await engine.build(leads=1)
    answer = await engine.mark(await engine.claim())
    [first] = [row["mailbox_id"] for row in await engine.rows("select mailbox_id from message")]
    await engine.record(answer.marked, Kind.NOT_SENT, stage="connect")
    await mailboxes.archive(engine.database, engine.workspace, first, True, "test", engine.now)
    assert await engine.send() == 1
    assert await bound(engine) == [bert if first == anna else anna]


@pytest.mark.parametrize("on_unknown", ["hold", "continue"])
async def test_a_message_that_may_have_been_taken_binds_its_lead(engine, on_unknown: str) -> None:
    anna = await engine.mailbox("anna")
    await engine.build(leads=1, on_unknown=on_unknown)
    await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    assert await bound(engine) == [anna]


async def test_an_outcome_that_came_back_unknown_binds_its_lead(engine) -> None:
    anna = await engine.mailbox("anna")
    await engine.build(leads=1, on_unknown="hold")
    answer = await engine.mark(await engine.claim())
    await engine.record(answer.marked, Kind.UNKNOWN)
    assert await bound(engine) == [anna]


async def test_a_new_lead_that_was_not_reached_hands_its_place_among_the_new_ones_back(engine) -> None:
    await engine.build(leads=3)
    few = read_definition({"name": "spring", "pool": "all", "steps": list(STEPS), "limits": {"daily_new": 2}})
    await definitions.edit(engine.database, engine.workspace, engine.campaign, few, None, "test", engine.now)
    answer = await engine.mark(await engine.claim(limit=1))
    await engine.record(answer.marked, Kind.NOT_SENT, stage="connect")
    assert await engine.send() == 2
    assert await engine.send() == 0


async def test_a_claim_whose_lease_ran_out_stays_while_its_message_is_in_transit(engine) -> None:
    await engine.build(leads=1)
    [one] = (await engine.mark(await engine.claim())).marked
    engine.wait(seconds=50)
    keys = [(engine.workspace, one.enrollment_id, one.step)]
    assert await sending.renew(engine.database, "w1", keys, 60.0, engine.now)
    engine.wait(seconds=30)
    assert await recovery.recover(engine.database, engine.plans, engine.now) == recovery.Recovered(0, 0)
    await engine.record([one], Kind.ACCEPTED)
    assert [row["step"] for row in await engine.rows("select step from enrollment")] == [2]
