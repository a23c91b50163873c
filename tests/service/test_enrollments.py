import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from caesura.domain.delivery import Kind
from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.lead_entry import LeadInput
from caesura.domain.lifecycle import CampaignState
from caesura.service import campaigns, enrollments, sending, timers
from caesura.service.enrollments import EnrolFate, Enrolment
from caesura.store import sending as gate

SUPPRESS = (
    "insert into suppression (workspace_id, kind, value, cause, actor, created_at) values ($1, $2, $3, 'x', 'x', $4)"
)


async def enrol(world: Any, campaign_id: int, *lead_ids: int) -> Enrolment:
    return await enrollments.enrol(*world.key, campaign_id, lead_ids, world.actor, world.now)


async def suppress(world: Any, kind: str, value: str) -> None:
    await world.fetch(SUPPRESS, world.workspace_id, kind, value, world.now)


async def stop(world: Any, enrollment_id: int) -> Any:
    return await enrollments.stop(*world.key, enrollment_id, world.actor, world.now)


async def hold(world: Any, enrollment_id: int) -> Any:
    return await enrollments.hold(*world.key, enrollment_id, world.actor, world.now)


async def release(world: Any, enrollment_id: int) -> Any:
    return await enrollments.release(*world.key, enrollment_id, world.actor, world.now)


async def status(world: Any, campaign_id: int) -> CampaignState:
    return (await campaigns.status(*world.key, campaign_id, world.now)).campaign.status


def fates(answer: Enrolment) -> list[str]:
    return [row.fate for row in answer.rows]


# ---- enrolling


async def test_leads_are_enrolled_once_and_the_answer_says_what_became_of_each(world: Any, stranger: Any) -> None:
    campaign_id = await world.campaign()
    first, second = await world.lead(), await world.lead()
    by_address = await world.lead("no@example.com")
    by_domain = await world.lead("who@shut.example")
    await suppress(world, "address", "no@example.com")
    await suppress(world, "domain", "shut.example")
    await enrol(world, campaign_id, first)
    foreign = await stranger.lead()

    answer = await enrol(world, campaign_id, second, first, by_address, second, by_domain, foreign)

    assert fates(answer) == [
        "enrolled",
        "already_enrolled",
        "suppressed",
        "already_enrolled",
        "suppressed",
        "rejected",
    ]
    assert (answer.enrolled, answer.already_enrolled, answer.suppressed, answer.rejected) == (1, 2, 2, 1)
    assert [(p.code, p.pointer) for row in answer.rows for p in row.problems] == [("lead_not_found", "/lead_ids/5")]
    assert answer.rows[0].enrollment_id == answer.rows[3].enrollment_id
    assert (await world.counts(campaign_id))["waiting"] == 2


async def test_each_enrolment_writes_its_events(world: Any) -> None:
    campaign_id = await world.campaign()
    lead_id = await world.lead()
    answer = await enrol(world, campaign_id, lead_id)
    [created] = await world.events("enrollment.created")
    assert (created["enrollment_id"], created["lead_id"]) == (answer.rows[0].enrollment_id, lead_id)
    [told] = await world.events("campaign.leads_enrolled")
    assert (told["campaign_id"], told["actor"]) == (campaign_id, world.actor)
    await enrol(world, campaign_id, lead_id)
    assert len(await world.events("campaign.leads_enrolled")) == 1


async def test_a_lead_is_due_after_the_first_steps_delay_in_campaign_time(world: Any) -> None:
    steps = [{"subject": "Hi", "text": "x", "delay": "2h"}]
    campaign_id = await world.running(steps=steps)
    await world.pause(campaign_id)
    world.later(hours=5)
    [frozen] = await world.enrolled(campaign_id)
    await world.resume(campaign_id)
    [running] = await world.enrolled(campaign_id)

    started = world.now - timedelta(hours=5)
    for enrollment_id in (frozen, running):
        row = await enrollments.get(*world.key, enrollment_id)
        assert row.due_at == started + timedelta(hours=2), "the pause's five hours have not passed in campaign time"
    world.later(hours=1, minutes=59)
    assert await world.send(campaign_id) == 0
    world.later(minutes=1)
    assert await world.send(campaign_id) == 2


