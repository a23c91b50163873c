import asyncio
from typing import Any

import pytest

from caesura.domain.delivery import Kind
from caesura.domain.errors import Invalid, NotFound
from caesura.domain.inbound import InboundKind, InboundReport
from caesura.service import enrollments, inbound, suppressions
from caesura.service.suppressions import Suppressed
from caesura.store import sending as gate


async def suppress(world: Any, value: str, **what: Any) -> Suppressed:
    return await suppressions.suppress(*world.key, value, world.actor, world.now, **what)


async def unsubscribe(world: Any, address: str) -> None:
    report = InboundReport(InboundKind.UNSUBSCRIBE, address=address)
    await inbound.report(world.database, world.plans, world.workspace_id, report, "recipient", world.now)


async def causes(world: Any, address: str) -> list[tuple[str, str]]:
    return [(row.kind, row.cause) for row in await suppressions.check(*world.key, address)]


async def test_a_suppressed_address_stops_in_every_campaign_of_the_workspace_only(world: Any, stranger: Any) -> None:
    first, second, foreign = await world.running(), await world.running(), await stranger.running()
    lead_id = await world.lead("Anna@example.com")
    other = await world.lead("ben@example.com")
    waiting, other_waiting = await world.enrolled(first, lead_id, other)
    [held] = await world.enrolled(second, lead_id)
    await world.hold(held)
    [elsewhere] = await stranger.enrolled(foreign, await stranger.lead("anna@example.com"))

    answer = await suppress(world, "ANNA@example.com")

    assert answer == Suppressed(added=1, already_there=0, stopped=2)
    assert await world.states(waiting, held) == [("stopped", "suppressed")] * 2
    assert await world.states(other_waiting, elsewhere) == [("waiting", None)] * 2
    assert len(await world.events("enrollment.stopped")) == 2
    [event] = await world.events("suppression.added")
    assert event["actor"] == world.actor
    assert await suppress(world, "anna@example.com") == Suppressed(0, 1, 0)
    assert len(await world.events("suppression.added")) == 1
    await world.counts(first)


async def test_a_suppressed_domain_stops_all_its_leads_in_chunks(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppressions, "CHUNK", 2)
    campaign_id = await world.running()
    ids = [await world.lead(f"lead{n}@BÜCHER.example") for n in range(5)]
    inside = await world.enrolled(campaign_id, *ids)
    below = await world.enrolled(campaign_id, await world.lead("anna@sub.bücher.example"))

    assert await suppress(world, "Bücher.example") == Suppressed(added=1, already_there=0, stopped=5)

    assert await world.states(*inside) == [("stopped", "suppressed")] * 5
    assert await world.states(*below) == [("waiting", None)]
    assert await causes(world, "new@bücher.example") == [("domain", "manual")]


async def test_a_claimed_lead_is_stopped_at_its_mark(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id, await world.lead("anna@example.com"))
    claim = await world.claim(campaign_id)
    assert (await suppress(world, "anna@example.com")).stopped == 0
    answer = await world.mark_claimed(campaign_id, claim)
    assert (answer.marked, dict(answer.refused)) == ((), {enrollment_id: "suppressed"})
    assert await world.states(enrollment_id) == [("stopped", "suppressed")]


async def test_what_is_in_transit_finishes_and_nothing_follows_it(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id, await world.lead("anna@example.com"))
    marked = await world.mark(campaign_id)
    await suppress(world, "example.com")
    await world.record(campaign_id, marked)
    world.later(days=1)
    assert await world.send(campaign_id) == 0
    assert await world.states(enrollment_id) == [("stopped", "suppressed")]


async def test_a_deferred_message_to_a_suppressed_address_is_cancelled(world: Any) -> None:
    campaign_id = await world.running()
    await world.enrolled(campaign_id, await world.lead("anna@example.com"))
    await world.send(campaign_id, kind=Kind.DEFERRED, code=450)
    await suppress(world, "anna@example.com")
    assert await world.value("select state || ' ' || cause from message") == "cancelled suppressed"


@pytest.mark.parametrize("value", ["anna@example.com", "example.com"])
async def test_a_suppression_waits_for_a_mark_that_is_inside_the_gate(world: Any, value: str) -> None:
    async with world.database.transaction() as mark:
        await mark.execute(gate.entering_gate(world.workspace_id))
        late = asyncio.create_task(suppress(world, value))
        await world.until_waiting(late)
        assert await causes(world, "anna@example.com") == []
    assert (await late).added == 1


async def test_many_are_suppressed_at_once_and_a_wrong_one_is_told_with_its_place(world: Any) -> None:
    await suppress(world, "known@example.com")
    values = ["a@example.com", "A@example.com", "nonsense", "known@example.com", "shut.example", "b@@example.com"]
    answer = await suppressions.suppress_many(*world.key, values, world.actor, world.now, cause="import")
    assert (answer.added, answer.already_there) == (2, 1)
    assert [(one.code, one.pointer) for one in answer.rejected] == [
        ("address_domain", "/values/2"),
        ("address_several", "/values/5"),
    ]
    with pytest.raises(Invalid, match="1000"):
        await suppressions.suppress_many(*world.key, ["a@example.com"] * 1001, world.actor, world.now)
    assert await suppressions.suppress_many(*world.key, [], world.actor, world.now) == Suppressed(0, 0, 0)


async def test_an_address_without_a_lead_can_unsubscribe(world: Any) -> None:
    await unsubscribe(world, "who@example.com")
    campaign_id = await world.campaign()
    lead_id = await world.lead("who@example.com")
    answer = await enrollments.enrol(*world.key, campaign_id, [lead_id], world.actor, world.now)
    assert answer.suppressed == 1


async def test_a_persons_own_no_outranks_a_weaker_cause_and_is_never_outranked(world: Any) -> None:
    await suppress(world, "anna@example.com", cause="bounced")
    await unsubscribe(world, "anna@example.com")
    assert await causes(world, "anna@example.com") == [("address", "unsubscribed")]
    await suppress(world, "anna@example.com", cause="complained")
    await suppress(world, "anna@example.com")
    assert await causes(world, "anna@example.com") == [("address", "unsubscribed")]


async def test_an_ended_suppression_lets_new_leads_in_and_leaves_the_stopped_stopped(world: Any, stranger: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id, await world.lead("anna@example.com"))
    await suppress(world, "example.com")
    with pytest.raises(NotFound):
        await suppressions.unsuppress(*stranger.key, "example.com", world.actor, world.now)
    row = await suppressions.unsuppress(*world.key, "EXAMPLE.com", world.actor, world.now)
    assert (row.kind, row.value) == ("domain", "example.com")
    assert await world.states(enrollment_id) == [("stopped", "suppressed")]
    await world.enrolled(campaign_id, await world.lead("ben@example.com"))
    with pytest.raises(NotFound):
        await suppressions.unsuppress(*world.key, "example.com", world.actor, world.now)


async def test_suppressions_are_paged_in_the_order_of_their_key(world: Any) -> None:
    values = ["b@example.com", "shut.example", "a@example.com"]
    await suppressions.suppress_many(*world.key, values, world.actor, world.now)

    async def found(after: tuple[str, str] | None = None, kind: str | None = None, limit: int = 10) -> list[str]:
        return [row.value for row in await suppressions.page(*world.key, after, kind, limit)]

    assert await found() == ["a@example.com", "b@example.com", "shut.example"]
    assert await found(limit=1) == ["a@example.com"]
    assert await found(after=("address", "a@example.com")) == ["b@example.com", "shut.example"]
    assert await found(kind="domain") == ["shut.example"]
