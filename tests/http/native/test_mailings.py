"""Single mailings, through the native API."""

from datetime import timedelta
from typing import Any

import pytest
from desk import Desk
from webhook_desk import HERE, receiving

from caesura.worker.fetching import Fetcher


async def mailing(desk: Any, *addresses: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "a word",
        "pool": (await desk.pool())["name"],
        "steps": [{"subject": "Hello {{ first_name }}", "text": "Hello"}],
        "unsubscribe": {"mailto": "stop@sender.test"},
        "leads": [{"address": one, "own_fields": {"first_name": "Kim"}} for one in addresses],
        **more,
    }


async def count(desk: Any) -> int:
    async with desk.api.database.connection() as connection:
        query = "select count(*) from campaign where workspace_id = $1"
        number: int = await connection.fetchval(query, desk.workspace_id)
    return number


async def test_a_mailing_is_sent_and_is_in_no_list_of_campaigns(desk: Any) -> None:
    answer = await desk.api.client.post(
        "/api/v1/mailings", json=await mailing(desk, "kim@example.com", "nonsense", "ben@example.com")
    )
    done = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/v1/campaigns/{done['campaign_id']}")
    assert [one["outcome"] for one in done["outcomes"]] == ["enrolled", "rejected", "enrolled"]
    assert done["outcomes"][1]["errors"][0]["pointer"] == "/leads/1/address"
    assert await desk.send(done["campaign_id"]) == 2
    status = await desk.get(f"/campaigns/{done['campaign_id']}/status")
    assert status["status"] in ("running", "completed")
    assert await desk.every("/campaigns") == []


async def test_a_mailing_can_wait_for_its_time(desk: Any) -> None:
    later = (desk.api.clock() + timedelta(hours=1)).isoformat()
    done = await desk.post("/mailings", await mailing(desk, "kim@example.com", starts_at=later), 201)
    assert (await desk.get(f"/campaigns/{done['campaign_id']}/status"))["status"] == "scheduled"
    past = (desk.api.clock() - timedelta(hours=1)).isoformat()
    refused = await desk.post("/mailings", await mailing(desk, "kim@example.com", starts_at=past), 422)
    assert [(one["code"], one["pointer"]) for one in refused["errors"]] == [("starts_at_past", "/starts_at")]


async def test_who_refuses_the_group_gets_nothing_and_where_nobody_is_left_there_is_no_mailing(desk: Any) -> None:
    group_id = (await desk.post("/suppression-groups", {"name": "offers"}))["id"]
    await desk.post(f"/suppression-groups/{group_id}/refusals", {"addresses": ["kim@example.com"]})
    both = await mailing(desk, "kim@example.com", "ben@example.com", suppression_group_id=group_id)
    done = await desk.post("/mailings", both, 201)
    assert [one["outcome"] for one in done["outcomes"]] == ["suppressed", "enrolled"]
    heeded = await desk.get(f"/campaigns/{done['campaign_id']}/suppression-group")
    assert heeded["group"]["id"] == group_id
    none = await desk.post("/mailings", {**both, "leads": both["leads"][:1]}, 200)
    assert (none["campaign_id"], [one["outcome"] for one in none["outcomes"]]) == (None, ["suppressed"])
    await desk.post("/mailings", {**both, "suppression_group_id": "sgr_99"}, 404)


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"leads": []}, "too_short", "/leads"),
        ({"leads": [{"address": "nonsense"}]}, "address_syntax", "/leads/0/address"),
        ({"steps": [{"subject": "{{ oh", "text": "a"}]}, "template_syntax", "/steps/0/variants/0/subject"),
        ({"steps": []}, "no_steps", "/steps"),
        ({"headers": [{"name": "Bcc", "value": "a@example.com"}]}, "header_forbidden", "/headers/0"),
        ({"headers": [{"name": "X-A", "value": "a\r\nBcc: b"}]}, "header_value_invalid", "/headers/0"),
        ({"colour": "red"}, "unknown_field", "/colour"),
    ],
)
async def test_what_is_wrong_is_told_with_its_place_and_leaves_nothing(
    desk: Any, change: Any, code: str, pointer: str
) -> None:
    refused = await desk.post("/mailings", {**await mailing(desk, "kim@example.com"), **change}, 422)
    assert [(one["code"], one["pointer"]) for one in refused["errors"]] == [(code, pointer)]
    assert await count(desk) == 0


async def test_a_mailing_needs_the_scopes_of_all_that_it_does(desk: Any) -> None:
    body = await mailing(desk, "kim@example.com")
    needed = ("campaigns:write", "campaigns:send", "leads:write")
    for one in needed:
        others = [scope for scope in needed if scope != one]
        refused = await desk.post("/mailings", body, 403, headers=await desk.api.bearing(*others))
        assert one in refused["detail"]
    await desk.post("/mailings", body, 201, headers=await desk.api.bearing(*needed))


async def test_a_mailing_asked_for_twice_with_one_key_is_sent_once(desk: Any) -> None:
    body, again = await mailing(desk, "kim@example.com"), {"Idempotency-Key": "word-1"}
    first = await desk.post("/mailings", body, 201, headers=again)
    assert await desk.post("/mailings", body, 201, headers=again) == first
    assert await count(desk) == 1


async def test_files_are_taken_from_where_their_url_says(make_api: Any) -> None:
    async with receiving() as server, Fetcher(HERE) as fetcher:
        desk = Desk(await make_api(fetch=fetcher.fetch))
        file = {"name": "a.pdf", "url": server.url}
        await desk.post("/mailings", await mailing(desk, "kim@example.com", attachments=[file]), 201)
        server.status = 404
        refused = await desk.post("/mailings", await mailing(desk, "kim@example.com", attachments=[file]), 422)
    assert [(one["code"], one["pointer"]) for one in refused["errors"]] == [("file_refused", "/attachments/0/url")]
    async with desk.api.database.connection() as connection:
        query = "select name, content from attachment where workspace_id = $1"
        assert [tuple(one) for one in await connection.fetch(query, desk.workspace_id)] == [("a.pdf", b"thank you")]