async def test_leads_are_enrolled_by_address_and_fields(world: Any) -> None:
    campaign_id = await world.campaign()
    known = await world.lead("known@example.com", city="Bonn")
    await suppress(world, "address", "no@example.com")
    given = [
        LeadInput("new@example.com", {"city": "Jena"}),
        LeadInput("Known@example.com", {"size": 3}),
        LeadInput("nonsense"),
        LeadInput("no@example.com"),
        LeadInput("NEW@example.com"),
    ]
    answer = await enrollments.enrol_new(*world.key, campaign_id, given, False, world.actor, world.now)

    assert fates(answer) == ["enrolled", "enrolled", "rejected", "suppressed", "rejected"]
    assert [row.lead_fate for row in answer.rows] == ["created", "updated", None, "created", None]
    assert [(p.code, p.pointer) for row in answer.rows for p in row.problems] == [
        ("address_syntax", "/leads/2/address"),
        ("duplicate_address", "/leads/4/address"),
    ]
    assert await world.value("select fields from lead where id = $1", known) == {"city": "Bonn", "size": 3}


async def test_a_refused_enrolment_leaves_no_new_lead_behind(world: Any) -> None:
    campaign_id = await world.running()
    await world.stop(campaign_id)
    with pytest.raises(Conflict):
        await enrollments.enrol_new(
            *world.key, campaign_id, [LeadInput("new@example.com")], False, world.actor, world.now
        )
    assert await world.value("select count(*) from lead") == 0


async def test_a_campaign_of_another_workspace_is_not_found(world: Any, stranger: Any) -> None:
    with pytest.raises(NotFound, match="campaign"):
        await enrol(world, await stranger.campaign(), await world.lead())


async def test_more_than_a_thousand_at_once_are_refused(world: Any) -> None:
    campaign_id = await world.campaign()
    with pytest.raises(Invalid, match="1000"):
        await enrol(world, campaign_id, *range(1001))


# ---- what the campaign's status allows


async def test_a_paused_campaign_takes_leads_unless_the_pause_rejects_them(world: Any) -> None:
    campaign_id = await world.running()
    await world.pause(campaign_id)
    assert (await enrol(world, campaign_id, await world.lead())).enrolled == 1
    await world.pause(campaign_id, new_leads="reject")
    with pytest.raises(Conflict) as caught:
        await enrol(world, campaign_id, await world.lead())
    assert (caught.value.code, caught.value.state) == ("campaign_paused", "paused")
    assert "resume" in caught.value.allowed


async def test_a_stopped_or_archived_campaign_takes_no_leads(world: Any) -> None:
    campaign_id = await world.running()
    lead_id = await world.lead()
    await world.stop(campaign_id)
    with pytest.raises(Conflict) as caught:
        await enrol(world, campaign_id, lead_id)
    assert (caught.value.code, caught.value.state, caught.value.allowed) == ("campaign_stopped", "stopped", ())
    archived = await world.campaign()
    await campaigns.archive(*world.key, archived, True, world.actor, world.now)
    with pytest.raises(Conflict) as caught:
        await enrol(world, archived, lead_id)
    assert (caught.value.code, caught.value.allowed) == ("campaign_archived", ("unarchive",))


async def test_a_completed_campaign_runs_again_when_a_lead_is_added(world: Any) -> None:
    campaign_id = await world.running(steps=1)
    [first] = await world.enrolled(campaign_id)
    await world.send(campaign_id)
    assert await campaigns.complete(*world.key, campaign_id, world.now)
    known = (await enrollments.get(*world.key, first)).lead_id
    assert (await enrol(world, campaign_id, known)).reopened is False
    assert await status(world, campaign_id) is CampaignState.COMPLETED

    answer = await enrol(world, campaign_id, await world.lead())

    assert answer.reopened
    assert await status(world, campaign_id) is CampaignState.RUNNING
    [event] = await world.events("campaign.reopened")
    assert event["data"]["cause"] == "leads_added"
    assert await world.send(campaign_id) == 1


