"""Campaigns, their steps and contacts, as the vendor's pages have them."""

from typing import Any

import pytest
from leadlex_client import Lexi, native, outer

from caesura.domain.templates import compile_template
from caesura.http.leadlex import campaign_views

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def rendered(source: str, fields: dict[str, Any]) -> str:
    return compile_template(source, "", autoescape=False).render(fields)


async def audience(lexi: Lexi, *addresses: str) -> str:
    """A list with these leads on it; its id here."""
    made = await lexi.desk.post("/lists", {"name": f"list {'-'.join(addresses)}"})
    ids = [(await lexi.desk.lead(address, first_name="Ada", company="Acme"))["id"] for address in addresses]
    if ids:
        await lexi.desk.post(f"/lists/{made['id']}/members", {"lead_ids": ids})
    return outer(made["id"], "list")


async def draft(lexi: Lexi, *addresses: str, **more: Any) -> str:
    await lexi.desk.pool()
    list_id = await audience(lexi, *(addresses or ("a@example.com", "b@example.com")))
    body = {"name": "Q2 Outreach", "list_id": list_id, "template": "Hi {{name}} of {{company}}", **more}
    return str((await lexi.post("/campaigns", body))["id"])


async def test_create_answers_a_flat_draft_as_the_example_does(lexi: Lexi) -> None:
    list_id = await audience(lexi, "a@example.com")
    body = {"name": "Q2 Outreach", "list_id": list_id, "template": "Hi {{name}}"}
    answer = await lexi.raw("POST", "/campaigns", body)
    made = answer.json()["data"]
    assert answer.status_code == 201
    assert (made["name"], made["status"], made["list_id"]) == ("Q2 Outreach", "draft", list_id)
    assert made["created_at"] == "2026-03-02T09:00:00Z"


