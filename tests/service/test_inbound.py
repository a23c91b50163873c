import asyncio
from typing import Any

import pytest

from caesura.domain.delivery import Kind
from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.inbound import MAXIMUM_HTML, MAXIMUM_TEXT, BounceType, Classification, InboundKind, InboundReport
from caesura.service import inbound, leads, recovery, suppressions
from caesura.service.inbound import InboundChange, Received
from caesura.service.leads import LeadChange
from caesura.store import sending as gate
from caesura.store.inbound import Numbers, Selection

REPLY, BOUNCE = InboundKind.REPLY, InboundKind.BOUNCE
HARD, SOFT = BounceType.HARD, BounceType.SOFT
ANNA = "anna@example.com"


async def report(world: Any, kind: InboundKind = REPLY, **given: Any) -> Received:
    return await inbound.report(
        world.database, world.plans, world.workspace_id, InboundReport(kind, **given), "user:test", world.now
    )


async def written_to(world: Any, campaign_id: int, address: str = ANNA) -> tuple[int, str]:
    """A lead that the first step went to: its enrollment, and that message's Message-ID."""
    [enrollment_id] = await world.enrolled(campaign_id, await world.lead(address))
    assert await world.send(campaign_id) == 1
    return enrollment_id, f"<{enrollment_id}.1@sender.test>"


async def unknown_to(world: Any, **more: Any) -> tuple[int, str]:
    """A lead that is held for a message whose outcome is unknown."""
    campaign_id = await world.running(on_unknown="hold", **more)
    [enrollment_id] = await world.enrolled(campaign_id, await world.lead(ANNA))
    assert await world.send(campaign_id, kind=Kind.UNKNOWN) == 1
    assert await world.states(enrollment_id) == [("held", "unknown_outcome")]
    return enrollment_id, f"<{enrollment_id}.1@sender.test>"


async def causes(world: Any, address: str = ANNA) -> list[str]:
    return [row.cause for row in await suppressions.check(*world.key, address)]


async def ids(world: Any, below: int | None = None, limit: int = 100, **wanted: Any) -> list[int]:
    return [row.id for row in await inbound.page(*world.key, Selection(**wanted), below, limit)]


# Whom it is about


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
    assert (row.address, row.from_address) == (ANNA, "a.smith@elsewhere.example")
    assert row.mailbox_id == await world.value("select mailbox_id from message")
    [event] = await world.events("inbound.received")
    places = ("campaign_id", "enrollment_id", "step", "mailbox_id", "lead_id")
    assert [event[name] for name in places] == [getattr(row, name) for name in places]
    assert len(await world.events("enrollment.stopped")) == 1
    await world.counts(first)


async def test_the_message_is_the_one_in_reply_to_else_the_last_of_the_references_that_is_ours(world: Any) -> None:
    campaign_id = await world.running(steps=3)
    [one] = await world.enrolled(campaign_id, count=1)
    await world.send(campaign_id)
    world.later(days=1)
    await world.send(campaign_id)
    first, second = f"<{one}.1@sender.test>", f"<{one}.2@sender.test>"
    for given, step in (
        ({"in_reply_to": first, "references": (first, second)}, 1),
        ({"references": (first, second, "<theirs@example.com>")}, 2),
        # As the header has it: one text. And without its brackets.
        ({"references": (f"{first}\r\n {second}",)}, 2),
        ({"in_reply_to": first.strip("<>")}, 1),
        ({"in_reply_to": "<theirs@example.com>", "references": (first,)}, 1),
    ):
        assert (await report(world, InboundKind.AUTO_REPLY, **given)).row.step == step, given


async def test_without_a_known_message_id_it_is_the_last_message_to_the_address(world: Any) -> None:
    first, second, never = await world.running(), await world.running(), await world.running()
    one, _ = await written_to(world, first)
    lead_id = await world.value("select lead_id from enrollment where id = $1", one)
    world.later(hours=1)
    [two] = await world.enrolled(second, lead_id)
    await world.send(second)
    [three] = await world.enrolled(never, lead_id)

    done = await report(world, from_address="Anna Smith <ANNA@example.com>", in_reply_to="<lost@example.com>")

    assert (done.row.enrollment_id, done.row.campaign_id, done.row.step) == (two, second, 1)
    # Which of them they mean, nobody knows: no more of any conversation that they can have replied to.
    assert await world.states(one, two, three) == [("stopped", "replied")] * 2 + [("waiting", None)]


