"""Campaigns: made, published, listed, changed, deleted."""

import asyncio
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from autosend_client import FORM, SPRING_SALE, Sender, shown

from caesura.http.opaque_ids import hex_of
from caesura.service import audiences, campaigns, timers

NEWSLETTER = {"name": "News", "subject": "News for {{firstName}}", "htmlTemplate": "<p>Hi {{firstName}}</p>"}


async def list_of(sender: Any, *addresses: str, name: str = "seg list") -> str:
    made = await sender.post("/contact-lists", {"name": name})
    list_id = str(made["data"]["id"])
    if addresses:
        body = {"contactListId": list_id, "emails": list(addresses)}
        await sender.post("/contact-lists/contacts/bulk-add", body)
    return list_id


@pytest.fixture
async def mailbox(sender: Any) -> Any:
    return await sender.desk.mailbox(address="team@sender.test", name="team")


async def native_id(sender: Any, name: str = "News") -> str:
    items = (await sender.desk.get("/campaigns"))["items"]
    return str(next(one["id"] for one in items if one["name"] == name))


async def test_a_new_campaign_is_a_draft_with_what_was_given(sender: Any, mailbox: Any) -> None:
    list_id = await list_of(sender, "kim@example.com")
    given = {
        **SPRING_SALE,
        "from": {"email": "team@sender.test", "name": "Example Team"},
        "replyTo": "reply@sender.test",
        "toLists": [list_id],
        "excludeLists": [],
        "timezone": "America/New_York",
        "somethingNew": {"kept": [1]},
    }
    data = (await sender.post("/campaigns", given, 201))["data"]
    assert data["status"] == "draft"
    for name in ("name", "subject", "previewText", "from", "replyTo", "sendMode", "trackingClick", "timezone"):
        assert data[name] == given[name], name
    assert data["toLists"] == [{"id": list_id, "name": "seg list", "type": "list", "contactCount": 1}]
    assert (data["gradualGrowthStrategy"], data["gradualDailyBatchSize"]) == ("2x", 100)
    native = await sender.desk.get(f"/campaigns/{await native_id(sender, 'Spring Sale Newsletter')}")
    assert native["definition"]["limits"]["gradual"] == {"start": 100, "factor": 2.0, "add": None, "ceiling": None}
    assert native["definition"]["pool"] == "team@sender.test"
    assert native["definition"]["extra"]["autosend"]["somethingNew"] == {"kept": [1]}
    assert data["metrics"]["totalContacts"] == 0, "leads come in when it is published"


async def test_publish_with_send_now_schedules_it_120_seconds_later(sender: Any, mailbox: Any) -> None:
    list_id = await list_of(sender, "kim@example.com", "lee@example.com")
    data = await sender.post("/campaigns", {**NEWSLETTER, "toLists": [list_id], "publish": True, "sendNow": True})
    assert data["message"] == "Campaign updated successfully"
    assert (data["data"]["status"], data["data"]["sendMode"]) == ("scheduled", "immediate")
    assert data["data"]["metrics"]["totalContacts"] == 2
    clock = sender.desk.api.clock
    clock.advance(119)
    await timers.tick(sender.desk.api.database, clock())
    assert (await sender.get(f"/campaigns/{data['data']['id']}"))["data"]["status"] == "scheduled"
    clock.advance(1)
    await timers.tick(sender.desk.api.database, clock())
    assert (await sender.get(f"/campaigns/{data['data']['id']}"))["data"]["status"] == "sending"
    assert await sender.desk.send(await native_id(sender)) == 2
    await timers.tick(sender.desk.api.database, clock())
    sent = (await sender.get(f"/campaigns/{data['data']['id']}"))["data"]
    assert (sent["status"], sent["metrics"]["sent"], sent["metrics"]["delivered"]) == ("sent", 2, 2)
    assert sent["sentAt"] == "2026-03-02T09:02:00.000Z"


async def test_a_scheduled_campaign_starts_at_its_time(sender: Any, mailbox: Any) -> None:
    body = {**NEWSLETTER, "toLists": [await list_of(sender, "kim@example.com")], "publish": True}
    data = (await sender.post("/campaigns", {**body, "scheduledAt": "2026-03-02T10:00:00.000Z"}))["data"]
    assert (data["status"], data["sendMode"]) == ("scheduled", "scheduled")
    assert data["scheduledAt"] == "2026-03-02T10:00:00.000Z"
    error = await sender.refused("POST", "/campaigns", {**body, "scheduledAt": "2020-01-01T00:00:00Z"})
    assert error["details"][0]["field"] == "scheduledAt"
    assert (await sender.get("/campaigns"))["data"]["pagination"]["total"] == 1, "what was refused is not there"


