"""Contacts and lists, as the vendor's pages have them."""

import csv
import io
from typing import Any

import pytest
from leadlex_client import Lexi, native, outer

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def contact(lexi: Lexi, email: str = "ada@example.com", **more: Any) -> dict[str, Any]:
    made = await lexi.post("/contacts", {"email": email, "full_name": "Ada Byron", **more})
    assert isinstance(made, dict)
    return made


async def test_a_contact_is_created_with_all_its_fields_and_read_again(lexi: Lexi) -> None:
    body = {
        "full_name": "Ada Byron",
        "email": "ada@example.com",
        "phone": "+1 555",
        "job_title": "Counsel",
        "company": "Acme",
        "related_company_id": UNKNOWN,
        "linkedin_url": "https://www.linkedin.com/in/ada",
        "priority": "high",
        "tags": ["vip"],
        "custom_fields": {"useCase": "ip", "nested": {"a": 1}},
        "colour": "red",
    }
    answer = await lexi.raw("POST", "/contacts", body)
    made = answer.json()["data"]
    assert answer.status_code == 201 and {name: made[name] for name in body} == body
    assert made["company_name"] == "Acme"
    assert await lexi.get(f"/contacts/{made['id']}") == made
    ours = await lexi.desk.get(f"/leads/{native(made['id'], 'contact')}")
    assert ours["fields"]["use_case"] == "ip" and ours["fields"]["job_title"] == "Counsel"


async def test_a_wrong_address_is_told_by_the_name_of_its_field(lexi: Lexi) -> None:
    answer = await lexi.raw("POST", "/contacts", {"email": "ada"})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]["fields"]) == ["email"]


@pytest.mark.parametrize(
    ("given", "first", "last", "full"),
    [
        ({"full_name": "Byron, Ada"}, "Ada", "Byron", "Ada Byron"),
        ({"full_name": "Ada King Byron"}, "Ada King", "Byron", "Ada King Byron"),
        ({"full_name": "Ada"}, "Ada", None, "Ada"),
        ({"first_name": "Ada", "last_name": "Byron"}, "Ada", "Byron", "Ada Byron"),
        ({}, "Ada", "Lovelace", "Ada Lovelace"),
    ],
)
async def test_names_are_split_put_together_or_derived(
    lexi: Lexi, given: Any, first: Any, last: Any, full: str
) -> None:
    made = await lexi.post("/contacts", {"email": "ada.lovelace@example.com", **given})
    assert (made["first_name"], made["last_name"], made["full_name"]) == (first, last, full)


async def test_a_contact_with_a_known_email_is_changed_not_made_twice(lexi: Lexi) -> None:
    first = await contact(lexi)
    again = await lexi.raw("POST", "/contacts", {"email": "ADA@example.com", "phone": "1"})
    assert (again.status_code, again.json()["data"]["id"]) == (200, first["id"])
    assert (again.json()["data"]["full_name"], again.json()["data"]["phone"]) == ("Ada Byron", "1")


@pytest.mark.parametrize(
    "body",
    [{}, {"phone": "1"}, {"full_name": "Ada"}, {"email": "no address"}, {"email": "a@example.com", "priority": 4}, []],
)
async def test_a_contact_that_cannot_be_is_400_validation_error(lexi: Lexi, body: object) -> None:
    assert await lexi.code("POST", "/contacts", body) == (400, "validation_error")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2026-03-03T08:00:00Z", "2026-03-03T08:00:00Z"),
        ("2026-03-04T00:00:00Z", "2026-03-02T09:00:00Z"),
        ("2019-01-01T00:00:00Z", "2026-03-02T09:00:00Z"),
        ("yesterday", "2026-03-02T09:00:00Z"),
        (None, "2026-03-02T09:00:00Z"),
    ],
)
async def test_created_date_is_kept_within_bounds_and_never_null(lexi: Lexi, given: object, kept: str) -> None:
    assert (await contact(lexi, created_date=given))["created_date"] == kept