async def test_create_enrols_everybody_on_the_list(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    shown = await lexi.get(f"/campaigns/{campaign}/contacts")
    assert [one["email"] for one in shown["contacts"]] == ["b@example.com", "a@example.com"]
    assert shown["contacts"][0]["source"].startswith("list:")


@pytest.mark.parametrize("lacking", ["name", "list_id", "template"])
async def test_create_without_a_field_is_400_validation_error(lexi: Lexi, lacking: str) -> None:
    body = {"name": "Q2", "list_id": await audience(lexi, "a@example.com"), "template": "Hi"}
    del body[lacking]
    error = await lexi.post("/campaigns", body, status=400)
    assert error["code"] == "validation_error" and list(error["details"]["fields"]) == [lacking]


@pytest.mark.parametrize("list_id", [UNKNOWN, "lst_1", 5, outer("lst_99999", "list")])
async def test_create_with_an_invalid_list_id_is_400_validation_error(lexi: Lexi, list_id: object) -> None:
    body = {"name": "Q2", "list_id": list_id, "template": "Hi"}
    assert await lexi.code("POST", "/campaigns", body) == (400, "validation_error")


async def test_the_template_is_the_first_step_and_its_variables_are_filled(lexi: Lexi) -> None:
    campaign = await draft(lexi, template="Subject: About {{company}}\n\nHi {{name}}, {{title}} {100%}")
    [step] = (await lexi.get(f"/campaigns/{campaign}/steps"))["steps"]
    assert (step["subject"], step["body"]) == ("About {{company}}", "Hi {{name}}, {{title}} {100%}")
    ours = (await lexi.desk.get(f"/campaigns/{native(campaign)}"))["definition"]["steps"][0]["variants"][0]
    fields = {"first_name": "Ada", "company": "Acme", "email": "a@example.com"}
    assert rendered(ours["subject"], fields) == "About Acme"
    assert rendered(ours["text"], fields) == "Hi Ada,  {100%}", "who has no title gets nothing in its place"


LINK = '<p><a href="https://a.test/u">Unsubscribe</a></p>'


@pytest.mark.parametrize(
    ("body", "mail"),
    [
        ("Hi", "Hi\n\nUnsubscribe: https://a.test/u"),
        ("<p>Hi</p>", f"<p>Hi</p>{LINK}"),
        ("<html><body>Hi</BODY ></html>", f"<html><body>Hi{LINK}</BODY ></html>"),
        ("<p>Hi</p><!-- no end", "<p>Hi</p><!-- no end"),
        ("<p>Hi</p><a href=", "<p>Hi</p><a href="),
    ],
)
async def test_mails_have_an_unsubscribe_footer_unless_it_is_switched_off(lexi: Lexi, body: str, mail: str) -> None:
    campaign = await draft(lexi, template=body)
    await lexi.post(f"/campaigns/{campaign}/steps", {"subject": "Again", "body": body})

    async def mails() -> list[str]:
        steps = (await lexi.desk.get(f"/campaigns/{native(campaign)}"))["definition"]["steps"]
        fields = {"unsubscribe_url": "https://a.test/u"}
        return [rendered(one.get("html") or one["text"], fields) for step in steps for one in step["variants"]]

    assert await mails() == [mail, mail]
    for shows, wanted in ((False, body), (True, mail)):
        await lexi.patch(f"/campaigns/{campaign}", {"show_unsubscribe": shows})
        assert await mails() == [wanted, wanted]
        shown = (await lexi.get(f"/campaigns/{campaign}/steps"))["steps"]
        assert [(step["body"], "has_footer" in step) for step in shown] == [(body, False)] * 2


async def test_a_step_that_was_changed_elsewhere_gets_no_footer(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    steps = (await lexi.desk.get(f"/campaigns/{native(campaign)}"))["definition"]["steps"]
    steps[0]["variants"][0]["text"] = "Ours"
    await lexi.desk.ask("PUT", f"/campaigns/{native(campaign)}/steps", steps)
    await lexi.patch(f"/campaigns/{campaign}", {"show_unsubscribe": False})
    await lexi.patch(f"/campaigns/{campaign}", {"show_unsubscribe": True})
    [step] = (await lexi.get(f"/campaigns/{campaign}/steps"))["steps"]
    assert step["body"] == "Ours"


async def test_get_shows_the_documented_settings_steps_and_contacts(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    shown = (await lexi.get(f"/campaigns/{campaign}"))["campaign"]
    expected = {
        "id": campaign,
        "name": "Q2 Outreach",
        "description": None,
        "status": "draft",
        "daily_send_limit": 500,
        "delay_between_emails": 0,
        "sending_timezone": "UTC",
        "send_on_weekends": True,
        "track_opens": False,
        "track_clicks": False,
        "show_unsubscribe": True,
    }
    assert {name: shown[name] for name in expected} == expected
    assert len(shown["steps"]) == 1 and len(shown["contacts"]) == 2


async def test_patch_changes_each_setting_and_answers_the_campaign(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    body = {
        "name": "Q3",
        "description": "for the summer",
        "daily_send_limit": 40,
        "delay_between_emails": 45,
        "sending_timezone": "Europe/Berlin",
        "send_on_weekends": False,
        "track_opens": True,
        "track_clicks": True,
        "show_unsubscribe": False,
        "colour": "red",
    }
    changed = (await lexi.patch(f"/campaigns/{campaign}", body))["campaign"]
    assert {name: changed[name] for name in body} == body
    assert (await lexi.get(f"/campaigns/{campaign}"))["campaign"]["colour"] == "red"
    ours = (await lexi.desk.get(f"/campaigns/{native(campaign)}"))["definition"]
    assert (ours["limits"]["daily_total"], ours["limits"]["gap_seconds"]) == (40, 45)
    assert ours["zone"] == "Europe/Berlin"
    assert ours["windows"][0]["days"] == ["mon", "tue", "wed", "thu", "fri"]


async def test_patch_works_while_active_and_cannot_change_status_or_list(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    await lexi.post(f"/campaigns/{campaign}/start")
    changed = await lexi.patch(f"/campaigns/{campaign}", {"name": "x", "status": "paused", "list_id": UNKNOWN})
    assert (changed["campaign"]["status"], changed["campaign"]["name"]) == ("active", "x")
    assert changed["campaign"]["list_id"] != UNKNOWN


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"daily_send_limit": 0}, "invalid_send_limit"),
        ({"daily_send_limit": 501}, "invalid_send_limit"),
        ({"daily_send_limit": "5"}, "invalid_send_limit"),
        ({"sending_timezone": "Mars/Base"}, "invalid_timezone"),
        ({"sending_timezone": 5}, "invalid_timezone"),
        ({"delay_between_emails": 29}, "validation_error"),
        ({"send_on_weekends": "no"}, "validation_error"),
        ({"name": " "}, "validation_error"),
        ([], "validation_error"),
    ],
)
async def test_patch_refuses_what_cannot_be_set(lexi: Lexi, body: object, code: str) -> None:
    campaign = await draft(lexi)
    before = await lexi.get(f"/campaigns/{campaign}")
    assert await lexi.code("PATCH", f"/campaigns/{campaign}", body) == (400, code)
    assert await lexi.get(f"/campaigns/{campaign}") == before


def test_weekends_close_and_open_and_leave_the_hours() -> None:
    office = {"days": ["mon", "fri", "sat"], "start": "09:00", "end": "17:00"}
    sunday = {"days": ["sun"], "start": "10:00", "end": "11:00"}
    content: dict[str, Any] = {"windows": [dict(office), dict(sunday)]}
    campaign_views.set_weekends(content, False)
    assert content["windows"] == [{**office, "days": ["mon", "fri"]}]
    campaign_views.set_weekends(content, True)
    assert content["windows"] == [{**office, "days": ["mon", "fri", "sat", "sun"]}]
    always: dict[str, Any] = {"windows": []}
    campaign_views.set_weekends(always, False)
    campaign_views.set_weekends(always, True)
    assert always == {"windows": []}


def test_weekends_close_for_steps_with_windows_of_their_own_too() -> None:
    own = {"days": ["fri", "sun"], "start": "09:00", "end": "17:00"}
    content: dict[str, Any] = {"windows": [], "steps": [{"windows": []}, {"windows": [dict(own)]}]}
    campaign_views.set_weekends(content, False)
    assert [step["windows"] for step in content["steps"]] == [[], [{**own, "days": ["fri"]}]]


async def test_campaigns_are_listed_by_page_and_status(lexi: Lexi) -> None:
    active, other = await lexi.running(), await draft(lexi, "c@example.com")
    answer = (await lexi.raw("GET", "/campaigns", params={"per_page": 1, "page": 2})).json()
    assert answer["meta"] == {"page": 2, "per_page": 1, "total": 2}
    assert [one["id"] for one in answer["data"]["campaigns"]] == [active]
    drafts = await lexi.get("/campaigns", params={"status": "draft"})
    assert [one["id"] for one in drafts["campaigns"]] == [other]
    assert await lexi.code("GET", "/campaigns?page=0") == (400, "validation_error")


async def test_a_key_for_single_campaigns_lists_these_only(lexi: Lexi) -> None:
    first, _ = await lexi.running(), await lexi.running("c@example.com")
    key = await lexi.key_with("*", campaign_ids=[int(native(first)[4:])])
    assert [one["id"] for one in (await lexi.get("/campaigns", key=key))["campaigns"]] == [first]


async def test_delete_takes_a_draft_away_with_its_contacts_or_without(lexi: Lexi) -> None:
    full = await draft(lexi)
    empty = outer((await lexi.desk.campaign())["id"])
    for campaign in (full, empty):
        assert await lexi.delete(f"/campaigns/{campaign}") == {"deleted": True, "id": campaign}
        assert await lexi.code("GET", f"/campaigns/{campaign}") == (404, "campaign_not_found")


async def test_delete_of_what_is_no_draft_is_409(lexi: Lexi) -> None:
    campaign = await lexi.running()
    assert await lexi.code("DELETE", f"/campaigns/{campaign}") == (409, "campaign_not_draft")
    await lexi.post(f"/campaigns/{campaign}/pause")
    assert await lexi.code("DELETE", f"/campaigns/{campaign}") == (409, "campaign_not_draft")


async def test_stats_count_and_the_rates_are_shares_of_sent(lexi: Lexi) -> None:
    campaign = await lexi.running("a@example.com", "b@example.com", "c@example.com")
    assert await lexi.desk.send(native(campaign)) == 3
    await lexi.desk.post("/inbound", {"kind": "reply", "address": "a@example.com"})
    stats = (await lexi.get(f"/campaigns/{campaign}/stats"))["stats"]
    assert stats == {
        "sent_count": 3,
        "opened_count": 0,
        "clicked_count": 0,
        "replied_count": 1,
        "bounced_count": 0,
        "unsubscribed_count": 0,
        "open_rate": 0.0,
        "click_rate": 0.0,
        "reply_rate": 0.333,
    }


async def test_stats_of_a_campaign_that_sent_nothing_divide_by_nothing(lexi: Lexi) -> None:
    stats = (await lexi.get(f"/campaigns/{await draft(lexi)}/stats"))["stats"]
    assert stats["reply_rate"] == 0.0


# Steps


async def test_a_step_is_appended_with_the_documented_defaults(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    made = (await lexi.post(f"/campaigns/{campaign}/steps", {"subject": "Again", "body": "Hi {{first_name}}"}))["step"]
    assert (made["index"], made["delay_days"], made["delay_hours"], made["send_condition"]) == (1, 0, 0, "always")
    assert (made["subject"], made["body"]) == ("Again", "Hi {{first_name}}")
    steps = (await lexi.get(f"/campaigns/{campaign}/steps"))["steps"]
    assert [one["index"] for one in steps] == [0, 1] and steps[1] == made


async def test_a_step_waits_days_and_hours_and_keeps_its_id_when_changed(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    place = f"/campaigns/{campaign}/steps"
    body = {"subject": "Again", "body": "<p>Hi</p>", "delay_days": 2, "delay_hours": 5, "colour": "red"}
    made = (await lexi.post(place, body))["step"]
    assert {name: made[name] for name in body} == body
    changed = (await lexi.patch(f"{place}/{made['id']}", {"delay_hours": 1}))["step"]
    assert changed == {**made, "delay_hours": 1}
    ours = (await lexi.desk.get(f"/campaigns/{native(campaign)}"))["definition"]["steps"][1]
    assert ours["delay"] == 2 * 86_400 + 3_600 and ours["variants"][0]["html"].startswith("<p>Hi</p>")


@pytest.mark.parametrize("name", ["subject", "body"])
async def test_a_change_leaves_no_step_without_words(lexi: Lexi, name: str) -> None:
    campaign = await draft(lexi)
    step = (await lexi.post(f"/campaigns/{campaign}/steps", {"subject": "2", "body": "2"}))["step"]
    place = f"/campaigns/{campaign}/steps/{step['id']}"
    assert await lexi.code("PATCH", place, {name: " "}) == (400, "missing_required_field")
    assert (await lexi.get(f"/campaigns/{campaign}/steps"))["steps"][-1] == step


async def test_a_step_that_was_changed_elsewhere_shows_what_is_sent(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    place = f"/campaigns/{native(campaign)}"
    ours = (await lexi.desk.get(place))["definition"]
    ours["steps"][0]["variants"][0]["text"] = "New {{ first_name }}"
    await lexi.desk.ask("PUT", place, ours)
    [step] = (await lexi.get(f"/campaigns/{campaign}/steps"))["steps"]
    assert step["body"] == "New {{ first_name }}"
    changed = (await lexi.patch(f"/campaigns/{campaign}/steps/{step['id']}", {"subject": "About {{company}}"}))["step"]
    assert (changed["subject"], changed["body"]) == ("About {{company}}", "New {{ first_name }}")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"subject": "x"}, "missing_required_field"),
        ({"body": "x"}, "missing_required_field"),
        ({"subject": "x", "body": "x", "send_condition": "never"}, "invalid_send_condition"),
        ({"subject": "x", "body": "x", "send_condition": []}, "invalid_send_condition"),
        ({"subject": "x", "body": "x", "delay_hours": 24}, "validation_error"),
        ({"subject": "x", "body": "x", "delay_days": -1}, "validation_error"),
    ],
)
async def test_a_step_that_cannot_be_is_refused(lexi: Lexi, body: Any, code: str) -> None:
    campaign = await draft(lexi)
    assert await lexi.code("POST", f"/campaigns/{campaign}/steps", body) == (400, code)