@pytest.mark.parametrize(
    ("word", "gradual"),
    [
        ("fixed", {"start": 5, "factor": 1.25, "ceiling": 5}),
        ("1.25x", {"start": 5, "factor": 1.25, "ceiling": None}),
        ("1.5x", {"start": 5, "factor": 1.5, "ceiling": None}),
        ("1.75x", {"start": 5, "factor": 1.75, "ceiling": None}),
        ("2x", {"start": 5, "factor": 2.0, "ceiling": None}),
    ],
)
async def test_gradual_sending_has_five_growth_factors(sender: Any, mailbox: Any, word: str, gradual: Any) -> None:
    body = {**NEWSLETTER, "sendMode": "gradual", "growthStrategy": word, "emailsPerDay": 5}
    data = (await sender.post("/campaigns", body))["data"]
    assert (data["gradualGrowthStrategy"], data["gradualDailyBatchSize"]) == (word, 5)
    native = await sender.desk.get(f"/campaigns/{await native_id(sender)}")
    assert native["definition"]["limits"]["gradual"] == {**gradual, "add": None}


async def test_growth_is_required_when_send_mode_is_gradual(sender: Any) -> None:
    error = await sender.refused("POST", "/campaigns", {**NEWSLETTER, "sendMode": "gradual"})
    assert {one["field"] for one in error["details"]} == {"gradualGrowthStrategy", "gradualDailyBatchSize"}
    error = await sender.refused(
        "POST", "/campaigns", {**NEWSLETTER, "sendMode": "gradual", "growthFactor": "3x", "dailyVolume": 0}
    )
    assert {one["field"] for one in error["details"]} == {"growthFactor", "dailyVolume"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"subject": ""}, "subject"),
        ({"subject": "x" * 999}, "subject"),
        ({"previewText": "x" * 201}, "previewText"),
        ({"htmlTemplate": None}, "htmlTemplate"),
        ({"htmlTemplate": "{{#each a}}b{{/each}}"}, "htmlTemplate"),
        ({"subject": "{{{a}}}"}, "subject"),
        ({"htmlTemplate": "{{#if a}}"}, "htmlTemplate"),
        ({"sendMode": "soon"}, "sendMode"),
        ({"scheduledAt": "tomorrow"}, "scheduledAt"),
        ({"timezone": "Mars/One"}, "timezone"),
        ({"toLists": "all"}, "toLists"),
        ({"trackingOpen": "yes"}, "trackingOpen"),
        ({"from": "team@sender.test"}, "from"),
        ({"from": {"name": "Team"}}, "from.email"),
        ({"publish": True}, "toLists"),
    ],
)
async def test_what_is_wrong_is_told_by_its_field(sender: Any, mailbox: Any, change: Any, field: str) -> None:
    error = await sender.refused("POST", "/campaigns", {**NEWSLETTER, **change})
    assert (error["message"], error["code"]) == ("Validation failed", "VALIDATION_FAILED")
    assert field in [one["field"] for one in error["details"]]


async def test_an_unknown_sender_can_be_drafted_and_not_published(sender: Any, mailbox: Any) -> None:
    body = {**NEWSLETTER, "from": {"email": "who@elsewhere.test"}, "sendToGlobalList": True}
    assert (await sender.post("/campaigns", body))["data"]["status"] == "draft"
    error = await sender.refused("POST", "/campaigns", {**body, "publish": True})
    assert error["code"] == "DOMAIN_NOT_VERIFIED"


async def test_lists_are_joined_and_excluded_lists_taken_out(sender: Any, mailbox: Any) -> None:
    one = await list_of(sender, "a@example.com", "b@example.com", name="one")
    two = await list_of(sender, "b@example.com", "c@example.com", name="two")
    out = await list_of(sender, "c@example.com", name="out")
    body = {**NEWSLETTER, "toLists": [one, two], "excludeLists": [out], "publish": True}
    data = (await sender.post("/campaigns", body))["data"]
    assert (data["status"], data["metrics"]["totalContacts"]) == ("sending", 2)


async def test_send_to_global_list_means_everyone(sender: Any, mailbox: Any) -> None:
    await list_of(sender, "a@example.com", "b@example.com")
    await sender.post("/contacts", {"email": "c@example.com"})
    for given in ({"sendToGlobalList": True}, {"toLists": ["GLOBAL_CONTACT_LIST"]}):
        data = (await sender.post("/campaigns", {**NEWSLETTER, **given, "publish": True}))["data"]
        assert data["metrics"]["totalContacts"] == 3