@pytest.mark.parametrize(("given", "shown"), [(1, "high"), (2, "medium"), (3, "low"), ("low", "low")])
async def test_priority_is_a_word_or_a_number(lexi: Lexi, given: object, shown: str) -> None:
    assert (await contact(lexi, priority=given))["priority"] == shown


async def test_a_contact_is_changed_and_what_is_left_out_stays(lexi: Lexi) -> None:
    made = await contact(lexi, phone="1", tags=["a"])
    changed = await lexi.patch(f"/contacts/{made['id']}", {"last_name": "King", "phone": None, "tags": ["b"]})
    assert (changed["full_name"], changed["phone"], changed["tags"]) == ("Ada King", None, ["b"])
    await contact(lexi, "b@example.com")
    assert await lexi.code("PATCH", f"/contacts/{made['id']}", {"email": "b@example.com"}) == (400, "validation_error")


async def test_a_contact_is_deleted_unless_a_campaign_has_it(lexi: Lexi) -> None:
    free, enrolled = await contact(lexi), await contact(lexi, "b@example.com")
    campaign = await lexi.desk.campaign()
    await lexi.post(f"/campaigns/{outer(campaign['id'])}/contacts", {"contact_ids": [enrolled["id"]]})
    assert await lexi.delete(f"/contacts/{free['id']}") == {"deleted": True, "id": free["id"]}
    assert await lexi.code("GET", f"/contacts/{free['id']}") == (404, "not_found")
    assert await lexi.code("DELETE", f"/contacts/{enrolled['id']}") == (409, "contact_in_campaign")


async def test_include_answers_what_there_is_none_of(lexi: Lexi) -> None:
    made = await contact(lexi)
    assert "recent_notes" not in await lexi.get(f"/contacts/{made['id']}")
    shown = await lexi.get(f"/contacts/{made['id']}?include=notes,deals")
    assert (shown["recent_notes"], shown["open_deals"]) == ([], []) and "open_tasks" not in shown
    assert (await lexi.get(f"/contacts/{made['id']}?include=*"))["open_tasks"] == []


async def test_contacts_are_listed_searched_sorted_and_paged(lexi: Lexi) -> None:
    b = await contact(lexi, "b@example.com", full_name="Bea Z")
    a = await contact(lexi, "a@example.com", full_name="Ada B")

    async def ids(query: str) -> list[str]:
        return [one["id"] for one in (await lexi.get(f"/contacts{query}"))["contacts"]]

    assert await ids("") == [a["id"], b["id"]]
    assert await ids("?search=bea") == [b["id"]]
    assert await ids("?sort=full_name") == [a["id"], b["id"]]
    assert await ids("?sort=-full_name") == await ids("?sort=created_at") == [b["id"], a["id"]]
    assert await ids("?created_after=2026-03-03T00:00:00Z") == []
    meta = (await lexi.raw("GET", "/contacts?per_page=1&page=2")).json()["meta"]
    assert meta == {"page": 2, "per_page": 1, "total": 2}
    assert (await lexi.raw("GET", "/contacts?per_page=500")).json()["meta"]["per_page"] == 100
    for query in ("?sort=colour", "?page=x", "?per_page=0", "?created_after=x"):
        assert await lexi.code("GET", f"/contacts{query}") == (400, "validation_error")


async def test_bulk_creates_all_or_none(lexi: Lexi) -> None:
    good = [{"full_name": "Ada B", "email": "a@example.com"}, {"full_name": "Bea Z", "email": "b@example.com"}]
    done = await lexi.post("/contacts/bulk", {"contacts": good})
    assert done["created"] == 2
    assert [(one["full_name"], one["email"]) for one in done["contacts"]] == [
        ("Ada B", "a@example.com"),
        ("Bea Z", "b@example.com"),
    ]
    assert all(len(one["id"]) == 36 for one in done["contacts"])
    fresh = {"full_name": "C", "email": "c@example.com"}
    for wrong in ({"email": "d@example.com"}, {"full_name": "D"}, {"full_name": "D", "email": "x"}):
        assert await lexi.code("POST", "/contacts/bulk", {"contacts": [fresh, wrong]}) == (400, "validation_error")
    too_many = {"contacts": [fresh] * 501}
    assert await lexi.code("POST", "/contacts/bulk", too_many) == (400, "validation_error")
    assert (await lexi.raw("GET", "/contacts")).json()["meta"]["total"] == 2


