import asyncio
from typing import Any

import pytest

CAMPAIGNS = "/api/v1/campaigns"
FIRST = {"subject": "Hello {{ first_name }}", "text": "Hello"}
VERBS = (
    "start",
    "pause",
    "resume",
    "edit",
    "halt",
    "stop",
    "withdraw",
    "unschedule",
    "submit",
    "approve",
    "dismiss",
    "archive",
    "unarchive",
)


async def test_a_campaign_is_made_as_a_draft_and_read_back(desk: Any) -> None:
    pool = (await desk.pool())["name"]
    definition = {"name": "Spring", "pool": pool, "steps": [FIRST], "zone": "Europe/Berlin", "extra": {"owner": "Kim"}}
    made = await desk.api.client.post(CAMPAIGNS, json=definition)
    body = made.json()
    assert (made.status_code, body["status"], body["version"]) == (201, "draft", 1)
    assert (made.headers["Location"], made.headers["ETag"]) == (f"{CAMPAIGNS}/{body['id']}", '"1"')
    assert body["allowed"] == ["schedule", "submit", "start", "stop"]
    assert body["actor"] == f"key:{desk.api.issued.row.prefix}"
    assert body["definition"]["extra"] == {"owner": "Kim"}
    assert body["definition"]["steps"][0]["variants"][0]["subject"] == FIRST["subject"]
    assert await desk.get(f"/campaigns/{body['id']}") == body
    assert (await desk.get(f"/campaigns/{body['id']}/steps"))[0]["variants"][0]["text"] == "Hello"


async def test_what_was_read_can_be_written_back(desk: Any) -> None:
    campaign = await desk.campaign(windows=[{"days": ["mon"], "start": "09:00", "end": "17:00"}])
    again = await desk.ask("PUT", f"/campaigns/{campaign['id']}", campaign["definition"])
    assert again["definition"] == campaign["definition"]


async def test_campaigns_come_in_pages_by_status_newest_first(desk: Any) -> None:
    made = [(await desk.campaign(pool=None))["id"] for _ in range(5)]
    await desk.post(f"/campaigns/{made[1]}/stop")
    await desk.post(f"/campaigns/{made[2]}/archive")
    assert [one["id"] for one in await desk.every("/campaigns")] == [made[4], made[3], made[1], made[0]]
    assert [one["id"] for one in await desk.every("/campaigns", status="stopped")] == [made[1]]
    assert [one["id"] for one in await desk.every("/campaigns", archived="true")] == [made[2]]


async def test_an_edit_of_an_old_version_is_refused_and_changes_nothing(desk: Any) -> None:
    campaign = await desk.campaign()
    path = f"/campaigns/{campaign['id']}"
    edited = await desk.api.client.patch(f"/api/v1{path}", json={"name": "Other"}, headers={"If-Match": '"1"'})
    assert (edited.status_code, edited.headers["ETag"], edited.json()["definition"]["name"]) == (200, '"2"', "Other")
    assert edited.json()["definition"]["steps"] == campaign["definition"]["steps"]
    for method, below, body in (
        ("PATCH", "", {"name": "Late"}),
        ("PUT", "", campaign["definition"]),
        ("PUT", "/steps", [FIRST]),
    ):
        late = await desk.ask(method, path + below, body, 412, headers={"If-Match": '"1"'})
        assert late["code"] == "version_mismatch"
    assert await desk.get(path) == edited.json()
    steps = await desk.ask("PUT", f"{path}/steps", [FIRST], headers={"If-Match": '"2"'})
    assert (len(steps["definition"]["steps"]), steps["version"]) == (1, 3)


