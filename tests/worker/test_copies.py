"""A mailing with copies and files, over real SMTP."""

from pathlib import Path
from typing import Any

from running_worker import ONE_STEP, Running, use

from caesura.domain.definition import read_definition
from caesura.domain.enclosures import Attachment, CopyDefinition, read_copies
from caesura.domain.lead_entry import LeadInput
from caesura.runtime.sink import Sink, read_messages
from caesura.service import mailings
from caesura.service.mailings import Enclosures


async def test_a_message_arrives_once_with_all_its_recipients_and_files(engine: Any, tmp_path: Path) -> None:
    async with Sink(tmp_path / "sink", port=0) as sink:
        await use(engine, sink.port)
        await engine.build(leads=0, steps=ONE_STEP)
        steps = [{"subject": "Hello", "text": "Hello", "html": "<p>Hello</p>"}]
        definition = read_definition({"name": "a word", "pool": "all", "steps": steps})
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
    assert len(arrived) == 2