async def test_export_is_csv_with_the_columns_asked_for(lexi: Lexi) -> None:
    await contact(lexi, tags=["vip", "new"], phone="=1+1")
    await contact(lexi, "b@example.com")
    await lexi.post("/contacts", {"email": "b@example.com", "tags": ["vip"]})
    answer = await lexi.raw("GET", "/contacts/export?fields=email,phone,tags&tag=vip&tag=new")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows == [["email", "phone", "tags"], ["ada@example.com", "'=1+1", "vip,new"]], "a formula is none"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="contacts-export.csv"'
    await lexi.post("/contacts", {"email": "b@example.com", "phone": "+1-555-0100", "company": "Beta LLP"})
    usual = list(csv.DictReader(io.StringIO((await lexi.raw("GET", "/contacts/export")).text)))
    documented = "id,full_name,email,phone,job_title,company_name,linkedin_url,tags,created_at"
    assert ",".join(usual[0]) == documented
    assert (usual[0]["phone"], usual[0]["company_name"]) == ("+1-555-0100", "Beta LLP")
    assert len((await lexi.raw("GET", "/contacts/export?limit=1")).text.splitlines()) == 2
    for query in ("limit=0", "limit=50001", "fields=colour"):
        assert await lexi.code("GET", f"/contacts/export?{query}") == (400, "validation_error")


async def test_export_is_limited_to_ten_an_hour_for_the_workspace(lexi: Lexi) -> None:
    keys = [lexi.key, await lexi.key_with("contacts:read", plan="unmetered")]
    for number in range(10):
        assert (await lexi.raw("GET", "/contacts/export", key=keys[number % 2])).status_code == 200
    assert await lexi.code("GET", "/contacts/export", key=keys[0]) == (429, "rate_limited")
    lexi.desk.api.clock.advance(3_600)
    assert (await lexi.raw("GET", "/contacts/export")).status_code == 200


async def test_rows_are_imported_and_each_fault_has_its_row(lexi: Lexi) -> None:
    await contact(lexi)
    rows = [
        {"email": "ada@example.com", "phone": "2"},
        {"email": "b@example.com", "full_name": "Bea Z"},
        {"full_name": "No Address"},
    ]
    done = await lexi.post("/import/contacts", {"rows": rows, "tags": ["fair"]})
    assert (done["status"], done["created_count"], done["updated_count"], done["skipped_count"]) == (
        "completed",
        1,
        0,
        1,
    )
    assert [error["row_number"] for error in done["errors"]] == [3] and done["job_id"]
    again = await lexi.post("/import/contacts", {"rows": rows[:1], "update_existing": True})
    assert (again["updated_count"], again["skipped_count"]) == (1, 0)
    shown = {one["email"]: one for one in (await lexi.get("/contacts"))["contacts"]}
    assert (shown["b@example.com"]["tags"], shown["ada@example.com"]["phone"]) == (["fair"], "2")
    assert shown["ada@example.com"]["full_name"] == "Ada Byron"


@pytest.mark.parametrize(
    "body",
    [
        {"csv": "Mail,Who\na@example.com,Ada B\n", "mapping": {"Mail": "email", "Who": "full_name"}},
        {"csv": "a@example.com,Ada B\n", "has_header": False, "mapping": {"0": "email", "1": "full_name"}},
        {"csv": "email,full_name\na@example.com,Ada B\n\n"},
    ],
)
async def test_csv_is_imported_by_its_header_and_mapping(lexi: Lexi, body: Any) -> None:
    assert (await lexi.post("/import/contacts", body))["created_count"] == 1
    [one] = (await lexi.get("/contacts"))["contacts"]
    assert (one["email"], one["full_name"]) == ("a@example.com", "Ada B")