async def test_steps_that_were_sent_must_stay(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    await desk.send(campaign_id)
    refused = await desk.ask("PUT", f"/campaigns/{campaign_id}/steps", [], 422)
    assert refused["code"] == "step_in_use"
    await desk.ask("PUT", f"/campaigns/{campaign_id}/steps", [FIRST])


async def test_a_start_is_refused_with_everything_that_stands_in_its_way(desk: Any) -> None:
    campaign = await desk.post("/campaigns", {"name": "Empty"})
    path = f"/campaigns/{campaign['id']}"
    checked = await desk.get(f"{path}/check")
    assert checked["can_start"] is False
    assert {one["code"] for one in checked["findings"] if one["blocks"]} == {"no_steps", "no_pool"}
    refused = await desk.post(f"{path}/start", status=422)
    assert {(fault["code"], fault["pointer"]) for fault in refused["errors"]} == {
        ("no_steps", "/steps"),
        ("no_pool", "/pool"),
    }
    assert (await desk.get(path))["status"] == "draft"


async def test_a_start_tells_what_does_not_stand_in_its_way(desk: Any) -> None:
    campaign_id = (await desk.campaign(steps=[FIRST]))["id"]
    await desk.enrol(campaign_id, "kim@example.com")
    assert (await desk.get(f"/campaigns/{campaign_id}/check"))["can_start"] is True
    started = await desk.post(f"/campaigns/{campaign_id}/start")
    assert (started["status"], started["counts"]["waiting"]) == ("running", 1)
    [finding] = started["findings"]
    assert (finding["code"], finding["blocks"], finding["count"]) == ("missing_variable", False, 1)
    assert finding["examples"] == ["kim@example.com"]
    assert (await desk.post(f"/campaigns/{campaign_id}/start"))["status"] == "running"


async def test_a_campaign_can_be_started_in_a_pause(desk: Any) -> None:
    campaign_id = (await desk.campaign())["id"]
    await desk.enrol(campaign_id, "kim@example.com")
    started = await desk.post(f"/campaigns/{campaign_id}/start", {"paused": True})
    assert started["status"] == "paused"
    assert await desk.send(campaign_id) == 0
    assert (await desk.post(f"/campaigns/{campaign_id}/resume"))["status"] == "running"
    assert await desk.send(campaign_id) == 1


async def test_only_the_content_that_was_read_is_started_and_resumed(desk: Any) -> None:
    path = f"/campaigns/{(await desk.campaign())['id']}"
    await desk.ask("PATCH", path, {"name": "Edited meanwhile"})
    old, new = {"headers": {"If-Match": '"1"'}}, {"headers": {"If-Match": '"2"'}}
    for verb, before, after in (("start", "draft", "running"), ("resume", "paused", "running")):
        refused = await desk.post(f"{path}/{verb}", status=412, **old)
        assert (refused["code"], refused["state"]) == ("version_mismatch", before)
        assert (await desk.post(f"{path}/{verb}", **new))["status"] == after
        await desk.post(f"{path}/pause")


async def test_a_pause_tells_what_is_held_and_in_transit_and_can_be_changed(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com", "b@example.com")
    marked = await desk.mark(campaign_id)
    assert len(marked.marked) == 2
    await desk.enrol(campaign_id, "c@example.com")
    paused = await desk.post(f"/campaigns/{campaign_id}/pause", {"reason": "wrong price", "clock": "run"})
    assert (paused["status"], paused["held"], paused["in_transit"], paused["quiesced_at"]) == ("paused", 1, 2, None)
    assert (paused["cause"], paused["reason"], paused["paused_at"]) == ("manual", "wrong price", "2026-03-02T09:00:00Z")
    assert paused["actor"] == f"key:{desk.api.issued.row.prefix}"
    changed = await desk.post(f"/campaigns/{campaign_id}/pause", {"on_overdue": "skip", "clock": "freeze"})
    assert (changed["clock"], changed["on_overdue"], changed["reason"]) == ("freeze", "skip", "wrong price")
    assert changed["paused_at"] == paused["paused_at"]
    await desk.record(campaign_id, marked)
    quiet = await desk.get(f"/campaigns/{campaign_id}/status")
    assert (quiet["in_transit"], quiet["quiesced_at"]) == (0, "2026-03-02T09:00:00Z")
    assert await desk.send(campaign_id) == 0


async def test_a_pause_that_waits_answers_once_it_is_quiet(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    marked = await desk.mark(campaign_id)
    waiting = asyncio.create_task(desk.post(f"/campaigns/{campaign_id}/pause", params={"wait": 60}))
    while (await desk.get(f"/campaigns/{campaign_id}"))["status"] == "running":
        await asyncio.sleep(0)
    assert not waiting.done()
    await desk.record(campaign_id, marked)
    quiet = await waiting
    assert (quiet["in_transit"], quiet["quiesced_at"]) == (0, "2026-03-02T09:00:00Z")


async def test_a_pause_does_not_wait_longer_than_it_is_told(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    await desk.mark(campaign_id)
    answer = await desk.post(f"/campaigns/{campaign_id}/pause", params={"wait": 0.05})
    assert (answer["in_transit"], answer["quiesced_at"]) == (1, None)


async def test_a_resume_can_be_tried_before_it_is_done(desk: Any) -> None:
    campaign_id, [enrollment_id, _] = await desk.running("a@example.com", "b@example.com")
    await desk.post(f"/campaigns/{campaign_id}/pause")
    await desk.post(f"/enrollments/{enrollment_id}/hold")
    tried = await desk.post(f"/campaigns/{campaign_id}/resume", {"dry_run": True})
    assert (tried["status"], tried["preview"]["due"]) == ("paused", 1)
    assert tried["preview"]["not_sent"] == [{"cause": "manual", "count": 1}]
    assert (tried["preview"]["days"][0]["day"], tried["preview"]["days"][0]["due"]) == ("2026-03-02", 1)
    resumed = await desk.post(f"/campaigns/{campaign_id}/resume")
    assert (resumed["status"], resumed["preview"], resumed["paused_at"]) == ("running", None, None)
    assert (await desk.post(f"/campaigns/{campaign_id}/resume"))["status"] == "running"
    assert await desk.send(campaign_id) == 1


async def test_a_campaign_that_is_taken_out_to_be_edited_sends_nothing_until_it_is_resumed(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    path = f"/campaigns/{campaign_id}"
    edited = await desk.post(f"{path}/edit")
    assert (edited["status"], edited["in_transit"], edited["allowed"]) == ("editing", 0, ["pause", "resume", "stop"])
    assert edited["paused_at"] == edited["quiesced_at"] == edited["status_at"]
    assert (await desk.post(f"{path}/edit"))["status_at"] == edited["status_at"]
    why = await desk.get(f"{path}/why")
    assert (why["reason"], why["next_at"]) == ("campaign_editing", None)
    assert await desk.send(campaign_id) == 0
    assert (await desk.ask("PATCH", path, {"name": "Other"}))["status"] == "editing"
    assert (await desk.post(f"{path}/start", status=409))["code"] == "campaign_editing"
    assert (await desk.post(f"{path}/resume"))["status"] == "running"
    assert await desk.send(campaign_id) == 1


async def test_a_stop_is_for_good(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    stopped = await desk.post(f"/campaigns/{campaign_id}/stop", {"reason": "the offer is over"})
    assert (stopped["status"], stopped["reason"], stopped["allowed"]) == ("stopped", "the offer is over", [])
    assert await desk.send(campaign_id) == 0
    for verb in ("start", "pause", "resume", "submit"):
        refused = await desk.post(f"/campaigns/{campaign_id}/{verb}", status=409)
        assert (refused["code"], refused["state"], refused["allowed"]) == ("campaign_stopped", "stopped", [])
    refused = await desk.ask("PATCH", f"/campaigns/{campaign_id}", {"name": "Other"}, 409)
    assert (refused["code"], refused["state"]) == ("campaign_stopped", "stopped")


async def test_a_campaign_is_scheduled_moved_and_called_off(desk: Any) -> None:
    campaign_id = (await desk.campaign())["id"]
    path = f"/campaigns/{campaign_id}"
    for moment in ("2026-03-03T09:00:00Z", "2026-03-04T09:00:00Z"):
        scheduled = await desk.post(f"{path}/schedule", {"starts_at": moment})
        assert scheduled["status"] == "scheduled"
        assert (await desk.get(path))["starts_at"] == moment
    refused = await desk.post(f"{path}/schedule", {"starts_at": "2026-03-02T09:00:00Z"}, 422)
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("starts_at_past", "/starts_at")
    assert (await desk.post(f"{path}/unschedule"))["status"] == "draft"


async def test_a_start_may_need_approval(desk: Any) -> None:
    path = f"/campaigns/{(await desk.campaign())['id']}"
    assert (await desk.post(f"{path}/submit"))["status"] == "pending_approval"
    refused = await desk.post(f"{path}/start", status=409)
    assert (refused["state"], refused["allowed"]) == ("pending_approval", ["approve", "dismiss", "stop"])
    assert (await desk.post(f"{path}/dismiss"))["status"] == "draft"
    await desk.post(f"{path}/submit")
    assert (await desk.post(f"{path}/approve"))["status"] == "running"


async def test_a_campaign_is_withdrawn_in_any_status_and_its_messages_stay_on_record(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com", "b@example.com")
    path = f"/campaigns/{campaign_id}"
    answer = await desk.mark(campaign_id)
    withdrawn = await desk.post(f"{path}/withdraw")
    assert (withdrawn["status"], withdrawn["in_transit"]) == ("stopped", 2)
    assert (await desk.post(f"{path}/withdraw"))["status_at"] == withdrawn["status_at"]
    await desk.record(campaign_id, answer)
    assert await desk.every("/campaigns") == []
    assert (await desk.get(f"{path}/status"))["counts"]["sent"] == 2
    draft = (await desk.campaign())["id"]
    assert (await desk.post(f"/campaigns/{draft}/withdraw"))["status"] == "stopped"
    kinds = [one["kind"] for one in (await desk.get("/events"))["items"] if one["campaign_id"] == campaign_id]
    assert [kind for kind in kinds if kind in ("campaign.stopped", "campaign.archived")] == [
        "campaign.stopped",
        "campaign.archived",
    ]


async def test_what_runs_is_neither_archived_nor_deleted(desk: Any) -> None:
    campaign_id, _ = await desk.running()
    path = f"/campaigns/{campaign_id}"
    assert (await desk.post(f"{path}/archive", status=409))["state"] == "running"
    refused = await desk.ask("DELETE", path, status=409)
    assert (refused["code"], refused["allowed"]) == ("campaign_running", ["archive"])
    await desk.post(f"{path}/stop")
    await desk.post(f"{path}/archive")
    assert (await desk.get(path))["archived"] is True
    await desk.post(f"{path}/unarchive")
    assert (await desk.get(path))["archived"] is False
    draft = (await desk.campaign())["id"]
    await desk.ask("DELETE", f"/campaigns/{draft}", status=204)
    await desk.get(f"/campaigns/{draft}", 404)


async def test_a_campaign_of_another_workspace_is_not_found(desk: Any, stranger: Any) -> None:
    foreign = await stranger.campaign()
    path = f"/campaigns/{foreign['id']}"
    asked = [("GET", "", None), ("GET", "/steps", None), ("GET", "/status", None), ("GET", "/check", None)]
    asked += [("PUT", "", {"name": "Mine"}), ("PATCH", "", {}), ("PUT", "/steps", []), ("DELETE", "", None)]
    asked += [("POST", f"/{verb}", None) for verb in VERBS]
    asked += [("POST", "/schedule", {"starts_at": "2030-01-31T09:00:00Z"})]
    for method, below, body in asked:
        assert (await desk.ask(method, path + below, body, 404))["code"] == "campaign_not_found", (method, below)
    assert await stranger.get(path) == foreign
    mine = await desk.post("/campaigns", {"name": "Mine", "pool": foreign["definition"]["pool"]}, 422)
    assert (mine["code"], mine["errors"][0]["pointer"]) == ("unknown_pool", "/pool")


async def test_reading_writing_and_sending_are_permitted_apart(desk: Any) -> None:
    path = f"/campaigns/{(await desk.campaign())['id']}"
    reading, writing, sending = [await desk.api.bearing(f"campaigns:{one}") for one in ("read", "write", "send")]
    await desk.get(path, 200, headers=reading)
    await desk.ask("PATCH", path, {"name": "Other"}, 200, headers=writing)
    await desk.post(f"{path}/start", status=200, headers=sending)
    for method, below, body, headers in (
        ("GET", "", None, writing),
        ("GET", "/status", None, sending),
        ("PATCH", "", {}, sending),
        ("DELETE", "", None, reading),
        ("POST", "/pause", None, writing),
        ("POST", "/stop", None, reading),
    ):
        assert (await desk.ask(method, path + below, body, 403, headers=headers))["code"] == "scope_missing"
    assert (await desk.get(path))["status"] == "running"


@pytest.mark.parametrize(
    ("definition", "code", "pointer"),
    [
        ({}, "missing_field", "/name"),
        ({"zone": "Mars/Base"}, "unknown_time_zone", "/zone"),
        ({"pool": "nobody"}, "unknown_pool", "/pool"),
        (
            {"windows": [{"days": ["mon"], "start": "17:00", "end": "09:00"}]},
            "window_ends_before_start",
            "/windows/0/end",
        ),
        ({"steps": [{"text": "Hello"}]}, "missing_field", "/steps/0/subject"),
        ({"steps": [FIRST, {"text": "Again"}]}, "missing_field", "/steps/1/delay"),
        ({"steps": [FIRST, {"text": "Again", "delay": "-1d"}]}, "out_of_range", "/steps/1/delay"),
        ({"steps": [{"subject": "Hi", "text": "{{ broken"}]}, "template_syntax", "/steps/0/variants/0/text"),
        ({"limits": {"daily_new": 0}}, "out_of_range", "/limits/daily_new"),
        ({"colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(served: Any, definition: Any, code: str, pointer: str) -> None:
    body = definition if not definition else {"name": "Wrong", **definition}
    answer = served.client.post(CAMPAIGNS, json=body)
    faults = [(fault["code"], fault["pointer"]) for fault in answer.json()["errors"]]
    assert (answer.status_code, faults) == (422, [(code, pointer)])


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"resume_at": "2020-01-31T09:00:00Z"}, "resume_at_past", "/resume_at"),
        ({"resume_at": "tomorrow"}, "invalid_time", "/resume_at"),
        ({"clock": "stop"}, "unknown_value", "/clock"),
        ({"new_leads": True}, "unknown_value", "/new_leads"),
        ({"reason": "x" * 501}, "too_long", "/reason"),
        ({"why": "x"}, "unknown_field", "/why"),
        ([], "wrong_type", ""),
    ],
)
async def test_a_wrong_pause_is_refused_and_pauses_nothing(desk: Any, body: Any, code: str, pointer: str) -> None:
    campaign_id, _ = await desk.running()
    refused = await desk.post(f"/campaigns/{campaign_id}/pause", body, 422)
    assert (refused["code"], refused["errors"][0]["pointer"]) == (code, pointer)
    assert (await desk.get(f"/campaigns/{campaign_id}"))["status"] == "running"


def test_bytes_that_are_no_campaign_are_refused(served: Any) -> None:
    kind = {"Content-Type": "application/json"}
    assert served.client.post(CAMPAIGNS, content=b'{"name": "\xff"}', headers=kind).status_code == 400
    assert served.client.post(CAMPAIGNS, content=b" " * 10_000_000, headers=kind).status_code == 413
    assert served.client.post(f"{CAMPAIGNS}/cmp_1/pause?wait=61").json()["errors"][0]["parameter"] == "wait"
    assert served.client.get(f"{CAMPAIGNS}?status=asleep").json()["errors"][0]["parameter"] == "status"


async def test_a_planned_resume_can_be_taken_back_in_the_pause(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    planned = await desk.post(f"/campaigns/{campaign_id}/pause", {"resume_at": "2096-01-31T09:00:00Z"})
    assert planned["resume_at"] is not None
    kept = await desk.post(f"/campaigns/{campaign_id}/pause", {"reason": "wrong price"})
    assert kept["resume_at"] == planned["resume_at"]
    taken_back = await desk.post(f"/campaigns/{campaign_id}/pause", {"resume_at": None})
    assert (taken_back["resume_at"], taken_back["reason"]) == (None, "wrong price")


async def test_a_patch_takes_lists_too(desk: Any) -> None:
    path = f"/campaigns/{(await desk.campaign())['id']}"
    windows = [{"days": ["sun"], "start": "10:00", "end": "11:00"}]
    steps = [{"subject": "Only", "text": "one"}]
    after = (await desk.ask("PATCH", path, {"windows": windows, "steps": steps}))["definition"]
    assert (after["windows"], [one["variants"][0]["subject"] for one in after["steps"]]) == (windows, ["Only"])
