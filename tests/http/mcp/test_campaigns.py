from typing import Any

FIRST = {"subject": "Hello {{ first_name }}", "text": "Hello"}


async def test_an_agent_makes_reads_edits_and_lists_campaigns(desk: Any, agent: Any) -> None:
    pool = (await desk.pool())["name"]
    definition = {"name": "Spring", "pool": pool, "steps": [FIRST], "zone": "Europe/Berlin"}
    made = await agent.call("create_campaign", definition=definition)
    assert (made["status"], made["version"], made["actor"]) == ("draft", 1, f"key:{desk.api.issued.row.prefix}")
    assert (
        made == await agent.call("get_campaign", campaign_id=made["id"]) == await desk.get(f"/campaigns/{made['id']}")
    )
    edited = await agent.call("edit_campaign", campaign_id=made["id"], changes={"name": "Summer"}, version=1)
    assert (edited["version"], edited["definition"]["name"]) == (2, "Summer")
    assert edited["definition"]["steps"] == made["definition"]["steps"]
    late = await agent.failure("edit_campaign", campaign_id=made["id"], changes={"name": "Late"}, version=1)
    assert (late["code"], late["state"]) == ("version_mismatch", "draft")
    others = [(await desk.campaign(pool=None))["id"] for _ in range(2)]
    first = await agent.call("list_campaigns", limit=2)
    assert [one["id"] for one in first["items"]] == others[::-1]
    second = await agent.call("list_campaigns", limit=2, cursor=first["next_cursor"])
    assert [one["id"] for one in second["items"]] == [made["id"]]
    assert second["next_cursor"] is None
    assert (await agent.call("list_campaigns", status="running"))["items"] == []
    await desk.post(f"/campaigns/{made['id']}/archive")
    assert [one["id"] for one in (await agent.call("list_campaigns", archived=True))["items"]] == [made["id"]]


async def test_every_fault_has_its_code_and_its_place_in_the_arguments(desk: Any, agent: Any) -> None:
    wrong = await agent.failure("create_campaign", definition={"name": "", "steps": [{"text": 5}], "nmae": "x"})
    assert {(one["code"], one["pointer"]) for one in wrong["errors"]} == {
        ("too_short", "/definition/name"),
        ("wrong_type", "/definition/steps/0/text"),
        ("unknown_field", "/definition/nmae"),
    }
    template = {"name": "T", "steps": [{"subject": "{{ a", "text": "x"}]}
    for result in (
        await agent.failure("create_campaign", definition=template),
        await agent.failure("create_campaign", definition={"name": "P", "pool": "nowhere"}),
    ):
        assert result["errors"][0]["pointer"].startswith("/definition/")
    campaign = await desk.campaign()
    patched = await agent.failure("edit_campaign", campaign_id=campaign["id"], changes={"pool": "nowhere"}, version=1)
    assert (patched["code"], patched["errors"][0]["pointer"]) == ("unknown_pool", "/changes/pool")
    missing = await agent.failure("get_campaign")
    assert (missing["code"], missing["errors"][0]["pointer"]) == ("missing_field", "/campaign_id")
    surplus = await agent.failure("get_campaign", campaign_id=campaign["id"], verbose=True)
    assert (surplus["code"], surplus["errors"][0]["pointer"]) == ("unknown_argument", "/verbose")
    cursor = await agent.failure("list_campaigns", cursor="bm90aGluZw")
    assert (cursor["code"], cursor["errors"][0]["pointer"]) == ("cursor_invalid", "/cursor")
    for name in ("campaign", "cmp_0", "cmp_99999999999999999999", "led_1"):
        assert (await agent.failure("get_campaign", campaign_id=name))["code"] == "campaign_not_found"
    assert (await agent.failure("drop_everything"))["code"] == "tool_not_found"


async def test_what_the_database_cannot_keep_is_refused_with_its_place(agent: Any) -> None:
    nul = await agent.failure("create_campaign", definition={"name": "a\0b"})
    assert (nul["code"], nul["errors"][0]["pointer"]) == ("control_character", "/definition/name")
    large = await agent.failure("create_campaign", definition={"name": "a", "extra": {"n": 10**30}})
    assert (large["code"], large["errors"][0]["pointer"]) == ("out_of_range", "/definition/extra/n")


