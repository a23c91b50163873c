"""Whatever is sent to whichever operation, the answer is the door's own, and never a fault of ours."""

from typing import Any

import pytest
from leadlex_client import Lexi, outer

from caesura.http.leadlex.door import LEADLEX

FIELDS = (
    *("name", "description", "list_id", "template", "subject", "body", "delay_days", "delay_hours", "send_condition"),
    *("daily_send_limit", "delay_between_emails", "sending_timezone", "send_on_weekends", "track_opens", "contact_ids"),
    *("source", "reason", "url", "events", "active", "permissions", "rate_limit_tier", "expires_at", "email"),
    *("full_name", "first_name", "tags", "priority", "custom_fields", "created_date", "contacts", "rows", "csv"),
    *("mapping", "has_header", "update_existing", "company_id"),
)
ODD: tuple[object, ...] = (
    *(None, True, 0, -1, 2**40, 1.5, "", " ", "a\tb\n", "\x01", "x" * 1_200, "{{", "{% raw %}", "9999-99-99"),
    *("0001-01-01T00:00:00+14:00", [], [None], ["x"], [[]], [{}], {}, {"a": {"b": [1]}}, {"": "x"}, "a,b"),
)
# Enough to come behind the first check of each.
GOOD = {
    "name": "x",
    "template": "Hi",
    "subject": "Hi",
    "body": "Hi",
    "url": "https://example.com",
    "events": ["campaign.paused"],
    "permissions": ["read"],
    "email": "odd@example.com",
}


async def made(lexi: Lexi) -> dict[str, str]:
    """An id of each kind, by the name of its path parameter."""
    await lexi.desk.pool()
    list_id = (await lexi.post("/lists", {"name": "list"}))["id"]
    contact = (await lexi.post("/contacts", {"email": "a@example.com"}))["id"]
    await lexi.post(f"/lists/{list_id}/contacts", {"contact_ids": [contact]})
    campaign = (await lexi.post("/campaigns", {"name": "x", "list_id": list_id, "template": "Hi"}))["id"]
    step = (await lexi.get(f"/campaigns/{campaign}/steps"))["steps"][0]["id"]
    hook = {"url": "https://example.com", "events": ["campaign.paused"]}
    return {
        "campaign_id": campaign,
        "step_id": step,
        "contact_id": contact,
        "list_id": list_id,
        "webhook_id": (await lexi.post("/webhooks", hook))["webhook"]["id"],
        "key_id": outer("key_1", "key"),
        "task_id": outer("apr_1", "task"),
        "id": "x",
    }


@pytest.mark.parametrize("one", LEADLEX.operations, ids=lambda one: f"{one.method} {one.path}")
async def test_no_body_and_no_query_makes_a_fault_of_ours(lexi: Lexi, one: Any) -> None:
    bodies: list[object] = [*ODD]
    if one.method in ("POST", "PATCH") and not one.path.endswith(("/pause", "/start")):
        every = [{**GOOD, name: value} for name in FIELDS for value in ODD]
        # Another sixth for each operation: all of them take minutes.
        bodies += every[LEADLEX.operations.index(one) % 6 :: 6]
    ids = await made(lexi)
    path = one.path.removeprefix("/v1").format(**ids)
    if one.method == "GET":
        for name in (
            "page",
            "per_page",
            "status",
            "search",
            "sort",
            "list_id",
            "created_after",
            "limit",
            "fields",
            "tag",
        ):
            for value in ("", "x", "-1", "0", "99999999999999", "%00", "%ff", "٣", "1e3", "2026-01-01"):
                answer = await lexi.raw("GET", f"{path}?{name}={value}")
                assert answer.status_code < 500, (name, value, answer.text)
    for body in bodies:
        if body is None or one.method == "GET":
            continue
        if isinstance(body, dict):
            body = {"list_id": ids["list_id"], **body}
        answer = await lexi.raw(one.method, path, body)
        assert answer.status_code < 500, (body, answer.text)
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) <= {"code", "message", "details"}