async def test_a_campaign_that_is_stopped_while_leads_are_inserted_takes_none(world: Any) -> None:
    """The insert goes without the campaign's lock: the look at the end is what counts."""
    campaign_id = await world.running()
    lead_id = await world.lead()
    async with world.database.transaction() as blocker:
        # Keeps the insert waiting at the campaign's row, which its foreign key asks for.
        await blocker.fetch("select from campaign where id = $1 for update", campaign_id)
        late = asyncio.create_task(enrol(world, campaign_id, lead_id))
        await world.until_waiting(late)
        await blocker.execute("update campaign set status = 'stopped' where id = $1", campaign_id)
    with pytest.raises(Conflict):
        await late
    assert await world.value("select count(*) from enrollment") == 0


async def test_many_who_enrol_the_same_leads_at_once_enrol_each_once(world: Any) -> None:
    campaign_id = await world.running()
    ids = [await world.lead() for _ in range(30)]
    answers = await asyncio.gather(*(enrol(world, campaign_id, *some) for some in (ids, ids[::-1], ids, ids[::-1])))
    assert sum(answer.enrolled for answer in answers) == 30
    assert (await world.counts(campaign_id))["waiting"] == 30


# ---- reading


async def test_enrollments_are_paged_and_filtered(world: Any, stranger: Any) -> None:
    campaign_id = await world.running()
    ids = await world.enrolled(campaign_id, count=4)
    await stop(world, ids[1])
    await hold(world, ids[2])

    async def found(**what: Any) -> list[int]:
        ask = {"above": None, "state": None, "cause": None, "limit": 10, **what}
        return [row.id for row in await enrollments.page(*world.key, campaign_id, **ask)]

    assert await found() == ids
    rows = await enrollments.page(*world.key, campaign_id, None, None, None, 2)
    assert [row.id for row in rows] == ids[:2]
    assert await found(above=rows[-1].lead_id) == ids[2:]
    assert await found(state="stopped") == [ids[1]]
    assert await found(cause="manual") == ids[1:3]
    assert rows[0].address == "lead1@example.com"
    assert [row.id for row in await enrollments.of_lead(*world.key, rows[0].lead_id)] == [ids[0]]
    assert await enrollments.find(*world.key, campaign_id, rows[0].lead_id) == rows[0]
    for ask in (
        enrollments.page(*stranger.key, campaign_id, None, None, None, 10),
        enrollments.of_lead(*stranger.key, rows[0].lead_id),
        enrollments.get(*stranger.key, ids[0]),
    ):
        with pytest.raises(NotFound):
            await ask


# ---- stopping