async def test_campaigns_are_listed_by_status_and_page(sender: Any, mailbox: Any) -> None:
    ids = [(await sender.post("/campaigns", {**NEWSLETTER, "name": f"n{one}"}))["data"]["id"] for one in range(3)]
    running, _ = await sender.running("kim@example.com")
    page = (await sender.get("/campaigns?status=draft&page=2&limit=2"))["data"]
    assert [one["id"] for one in page["campaigns"]] == [ids[0]]
    assert page["pagination"] == {"page": 2, "limit": 2, "total": 3, "totalPages": 2, "pages": 2}
    assert [one["id"] for one in (await sender.get("/campaigns?status=sending"))["data"]["campaigns"]] == [running]
    assert (await sender.get("/campaigns?status=sending_gradual"))["data"]["campaigns"] == []
    assert (await sender.get("/campaigns?status=nonsense"))["data"]["campaigns"] == []
    await sender.refused("GET", "/campaigns?limit=0", status=400)


async def test_a_patch_changes_what_is_given_and_nothing_else(sender: Any, mailbox: Any) -> None:
    made = (await sender.post("/campaigns", SPRING_SALE))["data"]
    changed = (await sender.ask("PATCH", f"/campaigns/{made['id']}", {"subject": "New {{firstName}}"}))["data"]
    assert changed["subject"] == "New {{firstName}}"
    same = set(made) - {"subject", "updatedAt"}
    assert {name: changed[name] for name in same} == {name: made[name] for name in same}
    plain = (await sender.ask("PATCH", f"/campaigns/{made['id']}", {"sendMode": "immediate"}))["data"]
    assert plain["sendMode"] == "immediate"
    assert "gradualGrowthStrategy" not in plain


async def test_a_patch_with_publish_starts_it_and_a_running_one_cannot_be_changed(sender: Any, mailbox: Any) -> None:
    body = {**NEWSLETTER, "toLists": [await list_of(sender, "kim@example.com")]}
    campaign_id = (await sender.post("/campaigns", body))["data"]["id"]
    data = (await sender.ask("PATCH", f"/campaigns/{campaign_id}", {"sendNow": True}))["data"]
    assert data["status"] == "sending", "in a change, sendNow sends at once"
    error = await sender.refused("PATCH", f"/campaigns/{campaign_id}", {"subject": "x"})
    assert error["code"] == "CAMPAIGN_CANNOT_BE_UPDATED"


async def test_only_drafts_can_be_deleted(sender: Any, mailbox: Any) -> None:
    made = (await sender.post("/campaigns", NEWSLETTER))["data"]
    answer = await sender.ask("DELETE", f"/campaigns/{made['id']}")
    assert answer == {"success": True, "message": "Campaign deleted successfully"}
    assert (await sender.refused("DELETE", f"/campaigns/{made['id']}", status=404))["code"] == "CAMPAIGN_NOT_FOUND"
    running, _ = await sender.running("kim@example.com")
    error = await sender.refused("DELETE", f"/campaigns/{running}")
    assert error["code"] == "ONLY_DRAFT_CAMPAIGNS_CAN_BE_DELETED"
    assert (error["message"], error["status"]) == ("Only draft campaigns can be deleted", 400)


async def test_a_campaign_of_another_door_shows_our_own_texts(sender: Any) -> None:
    campaign_id, _ = await sender.running(
        "kim@example.com", steps=[{"subject": "Hi {{ first_name | default('x') }}", "text": "a"}]
    )
    data = (await sender.get(f"/campaigns/{campaign_id}"))["data"]
    assert data["subject"] == "Hi {{ first_name | default('x') }}"
    assert data["sendMode"] == "immediate"


async def test_a_text_that_was_edited_elsewhere_is_shown_as_it_is_now(sender: Any, mailbox: Any) -> None:
    made = (await sender.post("/campaigns", NEWSLETTER))["data"]
    native = await native_id(sender)
    definition = (await sender.desk.get(f"/campaigns/{native}"))["definition"]
    definition["steps"][0]["variants"][0]["subject"] = "Edited"
    await sender.desk.ask("PUT", f"/campaigns/{native}", definition)
    assert (await sender.get(f"/campaigns/{made['id']}"))["data"]["subject"] == "Edited"


@pytest.mark.parametrize(
    ("verbs", "word"),
    [(("start",), "sending"), (("start", "pause"), "paused"), (("start", "edit"), "paused"), (("submit",), "scheduled"),
     (("start", "stop"), "aborted")],
)  # fmt: skip
async def test_every_state_has_a_word(sender: Any, verbs: Any, word: str) -> None:
    campaign = await sender.desk.campaign()
    for verb in verbs:
        await sender.desk.post(f"/campaigns/{campaign['id']}/{verb}")
    assert (await sender.get(f"/campaigns/{shown(campaign['id'])}"))["data"]["status"] == word


