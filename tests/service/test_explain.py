from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from caesura.domain.delivery import Kind
from caesura.domain.errors import NotFound
from caesura.domain.explanation import Explanation
from caesura.domain.reasons import Reason
from caesura.service import (
    campaigns,
    definitions,
    enrollments,
    explain,
    holds,
    leads,
    mailboxes,
    sending,
    suppressions,
    workers,
)
from caesura.store import explain as store

DAY = timedelta(days=1)
WINDOW = [{"days": ["mon", "tue", "wed", "thu", "fri"], "start": "10:00", "end": "17:00"}]


async def why(world: Any, enrollment_id: int) -> Explanation:
    return await explain.why_lead(world.database, world.plans, world.workspace_id, enrollment_id, world.now)


async def why_mailbox(world: Any, mailbox_id: int) -> Explanation:
    return await explain.why_mailbox(world.database, world.plans, world.workspace_id, mailbox_id, world.now)


async def why_campaign(world: Any, campaign_id: int) -> Explanation:
    return await explain.why_campaign(world.database, world.plans, world.workspace_id, campaign_id, world.now)


async def place(world: Any, level: str, subject: object = "") -> Any:
    return await holds.place(*world.key, level, str(subject), "manual", "anna", "look into it", world.now)


@pytest.fixture(autouse=True)
async def worker(world: Any) -> str:
    """A worker that is there."""
    await seen(world, world.now + timedelta(days=3650))
    return "host/1/1"


async def seen(world: Any, at: datetime) -> None:
    await workers.see(world.database, "host/1/1", "host", 1, 200, at)


def reasons(answer: Explanation) -> list[Reason]:
    return [answer.reason, *(one.reason for one in answer.also)]


async def one_lead(world: Any, **more: Any) -> tuple[int, int]:
    """(campaign, enrollment): one lead, due at once in a running campaign."""
    campaign_id = await world.running(**more)
    [enrollment_id] = await world.enrolled(campaign_id)
    return campaign_id, enrollment_id


# ---- a lead


async def test_a_due_lead_is_ready(world: Any) -> None:
    _, enrollment_id = await one_lead(world)
    answer = await why(world, enrollment_id)
    assert (reasons(answer), answer.next_at) == ([Reason.READY], world.now)
    assert answer.sentence == "Nothing stands in its way; it goes out with the next free slot."