@pytest.mark.parametrize(
    ("condition", "sent"), [("always", 1), ("if_no_reply", 1), ("if_no_open", 1), ("if_opened", 0)]
)
async def test_a_step_is_sent_on_its_condition(lexi: Lexi, condition: str, sent: int) -> None:
    campaign = await draft(lexi, "a@example.com")
    body = {"subject": "Again", "body": "Hi", "delay_days": 1, "send_condition": condition}
    step = (await lexi.post(f"/campaigns/{campaign}/steps", body))["step"]
    assert step["send_condition"] == condition
    await lexi.post(f"/campaigns/{campaign}/start")
    assert await lexi.desk.send(native(campaign)) == 1
    lexi.desk.api.clock.advance(86_401)
    assert await lexi.desk.send(native(campaign)) == sent


async def test_a_deleted_step_makes_those_behind_it_move_up(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    place = f"/campaigns/{campaign}/steps"
    second = (await lexi.post(place, {"subject": "2", "body": "2"}))["step"]["id"]
    third = (await lexi.post(place, {"subject": "3", "body": "3"}))["step"]["id"]
    assert await lexi.delete(f"{place}/{second}") == {"deleted": True, "id": second}
    steps = (await lexi.get(place))["steps"]
    assert [(one["id"], one["index"]) for one in steps][1:] == [(third, 1)]
    for method in ("PATCH", "DELETE"):
        assert await lexi.code(method, f"{place}/{second}", {}) == (404, "step_not_found")


async def test_a_step_that_contacts_have_had_stays(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    await lexi.post(f"/campaigns/{campaign}/start")
    await lexi.desk.send(native(campaign))
    [step] = (await lexi.get(f"/campaigns/{campaign}/steps"))["steps"]
    assert await lexi.code("DELETE", f"/campaigns/{campaign}/steps/{step['id']}") == (409, "step_in_use")


# Contacts of a campaign


async def test_contacts_are_added_once_and_the_source_is_kept(lexi: Lexi) -> None:
    campaign = await draft(lexi, "a@example.com")
    new = outer((await lexi.desk.lead("new@example.com"))["id"], "contact")
    known = (await lexi.get(f"/campaigns/{campaign}/contacts"))["contacts"][0]["contact_id"]
    body = {"contact_ids": [new, known, new, UNKNOWN], "source": "list:cold-outreach-q2"}
    done = await lexi.post(f"/campaigns/{campaign}/contacts", body)
    assert done == {"added": 1, "skipped": 3, "contact_ids": [new]}
    first = (await lexi.get(f"/campaigns/{campaign}/contacts"))["contacts"][0]
    assert (first["contact_id"], first["source"], first["status"]) == (new, "list:cold-outreach-q2", "pending")
    assert (first["current_step"], first["last_sent_at"]) == (0, None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_required_field"),
        ({"contact_ids": []}, "missing_required_field"),
        ({"contact_ids": [UNKNOWN] * 501}, "too_many_contacts"),
        ({"contact_ids": "x"}, "validation_error"),
    ],
)
async def test_contacts_that_cannot_be_added_are_refused(lexi: Lexi, body: Any, code: str) -> None:
    campaign = await draft(lexi)
    assert await lexi.code("POST", f"/campaigns/{campaign}/contacts", body) == (400, code)


async def test_each_status_of_a_contact_is_shown_and_asked_for(lexi: Lexi) -> None:
    campaign = await draft(lexi, *(f"{name}@example.com" for name in "abcdef"))
    await lexi.post(f"/campaigns/{campaign}/steps", {"subject": "2", "body": "2", "delay_days": 1})
    await lexi.post(f"/campaigns/{campaign}/start")
    assert await lexi.desk.send(native(campaign)) == 6
    rows = {one["address"][0]: one["id"] for one in await lexi.desk.every(f"/campaigns/{native(campaign)}/enrollments")}
    await lexi.desk.post("/inbound", {"kind": "reply", "address": "a@example.com"})
    await lexi.desk.post("/inbound", {"kind": "bounce", "bounce_type": "hard", "address": "b@example.com"})
    await lexi.desk.post("/inbound", {"kind": "unsubscribe", "address": "c@example.com"})
    await lexi.desk.post(f"/enrollments/{rows['d']}/hold")
    await lexi.desk.post(f"/enrollments/{rows['e']}/stop")
    expected = {"replied": "a", "bounced": "b", "unsubscribed": "c", "paused": "d", "completed": "e", "active": "f"}
    for status, name in expected.items():
        answer = (await lexi.raw("GET", f"/campaigns/{campaign}/contacts", params={"status": status})).json()
        assert [(one["email"][0], one["status"]) for one in answer["data"]["contacts"]] == [(name, status)]
        assert answer["meta"]["total"] == 1
    active = (await lexi.get(f"/campaigns/{campaign}/contacts", params={"status": "active"}))["contacts"][0]
    assert (active["current_step"], active["last_sent_at"]) == (1, "2026-03-02T09:00:00Z")
    assert await lexi.code("GET", f"/campaigns/{campaign}/contacts?status=x") == (400, "validation_error")


async def test_a_removed_contact_gets_nothing_more_and_is_gone(lexi: Lexi) -> None:
    campaign = await draft(lexi, "a@example.com")
    await lexi.post(f"/campaigns/{campaign}/start")
    [contact] = (await lexi.get(f"/campaigns/{campaign}/contacts"))["contacts"]
    place = f"/campaigns/{campaign}/contacts/{contact['contact_id']}"
    answer = await lexi.delete(place)
    assert answer == {"removed": True, "campaign_id": campaign, "contact_id": contact["contact_id"]}
    assert await lexi.desk.send(native(campaign)) == 0
    assert (await lexi.get(f"/campaigns/{campaign}/contacts"))["contacts"] == []
    assert await lexi.code("DELETE", place) == (404, "enrollment_not_found")
    for text in (UNKNOWN, "x", outer("led_99999", "contact")):
        assert await lexi.code("DELETE", f"/campaigns/{campaign}/contacts/{text}") == (404, "enrollment_not_found")
    again = await lexi.post(f"/campaigns/{campaign}/contacts", {"contact_ids": [contact["contact_id"]]})
    assert again == {"added": 1, "skipped": 0, "contact_ids": [contact["contact_id"]]}
    [back] = (await lexi.get(f"/campaigns/{campaign}/contacts"))["contacts"]
    assert (back["status"], back["current_step"]) == ("pending", 0)
    assert await lexi.desk.send(native(campaign)) == 1


# Start


async def test_start_makes_a_draft_active_without_a_task(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    assert await lexi.post(f"/campaigns/{campaign}/start") == {
        "campaign_id": campaign,
        "status": "active",
        "task_id": None,
    }
    assert await lexi.desk.send(native(campaign)) == 2


async def test_start_takes_in_who_joined_the_list_meanwhile(lexi: Lexi) -> None:
    campaign = await draft(lexi, "a@example.com")
    late = await lexi.desk.lead("late@example.com")
    [made] = await lexi.desk.every("/lists")
    await lexi.desk.post(f"/lists/{made['id']}/members", {"lead_ids": [late["id"]]})
    await lexi.post(f"/campaigns/{campaign}/start")
    assert await lexi.desk.send(native(campaign)) == 2


async def test_start_of_one_that_is_running_or_empty_is_400_validation_error(lexi: Lexi) -> None:
    campaign = await lexi.running()
    assert await lexi.code("POST", f"/campaigns/{campaign}/start") == (400, "validation_error")
    empty = outer((await lexi.desk.campaign())["id"])
    assert await lexi.code("POST", f"/campaigns/{empty}/start") == (400, "validation_error")


async def test_start_of_one_that_is_not_there_is_404_not_found(lexi: Lexi) -> None:
    for text in ("cmp_abc123", UNKNOWN, outer("cmp_99999")):
        assert await lexi.code("POST", f"/campaigns/{text}/start") == (404, "not_found")


async def test_start_with_more_recipients_than_allowed_waits_for_approval(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    await lexi.desk.ask("PATCH", "/workspace", {"approval_above": 1})
    done = await lexi.post(f"/campaigns/{campaign}/start")
    assert done["status"] == "pending_approval" and done["task_id"]
    assert await lexi.post(f"/campaigns/{campaign}/start") == done
    assert (await lexi.get(f"/campaigns/{campaign}"))["campaign"]["status"] == "pending_approval"
    assert await lexi.desk.send(native(campaign)) == 0


async def test_a_fault_is_named_as_the_vendor_names_its_field(lexi: Lexi) -> None:
    campaign = await draft(lexi)
    steps = f"/campaigns/{campaign}/steps"
    [step] = (await lexi.get(steps))["steps"]
    delayed = {"subject": "x", "body": "x", "delay_hours": 24}
    bad_tag = {"body": "<p {{company}}>"}
    for method, path, body, field, begins in (
        ("POST", steps, delayed, "delay_hours", "delay_hours must be"),
        ("PATCH", f"{steps}/{step['id']}", {"subject": "a\nb"}, "subject", ""),
        ("PATCH", f"{steps}/{step['id']}", bad_tag, "body", ""),
        ("POST", "/api-keys", {"name": "k", "permissions": ["fly"]}, "permissions", "Permissions has a word"),
    ):
        answer = await lexi.raw(method, path, body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "validation_error")
        assert list(error["details"]["fields"]) == [field]
        assert error["message"].startswith(begins)


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (None, "completed"),
        ({"kind": "auto_reply"}, "completed"),
        ({"kind": "reply"}, "replied"),
        ({"kind": "bounce", "bounce_type": "hard"}, "bounced"),
        ({"kind": "unsubscribe"}, "unsubscribed"),
    ],
)
async def test_what_comes_back_after_the_last_step_is_the_status_of_the_contact(
    lexi: Lexi, report: Any, status: str
) -> None:
    steps = [{"subject": "Hello", "text": "Hello"}]
    campaign_id, _ = await lexi.desk.running("a@example.com", steps=steps)
    assert await lexi.desk.send(campaign_id) == 1
    if report is not None:
        await lexi.desk.post("/inbound", {**report, "address": "a@example.com"})
    path = f"/campaigns/{outer(campaign_id, 'campaign')}/contacts"
    for wanted in ("", "completed", "replied", "bounced", "unsubscribed"):
        answer = (await lexi.raw("GET", f"{path}?status={wanted}")).json()
        shown = [one["status"] for one in answer["data"]["contacts"]]
        assert shown == ([status] if wanted in ("", status) else []) and answer["meta"]["total"] == len(shown)
