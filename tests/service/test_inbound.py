from typing import Any

from caesura.domain.inbound import InboundKind, InboundReport
from caesura.service import inbound
from caesura.service.inbound import Received

REPLY = InboundKind.REPLY


async def report(world: Any, kind: InboundKind = REPLY, **given: Any) -> Received:
    return await inbound.report(
        world.database, world.plans, world.workspace_id, InboundReport(kind, **given), "user:test", world.now
    )


async def written_to(world: Any, campaign_id: int, address: str = "anna@example.com") -> tuple[int, str]:
    """A lead that the first step went to: its enrollment, and that message's Message-ID."""
    [enrollment_id] = await world.enrolled(campaign_id, await world.lead(address))
    assert await world.send(campaign_id) == 1
    return enrollment_id, f"<{enrollment_id}.1@sender.test>"


async def test_a_reply_that_names_our_message_stops_its_lead_in_that_campaign_only(world: Any) -> None:
    first, second = await world.running(), await world.running()
    one, message_id = await written_to(world, first)
    lead_id = await world.value("select lead_id from enrollment where id = $1", one)
    [two] = await world.enrolled(second, lead_id)

    # From another address than the one that was written to.
    done = await report(world, from_address="a.smith@elsewhere.example", in_reply_to=message_id, subject="Re: Step 1")

    assert (done.is_new, done.stopped) == (True, 1)
    assert await world.states(one, two) == [("stopped", "replied"), ("waiting", None)]
    row = done.row
    assert (row.lead_id, row.campaign_id, row.enrollment_id, row.step) == (lead_id, first, one, 1)
    assert (row.address, row.from_address) == ("anna@example.com", "a.smith@elsewhere.example")
    assert row.mailbox_id == await world.value("select mailbox_id from message")
    [event] = await world.events("inbound.received")
    places = ("campaign_id", "enrollment_id", "step", "mailbox_id", "lead_id")
    assert [event[name] for name in places] == [getattr(row, name) for name in places]
    assert len(await world.events("enrollment.stopped")) == 1
    await world.counts(first)
