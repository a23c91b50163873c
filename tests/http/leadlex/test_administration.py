"""Webhooks, API keys, permissions, and what is not here."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from leadlex_client import FORM, PREFIX, Lexi, native, outer
from webhook_desk import KEYRING, receiving

from caesura.domain.destinations import Destinations
from caesura.domain.webhook_form import Notice, Occurrence, Parcel
from caesura.http.door import Support
from caesura.http.leadlex.door import LEADLEX
from caesura.http.leadlex.webhook_form import LEADLEX_WEBHOOKS, TOLD
from caesura.http.opaque_ids import uuid_of
from caesura.http.webhook_forms import FORMS
from caesura.service import webhook_delivery
from caesura.store import webhook_delivery as webhook_delivery_store
from caesura.worker.webhooks import Courier

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOOK = {"url": "https://example.com/hook", "events": ["campaign.paused"], "description": "mine"}


async def test_a_webhook_is_created_with_its_secret_once(lexi: Lexi) -> None:
    answer = await lexi.raw("POST", "/webhooks", {**HOOK, "colour": "red"})
    made = answer.json()["data"]
    assert answer.status_code == 201 and len(made["secret"]) == 64
    assert {name: made["webhook"][name] for name in HOOK} == HOOK
    assert made["webhook"]["secret"] == made["secret"], "the page can be read either way"
    assert (made["webhook"]["active"], made["webhook"]["colour"]) == (True, "red")
    [shown] = (await lexi.get("/webhooks"))["webhooks"]
    assert shown == {
        "id": made["webhook"]["id"],
        **HOOK,
        "colour": "red",
        "active": True,
        "last_delivery_status": None,
        "last_delivery_at": None,
        "created_at": "2026-03-02T09:00:00Z",
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": "http://example.com"}, "invalid_url"),
        ({"url": "https://10.0.0.1/x"}, "invalid_url"),
        ({"url": None}, "invalid_url"),
        ({"events": []}, "invalid_events"),
        ({"events": ["campaign.exploded"]}, "invalid_events"),
        ({"events": None}, "invalid_events"),
        ({"description": "x" * 201}, "validation_error"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused(lexi: Lexi, change: Any, code: str) -> None:
    assert await lexi.code("POST", "/webhooks", {**HOOK, **change}) == (400, code)


async def test_a_webhook_is_changed_and_events_are_replaced(lexi: Lexi) -> None:
    made = (await lexi.post("/webhooks", HOOK))["webhook"]
    changed = (await lexi.patch(f"/webhooks/{made['id']}", {"events": ["campaign.started"], "active": False}))[
        "webhook"
    ]
    assert (changed["events"], changed["active"], changed["url"]) == (["campaign.started"], False, HOOK["url"])
    assert changed["updated_at"] == "2026-03-02T09:00:00Z" and "secret" not in changed


async def test_a_deleted_webhook_is_gone(lexi: Lexi) -> None:
    made = (await lexi.post("/webhooks", HOOK))["webhook"]
    assert await lexi.delete(f"/webhooks/{made['id']}") == {"deleted": True, "id": made["id"]}
    for text in (made["id"], UNKNOWN, "x"):
        assert await lexi.code("DELETE", f"/webhooks/{text}") == (404, "webhook_not_found")
        assert await lexi.code("PATCH", f"/webhooks/{text}", {}) == (404, "webhook_not_found")
        assert (await lexi.raw("GET", f"/webhooks/{text}/logs")).status_code == (200 if text == made["id"] else 404)
    assert await lexi.code("GET", f"/webhooks/{UNKNOWN}/logs") == (404, "webhook_not_found")


async def test_the_log_tells_how_each_attempt_went(lexi: Lexi) -> None:
    campaign, api = await lexi.running(), lexi.desk.api
    made = (await lexi.post("/webhooks", HOOK))["webhook"]
    async with receiving(status=500) as receiver:
        async with api.database.connection() as connection:
            await connection.execute("update webhook set url = $1", receiver.url)
        await lexi.post(f"/campaigns/{campaign}/pause")
        await webhook_delivery.fan_out(api.database, FORMS, api.clock())
        async with Courier(api.database, KEYRING, FORMS, Destinations.of("127.0.0.1"), api.clock) as courier:
            for _ in range(2):
                await courier.deliver(lexi.desk.workspace_id, int(number_of(made["id"], "webhook")))
                api.clock.advance(60)
    answer = (await lexi.raw("GET", f"/webhooks/{made['id']}/logs")).json()
    second, entry = answer["data"]["logs"]
    assert answer["meta"] == {"page": 1, "per_page": 50, "total": 2}
    assert (second["attempt"], second["delivery_id"]) == (2, entry["delivery_id"])
    assert (entry["event"], entry["status"], entry["response_status_code"]) == ("campaign.paused", "failed", 500)
    assert len((await lexi.get(f"/webhooks/{made['id']}/logs?status=failed&per_page=1"))["logs"]) == 1
    [waiting] = (await lexi.get(f"/webhooks/{made['id']}/logs?status=pending"))["logs"]
    assert waiting == {**second, "status": "pending"}
    assert (entry["response_body"], entry["attempt"], entry["error"]) == ("thank you", 1, "http_error")
    assert receiver.got[0].headers["X-LeadLex-Delivery-ID"] == entry["delivery_id"]
    assert (await lexi.get(f"/webhooks/{made['id']}/logs?status=success"))["logs"] == []
    assert await lexi.code("GET", f"/webhooks/{made['id']}/logs?status=x") == (400, "validation_error")
    [shown] = (await lexi.get("/webhooks"))["webhooks"]
    assert shown["last_delivery_status"] == "failed"
    await lexi.delete(f"/webhooks/{made['id']}")
    kept = (await lexi.get(f"/webhooks/{made['id']}/logs"))["logs"]
    assert kept == [second, entry], "logs are kept for 30 days"


def number_of(uuid: str, kind: str) -> int:
    return next(one for one in range(1, 10_000) if uuid_of(kind, one) == uuid)


def test_attempts_follow_the_vendors_plan() -> None:
    assert (LEADLEX_WEBHOOKS.retries, LEADLEX_WEBHOOKS.timeout) == ((5.0, 30.0, 300.0, 3_600.0, 21_600.0), 10.0)


def test_the_headers_and_the_envelope_are_the_documented_ones() -> None:
    at = NOW
    body = LEADLEX_WEBHOOKS.body([Notice(7, "k", "contact.created", {"contact": {}}, at)])
    workspace = uuid_of("workspace", 7).encode()
    assert body == (
        b'{"event":"contact.created","timestamp":"2026-03-02T09:00:00Z","workspace_id":"%b","data":{"contact":{}}}'
        % workspace
    )
    first = LEADLEX_WEBHOOKS.headers(Parcel(7, 1, 5, "k", "contact.created", body, 1), ["secret"], at)
    later = LEADLEX_WEBHOOKS.headers(Parcel(7, 1, 5, "k", "contact.created", body, 2), ["secret"], at)
    assert first == later, "an attempt is known again by its delivery's id"
    assert first["User-Agent"] == "LeadLex-Webhook/1.0" and first["X-LeadLex-Timestamp"] == "2026-03-02T09:00:00Z"
    assert first["X-LeadLex-Signature"].startswith("sha256=") and len(first["X-LeadLex-Signature"]) == 71


async def told(lexi: Lexi) -> list[str]:
    """The events that this door would tell of what happened in the workspace."""
    return [name for name, _ in await notices(lexi)]


async def notices(lexi: Lexi) -> list[Any]:
    async with lexi.desk.api.database.connection() as connection:
        rows = await connection.fetch(
            "select workspace_id, id, at, kind, actor, campaign_id, enrollment_id, step, mailbox_id, lead_id, data "
            "from event where workspace_id = $1 order by id",
            lexi.desk.workspace_id,
        )
        happened = [Occurrence(**dict(row)) for row in rows]
        facts = await webhook_delivery_store.facts(connection, lexi.desk.workspace_id, happened)
    return [told for one in happened for told in LEADLEX_WEBHOOKS.translate(one, facts)]


async def test_contacts_made_together_are_told_together_in_an_array_with_its_count(lexi: Lexi) -> None:
    contacts = [{"full_name": "Ada Byron", "email": "a@example.com"}, {"full_name": "Ben", "email": "b@example.com"}]
    made = (await lexi.post("/contacts/bulk", {"contacts": contacts}))["contacts"]
    await lexi.post("/contacts/bulk", {"contacts": contacts})
    told = [one for one in await notices(lexi) if one[0] != "contact.updated"]
    assert told == [("contact.bulk_created", {"contacts": made, "count": 2})]
    await lexi.delete(f"/contacts/{made[0]['id']}")
    async with lexi.desk.api.database.connection() as connection:
        log = await connection.fetchval("select string_agg(data::text, ' ') from event where kind like 'lead.%'")
    assert "example.com" not in log and "Byron" not in log, "the log outlives a lead"
    [told] = [one for name, one in await notices(lexi) if name == "contact.bulk_created"]
    assert told == {"contacts": [{"id": made[0]["id"]}, made[1]], "count": 2}


async def test_an_import_is_told_once_with_its_counts_when_it_is_through(lexi: Lexi) -> None:
    rows = [{"email": f"r{one}@example.com"} for one in range(1_001)] + [{"email": "r1@example.com"}, {"phone": "1"}]
    done = await lexi.post("/import/contacts", {"rows": rows})
    assert (done["created_count"], done["skipped_count"], len(done["errors"])) == (1_001, 1, 1)
    names = await told(lexi)
    assert (names.count("contact.bulk_created"), names.count("import.completed"), names[-1]) == (
        2,
        1,
        "import.completed",
    )
    counts = {name: done[name] for name in ("job_id", "status", "created_count", "updated_count", "skipped_count")}
    assert (await notices(lexi))[-1][1] == {"import": {**counts, "error_count": 1}}


async def test_each_event_that_can_happen_is_told(lexi: Lexi) -> None:
    await lexi.desk.pool()
    listed = (await lexi.post("/lists", {"name": "Q2"}))["id"]
    contact = (await lexi.post("/contacts", {"email": "a@example.com"}))["id"]
    other = (await lexi.post("/contacts", {"email": "b@example.com"}))["id"]
    await lexi.patch(f"/contacts/{other}", {"phone": "1"})
    await lexi.post("/import/contacts", {"rows": [{"email": "c@example.com"}]})
    await lexi.post(f"/lists/{listed}/contacts", {"contact_ids": [contact, other]})
    await lexi.delete(f"/lists/{listed}/contacts/{other}")
    await lexi.delete(f"/contacts/{other}")
    await lexi.desk.ask("PATCH", "/workspace", {"approval_above": 0})
    body = {"name": "Q2", "list_id": listed, "template": "Hi"}
    campaign, spare = (await lexi.post("/campaigns", body))["id"], (await lexi.post("/campaigns", body))["id"]
    await lexi.post(f"/campaigns/{campaign}/steps", {"subject": "2", "body": "2"})
    task = (await lexi.post(f"/campaigns/{campaign}/start"))["task_id"]
    await lexi.post(f"/lexi/tasks/{task}/dismiss")
    task = (await lexi.post(f"/campaigns/{campaign}/start"))["task_id"]
    await lexi.post(f"/lexi/tasks/{task}/approve")
    await lexi.post(f"/campaigns/{campaign}/pause")
    await lexi.delete(f"/campaigns/{spare}")
    await lexi.delete(f"/lists/{listed}")
    names = await told(lexi)
    assert set(names) == TOLD
    assert names.count("campaign.paused") == names.count("campaign.started") == names.count("campaign.deleted") == 1


async def test_what_is_taken_out_to_be_edited_is_told_as_paused_once(lexi: Lexi) -> None:
    campaign = await lexi.running()
    await lexi.desk.post(f"/campaigns/{native(campaign)}/edit")
    await lexi.desk.post(f"/campaigns/{native(campaign)}/pause")
    assert (await told(lexi)).count("campaign.paused") == 1


# API keys


async def test_a_key_is_created_shown_once_listed_and_revoked(lexi: Lexi) -> None:
    body = {"name": "CRM", "permissions": ["campaigns:write", "read"], "rate_limit_tier": "high", "description": "ours"}
    answer = await lexi.raw("POST", "/api-keys", body)
    made = answer.json()["data"]["api_key"]
    assert answer.status_code == 201 and made["key"].startswith("wbk_")
    assert made["prefix"] == made["key"][:8] and made["rate_limit_tier"] == "high"
    assert made["description"] == "ours"
    assert (await lexi.raw("GET", "/campaigns", key=made["key"])).status_code == 200
    shown = (await lexi.get("/api-keys?search=crm"))["api_keys"]
    assert [one["id"] for one in shown] == [made["id"]] and "key" not in shown[0]
    assert shown[0]["description"] == "ours"
    assert (await lexi.raw("DELETE", f"/api-keys/{made['id']}")).status_code == 204
    assert await lexi.code("GET", "/campaigns", key=made["key"]) == (401, "invalid_key")
    assert (await lexi.get("/api-keys?search=crm"))["api_keys"] == []
    [revoked] = (await lexi.get("/api-keys?search=crm&include_revoked=true"))["api_keys"]
    assert revoked["revoked_at"] == "2026-03-02T09:00:00Z"


async def test_an_idempotent_replay_answers_the_same_key(lexi: Lexi) -> None:
    body, headers = {"name": "CRM", "permissions": ["read"]}, {"Idempotency-Key": "k-1"}
    first = await lexi.post("/api-keys", body, headers=headers)
    assert await lexi.post("/api-keys", body, headers=headers) == first
    assert len((await lexi.get("/api-keys?search=crm"))["api_keys"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 121},
        {"permissions": []},
        {"permissions": ["fly"]},
        {"rate_limit_tier": "x"},
        {"expires_at": "x"},
        {"expires_at": "9999-12-31T23:59:59-23:59"},
        {"expires_at": "2020-01-01T00:00:00Z"},
    ],
)
async def test_a_key_that_cannot_be_is_400_validation_error(lexi: Lexi, change: Any) -> None:
    body = {"name": "CRM", "permissions": ["read"], **change}
    assert await lexi.code("POST", "/api-keys", body) == (400, "validation_error")


async def test_no_key_gives_a_permission_that_it_has_not_in_whatever_words(lexi: Lexi) -> None:
    key = await lexi.key_with("admin:api_keys", "write")
    given = {"campaigns:write": 201, "write:contacts": 201, "campaigns:read": 403, "lexi": 403, "*": 403}
    for permission, status in given.items():
        body = {"name": "x", "permissions": [permission]}
        assert (await lexi.raw("POST", "/api-keys", body, key=key)).status_code == status, permission


async def test_the_last_key_that_may_administer_keys_stays(lexi: Lexi) -> None:
    [mine] = (await lexi.get("/api-keys"))["api_keys"]
    assert await lexi.code("DELETE", f"/api-keys/{mine['id']}") == (403, "insufficient_permissions")
    await lexi.key_with("admin:api_keys")
    assert (await lexi.raw("DELETE", f"/api-keys/{mine['id']}")).status_code == 204


async def test_a_key_of_another_door_is_not_there(lexi: Lexi) -> None:
    native_key = outer(f"key_{lexi.desk.api.issued.row.id}", "key")
    for text in (native_key, UNKNOWN, "x"):
        assert await lexi.code("DELETE", f"/api-keys/{text}") == (404, "not_found")


# Every operation


@pytest.mark.parametrize("one", LEADLEX.operations, ids=lambda one: f"{one.method} {one.path}")
async def test_every_operation_asks_for_a_key_and_its_permission(lexi: Lexi, one: Any) -> None:
    path = one.path.removeprefix("/v1").replace("{", "").replace("}", "")
    assert await lexi.code(one.method, path, key="") == (401, "invalid_key")
    held = "contacts:read" if one.permission not in ("contacts:read", "read") else "deals:write"
    key = str((await lexi.desk.api.mint(held, form=FORM)).text)
    assert await lexi.code(one.method, path, key=key) == (403, "insufficient_permissions")
    assert one.permission in FORM.permissions
    if one.support is Support.NONE:
        assert await lexi.code(one.method, path) == (400, "not_supported")


async def test_what_is_at_no_path_is_not_found_in_the_doors_shape(lexi: Lexi) -> None:
    answer = await lexi.desk.api.client.get(f"{PREFIX}/nowhere")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert answer.headers["X-Request-ID"]


async def test_every_answer_says_where_the_key_stands(lexi: Lexi) -> None:
    for plan, limit in (("starter", "10"), ("pro", "50"), ("org", "200"), (None, "200")):
        key = await lexi.key_with("*", plan=plan)
        answer = await lexi.raw("GET", "/campaigns", key=key)
        assert answer.headers["X-RateLimit-Limit"] == limit


async def test_the_eleventh_request_of_a_starter_in_a_minute_is_429_with_the_headers(lexi: Lexi) -> None:
    key = await lexi.key_with("*", plan="starter")
    left = [(await lexi.raw("GET", "/campaigns", key=key)).headers["X-RateLimit-Remaining"] for _ in range(10)]
    assert left == [str(one) for one in range(9, -1, -1)]
    answer = await lexi.raw("GET", "/campaigns", key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
    assert answer.headers["X-RateLimit-Limit"] == "10" and answer.headers["X-RateLimit-Remaining"] == "0"
    assert int(answer.headers["X-RateLimit-Reset"]) == int(NOW.timestamp()) + 60
    assert answer.headers["X-Request-ID"] and int(answer.headers["Retry-After"]) <= 60


async def test_a_key_gives_no_other_more_pace_than_it_has(lexi: Lexi) -> None:
    body = {"name": "faster", "permissions": ["campaigns:read"]}
    slow = await lexi.key_with("*", plan="starter")
    refused = await lexi.raw("POST", "/api-keys", {**body, "rate_limit_tier": "high"}, key=slow)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_permissions")
    made = (await lexi.raw("POST", "/api-keys", body, key=slow)).json()["data"]
    assert (await lexi.raw("GET", "/campaigns", key=made["key"])).headers["X-RateLimit-Limit"] == "10"
    usual = await lexi.key_with("admin:api_keys", "campaigns:read")
    given = {tier: await lexi.raw("POST", "/api-keys", {**body, "rate_limit_tier": tier}, key=usual) for tier in TIERS}
    assert {tier: answer.status_code for tier, answer in given.items()} == TIERS


TIERS = {"standard": 201, "high": 201, "unmetered": 403}


async def test_a_key_that_expires_makes_none_that_outlives_it(lexi: Lexi) -> None:
    end = NOW + timedelta(hours=1)
    key = (await lexi.desk.api.mint("*", form=FORM, expires_at=end)).text
    body = {"name": "k", "permissions": ["campaigns:read"]}
    later = {**body, "expires_at": (end + timedelta(days=1)).isoformat()}
    refused = await lexi.raw("POST", "/api-keys", later, key=key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_permissions")
    made = (await lexi.raw("POST", "/api-keys", body, key=key)).json()["data"]["api_key"]
    assert datetime.fromisoformat(made["expires_at"]) == end
