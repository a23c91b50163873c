"""Halt: one call, whatever the status."""

from datetime import timedelta

import pytest

from caesura.service import campaigns, halting


async def halt(world, campaign_id: int, **more) -> str:
    return (await halting.halt(*world.key, campaign_id, world.actor, world.now, **more)).campaign.status


async def in_state(world, state: str) -> int:
    """A campaign in this state with a lead that would be written to; a completed one has none left."""
    one_step = [{"subject": "Hi", "text": "Hello"}]
    campaign_id = await world.campaign(steps=one_step)
    await world.enrolled(campaign_id)
    key = *world.key, campaign_id
    if state == "scheduled":
        await campaigns.schedule(*key, world.now + timedelta(hours=1), world.actor, world.now)
    elif state == "pending_approval":
        await campaigns.submit(*key, world.actor, world.now)
    elif state != "draft":
        await world.start(campaign_id)
    if state == "paused":
        await world.pause(campaign_id, resume_at=world.now + timedelta(hours=1))
    elif state == "editing":
        await campaigns.start_editing(*key, world.actor, world.now)
    elif state == "stopped":
        await world.stop(campaign_id)
    elif state == "completed":
        await world.send(campaign_id)
        assert await campaigns.complete(*key, world.now)
    assert (await campaigns.status(*key, world.now)).campaign.status == state
    return campaign_id


@pytest.mark.parametrize(
    ("state", "after", "told"),
    [
        ("draft", "draft", []),
        ("scheduled", "draft", ["campaign.unscheduled"]),
        ("pending_approval", "draft", ["campaign.dismissed"]),
        ("running", "paused", ["campaign.paused", "campaign.quiesced"]),
        ("paused", "paused", ["campaign.pause_changed"]),
        ("editing", "paused", ["campaign.paused", "campaign.quiesced"]),
        ("completed", "paused", ["campaign.editing_started", "campaign.paused", "campaign.quiesced"]),
        ("stopped", "stopped", []),
    ],
)
async def test_nothing_goes_out_whatever_the_status_was_until_somebody_says_so(world, state, after, told) -> None:
    campaign_id = await in_state(world, state)
    before = len(await world.events())
    assert await halt(world, campaign_id) == after
    new = (await world.events())[before:]
    assert [one["kind"] for one in new] == told
    found = (await campaigns.status(*world.key, campaign_id, world.now)).campaign
    assert (found.resume_at, found.starts_at) == (None, None)
    if after != "stopped":
        await world.enrolled(campaign_id)
    world.later(days=2)
    await campaigns.resume_due(*world.key, campaign_id, world.now)
    assert await world.send(campaign_id) == 0
    assert await halt(world, campaign_id) == after
    assert len(await world.events("campaign.paused")) <= 1 + (state == "paused"), "again changes nothing"
    if after == "paused":
        await world.resume(campaign_id)
        assert await world.send(campaign_id) == (1 if state == "completed" else 2)


async def test_a_halt_is_whole_or_not_at_all(world, monkeypatch) -> None:
    campaign_id = await in_state(world, "completed")

    async def fail(*_):
        raise RuntimeError("in the middle")

    monkeypatch.setattr(campaigns, "pause_or_change", fail)
    with pytest.raises(RuntimeError):
        await halt(world, campaign_id)
    assert (await campaigns.status(*world.key, campaign_id, world.now)).campaign.status == "completed"


async def test_a_halt_of_a_paused_campaign_keeps_its_cause_unless_another_is_given(world) -> None:
    campaign_id = await in_state(world, "running")
    for cause, found in ((None, "manual"), ("price", "price"), (None, "price")):
        await halt(world, campaign_id, cause=cause)
        assert (await campaigns.status(*world.key, campaign_id, world.now)).campaign.cause == found
