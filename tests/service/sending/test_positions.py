"""G2 to G5: exact positions through pauses, outcomes of every kind, and lost workers."""

from datetime import timedelta

import pytest

from caesura.domain.delivery import Kind
from caesura.domain.errors import Conflict
from caesura.service import campaigns, enrollments, recovery, timers


async def states(engine) -> list[tuple]:
    rows = await engine.rows("select step, state, cause from enrollment order by id")
    return [tuple(row.values()) for row in rows]


async def test_a_sequence_runs_to_its_end_and_the_campaign_completes(engine) -> None:
    await engine.build(leads=3)
    assert await engine.send() == 3
    assert await engine.send() == 0
    engine.wait(days=1)
    assert await engine.send() == 3
    engine.wait(days=2)
    assert await engine.send() == 3
    await timers.tick(engine.database, engine.now)
    found = await engine.status()
    assert (found.campaign.status, found.counters.finished, found.counters.sent) == ("completed", 3, 9)


async def test_a_frozen_pause_keeps_the_waiting_time_that_was_left(engine) -> None:
    await engine.build(leads=2)
    await engine.send()
    engine.wait(hours=6)
    await engine.pause()
    engine.wait(days=10)
    await engine.resume()
    assert await engine.send() == 0
    engine.wait(hours=17, minutes=59)
    assert await engine.send() == 0
    engine.wait(minutes=1)
    assert await engine.send() == 2


async def test_a_pause_whose_clock_runs_makes_everything_due_at_the_resume(engine) -> None:
    await engine.build(leads=2)
    await engine.send()
    await engine.pause(clock="run")
    engine.wait(days=2)
    await engine.resume()
    assert await engine.send() == 2


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("skip", (3, "waiting", None)), ("review", (2, "held", "overdue_review"))],
)
async def test_what_fell_due_in_a_pause_is_treated_as_the_pause_says(engine, policy, expected) -> None:
    await engine.build(leads=1)
    await engine.send()
    await engine.pause(clock="run", on_overdue=policy)
    engine.wait(days=2)
    await engine.resume()
    assert await engine.send() == 0
    assert await states(engine) == [expected]


async def test_what_fell_due_between_two_pauses_is_not_overdue(engine) -> None:
    await engine.build(leads=1)
    await engine.send()
    for _ in range(2):
        await engine.pause(clock="run", on_overdue="skip")
        engine.wait(hours=1)
        await engine.resume()
        engine.wait(hours=23)
    assert await engine.send() == 1


async def test_what_was_due_before_a_frozen_pause_whose_clock_was_let_run_is_not_overdue(engine) -> None:
    await engine.build(leads=1)
    await engine.send()
    engine.wait(days=1, minutes=1)
    await engine.pause(on_overdue="skip")
    engine.wait(hours=1)
    await engine.pause(clock="run")
    engine.wait(hours=1)
    await engine.resume()
    assert await engine.send() == 1


async def test_what_is_left_of_an_earlier_pause_is_still_overdue(engine) -> None:
    await engine.build(leads=1)
    await engine.send()
    for hours in (25, 1):
        await engine.pause(clock="run", on_overdue="review")
        engine.wait(hours=hours)
        await engine.resume()
    assert await engine.send() == 0
    assert await states(engine) == [(2, "held", "overdue_review")]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("review", "skip", (2, "held", "overdue_review")),
        ("review", "spread", (2, "held", "overdue_review")),
        ("skip", "review", (3, "waiting", None)),
        ("spread", "skip", (3, "waiting", None)),
    ],
)
async def test_each_pause_keeps_its_own_choice_for_what_fell_due_in_it(engine, first, second, expected) -> None:
    await engine.build(leads=1)
    await engine.send()
    for hours, policy in ((25, first), (1, second)):
        await engine.pause(clock="run", on_overdue=policy)
        engine.wait(hours=hours)
        await engine.resume()
    assert await engine.send() == (1 if first == "spread" else 0)
    assert await states(engine) == [expected]


async def test_a_pause_to_spread_does_not_take_what_falls_due_in_it_for_overdue(engine) -> None:
    await engine.build(leads=1)
    await engine.send()
    for hours, policy in ((1, "skip"), (24, "spread"), (1, "review")):
        await engine.pause(clock="run", on_overdue=policy)
        engine.wait(hours=hours)
        await engine.resume()
    assert await engine.send() == 1


async def test_a_pause_tells_what_is_in_transit_and_when_it_fell_quiet(engine) -> None:
    await engine.build(leads=5)
    answer = await engine.mark((await engine.claim())[:2])
    paused = await engine.pause(reason="wrong price")
    assert (paused.in_transit, paused.held, paused.campaign.quiesced_at) == (2, 3, None)
    assert (paused.campaign.cause, paused.campaign.actor, paused.campaign.reason) == ("manual", "test", "wrong price")
    engine.wait(seconds=3)
    await engine.record(answer.marked, Kind.ACCEPTED)
    quiet = await engine.status()
    assert (quiet.in_transit, quiet.campaign.quiesced_at) == (0, engine.now)


async def test_pausing_twice_changes_only_what_is_given(engine) -> None:
    await engine.build()
    first = await engine.pause(reason="one")
    engine.wait(hours=1)
    again = await engine.pause(new_leads="reject")
    assert again.campaign.paused_at == first.campaign.paused_at
    assert again.campaign.reason == "one"
    assert again.campaign.new_leads == "reject"


async def test_a_stopped_campaign_cannot_pause_and_says_so(engine) -> None:
    await engine.build()
    await campaigns.stop(engine.database, engine.workspace, engine.campaign, None, "me", engine.now)
    with pytest.raises(Conflict) as caught:
        await engine.pause()
    assert (caught.value.state, caught.value.allowed) == ("stopped", ())


