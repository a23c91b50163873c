"""Copies of a message: one row of the ledger, and the gate asks for each of them."""

from typing import Any

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Delivery, Kind
from caesura.domain.enclosures import Attachment, CopyDefinition, read_copies
from caesura.domain.inbound import BounceType, InboundKind
from caesura.domain.lead_entry import LeadInput
from caesura.service import holds, inbound, leads, mailings, sending, suppressions, timers
from caesura.service.inbound import InboundReport
from caesura.service.mailings import Enclosures
from caesura.store import enclosures

FILE = Attachment("offer.pdf", "application/pdf", b"%PDF")


async def send(engine: Any, cc: list[str], bcc: list[str], files: tuple[Attachment, ...] = ()) -> None:
    """A mailing to one, with copies."""
    if not engine.mailboxes:
        await engine.build(leads=0)
    data = {"name": "a word", "pool": "all", "steps": [{"subject": "Hello", "text": "Hello"}]}
    copies = read_copies(*([CopyDefinition(address=one) for one in several] for several in (cc, bcc)), "kim@one.test")
    done = await mailings.send(
        engine.database, engine.workspace, read_definition(data), [LeadInput("kim@one.test")], None, "test",
        engine.now, Enclosures(files, {0: copies}),
    )  # fmt: skip
    assert done.campaign_id is not None
    engine.campaign = done.campaign_id


async def outcomes(engine: Any) -> dict[str, str | None]:
    query = "select address, outcome from message_copy where campaign_id = $1"
    return {row["address"]: row["outcome"] for row in await engine.rows(query, engine.campaign)}


async def record(engine: Any, marked: Any, kind: Kind, refused: Any = ()) -> None:
    one = Delivery(
        marked.enrollment_id, 1, marked.attempt, marked.refusals, engine.mailboxes[0], kind, "content", refused=refused
    )
    await sending.record(engine.database, engine.plans, await engine.plan(), [one], "w1", engine.now)


async def test_copies_and_files_are_in_the_envelope_and_only_those_to_be_seen_in_the_header(engine: Any) -> None:
    await send(engine, ["ann@two.test"], ["ben@three.test"], (FILE,))
    [ready] = await engine.claim()
    content = ready.envelope.content.decode()
    assert (ready.envelope.recipient, ready.envelope.copies) == ("kim@one.test", ("ann@two.test", "ben@three.test"))
    assert "\r\nCc: ann@two.test\r\n" in content
    assert "ben@three.test" not in content
    assert 'filename="offer.pdf"' in content


async def test_what_became_of_each_copy_is_told_with_the_one_message(engine: Any) -> None:
    await send(engine, ["ann@two.test"], ["ben@three.test"])
    [marked] = (await engine.mark(await engine.claim())).marked
    await record(engine, marked, Kind.ACCEPTED, (("ben@three.test", 550, "no such user"),))
    assert await outcomes(engine) == {"ann@two.test": "taken", "ben@three.test": "refused"}
    assert [row["state"] for row in await engine.rows("select state from message")] == ["sent"]
    [told] = await engine.rows("select data from event where kind = 'message.sent'")
    assert told["data"]["copies"] == {"taken": ["ann@two.test"], "refused": ["ben@three.test"]}


async def test_who_may_not_be_written_to_is_left_out_of_the_copies_at_the_gate(engine: Any) -> None:
    await send(engine, ["ann@two.test"], ["ben@three.test"])
    ready = await engine.claim()
    await suppressions.suppress(engine.database, engine.workspace, "three.test", "test", engine.now)
    answer = await engine.mark(ready)
    [marked] = answer.marked
    assert answer.left_out == {marked.enrollment_id: frozenset({"ben@three.test"})}
    assert ready[0].without(answer.left_out[marked.enrollment_id]).copies == ("ann@two.test",)
    await record(engine, marked, Kind.ACCEPTED)
    assert await outcomes(engine) == {"ann@two.test": "taken", "ben@three.test": "left_out"}