async def test_an_import_is_done_once_under_an_idempotency_key(lexi: Lexi) -> None:
    headers = {"Idempotency-Key": "7c0c1d3e-8a55-4c3a-9a55-1f6f0f8a4b11"}
    body = {"rows": [{"email": "a@example.com"}]}
    first = await lexi.raw("POST", "/import/contacts", body, headers=headers)
    again = await lexi.raw("POST", "/import/contacts", body, headers=headers)
    assert first.json() == again.json() and first.json()["data"]["created_count"] == 1


async def test_an_import_of_neither_rows_nor_csv_is_refused(lexi: Lexi) -> None:
    for body in ({}, {"rows": "x"}, {"rows": [1]}, {"csv": ""}, {"csv": "a", "mapping": []}, {"csv": "x" * 140_000}):
        assert await lexi.code("POST", "/import/contacts", body) == (400, "validation_error")
    assert (await lexi.post("/import/contacts", {"csv": "email,note\n" + "a@example.com,\n" * 90_000}, status=400))[
        "code"
    ]
    large = {"csv": "email\n" + "x" * 20_000_001}
    assert await lexi.code("POST", "/import/contacts", large) == (413, "payload_too_large")


# Lists


async def test_a_list_is_created_once_by_name_and_shown(lexi: Lexi) -> None:
    answer = await lexi.raw("POST", "/lists", {"name": "Q2", "description": "cold"})
    made = answer.json()["data"]
    assert answer.status_code == 201
    assert (made["name"], made["description"], made["contact_count"]) == ("Q2", "cold", 0)
    assert made["created_at"] == "2026-03-02T09:00:00Z"
    error = await lexi.post("/lists", {"name": "Q2"}, status=400)
    assert (error["code"], error["details"]) == ("validation_error", {"fields": {"name": "Must be unique"}})
    assert await lexi.code("POST", "/lists", {}) == (400, "validation_error")
    assert (await lexi.get("/lists"))["lists"] == [made] == [await lexi.get(f"/lists/{made['id']}")]


async def test_contacts_join_and_leave_a_list(lexi: Lexi) -> None:
    list_id = (await lexi.post("/lists", {"name": "Q2"}))["id"]
    made, place = await contact(lexi), f"/lists/{list_id}/contacts"
    body = {"contact_ids": [made["id"]]}
    assert await lexi.post(place, body) == {"added": 1, "list_id": list_id, "contact_count": 1}
    assert (await lexi.post(place, body))["added"] == 0
    assert [one["id"] for one in (await lexi.get(f"/contacts?list_id={list_id}"))["contacts"]] == [made["id"]]
    removed = await lexi.delete(f"{place}/{made['id']}")
    assert removed == {"removed": True, "list_id": list_id, "contact_id": made["id"]}
    assert await lexi.code("DELETE", f"{place}/{made['id']}") == (404, "membership_not_found")
    assert await lexi.code("POST", place, {"contact_ids": [UNKNOWN]}) == (400, "validation_error")
    gone = await lexi.post(place, {"contact_ids": [made["id"], outer("led_99999", "contact")]}, status=400)
    assert list(gone["details"]["fields"]) == ["contact_ids"]
    assert await lexi.code("POST", place, {}) == (400, "missing_required_field")


async def test_a_deleted_list_leaves_its_contacts(lexi: Lexi) -> None:
    list_id, made = (await lexi.post("/lists", {"name": "Q2"}))["id"], await contact(lexi)
    await lexi.post(f"/lists/{list_id}/contacts", {"contact_ids": [made["id"]]})
    assert await lexi.delete(f"/lists/{list_id}") == {"deleted": True, "id": list_id, "memberships_removed": 1}
    assert await lexi.get(f"/contacts/{made['id']}") == made
    for method, path in (
        ("GET", f"/lists/{list_id}"),
        ("DELETE", f"/lists/{list_id}"),
        ("POST", f"/lists/{list_id}/contacts"),
        ("GET", f"/contacts?list_id={list_id}"),
        ("DELETE", f"/lists/x/contacts/{made['id']}"),
    ):
        assert await lexi.code(method, path) == (404, "list_not_found"), path
