"""Webhooks are made, changed, rotated and deleted; each door sees its own."""

import asyncio
import itertools
import os
from typing import Any

import pytest

from caesura.domain.destinations import Destinations
from caesura.domain.errors import CaesuraError, Conflict, Invalid, NotFound
from caesura.domain.secrets import KEY_BYTES, Secrets
from caesura.http.native.webhook_form import NATIVE
from caesura.service import events, webhooks
from caesura.service.keyring import Keyring
from caesura.service.webhooks import Changes, NewWebhook

KEYRING = Keyring(Secrets(pepper=b"p" * KEY_BYTES, sealing=(b"s" * KEY_BYTES,)), os.urandom)
ANYWHERE = Destinations()
URL = "https://hooks.example.com/caesura"


class Desk:
    """Webhooks of one workspace."""

    def __init__(self, world: Any) -> None:
        self.world = world

    async def create(self, *names: str, url: str = URL, **more: Any) -> webhooks.Issued:
        new = NewWebhook(url, names or ("campaign.paused",), **more)
        return await webhooks.create(
            self.world.database,
            KEYRING,
            NATIVE,
            ANYWHERE,
            os.urandom,
            self.world.workspace_id,
            new,
            "user:test",
            self.world.now,
        )

    async def change(self, webhook_id: int, version: int | None = None, **changes: Any) -> webhooks.WebhookRow:
        return await webhooks.change(
            self.world.database,
            NATIVE,
            ANYWHERE,
            self.world.workspace_id,
            webhook_id,
            Changes(**changes),
            version,
            "user:test",
            self.world.now,
        )

    async def kinds(self) -> list[str]:
        return [event.kind for event in await events.page(*self.world.key, None, None, 100)]


@pytest.fixture
def desk(world: Any) -> Desk:
    return Desk(world)


async def test_a_webhook_is_kept_and_its_secret_sealed(desk: Desk) -> None:
    issued = await desk.create("campaign.paused", "message.sent", "campaign.paused", extra={"native": {"a": 1}})
    row = await webhooks.get(*desk.world.key, "native", issued.row.id)
    assert row == issued.row
    assert list(row.events) == ["campaign.paused", "message.sent"]
    assert (row.active, row.disabled_cause, row.extra) == (True, None, {"native": {"a": 1}})
    assert issued.secret.startswith("whsec_")
    assert issued.secret.encode() not in (row.secret or b"")
    assert issued.secret not in repr(issued)
    assert (
        await webhooks.reveal(desk.world.database, KEYRING, desk.world.workspace_id, "native", row.id) == issued.secret
    )


@pytest.mark.parametrize(
    ("new", "code", "pointer"),
    [
        ({"url": "http://example.com"}, "url_not_https", "/url"),
        ({"events": ("campaign.paused", "campaign.pausd")}, "unknown_event", "/events/1"),
        ({"events": ()}, "events_missing", "/events"),
        ({"description": "x" * 501}, "description_length", "/description"),
    ],
)
async def test_what_is_wrong_is_told_with_its_place(desk: Desk, new: dict[str, Any], code: str, pointer: str) -> None:
    filled = NewWebhook(**{"url": URL, "events": ("*",), **new})
    with pytest.raises(Invalid) as caught:
        await webhooks.create(
            desk.world.database,
            KEYRING,
            NATIVE,
            ANYWHERE,
            os.urandom,
            desk.world.workspace_id,
            filled,
            "u",
            desk.world.now,
        )
    assert [(one.code, one.pointer) for one in caught.value.problems] == [(code, pointer)]


async def test_a_door_sees_only_its_own(desk: Desk) -> None:
    row = (await desk.create()).row
    with pytest.raises(NotFound):
        await webhooks.get(*desk.world.key, "leadterra", row.id)
    assert await webhooks.page(*desk.world.key, "leadterra", None, 10) == []
    assert await webhooks.page(*desk.world.key, "native", None, 10) == [row]
    with pytest.raises(NotFound):
        await webhooks.get(desk.world.database, desk.world.workspace_id + 1, "native", row.id)


async def test_a_change_touches_only_what_it_names(desk: Desk) -> None:
    row = (await desk.create(description="first")).row
    changed = await desk.change(row.id, events=["message.sent"])
    assert (changed.url, changed.description, list(changed.events)) == (URL, "first", ["message.sent"])
    assert (await desk.change(row.id, description="")).description is None
    with pytest.raises(Conflict) as caught:
        await desk.change(row.id, row.version, active=False)
    assert caught.value.code == "version_mismatch"


