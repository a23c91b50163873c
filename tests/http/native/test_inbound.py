from typing import Any

import pytest

INBOUND = "/api/v1/inbound"


async def written_to(desk: Any, *addresses: str, **more: Any) -> tuple[str, list[str]]:
    """A campaign whose first step went to these: its id, and the enrollments' ids."""
    campaign_id, enrolled = await desk.running(*addresses, **more)
    assert await desk.send(campaign_id) == len(addresses)
    return campaign_id, enrolled


def message_id(enrollment_id: str, step: int = 1) -> str:
    return f"<{enrollment_id.removeprefix('enr_')}.{step}@sender.test>"


async def test_a_reported_reply_stops_its_lead_and_can_be_read_again(desk: Any) -> None:
    campaign_id, [one, other] = await written_to(desk, "kim@example.com", "ben@example.com")
    body = {
        "kind": "reply",
        "from_address": "Kim <kim@example.com>",
        "message_id": "<r1@example.com>",
        "in_reply_to": message_id(one),
        "references": ["<x@example.com>"],
        "subject": "Re: Hello",
        "text": "Yes",
        "html": "<p>Yes</p>",
        "received_at": "2026-03-02T10:30:00+02:00",
        "classification": "interested",
        "extra": {"crm": {"id": 7}},
    }
    done = await desk.post("/inbound", body, 201)
    assert done.pop("stopped") == 1
    assert {name: done[name] for name in body if name not in ("references", "received_at")} == {
        name: value for name, value in body.items() if name not in ("references", "received_at")
    }
    assert (done["received_at"], done["created_at"]) == ("2026-03-02T08:30:00Z", "2026-03-02T09:00:00Z")
    assert (done["campaign_id"], done["enrollment_id"], done["step"]) == (campaign_id, one, 1)
    assert (done["address"], done["is_read"], done["assigned_to"]) == ("kim@example.com", False, None)
    assert await desk.get(f"/inbound/{done['id']}") == done
    states = [(await desk.get(f"/enrollments/{each}"))["state"] for each in (one, other)]
    assert states == ["stopped", "waiting"]
    why = await desk.get(f"/enrollments/{one}/why")
    assert "replied" in str(why)

    again = await desk.post("/inbound", body, 200)
    assert (again["id"], again["stopped"]) == (done["id"], 0)


async def test_a_bounce_needs_its_type_and_suppresses_whom_it_is_about(desk: Any) -> None:
    await written_to(desk, "kim@example.com")
    bounce = {"kind": "bounce", "address": "kim@example.com", "from_address": "mailer-daemon@example.com"}
    refused = await desk.post("/inbound", bounce, 422)
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("bounce_type_missing", "/bounce_type")
    assert (await desk.post("/inbound", {**bounce, "bounce_type": "hard"}, 201))["stopped"] == 1
    assert [one["cause"] for one in await desk.every("/suppressions")] == ["bounced"]


async def test_the_inbox_comes_in_pages_and_by_what_one_looks_for(desk: Any) -> None:
    campaign_id, [one, two] = await written_to(desk, "kim@example.com", "ben@example.com", stop_on_reply=False)
    lead_id = (await desk.get(f"/enrollments/{one}"))["lead_id"]
    mailbox_id = (await desk.every("/mailboxes"))[0]["id"]
    for enrollment_id in (one, two):
        await desk.post("/inbound", {"kind": "reply", "in_reply_to": message_id(enrollment_id), "html": "<p>"}, 201)
    await desk.post("/inbound", {"kind": "auto_reply", "from_address": "who@example.com", "text": "On LEAVE"}, 201)
    found = await desk.every("/inbound")
    assert [each["kind"] for each in found] == ["auto_reply", "reply", "reply"]
    assert {each["html"] for each in found} == {None}
    for query, number in (
        ({"campaign_id": campaign_id}, 2),
        ({"lead_id": lead_id}, 1),
        ({"mailbox_id": mailbox_id}, 2),
        ({"kind": "auto_reply"}, 1),
        ({"classification": "interested"}, 0),
        ({"is_read": "false"}, 3),
        ({"is_read": "true"}, 0),
        ({"search": "leave"}, 1),
        ({"campaign_id": campaign_id, "kind": "auto_reply"}, 0),
    ):
        assert len(await desk.every("/inbound", **query)) == number, query


