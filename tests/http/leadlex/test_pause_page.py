"""The vendor's page "Pause Campaign": each sentence, field, example, note and error row of it."""

import asyncio
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import pytest
from leadlex_client import FORM, PREFIX, Lexi, native, outer
from webhook_desk import KEYRING, receiving

from caesura.domain.destinations import Destinations
from caesura.http.leadlex.webhook_form import LEADLEX_WEBHOOKS
from caesura.http.webhook_forms import FORMS
from caesura.service import keys, webhook_delivery, webhooks
from caesura.service.webhooks import NewWebhook
from caesura.worker.webhooks import Courier

NOW = "2026-03-02T09:00:00Z"
NOT_FOUND = {"code": "campaign_not_found", "message": "No campaign with this ID"}


async def status(lexi: Lexi, campaign: str) -> Any:
    return await lexi.desk.get(f"/campaigns/{native(campaign)}/status")


async def test_pause_an_active_campaign(lexi: Lexi) -> None:
    campaign = await lexi.running()
    await lexi.post(f"/campaigns/{campaign}/pause")
    assert (await status(lexi, campaign))["status"] == "paused"


async def test_in_flight_sends_complete(lexi: Lexi) -> None:
    campaign = await lexi.running()
    marked = await lexi.desk.mark(native(campaign))
    await lexi.post(f"/campaigns/{campaign}/pause")
    assert (await status(lexi, campaign))["in_transit"] == 2
    assert await lexi.desk.record(native(campaign), marked) == 2
    shown = await status(lexi, campaign)
    assert (shown["in_transit"], shown["status"]) == (0, "paused")


async def test_no_new_sends_are_scheduled(lexi: Lexi) -> None:
    campaign = await lexi.running()
    await lexi.post(f"/campaigns/{campaign}/pause")
    assert await lexi.desk.send(native(campaign)) == 0
    lexi.desk.api.clock.advance(30 * 86_400)
    assert await lexi.desk.send(native(campaign)) == 0


async def test_the_path_parameter_id_is_the_campaigns_unique_id_a_uuid(lexi: Lexi) -> None:
    campaign = await lexi.running()
    assert len(campaign) == 36 and campaign[14] == "4"
    assert (await lexi.raw("POST", f"/campaigns/{campaign.upper()}/pause")).status_code == 200


async def test_the_key_comes_in_the_header_authorization_bearer(lexi: Lexi) -> None:
    assert lexi.key.startswith("wbk_")
    campaign = await lexi.running()
    client = lexi.desk.api.client
    url = f"{PREFIX}/campaigns/{campaign}/pause"
    assert (await client.post(url, headers={"Authorization": lexi.key})).status_code == 401
    assert (await client.post(url, headers={"Authorization": "", "x-api-key": lexi.key})).status_code == 401
    assert (await client.post(url, headers={"Authorization": f"Bearer {lexi.key}"})).status_code == 200


async def test_the_url_of_the_examples_is_below_functions_v1_api_gateway(lexi: Lexi) -> None:
    base = "/leadlex/functions/v1/api-gateway"
    campaign = await lexi.running()
    headers = {"Authorization": f"Bearer {lexi.key}"}
    answer = await lexi.desk.api.client.post(f"{base}/v1/campaigns/{campaign}/pause", headers=headers)
    assert answer.status_code == 200
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        refused = await lexi.raw(method, f"/campaigns/{campaign}/pause")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")


async def test_the_examples_send_no_body_and_none_is_needed(lexi: Lexi) -> None:
    campaign = await lexi.running()
    assert (await lexi.post(f"/campaigns/{campaign}/pause", {}))["campaign"]["status"] == "paused"


@pytest.mark.parametrize("permission", ["campaigns:write", "write:campaigns", "write", "*"])
async def test_requires_a_key_with_the_campaigns_write_permission(lexi: Lexi, permission: str) -> None:
    campaign = await lexi.running()
    key = await lexi.key_with(permission)
    assert (await lexi.raw("POST", f"/campaigns/{campaign}/pause", key=key)).status_code == 200


@pytest.mark.parametrize(
    "word", ["draft", "paused", "completed", "stopped", "pending_approval", "scheduled", "editing"]
)
async def test_the_campaign_must_currently_be_in_active_status(lexi: Lexi, word: str) -> None:
    draft = await lexi.desk.campaign()
    place = f"/campaigns/{draft['id']}"
    match word:
        case "paused" | "stopped" | "completed" | "editing":
            await lexi.desk.enrol(draft["id"], "a@example.com")
            await lexi.desk.post(f"{place}/start")
            if word == "completed":
                async with lexi.desk.api.database.connection() as connection:
                    await connection.execute(
                        "update campaign set status = 'completed' where id = $1", int(draft["id"][4:])
                    )
            else:
                await lexi.desk.post(f"{place}/{ {'paused': 'pause', 'stopped': 'stop', 'editing': 'edit'}[word] }")
        case "pending_approval":
            await lexi.desk.post(f"{place}/submit")
        case "scheduled":
            await lexi.desk.post(f"{place}/schedule", {"starts_at": "2026-03-02T10:00:00Z"})
    before = await lexi.desk.get(place)
    assert await lexi.code("POST", f"/campaigns/{outer(draft['id'])}/pause") == (409, "campaign_not_active")
    assert await lexi.desk.get(place) == before