async def test_a_campaign_that_is_given_says_which_enrollment_is_meant(world: Any) -> None:
    first, second, third = await world.running(), await world.running(), await world.running()
    one, _ = await written_to(world, first)
    lead_id = await world.value("select lead_id from enrollment where id = $1", one)
    [two] = await world.enrolled(second, lead_id)

    assert (await report(world, from_address=ANNA, campaign_id=second)).row.enrollment_id == two
    assert await world.states(one, two) == [("waiting", None), ("stopped", "replied")]
    done = await report(world, from_address=ANNA, campaign_id=third)
    assert (done.row.campaign_id, done.row.enrollment_id, done.row.lead_id) == (third, None, lead_id)
    assert await world.states(one) == [("waiting", None)]


async def test_what_comes_from_nobody_we_know_is_kept(world: Any) -> None:
    for from_address in (None, "who@example.com", "not an address", "", "<>", "x" * 10_000):
        done = await report(world, from_address=from_address, text="Hello")
        assert (done.row.lead_id, done.row.enrollment_id, done.stopped) == (None, None, 0)
    assert len(await ids(world)) == 6


async def test_nothing_of_another_workspace_is_named_or_seen(world: Any, stranger: Any) -> None:
    campaign_id = await world.running()
    one, message_id = await written_to(world, campaign_id)
    done = await report(stranger, in_reply_to=message_id, from_address=ANNA)
    assert (done.row.lead_id, done.stopped) == (None, 0)
    assert await world.states(one) == [("waiting", None)]
    with pytest.raises(NotFound, match="campaign"):
        await report(stranger, campaign_id=campaign_id)
    with pytest.raises(NotFound, match="mailbox"):
        await report(stranger, mailbox_id=await world.value("select mailbox_id from message"))
    mine = (await report(world, in_reply_to=message_id)).row.id
    with pytest.raises(NotFound):
        await inbound.get(*stranger.key, mine)
    with pytest.raises(NotFound):
        await inbound.mark_read(*stranger.key, mine, True, "user:test", world.now)
    with pytest.raises(NotFound):
        await inbound.counts(*stranger.key, campaign_id)
    assert await ids(stranger, campaign_ids=[campaign_id]) == []


async def test_a_lead_that_is_deleted_leaves_what_came_from_it(world: Any) -> None:
    lead_id = await world.lead(ANNA)
    row = (await report(world, from_address=ANNA)).row
    assert row.lead_id == lead_id
    await leads.delete(*world.key, lead_id, world.actor, world.now)
    row = await inbound.get(*world.key, row.id)
    assert (row.lead_id, row.address) == (None, ANNA)


# What it ends


@pytest.mark.parametrize("state", ["paused", "stopped", "archived"])
async def test_a_reply_ends_the_sequence_whatever_the_campaigns_state(world: Any, state: str) -> None:
    campaign_id = await world.running()
    one, message_id = await written_to(world, campaign_id)
    await world.pause(campaign_id)
    if state != "paused":
        await world.stop(campaign_id)
    if state == "archived":
        await world.fetch("update campaign set archived = true")
    assert (await report(world, in_reply_to=message_id)).stopped == 1
    assert await world.states(one) == [("stopped", "replied")]
    if state == "paused":
        await world.resume(campaign_id)
        world.later(days=2)
        assert await world.send(campaign_id) == 0


async def test_a_reply_ends_nothing_where_the_campaign_says_so_and_an_automatic_one_never_does(world: Any) -> None:
    campaign_id = await world.running(stop_on_reply=False)
    one, message_id = await written_to(world, campaign_id)
    assert (await report(world, in_reply_to=message_id)).stopped == 0
    other, other_id = await written_to(world, await world.running(), "ben@example.com")
    assert (await report(world, InboundKind.AUTO_REPLY, in_reply_to=other_id)).stopped == 0
    assert await world.states(one, other) == [("waiting", None)] * 2


