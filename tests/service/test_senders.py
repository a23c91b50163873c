"""Mailboxes beside others of their domain, and out of use for good."""

import asyncio
import os
from typing import Any

import pytest
from signing_keys import rfc_key

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.secrets import KEY_BYTES, Secrets
from caesura.domain.validation import validate
from caesura.service import campaigns, mailboxes, senders
from caesura.service.keyring import Keyring
from caesura.store import sending as gate
from caesura.store.mailboxes import MailboxRow

KEYRING = Keyring(Secrets(pepper=b"p" * KEY_BYTES, sealing=(b"s" * KEY_BYTES,)), os.urandom)


async def mailbox(world, address: str = "anna@acme.example", **more: Any) -> MailboxRow:
    data = {
        "name": address,
        "address": address,
        "transport": {"host": "smtp.acme.example", "port": 465, "tls": "implicit", "username": "u", "password": "p w"},
        "limits": {"daily_cap": 40},
        **more,
    }
    return await mailboxes.create(*world.key, validate(MailboxDefinition, data), KEYRING.seal, world.actor, world.now)


async def add(world, address: str, name: str | None = None, reply_to: str | None = None) -> MailboxRow:
    database, workspace_id = world.key
    return await senders.add_beside(database, KEYRING, workspace_id, address, name, reply_to, world.actor, world.now)


async def retire(world, mailbox_id: int) -> MailboxRow:
    return await senders.retire(*world.key, mailbox_id, world.actor, world.now)


async def test_a_new_address_sends_over_the_server_of_the_oldest_of_its_domain(world) -> None:
    dkim = {"domain": "acme.example", "selector": "mail", "private_key": rfc_key()}
    oldest = await mailbox(world, dkim=dkim, from_name="Anna", extra={"crm": 1})
    await mailbox(world, "other@acme.example", limits={"daily_cap": 7})
    made = await add(world, "Ben@ACME.example", "Ben", "desk@acme.example")
    expected = {**oldest.definition, "name": made.name, "address": made.address, "extra": {}}
    expected |= {"from_name": "Ben", "reply_to": "desk@acme.example"}
    assert made.definition == expected
    assert made.address.casefold() == "ben@acme.example"
    assert KEYRING.open(world.workspace_id, made.name, made.secret or b"") == "p w"
    assert KEYRING.open(world.workspace_id, made.name, made.dkim_key or b"", "dkim") == rfc_key()
    assert (await add(world, "cleo@acme.example")).definition["from_name"] is None


async def test_a_domain_without_a_mailbox_and_an_address_that_has_one_are_refused(world, stranger) -> None:
    await mailbox(world)
    with pytest.raises(NotFound, match="no mailbox here sends from"):
        await add(world, "anna@elsewhere.example")
    with pytest.raises(Conflict) as error:
        await add(world, "ANNA@acme.example")
    assert error.value.code == "sender_exists"
    with pytest.raises(Invalid) as wrong:
        await add(world, "anna")
    assert wrong.value.problems[0].pointer == "/address"
    with pytest.raises(NotFound):
        await add(stranger, "ben@acme.example")


async def test_a_ramp_of_the_other_begins_anew(world) -> None:
    oldest = await mailbox(world, limits={"ramp": {"start": 5, "add": 5}})
    world.later(days=10)
    made = await add(world, "ben@acme.example")
    assert made.definition["ramp_started_on"] != oldest.definition["ramp_started_on"]


async def test_a_retired_mailbox_is_out_of_use_and_gives_its_server_to_nobody(world) -> None:
    row = await mailbox(world)
    assert (await retire(world, row.id)).archived
    with pytest.raises(NotFound):
        await retire(world, row.id)
    with pytest.raises(NotFound, match="no mailbox here sends from"):
        await add(world, "ben@acme.example")


async def test_an_address_that_was_retired_can_be_made_again(world) -> None:
    await mailbox(world)
    made = await add(world, "ben@acme.example")
    for _ in range(2):
        await retire(world, made.id)
        again = await add(world, "ben@acme.example")
        assert (again.address, again.archived, again.id == made.id) == ("ben@acme.example", False, False)
        assert KEYRING.open(world.workspace_id, again.name, again.secret or b"") == "p w"
        made = again


@pytest.mark.parametrize("state", ["scheduled", "running", "paused"])
async def test_a_mailbox_that_a_campaign_needs_is_not_retired(world, state: str) -> None:
    row = await mailbox(world)
    campaign_id = await world.campaign(pool=await world.pool(row.id))
    if state == "scheduled":
        await campaigns.schedule(*world.key, campaign_id, world.now.replace(hour=23), world.actor, world.now)
    else:
        await world.start(campaign_id)
    if state == "paused":
        await world.pause(campaign_id)
    with pytest.raises(Conflict) as error:
        await retire(world, row.id)
    assert error.value.code == "mailbox_in_use"
    assert not (await mailboxes.get(*world.key, row.id)).archived
    await world.stop(campaign_id)
    assert (await retire(world, row.id)).archived


async def test_a_mailbox_is_looked_at_and_retired_behind_the_gate_in_one_go(world) -> None:
    row = await mailbox(world)
    async with world.database.transaction() as mark:
        await mark.execute(gate.entering_gate(world.workspace_id))
        late = asyncio.ensure_future(retire(world, row.id))
        await world.until_waiting(late)
        campaign_id = await world.campaign(pool=await world.pool(row.id))
        await world.start(campaign_id)
    with pytest.raises(Conflict, match="sends from this mailbox"):
        await late
    assert not (await mailboxes.get(*world.key, row.id)).archived


@pytest.mark.parametrize("first", ["start", "retire"])
async def test_a_campaign_that_starts_while_its_only_mailbox_is_retired_gets_it_or_is_refused(
    world, first: str
) -> None:
    row = await mailbox(world)
    campaign_id = await world.campaign(pool=await world.pool(row.id))
    started = {"start": lambda: world.start(campaign_id), "retire": lambda: retire(world, row.id)}
    async with world.database.transaction() as other:
        await other.execute("lock table event in exclusive mode")  # both stand still before they commit
        tasks = {first: asyncio.ensure_future(started.pop(first)())}
        await world.until_waiting(tasks[first])
        [(second, ask)] = started.items()
        tasks[second] = asyncio.ensure_future(ask())
        await world.until_waiting(tasks[second], 2)
    await tasks[first]
    with pytest.raises(Conflict if first == "start" else Invalid) as refused:
        await tasks[second]
    codes = [one.code for one in getattr(refused.value, "problems", ())] or [refused.value.code]
    assert codes == ["mailbox_in_use" if first == "start" else "no_usable_mailbox"]


async def test_a_mailbox_of_another_workspace_is_not_there(world, stranger) -> None:
    row = await mailbox(world)
    with pytest.raises(NotFound):
        await retire(stranger, row.id)
    assert not (await mailboxes.get(*world.key, row.id)).archived
