"""Lanes: what becomes of jobs when their mailbox is edited, or when carrying itself fails."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.plan import MailboxPlan
from caesura.domain.validation import validate
from caesura.protocol.smtp import Envelope, Kind, Outcome, SessionFailure
from caesura.runtime.sink import Sink
from caesura.service.plans import mailbox_plan
from caesura.store.mailboxes import MailboxRow
from caesura.worker.carrier import Carrier, Job

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LETTER = b"From: anna@example.com\r\nTo: kim@example.org\r\nSubject: Hi\r\n\r\nHello\r\n"


def plan(port: int, version: int = 1) -> MailboxPlan:
    definition = validate(
        MailboxDefinition,
        {
            "name": "anna",
            "address": "anna@example.com",
            "transport": {"host": "127.0.0.1", "port": port, "tls": "none"},
        },
    )
    stored = definition.model_dump(mode="json", exclude={"transport": {"password"}})
    row = MailboxRow(1, 1, "anna", "anna@example.com", stored, None, False, version, NOW, NOW)
    return replace(mailbox_plan(row, None), version=version)


class Carried:
    """A carrier, and what came back from it."""

    def __init__(self, **options: Any) -> None:
        self.failures: list[SessionFailure] = []
        self.outcomes: list[Outcome] = []
        self.done = asyncio.Event()
        self._open = 0
        self.carrier = Carrier(lambda workspace, mailbox, failure: self.failures.append(failure), **options)

    def submit(self, mailbox: MailboxPlan, count: int) -> None:
        for _ in range(count):
            self._open += 1
            envelope = Envelope("anna@example.com", "kim@example.org", LETTER, False)
            deadline = asyncio.get_running_loop().time() + 60
            self.carrier.submit(Job(1, mailbox, envelope, self._finished, deadline))

    def _finished(self, job: Job, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if len(self.outcomes) == self._open:
            self.done.set()

    async def end(self) -> None:
        async with asyncio.timeout(10):
            await self.done.wait()
            await self.carrier.close()


async def test_an_edited_mailbox_is_used_as_it_is_now_however_busy_its_lane(tmp_path: Path) -> None:
    async with Sink(tmp_path / "old", port=0) as old, Sink(tmp_path / "new", port=0) as new:
        carried = Carried()
        carried.submit(plan(old.port), 5)
        carried.submit(plan(new.port, version=2), 5)
        await carried.end()
        assert [outcome.kind for outcome in carried.outcomes] == [Kind.ACCEPTED] * 10
        assert (old.received, new.received) == (5, 5)


async def test_a_fault_of_our_own_puts_the_mailbox_off_rather_than_going_round(unused_tcp_port: int) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    carried = Carried(helo_name="no host name")
    carried.submit(plan(unused_tcp_port), 3)
    await carried.end()
    assert {outcome.kind for outcome in carried.outcomes} == {Kind.NOT_SENT}
    assert {failure.code for failure in carried.failures} == {"own_fault"}


async def test_a_thousand_mailboxes_are_served_over_a_few_connections(tmp_path: Path) -> None:
    async with Sink(tmp_path / "sink", port=0) as sink:
        carried = Carried(connections=20)
        for number in range(1000):
            carried.submit(replace(plan(sink.port), mailbox_id=number), 2)
        files = len(list(Path("/proc/self/fd").iterdir()))
        most = 0
        while not carried.done.is_set():
            most = max(most, len(list(Path("/proc/self/fd").iterdir())) - files)
            await asyncio.sleep(0.01)
        await carried.end()
        assert [outcome.kind for outcome in carried.outcomes] == [Kind.ACCEPTED] * 2000
        # Both ends of each connection are in this process, and the sink is writing files.
        assert sink.received == 2000 and most < 100
