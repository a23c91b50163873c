"""An edit of a campaign, and what it does to leads that wait."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Delivery, Kind
from caesura.domain.errors import Invalid, NotFound
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.service import campaigns, definitions, mailboxes, sending, timers
from caesura.service.campaigns import PauseOptions

STEP = {"subject": "Hello", "text": "Hi"}
EVENING = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
OFFICE = [{"days": ["mon", "tue"], "start": "09:00", "end": "17:00"}]
# Read in each lead's own zone, so that leads are parked one by one; a window of the campaign's parks nobody.
OWN = {"window_zone": "lead"}
LATE = [{"days": ["mon", "tue"], "start": "18:00", "end": "22:00"}]


async def edit(engine, **content) -> None:
    definition = read_definition({"name": "spring", "pool": "all", "steps": [STEP]} | content)
    await definitions.edit(engine.database, engine.workspace, engine.campaign, definition, None, "test", engine.now)


async def parked(engine) -> list[str]:
    return [row["wait_reason"] for row in await engine.rows("select wait_reason from enrollment order by id")]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (OWN | {"windows": OFFICE}, OWN | {"windows": LATE}, "outside_window"),
        (OWN | {"windows": OFFICE}, {}, "outside_window"),
        (OWN | {"windows": OFFICE}, OWN | {"windows": OFFICE, "zone": "America/New_York"}, "outside_window"),
        ({"steps": [{**STEP, "send_at": "2026-03-09T09:00:00Z"}]}, {}, "fixed_date"),
    ],
)
async def test_an_edit_wakes_the_leads_that_the_old_windows_and_dates_have_parked(
    engine, before, after, reason
) -> None:
    engine.now = EVENING
    await engine.build(leads=3, **{"steps": [STEP]} | before)
    assert await engine.send() == 0
    assert await parked(engine) == [reason] * 3
    await edit(engine, **after)
    await timers.tick(engine.database, engine.now)
    assert await engine.send() == 3


async def test_an_edit_of_the_text_wakes_nobody(engine) -> None:
    engine.now = EVENING
    await engine.build(leads=2, steps=[STEP], windows=OFFICE, **OWN)
    await engine.send()
    await edit(engine, windows=OFFICE, **OWN, steps=[{**STEP, "text": "Good day"}])
    await timers.tick(engine.database, engine.now)
    assert await parked(engine) == ["outside_window"] * 2


async def test_nobody_is_sent_to_outside_the_new_window_nor_waits_for_the_old(engine) -> None:
    engine.now = EVENING
    await engine.build(leads=2, steps=[STEP], windows=LATE, **OWN)
    ready = await engine.claim(limit=1)
    before = await engine.plan()
    await edit(engine, windows=OFFICE, **OWN)
    assert (await engine.mark(ready, plan=before)).marked == ()
    assert await engine.send() == 0
    engine.wait(hours=14)
    await timers.tick(engine.database, engine.now)
    assert await engine.send() == 2


async def test_a_lead_that_is_parked_by_the_old_content_after_the_edit_is_woken_as_well(engine) -> None:
    engine.now = EVENING
    await engine.build(leads=1, steps=[STEP], windows=OFFICE, **OWN)
    before = await engine.plan()
    await edit(engine, windows=LATE, **OWN)
    async with engine.database.transaction() as tx:  # what a claim leaves that read the campaign before the edit
        await tx.execute(
            "update enrollment set not_before = $1, wait_reason = 'outside_window', parked_under = $2",
            engine.now + timedelta(hours=14), before.timing,
        )  # fmt: skip
    await timers.tick(engine.database, engine.now)
    assert await engine.send() == 1


async def test_a_message_that_was_put_off_keeps_its_wait_through_an_edit(engine) -> None:
    await engine.build(leads=1, steps=[STEP])
    answer = await engine.mark(await engine.claim())
    await sending.record(
        engine.database, engine.plans, await engine.plan(), [put_off(engine, answer.marked[0])], "w1", engine.now
    )
    await edit(engine, windows=[{"days": ["mon"], "start": "08:00", "end": "20:00"}])
    await timers.tick(engine.database, engine.now)
    assert await parked(engine) == ["retry_wait"]


def put_off(engine, one) -> Delivery:
    place = (one.enrollment_id, one.step, one.attempt, one.refusals, engine.mailboxes[0])
    return Delivery(*place, Kind.DEFERRED, "rcpt", 451, "4.3.0")


async def test_an_edit_of_quotas_counts_from_the_next_claim_on(engine) -> None:
    await engine.build(leads=3, steps=[STEP])
    await edit(engine, limits={"daily_total": 1})
    assert [await engine.send(), await engine.send()] == [1, 0]
    await edit(engine, limits={"daily_total": 3})
    assert await engine.send() == 2


async def test_an_edit_of_a_mailbox_lets_it_go_on_at_once(engine) -> None:
    await engine.build(leads=3, steps=[STEP], limits={"daily_cap": 1})
    assert [await engine.send(), await engine.send()] == [1, 0]
    [row] = await engine.rows("select wait_reason from mailbox_pace")
    assert row == {"wait_reason": "daily_cap"}
    found = await mailboxes.get(engine.database, engine.workspace, engine.mailboxes[0])
    changed = dict(found.definition)
    changed["limits"] = {**changed["limits"], "daily_cap": 2}
    definition = MailboxDefinition.model_validate(changed)
    seal = lambda workspace, name, plain: plain.encode()  # noqa: E731
    await mailboxes.edit(engine.database, engine.workspace, found.id, definition, None, seal, "test", engine.now)
    assert await engine.send() == 1


async def test_an_edit_that_takes_no_step_away_does_not_read_the_messages_behind_the_gate(engine) -> None:
    await engine.build(leads=1, steps=[STEP])
    async with engine.database.transaction() as other:
        await other.execute("lock table message in access exclusive mode")
        async with asyncio.timeout(5):
            await edit(engine)


def steps(*given: tuple[str, int | None]) -> list[dict[str, object]]:
    return [
        {"subject": text, "text": text, "delay": "1d", **({"id": number} if number else {})} for text, number in given
    ]


async def test_a_step_keeps_its_id_wherever_it_moves_and_one_without_takes_that_of_its_place(world) -> None:
    campaign_id = await world.campaign(steps=steps(("a", None), ("b", None), ("c", None)))

    async def ids(*given: tuple[str, int | None]) -> list[int | None]:
        definition = read_definition({"name": "x", "steps": steps(*given)})
        found = await definitions.edit(*world.key, campaign_id, definition, None, world.actor, world.now)
        assert [step.variants[0].subject for step in found.definition.steps] == [text for text, _ in given]
        return [step.id for step in found.definition.steps]

    first, second, third = [step.id for step in (await definitions.get(*world.key, campaign_id)).definition.steps]
    assert len({first, second, third}) == 3
    assert await ids(("a2", None), ("b", None), ("c", None)) == [first, second, third]
    assert await ids(("c", third), ("a", first)) == [third, first]
    copied = await ids(("c", third), ("a", first), ("copy", first))
    assert copied[:2] == [third, first] and copied[2] not in {None, first, second, third}


async def test_a_step_that_the_campaign_has_not_is_refused_with_its_place(world) -> None:
    campaign_id = await world.campaign(steps=steps(("a", None)))
    definition = read_definition({"name": "x", "steps": steps(("a", None), ("b", 10**12))})
    with pytest.raises(Invalid) as refused:
        await definitions.edit(*world.key, campaign_id, definition, None, world.actor, world.now)
    assert (refused.value.code, refused.value.problems[0].pointer) == ("unknown_step", "/steps/1/id")


async def without_pool(world) -> int:
    definition = read_definition({"name": "homeless", "steps": [STEP]})
    return await definitions.create(*world.key, definition, world.actor, world.now)


async def test_a_campaign_without_a_pool_starts_only_with_one_that_is_given(world) -> None:
    campaign_id = await without_pool(world)
    with pytest.raises(Invalid) as refused:
        await definitions.start(*world.key, campaign_id, world.actor, world.now)
    assert refused.value.code == "no_pool"
    name = await world.pool()
    pool = await mailboxes.usual_pool(*world.key)
    before = await definitions.get(*world.key, campaign_id)
    status, _ = await definitions.start(*world.key, campaign_id, world.actor, world.now, pool_id=pool.id)
    found = await definitions.get(*world.key, campaign_id)
    assert (status.campaign.status, found.definition.pool) == ("running", name)
    assert found.row.version == before.row.version + 1
    assert [event["kind"] for event in await world.events()][-2:] == ["campaign.edited", "campaign.started"]


async def test_a_campaign_can_begin_in_a_pause_and_is_checked_all_the_same(world) -> None:
    campaign_id = await without_pool(world)
    start = partial(definitions.start, *world.key, campaign_id, world.actor, world.now, paused=PauseOptions(stays=True))
    with pytest.raises(Invalid):
        await start()
    await world.pool()
    pool = await mailboxes.usual_pool(*world.key)
    status, _ = await start(pool_id=pool.id)
    assert (status.campaign.status, status.campaign.started_at) == ("paused", world.now)
    assert [event["kind"] for event in await world.events()][-2:] == ["campaign.started", "campaign.paused"]
    resumed = await campaigns.resume(*world.key, campaign_id, world.actor, world.now)
    assert resumed.campaign.status == "running"


async def test_a_start_that_is_refused_gives_no_pool(world) -> None:
    campaign_id = await without_pool(world)
    mailbox = await world.mailbox()
    await world.pool(mailbox)
    pool = await mailboxes.usual_pool(*world.key)
    await mailboxes.archive(*world.key, mailbox, True, world.actor, world.now)
    with pytest.raises(Invalid) as refused:
        await definitions.start(*world.key, campaign_id, world.actor, world.now, pool_id=pool.id)
    assert refused.value.code == "no_usable_mailbox"
    assert (await definitions.get(*world.key, campaign_id)).row.pool_id is None


async def test_a_start_does_not_change_the_pool_that_a_campaign_has_nor_takes_a_strangers(world, stranger) -> None:
    own = await world.pool()
    campaign_id = await world.campaign(pool=own)
    other = await mailboxes.find_pool(*world.key, await world.pool())
    await definitions.start(*world.key, campaign_id, world.actor, world.now, pool_id=other.id)
    assert (await definitions.get(*world.key, campaign_id)).definition.pool == own
    with pytest.raises(NotFound):
        await definitions.start(*stranger.key, await without_pool(stranger), world.actor, world.now, pool_id=other.id)


@pytest.mark.parametrize(("address", "codes"), [("zoë@example.com", ["reply_to_not_ascii"]), ("zoe@example.com", [])])
async def test_the_preflight_tells_of_a_reply_address_that_not_all_servers_take(world, address, codes) -> None:
    campaign_id = await world.campaign(reply_to=address, pool=await world.pool())
    found = await definitions.check(*world.key, campaign_id)
    assert [(one.code, one.blocks) for one in found if one.pointer == "/reply_to"] == [(code, False) for code in codes]