async def test_a_stopped_lead_gets_nothing_more(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    row = await stop(world, enrollment_id)
    assert (row.state, row.cause) == ("stopped", "manual")
    assert await world.send(campaign_id) == 0
    [event] = await world.events("enrollment.stopped")
    assert (event["enrollment_id"], event["data"], event["actor"]) == (enrollment_id, {"cause": "manual"}, world.actor)
    assert await stop(world, enrollment_id) == row
    assert len(await world.events("enrollment.stopped")) == 1


async def test_a_claimed_lead_that_is_stopped_cannot_be_marked(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    claim = await world.claim(campaign_id)
    await stop(world, enrollment_id)
    assert (await world.mark_claimed(campaign_id, claim)).marked == ()
    assert await world.states(enrollment_id) == [("stopped", "manual")]


async def test_a_message_in_transit_finishes_and_nothing_follows_it(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    answer = await world.mark(campaign_id)
    await stop(world, enrollment_id)
    await world.record(campaign_id, answer)
    assert await world.states(enrollment_id) == [("stopped", "manual")]
    assert await world.value("select state from message where enrollment_id = $1", enrollment_id) == "sent"
    world.later(days=10)
    assert await world.send(campaign_id) == 0


async def test_a_deferred_message_of_a_stopped_lead_is_cancelled(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    await world.send(campaign_id, kind=Kind.DEFERRED, code=450)
    await stop(world, enrollment_id)
    rows = await world.fetch("select state, cause from message where enrollment_id = $1", enrollment_id)
    assert [tuple(row) for row in rows] == [("cancelled", "manual")]
    await world.counts(campaign_id)


async def test_a_finished_lead_cannot_be_stopped(world: Any) -> None:
    campaign_id = await world.running(steps=1)
    [enrollment_id] = await world.enrolled(campaign_id)
    await world.send(campaign_id)
    with pytest.raises(Conflict) as caught:
        await stop(world, enrollment_id)
    assert (caught.value.code, caught.value.state) == ("enrollment_finished", "finished")


@pytest.mark.parametrize("verb", [stop, hold])
async def test_a_stop_or_hold_waits_for_a_mark_that_is_inside_the_gate(world: Any, verb: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    async with world.database.transaction() as mark:
        await mark.execute(gate.entering_gate(world.workspace_id))
        late = asyncio.create_task(verb(world, enrollment_id))
        await world.until_waiting(late)
        assert await world.states(enrollment_id) == [("waiting", None)]
    await late
    assert (await world.states(enrollment_id))[0][1] == "manual"


# ---- holding and releasing


async def test_a_held_lead_keeps_its_position_and_goes_on_from_it(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    await world.send(campaign_id)
    world.later(days=1)
    before = await enrollments.get(*world.key, enrollment_id)
    held = await hold(world, enrollment_id)
    assert (held.state, held.cause, held.step, held.due_at) == ("held", "manual", 2, before.due_at)
    assert await hold(world, enrollment_id) == held
    assert await world.send(campaign_id) == 0
    released = await release(world, enrollment_id)
    assert (released.state, released.cause, released.step, released.due_at) == ("waiting", None, 2, before.due_at)
    assert await release(world, enrollment_id) == released
    assert await world.send(campaign_id) == 1
    kinds = [one["kind"] for one in await world.events() if one["kind"] in ("enrollment.held", "enrollment.released")]
    assert kinds == ["enrollment.held", "enrollment.released"]


async def test_a_claimed_lead_that_is_held_cannot_be_marked(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    claim = await world.claim(campaign_id)
    await hold(world, enrollment_id)
    assert (await world.mark_claimed(campaign_id, claim)).marked == ()
    assert await world.states(enrollment_id) == [("held", "manual")]


async def test_a_lead_in_transit_cannot_be_held_since_its_position_is_not_known(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    answer = await world.mark(campaign_id)
    with pytest.raises(Conflict) as caught:
        await hold(world, enrollment_id)
    assert (caught.value.code, caught.value.allowed) == ("enrollment_in_transit", ("stop",))
    await world.record(campaign_id, answer)
    assert (await hold(world, enrollment_id)).step == 2


async def test_a_deferred_lead_keeps_the_time_of_its_next_try_over_a_hold(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    await world.send(campaign_id, kind=Kind.DEFERRED, code=450)
    parked = await enrollments.get(*world.key, enrollment_id)
    await hold(world, enrollment_id)
    released = await release(world, enrollment_id)
    assert parked.not_before is not None
    assert (released.not_before, released.wait_reason) == (parked.not_before, "retry_wait")
    assert await world.send(campaign_id) == 0


async def test_a_stopped_lead_can_neither_be_held_nor_released(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    await stop(world, enrollment_id)
    for verb in (hold, release):
        with pytest.raises(Conflict) as caught:
            await verb(world, enrollment_id)
        assert caught.value.code == "enrollment_stopped"


async def test_a_lead_held_for_an_unknown_message_is_settled_not_released(world: Any) -> None:
    campaign_id = await world.running(on_unknown="hold")
    [enrollment_id] = await world.enrolled(campaign_id)
    await world.send(campaign_id, kind=Kind.UNKNOWN)
    assert await world.states(enrollment_id) == [("held", "unknown_outcome")]
    with pytest.raises(Conflict) as caught:
        await release(world, enrollment_id)
    assert caught.value.code == "unknown_outcome"
    with pytest.raises(Conflict):
        await enrollments.release_held(*world.key, campaign_id, "unknown_outcome", world.actor, world.now)
    assert (await stop(world, enrollment_id)).state == "stopped"


async def test_all_leads_held_for_one_cause_are_released_and_no_others(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrollments, "CHUNK", 2)
    campaign_id, other = await world.running(), await world.running()
    ids = await world.enrolled(campaign_id, count=6)
    [elsewhere] = await world.enrolled(other)
    work = [(one.claimed, "missing_variable") for one in (await world.claim(campaign_id, 5)).work]
    await sending.set_aside(world.database, await world.plan(campaign_id), work, world.worker, world.now)
    await hold(world, ids[5])
    await hold(world, elsewhere)

    released = await enrollments.release_held(*world.key, campaign_id, "missing_variable", world.actor, world.now)

    assert released == 5
    assert await world.states(*ids) == [("waiting", None)] * 5 + [("held", "manual")]
    assert await world.states(elsewhere) == [("held", "manual")]
    assert len(await world.events("enrollment.released")) == 5


async def test_what_was_held_for_review_is_not_held_for_it_again(world: Any) -> None:
    campaign_id = await world.running()
    [enrollment_id] = await world.enrolled(campaign_id)
    await world.send(campaign_id)
    await world.pause(campaign_id, clock="run", on_overdue="review")
    world.later(days=2)
    await world.resume(campaign_id)
    assert await world.send(campaign_id) == 0
    assert await world.states(enrollment_id) == [("held", "overdue_review")]

    await release(world, enrollment_id)

    assert await world.send(campaign_id) == 0, "due a microsecond later: the clock of this test stands still"
    world.later(seconds=1)
    assert await world.send(campaign_id) == 1


async def test_an_enrollment_of_another_workspace_is_not_found(world: Any, stranger: Any) -> None:
    campaign_id = await stranger.running()
    [enrollment_id] = await stranger.enrolled(campaign_id)
    for verb in (stop, hold, release):
        with pytest.raises(NotFound) as caught:
            await verb(world, enrollment_id)
        assert caught.value.code == "enrollment_not_found"
    with pytest.raises(NotFound):
        await enrollments.release_held(*world.key, campaign_id, "manual", world.actor, world.now)


def test_every_fate_of_a_lead_has_a_count() -> None:
    assert {fate.value for fate in EnrolFate} == {"enrolled", "already_enrolled", "suppressed", "rejected"}


async def test_own_fields_count_in_one_campaign_only_and_before_the_leads(world) -> None:
    step = {"subject": "{{ offer }} for {{ first_name }}", "text": "Hello"}
    special, usual = await world.campaign(steps=[step]), await world.campaign(steps=[step])
    lead = LeadInput("kim@example.com", {"first_name": "Kim", "offer": "nothing"}, own_fields={"offer": "10 %"})
    for campaign_id, given in ((special, lead), (usual, replace(lead, own_fields={}))):
        await enrollments.enrol_new(*world.key, campaign_id, [given], False, world.actor, world.now, {"source": "fair"})
        await world.start(campaign_id)
        claim = await world.claim(campaign_id)
        [fields] = [one.claimed.fields for one in claim.work]
        assert fields["offer"] == ("10 %" if campaign_id == special else "nothing") and fields["first_name"] == "Kim"
        [row] = await enrollments.page(*world.key, campaign_id, None, None, None, 10)
        assert row.extra == {"source": "fair"}


async def test_who_begins_is_not_written_to_before_a_time_whatever_the_clock_of_the_campaign(world: Any) -> None:
    campaign_id = await world.running(steps=1)
    [kim] = await world.enrolled(campaign_id)
    until = world.now + timedelta(hours=5)
    given = [LeadInput("late@example.com")]
    await enrollments.enrol_new(*world.key, campaign_id, given, False, world.actor, world.now, None, False, until)
    assert await world.send(campaign_id) == 1
    await world.pause(campaign_id)
    world.later(hours=4)
    await world.resume(campaign_id)
    for minutes, sent in ((59, 0), (2, 1)):
        world.later(minutes=minutes)
        await timers.tick(world.database, world.now)
        assert await world.send(campaign_id) == sent
