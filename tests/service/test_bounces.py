import asyncio
from typing import Any

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Kind
from caesura.domain.inbound import BounceType, InboundKind, InboundReport
from caesura.service import bounces, campaigns, definitions, explain, inbound, timers
from caesura.store import sending as gate

REFUSED = {"kind": Kind.REJECTED, "stage": "rcpt", "code": 550, "enhanced": "5.1.1"}


async def guarded(world: Any, threshold: int | None = 10, steps: int = 2, **more: Any) -> int:
    return await world.running(steps=steps, limits={"bounce_threshold": threshold} if threshold else {}, **more)


async def sent(world: Any, campaign_id: int, count: int, **reply: Any) -> list[int]:
    """So many more messages of the campaign, with what became of them."""
    enrolled = await world.enrolled(campaign_id, count=count)
    assert await world.send(campaign_id, **reply) == count
    return enrolled


async def bounced(world: Any, enrollment_id: int, number: int = 1, **given: Any) -> None:
    values = {"bounce_type": BounceType.HARD, "in_reply_to": f"<{enrollment_id}.1@sender.test>"} | given
    report = InboundReport(InboundKind.BOUNCE, message_id=f"<dsn.{enrollment_id}.{number}@mx.example>", **values)
    await inbound.report(world.database, world.plans, world.workspace_id, report, "user:test", world.now)


async def status(world: Any, campaign_id: int) -> tuple[str, str, str]:
    row = (await campaigns.status(*world.key, campaign_id, world.now)).campaign
    return row.status, row.cause, row.actor


async def ticked(world: Any, campaign_id: int) -> str:
    await timers.tick(world.database, world.now)
    return (await status(world, campaign_id))[0]


async def test_a_campaign_of_which_too_many_are_refused_pauses_by_itself_and_says_why(world: Any) -> None:
    campaign_id = await guarded(world)
    await sent(world, campaign_id, 18)
    await sent(world, campaign_id, 1, **REFUSED)
    assert await ticked(world, campaign_id) == "running"
    await sent(world, campaign_id, 1, **REFUSED)
    await world.enrolled(campaign_id, count=3)

    assert await ticked(world, campaign_id) == "paused"

    assert await status(world, campaign_id) == ("paused", "bounce_threshold", "engine")
    assert await world.send(campaign_id) == 0
    words = "2 of 20 messages bounced; the threshold is 10 %"
    [event] = await world.events("campaign.paused")
    assert event["actor"] == "engine"
    assert event["data"] == {
        "from": "running", "to": "paused", "cause": "bounce_threshold", "reason": words,
        "threshold": 10, "delivered": 20, "bounced": 2,
    }  # fmt: skip
    told = await explain.why_campaign(world.database, world.plans, world.workspace_id, campaign_id, world.now)
    assert told.sentence == f"The campaign is paused by engine (bounce_threshold): “{words}”."
    assert await bounces.paused_at(*world.key, campaign_id) == world.now


async def test_bounces_that_are_reported_later_count_once_for_each_message(world: Any) -> None:
    campaign_id = await guarded(world)
    one, two, *_ = await sent(world, campaign_id, 20)
    await bounced(world, one)
    await bounced(world, one, 2)
    await bounced(world, two, bounce_type=BounceType.SOFT)
    assert await ticked(world, campaign_id) == "running"
    await bounced(world, two, 2)
    assert await ticked(world, campaign_id) == "paused"


async def test_a_report_on_a_refused_message_counts_no_second_time(world: Any) -> None:
    campaign_id = await guarded(world)
    await sent(world, campaign_id, 19)
    [one] = await sent(world, campaign_id, 1, **REFUSED)
    await bounced(world, one)
    assert await world.value("select bounced from campaign_bounce") == 1


async def test_bounces_without_a_threshold_are_counted_for_the_one_that_is_set_later(world: Any) -> None:
    campaign_id = await guarded(world, None)
    await sent(world, campaign_id, 10)
    await sent(world, campaign_id, 10, **REFUSED)
    assert await ticked(world, campaign_id) == "running"

    definition = (await definitions.get(*world.key, campaign_id)).definition.model_dump(mode="json")
    definition["limits"]["bounce_threshold"] = 50
    await definitions.edit(*world.key, campaign_id, read_definition(definition), None, "user:test", world.now)
    assert await ticked(world, campaign_id) == "paused"


