"""Leads whose mailbox is archived or has left the pool wait until somebody binds them to another."""

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.mailbox_definition import PoolDefinition
from caesura.domain.reasons import Reason
from caesura.service import binding, explain, mailboxes


@pytest.fixture
async def stranded(engine):
    """Two leads that anna has opened and bert is to go on with; anna has left the pool."""
    anna = await engine.mailbox("anna")
    await engine.build(leads=2)
    await engine.send()
    await engine.mailbox("bert")
    await engine.mailbox("cleo")
    pool = await mailboxes.find_pool(engine.database, engine.workspace, "all")
    new = PoolDefinition(name="all", mailboxes=["bert", "cleo"])
    await mailboxes.edit_pool(engine.database, engine.workspace, pool.id, new, "test", engine.now)
    engine.wait(days=1)
    assert await engine.send() == 0
    assert anna == engine.mailboxes[0]
    return engine


async def rebind(engine, to: str | None = None) -> int:
    return await binding.rebind(engine.database, engine.workspace, engine.campaign, to, "test", engine.now)


async def why(engine) -> tuple[Reason, Reason, str]:
    key = (engine.database, engine.plans, engine.workspace)
    of_campaign = await explain.why_campaign(*key, engine.campaign, engine.now)
    [first, *_] = await engine.rows("select id from enrollment order by id")
    of_lead = await explain.why_lead(*key, first["id"], engine.now)
    return of_campaign.reason, of_lead.reason, of_lead.sentence


async def test_why_names_the_mailbox_that_has_left_and_what_to_do(stranded) -> None:
    of_campaign, of_lead, sentence = await why(stranded)
    assert of_campaign is of_lead is Reason.MAILBOX_LEFT
    assert "anna" in sentence and "rebind" in sentence


async def test_rebound_leads_go_on_in_their_thread_from_the_mailboxes_of_the_pool_in_turn(stranded) -> None:
    assert await rebind(stranded) == 2
    rows = await stranded.rows("select mailbox_id from enrollment")
    assert sorted(row["mailbox_id"] for row in rows) == stranded.mailboxes[1:]
    ready = await stranded.claim()
    assert all(len(one.wanted.claimed.message_ids) == 1 for one in ready)
    answer = await stranded.mark(ready)
    assert len(answer.marked) == 2
    assert [row["kind"] for row in await stranded.rows("select kind from event where kind = 'campaign.rebound'")]


async def test_leads_may_be_bound_to_one_mailbox_by_name(stranded) -> None:
    assert await rebind(stranded, "cleo") == 2
    assert {row["mailbox_id"] for row in await stranded.rows("select mailbox_id from enrollment")} == {
        stranded.mailboxes[2]
    }
    assert await rebind(stranded, "bert") == 0


async def test_an_archived_mailbox_strands_its_leads_too(engine) -> None:
    anna, bert = await engine.mailbox("anna"), await engine.mailbox("bert")
    await engine.build(leads=2)
    await engine.send()
    await mailboxes.archive(engine.database, engine.workspace, anna, True, "test", engine.now)
    engine.wait(days=1)
    assert await engine.send() == 1
    assert (await why(engine))[0] is Reason.MAILBOX_LEFT
    assert await rebind(engine) == 1
    assert {row["mailbox_id"] for row in await engine.rows("select mailbox_id from enrollment")} == {bert}
    assert await engine.send() == 1


async def test_more_leads_than_one_part_are_all_rebound(stranded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "CHUNK", 1)
    assert await rebind(stranded) == 2


async def test_there_must_be_a_usable_mailbox(stranded) -> None:
    for wrong in ("anna", "nobody"):
        with pytest.raises(Invalid, match="no usable mailbox"):
            await rebind(stranded, wrong)
    for one in stranded.mailboxes[1:]:
        await mailboxes.archive(stranded.database, stranded.workspace, one, True, "test", stranded.now)
    with pytest.raises(Conflict) as error:
        await rebind(stranded)
    assert error.value.code == "no_usable_mailbox"
    with pytest.raises(NotFound):
        await binding.rebind(stranded.database, stranded.workspace, 999, None, "test", stranded.now)
