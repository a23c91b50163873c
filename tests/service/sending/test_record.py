"""What a record does beyond the plain course: late words, and places of the day that come back."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from caesura.domain.delivery import Delivery, Kind
from caesura.service import campaigns, definitions, enrollments, recovery, sending, suppressions, timers


async def only(engine, query: str) -> tuple:
    [row] = await engine.rows(query)
    return tuple(row.values())


@pytest.mark.parametrize(
    ("kind", "reply", "expected"),
    [
        (Kind.ACCEPTED, {}, ("sent", 2, "waiting", None)),
        (Kind.REJECTED, {"stage": "rcpt", "code": 550, "enhanced": "5.1.1"}, ("rejected", 1, "stopped", "bounced")),
    ],
)
async def test_a_late_word_also_frees_the_lead_that_was_held_for_it(engine, kind, reply, expected) -> None:
    await engine.build(leads=1, on_unknown="hold")
    answer = await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    assert await only(engine, "select state, cause from enrollment") == ("held", "unknown_outcome")
    await engine.record(answer.marked, kind, **reply)
    state = "select m.state as s, e.step, e.state, e.cause from message m join enrollment e on e.id = m.enrollment_id"
    assert await only(engine, state) == expected


@pytest.mark.parametrize(
    ("kind", "reply", "state", "cause"),
    [
        (Kind.DEFERRED, {"stage": "rcpt", "code": 450}, "deferred", "recipient_busy"),
        (Kind.DEFERRED, {"stage": "content", "code": 451}, "deferred", "try_later"),
        (Kind.NOT_SENT, {"stage": "queue"}, "cancelled", "not_begun"),
    ],
)
async def test_a_late_word_that_it_was_not_taken_lets_the_lead_go_on_from_the_same_step(
    engine, kind, reply, state, cause
) -> None:
    await engine.build(leads=1, on_unknown="hold", limits={"daily_cap": 5})
    answer = await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    assert await engine.mark(await engine.claim("w2"), "w2") == sending.MarkAnswer()
    await engine.record(answer.marked, kind, **reply)
    assert await only(engine, "select state, cause from message") == (state, cause)
    assert await only(engine, "select step, state, cause, claimed_by from enrollment") == (1, "waiting", None, None)
    assert await only(engine, "select used from mailbox_pace") == (0,)
    engine.wait(minutes=10)
    await timers.tick(engine.database, engine.now)
    assert await engine.send("w2") == 1
    assert await only(engine, "select state, attempt, worker from message") == ("sent", 2, "w2")
    # The same word once more is of an attempt that is over.
    await engine.record(answer.marked, kind, **reply)
    assert await only(engine, "select m.state, e.step from message m, enrollment e") == ("sent", 2)


@pytest.mark.parametrize(("worker", "attempt"), [("w2", 1), ("w1", 2)])
async def test_a_late_word_of_another_worker_or_attempt_settles_nothing(engine, worker, attempt) -> None:
    await engine.build(leads=1, on_unknown="hold")
    [one] = (await engine.mark(await engine.claim())).marked
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    await engine.record([replace(one, attempt=attempt)], Kind.DEFERRED, worker, stage="rcpt", code=450)
    assert await only(engine, "select m.state, e.state as s from message m, enrollment e") == ("unknown", "held")


async def test_a_late_word_that_it_was_not_taken_changes_nothing_once_the_lead_has_gone_on(engine) -> None:
    await engine.build(leads=1)
    late = await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    await engine.record(late.marked, Kind.DEFERRED, stage="rcpt", code=450)
    state = "select m.state, e.step, e.state as s from message m, enrollment e"
    assert await only(engine, state) == ("unknown", 2, "waiting")


async def test_a_late_word_changes_nothing_of_a_lead_that_was_stopped(engine) -> None:
    await engine.build(leads=1, on_unknown="hold")
    late = await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    [lead] = await engine.rows("select id from enrollment")
    await enrollments.stop(engine.database, engine.workspace, lead["id"], "test", engine.now)
    await engine.record(late.marked, Kind.DEFERRED, stage="rcpt", code=450)
    state = "select m.state, e.state as s from message m, enrollment e"
    assert await only(engine, state) == ("unknown", "stopped")


async def test_a_place_of_yesterday_does_not_come_back_today(engine) -> None:
    engine.now = datetime(2026, 3, 2, 23, 59, 50, tzinfo=UTC)
    await engine.build(leads=5, limits={"daily_cap": 2})
    yesterday = await engine.mark(await engine.claim(limit=1))
    engine.wait(seconds=20)
    assert await engine.send(limit=1) == 1
    await engine.record(yesterday.marked, Kind.DEFERRED, stage="rcpt", code=450)
    assert await engine.send() == 1
    assert await engine.send() == 0


async def test_a_mailbox_with_a_gap_stays_busy_for_as_long_as_its_message_is_renewed(engine) -> None:
    await engine.build(leads=2, limits={"gap_seconds": 10})
    [one] = (await engine.mark(await engine.claim())).marked
    for _ in range(6):
        engine.wait(seconds=20)
        keys = [(engine.workspace, one.enrollment_id, one.step)]
        assert await sending.renew(engine.database, "w1", keys, 60.0, engine.now)
    assert await engine.send() == 0
    await engine.record([one], Kind.ACCEPTED)
    assert await engine.send() == 0
    engine.wait(seconds=11)
    assert await engine.send() == 1


async def test_what_ran_out_is_kept_unless_somebody_took_it(engine) -> None:
    await engine.build(leads=2)
    marked = (await engine.mark(await engine.claim())).marked
    keys = [(engine.workspace, one.enrollment_id, one.step) for one in marked]
    engine.wait(minutes=5)
    assert await sending.renew(engine.database, "w1", keys, 60.0, engine.now) == set(keys)
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    assert await sending.renew(engine.database, "w1", keys, 60.0, engine.now) == set()


async def test_a_belated_disown_leaves_alone_what_was_marked_since(engine) -> None:
    await engine.build(leads=1)
    lost_at = engine.now
    [enrollment] = [one.wanted.claimed.enrollment_id for one in await engine.claim()]
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    answer = await engine.mark(await engine.claim())
    await sending.disown(
        engine.database, engine.plans, await engine.plan(), [(enrollment, 1)], "w1", lost_at, engine.now
    )
    assert await only(engine, "select state from enrollment") == ("claimed",)
    await engine.record(answer.marked, Kind.ACCEPTED)
    assert await only(engine, "select step, state from enrollment") == (2, "waiting")


async def test_a_late_refusal_takes_out_a_lead_that_went_on_meanwhile(engine) -> None:
    await engine.build(leads=1)
    late = await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    assert await only(engine, "select step, state from enrollment") == (2, "waiting")
    await engine.record(late.marked, Kind.REJECTED, stage="rcpt", code=550, enhanced="5.1.1")
    assert await only(engine, "select step, state, cause from enrollment") == (2, "stopped", "bounced")
    assert await only(engine, "select data ->> 'cause' from event where kind = 'enrollment.stopped'") == ("bounced",)


async def test_a_step_that_is_added_while_the_last_one_is_in_transit_is_not_left_out(engine) -> None:
    await engine.build(leads=1, steps=[{"subject": "One", "text": "Hello"}])
    before = await engine.plan()
    [one] = (await engine.mark(await engine.claim())).marked
    found = await definitions.get(engine.database, engine.workspace, engine.campaign)
    more = [*found.definition.steps, found.definition.steps[0].model_copy(update={"delay": 60})]
    edited = found.definition.model_copy(update={"steps": tuple(more)})
    await definitions.edit(engine.database, engine.workspace, engine.campaign, edited, None, "test", engine.now)
    sent = Delivery(one.enrollment_id, 1, one.attempt, 0, engine.mailboxes[0], Kind.ACCEPTED, "content", 250)
    await sending.record(engine.database, engine.plans, before, [sent], "w1", engine.now)
    assert await only(engine, "select step, state from enrollment") == (2, "waiting")


async def test_the_gap_counts_from_when_a_lost_message_was_given_up(engine) -> None:
    await engine.build(leads=2, limits={"gap_seconds": 10})
    await engine.mark(await engine.claim())
    engine.wait(seconds=30)
    await recovery.bury(engine.database, engine.plans, "w1", engine.now)
    engine.wait(seconds=9)
    assert await engine.send() == 0
    engine.wait(seconds=1)
    assert await engine.send() == 1


PUT_OFF = {"stage": "rcpt", "code": 451, "enhanced": "4.3.0"}


async def test_a_message_that_is_put_off_after_its_lead_was_stopped_is_cancelled(engine) -> None:
    await engine.build(leads=1)
    answer = await engine.mark(await engine.claim())
    [one] = answer.marked
    await enrollments.stop(
        engine.database, engine.workspace, one.enrollment_id, "test", engine.now, cause="unsubscribed"
    )
    await engine.record(answer.marked, Kind.DEFERRED, **PUT_OFF)
    assert await only(engine, "select state, cause, refusals from message") == ("cancelled", "unsubscribed", 1)
    assert await only(engine, "select data ->> 'cause' from event where kind = 'message.cancelled'") == (
        "unsubscribed",
    )
    counters = (await engine.status()).counters
    assert (counters.deferred, counters.cancelled, counters.stopped) == (0, 1, 1)


async def test_a_message_that_is_put_off_after_its_campaign_was_stopped_is_cancelled(engine) -> None:
    await engine.build(leads=1)
    answer = await engine.mark(await engine.claim())
    await campaigns.stop(engine.database, engine.workspace, engine.campaign, None, "test", engine.now)
    await engine.record(answer.marked, Kind.DEFERRED, **PUT_OFF)
    assert await only(engine, "select state, cause from message") == ("cancelled", "campaign_stopped")


async def test_a_message_that_waits_for_another_try_is_cancelled_when_its_lead_meets_a_suppression(engine) -> None:
    await engine.build(leads=1)
    answer = await engine.mark(await engine.claim())
    await suppressions.suppress(engine.database, engine.workspace, "l1@example.org", "test", engine.now)
    await engine.record(answer.marked, Kind.DEFERRED, **PUT_OFF)
    engine.wait(hours=2)
    await timers.tick(engine.database, engine.now)
    assert await engine.send() == 0
    assert await only(engine, "select state from enrollment") == ("stopped",)
    assert await only(engine, "select state, cause from message") == ("cancelled", "suppressed")


async def test_a_mark_whose_answer_was_lost_gives_its_places_of_the_day_back(engine) -> None:
    await engine.build(leads=3, limits={"daily_cap": 2})
    marked_at = engine.now
    ready = await engine.claim()
    await engine.mark(ready)
    assert await only(engine, "select used from mailbox_pace") == (2,)
    ids = [(one.wanted.claimed.enrollment_id, one.wanted.claimed.step) for one in ready]
    for _ in range(2):
        await sending.disown(engine.database, engine.plans, await engine.plan(), ids, "w1", marked_at, engine.now)
        assert await only(engine, "select used, busy_until from mailbox_pace") == (0, None)
    assert await engine.send() == 2


async def test_a_late_word_does_not_free_a_mailbox_that_sends_another_message_by_now(engine) -> None:
    await engine.build(leads=3, limits={"gap_seconds": 10})
    first = await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    await recovery.recover(engine.database, engine.plans, engine.now)
    engine.wait(minutes=1)
    second = await engine.mark(await engine.claim("w2"), "w2")
    assert len(second.marked) == 1
    await engine.record(first.marked, Kind.ACCEPTED)
    engine.wait(seconds=30)
    assert await engine.send("w3") == 0
    await engine.record(second.marked, Kind.ACCEPTED, "w2")
    engine.wait(seconds=11)
    assert await engine.send("w3") == 1


async def test_a_message_that_is_given_up_late_does_not_free_a_mailbox_that_sends_another(engine) -> None:
    await engine.build(leads=3, limits={"gap_seconds": 10})
    await engine.mark(await engine.claim())
    engine.wait(minutes=5)
    assert len((await engine.mark(await engine.claim("w2"), "w2")).marked) == 1
    await recovery.recover(engine.database, engine.plans, engine.now)
    engine.wait(seconds=30)
    assert await engine.send("w3") == 0


async def test_a_place_that_comes_back_ends_the_wait_for_it(engine) -> None:
    await engine.build(leads=3, limits={"daily_cap": 2})
    answer = await engine.mark(await engine.claim())
    assert await engine.send() == 0
    assert await only(engine, "select wait_reason from mailbox_pace") == ("daily_cap",)
    await engine.record(answer.marked[:1], Kind.DEFERRED, stage="rcpt", code=450)
    assert await engine.send() == 1