async def test_a_lead_on_its_way_is_claimed_then_in_transit_then_not_due_then_finished(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    claim = await world.claim(campaign_id)
    answer = await why(world, enrollment_id)
    assert (reasons(answer), answer.facts["worker"]) == ([Reason.CLAIMED], world.worker)
    marked = await world.mark_claimed(campaign_id, claim)
    assert reasons(await why(world, enrollment_id)) == [Reason.IN_TRANSIT]
    await world.record(campaign_id, marked)
    answer = await why(world, enrollment_id)
    assert (reasons(answer), answer.next_at) == ([Reason.NOT_DUE], world.now + DAY)
    assert answer.sentence == "The next step is not due yet; it is due at 2026-03-03T09:00:00Z."
    world.later(days=1)
    await world.send(campaign_id)
    answer = await why(world, enrollment_id)
    assert (reasons(answer), answer.next_at) == ([Reason.FINISHED], None)


async def test_a_lead_in_a_draft_says_so(world: Any) -> None:
    campaign_id = await world.campaign()
    [enrollment_id] = await world.enrolled(campaign_id)
    assert reasons(await why(world, enrollment_id)) == [Reason.CAMPAIGN_DRAFT]


async def test_a_lead_in_a_paused_campaign_says_who_paused_it_and_when_it_goes_on(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    await world.send(campaign_id)
    resume_at = world.now + timedelta(hours=5)
    await world.pause(campaign_id, reason="wrong price", resume_at=resume_at)
    world.later(hours=3)
    answer = await why(world, enrollment_id)
    assert reasons(answer) == [Reason.CAMPAIGN_PAUSED, Reason.NOT_DUE]
    assert (
        answer.sentence
        == "The campaign is paused by user:test (manual): “wrong price”; it resumes at 2026-03-02T14:00:00Z."
    )
    assert (answer.facts["actor"], answer.facts["reason"]) == ("user:test", "wrong price")
    assert answer.next_at == resume_at + DAY, "the day to wait has not begun to pass: the clock is frozen"


async def test_without_a_planned_resume_nobody_knows_when_it_goes_on(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    await world.send(campaign_id)
    await world.pause(campaign_id)
    answer = await why(world, enrollment_id)
    assert answer.next_at is None
    assert answer.also[0].facts == {"seconds_left": 86_400.0}


async def test_the_date_of_a_due_time_counts_the_pauses_that_were(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    await world.send(campaign_id)
    await world.pause(campaign_id)
    world.later(hours=10)
    await world.resume(campaign_id)
    answer = await why(world, enrollment_id)
    assert (answer.reason, answer.next_at) == (Reason.NOT_DUE, world.now + DAY)


async def test_holds_at_all_five_levels_are_named_the_most_general_first(world: Any) -> None:
    mailbox_id = await world.mailbox("anna")
    campaign_id, enrollment_id = await one_lead(world, pool=await world.pool(mailbox_id))
    lead_id = (await enrollments.get(*world.key, enrollment_id)).lead_id
    subjects = {
        "lead": lead_id,
        "domain": "example.com",
        "campaign": campaign_id,
        "workspace": "",
        "mailbox": mailbox_id,
    }
    for level, subject in subjects.items():
        await place(world, level, subject)
    answer = await why(world, enrollment_id)
    assert reasons(answer)[:2] == [Reason.WORKSPACE_HOLD, Reason.CAMPAIGN_HOLD]
    assert set(reasons(answer)[2:4]) == {Reason.LEAD_HOLD, Reason.DOMAIN_HOLD}
    assert reasons(answer)[4:] == [Reason.NO_USABLE_MAILBOX]
    assert answer.sentence == "Everything in the workspace is on hold, placed by anna (manual): “look into it”."
    assert (answer.facts["reason"], answer.next_at) == ("look into it", None)


async def test_a_hold_of_another_subject_is_not_named(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    other_campaign, other_lead, other_mailbox = await world.running(), await world.lead(), await world.mailbox()
    for level, subject in (
        ("lead", other_lead),
        ("domain", "other.example"),
        ("campaign", other_campaign),
        ("mailbox", other_mailbox),
    ):
        await place(world, level, subject)
    released = await place(world, "lead", (await enrollments.get(*world.key, enrollment_id)).lead_id)
    await holds.release(*world.key, released.id, world.actor, world.now)
    assert reasons(await why(world, enrollment_id)) == [Reason.READY]
    assert reasons(await why_campaign(world, campaign_id)) == [Reason.READY]


async def test_a_lead_that_met_a_hold_names_it_once(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    claim = await world.claim(campaign_id)
    await place(world, "domain", "example.com")
    await world.mark_claimed(campaign_id, claim)
    assert await world.states(enrollment_id) == [("held", "domain_hold")]
    answer = await why(world, enrollment_id)
    assert reasons(answer) == [Reason.DOMAIN_HOLD]
    assert answer.sentence == "The recipient's domain example.com is on hold, placed by anna (manual): “look into it”."


async def test_a_follow_up_hangs_on_the_mailbox_of_the_first_message(world: Any) -> None:
    anna, ben = await world.mailbox("anna"), await world.mailbox("ben")
    campaign_id, enrollment_id = await one_lead(world, pool=await world.pool(anna, ben))
    await world.send(campaign_id)
    world.later(days=1)
    used = (await enrollments.get(*world.key, enrollment_id)).mailbox_id
    await place(world, "mailbox", ben if used == anna else anna)
    assert reasons(await why(world, enrollment_id)) == [Reason.READY]
    await place(world, "mailbox", used)
    answer = await why(world, enrollment_id)
    name = "anna" if used == anna else "ben"
    assert (answer.reason, answer.sentence) == (
        Reason.MAILBOX_HOLD,
        f"The mailbox {name} is on hold, placed by anna (manual): “look into it”.",
    )


async def test_a_suppressed_lead_is_never_written_to_even_before_it_is_stopped(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    claim = await world.claim(campaign_id)
    await suppressions.suppress(*world.key, "example.com", "anna", world.now)
    answer = await why(world, enrollment_id)
    assert reasons(answer) == [Reason.SUPPRESSED, Reason.CLAIMED]
    assert answer.facts["kind"] == "domain"
    await world.mark_claimed(campaign_id, claim)
    answer = await why(world, enrollment_id)
    assert reasons(answer) == [Reason.STOPPED_SUPPRESSED]
    assert answer.sentence == "The address or its domain was suppressed by anna, so the sequence ended."


async def test_a_lead_that_lacks_a_variable_says_which(world: Any) -> None:
    steps = [{"subject": "{{ city }}", "text": "{{ street }} {{ name }}"}]
    campaign_id = await world.running(steps=steps, defaults={"name": "you"})
    lead_id = await world.lead()
    [enrollment_id] = await world.enrolled(campaign_id, lead_id)
    [work] = (await world.claim(campaign_id)).work
    for_want = [(work.claimed, "missing_variable")]
    await sending.set_aside(world.database, await world.plan(campaign_id), for_want, world.worker, world.now)
    answer = await why(world, enrollment_id)
    assert reasons(answer) == [Reason.MISSING_VARIABLE]
    assert answer.sentence == "The lead has no value for a variable that the step needs: city, street."


@pytest.mark.parametrize(
    ("cause", "reason", "sentence"),
    [
        ("header_injection", Reason.RENDER_FAILED, "The step could not be filled in for this lead: header injection."),
        ("manual", Reason.HELD_OTHER, "The lead is held in this campaign (manual) until somebody settles it."),
        ("overdue_review", Reason.OVERDUE_REVIEW, None),
        ("ledger_conflict", Reason.HELD_OTHER, None),
    ],
)
async def test_a_held_lead_says_what_must_be_settled(
    world: Any, cause: str, reason: Reason, sentence: str | None
) -> None:
    _, enrollment_id = await one_lead(world)
    await enrollments.hold(*world.key, enrollment_id, world.actor, world.now, cause)
    answer = await why(world, enrollment_id)
    assert (reasons(answer), answer.next_at) == ([reason], None)
    assert sentence is None or answer.sentence == sentence


async def test_a_lead_whose_message_is_unknown_says_so(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world, on_unknown="hold")
    await world.send(campaign_id, kind=Kind.UNKNOWN)
    answer = await why(world, enrollment_id)
    assert reasons(answer) == [Reason.UNKNOWN_OUTCOME]
    assert "to step 1" in answer.sentence


async def test_a_deferred_lead_says_what_the_server_said_and_when_it_tries_again(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    await world.send(campaign_id, kind=Kind.DEFERRED, code=450, text="4.2.2 mailbox full")
    answer = await why(world, enrollment_id)
    assert reasons(answer) == [Reason.RETRY_WAIT]
    assert "(450 4.2.2 mailbox full)" in answer.sentence
    assert answer.next_at == (await enrollments.get(*world.key, enrollment_id)).not_before


async def test_a_stopped_lead_says_why(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    await world.send(campaign_id, kind=Kind.REJECTED, stage="rcpt", code=550, enhanced="5.1.1", text="no such user")
    answer = await why(world, enrollment_id)
    assert (answer.reason, answer.next_at, answer.also) == (Reason.STOPPED_BOUNCED, None, ())
    assert "550" in answer.sentence


async def test_a_lead_waits_for_the_window_of_its_own_zone(world: Any) -> None:
    campaign_id = await world.running(windows=WINDOW, window_zone="lead", zone="UTC")
    [here] = await world.enrolled(campaign_id, await world.lead())
    [tokyo] = await world.enrolled(campaign_id, await world.lead(zone="Asia/Tokyo"))
    [berlin] = await world.enrolled(campaign_id, await world.lead(zone="Europe/Berlin"))
    answer = await why(world, here)
    assert (reasons(answer), answer.next_at) == ([Reason.OUTSIDE_WINDOW], datetime(2026, 3, 2, 10, tzinfo=UTC))
    answer = await why(world, tokyo)
    assert answer.next_at == datetime(2026, 3, 3, 1, tzinfo=UTC)
    assert "Asia/Tokyo" in answer.sentence
    assert reasons(await why(world, berlin)) == [Reason.READY]
    assert reasons(await why_campaign(world, campaign_id)) == [Reason.READY]
    await world.send(campaign_id)
    answer = await why(world, tokyo)
    assert (reasons(answer), answer.next_at) == ([Reason.OUTSIDE_WINDOW], datetime(2026, 3, 3, 1, tzinfo=UTC))


async def test_a_step_with_a_fixed_date_waits_for_it(world: Any) -> None:
    steps = [{"subject": "Hi", "text": "x", "send_at": "2026-03-09T08:00:00Z"}]
    _, enrollment_id = await one_lead(world, steps=steps)
    answer = await why(world, enrollment_id)
    assert (reasons(answer), answer.next_at) == ([Reason.FIXED_DATE], datetime(2026, 3, 9, 8, tzinfo=UTC))


async def test_an_opening_waits_for_the_quota_of_new_leads_and_a_follow_up_does_not(world: Any) -> None:
    steps = [{"subject": "Hi", "text": "x"}, {"text": "y", "delay": "1h"}]
    campaign_id = await world.running(steps=steps, limits={"daily_new": 1})
    opened, unopened = await world.enrolled(campaign_id, count=2)
    assert await world.send(campaign_id) == 1
    world.later(hours=1)
    answer = await why(world, unopened)
    assert (reasons(answer), answer.next_at) == ([Reason.CAMPAIGN_DAILY_NEW], datetime(2026, 3, 3, tzinfo=UTC))
    assert "today, 1;" in answer.sentence
    assert reasons(await why(world, opened)) == [Reason.READY]


async def test_a_lead_of_another_workspace_is_not_found(world: Any, stranger: Any) -> None:
    campaign_id, enrollment_id = await one_lead(stranger)
    with pytest.raises(NotFound, match="enrollment"):
        await why(world, enrollment_id)
    with pytest.raises(NotFound, match="campaign"):
        await why_campaign(world, campaign_id)
    with pytest.raises(NotFound, match="mailbox"):
        await why_mailbox(world, await stranger.mailbox())


# ---- a mailbox


async def test_a_mailbox_with_nothing_in_its_way_is_ready_and_says_for_how_many(world: Any) -> None:
    mailbox_id = await world.mailbox()
    pool = await world.pool(mailbox_id)
    await world.running(pool=pool)
    await world.campaign(pool=pool)
    answer = await why_mailbox(world, mailbox_id)
    assert (reasons(answer), answer.counts) == ([Reason.READY], {"campaigns": 2, "running_campaigns": 1})


async def test_a_mailbox_at_its_daily_cap_waits_for_the_next_day(world: Any) -> None:
    mailbox_id = await world.mailbox("anna", {"daily_cap": 2})
    campaign_id = await world.running(pool=await world.pool(mailbox_id))
    ids = await world.enrolled(campaign_id, count=3)
    assert await world.send(campaign_id) == 2
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    for answer in (
        await why_mailbox(world, mailbox_id),
        await why(world, ids[2]),
        await why_campaign(world, campaign_id),
    ):
        assert (reasons(answer), answer.next_at) == ([Reason.DAILY_CAP], midnight)
        assert answer.sentence == "The mailbox anna has used its daily cap of 2; it goes on at 2026-03-03T00:00:00Z."
    await world.send(campaign_id)  # the claim notes the wait in the row
    assert reasons(await why_mailbox(world, mailbox_id)) == [Reason.DAILY_CAP]
    assert reasons(await why(world, ids[2])) == [Reason.DAILY_CAP]


async def test_a_mailbox_keeps_its_gap(world: Any) -> None:
    mailbox_id = await world.mailbox("anna", {"gap_seconds": 600})
    campaign_id = await world.running(pool=await world.pool(mailbox_id))
    _, second = await world.enrolled(campaign_id, count=2)
    marked = await world.mark(campaign_id)
    assert (await why_mailbox(world, mailbox_id)).reason is Reason.GAP
    await world.record(campaign_id, marked)
    answer = await why(world, second)
    assert (reasons(answer), answer.next_at) == ([Reason.GAP], world.now + timedelta(minutes=10))


async def test_a_mailbox_waits_for_its_own_window(world: Any) -> None:
    mailbox_id = await world.mailbox("anna", windows=WINDOW, zone="America/New_York")
    answer = await why_mailbox(world, mailbox_id)
    assert (reasons(answer), answer.next_at) == ([Reason.OUTSIDE_WINDOW], datetime(2026, 3, 2, 15, tzinfo=UTC))
    assert "America/New_York" in answer.sentence


async def test_a_mailbox_whose_server_is_away_says_so(world: Any) -> None:
    mailbox_id = await world.mailbox("anna")
    until = world.now + timedelta(minutes=4)
    await sending.put_off_mailbox(world.database, world.workspace_id, mailbox_id, until, "server_unreachable")
    answer = await why_mailbox(world, mailbox_id)
    assert (reasons(answer), answer.next_at) == ([Reason.SERVER_UNREACHABLE], until)
    assert "The server of the mailbox anna cannot be reached" in answer.sentence


async def test_an_archived_or_held_mailbox_says_so(world: Any) -> None:
    mailbox_id = await world.mailbox("anna")
    await mailboxes.archive(*world.key, mailbox_id, True, world.actor, world.now)
    await place(world, "mailbox", mailbox_id)
    await place(world, "workspace")
    answer = await why_mailbox(world, mailbox_id)
    assert reasons(answer) == [Reason.WORKSPACE_HOLD, Reason.MAILBOX_HOLD, Reason.NO_USABLE_MAILBOX]


# ---- a campaign


async def test_a_campaign_without_leads_or_a_pool_says_both(world: Any) -> None:
    campaign_id = await world.campaign(steps=[])
    answer = await why_campaign(world, campaign_id)
    assert reasons(answer) == [Reason.CAMPAIGN_DRAFT, Reason.NO_STEPS, Reason.NO_LEADS]
    assert answer.next_at is None


async def test_a_pool_without_a_usable_mailbox_names_each_with_its_cause_and_hold(world: Any) -> None:
    anna, bert = await world.mailbox("anna"), await world.mailbox("bert")
    campaign_id = await world.running(pool=await world.pool(anna, bert))
    await world.enrolled(campaign_id)
    hold = await place(world, "mailbox", anna)
    await mailboxes.archive(*world.key, bert, True, world.actor, world.now)
    answer = await why_campaign(world, campaign_id)
    bars = f"anna is on hold (manual, hld_{hold.id}); bert is archived"
    assert answer.sentence == f"No mailbox of the pool can be used: {bars}."
    [found] = [one for one in await definitions.check(*world.key, campaign_id) if one.blocks]
    assert found.detail == f"no mailbox of the pool can send: {bars}"


async def test_a_campaign_says_its_status_and_its_numbers(world: Any) -> None:
    campaign_id = await world.running(steps=1)
    ids = await world.enrolled(campaign_id, count=4)
    await world.send(campaign_id, limit=1)
    await world.hold(ids[2])
    await enrollments.stop(*world.key, ids[3], world.actor, world.now)
    await world.mark(campaign_id)
    await world.pause(campaign_id)
    answer = await why_campaign(world, campaign_id)
    assert reasons(answer) == [Reason.CAMPAIGN_PAUSED]
    counts = {name: number for name, number in answer.counts.items() if number}
    assert counts == {
        "claimed": 1,
        "held": 1,
        "finished": 1,
        "stopped": 1,
        "sent": 1,
        "in_transit": 1,
        "held_manual": 1,
    }


async def test_a_campaign_in_which_all_are_held_names_the_causes(world: Any) -> None:
    campaign_id = await world.running()
    ids = await world.enrolled(campaign_id, count=3)
    for one, cause in zip(ids, ("manual", "overdue_review", "overdue_review"), strict=True):
        await enrollments.hold(*world.key, one, world.actor, world.now, cause)
    answer = await why_campaign(world, campaign_id)
    assert set(reasons(answer)) == {Reason.OVERDUE_REVIEW, Reason.HELD_OTHER}
    assert (answer.counts["held_overdue_review"], answer.counts["held_manual"]) == (2, 1)


async def test_a_completed_archived_campaign_says_so(world: Any) -> None:
    campaign_id = await world.running(steps=1)
    await world.enrolled(campaign_id)
    await world.send(campaign_id)
    await campaigns.complete(*world.key, campaign_id, world.now)
    await campaigns.archive(*world.key, campaign_id, True, world.actor, world.now)
    answer = await why_campaign(world, campaign_id)
    assert reasons(answer)[:2] == [Reason.CAMPAIGN_COMPLETED, Reason.CAMPAIGN_ARCHIVED]


async def test_a_campaign_outside_its_window_says_when_it_opens(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world, windows=WINDOW, zone="America/New_York")
    opens = datetime(2026, 3, 2, 15, tzinfo=UTC)
    for answer in (await why_campaign(world, campaign_id), await why(world, enrollment_id)):
        assert (reasons(answer), answer.next_at) == ([Reason.OUTSIDE_WINDOW], opens)


async def test_a_campaign_at_its_daily_total_says_so(world: Any) -> None:
    campaign_id = await world.running(limits={"daily_total": 1})
    await world.enrolled(campaign_id, count=2)
    await world.send(campaign_id)
    answer = await why_campaign(world, campaign_id)
    assert (reasons(answer), answer.facts["limit"]) == ([Reason.CAMPAIGN_DAILY_TOTAL], 1)


async def test_a_campaign_with_nothing_due_says_until_when(world: Any) -> None:
    mailbox_ids = [await world.mailbox() for _ in range(3)]
    campaign_id = await world.running(pool=await world.pool(*mailbox_ids))
    ids = await world.enrolled(campaign_id, count=6)
    await world.send(campaign_id)
    assert len({(await enrollments.get(*world.key, one)).mailbox_id for one in ids}) == 3
    answer = await why_campaign(world, campaign_id)
    assert (reasons(answer), answer.next_at) == ([Reason.NOT_DUE], world.now + DAY)
    world.later(hours=1)
    await world.enrolled(campaign_id)
    assert reasons(await why_campaign(world, campaign_id)) == [Reason.READY]


async def test_a_campaign_whose_leads_are_parked_says_until_when(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    await world.send(campaign_id, kind=Kind.DEFERRED, code=450)
    answer = await why_campaign(world, campaign_id)
    until = (await enrollments.get(*world.key, enrollment_id)).not_before
    assert (reasons(answer), answer.next_at) == ([Reason.RETRY_WAIT], until)


async def test_a_campaign_with_something_in_transit_and_nothing_in_its_way_is_under_way(world: Any) -> None:
    campaign_id, _ = await one_lead(world)
    await world.mark(campaign_id)
    assert reasons(await why_campaign(world, campaign_id)) == [Reason.IN_TRANSIT]


async def test_one_mailbox_that_can_send_is_enough_for_a_campaign(world: Any) -> None:
    full, free = await world.mailbox("full", {"daily_cap": 1}), await world.mailbox("free", {"gap_seconds": 60})
    campaign_id = await world.running(pool=await world.pool(full, free))
    await world.enrolled(campaign_id, count=5)
    await world.send(campaign_id)
    answer = await why_campaign(world, campaign_id)
    assert (answer.reason, answer.next_at) == (Reason.GAP, world.now + timedelta(minutes=1))
    world.later(minutes=1)
    assert reasons(await why_campaign(world, campaign_id)) == [Reason.READY]


async def test_what_is_asked_of_many_leads_is_answered_from_the_index(world: Any) -> None:
    campaign_id = await world.running()
    other = await world.running()
    lead_id = await world.lead()
    await world.fetch(
        """
        with many as (
          insert into lead (workspace_id, address, address_key, domain, fields, created_at, updated_at)
          select $1, n || '@example.com', n || '@example.com', 'example.com', '{}', $2, $2
          from generate_series(1, 10000) n returning id)
        insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at, mailbox_id)
        select $1, c, id, $2, $2, $2, nullif(id % 20, 0) from many, unnest($3::bigint[]) c
        """,
        world.workspace_id,
        world.now,
        [campaign_id, other],
    )
    await world.enrolled(campaign_id, lead_id)
    await world.fetch("analyze enrollment")
    async with world.database.connection() as connection:
        rows = await connection.fetch(
            "explain (analyze, buffers, timing off) " + store.SQL["earliest_due"], world.workspace_id, campaign_id
        )
        plan = "\n".join(row[0] for row in rows)
        assert await store.earliest_due(connection, world.workspace_id, campaign_id) == world.now
    assert "Seq Scan" not in plan, plan
    assert "Sort" not in plan, plan
    pages = int(rows[1][0].split("hit=")[1].split()[0])
    assert pages < 200, plan


async def test_a_lead_that_is_mended_is_ready_again(world: Any) -> None:
    campaign_id = await world.running(steps=[{"subject": "{{ city }}", "text": "x"}])
    lead_id = await world.lead()
    [enrollment_id] = await world.enrolled(campaign_id, lead_id)
    [work] = (await world.claim(campaign_id)).work
    for_want = [(work.claimed, "missing_variable")]
    await sending.set_aside(world.database, await world.plan(campaign_id), for_want, world.worker, world.now)
    change = leads.LeadChange(fields={"city": "Ulm"})
    await leads.change(*world.key, lead_id, change, world.actor, world.now)
    assert reasons(await why(world, enrollment_id)) == [Reason.READY]


async def test_what_nobody_is_there_to_send_says_so(world: Any) -> None:
    campaign_id, enrollment_id = await one_lead(world)
    [mailbox_id] = [row.id for row in await mailboxes.page(world.database, world.workspace_id, None, 10)]
    asked = [(why, enrollment_id), (why_mailbox, mailbox_id), (why_campaign, campaign_id)]
    for ask, subject in asked:
        assert reasons(await ask(world, subject)) == [Reason.READY]
    await seen(world, world.now - timedelta(seconds=16))
    for ask, subject in asked:
        answer = await ask(world, subject)
        assert (reasons(answer), answer.next_at) == ([Reason.NO_WORKER], None)
    await workers.forget(world.database, "host/1/1")
    assert reasons(await why(world, enrollment_id)) == [Reason.NO_WORKER]
    # It is named only where nothing else is in the way.
    await place(world, "lead", (await enrollments.get(world.database, world.workspace_id, enrollment_id)).lead_id)
    assert reasons(await why(world, enrollment_id)) == [Reason.LEAD_HOLD]
