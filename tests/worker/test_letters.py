"""A claimed enrollment becomes a letter: its headers, its thread, its ways to unsubscribe."""

from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.tokens import read_unsubscribe_token
from caesura.service import definitions, sending
from caesura.worker.letters import Identity, write_letter

SECRET = b"s" * 32
ONE_STEP = [{"subject": "Hello {{ first_name }}", "text": "Hi {{ first_name }}: {{ email }}"}]


async def letter(engine, public_url=None):
    plan = await engine.plan()
    claim = await sending.claim(engine.database, engine.plans, plan, "w1", 1, 60, engine.now)
    [work] = claim.work
    ready = write_letter(plan, work, Identity(SECRET, public_url), engine.now)
    return work, ready, message_from_bytes(ready.envelope.content, policy=policy.default)


async def test_a_campaigns_own_ways_to_unsubscribe_are_filled_in(engine) -> None:
    own = {"url": "https://example.com/u/{{unsubscribe_token}}?e={{email}}", "mailto": "off@example.com"}
    await engine.build(leads=1, steps=ONE_STEP, unsubscribe=own)
    work, _, message = await letter(engine)
    web, mail = (word.strip("<> ") for word in message["List-Unsubscribe"].split(","))
    assert mail == "mailto:off@example.com?subject=unsubscribe"
    token, address = web.removeprefix("https://example.com/u/").split("?e=")
    assert read_unsubscribe_token(SECRET, token) == (engine.workspace, work.claimed.lead_id)
    assert address == "l1%40example.org"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_a_server_with_a_public_address_has_its_own_link(engine) -> None:
    await engine.build(leads=1, steps=ONE_STEP)
    work, _, message = await letter(engine, "https://mail.example.com")
    token = message["List-Unsubscribe"].strip("<>").removeprefix("https://mail.example.com/unsubscribe/")
    assert read_unsubscribe_token(SECRET, token) == (engine.workspace, work.claimed.lead_id)


@pytest.mark.parametrize("url", [None, "https://mail.example.com"])
async def test_the_same_letter_is_written_again_to_the_byte(engine, url) -> None:
    await engine.build(leads=1, steps=ONE_STEP)
    plan = await engine.plan()
    claim = await sending.claim(engine.database, engine.plans, plan, "w1", 1, 60, engine.now)
    first, second = (write_letter(plan, claim.work[0], Identity(SECRET, url), engine.now) for _ in range(2))
    assert first.envelope.content == second.envelope.content
    assert first.wanted.message_id == second.wanted.message_id


async def test_the_address_is_a_variable_and_the_sender_is_the_mailbox(engine) -> None:
    await engine.build(leads=1, steps=ONE_STEP)
    _, ready, message = await letter(engine)
    assert message.get_content().strip() == "Hi Kim: l1@example.org"
    assert (ready.envelope.sender, ready.envelope.recipient) == ("anna@example.com", "l1@example.org")
    assert message["Message-ID"] == ready.wanted.message_id


async def test_a_campaigns_own_name_and_reply_address_stand_in_the_letter(engine) -> None:
    name = 'Zoë, "Sales" <x@example.net>'
    await engine.build(leads=1, steps=ONE_STEP, from_name=name, reply_to="answers@example.com")
    _, ready, message = await letter(engine)
    assert (ready.envelope.sender, message["From"].addresses[0].addr_spec) == ("anna@example.com", "anna@example.com")
    assert [one.display_name for one in message["From"].addresses] == [name]
    assert message["Reply-To"] == "answers@example.com"
    assert not ready.envelope.smtputf8


async def test_a_long_name_is_folded_and_read_back_whole(engine) -> None:
    name = "ä" * 200
    await engine.build(leads=1, steps=ONE_STEP, from_name=name)
    _, ready, _ = await letter(engine)
    # not by the newer policy, which puts blanks between the encoded words of a name
    read = message_from_bytes(ready.envelope.content, policy=policy.compat32)["From"]
    assert str(make_header(decode_header(read))) == f"{name} <anna@example.com>"
    assert max(len(line) for line in ready.envelope.content.split(b"\r\n")) <= 78


async def test_a_campaign_without_them_has_those_of_the_mailbox(engine) -> None:
    await engine.build(leads=1, steps=ONE_STEP)
    _, _, message = await letter(engine)
    assert message["Reply-To"] is None
    assert message["From"].addresses[0].display_name == ""


async def test_a_reply_address_outside_ascii_asks_the_server_for_smtputf8(engine) -> None:
    await engine.build(leads=1, steps=ONE_STEP, reply_to="zoë@example.com")
    _, ready, _ = await letter(engine)
    assert ready.envelope.smtputf8


async def test_what_was_written_with_another_name_does_not_pass_the_gate(engine) -> None:
    await engine.build(leads=1, steps=ONE_STEP, from_name="Kim")
    plan, ready = await engine.plan(), await engine.claim()
    campaign = await definitions.get(engine.database, engine.workspace, engine.campaign)
    edited = read_definition(
        {**campaign.definition.model_dump(mode="json"), "from_name": "Lee", "reply_to": "a@b.example"}
    )
    place = (engine.database, engine.workspace, engine.campaign)
    await definitions.edit(*place, edited, None, "test", engine.now)
    assert (await engine.mark(ready, plan=plan)).marked == ()
    _, _, message = await letter(engine)
    assert (message["From"].addresses[0].display_name, message["Reply-To"]) == ("Lee", "a@b.example")