async def test_people_sort_it_and_what_is_left_out_stays(desk: Any) -> None:
    path = f"/inbound/{(await desk.post('/inbound', {'kind': 'reply', 'from_address': 'kim@example.com'}))['id']}"
    done = await desk.ask("PATCH", path, {"classification": "maybe_later", "is_read": True})
    assert (done["classification"], done["is_read"]) == ("maybe_later", True)
    done = await desk.ask("PATCH", path, {"assigned_to": "Sam", "note": "Call her", "extra": {"crm": {"a": 1}}})
    assert (done["assigned_to"], done["assigned_at"], done["note"]) == ("Sam", "2026-03-02T09:00:00Z", "Call her")
    done = await desk.ask("PATCH", path, {"extra": {"crm": {"b": 2}}})
    assert (done["classification"], done["is_read"], done["note"]) == ("maybe_later", True, "Call her")
    assert done["extra"] == {"crm": {"a": 1, "b": 2}}
    done = await desk.ask("PATCH", path, {"classification": None, "assigned_to": None, "note": None, "is_read": None})
    assert (done["classification"], done["assigned_to"], done["assigned_at"], done["note"]) == (None, None, None, None)
    assert done["is_read"] is True
    assert await desk.get(path) == done


async def test_the_counts_of_a_campaign_are_of_leads_in_all_and_by_step(desk: Any) -> None:
    campaign_id, [one] = await written_to(desk, "kim@example.com")
    for _ in range(2):
        await desk.post("/inbound", {"kind": "reply", "in_reply_to": message_id(one), "classification": "interested"})
    counts = await desk.get(f"/campaigns/{campaign_id}/inbound-counts")
    assert (counts["total"]["replied"], counts["total"]["interested"], counts["total"]["bounced"]) == (1, 1, 0)
    assert list(counts["by_step"]) == ["1"]
    assert counts["by_step"]["1"] == counts["total"]


async def test_what_came_back_to_another_workspace_is_not_there(desk: Any, stranger: Any) -> None:
    campaign_id, [one] = await written_to(stranger, "kim@example.com")
    theirs = await stranger.post("/inbound", {"kind": "reply", "in_reply_to": message_id(one)}, 201)
    assert await desk.every("/inbound") == []
    assert await desk.every("/inbound", campaign_id=campaign_id) == []
    for method, path in (("GET", ""), ("PATCH", "")):
        answer = await desk.ask(method, f"/inbound/{theirs['id']}{path}", {} if method == "PATCH" else None, 404)
        assert answer["code"] == "inbound_not_found"
    assert (await desk.get(f"/campaigns/{campaign_id}/inbound-counts", 404))["code"] == "campaign_not_found"
    body = {"kind": "reply", "campaign_id": campaign_id}
    assert (await desk.post("/inbound", body, 404))["code"] == "campaign_not_found"
    mailbox_id = (await stranger.every("/mailboxes"))[0]["id"]
    body = {"kind": "reply", "mailbox_id": mailbox_id}
    assert (await desk.post("/inbound", body, 404))["code"] == "mailbox_not_found"


