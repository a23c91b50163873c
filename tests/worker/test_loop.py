"""The whole worker over a real database and real SMTP: what arrives, and what it leaves behind."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dkim
import pytest
from running_worker import FAST, ONE_STEP, Running, clock, use, use_as
from signing_keys import RFC_RECORD, rfc_key, rsa_key

from caesura.domain.dkim import record_of
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.secrets import Secrets
from caesura.domain.validation import validate
from caesura.protocol.smtp import Kind, Outcome, Stage
from caesura.protocol.smtp_server import ServerOptions
from caesura.runtime.sink import Sink, read_messages
from caesura.service import explain, holds, mailboxes, sending
from caesura.service.keyring import Keyring
from caesura.service.plans import Plans
from caesura.worker import loop
from caesura.worker.carrier import Job
from caesura.worker.letters import write_letter


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[Sink]:
    async with Sink(tmp_path / "sink", port=0) as running:
        yield running


async def test_a_campaign_goes_out_once_each_and_threads_its_follow_ups(engine, sink, tmp_path) -> None:
    await use(engine, sink.port)
    steps = [*ONE_STEP, {"delay": 0, "text": "Once more"}]
    await engine.build(leads=30, steps=steps)
    async with Running(engine) as running:
        await running.until(lambda status: status.campaign.status == "completed")
    messages = list(read_messages(tmp_path / "sink"))
    assert len(messages) == len({message.message_id for message in messages}) == 60
    first = {message.recipient: message for message in messages if message.subject == "Hello Kim"}
    follow_ups = [message for message in messages if message.subject == "Re: Hello Kim"]
    assert len(first) == len(follow_ups) == 30
    for message in follow_ups:
        assert message.header("In-Reply-To") == first[message.recipient].message_id
        assert message.header("References") == first[message.recipient].message_id


async def test_a_stopping_worker_finishes_what_is_in_transit_and_gives_back_the_rest(engine, tmp_path) -> None:
    async with Sink(tmp_path / "slow", port=0, accept_delay_seconds=0.1) as slow:
        await use(engine, slow.port)
        await engine.build(leads=60, steps=ONE_STEP)
        running = Running(engine)
        async with running:
            await running.until(lambda status: status.counters.sent > 0)
        counters = (await running.status()).counters
        assert (counters.sending, counters.claimed, counters.unknown) == (0, 0, 0)
        assert counters.sent + counters.waiting + counters.finished - counters.sent == 60
        assert counters.sent == slow.received
        assert await engine.rows("select id from worker") == []


async def test_after_a_pause_only_what_was_in_transit_arrives(engine, tmp_path) -> None:
    async with Sink(tmp_path / "slow", port=0, accept_delay_seconds=0.05) as slow:
        await use(engine, slow.port)
        await engine.build(leads=200, steps=ONE_STEP)
        async with Running(engine) as running:
            await running.until(lambda status: status.counters.sent >= 10)
            engine.now = clock()
            paused = await engine.pause()
            at_pause = paused.counters.sent
            quiet = await running.until(lambda status: status.campaign.quiesced_at is not None)
            assert paused.in_transit <= FAST.slots
            assert quiet.counters.sent <= at_pause + paused.in_transit
            arrived = slow.received
            await asyncio.sleep(0.3)
            assert slow.received == arrived == (await running.status()).counters.sent
            engine.now = clock()
            await engine.resume()
            await running.until(lambda status: status.campaign.status == "completed")
        assert slow.received == 200


async def test_what_is_composed_and_waits_for_a_slot_is_given_back_at_a_pause(engine, tmp_path) -> None:
    async with Sink(tmp_path / "sink", port=0) as sink:
        await use(engine, sink.port)
        await engine.build(leads=2_000, steps=ONE_STEP)
        async with Running(engine, replace(FAST, slots=4, patience=0.1)) as running:
            await running.until(lambda status: status.counters.sent >= 50)
            received, sink.accept_delay_seconds = sink.received, 30.0
            await running.until(lambda _: sink.received > received)  # and is not answered: it stays in transit
            ahead = await running.until(lambda status: status.counters.claimed > max(4, status.counters.sending))
            await engine.pause()
            quiet = await running.until(lambda status: status.counters.claimed == status.counters.sending)
            assert 0 < quiet.counters.sending <= 4 < ahead.counters.claimed
            assert quiet.campaign.quiesced_at is None, "given back before what is in transit has come to its end"


async def test_a_lead_without_a_needed_value_is_held_with_the_reason_and_the_others_go(engine, sink) -> None:
    await use(engine, sink.port)
    await engine.build(leads=5, steps=ONE_STEP)
    await engine.enroll(2, fields={"company": "ACME"})
    await engine.enroll(1, fields={"first_name": "Eve\r\nBcc: all@example.org"})
    async with Running(engine) as running:
        await running.until(lambda status: status.counters.sent == 5 and status.counters.held == 3)
    causes = await engine.rows("select cause, count(*) from enrollment where state = 'held' group by 1 order by 1")
    assert {row["cause"]: row["count"] for row in causes} == {"header_injection": 1, "missing_variable": 2}
    assert sink.received == 5


async def test_a_server_that_is_away_puts_its_mailbox_off_and_loses_nothing(engine, unused_tcp_port) -> None:
    await use(engine, unused_tcp_port)
    await engine.build(leads=3, steps=ONE_STEP)
    async with Running(engine) as running:
        async with asyncio.timeout(20):
            while not (
                waits := await engine.rows(
                    "select wait_reason, wait_until from mailbox_pace where wait_until is not null"
                )
            ):
                await asyncio.sleep(0.02)
        await running.until(lambda status: status.counters.waiting == 3 and status.counters.sending == 0)
    assert waits[0]["wait_reason"] == "server_unreachable"
    assert (waits[0]["wait_until"] - clock()).total_seconds() > 50


async def test_a_login_that_cannot_be_made_holds_the_mailbox_with_its_cause(engine, tmp_path) -> None:
    async with Sink(tmp_path / "open", port=0, options=ServerOptions(offers_auth=False)) as sink:
        await use(engine, sink.port, username="anna", password="secret")
        await engine.build(leads=3, steps=ONE_STEP)
        async with Running(engine) as running:
            async with asyncio.timeout(20):
                while not (found := await engine.rows("select level, cause from hold where released_at is null")):
                    await asyncio.sleep(0.02)
            await running.until(lambda status: status.counters.waiting == 3 and status.counters.sending == 0)
        assert found == [{"level": "mailbox", "cause": "authentication"}]
        assert sink.received == 0


async def test_a_password_that_cannot_be_opened_holds_its_mailbox_and_nothing_else(engine, sink) -> None:
    lost, own = (Keyring(Secrets(b"p" * 32, (key * 32,)), os.urandom) for key in (b"a", b"b"))
    login = {"username": "anna", "password": "sesame"}
    await use(engine, sink.port)
    await use(engine, sink.port, "ben", **login)
    async with engine.database.transaction() as tx:
        sealed = lost.seal(engine.workspace, "ben", "sesame")
        await tx.execute("update mailbox set secret = $1 where name = 'ben'", sealed)
    engine.plans = Plans(own)
    ben = engine.mailboxes[1]
    await engine.build(leads=30, steps=[*ONE_STEP, {"delay": "1d", "text": "Once more"}])
    async with Running(engine) as running:
        async with asyncio.timeout(20):
            while not (found := await engine.rows("select id, subject, cause, reason from hold")):
                await asyncio.sleep(0.02)
        # A lead that has met this mailbox may be bound to it; every other one is written to.
        waits = "select from enrollment where state = 'waiting' and step = 1 and mailbox_id is distinct from $1"
        async with asyncio.timeout(20):
            while await engine.rows(waits, ben) or (await running.status()).counters.claimed:
                await asyncio.sleep(0.02)
        assert sink.received >= 15
        assert [(row["subject"], row["cause"]) for row in found] == [(str(ben), "secret_unreadable")]
        assert "a key that this instance does not have" in found[0]["reason"]
        why = await explain.why_mailbox(engine.database, engine.plans, engine.workspace, ben, clock())
        assert why.reason == "mailbox_hold" and "secret_unreadable" in why.sentence
        # A password given anew, and the hold released: it sends, though the other cannot.
        row = await mailboxes.get(engine.database, engine.workspace, ben)
        definition = validate(MailboxDefinition, {**row.definition, "transport": row.definition["transport"] | login})
        key = engine.database, engine.workspace
        await mailboxes.edit(*key, ben, definition, None, own.seal, "test", clock())
        await holds.place(*key, "mailbox", str(engine.mailboxes[0]), "manual", "test", None, clock())
        await holds.release(*key, found[0]["id"], "test", clock())
        engine.now = clock()
        await engine.enroll(5)
        await running.until(lambda status: status.counters.sent == 35)
    assert {row["state"] for row in await engine.rows("select distinct state from message")} == {"sent"}


@pytest.mark.parametrize(("pem", "record"), [(rfc_key(), RFC_RECORD), (rsa_key(2048), record_of(rsa_key(2048)))])
async def test_what_a_mailbox_signs_verifies_when_it_has_arrived(engine, sink, tmp_path, pem: str, record: str) -> None:
    ring = Keyring(Secrets(b"p" * 32, (b"k" * 32,)), os.urandom)
    signing = {"domain": "example.com", "selector": "mail2030", "private_key": pem}
    await use_as(engine, ring.seal, {"name": "anna", "dkim": signing, "reply_to": "team@example.com"}, sink.port)
    engine.plans = Plans(ring)
    html = "<p>\n\t.Hi  {{ first_name }} \n.\n\n</p>\n\n\n"
    steps = [
        {"subject": "Grüße {{ first_name }}", "text": ".\n..\nHi  {{ first_name }}\t \n.\n\n\n", "html": html},
        {"delay": 0, "text": "Один дважды"},
    ]
    await engine.build(leads=5, steps=steps, unsubscribe={"url": "https://example.com/u/{{unsubscribe_token}}"})
    async with Running(engine) as running:
        await running.until(lambda status: status.campaign.status == "completed")
    files = list((tmp_path / "sink").glob("*.eml"))
    assert len(files) == 10
    asked: set[bytes] = set()

    def lookup(name: bytes, timeout: int = 5) -> bytes:
        asked.add(name)
        return record.encode()

    for file in files:
        # The sink puts its own lines before the message.
        content = file.read_bytes()
        message = content[content.index(b"DKIM-Signature:") :]
        assert dkim.verify(message, dnsfunc=lookup)
        names = re.sub(rb"\s", b"", message).partition(b";h=")[2].partition(b";")[0].split(b":")
        assert {b"list-unsubscribe", b"list-unsubscribe-post", b"reply-to"} <= set(names)
        assert not dkim.verify(message.replace(b"One-Click", b"Two-Click"), dnsfunc=lookup)
    assert asked == {b"mail2030._domainkey.example.com."}


@pytest.mark.parametrize("fault", ["lost", "swapped", "garbage"])
async def test_nothing_goes_out_unsigned_when_the_key_cannot_be_read(engine, sink, fault: str) -> None:
    lost, own = (Keyring(Secrets(b"p" * 32, (key * 32,)), os.urandom) for key in (b"a", b"b"))
    signing = {"domain": "example.com", "selector": "a", "private_key": rfc_key()}
    login = {"username": "anna", "password": rfc_key()}
    await use_as(engine, own.seal, {"name": "anna", "dkim": signing}, sink.port, **login)
    engine.plans = Plans(own)
    sealed = {
        "lost": lost.seal(engine.workspace, "anna", rfc_key(), "dkim"),
        "swapped": own.seal(engine.workspace, "anna", rfc_key()),
        "garbage": own.seal(engine.workspace, "anna", "garbage", "dkim"),
    }
    async with engine.database.transaction() as tx:
        await tx.execute("update mailbox set dkim_key = $1", sealed[fault])
    await engine.build(leads=10, steps=ONE_STEP)
    async with Running(engine), asyncio.timeout(20):
        while not (found := await engine.rows("select cause, reason from hold")):
            await asyncio.sleep(0.02)
    assert sink.received == 0
    assert found[0]["cause"] == "secret_unreadable" and "DKIM" in found[0]["reason"]


class Stuck:
    """A carrier whose server never says a word: nothing ends unless it is withdrawn."""

    def __init__(self, failed: Any) -> None:
        self._jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    def withdraw(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.finished(job, Outcome(Kind.NOT_SENT, Stage.QUEUE))

    async def close(self, seconds: float) -> None:
        return


async def test_a_worker_whose_slots_are_all_in_use_stops_at_once(engine) -> None:
    engine.now = clock()
    for number in range(10):
        await engine.mailbox(f"m{number}")
    await engine.build(leads=50, steps=ONE_STEP)
    async with Running(engine, make_carrier=Stuck) as running:
        await running.until(lambda status: status.counters.sending == FAST.slots)
    counters = (await running.status()).counters
    assert (counters.waiting, counters.sending, counters.unknown) == (50, 0, 0)


@pytest.mark.parametrize("broken", ["claim", "record", "runnable"])
async def test_a_fault_of_our_own_does_not_end_the_worker(engine, sink, monkeypatch, broken) -> None:
    await use(engine, sink.port)
    await engine.build(leads=30, steps=ONE_STEP)
    work = getattr(sending, broken)
    calls = 0

    async def fails_at_first(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("a fault of ours")
        return await work(*arguments)

    monkeypatch.setattr(sending, broken, fails_at_first)
    async with Running(engine) as running:
        await running.until(lambda status: status.campaign.status == "completed")
    assert sink.received == 30
    assert (await running.status()).counters.unknown == 0


async def test_a_message_that_cannot_be_written_holds_its_lead_alone(engine, sink, monkeypatch) -> None:
    await use(engine, sink.port)
    await engine.build(leads=5, steps=ONE_STEP)

    def breaks_on_the_first(plan: Any, work: Any, *others: Any) -> Any:
        if work.claimed.address.startswith("l1@"):
            raise RuntimeError("a fault of ours")
        return write_letter(plan, work, *others)

    monkeypatch.setattr(loop, "write_letter", breaks_on_the_first)
    async with Running(engine) as running:
        await running.until(lambda status: status.counters.sent == 4 and status.counters.held == 1)
    assert await engine.rows("select cause from enrollment where state = 'held'") == [{"cause": "render_failed"}]


async def test_what_ran_out_while_nobody_could_renew_is_still_the_workers_own(engine) -> None:
    engine.now = clock()
    for number in range(10):
        await engine.mailbox(f"m{number}")
    await engine.build(leads=20, steps=ONE_STEP)
    async with Running(engine, make_carrier=Stuck) as running:
        await running.until(lambda status: status.counters.sending == 20)
        async with engine.database.transaction() as tx:
            await tx.execute("update message set lease_until = $1", clock() - timedelta(minutes=5))
            running.worker._renewed_at -= timedelta(minutes=5)  # as after five minutes without a database
        async with asyncio.timeout(20):
            while await engine.rows("select from message where lease_until < $1", clock()):
                await asyncio.sleep(0.02)
        assert (await running.status()).counters.unknown == 0


async def test_what_is_at_an_end_goes_to_the_history_by_itself(engine, sink) -> None:
    await use(engine, sink.port)
    await engine.build(leads=5, steps=ONE_STEP)
    async with Running(engine, replace(FAST, history_after=0, history=0.05)):
        async with asyncio.timeout(20):
            while len(await engine.rows("select from message_history")) < 5:
                await asyncio.sleep(0.02)
    assert await engine.rows("select from message") == []
    assert (await engine.status()).counters.sent == 5
