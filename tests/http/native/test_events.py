from typing import Any

EVENTS = "/events"


async def test_the_log_is_followed_by_its_cursor_and_nothing_comes_twice(desk: Any) -> None:
    empty = await desk.get(EVENTS)
    seen = [event["kind"] for event in empty["items"]]
    for number in range(3):
        await desk.lead(f"l{number}@example.com")
    cursor, kinds = empty["next_cursor"], []
    for _ in range(3):
        page = await desk.get(EVENTS, params={"cursor": cursor, "limit": 2})
        kinds += [event["kind"] for event in page["items"]]
        cursor = page["next_cursor"]
    assert kinds == ["lead.created"] * 3
    assert "lead.created" not in seen
    assert (await desk.get(EVENTS, params={"cursor": cursor})) == {"items": [], "next_cursor": cursor}
    await desk.lead("late@example.com")
    [late] = (await desk.get(EVENTS, params={"cursor": cursor}))["items"]
    assert late["kind"] == "lead.created"


async def test_a_log_without_events_gives_a_cursor_all_the_same(desk: Any) -> None:
    campaign = await desk.campaign()
    first = await desk.get(EVENTS, params={"campaign_id": campaign["id"]})
    assert [event["kind"] for event in first["items"]] == ["campaign.created"]
    end = await desk.get(EVENTS, params={"campaign_id": campaign["id"], "cursor": first["next_cursor"]})
    assert end == {"items": [], "next_cursor": first["next_cursor"]}


async def test_events_of_one_campaign_name_what_they_are_about(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    await desk.running("b@example.com")
    await desk.post(f"/campaigns/{campaign_id}/pause")
    await desk.post(f"/enrollments/{enrollment_id}/stop")
    found = (await desk.get(EVENTS, params={"campaign_id": campaign_id}))["items"]
    assert {event["campaign_id"] for event in found} == {campaign_id}
    stopped = found[-1]
    assert (stopped["kind"], stopped["enrollment_id"], stopped["step"]) == ("enrollment.stopped", enrollment_id, 1)
    assert stopped["data"] == {"cause": "manual"}
    assert stopped["actor"] == f"key:{desk.api.issued.row.prefix}"
    assert stopped["lead_id"].startswith("led_")
    assert "campaign.paused" in [event["kind"] for event in found]


async def test_events_of_another_workspace_are_not_told(desk: Any, stranger: Any) -> None:
    campaign_id = (await stranger.campaign())["id"]
    refused = await desk.get(EVENTS, 404, params={"campaign_id": campaign_id})
    assert refused["code"] == "campaign_not_found"
    everything = await desk.get(EVENTS, params={"limit": 200})
    assert all(event["campaign_id"] != campaign_id for event in everything["items"])


async def test_the_log_needs_its_scope(desk: Any) -> None:
    assert (await desk.get(EVENTS, 403, headers=await desk.api.bearing("campaigns:read")))["code"] == "scope_missing"
    await desk.get(EVENTS, 200, headers=await desk.api.bearing("events:read"))


def test_a_bad_parameter_of_the_log_is_refused(served: Any) -> None:
    for query, status, code in (
        ("cursor=nonsense", 422, "cursor_invalid"),
        ("limit=0", 422, "out_of_range"),
        ("campaign_id=nonsense", 404, "campaign_not_found"),
        ("campaign_id=%ff", 400, "encoding_invalid"),
        ("since=5", 422, "unknown_parameter"),
    ):
        answer = served.client.get(f"/api/v1{EVENTS}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