async def test_a_hard_bounce_suppresses_the_address_and_stops_it_everywhere(world: Any) -> None:
    first, second = await world.running(), await world.running()
    one, message_id = await written_to(world, first)
    lead_id = await world.value("select lead_id from enrollment where id = $1", one)
    [two] = await world.enrolled(second, lead_id)

    soft = await report(world, BOUNCE, in_reply_to=message_id, bounce_type=SOFT, reason="4.2.2 mailbox full")
    assert (soft.stopped, await causes(world)) == (0, [])
    hard = await report(
        world, BOUNCE, from_address="mailer-daemon@example.com", in_reply_to=message_id, bounce_type=HARD
    )

    assert (hard.stopped, await causes(world), await causes(world, "mailer-daemon@example.com")) == (2, ["bounced"], [])
    assert await world.states(one, two) == [("stopped", "bounced")] * 2
    assert [event["data"]["bounce_type"] for event in await world.events("inbound.received")] == ["soft", "hard"]


async def test_a_bounce_by_its_address_alone_counts_and_one_without_suppresses_nobody(world: Any) -> None:
    campaign_id = await world.running()
    one, _ = await written_to(world, campaign_id)
    blind = await report(world, BOUNCE, from_address=ANNA, bounce_type=HARD)
    assert (blind.row.lead_id, blind.stopped, await causes(world)) == (None, 0, [])
    done = await report(world, BOUNCE, address="Anna@example.com", bounce_type=HARD)
    assert (done.row.enrollment_id, done.stopped, await causes(world)) == (one, 1, ["bounced"])
    await report(world, BOUNCE, address="who@example.com", bounce_type=HARD)
    assert await causes(world, "who@example.com") == ["bounced"]


async def test_a_late_bounce_of_an_address_that_the_lead_has_no_more_leaves_the_new_one_alone(world: Any) -> None:
    campaign_id = await world.running()
    one, message_id = await written_to(world, campaign_id)
    lead_id = await world.value("select lead_id from enrollment where id = $1", one)
    await leads.change(*world.key, lead_id, LeadChange(address="anna@new.example"), world.actor, world.now)
    done = await report(world, BOUNCE, in_reply_to=message_id, bounce_type=HARD)
    assert (done.row.address, done.stopped) == (ANNA, 0)
    assert (await causes(world), await causes(world, "anna@new.example")) == (["bounced"], [])
    assert await world.states(one) == [("waiting", None)]
    # A person's own no is about all that they are known by.
    gone = await report(world, InboundKind.COMPLAINT, in_reply_to=message_id)
    assert (gone.stopped, await causes(world), await causes(world, "anna@new.example")) == (
        1,
        ["complained"],
        ["complained"],
    )


@pytest.mark.parametrize(
    ("kind", "cause"), [(InboundKind.COMPLAINT, "complained"), (InboundKind.UNSUBSCRIBE, "unsubscribed")]
)
async def test_a_persons_no_suppresses_and_stops_with_its_own_cause(world: Any, kind: InboundKind, cause: str) -> None:
    campaign_id = await world.running()
    one, message_id = await written_to(world, campaign_id)
    await suppressions.suppress(*world.key, "ben@example.com", world.actor, world.now)
    [claimed] = await world.enrolled(campaign_id, await world.lead("kim@example.com"))
    claim = await world.claim(campaign_id)

    assert (await report(world, kind, in_reply_to=message_id)).stopped == 1
    # Claimed by a worker: it is stopped at once as well, for what it is.
    assert (await report(world, kind, address="kim@example.com")).stopped == 1

    assert await world.states(one, claimed) == [("stopped", cause)] * 2
    assert (await causes(world), await causes(world, "kim@example.com")) == ([cause], [cause])
    assert (await world.mark_claimed(campaign_id, claim)).marked == ()
    # A weaker cause gives way.
    await report(world, kind, address="ben@example.com")
    assert await causes(world, "ben@example.com") == [cause]


async def test_a_deferred_message_is_not_tried_again_after_a_reply(world: Any) -> None:
    campaign_id = await world.running()
    await world.enrolled(campaign_id, await world.lead(ANNA))
    await world.send(campaign_id, kind=Kind.DEFERRED, code=450)
    assert (await report(world, from_address=ANNA, campaign_id=campaign_id)).stopped == 1
    assert await world.value("select state || ' ' || cause from message") == "cancelled replied"


