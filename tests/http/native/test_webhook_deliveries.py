"""Deliveries of a webhook through the API: how they went, tried and told again."""

from datetime import timedelta
from typing import Any

import pytest
from desk import Desk
from webhook_desk import HERE, receiving

from caesura.http.webhook_forms import FORMS
from caesura.service import webhook_delivery
from caesura.worker.webhooks import Courier

URL = "https://hooks.example.com/caesura"


async def deliver(desk: Any, webhook_id: str) -> None:
    context = desk.api.context
    await webhook_delivery.fan_out(context.database, FORMS, desk.api.clock())
    async with Courier(context.database, context.keyring, FORMS, HERE, desk.api.clock) as courier:
        await courier.deliver(desk.workspace_id, int(webhook_id.removeprefix("whk_")))


async def test_a_pause_is_told_and_the_log_says_how_it_went(make_api: Any) -> None:

    desk = Desk(await make_api(destinations=HERE))
    async with receiving() as receiver:
        webhook = await desk.post("/webhooks", {"url": receiver.url, "events": ["campaign.paused"]})
        campaign_id, _ = await desk.running("kim@example.com")
        await desk.post(f"/campaigns/{campaign_id}/pause", {"reason": "wait"})
        await deliver(desk, webhook["id"])
        receiver.status = 500
        test = await desk.post(f"/webhooks/{webhook['id']}/test", status=202)
        await deliver(desk, webhook["id"])
    told, tested = receiver.got
    assert (told.json["type"], told.json["data"]["campaign_id"]) == ("campaign.paused", campaign_id)
    assert (tested.json["type"], tested.headers["webhook-id"]) == ("webhook.test", test["key"])
    newest, oldest = (await desk.get(f"/webhooks/{webhook['id']}/deliveries"))["items"]
    assert (oldest["state"], oldest["status_code"], oldest["error"]) == ("delivered", 200, None)
    assert (newest["id"], newest["state"], newest["error"]) == (test["id"], "pending", "http_error")
    pending = await desk.get(f"/webhooks/{webhook['id']}/deliveries", params={"state": "pending"})
    assert [one["id"] for one in pending["items"]] == [test["id"]]
    attempts = await desk.get(f"/webhooks/{webhook['id']}/attempts", params={"delivery_id": test["id"]})
    [attempt] = attempts["items"]
    assert (attempt["number"], attempt["status_code"], attempt["response"]) == (1, 500, "thank you")
    assert len((await desk.get(f"/webhooks/{webhook['id']}/attempts"))["items"]) == 2
    again = await desk.post(f"/webhooks/{webhook['id']}/deliveries/{oldest['id']}/resend", status=202)
    assert (again["state"], again["key"]) == ("pending", oldest["key"])
    began = desk.api.clock() - timedelta(hours=1)
    span = {"since": began.isoformat(), "until": (began + timedelta(hours=2)).isoformat()}
    assert await desk.post(f"/webhooks/{webhook['id']}/replay", span, 202) == {"deliveries": 1}
    by_id = {"event_ids": oldest["event_ids"]}
    assert await desk.post(f"/webhooks/{webhook['id']}/replay", by_id, 202) == {"deliveries": 1}
    assert (await desk.get(f"/webhooks/{webhook['id']}"))["last_status"] == "failed"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "2026-03-02T09:00:00Z"},
        {"event_ids": ["evt_1"], "since": "2026-03-02T09:00:00Z", "until": "2026-03-02T10:00:00Z"},
    ],
)
async def test_a_replay_says_of_what(desk: Any, body: Any) -> None:
    made = await desk.post("/webhooks", {"url": URL, "events": ["*"]})
    problem = await desk.post(f"/webhooks/{made['id']}/replay", body, 422)
    assert [one["code"] for one in problem["errors"]] == ["replay_unclear"], problem


@pytest.mark.parametrize(
    ("since", "until", "deliveries"),
    [
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1),
        ("9999-12-31T00:00:00Z", "9999-12-31T23:59:59Z", 0),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:01Z", 0),
    ],
)
async def test_a_replay_takes_any_span_of_the_calendar(desk: Any, since: str, until: str, deliveries: int) -> None:
    made = await desk.post("/webhooks", {"url": URL, "events": ["webhook.created"]})
    answer = await desk.post(f"/webhooks/{made['id']}/replay", {"since": since, "until": until}, 202)
    assert answer == {"deliveries": deliveries}


async def test_a_replay_that_ends_before_it_begins_is_refused(desk: Any) -> None:
    made = await desk.post("/webhooks", {"url": URL, "events": ["webhook.created"]})
    span = {"since": "9999-12-31T23:59:59Z", "until": "0001-01-01T00:00:00Z"}
    problem = await desk.post(f"/webhooks/{made['id']}/replay", span, 422)
    assert [(one["code"], one["pointer"]) for one in problem["errors"]] == [("range_reversed", "/until")]
