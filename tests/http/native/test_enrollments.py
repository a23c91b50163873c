from typing import Any

import pytest

from caesura.service import campaigns

DAY = 86_400


async def test_leads_are_enrolled_once_by_id_list_or_address(desk: Any) -> None:
    path = f"/campaigns/{(await desk.campaign())['id']}/enrollments"
    first, second, third = [(await desk.lead())["id"] for _ in range(3)]
    by_id = await desk.post(path, {"lead_ids": [first, first, "led_9"]})
    assert [one["outcome"] for one in by_id["outcomes"]] == ["enrolled", "already_enrolled", "rejected"]
    assert by_id["outcomes"][2]["errors"][0]["pointer"] == "/lead_ids/2"
    assert by_id["outcomes"][0]["lead_id"] == first

    list_id = (await desk.post("/lists", {"name": "fair"}))["id"]
    await desk.post(f"/lists/{list_id}/members", {"lead_ids": [first, second, third]})
    by_list = await desk.post(path, {"list_id": list_id})
    assert (by_list["enrolled"], by_list["already_enrolled"], by_list["outcomes"]) == (2, 1, [])

    await desk.post("/suppressions", {"value": "shut.example"})
    given = [
        {"address": "new@example.com", "fields": {"company": "Acme"}},
        {"address": "nonsense"},
        {"address": "x@shut.example"},
    ]
    by_address = await desk.post(path, {"leads": given})
    assert [one["outcome"] for one in by_address["outcomes"]] == ["enrolled", "rejected", "suppressed"]
    assert [one["lead_outcome"] for one in by_address["outcomes"]] == ["created", None, "created"]
    assert [by_address[name] for name in ("enrolled", "already_enrolled", "suppressed", "rejected")] == [1, 0, 1, 1]
    assert len(await desk.every(path)) == 4


