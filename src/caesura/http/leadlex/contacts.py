"""Contacts: list, read, create, change and delete them."""

from collections.abc import Mapping
from contextlib import suppress

from starlette.responses import Response

from caesura.domain.addresses import AddressError
from caesura.domain.errors import Conflict, NotFound
from caesura.http.door import Call, Refusal, Support
from caesura.http.leadlex.contact_forms import NEEDS_EMAIL, choice, extra_of, fields_of, lead_of
from caesura.http.leadlex.contact_views import contact_row, full_name
from caesura.http.leadlex.door import LEADLEX, data, number, page, place, shown, wrong
from caesura.http.leadlex.values import text
from caesura.service import leads, numbered_pages
from caesura.service.leads import LeadChange, LeadFate
from caesura.store.lead_order import LeadOrder

MOST_AT_ONCE = 500
_ORDERS: Mapping[str, tuple[LeadOrder, LeadOrder]] = {
    "created_at": (LeadOrder.OLDEST, LeadOrder.NEWEST),
    "updated_date": (LeadOrder.CHANGED_FIRST, LeadOrder.CHANGED_LAST),
    "full_name": (LeadOrder.NAME, LeadOrder.NAME_BACKWARDS),
}


@LEADLEX.on("GET", "/v1/contacts", "contacts:read")
async def list_contacts(call: Call) -> Response:
    """Newest first, unless sorted."""
    wanted, sort = place(call), call.query("sort") or "-created_at"
    name = sort.removeprefix("-")
    if name not in _ORDERS:
        raise wrong("sort", f"must be one of {', '.join(_ORDERS)}, with - before it for backwards")
    order = _ORDERS[name][sort.startswith("-")]
    answer = await numbered_pages.of_leads(*call.key, choice(call, order), wanted)
    return page(call, "contacts", [contact_row(row) for row in answer.rows], wanted, answer.total)


@LEADLEX.on(
    "GET",
    "/v1/contacts/{contact_id}",
    "contacts:read",
    support=Support.PART,
    note="include answers empty lists: there are no notes, tasks and deals here",
)
async def get_contact(call: Call) -> Response:
    """One contact."""
    row = await leads.get(*call.key, contact_number(call))
    asked = {word.strip() for word in (call.query("include") or "").split(",")}
    names = {"notes": "recent_notes", "tasks": "open_tasks", "deals": "open_deals"}
    more: dict[str, list[object]] = {told: [] for word, told in names.items() if not asked.isdisjoint({word, "*"})}
    return data(call, {**contact_row(row), **more})


@LEADLEX.on("POST", "/v1/contacts", "contacts:write", support=Support.PART, note="needs an email address")
async def create_contact(call: Call) -> Response:
    """One whose address is known is changed, not made twice."""
    body = call.fields()
    if not any(text(body, name) for name in ("full_name", "first_name", "last_name", "email")):
        raise Refusal(400, "validation_error", "Give full_name, first_name and last_name, or email")
    known = None
    with suppress(AddressError):
        known = await leads.find(*call.key, text(body, "email") or "")
    lead = lead_of(body, call.now, known is not None)
    row, fate = await leads.save(*call.key, lead, False, call.caller.actor, call.now)
    return data(call, contact_row(row), 201 if fate is LeadFate.CREATED else 200)


@LEADLEX.on("POST", "/v1/contacts/bulk", "contacts:write", support=Support.PART, note="each needs an email address")
async def create_contacts(call: Call) -> Response:
    """All of them, or none where one is wrong."""
    given = call.fields().get("contacts")
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise wrong("contacts", "must be an array of contacts")
    if len(given) > MOST_AT_ONCE:
        raise wrong("contacts", f"may have {MOST_AT_ONCE} contacts at most")
    fields = {f"contacts.{at}.full_name": "Is required" for at, one in enumerate(given) if not one.get("full_name")}
    fields |= {f"contacts.{at}.email": NEEDS_EMAIL for at, one in enumerate(given) if not one.get("email")}
    if fields:
        raise Refusal(400, "validation_error", "Some contacts lack a field", {"fields": fields})
    inputs = [lead_of(one, call.now) for one in given]
    faulty = {
        f"contacts.{at}": problem.detail for at, found in leads.check_many(inputs).rejected.items() for problem in found
    }
    if faulty:
        raise Refusal(400, "validation_error", "Some contacts are not valid", {"fields": faulty})
    done = await leads.save_many(*call.key, inputs, False, call.caller.actor, call.now)
    made = [(at, one.lead_id) for at, one in enumerate(done) if one.fate is LeadFate.CREATED]
    told = [
        {"id": shown("contact", lead_id), "full_name": given[at]["full_name"], "email": given[at]["email"]}
        for at, lead_id in made
    ]
    return data(call, {"created": len(made), "contacts": told}, 201)


@LEADLEX.on(
    "PATCH",
    "/v1/contacts/{contact_id}",
    "contacts:write",
    support=Support.PART,
    note="the vendor's page is not known: the fields of create; null takes one away",
)
async def change_contact(call: Call) -> Response:
    """What is left out stays."""
    body, lead_id = call.fields(), contact_number(call)
    before = await leads.get(*call.key, lead_id)
    fields = fields_of(body)
    if {"first_name", "last_name"} & body.keys() and "full_name" not in body:
        fields["full_name"] = full_name({**before.fields, **fields, "full_name": None}) or None
    email = text(body, "email")
    change = LeadChange(address=email, fields=fields, extra=extra_of(body, None))
    try:
        row = await leads.change(*call.key, lead_id, change, call.caller.actor, call.now)
    except Conflict as error:
        raise Refusal(
            400, "validation_error", "Another contact has this email", {"fields": {"email": "Must be unique"}}
        ) from error
    return data(call, contact_row(row))


@LEADLEX.on(
    "DELETE",
    "/v1/contacts/{contact_id}",
    "contacts:write",
    support=Support.PART,
    note="the vendor's page is not known; who is or was in a campaign stays: 409 contact_in_campaign",
)
async def delete_contact(call: Call) -> Response:
    """Gone from all lists."""
    lead_id = contact_number(call)
    try:
        await leads.delete(*call.key, lead_id, call.caller.actor, call.now)
    except Conflict as error:
        raise Refusal(409, "contact_in_campaign", "This contact is in a campaign, or was") from error
    return data(call, {"deleted": True, "id": shown("contact", lead_id)})


def contact_number(call: Call) -> int:
    """The contact of the path. Raises NotFound."""
    return number("contact", call.path("contact_id"), NotFound("lead_not_found", "No contact with this ID"))
