"""Contacts, their properties, lists, segments and groups."""

from typing import Any

import asyncpg
import pytest

KIM = {
    "email": "Kim@Example.com",
    "firstName": "Kim",
    "lastName": "Lee",
    "userId": "user 7",
    "customFields": {"plan": "pro", "signupDate": "2026-01-02", "seats": 3, "isVip": True},
}


async def test_a_contact_is_kept_and_returned(sender: Any) -> None:
    made = (await sender.post("/contacts", KIM, 201))["data"]
    assert made["email"] == "kim@example.com"
    for name in ("firstName", "lastName", "userId", "customFields"):
        assert made[name] == KIM[name]
    seen = (await sender.get(f"/contacts/{made['id']}"))["data"]
    assert seen == {name: value for name, value in made.items() if name != "listIds"}
    [lead] = (await sender.desk.get("/leads?address=kim@example.com"))["items"]
    assert lead["fields"]["signup_date"] == "2026-01-02"
    assert lead["fields"]["first_name"] == "Kim"


async def test_a_contact_is_changed_by_its_address(sender: Any) -> None:
    made = (await sender.post("/contacts", KIM))["data"]
    body = {"email": "kim@example.com", "lastName": "Park", "customFields": {"plan": None, "city": "Bonn"}}
    changed = (await sender.post("/contacts/email", body, 200))["data"]
    assert (changed["id"], changed["firstName"], changed["lastName"]) == (made["id"], "Kim", "Park")
    assert changed["customFields"] == {"signupDate": "2026-01-02", "seats": 3, "isVip": True, "city": "Bonn"}
    assert changed["userId"] == "user 7"


async def test_contacts_are_changed_in_bulk_and_found_by_address(sender: Any) -> None:
    body = {"contacts": [{"email": "a@example.com"}, {"email": "nonsense"}, {"firstName": "x"}], "runWorkflow": False}
    answer = await sender.post("/contacts/bulk-update", body)
    assert answer["data"] == {"successCount": 1, "failedCount": 2, "totalCount": 3}
    found = await sender.post("/contacts/search/emails", {"emails": ["A@example.com", "b@example.com"]})
    assert [one["email"] for one in found["data"]["contacts"]] == ["a@example.com"]
    await sender.refused("POST", "/contacts/bulk-update", {"contacts": [{"email": "a@example.com"}] * 101})
    twice = [
        {"email": "a@example.com", "firstName": "A", "lastName": "B", "customFields": {"seatCount": 1}},
        {"email": "A@example.com", "firstName": "C", "userId": "7", "customFields": {"planName": "x"}},
    ]
    data = (await sender.post("/contacts/bulk-update", {"contacts": twice}))["data"]
    assert data == {"successCount": 2, "failedCount": 0, "totalCount": 2}
    [one] = (await sender.post("/contacts/search/emails", {"emails": ["a@example.com"]}))["data"]["contacts"]
    assert (one["firstName"], one["lastName"], one["userId"]) == ("C", "B", "7")
    assert one["customFields"] == {"seatCount": 1, "planName": "x"}


async def test_contacts_are_deleted_unless_a_campaign_has_them(sender: Any) -> None:
    made = (await sender.post("/contacts", KIM))["data"]
    assert await sender.ask("DELETE", "/contacts/email/userId/user%207") == {
        "success": True,
        "message": "Contact deleted successfully",
    }
    error = await sender.refused("DELETE", f"/contacts/{made['id']}", status=404)
    assert (error["code"], error["message"]) == ("CONTACT_NOT_FOUND", "Contact not found")
    for nobody in ("nobody", "%00"):
        await sender.refused("DELETE", f"/contacts/email/userId/{nobody}", status=404)
    await sender.running("lee@example.com")
    await sender.post("/contacts", {"email": "a@example.com"})
    found = await sender.post("/contacts/search/emails", {"emails": ["lee@example.com", "a@example.com"]})
    ids = {one["email"]: one["id"] for one in found["data"]["contacts"]}
    error = await sender.refused("DELETE", f"/contacts/{ids['lee@example.com']}", status=400)
    assert error["code"] == "CONTACT_DELETION_FAILED"
    removed = await sender.post("/contacts/remove", {"emails": ["lee@example.com", "a@example.com"]})
    assert removed == {"success": True, "data": {"removed": [ids["a@example.com"]]}}


