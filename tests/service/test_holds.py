import asyncio
from typing import Any

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.service import enrollments, holds
from caesura.store import sending as gate
from caesura.store.holds import HoldRow


async def place(world: Any, level: str, subject: object = "", cause: str = "manual") -> HoldRow:
    return await holds.place(*world.key, level, str(subject), cause, world.actor, None, world.now)


async def release(world: Any, hold: HoldRow) -> HoldRow:
    return await holds.release(*world.key, hold.id, world.actor, world.now)


async def sender(world: Any) -> tuple[int, dict[str, object]]:
    """A running campaign with one lead that is due, and the subjects of all levels that concern it."""
    mailbox_id = await world.mailbox()
    campaign_id = await world.running(pool=await world.pool(mailbox_id))
    lead_id = await world.lead("anna@BÜCHER.example")
    await world.enrolled(campaign_id, lead_id)
    return campaign_id, {
        "workspace": "",
        "mailbox": mailbox_id,
        "domain": "Bücher.example",
        "campaign": campaign_id,
        "lead": lead_id,
    }


@pytest.mark.parametrize("level", holds.LEVELS)
async def test_a_hold_at_any_level_keeps_what_is_claimed_from_the_wire_until_it_is_released(
    world: Any, level: str
) -> None:
    campaign_id, subjects = await sender(world)
    claim = await world.claim(campaign_id)
    hold = await place(world, level, subjects[level])
    assert (await world.mark_claimed(campaign_id, claim)).marked == ()
    assert await world.send(campaign_id) == 0
    await release(world, hold)
    assert await world.send(campaign_id) == 1


@pytest.mark.parametrize("level", holds.LEVELS)
async def test_a_hold_on_another_subject_keeps_nothing_back(world: Any, stranger: Any, level: str) -> None:
    campaign_id, _ = await sender(world)
    others = {
        "mailbox": await world.mailbox(),
        "domain": "example.com",
        "campaign": await world.campaign(),
        "lead": await world.lead(),
    }
    if level == "workspace":
        await place(stranger, level)
    else:
        await place(world, level, others[level])
    assert await world.send(campaign_id) == 1


async def test_holds_nest_and_releasing_one_releases_no_other(world: Any) -> None:
    campaign_id, subjects = await sender(world)
    placed = [await place(world, level, subject) for level, subject in subjects.items()]
    placed.append(await place(world, "lead", subjects["lead"], cause="other"))
    for hold in placed:
        assert await world.send(campaign_id) == 0
        await release(world, hold)
    assert await world.send(campaign_id) == 1


async def test_a_message_needs_no_hold_when_a_paused_lead_outlasts_its_campaigns_pause(world: Any) -> None:
    campaign_id, subjects = await sender(world)
    await place(world, "lead", subjects["lead"])
    await world.pause(campaign_id)
    await world.resume(campaign_id)
    assert await world.send(campaign_id) == 0


async def test_the_same_hold_placed_twice_is_one(world: Any) -> None:
    first = await place(world, "workspace")
    assert await place(world, "workspace") == first
    assert len(await world.events("hold.placed")) == 1
    assert (await place(world, "workspace", cause="other")).id != first.id
    await release(world, first)
    with pytest.raises(Conflict):
        await release(world, first)
    assert (await place(world, "workspace")).id != first.id


async def test_a_hold_waits_for_a_mark_that_is_inside_the_gate(world: Any) -> None:
    campaign_id, subjects = await sender(world)
    async with world.database.transaction() as mark:
        await mark.execute(gate.entering_gate(world.workspace_id))
        late = asyncio.create_task(place(world, "lead", subjects["lead"]))
        await world.until_waiting(late)
        assert await holds.page(*world.key, None, True, 10) == []
    assert (await late).released_at is None


async def test_what_met_a_hold_waits_again_from_its_position(world: Any) -> None:
    campaign_id, subjects = await sender(world)
    await world.send(campaign_id)
    world.later(days=1)
    claim = await world.claim(campaign_id)
    hold = await place(world, "domain", "bücher.example")
    await world.mark_claimed(campaign_id, claim)
    [row] = await enrollments.page(*world.key, campaign_id, None, None, None, 10)
    assert (row.state, row.cause, row.step) == ("held", "domain_hold", 2)
    await release(world, hold)
    [row] = await enrollments.page(*world.key, campaign_id, None, None, None, 10)
    assert (row.state, row.cause, row.step) == ("waiting", None, 2)


@pytest.mark.parametrize(
    ("level", "subject", "error", "code"),
    [
        ("planet", "1", Invalid, "unknown_level"),
        ("workspace", "1", Invalid, "bad_subject"),
        ("domain", "no domain", Invalid, "bad_subject"),
        ("domain", "", Invalid, "bad_subject"),
        ("lead", "999999", NotFound, "lead_not_found"),
        ("mailbox", "x", NotFound, "mailbox_not_found"),
        ("campaign", "9" * 30, NotFound, "campaign_not_found"),
    ],
)
async def test_a_hold_on_nothing_is_refused(
    world: Any, level: str, subject: str, error: type[Exception], code: str
) -> None:
    with pytest.raises(error) as caught:
        await place(world, level, subject)
    assert getattr(caught.value, "code", None) == code
    assert await holds.page(*world.key, None, True, 10) == []


async def test_holds_are_listed_newest_first_with_or_without_the_released(world: Any, stranger: Any) -> None:
    _, subjects = await sender(world)
    placed = [await place(world, level, subject) for level, subject in subjects.items()]
    await place(stranger, "workspace")
    await release(world, placed[2])
    ids = [hold.id for hold in placed]

    async def found(below: int | None = None, with_released: bool = False, limit: int = 10) -> list[int]:
        return [row.id for row in await holds.page(*world.key, below, with_released, limit)]

    assert await found() == [ids[4], ids[3], ids[1], ids[0]]
    assert await found(with_released=True) == ids[::-1]
    assert await found(below=ids[3], limit=1) == [ids[1]]
    assert (await holds.get(*world.key, ids[2])).released_by == world.actor
    with pytest.raises(NotFound):
        await holds.get(*stranger.key, ids[0])
    with pytest.raises(NotFound):
        await release(stranger, placed[0])


async def test_all_that_met_a_hold_goes_on_and_not_behind_the_gate(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "CHUNK", 2)
    campaign_id, other = await world.running(), await world.running()
    leads = [await world.lead(f"lead{number}@held.example") for number in range(5)]
    ids = await world.enrolled(campaign_id, *leads) + await world.enrolled(other, *leads)
    hold = await place(world, "domain", "held.example")
    assert await world.send(campaign_id) + await world.send(other) == 0
    assert await world.states(*ids) == [("held", "domain_hold")] * 10
    async with world.database.transaction() as slow:
        await slow.execute("select from enrollment where id = $1 for update", ids[3])
        under_way = asyncio.create_task(release(world, hold))
        await world.until_waiting(under_way)
        async with asyncio.timeout(5), world.database.transaction() as mark:
            await mark.execute(gate.entering_gate(world.workspace_id))
    await under_way
    assert await world.states(*ids) == [("waiting", None)] * 10


async def test_a_release_that_was_cut_short_is_finished_by_the_next(world: Any) -> None:
    campaign_id, subjects = await sender(world)
    hold = await place(world, "domain", subjects["domain"])
    assert await world.send(campaign_id) == 0
    await world.value("update hold set released_at = created_at, released_by = actor returning id")
    with pytest.raises(Conflict):
        await release(world, hold)
    assert await world.send(campaign_id) == 1