@pytest.mark.parametrize("level", ["domain", "lead"])
async def test_a_message_waits_for_the_hold_of_any_of_its_recipients(engine: Any, level: str) -> None:
    await send(engine, ["ann@two.test"], [])
    key = (engine.database, engine.workspace)
    ann, _ = await leads.save(*key, LeadInput("ann@two.test"), False, "test", engine.now)
    subject = "two.test" if level == "domain" else str(ann.id)
    placed = await holds.place(*key, level, subject, "manual", "test", None, engine.now)
    answer = await engine.mark(await engine.claim())
    assert (answer.marked, list(answer.refused.values())) == ((), [f"{level}_hold"])
    assert await engine.claim() == []
    await holds.release(*key, placed.id, "test", engine.now)
    engine.wait(minutes=6)
    assert await timers.unpark(engine.database, engine.now) == 1
    assert len((await engine.mark(await engine.claim())).marked) == 1


async def test_a_copy_that_comes_back_is_not_the_leads_fault(engine: Any) -> None:
    await send(engine, ["ann@two.test"], [])
    ready = await engine.claim()
    [marked] = (await engine.mark(ready)).marked
    await record(engine, marked, Kind.ACCEPTED)
    report = InboundReport(
        kind=InboundKind.BOUNCE,
        address="ann@two.test",
        bounce_type=BounceType.HARD,
        in_reply_to=ready[0].wanted.message_id,
    )
    await inbound.report(engine.database, engine.plans, engine.workspace, report, "test", engine.now)
    [suppressed] = await engine.rows("select value from suppression")
    assert suppressed["value"] == "ann@two.test"


async def test_copies_for_the_first_go_with_the_first_who_is_written_to(engine: Any) -> None:
    await engine.build(leads=0)
    await suppressions.suppress(engine.database, engine.workspace, "ann@one.test", "test", engine.now)
    data = {"name": "a word", "pool": "all", "steps": [{"subject": "Hello", "text": "Hello"}]}
    copies = read_copies([CopyDefinition(address="eve@two.test")], [], "ann@one.test")
    recipients = [LeadInput(f"{name}@one.test") for name in ("ann", "ben", "kim")]
    done = await mailings.send(
        engine.database, engine.workspace, read_definition(data), recipients, None, "test", engine.now,
        Enclosures(for_first=copies),
    )  # fmt: skip
    rows = await engine.rows("select enrollment_id, address from message_copy where campaign_id = $1", done.campaign_id)
    assert [[*row.values()] for row in rows] == [[done.outcomes[1].enrollment_id, "eve@two.test"]]


@pytest.mark.parametrize("is_first", [False, True])
async def test_a_copy_that_comes_back_proves_that_an_unknown_message_was_taken(engine: Any, is_first: bool) -> None:
    await send(engine, ["ann@two.test"], [])
    [marked] = (await engine.mark(await engine.claim())).marked
    if not is_first:
        await record(engine, marked, Kind.UNKNOWN)
    [message] = await engine.rows("select message_id from message")
    report = InboundReport(
        kind=InboundKind.BOUNCE, address="ann@two.test", in_reply_to=message["message_id"], bounce_type=BounceType.HARD
    )
    await inbound.report(engine.database, engine.plans, engine.workspace, report, "test", engine.now)
    if is_first:
        await record(engine, marked, Kind.UNKNOWN)
    assert [row["state"] for row in await engine.rows("select state from message")] == ["sent"]


async def test_a_round_without_work_reads_no_files_however_many_mailings_have_some(
    engine: Any, monkeypatch: Any
) -> None:
    await engine.mailbox("anna", daily_cap=1)
    reads = []
    real = enclosures.files

    async def counted(tx: Any, workspace_id: int, campaign_id: int) -> Any:
        reads.append(campaign_id)
        return await real(tx, workspace_id, campaign_id)

    monkeypatch.setattr(enclosures, "files", counted)
    await engine.build(leads=0)
    for _ in range(9):
        await send(engine, [], [], (FILE,))
    for _ in range(2):
        for one in await sending.runnable(engine.database):
            async with engine.database.connection() as connection:
                await engine.plans.campaign(connection, one.workspace_id, one.campaign_id, one.version)
    assert reads == []
    for _ in range(2):
        [ready] = await engine.claim()
        back = [ready.wanted.claimed]
        await sending.give_back(engine.database, await engine.plan(), back, "w1", engine.now)
    assert reads == [engine.campaign], "once for both"