async def test_who_may_write_campaigns_may_not_therefore_send_them(sender: Any, mailbox: Any) -> None:
    writer = Sender(sender.desk, (await sender.desk.api.mint("campaigns:write", form=FORM)).text)
    body = {**NEWSLETTER, "sendToGlobalList": True}
    made = (await writer.post("/campaigns", body, 201))["data"]
    assert (await writer.refused("POST", "/campaigns", {**body, "publish": True}, 403))["code"] == "FORBIDDEN"
    await writer.refused("PATCH", f"/campaigns/{made['id']}", {"sendNow": True}, 403)


async def test_a_template_fills_a_campaign_and_is_overwritten_by_html_that_comes_with_it(
    sender: Any, mailbox: Any
) -> None:
    template = {"templateName": "t", "subject": "s", "emailTemplate": "<p>one {{firstName}}</p>"}
    template_id = (await sender.post("/templates", template))["data"]["templateId"]
    body = {"name": "News", "subject": "s", "templateId": template_id}
    made = (await sender.post("/campaigns", body))["data"]
    whole = (await sender.get(f"/campaigns/{made['id']}"))["data"]
    assert whole["template"]["emailTemplate"] == "<p>one {{firstName}}</p>"
    await sender.post("/campaigns", {**body, "name": "b", "htmlTemplate": "<p>two</p>"})
    assert (await sender.get(f"/templates/{template_id}"))["data"]["emailTemplate"] == "<p>two</p>"
    native = await sender.desk.get(f"/campaigns/{await native_id(sender)}")
    assert "one" in native["definition"]["steps"][0]["variants"][0]["html"]
    await sender.refused("POST", "/campaigns", {**body, "templateId": "A-280fa451a7ca5cc17513"}, 404)


async def test_a_key_for_single_campaigns_overwrites_no_template_that_others_use(sender: Any, mailbox: Any) -> None:
    template = {"templateName": "t", "subject": "s", "emailTemplate": "<p>one</p>"}
    template_id = (await sender.post("/templates", template))["data"]["templateId"]
    made = (await sender.post("/campaigns", {"name": "News", "subject": "s", "templateId": template_id}))["data"]
    number = int((await native_id(sender)).removeprefix("cmp_"))
    key = await sender.desk.api.mint("*", form=FORM, campaign_ids=[number])
    change = {"templateId": template_id, "htmlTemplate": "<p>two</p>"}
    await Sender(sender.desk, key.text).refused("PATCH", f"/campaigns/{made['id']}", change, 403)
    assert (await sender.get(f"/templates/{template_id}"))["data"]["emailTemplate"] == "<p>one</p>"


async def test_a_key_for_single_campaigns_lists_those(sender: Any, mailbox: Any) -> None:
    first, _ = await sender.running("a@example.com")
    await sender.running("b@example.com")
    number = int((await sender.desk.get("/campaigns"))["items"][-1]["id"].removeprefix("cmp_"))
    key = await sender.desk.api.mint("*", form=FORM, campaign_ids=[number])
    for status in ("", "?status=sending", "?status=sending_gradual"):
        data = (await Sender(sender.desk, key.text).get(f"/campaigns{status}"))["data"]
        expected = [first] if status != "?status=sending_gradual" else []
        assert [one["id"] for one in data["campaigns"]] == expected
        assert data["pagination"]["total"] == len(expected)


async def test_a_list_of_another_kind_of_id_is_not_found(sender: Any) -> None:
    await sender.refused("POST", "/campaigns", {**NEWSLETTER, "toLists": [hex_of("campaign", 1)]}, 404)


@pytest.mark.parametrize(
    ("plan", "method", "path", "change"),
    [
        ({"sendNow": True}, "PATCH", "", {"sendNow": False}),
        ({"scheduledAt": "2026-03-02T09:01:00Z"}, "PATCH", "", {"scheduledAt": None}),
    ],
)
async def test_a_planned_start_can_be_taken_back_and_planned_anew(
    sender: Any, mailbox: Any, plan: Any, method: str, path: str, change: Any
) -> None:
    body = {**NEWSLETTER, "toLists": [await list_of(sender, "kim@example.com")], "publish": True, **plan}
    campaign_id = (await sender.post("/campaigns", body))["data"]["id"]
    answer = await sender.ask(method, f"/campaigns/{campaign_id}{path}", change)
    assert (answer["success"], answer["data"]["status"]) == (True, "draft")
    clock = sender.desk.api.clock
    clock.advance(3_600)
    await timers.tick(sender.desk.api.database, clock())
    assert await sender.desk.send(await native_id(sender)) == 0
    again = {"publish": True, "scheduledAt": "2026-03-02T12:00:00Z", "sendNow": False}
    anew = (await sender.ask("PATCH", f"/campaigns/{campaign_id}", again))["data"]
    assert (anew["status"], anew["metrics"]["totalContacts"]) == ("scheduled", 1)