async def test_a_property_has_a_type_and_no_reserved_name(sender: Any) -> None:
    made = await sender.post("/contact-properties", {"name": "signupDate", "type": "date", "description": "d"}, 201)
    assert made["message"] == "Contact property created successfully"
    older = await sender.post("/contact-properties", {"fieldName": "seats", "fieldType": "number"}, 201)
    listed = (await sender.get("/contact-properties"))["data"]["properties"]
    assert listed == [made["data"], older["data"]]
    for name in ("firstName", "zip", "unsubscribe_groups", "externalId"):
        error = await sender.refused("POST", "/contact-properties", {"name": name, "type": "string"})
        assert error["details"][0]["field"] == "name"
    assert (await sender.refused("POST", "/contact-properties", {"name": "seats", "type": "string"}))["code"]


async def test_contacts_are_put_on_a_list_in_as_many_statements_however_many_they_are(
    sender: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        plain = getattr(asyncpg.Connection, name)

        async def counted(self: Any, query: str, *given: Any, plain: Any = plain, **more: Any) -> Any:
            asked.append(query)
            return await plain(self, query, *given, **more)

        monkeypatch.setattr(asyncpg.Connection, name, counted)
    await sender.post("/suppression-groups/emails/suppress", {"emails": ["2.0@example.com", "40.0@example.com"]})
    numbers = []
    for count in (2, 40):
        made = (await sender.post("/contact-lists", {"name": f"list {count}"}))["data"]
        body = {"contactListId": made["id"], "emails": [f"{count}.{one}@example.com" for one in range(count)]}
        ids = [one["id"] for one in (await sender.post("/contact-lists/contacts/bulk-add", body))["data"]["contacts"]]
        asked.clear()
        again = {"contactListId": made["id"], "contactIds": [*ids, "0" * 24, "x"]}
        added = (await sender.post("/contact-lists/contacts/bulk-add", again))["data"]
        assert added["validation"] == {"valid": count, "invalid": 2, "suppressed": 1}
        assert ([one["id"] for one in added["contacts"]], added["alreadyInList"]) == (ids, count)
        numbers.append(len(asked))
    assert numbers[0] == numbers[1], numbers


async def test_a_list_gives_and_takes_contacts(sender: Any) -> None:
    made = (await sender.post("/contact-lists", {"name": "news", "description": "d", "parentId": "p"}, 201))["data"]
    assert (made["type"], made["description"], made["parentId"]) == ("list", "d", "p")
    body = {"contactListId": made["id"], "emails": ["a@example.com", "b@example.com", "nonsense"]}
    added = (await sender.post("/contact-lists/contacts/bulk-add", body))["data"]
    counts = {name: added[name] for name in ("added", "created", "alreadyInList", "totalContactsInList")}
    assert counts == {"added": 2, "created": 2, "alreadyInList": 0, "totalContactsInList": 2}
    assert added["validation"] == {"valid": 2, "invalid": 1, "suppressed": 0}
    body = {"contactListId": made["id"], "contactIds": [added["contacts"][0]["id"]]}
    assert (await sender.post("/contact-lists/contacts/bulk-add", body))["data"]["alreadyInList"] == 1
    path = f"/contact-lists/{made['id']}"
    removed = await sender.post(f"{path}/contacts/remove", {"emails": ["a@example.com", "z@example.com"]})
    assert removed["data"] == {"removed": 1, "notInList": 1, "errors": []}
    removed = await sender.post(f"{path}/contacts/remove", {"contactIds": ["x", added["contacts"][0]["id"]]})
    errors = [{"contactId": "x", "message": "Contact not found"}]
    assert removed["data"] == {"removed": 0, "notInList": 1, "errors": errors}
    twice = {"contactListId": made["id"], "emails": ["b@example.com", " B@example.com"]}
    again = (await sender.post("/contact-lists/contacts/bulk-add", twice))["data"]
    assert (again["alreadyInList"], again["errors"]) == (1, [])
    assert (await sender.get(path))["data"]["contactCount"] == 1
    await sender.refused("POST", "/contact-lists", {"name": "news"})
    both = {"contactListId": made["id"], "emails": ["a@example.com"], "contactIds": ["x"]}
    await sender.refused("POST", "/contact-lists/contacts/bulk-add", both)
    await sender.ask("DELETE", path)
    await sender.refused("GET", path, status=404)


async def test_all_contacts_are_a_list_that_nobody_changes(sender: Any) -> None:
    await sender.post("/contacts", KIM)
    listed = (await sender.get("/contact-lists?type=list"))["data"]["lists"]
    everyone = {
        "id": "GLOBAL_CONTACT_LIST",
        "name": "All Contacts",
        "type": "list",
        "contactCount": 1,
        "description": "",
    }
    assert listed == [everyone]
    assert (await sender.get("/contact-lists/GLOBAL_CONTACT_LIST"))["data"] == everyone
    await sender.refused("DELETE", "/contact-lists/GLOBAL_CONTACT_LIST")
    await sender.refused("POST", "/contact-lists/GLOBAL_CONTACT_LIST/contacts/remove", {"emails": ["a@example.com"]})


async def test_a_segment_has_who_meets_its_criteria(sender: Any) -> None:
    for number, plan in enumerate(("pro", "pro", "free")):
        body = {"email": f"c{number}@example.com", "customFields": {"plan": plan, "seatCount": number}}
        await sender.post("/contacts", body)
    criteria = {
        "logicalOperator": "AND",
        "groups": [
            {"field": "plan", "fieldType": "string", "operator": "equals", "value": "pro"},
            {"field": "seatCount", "fieldType": "number", "operator": "between", "value": [1, 5]},
        ],
    }
    body = {"name": "pros", "type": "segment", "filterCriteria": criteria}
    made = (await sender.post("/contact-lists", body, 201))["data"]
    assert (made["type"], made["contactCount"], made["filterCriteria"]) == ("segment", 1, criteria)
    assert [one["id"] for one in (await sender.get("/contact-lists?type=segment"))["data"]["lists"]] == [made["id"]]
    await sender.desk.mailbox()
    await sender.desk.pool()
    campaign = {"name": "n", "subject": "s", "htmlTemplate": "h", "toLists": [made["id"]], "publish": True}
    data = (await sender.post("/campaigns", campaign))["data"]
    assert data["metrics"]["totalContacts"] == 1
    assert data["toLists"] == [{"id": made["id"], "name": "pros", "type": "segment", "contactCount": 1}]
    await sender.ask("DELETE", f"/contact-lists/{made['id']}")
    await sender.refused("GET", f"/contact-lists/{made['id']}", status=404)


@pytest.mark.parametrize(
    "criteria",
    [
        None,
        {},
        {"logicalOperator": "XOR", "groups": [{"field": "a", "operator": "equals", "value": "b"}]},
        {"groups": [{"field": "a", "fieldType": "number", "operator": "contains", "value": "b"}]},
        {"groups": [{"field": "a", "fieldType": "number", "operator": "equals", "value": "b"}]},
        {"groups": [{"field": "a", "fieldType": "date", "operator": "between", "value": "2026-01-01"}]},
        {"groups": [{"field": "'; drop table lead; --", "fieldType": "wrong", "operator": "equals", "value": "b"}]},
    ],
)
async def test_wrong_criteria_are_refused(sender: Any, criteria: Any) -> None:
    error = await sender.refused("POST", "/contact-lists", {"name": "x", "type": "segment", "filterCriteria": criteria})
    assert error["code"] == "VALIDATION_FAILED"


async def test_a_suppression_group_keeps_its_recipients_out_of_its_campaigns(sender: Any) -> None:
    group = (await sender.post("/suppression-groups", {"name": "offers"}, 201))["data"]
    assert (len(group["groupId"]), group["isGlobal"], group["isActive"]) == (5, False, True)
    shut = (await sender.post("/suppression-groups", {"name": "old", "isActive": False}))["data"]
    assert shut["isActive"] is False
    await sender.ask("DELETE", f"/suppression-groups/{shut['groupId']}")
    body = {"emails": ["a@example.com"], "groupId": group["groupId"], "reason": "unsubscribed"}
    assert (await sender.post("/suppression-groups/emails/suppress", body))["data"] == {"suppressed": 1}
    await sender.desk.pool()
    made = (await sender.post("/contact-lists", {"name": "news"}))["data"]["id"]
    addresses = [f"{one}@example.com" for one in "abc"]
    await sender.post("/contact-lists/contacts/bulk-add", {"contactListId": made, "emails": addresses})
    campaign = {"name": "n", "subject": "s", "htmlTemplate": "h", "toLists": [made], "publish": True}
    data = (await sender.post("/campaigns", {**campaign, "unsubscribeGroupId": group["id"]}))["data"]
    assert (data["metrics"]["totalContacts"], data["metrics"]["suppressed"]) == (3, 1)
    body = {"emails": ["b@example.com"], "groupId": group["groupId"]}
    await sender.post("/suppression-groups/emails/suppress", body)
    native = (await sender.desk.get("/campaigns"))["items"][0]["id"]
    assert await sender.desk.send(native) == 1, "who refuses after the start is taken out"
    entries = await sender.post("/suppression-groups/entries", {"groupId": group["groupId"], "limit": 1})
    assert entries["data"]["pagination"] == {"page": 1, "limit": 1, "total": 2, "totalPages": 2, "pages": 2}
    found = await sender.post("/suppression-groups/entries", {"groupId": group["id"], "reason": "UNSUBSCRIBE"})
    assert [(one["email"], one["reason"]) for one in found["data"]["entries"]] == [("a@example.com", "UNSUBSCRIBE")]
    assert [one["suppressionCount"] for one in (await sender.get("/suppression-groups"))["data"]["groups"]] == [2]
    await sender.ask("DELETE", f"/suppression-groups/{group['groupId']}")
    await sender.refused("DELETE", f"/suppression-groups/{group['groupId']}", status=404)


async def test_the_global_group_is_who_is_never_written_to(sender: Any) -> None:
    body = {"emails": ["a@example.com"], "reason": "bounced"}
    assert (await sender.post("/suppression-groups/emails/suppress", body))["data"] == {"suppressed": 1}
    assert (await sender.desk.get("/suppressions"))["items"][0]["value"] == "a@example.com"
    [group] = (await sender.get("/suppression-groups?includeGlobal=true"))["data"]["groups"]
    assert (group["isGlobal"], group["suppressionCount"]) == (True, 1)
    found = await sender.post("/suppression-groups/entries", {})
    assert found["data"]["entries"][0]["reason"] == "BOUNCE"
    days = {"startDate": "2026-03-02", "endDate": "2026-03-02"}  # the clock's day
    assert len((await sender.post("/suppression-groups/entries", days))["data"]["entries"]) == 1
    days = {"startDate": "2026-03-03"}
    assert (await sender.post("/suppression-groups/entries", days))["data"]["entries"] == []
    for one in (group["id"], group["groupId"]):
        error = await sender.refused("DELETE", f"/suppression-groups/{one}")
        assert error["code"] == "CANNOT_DELETE_GLOBAL_GROUP"
    await sender.refused("POST", "/suppression-groups/emails/suppress", {"emails": []})


async def test_what_is_wrong_with_an_address_is_told_once_and_by_the_name_of_its_field(sender: Any) -> None:
    for given in ({}, {"email": "bad"}):
        error = await sender.refused("POST", "/contacts", given)
        assert [one["field"] for one in error["details"]] == ["email"]