async def test_fewer_than_twenty_are_looked_at_again_when_there_are_more(world: Any) -> None:
    campaign_id = await guarded(world)
    await sent(world, campaign_id, 1)
    await sent(world, campaign_id, 4, **REFUSED)
    assert await ticked(world, campaign_id) == "running"
    await sent(world, campaign_id, 15)
    assert await ticked(world, campaign_id) == "paused"


async def test_after_a_resume_the_same_bounces_do_not_pause_it_again(world: Any) -> None:
    campaign_id = await guarded(world)
    late, *_ = await sent(world, campaign_id, 20)
    await sent(world, campaign_id, 5, **REFUSED)
    assert await ticked(world, campaign_id) == "paused"
    world.later(hours=1)
    await world.resume(campaign_id)
    assert await bounces.paused_at(*world.key, campaign_id) is None
    assert await ticked(world, campaign_id) == "running"

    # Neither does one that went out before, and comes back only now.
    await bounced(world, late)
    await sent(world, campaign_id, 18)
    await sent(world, campaign_id, 1, **REFUSED)
    assert await ticked(world, campaign_id) == "running"
    # New ones do, by the same rule.
    await sent(world, campaign_id, 1, **REFUSED)
    assert await ticked(world, campaign_id) == "paused"
    assert (await world.events("campaign.paused"))[-1]["data"]["bounced"] == 2


async def test_what_bounces_while_a_person_has_paused_it_pauses_it_after_the_resume(world: Any) -> None:
    campaign_id = await guarded(world)
    one, two, *_ = await sent(world, campaign_id, 20)
    await world.pause(campaign_id)
    await bounced(world, one)
    await bounced(world, two)
    assert await ticked(world, campaign_id) == "paused"
    assert (await status(world, campaign_id))[1] == "manual"
    await world.resume(campaign_id)
    assert await ticked(world, campaign_id) == "paused"
    assert (await status(world, campaign_id))[1] == "bounce_threshold"


async def test_a_completed_campaign_that_is_reopened_is_looked_at_anew(world: Any) -> None:
    campaign_id = await guarded(world, steps=1)
    one, two, *_ = await sent(world, campaign_id, 20)
    assert await ticked(world, campaign_id) == "completed"
    await bounced(world, one)
    await bounced(world, two)
    assert await ticked(world, campaign_id) == "completed"
    await world.enrolled(campaign_id, count=1)
    assert await ticked(world, campaign_id) == "paused"


async def test_two_bounces_at_once_both_count(world: Any) -> None:
    campaign_id = await guarded(world)
    await sent(world, campaign_id, 18)
    await world.enrolled(campaign_id, count=2)
    one, two = [await world.mark(campaign_id, 1) for _ in range(2)]
    # Both wait for the same row: the first bounce of a campaign makes it.
    async with world.database.transaction() as tx:
        await tx.execute("lock table campaign_bounce in exclusive mode")
        tasks = [asyncio.create_task(world.record(campaign_id, answer, **REFUSED)) for answer in (one, two)]
        for task in tasks:
            await world.until_waiting(task)
    await asyncio.gather(*tasks)
    assert await world.value("select bounced from campaign_bounce") == 2
    assert await ticked(world, campaign_id) == "paused"


async def test_whoever_records_a_bounce_waits_for_no_gate_and_the_pause_waits_for_the_marks(world: Any) -> None:
    campaign_id = await guarded(world)
    await sent(world, campaign_id, 18)
    await sent(world, campaign_id, 1, **REFUSED)
    await world.enrolled(campaign_id, count=1)
    answer = await world.mark(campaign_id)
    async with world.database.transaction() as tx:
        await tx.execute(gate.entering_gate(world.workspace_id))
        await asyncio.wait_for(world.record(campaign_id, answer, **REFUSED), 10)
        task = asyncio.create_task(bounces.check(*world.key, campaign_id, world.now))
        await world.until_waiting(task)
        assert (await status(world, campaign_id))[0] == "running"
    assert await task
    assert (await status(world, campaign_id))[0] == "paused"


@pytest.mark.parametrize("times", [2])
async def test_two_who_look_at_once_pause_it_once(world: Any, times: int) -> None:
    campaign_id = await guarded(world)
    await sent(world, campaign_id, 20, **REFUSED)
    done = await asyncio.gather(*(bounces.check(*world.key, campaign_id, world.now) for _ in range(times)))
    assert sorted(done) == [False, True]
    assert len(await world.events("campaign.paused")) == 1


async def test_what_is_sent_well_leaves_no_trace_of_it(world: Any) -> None:
    campaign_id = await guarded(world)
    await sent(world, campaign_id, 20)
    assert await world.value("select count(*) from campaign_bounce") == 0
