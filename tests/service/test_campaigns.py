"""The status of a campaign among others who change it at the same time."""

import asyncio
from datetime import timedelta

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Kind
from caesura.domain.errors import Conflict
from caesura.service import campaigns, definitions, enrollments, timers
from caesura.service.campaigns import PauseOptions, Seen
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


async def test_who_acts_upon_an_older_version_or_status_than_the_present_changes_nothing(engine) -> None:
    await engine.build(leads=1)
    place = (
        engine.database,
        engine.workspace,
        await definitions.create(engine.database, engine.workspace, DRAFT, "test", engine.now),
    )
    drafted = (await definitions.get(*place)).row
    with pytest.raises(Conflict) as caught:
        await definitions.start(*place, "test", engine.now, seen=Seen(drafted.version + 1, drafted.status_at))
    assert (caught.value.code, caught.value.state) == ("version_mismatch", "draft")
    engine.wait(seconds=1)
    await definitions.start(*place, "test", engine.now, seen=Seen(drafted.version, drafted.status_at))
    await campaigns.pause(*place, PauseOptions(), "test", engine.now)
    paused = (await definitions.get(*place)).row
    engine.wait(seconds=1)
    await campaigns.resume(*place, "test", engine.now, seen=Seen(paused.version, paused.status_at))
    await campaigns.pause(*place, PauseOptions(), "test", engine.now)
    old = Seen(paused.version, paused.status_at)
    for late in (
        campaigns.resume(*place, "test", engine.now, seen=old),
        definitions.start(*place, "test", engine.now, seen=old),
        definitions.edit(*place, DRAFT, None, "test", engine.now, since=paused.status_at),
    ):
        with pytest.raises(Conflict) as caught:
            await late
        assert (caught.value.code, caught.value.state) == ("status_changed", "paused")
    assert (await definitions.get(*place)).row.version == paused.version


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


async def edit(engine) -> campaigns.Status:
    return await campaigns.start_editing(engine.database, engine.workspace, engine.campaign, "test", engine.now)


async def test_nothing_is_marked_while_a_campaign_is_being_edited(engine) -> None:
    await engine.build(leads=3)
    ready = await engine.claim()
    answer = await edit(engine)
    assert (answer.campaign.status, answer.held, answer.in_transit) == ("editing", 3, 0)
    assert set((await engine.mark(ready)).refused.values()) == {"campaign_editing"}
    assert await engine.claim() == []
    await engine.resume()
    assert await engine.send() == 3


async def test_an_edited_campaign_goes_on_from_the_same_position_without_a_burst(engine) -> None:
    await engine.build(leads=2, limits={"daily_cap": 1})
    assert await engine.send() == 1
    engine.wait(hours=1)
    answer = await edit(engine)
    engine.wait(days=10)
    resumed = await engine.resume()
    assert resumed.campaign.clock_offset == timedelta(days=10)
    assert (answer.campaign.paused_at, resumed.campaign.paused_at) == (engine.now - timedelta(days=10), None)
    assert await engine.send() == 1  # the other opening: what had a day to go has 23 hours to go
    engine.wait(hours=22)
    assert await engine.send() == 0
    engine.wait(hours=1)
    assert [row["step"] for row in await engine.rows("select step from message")] == [1, 1]
    assert await engine.send() == 1


async def test_what_is_in_transit_when_editing_begins_is_counted_until_it_is_quiet(engine) -> None:
    await engine.build(leads=2)
    answer = await engine.mark(await engine.claim(limit=1))
    state = await edit(engine)
    assert (state.in_transit, state.held, state.campaign.quiesced_at) == (1, 1, None)
    await engine.record(answer.marked, Kind.ACCEPTED)
    engine.wait(seconds=5)
    await timers.tick(engine.database, engine.now)
    assert (await engine.status()).campaign.quiesced_at == engine.now