async def test_fires_the_campaign_paused_webhook_event(lexi: Lexi) -> None:
    api, workspace = lexi.desk.api, lexi.desk.workspace_id
    campaign = await lexi.running()
    here = Destinations.of("127.0.0.1")
    async with receiving() as receiver:
        entropy = api.context.entropy
        new = NewWebhook(receiver.url, ("campaign.paused",))
        place = (api.database, KEYRING, LEADLEX_WEBHOOKS, here, entropy, workspace)
        hook = await webhooks.create(*place, new, "test", api.clock())
        await lexi.post(f"/campaigns/{campaign}/pause")
        await lexi.post(f"/campaigns/{campaign}/pause", status=409)
        await webhook_delivery.fan_out(api.database, FORMS, api.clock())
        async with Courier(api.database, KEYRING, FORMS, here, api.clock) as courier:
            await courier.deliver(workspace, hook.row.id)
    [got] = receiver.got
    assert got.json["event"] == "campaign.paused" and got.json["timestamp"] == NOW
    told = got.json["data"]["campaign"]
    assert (told["id"], told["status"], told["paused_at"]) == (campaign, "paused", NOW)
    expected = hmac.new(hook.secret.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-LeadLex-Signature"] == f"sha256={expected}"


async def test_data_campaign_has_id_status_and_paused_at(lexi: Lexi) -> None:
    campaign = await lexi.running()
    data = await lexi.post(f"/campaigns/{campaign}/pause")
    assert list(data) == ["campaign"]
    assert data["campaign"] == {"id": campaign, "status": "paused", "paused_at": NOW}


async def test_status_is_always_paused_on_success(lexi: Lexi) -> None:
    for _ in range(3):
        campaign = await lexi.running()
        assert (await lexi.post(f"/campaigns/{campaign}/pause"))["campaign"]["status"] == "paused"


async def test_paused_at_is_the_iso_8601_timestamp_of_the_pause(lexi: Lexi) -> None:
    campaign = await lexi.running()
    lexi.desk.api.clock.advance(3_661.75)
    paused_at = (await lexi.post(f"/campaigns/{campaign}/pause"))["campaign"]["paused_at"]
    assert paused_at == "2026-03-02T10:01:01Z"
    assert datetime.fromisoformat(paused_at).utcoffset() is not None


async def test_the_example_response_is_what_comes(lexi: Lexi) -> None:
    campaign = await lexi.running()
    answer = await lexi.raw("POST", f"/campaigns/{campaign}/pause")
    example = {"data": {"campaign": {"id": campaign, "status": "paused", "paused_at": NOW}}}
    assert json.dumps(answer.json()) == json.dumps(example)
    assert answer.headers["content-type"] == "application/json"


async def test_to_resume_a_paused_campaign_call_start(lexi: Lexi) -> None:
    campaign = await lexi.running()
    assert await lexi.desk.send(native(campaign)) == 2
    await lexi.post(f"/campaigns/{campaign}/pause")
    data = await lexi.post(f"/campaigns/{campaign}/start")
    assert (data["campaign_id"], data["status"]) == (campaign, "active")
    assert await lexi.desk.send(native(campaign)) == 0, "nobody gets the first step again"
    lexi.desk.api.clock.advance(86_401)
    assert await lexi.desk.send(native(campaign)) == 2, "everybody gets the second"


async def revoked(lexi: Lexi) -> str:
    issued = await lexi.desk.api.mint("*", form=FORM)
    await keys.revoke(lexi.desk.api.database, issued.row.workspace_id, issued.row.id, "test", lexi.desk.api.clock())
    return str(issued.text)


@pytest.mark.parametrize("kind", ["none", "malformed", "unknown", "revoked", "expired", "of another dialect"])
async def test_401_invalid_key_invalid_or_expired_api_key(lexi: Lexi, kind: str) -> None:
    campaign = await lexi.running()
    expires = datetime.fromisoformat("2026-03-02T09:00:01Z")
    key = {
        "none": "",
        "malformed": "wbk_your_api_key_here",
        "unknown": lexi.key[:-1] + ("a" if lexi.key[-1] != "a" else "b"),
        "revoked": await revoked(lexi),
        "expired": await lexi.key_with("*", expires_at=expires),
        "of another dialect": (await lexi.desk.api.mint("*")).text,
    }[kind]
    lexi.desk.api.clock.advance(2)
    answer = await lexi.raw("POST", f"/campaigns/{campaign}/pause", key=key)
    assert answer.status_code == 401
    assert answer.json() == {"error": {"code": "invalid_key", "message": "Invalid or expired API key"}}
    assert (await status(lexi, campaign))["status"] == "running"


@pytest.mark.parametrize(
    "permission", ["campaigns:read", "read:campaigns", "read", "lexi", "contacts:write", "write:contacts"]
)
async def test_403_insufficient_permissions_missing_campaigns_write(lexi: Lexi, permission: str) -> None:
    campaign = await lexi.running()
    key = await lexi.key_with(permission)
    error = await lexi.post(f"/campaigns/{campaign}/pause", status=403, key=key)
    assert error["code"] == "insufficient_permissions" and "campaigns:write" in error["message"]
    assert (await status(lexi, campaign))["status"] == "running"


@pytest.mark.parametrize("text", ["cmp_abc123", "cmp_1", "1", "00000000-0000-4000-8000-000000000000", "%20", "x" * 500])
async def test_404_campaign_not_found_no_campaign_with_this_id(lexi: Lexi, text: str) -> None:
    assert await lexi.post(f"/campaigns/{text}/pause", status=404) == NOT_FOUND


async def test_404_an_id_of_something_else_or_of_a_campaign_that_is_not_there(lexi: Lexi) -> None:
    campaign = await lexi.running()
    for text in (outer(native(campaign), "list"), outer("cmp_999999999")):
        assert await lexi.post(f"/campaigns/{text}/pause", status=404) == NOT_FOUND


async def test_404_a_campaign_of_another_workspace(lexi: Lexi, stranger: Any) -> None:
    campaign_id, _ = await stranger.running("a@example.com")
    assert await lexi.post(f"/campaigns/{outer(campaign_id)}/pause", status=404) == NOT_FOUND
    assert (await stranger.get(f"/campaigns/{campaign_id}"))["status"] == "running"


async def test_404_a_campaign_that_the_key_may_not_touch_or_that_is_archived(lexi: Lexi) -> None:
    campaign, other = await lexi.running(), await lexi.running("c@example.com")
    key = await lexi.key_with("*", campaign_ids=[int(native(other)[4:])])
    assert await lexi.post(f"/campaigns/{campaign}/pause", status=404, key=key) == NOT_FOUND
    await lexi.post(f"/campaigns/{other}/pause", key=key)
    await lexi.desk.post(f"/campaigns/{native(other)}/archive")
    assert await lexi.post(f"/campaigns/{other}/pause", status=404) == NOT_FOUND


async def test_409_campaign_not_active(lexi: Lexi) -> None:
    campaign = await lexi.running()
    await lexi.post(f"/campaigns/{campaign}/pause")
    lexi.desk.api.clock.advance(60)
    error = await lexi.post(f"/campaigns/{campaign}/pause", status=409)
    assert error["code"] == "campaign_not_active" and list(error) == ["code", "message"]
    assert (await status(lexi, campaign))["paused_at"] == NOW


async def test_409_for_all_but_one_of_those_who_pause_at_once(lexi: Lexi) -> None:
    campaign = await lexi.running()
    answers = await asyncio.gather(*(lexi.raw("POST", f"/campaigns/{campaign}/pause") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_429_rate_limited_rate_limit_exceeded(lexi: Lexi) -> None:
    campaign = await lexi.running()
    key = await lexi.key_with("*", plan="starter")
    for used in range(10):
        answer = await lexi.raw("GET", f"/campaigns/{outer('cmp_999999')}/pause", key=key)
        assert answer.status_code == 405, used
        answer = await lexi.raw("POST", f"/campaigns/{outer('cmp_999999')}/pause", key=key)
        assert answer.headers["X-RateLimit-Remaining"] == str(9 - used)
    answer = await lexi.raw("POST", f"/campaigns/{campaign}/pause", key=key)
    assert answer.status_code == 429
    assert answer.json() == {"error": {"code": "rate_limited", "message": "Rate limit exceeded"}}
    assert answer.headers["X-RateLimit-Limit"] == "10" and answer.headers["X-RateLimit-Remaining"] == "0"
    assert int(answer.headers["X-RateLimit-Reset"]) == 1772442060
    assert (await status(lexi, campaign))["status"] == "running"


async def test_the_checks_come_in_the_order_of_their_codes(lexi: Lexi) -> None:
    key = await lexi.key_with("campaigns:read")
    assert await lexi.code("POST", "/campaigns/cmp_abc123/pause", key="wrong") == (401, "invalid_key")
    assert await lexi.code("POST", "/campaigns/cmp_abc123/pause", key=key) == (403, "insufficient_permissions")


async def test_a_fault_of_ours_has_the_shape_of_errors_and_tells_nothing(
    lexi: Lexi, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await lexi.running()

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("caesura.service.campaigns.pause", broken)
    error = await lexi.post(f"/campaigns/{campaign}/pause", status=500)
    assert error == {"code": "internal_error", "message": "Something went wrong on our side"}
