"""Lists of contacts."""

from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.http.door import Call, Refusal, Support
from caesura.http.leadlex.door import LEADLEX, data, moment, number, page, place, shown, wrong
from caesura.http.leadlex.values import missing, required_text, text, texts
from caesura.http.opaque_ids import number_of_uuid
from caesura.service import lists, numbered_pages
from caesura.store.lists import ListRow

MOST_AT_ONCE = 500
_FIXED = ("id", "name", "contact_count", "created_at")


def _view(row: ListRow, count: int) -> dict[str, Any]:
    kept = row.extra.get("leadlex", {})
    return {
        **kept,
        "id": shown("list", row.id),
        "name": row.name,
        "description": kept.get("description"),
        "contact_count": count,
        "created_at": moment(row.created_at),
    }


@LEADLEX.on("POST", "/v1/lists", "contacts:write")
async def create_list(call: Call) -> Response:
    """An empty list; its name is like no other's."""
    body = call.fields()
    name = required_text(body, "name", 200)
    text(body, "description", 10_000)
    kept = {key: value for key, value in body.items() if key not in _FIXED}
    try:
        row = await lists.create(*call.key, name, call.caller.actor, call.now, {"leadlex": kept})
    except Conflict as error:
        raise Refusal(400, "validation_error", "Name must be unique", {"fields": {"name": "Must be unique"}}) from error
    return data(call, _view(row, 0), 201)


@LEADLEX.on(
    "GET",
    "/v1/lists",
    "contacts:read",
    support=Support.PART,
    note="the vendor's page is not known: page, per_page, search",
)
async def list_lists(call: Call) -> Response:
    """Newest first."""
    wanted = place(call)
    answer = await numbered_pages.of_lists(*call.key, call.query("search"), wanted)
    return page(call, "lists", [_view(row, count) for row, count in answer.rows], wanted, answer.total)


@LEADLEX.on("GET", "/v1/lists/{list_id}", "contacts:read", support=Support.PART, note="the vendor's page is not known")
async def get_list(call: Call) -> Response:
    """One list."""
    return data(call, _view(*await lists.get(*call.key, list_number(call))))


@LEADLEX.on("DELETE", "/v1/lists/{list_id}", "contacts:write")
async def delete_list(call: Call) -> Response:
    """Its contacts stay."""
    list_id = list_number(call)
    _, count = await lists.get(*call.key, list_id)
    await lists.delete(*call.key, list_id, call.caller.actor, call.now)
    return data(call, {"deleted": True, "id": shown("list", list_id), "memberships_removed": count})


@LEADLEX.on("POST", "/v1/lists/{list_id}/contacts", "contacts:write")
async def add_to_list(call: Call) -> Response:
    """Those who are on it already stay so."""
    list_id, given = list_number(call), texts(call.fields(), "contact_ids")
    await lists.get(*call.key, list_id)
    if not given:
        raise missing("contact_ids")
    if len(given) > MOST_AT_ONCE:
        raise Refusal(400, "too_many_contacts", f"At most {MOST_AT_ONCE} contacts can be added at once")
    numbers = [number_of_uuid("contact", one) for one in given]
    known = [one for one in numbers if one is not None]
    if len(known) < len(given):
        raise wrong("contact_ids", "has an id that is no contact's")
    try:
        done = await lists.add(*call.key, list_id, known, call.caller.actor, call.now)
    except Invalid as error:
        raise wrong("contact_ids", "has an id that is no contact's") from error
    _, count = await lists.get(*call.key, list_id)
    return data(call, {"added": done.added, "list_id": shown("list", list_id), "contact_count": count})


@LEADLEX.on("DELETE", "/v1/lists/{list_id}/contacts/{contact_id}", "contacts:write")
async def remove_from_list(call: Call) -> Response:
    """The contact stays."""
    list_id = list_number(call)
    await lists.get(*call.key, list_id)
    absent = NotFound("membership_not_found", "This contact is not on the list")
    contact_id = number("contact", call.path("contact_id"), absent)
    if not await lists.remove(*call.key, list_id, [contact_id], call.caller.actor, call.now):
        raise absent
    return data(call, {"removed": True, "list_id": shown("list", list_id), "contact_id": shown("contact", contact_id)})


def list_number(call: Call) -> int:
    """The list of the path. Raises NotFound."""
    return number("list", call.path("list_id"), NotFound("list_not_found", "No list with this ID"))