async def test_a_reply_to_what_is_in_transit_lets_it_finish_and_nothing_follow(world: Any) -> None:
    campaign_id = await world.running()
    [one] = await world.enrolled(campaign_id, await world.lead(ANNA))
    marked = await world.mark(campaign_id)

    done = await report(world, in_reply_to=f"<{one}.1@sender.test>")

    assert (done.row.step, done.stopped) == (1, 1)
    await world.record(campaign_id, marked)
    assert await world.value("select state from message") == "sent"
    world.later(days=2)
    assert await world.send(campaign_id) == 0
    assert await world.states(one) == [("stopped", "replied")]


@pytest.mark.parametrize(
    ("kind", "more", "waits"),
    [
        (REPLY, {}, True),
        (InboundKind.COMPLAINT, {}, True),
        (InboundKind.UNSUBSCRIBE, {}, True),
        (BOUNCE, {"bounce_type": HARD}, True),
        (BOUNCE, {"bounce_type": SOFT}, False),
        (InboundKind.AUTO_REPLY, {}, False),
    ],
)
async def test_what_takes_away_a_right_to_send_waits_for_a_mark_that_is_inside_the_gate(
    world: Any, kind: InboundKind, more: dict[str, Any], waits: bool
) -> None:
    _, message_id = await written_to(world, await world.running())
    async with world.database.transaction() as mark:
        await mark.execute(gate.entering_gate(world.workspace_id))
        late = asyncio.create_task(report(world, kind, in_reply_to=message_id, **more))
        if waits:
            await world.until_waiting(late)
        else:
            assert (await late).is_new
    assert (await late).is_new


# What it settles (G3)


@pytest.mark.parametrize(
    ("kind", "more", "after"),
    [
        (REPLY, {}, ("stopped", "replied")),
        (InboundKind.AUTO_REPLY, {}, ("waiting", None)),
        (BOUNCE, {"bounce_type": SOFT}, ("waiting", None)),
        (BOUNCE, {"bounce_type": HARD}, ("stopped", "bounced")),
    ],
)
async def test_what_names_an_unknown_message_settles_it_as_sent(
    world: Any, kind: InboundKind, more: dict[str, Any], after: tuple[str, str | None]
) -> None:
    one, message_id = await unknown_to(world)
    await report(world, kind, in_reply_to=message_id, **more)
    assert await world.value("select state from message") == "sent"
    assert await world.states(one) == [after]
    assert [event["data"]["cause"] for event in await world.events("message.sent")] == ["settled"]


@pytest.mark.parametrize("loss", ["line", "worker"])
async def test_what_came_back_before_the_outcome_was_lost_settles_it_all_the_same(world: Any, loss: str) -> None:
    campaign_id = await world.running(on_unknown="hold")
    one, other = await world.enrolled(campaign_id, count=2)
    marked = await world.mark(campaign_id)
    # It names the message in its References alone.
    await report(world, InboundKind.AUTO_REPLY, in_reply_to="<x@example.com>", references=(f"<{one}.1@sender.test>",))
    if loss == "line":
        await world.record(campaign_id, marked, Kind.UNKNOWN)
    else:
        await recovery.recover(world.database, world.plans, world.now, world.worker)
    assert await world.states(one, other) == [("waiting", None), ("held", "unknown_outcome")]
    states = await world.fetch("select state from message order by enrollment_id")
    assert [row["state"] for row in states] == ["sent", "unknown"]


async def test_what_comes_back_while_the_outcome_is_being_lost_settles_it_either_way(world: Any) -> None:
    campaign_id = await world.running(on_unknown="hold")
    for number in range(15):
        [one] = await world.enrolled(campaign_id, await world.lead(f"lead{number}@race.example"))
        await world.mark(campaign_id)
        await asyncio.gather(
            report(world, InboundKind.AUTO_REPLY, in_reply_to=f"<{one}.1@sender.test>"),
            recovery.recover(world.database, world.plans, world.now, world.worker),
        )
        # It passes over what the report had in hand.
        await recovery.recover(world.database, world.plans, world.now, world.worker)
        assert await world.value("select state from message where enrollment_id = $1", one) == "sent"
        assert await world.states(one) == [("waiting", None)]


async def test_what_comes_from_the_same_address_and_names_no_message_settles_nothing(world: Any) -> None:
    one, _ = await unknown_to(world)
    await report(world, InboundKind.AUTO_REPLY, from_address=ANNA)
    assert await world.states(one) == [("held", "unknown_outcome")]
    assert await world.value("select state from message") == "unknown"


