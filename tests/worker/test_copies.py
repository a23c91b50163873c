"""A mailing with copies, files and headers of its own, over real SMTP."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from running_worker import FAST, ONE_STEP, Running, use

from caesura.domain.definition import read_definition
from caesura.domain.enclosures import Attachment, CopyDefinition, read_copies
from caesura.domain.lead_entry import LeadInput
from caesura.runtime.sink import Sink, read_messages
from caesura.service import mailings, sending
from caesura.service.mailings import Enclosures
from caesura.worker import loop
from caesura.worker.carrier import Carrier, Job


async def test_a_message_arrives_once_with_all_its_recipients_files_and_headers(
    engine: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(loop, "_RECIPIENTS", 50)
    groups, mark = [], sending.mark

    async def counted(database: Any, plans: Any, plan: Any, wanted: Any, *others: Any) -> Any:
        groups.append(len(wanted))
        return await mark(database, plans, plan, wanted, *others)

    monkeypatch.setattr(sending, "mark", counted)
    async with Sink(tmp_path / "sink", port=0) as sink:
        await use(engine, sink.port)
        await engine.build(leads=0, steps=ONE_STEP)
        steps = [{"subject": "Hello", "text": "Hello", "html": "<p>Hello</p>"}]
        headers = [{"name": "X-Order", "value": "4711"}]
        definition = read_definition({"name": "a word", "pool": "all", "steps": steps, "headers": headers})
        hidden = [CopyDefinition(address=f"b{one}@example.com") for one in range(48)]
        copies = read_copies([CopyDefinition(address="ann@example.com", name="Ann")], hidden, "kim@example.com")
        enclosed = Enclosures([Attachment("a.bin", "application/octet-stream", bytes(200_000))], {0: copies})
        recipients = [LeadInput("kim@example.com"), LeadInput("lee@example.com")]
        done = await mailings.send(
            engine.database, engine.workspace, definition, recipients, None, "test", engine.now, enclosed
        )
        engine.campaign = done.campaign_id
        async with Running(engine) as running:
            await running.until(lambda status: status.campaign.status == "completed")
    arrived = {message.recipient: message for message in read_messages(tmp_path / "sink")}
    assert arrived["kim@example.com"].recipients == ("kim@example.com", *(one.address for one in copies))
    assert arrived["kim@example.com"].header("Cc") == "Ann <ann@example.com>"
    assert arrived["lee@example.com"].recipients == ("lee@example.com",)
    assert arrived["lee@example.com"].header("Cc") is None
    assert [one.header("X-Order") for one in arrived.values()] == ["4711", "4711"]
    assert len(arrived) == 2
    assert groups == [1, 1], "whoever pauses waits for no more recipients at once"


async def test_messages_with_files_are_in_transit_within_a_bound_of_bytes(engine: Any, tmp_path: Path) -> None:
    in_transit = []

    class Watched(Carrier):
        def submit(self, job: Job) -> None:
            in_transit.append(running.worker.in_transit)
            super().submit(job)

    async with Sink(tmp_path / "sink", port=0) as sink:
        await use(engine, sink.port)
        await engine.build(leads=0, steps=ONE_STEP)
        definition = read_definition(
            {"name": "a word", "pool": "all", "steps": ONE_STEP, "defaults": {"first_name": "x"}}
        )
        enclosed = Enclosures([Attachment("a.bin", "application/octet-stream", bytes(100_000))])
        recipients = [LeadInput(f"kim{one}@example.com") for one in range(5)]
        done = await mailings.send(
            engine.database, engine.workspace, definition, recipients, None, "test", engine.now, enclosed
        )
        engine.campaign = done.campaign_id
        running = Running(engine, replace(FAST, enclosed=300_000), Watched)
        async with running:
            await running.until(lambda status: status.campaign.status == "completed")
    assert sink.received == 5
    assert max(in_transit) == 2