async def test_editing_ends_a_pause_with_its_planned_resume_and_keeps_its_choice_for_what_fell_due(engine) -> None:
    await engine.build(leads=1)
    await engine.send()
    await engine.pause(clock="run", on_overdue="skip", new_leads="reject", resume_at=engine.now + timedelta(days=4))
    engine.wait(days=2)  # the second step falls due in the pause
    row = (await edit(engine)).campaign
    assert (row.resume_at, row.clock_mode, row.new_leads, row.on_overdue) == (None, "freeze", "hold", "spread")
    engine.wait(days=5)
    await timers.tick(engine.database, engine.now)
    assert (await engine.status()).campaign.status == "editing"
    assert (await engine.resume()).campaign.clock_offset == timedelta(days=5)
    assert await engine.send() == 0
    [message] = await engine.rows("select state, cause from message where step = 2")
    assert (message["state"], message["cause"]) == ("cancelled", "overdue")


async def test_a_campaign_that_is_being_edited_can_be_paused_and_stands_still_all_along(engine) -> None:
    await engine.build(leads=1)
    await edit(engine)
    engine.wait(days=1)
    paused = (await engine.pause(on_overdue="review")).campaign
    assert (paused.status, paused.paused_at, paused.quiesced_at) == ("paused", engine.now, engine.now)
    engine.wait(days=1)
    assert (await engine.resume()).campaign.clock_offset == timedelta(days=2)
    assert await engine.send() == 1


async def test_editing_twice_changes_nothing_and_a_stopped_campaign_cannot_be_edited(engine) -> None:
    await engine.build(leads=1)
    first = await edit(engine)
    engine.wait(hours=1)
    assert (await edit(engine)).campaign == first.campaign
    await campaigns.stop(engine.database, engine.workspace, engine.campaign, None, "test", engine.now)
    with pytest.raises(Conflict) as caught:
        await edit(engine)
    assert caught.value.code == "campaign_stopped"


async def test_a_completed_campaign_can_be_edited_and_takes_leads_meanwhile(engine) -> None:
    await engine.build(leads=1, steps=[{"subject": "Hi", "text": "Hello"}])
    await engine.send()
    await timers.tick(engine.database, engine.now)
    assert (await engine.status()).campaign.status == "completed"
    assert (await edit(engine)).campaign.status == "editing"
    await engine.resume()
    await timers.tick(engine.database, engine.now)
    assert (await engine.status()).campaign.status == "completed"
    await edit(engine)
    await engine.enroll(1, "example.net")
    assert await engine.send() == 0
    await engine.resume()
    assert await engine.send() == 1


async def test_another_cause_of_a_pause_comes_with_its_actor_and_its_reason(engine) -> None:
    await engine.build(leads=1)
    before = (await engine.pause(reason="wrong price")).campaign
    engine.wait(hours=1)
    key = (engine.database, engine.workspace, engine.campaign)
    after = (await campaigns.pause(*key, PauseOptions(), "user:second", engine.now, "ended")).campaign
    assert (after.status, after.cause, after.actor, after.reason) == ("paused", "ended", "user:second", None)
    assert (after.status_at, after.paused_at) == (before.status_at, before.paused_at)
    again = (await campaigns.pause(*key, PauseOptions(clock="run"), "user:third", engine.now)).campaign
    assert (again.cause, again.actor) == ("ended", "user:second")
    [event] = await engine.rows(
        "select actor, data->>'cause' as cause from event where kind = 'campaign.pause_changed' order by id limit 1"
    )
    assert event == {"actor": "user:second", "cause": "ended"}


async def test_nothing_is_marked_once_a_campaign_is_withdrawn(engine) -> None:
    await engine.build(leads=2)
    ready = await engine.claim()
    key = (engine.database, engine.workspace, engine.campaign)
    row = (await campaigns.withdraw(*key, "test", engine.now)).campaign
    assert (row.status, row.archived) == ("stopped", True)
    assert (await engine.mark(ready)).marked == ()
    assert await engine.claim() == []
