from typing import Any

import pytest

from caesura.domain.enclosures import CopyDefinition
from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.inbound import BounceType, InboundKind, InboundReport
from caesura.service import answers, inbound, suppressions
from caesura.service.answers import Answer, Answering
from caesura.worker.letters import Identity, write_letter

ANNA = "anna@example.com"
THEIRS = "<theirs.1@example.com>"


async def reported(world: Any, kind: InboundKind = InboundKind.REPLY, **given: Any) -> Any:
    """What Anna wrote to the first step of a campaign."""
    campaign_id = await world.running(steps=1)
    [enrollment_id] = await world.enrolled(campaign_id, await world.lead(ANNA))
    assert await world.send(campaign_id) == 1
    values = {
        "from_address": f"Anna Smith <{ANNA}>", "in_reply_to": f"<{enrollment_id}.1@sender.test>", "message_id": THEIRS,
        "subject": "Re: Step 1", "text": "Yes.\n{{ first_name }} {a|b}",
    } | given  # fmt: skip
    key = (world.database, world.plans, world.workspace_id)
    return (await inbound.report(*key, InboundReport(kind, **values), "user:test", world.now)).row


async def answered(world: Any, row: Any, **given: Any) -> Answering:
    return await answers.send(*world.key, row.id, Answer(**given), "user:test", world.now)


async def letter(world: Any, done: Answering) -> str:
    """The message as it goes to the wire."""
    [work] = (await world.claim(done.campaign_id)).work
    ready = write_letter(await world.plan(done.campaign_id), work, Identity(b"s" * 32), world.now)
    assert ready.envelope.recipient == ANNA
    return ready.envelope.content.decode()


async def test_an_answer_goes_into_the_thread_from_the_mailbox_that_it_came_to(world: Any) -> None:
    row = await reported(world)
    done = await answered(world, row, text="Tuesday? {{ first_name }} {x|y} {% if")
    written = await letter(world, done)
    assert f"In-Reply-To: {THEIRS}\r\n" in written
    assert f"References: {row.in_reply_to} {THEIRS}\r\n" in written
    assert "Subject: Re: Step 1\r\n" in written
    assert "Tuesday? {{ first_name }} {x|y} {% if" in written, "nothing in it is a template"
    assert (await inbound.get(*world.key, row.id)).is_read
    assert f"From: {await world.value('select address from mailbox where id = $1', row.mailbox_id)}\r\n" in written
    assert await world.value("select mailbox_id from message where campaign_id = $1", done.campaign_id) is None
    assert await world.value("select kind from campaign where id = $1", done.campaign_id) == "single"


async def test_what_named_no_message_of_ours_is_answered_in_the_thread_of_the_last(world: Any) -> None:
    row = await reported(world, in_reply_to=None)
    ours = await world.value("select message_id from message where enrollment_id = $1", row.enrollment_id)
    written = await letter(world, await answered(world, row, text="Good."))
    assert f"References: {ours} {THEIRS}\r\n" in written.replace("\r\n ", " ")


async def test_copies_go_to_those_who_are_named(world: Any) -> None:
    row = await reported(world)
    cc, bcc = [CopyDefinition(address="boss@example.com")], [CopyDefinition(address="crm@example.com")]
    done = await answered(world, row, text="Good.", cc=cc, bcc=bcc)
    [work] = (await world.claim(done.campaign_id)).work
    ready = write_letter(await world.plan(done.campaign_id), work, Identity(b"s" * 32), world.now)
    assert ready.envelope.recipient == ANNA
    assert [one.address for one in ready.wanted.copies] == ["boss@example.com", "crm@example.com"]
    content = ready.envelope.content.decode()
    assert "Cc: boss@example.com\r\n" in content
    assert "crm@" not in content


async def test_what_is_answered_can_stand_below_and_is_text_there(world: Any) -> None:
    row = await reported(world, text="<b>Yes</b>\n{a|b}")
    done = await answered(world, row, text="Good.", html="<p>Good.</p>", quote=True)
    written = await letter(world, done)
    assert "Good.\r\n\r\n> <b>Yes</b>\r\n> {a|b}" in written
    assert "<blockquote>&lt;b&gt;Yes&lt;/b&gt;<br>{a|b}</blockquote>" in written.replace("=\r\n", "")


async def test_subject_recipient_and_mailbox_can_be_others(world: Any) -> None:
    row = await reported(world, from_address="assistant@example.com")
    other = await world.mailbox()
    done = await answered(world, row, text="Good.", subject="Tuesday", to=ANNA, mailbox_id=other)
    written = await letter(world, done)
    assert "Subject: Tuesday\r\n" in written
    assert f"From: {await world.value('select address from mailbox where id = $1', other)}\r\n" in written


async def test_nobody_who_is_suppressed_gets_an_answer(world: Any) -> None:
    row = await reported(world)
    await suppressions.suppress(*world.key, ANNA, "user:test", world.now)
    with pytest.raises(Conflict) as caught:
        await answered(world, row, text="Good.")
    assert caught.value.code == "recipient_suppressed"
    assert await world.value("select count(*) from campaign where kind = 'single'") == 0


async def test_what_cannot_be_answered_says_so(world: Any, stranger: Any) -> None:
    row = await reported(world)
    with pytest.raises(Invalid) as empty:
        await answered(world, row, text=" ")
    assert empty.value.problems[0].code == "answer_empty"
    with pytest.raises(Invalid) as bad:
        await answered(world, row, text="Good.", to="nobody")
    assert bad.value.problems[0].pointer == "/to"
    with pytest.raises(NotFound):
        await answered(stranger, row, text="Good.")
    given = InboundReport(InboundKind.BOUNCE, from_address="daemon@mx.example", bounce_type=BounceType.SOFT)
    key = (world.database, world.plans, world.workspace_id)
    lost = (await inbound.report(*key, given, "user:test", world.now)).row
    with pytest.raises(Conflict) as nobody:
        await answered(world, lost, text="Good.")
    assert nobody.value.code == "inbound_unanswerable"