async def test_the_log_keeps_of_an_address_only_where_it_is(desk: Desk) -> None:
    """Its path and query can be a secret, and whoever may read events is not who may read webhooks."""
    row = (await desk.create(url="https://hooks.example.com:8443/T0/s3cret?token=s3cret#s3cret")).row
    await desk.change(row.id, url="https://[2606:4700::1111]/s3cret")
    await webhooks.delete(*desk.world.key, "native", row.id, "user:test", desk.world.now)
    told = [event.data for event in await events.page(*desk.world.key, None, None, 100)]
    assert [data["url"] for data in told] == [
        "https://hooks.example.com:8443",
        "https://[2606:4700::1111]",
        "https://[2606:4700::1111]",
    ]
    assert "s3cret" not in repr(told)


async def test_many_at_once_are_never_more_than_the_maximum(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAXIMUM", 3)
    outcomes = await asyncio.gather(*(desk.create() for _ in range(8)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict"] * 5 + ["Issued"] * 3


async def test_disabling_and_enabling_are_told(desk: Desk) -> None:
    row = (await desk.create()).row
    off = await desk.change(row.id, active=False)
    assert (off.active, off.disabled_cause, off.begins) == (False, "manual", row.begins)
    on = await desk.change(row.id, active=True)
    assert (on.active, on.disabled_cause) == (True, None)
    assert on.begins > row.begins
    assert await desk.kinds() == ["webhook.created", "webhook.disabled", "webhook.edited"]


async def test_a_rotated_secret_leaves_the_one_before_good_for_a_day(desk: Desk) -> None:
    first = await desk.create()
    second = await webhooks.rotate(
        desk.world.database, KEYRING, NATIVE, os.urandom, desk.world.workspace_id, first.row.id, "u", desk.world.now
    )
    assert second.secret != first.secret
    assert second.row.previous_until == desk.world.now + webhooks.ROTATION
    kept = KEYRING.open(desk.world.workspace_id, str(first.row.id), second.row.previous_secret or b"", "webhook")
    assert kept == first.secret


async def test_a_deleted_webhook_is_gone(desk: Desk) -> None:
    row = (await desk.create()).row
    await webhooks.delete(*desk.world.key, "native", row.id, "u", desk.world.now)
    for attempt in (
        webhooks.get(*desk.world.key, "native", row.id),
        webhooks.delete(*desk.world.key, "native", row.id, "u", desk.world.now),
        webhooks.deliveries(*desk.world.key, "leadlex", row.id, None, None, 10),
    ):
        with pytest.raises(CaesuraError, match="no such webhook"):
            await attempt
    assert await webhooks.deliveries(*desk.world.key, "native", row.id, None, None, 10) == [], "its log can be read"


async def test_a_test_waits_to_be_sent_and_can_be_sent_again_with_the_same_bytes(desk: Desk) -> None:
    row = (await desk.create()).row
    sent = await webhooks.send(
        desk.world.database, NATIVE, desk.world.workspace_id, row.id, "webhook.test", {"a": 1}, desk.world.now
    )
    again = await webhooks.resend(*desk.world.key, "native", row.id, sent.id, desk.world.now)
    assert (again.state, again.key, again.name) == ("pending", sent.key, "webhook.test")
    assert again.id > sent.id
    found = await webhooks.deliveries(*desk.world.key, "native", row.id, None, None, 10)
    assert [one.id for one in found] == [again.id, sent.id]
    assert await webhooks.count_deliveries(*desk.world.key, "native", row.id, ["pending"]) == 2
    with pytest.raises(NotFound):
        await webhooks.resend(*desk.world.key, "native", row.id, 10**9, desk.world.now)
    await desk.change(row.id, active=False)
    with pytest.raises(Conflict):
        await webhooks.resend(*desk.world.key, "native", row.id, sent.id, desk.world.now)
    found = await webhooks.deliveries(*desk.world.key, "native", row.id, None, ["cancelled"], 10)
    assert len(found) == 2


async def test_a_workspace_has_a_hundred_webhooks_at_most(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAXIMUM", 2)
    for _ in itertools.repeat(None, 2):
        await desk.create()
    with pytest.raises(Conflict) as caught:
        await desk.create()
    assert caught.value.code == "too_many_webhooks"