# Once


async def test_a_mail_that_is_reported_twice_counts_once(world: Any) -> None:
    campaign_id = await world.running()
    one, message_id = await written_to(world, campaign_id)
    first = await report(world, message_id="<r1@example.com>", in_reply_to=message_id, subject="Re: hello")
    again = await report(world, message_id="r1@example.com", in_reply_to=message_id, subject="another")
    assert (again.is_new, again.stopped, again.row) == (False, 0, first.row)
    assert len(await world.events("inbound.received")) == 1
    for _ in range(2):  # without one nobody can tell
        assert (await report(world, in_reply_to=message_id)).is_new
    assert await world.states(one) == [("stopped", "replied")]


@pytest.mark.parametrize("kind", [REPLY, InboundKind.AUTO_REPLY])
async def test_the_same_mail_reported_by_many_at_once_counts_once(world: Any, kind: InboundKind) -> None:
    campaign_id = await world.running()
    one, message_id = await written_to(world, campaign_id)
    reports = [report(world, kind, message_id="<r1@example.com>", in_reply_to=message_id) for _ in range(5)]
    done = await asyncio.gather(*reports)
    assert sum(each.is_new for each in done) == 1
    assert len({each.row.id for each in done}) == 1
    assert len(await world.events("inbound.received")) == 1
    assert sum(each.stopped for each in done) == (1 if kind is REPLY else 0)


async def test_a_reply_beside_the_word_of_the_worker_leaves_one_truth(world: Any) -> None:
    campaign_id = await world.running(steps=3)
    for number in range(10):
        [one] = await world.enrolled(campaign_id, await world.lead(f"lead{number}@race.example"))
        marked = await world.mark(campaign_id)
        await asyncio.gather(
            report(world, in_reply_to=f"<{one}.1@sender.test>", message_id=f"<{number}@race.example>"),
            world.record(campaign_id, marked),
        )
        assert await world.states(one) == [("stopped", "replied")]
        assert await world.value("select state from message where enrollment_id = $1", one) == "sent"
    world.later(days=5)
    assert await world.send(campaign_id) == 0
    await world.counts(campaign_id)


# What is kept


async def test_hostile_text_is_kept_as_far_as_it_can_be(world: Any) -> None:
    done = await report(
        world,
        from_address="a\0b\ud800@example.com",
        subject="Re:\r\n a\0\udfffb\u2028c" + "x" * 5_000,
        text="\0\ud83d" + "é" * 1_000_000,
        html="<script>\0" * 100_000,
        message_id="<r\0\ud800@example.com>",
        in_reply_to="<\0@sender.test>" * 10_000,
        references=("<a@b>" * 100, "\ud800", "") * 100,
        reason="550 \0 no\nsuch user",
    )
    row = await inbound.get(*world.key, done.row.id)
    assert row == done.row
    assert row.subject is not None
    assert row.subject.startswith("Re: a\ufffd\ufffdb cx")
    assert len(row.subject) == 998
    assert (len(row.text or ""), len(row.html or "")) == (MAXIMUM_TEXT, MAXIMUM_HTML)
    assert row.text is not None
    assert row.text.startswith("\ufffd\ufffdé")
    assert (row.message_id, row.reason) == ("<r\ufffd\ufffd@example.com>", "550 \ufffd no such user")


async def test_a_message_id_that_no_index_could_take_is_left_out(world: Any) -> None:
    scattered = "".join(chr(0x10000 + 7_919 * number % 0xFFFFF) for number in range(900))
    done = await report(world, message_id=f"<{scattered}>", in_reply_to=f"<{scattered}>")
    assert (done.row.message_id, done.row.in_reply_to) == (None, None)


