"""Which mailboxes a claim looks at."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from caesura.domain.definition import read_definition
from caesura.service import definitions, explain, timers


async def test_idle_mailboxes_of_a_large_pool_do_not_hide_those_with_follow_ups(
    engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("caesura.service.sending.claim"), "MAILBOXES", 3)
    for number in range(8):
        await engine.mailbox(f"m{number}", gap_seconds=1)
    await engine.build(leads=2)
    assert await engine.send() == 2
    engine.wait(days=1)
    assert await engine.send() == 2


async def test_openings_reach_all_mailboxes_of_a_large_pool_without_limits(
    engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("caesura.service.sending.claim"), "MAILBOXES", 3)
    for number in range(8):
        await engine.mailbox(f"m{number}")
    await engine.build(leads=60)
    for _ in range(60):
        engine.wait(seconds=1)
        assert await engine.send(limit=1) == 1
    used = await engine.rows("select distinct mailbox_id from message")
    assert len(used) == 8


OWN_WINDOWS = [
    {"subject": "One", "text": "One"},
    {"subject": "Two", "text": "Two", "delay": 3_600, "windows": [{"days": ["tue"], "start": "06:00", "end": "07:00"}]},
]
MONDAY_ONLY = [{"days": ["mon"], "start": "09:00", "end": "18:00"}]


async def test_a_step_goes_out_in_its_own_windows_and_the_others_in_the_campaigns(world: Any) -> None:
    campaign_id = await world.running(steps=OWN_WINDOWS, windows=MONDAY_ONLY)
    [one] = await world.enrolled(campaign_id)
    assert await world.send(campaign_id) == 1
    world.later(hours=2)

    assert await world.send(campaign_id) == 0
    told = await explain.why_lead(world.database, world.plans, world.workspace_id, one, world.now)
    assert (told.reason, told.next_at) == ("outside_window", datetime(2026, 3, 3, 6, tzinfo=UTC))
    world.now = datetime(2026, 3, 3, 6, 30, tzinfo=UTC)
    await timers.tick(world.database, world.now)
    late = await world.claim(campaign_id)
    assert [work.closes_at for work in late.work] == [datetime(2026, 3, 3, 7, tzinfo=UTC)]
    # Claimed in time, and closed before the gate.
    world.now = datetime(2026, 3, 3, 7, tzinfo=UTC)
    assert (await world.mark_claimed(campaign_id, late)).refused == {one: "outside_window"}
    world.now = datetime(2026, 3, 10, 6, tzinfo=UTC)
    await timers.tick(world.database, world.now)
    assert await world.send(campaign_id) == 1


async def test_a_step_that_is_always_open_goes_out_while_the_campaigns_windows_are_shut(world: Any) -> None:
    every = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]
    steps = [OWN_WINDOWS[0], OWN_WINDOWS[1] | {"windows": every}]
    campaign_id = await world.running(steps=steps, windows=MONDAY_ONLY)
    await world.enrolled(campaign_id)
    assert await world.send(campaign_id) == 1
    world.now = datetime(2026, 3, 2, 22, tzinfo=UTC)
    await world.enrolled(campaign_id)
    assert await world.send(campaign_id) == 1
    assert await world.value("select array_agg(step order by step) from message") == [1, 2]


async def test_an_edit_of_a_steps_windows_lets_what_they_parked_be_asked_again(world: Any) -> None:
    campaign_id = await world.running(steps=OWN_WINDOWS)
    await world.enrolled(campaign_id)
    assert await world.send(campaign_id) == 1
    world.later(hours=2)
    assert await world.send(campaign_id) == 0
    data = (await definitions.get(*world.key, campaign_id)).definition.model_dump(mode="json", exclude_none=True)
    data["steps"][1]["windows"] = []
    await definitions.edit(*world.key, campaign_id, read_definition(data), None, "user:test", world.now)
    await timers.tick(world.database, world.now)
    assert await world.send(campaign_id) == 1
