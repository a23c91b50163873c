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