async def test_leads_in_a_completed_campaign_set_it_running_again(desk: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com", steps=[{"subject": "Hi", "text": "Hi"}])
    assert await desk.send(campaign_id) == 1
    number = int(campaign_id.removeprefix("cmp_"))
    await campaigns.complete(desk.api.database, desk.workspace_id, number, desk.api.clock())
    assert (await desk.get(f"/campaigns/{campaign_id}"))["status"] == "completed"
    again = await desk.post(f"/campaigns/{campaign_id}/enrollments", {"leads": [{"address": "b@example.com"}]})
    assert (again["enrolled"], again["reopened"]) == (1, True)
    assert (await desk.get(f"/campaigns/{campaign_id}"))["status"] == "running"


async def test_an_enrollment_tells_where_it_stands_in_real_time(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    before = await desk.get(f"/enrollments/{enrollment_id}")
    assert (before["state"], before["step"], before["due_in"]) == ("waiting", 1, 0)
    assert (before["due_at"], before["mailbox_id"]) == ("2026-03-02T09:00:00Z", None)
    assert await desk.send(campaign_id) == 1
    after = await desk.get(f"/enrollments/{enrollment_id}")
    assert (after["step"], after["due_in"], after["due_at"]) == (2, DAY, "2026-03-03T09:00:00Z")
    assert after["mailbox_id"].startswith("mbx_")


async def test_a_frozen_pause_keeps_the_time_left_and_moves_the_date(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    await desk.send(campaign_id)
    desk.api.clock.advance(DAY / 2)
    await desk.post(f"/campaigns/{campaign_id}/pause")
    desk.api.clock.advance(10 * DAY)
    paused = await desk.get(f"/enrollments/{enrollment_id}")
    assert (paused["due_at"], paused["due_in"]) == (None, DAY / 2)
    await desk.post(f"/campaigns/{campaign_id}/resume")
    resumed = await desk.get(f"/enrollments/{enrollment_id}")
    assert (resumed["due_at"], resumed["due_in"]) == ("2026-03-13T09:00:00Z", DAY / 2)


async def test_enrollments_come_in_pages_and_by_state_and_cause(desk: Any) -> None:
    campaign_id, ids = await desk.running(*(f"l{number}@example.com" for number in range(5)))
    path = f"/campaigns/{campaign_id}/enrollments"
    await desk.post(f"/enrollments/{ids[1]}/hold")
    await desk.post(f"/enrollments/{ids[3]}/stop")
    assert [one["id"] for one in await desk.every(path)] == ids
    assert [one["id"] for one in await desk.every(path, state="waiting")] == [ids[0], ids[2], ids[4]]
    assert [one["id"] for one in await desk.every(path, cause="manual")] == [ids[1], ids[3]]
    assert [one["id"] for one in await desk.every(path, state="held", cause="manual")] == [ids[1]]
    assert await desk.every(path, cause="nothing") == []


async def test_a_lead_is_seen_in_all_its_campaigns(desk: Any) -> None:
    ids = [(await desk.enrol((await desk.campaign())["id"], "kim@example.com"))[0] for _ in range(2)]
    lead_id = (await desk.get("/leads", params={"address": "kim@example.com"}))["items"][0]["id"]
    assert [one["id"] for one in await desk.get(f"/leads/{lead_id}/enrollments")] == ids


async def test_a_lead_is_held_released_and_stopped_from_its_position(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    await desk.send(campaign_id)
    path = f"/enrollments/{enrollment_id}"
    held = await desk.post(f"{path}/hold")
    assert (held["state"], held["cause"], held["step"]) == ("held", "manual", 2)
    assert await desk.post(f"{path}/hold") == held
    desk.api.clock.advance(DAY)
    assert await desk.send(campaign_id) == 0
    released = await desk.post(f"{path}/release")
    assert (released["state"], released["cause"], released["step"]) == ("waiting", None, 2)
    assert await desk.post(f"{path}/release") == released
    stopped = await desk.post(f"{path}/stop")
    assert (stopped["state"], stopped["cause"], stopped["due_at"], stopped["due_in"]) == (
        "stopped",
        "manual",
        None,
        None,
    )
    assert await desk.post(f"{path}/stop") == stopped
    assert await desk.get(path) == stopped


async def test_all_leads_that_are_held_for_a_cause_are_released_at_once(desk: Any, stranger: Any) -> None:
    campaign_id, ids = await desk.running("a@example.com", "b@example.com", "c@example.com")
    await desk.send(campaign_id)
    await desk.post(f"/campaigns/{campaign_id}/pause", {"clock": "run", "on_overdue": "review"})
    await desk.post(f"/enrollments/{ids[2]}/hold")
    desk.api.clock.advance(2 * DAY)
    await desk.post(f"/campaigns/{campaign_id}/resume")
    await desk.send(campaign_id)
    path, cause = f"/campaigns/{campaign_id}/enrollments", {"cause": "overdue_review"}
    assert len(await desk.every(path, **cause)) == 2
    assert (await stranger.post(f"{path}/release", cause, 404))["code"] == "campaign_not_found"
    for released in (2, 0):
        assert await desk.post(f"{path}/release", cause) == {"released": released}
    assert [one["state"] for one in await desk.every(path)] == ["waiting", "waiting", "held"]
    refused = await desk.post(f"{path}/release", {"cause": "unknown_outcome"}, 409)
    assert (refused["state"], refused["allowed"]) == ("held", ["settle", "stop"])


async def test_a_wrong_state_is_a_conflict_that_tells_the_state(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    path = f"/enrollments/{enrollment_id}"
    marked = await desk.mark(campaign_id)
    transit = await desk.post(f"{path}/hold", status=409)
    assert (transit["code"], transit["state"], transit["allowed"]) == ("enrollment_in_transit", "in_transit", ["stop"])
    await desk.record(campaign_id, marked)
    await desk.post(f"{path}/stop")
    for verb in ("hold", "release"):
        refused = await desk.post(f"{path}/{verb}", status=409)
        assert (refused["code"], refused["state"], refused["allowed"]) == ("enrollment_stopped", "stopped", [])


@pytest.mark.parametrize("verb", ["stop", "archive"])
async def test_a_campaign_that_is_over_takes_no_leads(desk: Any, verb: str) -> None:
    campaign_id = (await desk.campaign())["id"]
    await desk.post(f"/campaigns/{campaign_id}/{verb}")
    lead = (await desk.lead())["id"]
    refused = await desk.post(f"/campaigns/{campaign_id}/enrollments", {"lead_ids": [lead]}, 409)
    assert refused["code"] == {"stop": "campaign_stopped", "archive": "campaign_archived"}[verb]
    assert refused["state"] == {"stop": "stopped", "archive": "draft"}[verb]
    assert await desk.every(f"/campaigns/{campaign_id}/enrollments") == []


async def test_a_pause_may_refuse_new_leads(desk: Any) -> None:
    campaign_id, _ = await desk.running()
    await desk.post(f"/campaigns/{campaign_id}/pause", {"new_leads": "reject"})
    refused = await desk.post(f"/campaigns/{campaign_id}/enrollments", {"leads": [{"address": "a@b.example"}]}, 409)
    assert (refused["code"], refused["state"]) == ("campaign_paused", "paused")
    assert "resume" in refused["allowed"]
    assert await desk.every("/leads") == []


async def test_enrollments_of_another_workspace_are_not_found(desk: Any, stranger: Any) -> None:
    foreign_campaign, [foreign] = await stranger.running("a@example.com")
    foreign_list = (await stranger.post("/lists", {"name": "fair"}))["id"]
    own = (await desk.campaign())["id"]
    assert (await desk.get(f"/enrollments/{foreign}", 404))["code"] == "enrollment_not_found"
    for verb in ("stop", "hold", "release"):
        assert (await desk.post(f"/enrollments/{foreign}/{verb}", status=404))["code"] == "enrollment_not_found"
    path = f"/campaigns/{foreign_campaign}/enrollments"
    assert (await desk.get(path, 404))["code"] == "campaign_not_found"
    assert (await desk.post(path, {"lead_ids": ["led_1"]}, 404))["code"] == "campaign_not_found"
    assert (await desk.post(path, {"leads": [{"address": "a@b.example"}]}, 404))["code"] == "campaign_not_found"
    refused = await desk.post(f"/campaigns/{own}/enrollments", {"list_id": foreign_list}, 404)
    assert refused["code"] == "list_not_found"
    assert (await stranger.get(f"/enrollments/{foreign}"))["state"] == "waiting"


async def test_enrolling_needs_leads_write_and_reading_campaigns_read(desk: Any) -> None:
    campaign_id, [enrollment_id] = await desk.running("a@example.com")
    reading, writing = await desk.api.bearing("campaigns:read"), await desk.api.bearing("leads:write")
    path = f"/campaigns/{campaign_id}/enrollments"
    assert (await desk.post(path, {"lead_ids": ["led_1"]}, 403, headers=reading))["code"] == "scope_missing"
    assert (await desk.get(path, 403, headers=writing))["code"] == "scope_missing"
    await desk.get(path, 200, headers=reading)
    for verb in ("stop", "hold", "release"):
        await desk.post(f"/enrollments/{enrollment_id}/{verb}", status=403, headers=reading)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "one_source", ""),
        ({"list_id": "lst_1", "not_before": "2030-01-31T09:00:00Z"}, "not_before_unfit", ""),
        ({"lead_ids": ["led_1"], "list_id": "lst_1"}, "one_source", ""),
        ({"segment_id": "seg_1", "list_id": "lst_1"}, "one_source", ""),
        ({"lead_ids": []}, "too_short", "/lead_ids"),
        ({"lead_ids": [1]}, "invalid_id", "/lead_ids/0"),
        ({"lead_ids": ["led_1"] * 1001}, "too_long", "/lead_ids"),
        ({"list_id": "led_1"}, "invalid_id", "/list_id"),
        ({"leads": [{"address": 1}]}, "wrong_type", "/leads/0/address"),
        ({"leads": [{"address": "a@b.example", "x": 1}]}, "unknown_field", "/leads/0/x"),
        ({"lead_ids": ["led_1"], "colour": "red"}, "unknown_field", "/colour"),
    ],
)
async def test_a_wrong_field_of_an_enrolment_is_refused_with_its_place(
    desk: Any, body: Any, code: str, pointer: str
) -> None:
    campaign_id = (await desk.campaign())["id"]
    refused = await desk.post(f"/campaigns/{campaign_id}/enrollments", body, 422)
    assert (refused["code"], refused["errors"][0]["pointer"]) == (code, pointer)


def test_bytes_that_are_no_enrolment_are_refused(served: Any) -> None:
    path, kind = "/api/v1/campaigns/cmp_1/enrollments", {"Content-Type": "application/json"}
    assert served.client.post(path, content=b'{"lead_ids": ["\xff"]}', headers=kind).status_code == 400
    assert served.client.post(path, content=b" " * 10_000_000, headers=kind).status_code == 413
    assert served.client.get(path, params={"state": "asleep"}).json()["errors"][0]["parameter"] == "state"


async def test_a_list_or_a_segment_is_enrolled_without_who_is_on_others(desk: Any) -> None:
    leads = [await desk.lead(f"{name}@example.com", country="DE") for name in "abcd"]
    everyone, some = [(await desk.post("/lists", {"name": name}))["id"] for name in ("everyone", "some")]
    await desk.post(f"/lists/{everyone}/members", {"lead_ids": [one["id"] for one in leads]})
    await desk.post(f"/lists/{some}/members", {"lead_ids": [leads[0]["id"]]})
    condition = {"field": "email", "operator": "starts_with", "value": "b"}
    segment = (await desk.post("/segments", {"name": "b", "conditions": [condition]}))["id"]
    path = f"/campaigns/{(await desk.campaign())['id']}/enrollments"
    body = {"list_id": everyone, "without_list_ids": [some], "without_segment_ids": [segment]}
    assert (await desk.post(path, body))["enrolled"] == 2
    assert sorted(one["address"] for one in await desk.every(path)) == ["c@example.com", "d@example.com"]
    assert (await desk.post(path, {"segment_id": segment, "without_list_ids": [some]}))["enrolled"] == 1
    for wrong, code in (
        ({**body, "without_list_ids": ["lst_99999"]}, "list_not_found"),
        ({**body, "without_segment_ids": ["seg_99999"]}, "segment_not_found"),
        ({**body, "list_id": "lst_99999"}, "list_not_found"),
    ):
        assert (await desk.post(path, wrong, 404))["code"] == code
    unfit = await desk.post(path, {"lead_ids": [leads[0]["id"]], "without_list_ids": [some]}, 422)
    assert unfit["code"] == "without_unfit"


async def test_a_segment_is_enrolled_as_it_is_at_that_moment(desk: Any) -> None:
    await desk.lead("a@example.com", country="DE")
    await desk.lead("b@example.com", country="FR")
    condition = {"field": "country", "operator": "equals", "value": "DE"}
    segment = await desk.post("/segments", {"name": "Germans", "conditions": [condition]})
    path = f"/campaigns/{(await desk.campaign())['id']}/enrollments"
    body = {"segment_id": segment["id"], "extra": {"source": "fair"}}
    done = await desk.post(path, body)
    assert (done["enrolled"], done["outcomes"]) == (1, [])
    await desk.lead("c@example.com", country="DE")
    again = await desk.post(path, body)
    assert (again["enrolled"], again["already_enrolled"]) == (1, 1)
    found = [(one["address"], one["extra"]) for one in await desk.every(path)]
    assert found == [("a@example.com", {"source": "fair"}), ("c@example.com", {"source": "fair"})]
    assert (await desk.post(path, {"segment_id": "seg_99"}, 404))["code"] == "segment_not_found"