async def test_reading_and_reporting_need_a_scope_each(desk: Any) -> None:
    reading, writing = await desk.api.bearing("inbound:read"), await desk.api.bearing("inbound:write")
    made = await desk.post("/inbound", {"kind": "reply"}, 201, headers=writing)
    assert (await desk.post("/inbound", {"kind": "reply"}, 403, headers=reading))["code"] == "scope_missing"
    assert (await desk.get("/inbound", 403, headers=writing))["code"] == "scope_missing"
    assert (await desk.get(f"/inbound/{made['id']}", 403, headers=writing))["code"] == "scope_missing"
    assert (await desk.ask("PATCH", f"/inbound/{made['id']}", {}, 403, headers=reading))["code"] == "scope_missing"
    assert len((await desk.get("/inbound", headers=reading))["items"]) == 1


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing_field", "/kind"),
        ({"kind": "letter"}, "unknown_value", "/kind"),
        ({"kind": 5}, "unknown_value", "/kind"),
        ({"kind": "reply", "bounce_type": "hard"}, "bounce_type_unfit", "/bounce_type"),
        ({"kind": "bounce", "bounce_type": "rubber"}, "unknown_value", "/bounce_type"),
        ({"kind": "reply", "classification": "angry"}, "unknown_value", "/classification"),
        ({"kind": "reply", "address": "nobody"}, "address_syntax", "/address"),
        ({"kind": "reply", "address": "x" * 1_001}, "too_long", "/address"),
        ({"kind": "reply", "campaign_id": 12}, "invalid_id", "/campaign_id"),
        ({"kind": "reply", "mailbox_id": "cmp_12"}, "invalid_id", "/mailbox_id"),
        ({"kind": "reply", "references": "<a@x>"}, "wrong_type", "/references"),
        ({"kind": "reply", "references": [None]}, "wrong_type", "/references/0"),
        ({"kind": "reply", "received_at": "yesterday"}, "invalid_time", "/received_at"),
        ({"kind": "reply", "text": "a\0b"}, "control_character", "/text"),
        ({"kind": "reply", "extra": {"a": "x" * 100_000}}, "too_long", "/extra"),
        ({"kind": "reply", "colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_wrong_field_of_a_report_is_refused_with_its_place(served: Any, body: Any, code: str, pointer: str) -> None:
    answer = served.client.post(INBOUND, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_strange_texts_are_taken_in_and_cut(served: Any) -> None:
    body = {
        "kind": "reply",
        "from_address": "\u202e<" * 5_000,
        "subject": "a\r\nBcc: all\u2028\U0001f600" * 100,
        "text": "é" * 100_000,
        "in_reply_to": "<" * 10_000,
        "references": ["\r\n"] * 10_000,
    }
    answer = served.client.post(INBOUND, json=body)
    assert answer.status_code == 201, answer.text
    assert (len(answer.json()["text"]), answer.json()["in_reply_to"]) == (64_000, None)
    assert "\n" not in answer.json()["subject"]


def test_wrong_ids_filters_and_changes_are_refused(served: Any) -> None:
    for query in ("kind=letter", "classification=x", "is_read=perhaps", "search=", f"search={'x' * 201}", "cursor=x"):
        assert served.client.get(f"{INBOUND}?{query}").status_code == 422, query
    for query in ("campaign_id=x", "lead_id=cmp_1", "mailbox_id=mbx_0"):
        assert served.client.get(f"{INBOUND}?{query}").status_code == 404, query
    for wrong in ("inb_0", "inb_999999999999999999", "11", "inb_99999999999999999999"):
        assert served.client.get(f"{INBOUND}/{wrong}").json()["code"] == "inbound_not_found"
    for change in ({"assigned_to": ""}, {"assigned_to": "a\nb"}, {"is_read": "yes"}, {"kind": "reply"}):
        assert served.client.patch(f"{INBOUND}/inb_1", json=change).status_code == 422, change


async def test_a_report_with_the_same_idempotency_key_is_done_once(desk: Any) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await desk.post("/inbound", {"kind": "reply"}, 201, headers=headers)
    assert (await desk.post("/inbound", {"kind": "reply"}, 201, headers=headers))["id"] == first["id"]
    assert len(await desk.every("/inbound")) == 1


async def test_what_came_back_is_answered_in_its_thread(desk: Any) -> None:
    campaign_id, [one] = await written_to(desk, "kim@example.com")
    row = await desk.post(
        "/inbound", {"kind": "reply", "from_address": "kim@example.com", "message_id": "<k@x.example>"}
    )
    done = await desk.post(f"/inbound/{row['id']}/answer", {"text": "Gladly."}, status=202)
    assert done["enrollment_id"] != one
    assert await desk.send(done["campaign_id"]) == 1
    [message] = await desk.get(f"/enrollments/{done['enrollment_id']}/messages")
    assert (message["state"], message["recipient"]) == ("sent", "kim@example.com")
    assert (await desk.post(f"/inbound/{row['id']}/answer", {}, status=422))["code"] == "answer_empty"


async def test_an_answer_needs_all_that_a_mailing_and_what_came_back_need(desk: Any) -> None:
    # It may quote what came back, to any address.
    scopes = ["campaigns:write", "campaigns:send", "leads:write", "inbound:read", "inbound:write"]
    await written_to(desk, "kim@example.com")
    row = await desk.post("/inbound", {"kind": "reply", "from_address": "kim@example.com", "text": "A secret."})
    body, path = {"text": "So", "to": "eve@example.com", "quote": True}, f"/api/v1/inbound/{row['id']}/answer"

    async def answered(held: list[str]) -> int:
        key = (await desk.api.mint(*held)).text
        answer = await desk.api.client.post(path, json=body, headers={"Authorization": f"Bearer {key}"})
        return int(answer.status_code)

    for missing in scopes:
        assert await answered([one for one in scopes if one != missing]) == 403, missing
    assert await answered(scopes) == 202