async def test_a_campaign_that_is_paused_before_it_was_sent_is_paused_and_sent_once_it_is_resumed(
    sender: Any, mailbox: Any
) -> None:
    body = {**NEWSLETTER, "toLists": [await list_of(sender, "kim@example.com")], "sendNow": True}
    place = f"/campaigns/{(await sender.post('/campaigns', body))['data']['id']}"
    assert (await sender.post(f"{place}/pause"))["data"]["status"] == "paused"
    clock, native = sender.desk.api.clock, await native_id(sender)
    clock.advance(3_600)
    await timers.tick(sender.desk.api.database, clock())
    assert await sender.desk.send(native) == 0
    [paused] = (await sender.get("/campaigns?status=paused"))["data"]["campaigns"]
    assert paused["pausedAt"] is not None
    assert (await sender.post(f"{place}/resume"))["data"]["status"] == "sending"
    assert await sender.desk.send(native) == 1


async def test_a_campaign_that_is_paused_before_its_time_is_resumed_for_that_time(sender: Any, mailbox: Any) -> None:
    time = "2026-03-02T12:00:00.000Z"
    body = {**NEWSLETTER, "toLists": [await list_of(sender, "kim@example.com")], "publish": True, "scheduledAt": time}
    place = f"/campaigns/{(await sender.post('/campaigns', body))['data']['id']}"
    clock, native = sender.desk.api.clock, await native_id(sender)

    async def tick_at(instant: str) -> None:
        clock.advance((datetime.fromisoformat(instant) - clock()).total_seconds())
        await timers.tick(sender.desk.api.database, clock())

    for verb, status in (("pause", "paused"), ("pause", "paused"), ("resume", "scheduled"), ("pause", "paused")):
        data = (await sender.post(f"{place}/{verb}"))["data"]
        assert (data["status"], data["scheduledAt"]) == (status, time)
    await tick_at("2026-03-02T11:00:00Z")
    assert (await sender.post(f"{place}/resume"))["data"]["status"] == "scheduled"
    later = {"scheduledAt": "2026-03-02T13:00:00.000Z"}
    assert (await sender.ask("PATCH", place, later))["data"]["status"] == "scheduled"
    await tick_at("2026-03-02T12:30:00Z")
    assert await sender.desk.send(native) == 0
    await tick_at("2026-03-02T13:00:01Z")
    assert (await sender.get(place))["data"]["status"] == "sending"
    assert await sender.desk.send(native) == 1


async def test_a_change_that_repeats_what_is_planned_leaves_it_planned(sender: Any, mailbox: Any) -> None:
    time = "2026-03-02T12:00:00.000Z"
    body = {**NEWSLETTER, "toLists": [await list_of(sender, "kim@example.com")], "publish": True, "scheduledAt": time}
    campaign_id = (await sender.post("/campaigns", body))["data"]["id"]
    for change in ({"sendNow": False}, {"scheduledAt": time, "sendNow": False}, {"subject": "x"}):
        data = (await sender.ask("PATCH", f"/campaigns/{campaign_id}", change))["data"]
        assert (data["status"], data["scheduledAt"]) == ("scheduled", time)


async def test_pausing_a_campaign_that_waits_for_approval_makes_it_a_draft(sender: Any) -> None:
    campaign_id = (await sender.post("/campaigns", NEWSLETTER))["data"]["id"]
    desk = sender.desk
    number = int((await native_id(sender)).removeprefix("cmp_"))
    await campaigns.submit(desk.api.database, desk.workspace_id, number, "test", desk.api.clock())
    assert (await sender.post(f"/campaigns/{campaign_id}/pause"))["data"]["status"] == "draft"


async def test_a_draft_whose_start_was_taken_back_can_be_deleted_though_it_has_its_audience(
    sender: Any, mailbox: Any
) -> None:
    list_id = await list_of(sender, "kim@example.com")
    body = {**NEWSLETTER, "toLists": [list_id], "publish": True, "sendNow": True}
    campaign_id = (await sender.post("/campaigns", body))["data"]["id"]
    taken_back = await sender.ask("PATCH", f"/campaigns/{campaign_id}", {"sendNow": False})
    assert taken_back["data"]["status"] == "draft"
    await sender.ask("DELETE", f"/campaigns/{campaign_id}")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume")):
        error = await sender.refused(method, f"/campaigns/{campaign_id}{path}", status=404)
        assert error["code"] == "CAMPAIGN_NOT_FOUND"
    assert (await sender.get("/campaigns"))["data"]["campaigns"] == []


