"""Which mailboxes a claim looks at."""

from importlib import import_module

import pytest


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
