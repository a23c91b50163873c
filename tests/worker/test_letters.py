"""A claimed enrollment becomes a letter: its headers, its thread, its ways to unsubscribe."""

from email import message_from_bytes, policy

import pytest

from caesura.domain.tokens import read_unsubscribe_token
from caesura.service import sending
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