@pytest.mark.parametrize(
    ("kind", "given", "code", "pointer"),
    [
        (BOUNCE, {}, "bounce_type_missing", "/bounce_type"),
        (REPLY, {"bounce_type": HARD}, "bounce_type_unfit", "/bounce_type"),
        (BOUNCE, {"bounce_type": HARD, "address": "nobody"}, "address_syntax", "/address"),
        (REPLY, {"address": "a@b@c.example"}, "address_several", "/address"),
    ],
)
async def test_a_report_that_cannot_be_meant_is_refused(
    world: Any, kind: InboundKind, given: dict[str, Any], code: str, pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await report(world, kind, **given)
    assert [(one.code, one.pointer) for one in refused.value.problems] == [(code, pointer)]
    assert await ids(world) == []


# The inbox


async def test_the_inbox_is_read_newest_first_by_campaign_kind_and_all_the_rest(world: Any) -> None:
    first, second = await world.running(), await world.running()
    one, one_id = await written_to(world, first)
    two, two_id = await written_to(world, second, "ben@example.com")
    lead_id = await world.value("select lead_id from enrollment where id = $1", one)
    a = (await report(world, in_reply_to=one_id, subject="100% sure", text="Yes\nplease")).row
    b = (await report(world, InboundKind.AUTO_REPLY, in_reply_to=two_id, text="On leave")).row.id
    c = (await report(world, BOUNCE, in_reply_to=one_id, bounce_type=SOFT)).row.id
    d = (await report(world, from_address="who@example.com")).row.id
    a_id = a.id
    await inbound.classify(*world.key, a_id, Classification.INTERESTED, world.actor, world.now)
    await inbound.mark_read(*world.key, b, True, world.actor, world.now)

    assert await ids(world) == [d, c, b, a_id]
    assert await ids(world, limit=2) == [d, c]
    assert await ids(world, below=c) == [b, a_id]
    assert await ids(world, campaign_ids=[first]) == [c, a_id]
    assert await ids(world, campaign_ids=[first], below=c) == [a_id]
    assert await ids(world, campaign_ids=[first, second]) == [c, b, a_id]
    assert await ids(world, campaign_ids=[]) == []
    assert await ids(world, lead_id=lead_id) == [c, a_id]
    assert await ids(world, lead_id=lead_id, campaign_ids=[second]) == []
    assert await ids(world, lead_id=lead_id, campaign_ids=[first, second], kinds=[BOUNCE]) == [c]
    assert await ids(world, kinds=[REPLY, BOUNCE]) == [d, c, a_id]
    assert await ids(world, classifications=[Classification.INTERESTED]) == [a_id]
    assert await ids(world, is_read=False) == [d, c, a_id]
    assert await ids(world, campaign_ids=[second], is_read=True) == [b]
    assert await ids(world, mailbox_ids=[a.mailbox_id or 0]) == [c, a_id]
    assert await ids(world, search=["YES"]) == [a_id]
    assert await ids(world, search=["0%", "leave"]) == [b, a_id]
    assert await ids(world, search=["_"]) == []
    assert await ids(world, search=["\\"]) == []
    assert await ids(world, search=["who@"]) == [d]


async def test_people_classify_read_and_assign_and_each_leaves_its_event(world: Any) -> None:
    row = (await report(world, from_address=ANNA, extra={"door": {"kept": 1}})).row
    by = (world.actor, world.now)
    row = await inbound.classify(*world.key, row.id, Classification.MAYBE_LATER, *by)
    assert row.classification is Classification.MAYBE_LATER
    row = await inbound.classify(*world.key, row.id, None, *by)
    assert row.classification is None
    classified = [event["data"] for event in await world.events("inbound.classified")]
    assert classified == [
        {"inbound": row.id, "kind": "reply", "classification": "maybe_later"},
        {"inbound": row.id, "kind": "reply", "before": "maybe_later"},
    ]
    row = await inbound.mark_read(*world.key, row.id, True, *by)
    assert row.is_read
    row = await inbound.assign(*world.key, row.id, "sam@acme.test", *by, note="Call\0them", extra={"category": "A"})
    assert (row.assigned_to, row.assigned_at, row.note) == ("sam@acme.test", world.now, "Call\ufffdthem")
    assert row.extra == {"door": {"kept": 1}, "category": "A"}
    with pytest.raises(Conflict) as refused:
        await inbound.assign(*world.key, row.id, "kim@acme.test", *by)
    assert refused.value.code == "inbound_assigned"
    world.later(minutes=1)
    await inbound.assign(*world.key, row.id, "kim@acme.test", world.actor, world.now, again=True)
    row = await inbound.change(*world.key, row.id, InboundChange(clear_assigned=True), world.actor, world.now)
    assert (row.assigned_to, row.assigned_at, row.is_read) == (None, None, True)
    assigned = [event["data"].get("to") for event in await world.events("inbound.assigned")]
    assert assigned == ["sam@acme.test", "kim@acme.test", None]
    # What changes nothing is no event.
    await inbound.change(*world.key, row.id, InboundChange(is_read=False, note=""), world.actor, world.now)
    assert len(await world.events("inbound.classified")) == 2
    with pytest.raises(NotFound):
        await inbound.assign(*world.key, 999_999, "sam@acme.test", *by)


async def test_of_two_who_assign_at_once_one_is_told_so(world: Any) -> None:
    row = (await report(world, from_address=ANNA)).row
    done = await asyncio.gather(
        *(inbound.assign(*world.key, row.id, f"{n}@acme.test", world.actor, world.now) for n in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Conflict) for one in done) == 3


async def test_a_campaigns_numbers_count_leads_in_all_and_by_step(world: Any) -> None:
    campaign_id = await world.running(steps=2, stop_on_reply=False)
    one, two, three = await world.enrolled(campaign_id, count=3)
    await world.send(campaign_id)
    world.later(days=1)
    await world.send(campaign_id)
    for _ in range(2):
        await report(world, in_reply_to=f"<{one}.1@sender.test>", classification=Classification.INTERESTED)
    await report(world, in_reply_to=f"<{one}.2@sender.test>")
    await report(world, in_reply_to=f"<{two}.2@sender.test>", classification=Classification.NOT_INTERESTED)
    await report(world, BOUNCE, in_reply_to=f"<{three}.1@sender.test>", bounce_type=SOFT)
    await report(world, BOUNCE, in_reply_to=f"<{three}.2@sender.test>", bounce_type=HARD)
    await report(world, InboundKind.UNSUBSCRIBE, in_reply_to=f"<{two}.2@sender.test>")
    await report(world, from_address="who@example.com", campaign_id=campaign_id)
    await report(world, from_address="who@example.com")

    counts = await inbound.counts(*world.key, campaign_id)

    assert counts.total == Numbers(
        replied=3, bounced=1, hard_bounced=1, soft_bounced=1, unsubscribed=1, interested=1, not_interested=1
    )
    assert counts.by_step == {
        1: Numbers(replied=1, bounced=1, soft_bounced=1, interested=1),
        2: Numbers(replied=2, bounced=1, hard_bounced=1, unsubscribed=1, not_interested=1),
    }
    assert (await inbound.counts(*world.key, await world.campaign())).total == Numbers()


# The link


async def test_a_link_leaves_its_row_once_and_stops_its_lead(world: Any) -> None:
    campaign_id = await world.running()
    one, _ = await written_to(world, campaign_id)
    lead_id = await world.value("select lead_id from enrollment where id = $1", one)

    done = await inbound.unsubscribe(*world.key, lead_id, world.now)

    assert done is not None
    assert (done.stopped, done.row.kind, done.row.enrollment_id, done.row.step) == (1, "unsubscribe", one, 1)
    assert await world.states(one) == [("stopped", "unsubscribed")]
    [row] = await suppressions.check(*world.key, ANNA)
    assert (row.cause, row.actor) == ("unsubscribed", "recipient")
    assert await inbound.unsubscribe(*world.key, lead_id, world.now) is None
    assert len(await ids(world)) == 1
    with pytest.raises(NotFound):
        await inbound.unsubscribe(*world.key, 999_999, world.now)


async def test_a_link_counts_though_the_address_was_suppressed_for_less(world: Any) -> None:
    lead_id = await world.lead(ANNA)
    await suppressions.suppress(*world.key, ANNA, world.actor, world.now)
    assert await inbound.unsubscribe(*world.key, lead_id, world.now) is not None
    assert await causes(world) == ["unsubscribed"]


async def test_a_link_that_is_pressed_twice_at_once_counts_once(world: Any) -> None:
    campaign_id = await world.running()
    one, _ = await written_to(world, campaign_id)
    lead_id = await world.value("select lead_id from enrollment where id = $1", one)
    done = await asyncio.gather(*(inbound.unsubscribe(*world.key, lead_id, world.now) for _ in range(5)))
    assert sum(each is not None for each in done) == 1
    assert len(await world.events("suppression.added")) == 1