async def test_the_senders_name_and_the_reply_address_are_sent(sender: Any, mailbox: Any) -> None:
    given = {"from": {"email": "team@sender.test", "name": "Example Team"}, "replyTo": "reply@sender.test"}
    data = (await sender.post("/campaigns", {**NEWSLETTER, **given}))["data"]
    place = f"/campaigns/{data['id']}"
    found = (await sender.desk.get(f"/campaigns/{await native_id(sender)}"))["definition"]
    assert (found["from_name"], found["reply_to"]) == ("Example Team", "reply@sender.test")
    changed = (await sender.ask("PATCH", place, {"replyTo": None, "subject": "Other"}))["data"]
    assert (changed["replyTo"], changed["from"]) == (None, given["from"])
    changed = (await sender.ask("PATCH", place, {"from": {"email": "team@sender.test"}}))["data"]
    assert changed["from"] == {"email": "team@sender.test"}
    found = (await sender.desk.get(f"/campaigns/{await native_id(sender)}"))["definition"]
    assert (found["from_name"], found["reply_to"]) == (None, None)


async def test_one_way_to_name_a_sender_takes_the_place_of_the_other(sender: Any, mailbox: Any) -> None:
    [known] = (await sender.get("/senders"))["data"]["senders"]
    given = {"from": {"email": "team@sender.test", "name": "Example Team"}}
    place = f"/campaigns/{(await sender.post('/campaigns', {**NEWSLETTER, **given}))['data']['id']}"
    changed = (await sender.ask("PATCH", place, {"senderId": known["id"]}))["data"]
    assert (changed["from"], changed["senderId"]) == (None, known["id"])
    found = (await sender.desk.get(f"/campaigns/{await native_id(sender)}"))["definition"]
    assert found["from_name"] is None
    changed = (await sender.ask("PATCH", place, given))["data"]
    assert (changed["from"], changed["senderId"]) == (given["from"], None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"replyTo": "nobody"}, "replyTo"),
        ({"replyTo": 7}, "replyTo"),
        ({"replyTo": "a@example.com\r\nBcc: b@example.com"}, "replyTo"),
        ({"from": {"email": "team@sender.test", "name": "x" * 201}}, "from.name"),
        ({"from": {"email": "team@sender.test", "name": "A\r\nBcc: b@example.com"}}, "from.name"),
        ({"from": {"email": "team@sender.test", "name": 7}}, "from.name"),
    ],
)
async def test_a_name_or_reply_address_that_cannot_be_sent_is_refused(
    sender: Any, mailbox: Any, given: Any, field: str
) -> None:
    error = await sender.refused("POST", "/campaigns", {**NEWSLETTER, **given})
    assert [one["field"] for one in error["details"]] == [field]
    mail = {"from": {"email": "team@sender.test"}, "to": {"email": "kim@example.com"}, "subject": "s", "text": "t"}
    error = await sender.refused("POST", "/mails/send", {**mail, **given})
    assert [one["field"] for one in error["details"]] == [field]


@pytest.mark.parametrize(
    ("local", "shown_as"),
    [
        ("2026-07-01T10:00:00", "2026-07-01T08:00:00.000Z"),
        ("2026-07-01T10:00", "2026-07-01T08:00:00.000Z"),
        ("2026-07-01T10:00:00+09:00", "2026-07-01T01:00:00.000Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00.000Z"),  # there twice: the first
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00.000Z"),  # skipped: as much later, 03:30
    ],
)
async def test_a_time_without_an_offset_is_local_time_of_the_timezone(
    sender: Any, mailbox: Any, local: str, shown_as: str
) -> None:
    list_id = await list_of(sender, "kim@example.com")
    body = {**NEWSLETTER, "toLists": [list_id], "timezone": "Europe/Berlin", "scheduledAt": local, "publish": True}
    data = (await sender.post("/campaigns", body))["data"]
    assert (data["status"], data["scheduledAt"]) == ("scheduled", shown_as)
    native = await sender.desk.get(f"/campaigns/{await native_id(sender)}")
    assert native["starts_at"] == shown_as.replace(".000Z", "Z")


