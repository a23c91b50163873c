"""The status of a campaign among others who change it at the same time."""

import asyncio
from datetime import timedelta

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.errors import Conflict
from caesura.service import campaigns, definitions, enrollments, timers
from caesura.service.campaigns import PauseOptions
from caesura.store import campaigns as store

DRAFT = read_definition({"name": "later", "pool": "all", "steps": [{"subject": "Hi", "text": "Hello"}]})


async def planned(engine) -> int:
    """A campaign that starts in an hour."""
    await engine.build(leads=1)
    campaign = await definitions.create(engine.database, engine.workspace, DRAFT, "test", engine.now)
    start = engine.now + timedelta(hours=1)
    await campaigns.schedule(engine.database, engine.workspace, campaign, start, "test", engine.now)
    return campaign


async def status(engine, campaign: int) -> str:
    return (await campaigns.status(engine.database, engine.workspace, campaign, engine.now)).campaign.status


async def test_a_pause_does_not_wait_for_those_who_enrol_leads(engine) -> None:
    await engine.build(leads=1)
    async with engine.database.transaction() as tx:
        lead = await tx.fetchval(
            """insert into lead (workspace_id, address, address_key, domain, fields, created_at, updated_at)
            values ($1, 'new@example.org', 'new@example.org', 'example.org', '{}', $2, $2) returning id""",
            engine.workspace, engine.now,
        )  # fmt: skip
        await tx.execute(
            """insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at)
            values ($1, $2, $3, $4, $4, $4)""",
            engine.workspace, engine.campaign, lead, engine.now,
        )  # fmt: skip
        async with asyncio.timeout(10):
            assert (await engine.pause()).campaign.status == "paused"


async def test_a_planned_start_survives_an_edit(engine) -> None:
    campaign = await planned(engine)
    await definitions.edit(engine.database, engine.workspace, campaign, DRAFT, None, "test", engine.now)
    engine.wait(hours=1)
    await timers.tick(engine.database, engine.now)
    assert await status(engine, campaign) == "running"


@pytest.mark.parametrize("change", ["unschedule", "schedule"])
async def test_a_start_that_is_taken_back_at_the_last_moment_does_not_happen(engine, monkeypatch, change) -> None:
    campaign = await planned(engine)
    engine.wait(hours=1)
    exhausted = store.exhausted

    async def change_first(tx):  # after the tick has read what is due
        key = (engine.database, engine.workspace, campaign)
        if change == "unschedule":
            await campaigns.unschedule(*key, "test", engine.now)
        else:
            await campaigns.schedule(*key, engine.now + timedelta(days=1), "test", engine.now)
        return await exhausted(tx)

    monkeypatch.setattr(store, "exhausted", change_first)
    await timers.tick(engine.database, engine.now)
    assert await status(engine, campaign) == ("draft" if change == "unschedule" else "scheduled")


async def test_an_archived_campaign_is_not_resumed_neither_by_itself_nor_by_a_person(engine) -> None:
    await engine.build(leads=1)
    await engine.pause(resume_at=engine.now + timedelta(hours=1))
    key = (engine.database, engine.workspace, engine.campaign)
    await campaigns.archive(*key, True, "test", engine.now)
    engine.wait(hours=2)
    await timers.tick(engine.database, engine.now)
    assert (await engine.status()).campaign.status == "paused"
    with pytest.raises(Conflict, match="unarchive"):
        await engine.resume()
    await campaigns.archive(*key, False, "test", engine.now)
    await timers.tick(engine.database, engine.now)
    assert (await engine.status()).campaign.status == "running"


async def test_a_held_count_is_never_less_than_what_waits(engine) -> None:
    await engine.build(leads=3)
    answer = await engine.mark(await engine.claim(limit=1))
    [one] = answer.marked
    await enrollments.stop(engine.database, engine.workspace, one.enrollment_id, "test", engine.now)
    state = await engine.pause()
    assert (state.held, state.in_transit) == (2, 1)


async def test_a_change_of_a_pause_is_logged_with_who_made_it(engine) -> None:
    await engine.build(leads=1)
    await engine.pause()
    options = PauseOptions(reason="the other one's holiday")
    await campaigns.pause(engine.database, engine.workspace, engine.campaign, options, "user:second", engine.now)
    rows = await engine.rows("select actor from event where kind = 'campaign.pause_changed'")
    assert rows == [{"actor": "user:second"}]


@pytest.mark.parametrize("verb", ["schedule", "submit"])
async def test_an_archived_draft_is_not_planned_to_start(world, verb) -> None:
    campaign_id = await world.campaign()
    await campaigns.archive(*world.key, campaign_id, True, world.actor, world.now)
    with pytest.raises(Conflict) as caught:
        if verb == "schedule":
            await campaigns.schedule(*world.key, campaign_id, world.now + timedelta(days=1), world.actor, world.now)
        else:
            await campaigns.submit(*world.key, campaign_id, world.actor, world.now)
    assert caught.value.code == "campaign_archived"