async def test_what_goes_out_by_itself_or_lies_before_a_person_is_not_edited(desk: Any, agent: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    edit = {"campaign_id": campaign_id, "changes": {"name": "Other"}, "version": 1}
    running = await agent.failure("edit_campaign", **edit)
    assert (running["code"], running["state"]) == ("campaign_running", "running")
    assert "pause it first" in running["detail"]
    await desk.post(f"/campaigns/{campaign_id}/pause", {"resume_at": "2030-01-01T00:00:00Z"})
    assert (await agent.failure("edit_campaign", **edit))["code"] == "resume_planned"
    await desk.post(f"/campaigns/{campaign_id}/pause", {"resume_at": None})
    assert (await agent.call("edit_campaign", **edit))["version"] == 2
    await desk.post(f"/campaigns/{campaign_id}/stop")
    assert (await agent.failure("edit_campaign", **{**edit, "version": 2}))["code"] == "campaign_stopped"
    other = (await desk.campaign())["id"]
    for verb, undo, body in (
        ("submit", "dismiss", None),
        ("schedule", "unschedule", {"starts_at": "2030-01-01T00:00:00Z"}),
    ):
        status = (await desk.post(f"/campaigns/{other}/{verb}", body))["status"]
        refused = await agent.failure("edit_campaign", campaign_id=other, changes={"name": "Other"}, version=1)
        assert (refused["code"], refused["state"]) == (f"campaign_{status}", status)
        await desk.post(f"/campaigns/{other}/{undo}")


async def test_a_check_and_a_report_say_what_the_api_says(desk: Any, agent: Any) -> None:
    campaign_id = (await desk.campaign(steps=[FIRST]))["id"]
    await desk.enrol(campaign_id, "kim@example.com")
    checked = await agent.call("check_campaign", campaign_id=campaign_id)
    assert checked == await desk.get(f"/campaigns/{campaign_id}/check")
    assert (checked["can_start"], checked["findings"][0]["code"]) == (True, "missing_variable")
    report = await agent.call("get_report", campaign_id=campaign_id)
    assert report.pop("inbound") == await desk.get(f"/campaigns/{campaign_id}/inbound-counts")
    assert report == await desk.get(f"/campaigns/{campaign_id}/status")
    assert report["counts"]["waiting"] == 1


async def test_a_report_tells_what_came_back_only_to_who_may_read_that(desk: Any, connect: Any) -> None:
    campaign_id, _ = await desk.running("a@example.com")
    await desk.send(campaign_id)
    await desk.post("/inbound", {"kind": "reply", "address": "a@example.com", "campaign_id": campaign_id})
    blind = await connect(await desk.api.bearing("campaigns:read"))
    assert (await blind.call("get_report", campaign_id=campaign_id))["inbound"] is None
    reader = await connect(await desk.api.bearing("campaigns:read", "inbound:read"))
    told = await reader.call("get_report", campaign_id=campaign_id)
    assert told["inbound"]["total"]["replied"] == 1


async def test_a_why_is_told_for_a_campaign_a_lead_in_it_and_a_mailbox(desk: Any, agent: Any) -> None:
    mailbox = await desk.mailbox()
    pool = await desk.pool(mailbox["name"])
    campaign_id, [enrollment_id] = await desk.running("a@example.com", pool=pool["name"])
    await desk.post(f"/campaigns/{campaign_id}/pause")
    for subject, reason in (
        ({"campaign_id": campaign_id}, "campaign_paused"),
        ({"enrollment_id": enrollment_id}, "campaign_paused"),
        ({"mailbox_id": mailbox["id"]}, "no_worker"),
    ):
        [(name, value)] = subject.items()
        told = await agent.call("explain", **subject)
        assert told == await desk.get(f"/{name.removesuffix('_id')}s/{value}/why".replace("/mailboxs", "/mailboxes"))
        assert told["reason"] == reason
    for arguments in ({}, {"campaign_id": campaign_id, "mailbox_id": mailbox["id"]}):
        assert (await agent.failure("explain", **arguments))["code"] == "one_subject"
