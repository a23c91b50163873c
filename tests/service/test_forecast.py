"""The forecast of a resume, over real rows."""

import pytest

from caesura.domain.definition import CampaignLimits
from caesura.service import definitions, forecast, mailboxes


async def days(engine) -> list[tuple[int | None, int, int]]:
    found = await forecast.preview(engine.database, engine.plans, engine.workspace, engine.campaign, engine.now)
    return [(day.capacity, day.sent, day.left) for day in found.days]


@pytest.mark.parametrize(
    ("mailbox", "campaign"),
    [({"daily_cap": 4}, {}), ({}, {"daily_total": 4}), ({"daily_cap": 4}, {"daily_total": 9})],
)
async def test_what_was_used_today_of_caps_and_quotas_is_gone_today_and_back_tomorrow(
    engine, mailbox, campaign
) -> None:
    await engine.build(leads=9, limits=mailbox, steps=[{"subject": "Hello", "text": "Hi"}])
    if campaign:
        await set_quota(engine, campaign)
    assert await engine.send(limit=3) == 3
    await engine.pause()
    assert await days(engine) == [(1, 1, 5), (4, 4, 1), (4, 1, 0)]


async def set_quota(engine, limits) -> None:
    found = await definitions.get(engine.database, engine.workspace, engine.campaign)
    edited = found.definition.model_copy(update={"limits": CampaignLimits.model_validate(limits)})
    await definitions.edit(engine.database, engine.workspace, engine.campaign, edited, None, "test", engine.now)


@pytest.mark.parametrize(
    ("clock", "on_overdue", "expected"),
    [
        ("freeze", "spread", (1, 0, [], [1, 3])),
        ("run", "spread", (3, 2, [], [3, 1])),
        ("run", "review", (3, 2, [("overdue_review", 2)], [1, 1])),
        ("run", "skip", (3, 2, [("overdue_skipped", 2)], [1, 1])),
    ],
)
async def test_what_fell_due_in_the_pause_is_told_apart_from_what_was_due_before(
    engine, clock, on_overdue, expected
) -> None:
    steps = [{"subject": "Hello", "text": "Hi"}, {"delay": "1d", "text": "Once more"}]
    await engine.build(leads=3, steps=steps)
    assert await engine.send(limit=2) == 2
    await engine.pause(clock=clock, on_overdue=on_overdue)
    engine.wait(days=2)
    found = await forecast.preview(engine.database, engine.plans, engine.workspace, engine.campaign, engine.now)
    due, overdue, not_sent, sent = expected
    assert (found.due, found.overdue, found.not_sent) == (due, overdue, not_sent)
    assert [day.sent for day in found.days] == sent


async def test_mailboxes_that_cannot_send_are_not_reckoned_with(engine) -> None:
    await engine.mailbox("ben", daily_cap=5)
    await engine.mailbox("cleo", daily_cap=5)
    await engine.build(leads=4, limits={}, steps=[{"subject": "Hello", "text": "Hi"}])
    await engine.pause()
    _, cleo = engine.mailboxes
    assert await days(engine) == [(10, 4, 0)]
    await mailboxes.archive(engine.database, engine.workspace, cleo, True, "test", engine.now)
    assert await days(engine) == [(5, 4, 0)]