async def test_a_deferred_message_goes_out_again_under_the_same_id_and_not_in_the_same_minute(engine) -> None:
    await engine.build(leads=1)
    answer = await engine.mark(await engine.claim())
    [before] = await engine.rows("select message_id from message")
    await engine.record(answer.marked, Kind.DEFERRED, stage="rcpt", code=451, enhanced="4.3.0")
    engine.wait(seconds=61)
    await timers.tick(engine.database, engine.now)
    assert await engine.claim() == []
    engine.wait(minutes=10)
    await timers.tick(engine.database, engine.now)
    assert await engine.send() == 1
    assert await engine.rows("select message_id, state, attempt from message") == [
        {**before, "state": "sent", "attempt": 2}
    ]


async def test_a_bad_address_stops_the_lead_and_a_refused_login_does_not(engine) -> None:
    await engine.build(leads=2)
    answer = await engine.mark(await engine.claim())
    await engine.record(answer.marked[:1], Kind.REJECTED, stage="rcpt", code=550, enhanced="5.1.1")
    await engine.record(answer.marked[1:], Kind.REJECTED, stage="mail", code=530, enhanced="5.7.0")
    assert await states(engine) == [(1, "stopped", "bounced"), (1, "waiting", None)]
    assert await engine.rows("select state, cause from message order by enrollment_id") == [
        {"state": "rejected", "cause": "unknown_recipient"},
        {"state": "cancelled", "cause": "authentication"},
    ]


@pytest.mark.parametrize(
    ("policy", "expected"), [("continue", (2, "waiting", None)), ("hold", (1, "held", "unknown_outcome"))]
)
async def test_an_unknown_message_is_never_sent_again(engine, policy, expected) -> None:
    await engine.build(leads=1, on_unknown=policy)
    answer = await engine.mark(await engine.claim())
    await engine.record(answer.marked, Kind.UNKNOWN)
    assert await states(engine) == [expected]
    engine.wait(hours=12)
    assert await engine.send() == 0


async def test_what_a_dead_worker_had_is_unknown_if_it_was_marked_and_waits_if_it_was_not(engine) -> None:
    await engine.build(leads=3)
    ready = await engine.claim("dead")
    await engine.mark(ready[:1], "dead")
    found = await recovery.bury(engine.database, engine.plans, "dead", engine.now)
    assert (found.unknown, found.returned) == (1, 2)
    assert await engine.send("alive") == 2
    assert [row["state"] for row in await engine.rows("select state from message order by enrollment_id")] == [
        "unknown",
        "sent",
        "sent",
    ]


async def test_the_late_word_of_the_worker_that_sent_it_settles_an_unknown_message(engine) -> None:
    await engine.build(leads=1)
    answer = await engine.mark(await engine.claim("slow"), "slow")
    engine.wait(seconds=61)
    await recovery.recover(engine.database, engine.plans, engine.now)
    await engine.record(answer.marked, Kind.ACCEPTED, "other")
    assert (await engine.status()).counters.unknown == 1
    await engine.record(answer.marked, Kind.ACCEPTED, "slow")
    counters = (await engine.status()).counters
    assert (counters.unknown, counters.sent) == (0, 1)
    assert await states(engine) == [(2, "waiting", None)]


async def test_a_claim_whose_lease_ran_out_cannot_be_marked(engine) -> None:
    await engine.build(leads=2)
    ready = await engine.claim("slow")
    engine.wait(seconds=61)
    answer = await engine.mark(ready, "slow")
    assert (answer.marked, set(answer.refused.values())) == ((), {"lease_lost"})


async def test_a_step_that_the_ledger_has_already_is_not_sent_twice(engine) -> None:
    await engine.build(leads=1)
    await engine.send()
    async with engine.database.transaction() as tx:
        await tx.execute("update enrollment set step = 1, due_at = $1", engine.now - timedelta(days=1))
    assert await engine.send() == 0
    assert await states(engine) == [(1, "held", "ledger_conflict")]
    assert (await engine.status()).counters.sent == 1


async def test_counters_equal_a_full_count(engine) -> None:
    await engine.build(leads=20)
    answer = await engine.mark(await engine.claim(limit=12))
    await engine.record(answer.marked[:4], Kind.ACCEPTED)
    await engine.record(answer.marked[4:6], Kind.REJECTED, stage="rcpt", code=550, enhanced="5.1.1")
    await engine.record(answer.marked[6:8], Kind.UNKNOWN)
    counters = (await engine.status()).counters
    counted = await engine.rows(
        "select state, count(*) from enrollment group by 1 union all select state, count(*) from message group by 1"
    )
    full = {row["state"]: row["count"] for row in counted}
    for state, count in full.items():
        assert getattr(counters, state) == count
    assert counters.enrolled == 20


@pytest.mark.parametrize("policy", ["skip", "review"])
async def test_what_a_review_lets_go_on_during_the_next_pause_is_sent_after_it(engine, policy) -> None:
    await engine.build(leads=1)
    await engine.send()
    await engine.pause(clock="run", on_overdue="review")
    engine.wait(days=2)
    await engine.resume()
    assert await engine.send() == 0
    engine.wait(minutes=1)
    await engine.pause(clock="run", on_overdue=policy)
    engine.wait(hours=1)
    await enrollments.release_held(
        engine.database, engine.workspace, engine.campaign, "overdue_review", "test", engine.now
    )
    engine.wait(hours=1)
    await engine.resume()
    assert await engine.send() == 1