async def test_a_local_time_moves_with_its_timezone(sender: Any, mailbox: Any) -> None:
    list_id = await list_of(sender, "kim@example.com")
    given = {"timezone": "Europe/Berlin", "scheduledAt": "2026-07-01T10:00:00"}
    place = f"/campaigns/{(await sender.post('/campaigns', {**NEWSLETTER, **given}))['data']['id']}"
    changed = (await sender.ask("PATCH", place, {"timezone": "America/New_York"}))["data"]
    assert changed["scheduledAt"] == "2026-07-01T14:00:00.000Z"
    changed = (await sender.ask("PATCH", place, {"toLists": [list_id], "publish": True}))["data"]
    assert (changed["status"], changed["scheduledAt"]) == ("scheduled", "2026-07-01T14:00:00.000Z")
    changed = (await sender.ask("PATCH", place, {"timezone": "Europe/Berlin"}))["data"]
    assert changed["scheduledAt"] == "2026-07-01T08:00:00.000Z"
    assert (await sender.desk.get(f"/campaigns/{await native_id(sender)}"))["starts_at"] == "2026-07-01T08:00:00Z"


async def test_a_time_without_an_offset_and_without_a_timezone_is_refused(sender: Any, mailbox: Any) -> None:
    error = await sender.refused("POST", "/campaigns", {**NEWSLETTER, "scheduledAt": "2026-07-01T10:00:00"})
    assert [one["field"] for one in error["details"]] == ["scheduledAt"]
    wrong = {"scheduledAt": "2026-07-01T10:00:00", "timezone": "Mars/Olympus"}
    assert (await sender.refused("POST", "/campaigns", {**NEWSLETTER, **wrong}))["code"] == "VALIDATION_FAILED"


async def test_a_start_that_is_moved_into_the_past_stays_where_it_was(sender: Any, mailbox: Any) -> None:
    list_id = await list_of(sender, "kim@example.com")
    body = {**NEWSLETTER, "toLists": [list_id], "scheduledAt": "2026-07-01T10:00:00Z", "publish": True}
    place = f"/campaigns/{(await sender.post('/campaigns', body))['data']['id']}"
    await sender.refused("PATCH", place, {"scheduledAt": "2026-01-01T00:00:00Z"})
    await timers.tick(sender.desk.api.database, sender.desk.api.clock())
    found = (await sender.get(place))["data"]
    assert (found["status"], found["scheduledAt"]) == ("scheduled", "2026-07-01T10:00:00.000Z")


async def test_what_is_sent_now_shows_no_planned_time(sender: Any, mailbox: Any) -> None:
    list_id = await list_of(sender, "kim@example.com")
    body = {**NEWSLETTER, "toLists": [list_id], "scheduledAt": "2026-07-01T10:00:00Z", "publish": True}
    place = f"/campaigns/{(await sender.post('/campaigns', body))['data']['id']}"
    data = (await sender.ask("PATCH", place, {"sendNow": True}))["data"]
    assert (data["status"], data["scheduledAt"], data["sendMode"]) == ("sending", None, "immediate")
    assert (await sender.get(place))["data"]["scheduledAt"] is None


async def test_a_new_time_takes_the_place_of_send_now(sender: Any, mailbox: Any) -> None:
    list_id = await list_of(sender, "kim@example.com")
    body = {**NEWSLETTER, "toLists": [list_id], "sendNow": True}
    place = f"/campaigns/{(await sender.post('/campaigns', body))['data']['id']}"
    data = (await sender.ask("PATCH", place, {"scheduledAt": "2026-07-01T10:00:00Z", "publish": True}))["data"]
    assert (data["status"], data["scheduledAt"], data["sendNow"]) == ("scheduled", "2026-07-01T10:00:00.000Z", False)


async def test_a_longer_page_of_campaigns_asks_the_database_no_more_often(
    sender: Any, mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        plain = getattr(asyncpg.Connection, name)

        async def counted(self: Any, query: str, *given: Any, plain: Any = plain, **more: Any) -> Any:
            asked.append(query)
            return await plain(self, query, *given, **more)

        monkeypatch.setattr(asyncpg.Connection, name, counted)
    criteria = {"groups": [{"field": "email", "fieldType": "string", "operator": "contains", "value": "@"}]}
    numbers = []
    for wanted in (1, 4):
        for one in range(wanted):
            list_id = await list_of(sender, "kim@example.com", name=f"list {wanted}.{one}")
            segment = {"name": f"segment {wanted}.{one}", "type": "segment", "filterCriteria": criteria}
            segment_id = (await sender.post("/contact-lists", segment))["data"]["id"]
            given = {"toLists": [list_id, "GLOBAL_CONTACT_LIST"], "excludeLists": [segment_id]}
            await sender.post("/campaigns", {**NEWSLETTER, **given})
        await sender.get("/campaigns")
        asked.clear()
        page = (await sender.get("/campaigns"))["data"]["campaigns"]
        assert {one["contactCount"] for shown in page for one in shown["toLists"] + shown["excludeLists"]} == {1}
        numbers.append((len(page), len(asked)))
    assert numbers[0][1] == numbers[1][1], numbers
    assert [number for number, _ in numbers] == [1, 5]


async def test_a_big_audience_is_enrolled_in_few_statements(
    sender: Any, mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences, "CHUNK", 3)
    list_id = await list_of(sender, *(f"r{one}@example.com" for one in range(8)))
    without = await list_of(sender, "r1@example.com", name="without")
    await sender.post("/suppression-groups/emails/suppress", {"emails": ["r2@example.com"]})
    body = {**NEWSLETTER, "toLists": [list_id], "excludeLists": [without], "publish": True}
    data = (await sender.post("/campaigns", body))["data"]
    assert (data["status"], data["metrics"]["totalContacts"], data["metrics"]["suppressed"]) == ("sending", 7, 1)
    told = (await sender.desk.get("/events", params={"limit": 100}))["items"]
    came = [one["data"] for one in told if one["kind"] == "campaign.leads_enrolled"]
    assert sum(one["enrolled"] for one in came) == 6
    assert {one["source"] for one in came} == {"audience"}
    assert not any(one["kind"] == "enrollment.created" for one in told)


async def test_a_campaign_that_is_asked_for_twice_with_one_idempotency_key_is_made_once(
    sender: Any, mailbox: Any
) -> None:
    headers = {"Idempotency-Key": "spring"}
    first = await sender.post("/campaigns", NEWSLETTER, 201, headers=headers)
    assert await sender.post("/campaigns", NEWSLETTER, 201, headers=headers) == first
    assert len((await sender.get("/campaigns"))["data"]["campaigns"]) == 1


async def test_contacts_that_are_suppressed_when_it_is_published_are_counted(sender: Any, mailbox: Any) -> None:
    list_id = await list_of(sender, "kim@example.com", "lee@example.com", "ann@example.com")
    await sender.post("/suppression-groups/emails/suppress", {"emails": ["lee@example.com"]})
    data = (await sender.post("/campaigns", {**NEWSLETTER, "toLists": [list_id], "publish": True}))["data"]
    numbers = {name: data["metrics"][name] for name in ("totalContacts", "suppressed", "processedCount")}
    assert numbers == {"totalContacts": 3, "suppressed": 1, "processedCount": 1}
    status = await sender.desk.get(f"/campaigns/{await native_id(sender)}/status")
    assert (status["turned_away"], status["counts"]["enrolled"]) == (1, 2)


async def test_a_change_of_something_else_leaves_the_start_that_another_door_has_set(sender: Any, mailbox: Any) -> None:
    made = (await sender.post("/campaigns", NEWSLETTER))["data"]
    place = f"/campaigns/{await native_id(sender)}"
    native = await sender.desk.api.client.get(f"/api/v1{place}")
    definition = {**native.json()["definition"], "starts_at": "2026-07-01T08:00:00Z"}
    await sender.desk.ask("PUT", place, definition, headers={"If-Match": native.headers["ETag"]})
    await sender.ask("PATCH", f"/campaigns/{made['id']}", {"subject": "Other news"})
    assert (await sender.desk.get(place))["starts_at"] == "2026-07-01T08:00:00Z"
    await sender.ask("PATCH", f"/campaigns/{made['id']}", {"scheduledAt": None})
    assert (await sender.desk.get(place))["starts_at"] is None


async def test_changes_of_a_campaign_at_the_same_moment_do_not_undo_each_other(sender: Any, mailbox: Any) -> None:
    path = f"/campaigns/{(await sender.post('/campaigns', NEWSLETTER))['data']['id']}"
    changes = {"name": "N", "subject": "S", "previewText": "P", "replyTo": "r@sender.test", "trackingOpen": True}
    await asyncio.gather(*(sender.ask("PATCH", path, {name: value}) for name, value in changes.items()))
    found = (await sender.get(path))["data"]
    assert {name: found[name] for name in changes} == changes


async def test_what_is_to_be_scheduled_is_not_sent_at_once_for_want_of_a_time(sender: Any, mailbox: Any) -> None:
    body = {**NEWSLETTER, "sendMode": "scheduled", "publish": True, "sendToGlobalList": True}
    error = await sender.refused("POST", "/campaigns", body)
    assert [one["field"] for one in error["details"]] == ["scheduledAt"]
    assert (await sender.get("/campaigns"))["data"]["campaigns"] == []
