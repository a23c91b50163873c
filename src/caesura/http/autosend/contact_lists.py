"""Lists and segments: `/contact-lists`. Both are asked for alike; the virtual list of all contacts is one of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, Invalid
from caesura.domain.lead_entry import LeadInput
from caesura.domain.scopes import Scope
from caesura.domain.segments import SegmentDefinition
from caesura.domain.validation import validate
from caesura.http import opaque_ids
from caesura.http.autosend.contacts import MAXIMUM_ADDRESSES, shown
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.handlebars import field_name
from caesura.http.autosend.values import Body, id_of, moment, number_of
from caesura.http.door import Call, Refusal
from caesura.service import leads, lists, segments, suppressions
from caesura.service.leads import LeadFate
from caesura.store.lists import ListRow
from caesura.store.segments import SegmentRow

GLOBAL = "GLOBAL_CONTACT_LIST"
DOOR = "autosend"
_PAGE = 500
_KINDS = {"string": "text", "number": "number", "boolean": "truth", "date": "date"}
_WORDS = {ours: theirs for theirs, ours in _KINDS.items()}
_MATCHES = {"AND": "all", "OR": "any"}


@dataclass(frozen=True, slots=True)
class Named:
    """What ids of lists and segments name: ours by kind, and whether everyone is meant."""

    list_ids: Sequence[int]
    segment_ids: Sequence[int]
    everyone: bool


def named(ids: Sequence[str]) -> Named:
    """Sorts ids. Raises NotFound for one that is neither a list's nor a segment's by its form."""
    list_ids, segment_ids = [], []
    for one in ids:
        if one == GLOBAL:
            continue
        segment_id = opaque_ids.number_of_hex("segment", one)
        if segment_id is not None:
            segment_ids.append(segment_id)
        else:
            list_ids.append(number_of("list", one))
    return Named(list_ids, segment_ids, GLOBAL in ids)


async def summaries(call: Call, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """What campaigns show of these lists and segments; one that is gone is shown by its id alone."""
    found = await _views(call, set(ids))
    shown = {}
    for one in ids:
        whole = found.get(one, {"id": one, "name": None, "type": "list", "contactCount": 0})
        shown[one] = {name: whole[name] for name in ("id", "name", "type", "contactCount")}
    return shown


async def _views(call: Call, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Those of these that are there: three statements at most, however many there are."""
    segment_ids = {one: opaque_ids.number_of_hex("segment", one) for one in ids}
    list_ids = {one: opaque_ids.number_of_hex("list", one) for one in ids}
    segment_rows = await segments.several(*call.key, [one for one in segment_ids.values() if one is not None])
    list_rows = await lists.several(*call.key, [one for one in list_ids.values() if one is not None])
    views = {GLOBAL: _global(await segments.count_leads(*call.key))} if GLOBAL in ids else {}
    views |= {one: _segment_view(*segment_rows[key]) for one, key in segment_ids.items() if key in segment_rows}
    views |= {one: _list_view(*list_rows[key]) for one, key in list_ids.items() if key in list_rows}
    return views


@AUTOSEND.on("POST", "/contact-lists", Scope.LEADS_WRITE)
async def create_contact_list(call: Call) -> Response:
    """A new list, or a segment with the criteria that decide who is in it."""
    body = Body(call.fields())
    name = body.text("name", 200, required=True) or ""
    description = body.text("description", 500) or ""
    body.text("parentId")
    kind = body.choice("type", ("list", "segment")) or "list"
    if kind == "segment" and not body.has("filterCriteria"):
        body.refuse("filterCriteria", "filterCriteria is required for a segment", "missing_field")
    criteria = body.table("filterCriteria")
    body.check()
    kept = {one: value for one, value in body.fields.items() if one not in ("name", "type")}
    try:
        if kind == "list":
            row = await lists.create(*call.key, name, call.caller.actor, call.now, {DOOR: kept})
            view = _list_view(row, 0)
        else:
            definition = _segment(name, description, criteria, kept)
            made = await segments.create(*call.key, definition, call.caller.actor, call.now)
            view = _segment_view(*await segments.get(*call.key, made.id))
    except Conflict as error:
        if error.code != "name_taken":
            raise
        raise Refusal(400, "CONTACT_LIST_ALREADY_EXISTS", f"A {kind} with this name already exists") from error
    return call.answer({"success": True, "data": view}, 201)


@AUTOSEND.on("GET", "/contact-lists", Scope.LEADS_READ)
async def list_contact_lists(call: Call) -> Response:
    """All lists and segments, or those of one type; the list of all contacts comes first."""
    wanted = call.query("type")
    views: list[dict[str, Any]] = []
    if wanted in (None, "list"):
        views.append(_global(await segments.count_leads(*call.key)))
        below = None
        while rows := await lists.page(*call.key, below, _PAGE):
            counted = await lists.several(*call.key, [row.id for row in rows])
            views += [_list_view(*counted[row.id]) for row in rows if row.id in counted]
            below = rows[-1].id
    if wanted in (None, "segment"):
        ids = [one.id for one in await segments.all_of(*call.key)]
        found = await segments.several(*call.key, ids)
        views += [_segment_view(*found[one]) for one in ids if one in found]
    return call.answer({"success": True, "data": {"lists": views, "contacts": views}})


@AUTOSEND.on("POST", "/contact-lists/contacts/bulk-add", Scope.LEADS_WRITE)
async def bulk_add_to_contact_list(call: Call) -> Response:
    """Puts contacts on a list, by their addresses, which are added where they are new, or by their ids."""
    body = Body(call.fields())
    target = body.text("contactListId", required=True) or ""
    if body.has("emails") == body.has("contactIds"):
        body.refuse("emails", "Either emails or contactIds is required, not both")
    given, ids = body.texts("emails", MAXIMUM_ADDRESSES), body.texts("contactIds", MAXIMUM_ADDRESSES)
    body.check()
    list_id = _plain_list(target)
    await lists.get(*call.key, list_id)
    addresses = list(dict.fromkeys(one.strip().lower() for one in given))
    inputs = [LeadInput(one) for one in addresses]
    outcomes = await leads.save_many(*call.key, inputs, False, call.caller.actor, call.now)
    errors = [
        {"email": address, "message": "; ".join(one.detail for one in outcome.problems)}
        for address, outcome in zip(addresses, outcomes, strict=True)
        if outcome.fate is LeadFate.REJECTED
    ]
    lead_ids = [one.lead_id for one in outcomes if one.lead_id is not None]
    numbers = {one: opaque_ids.number_of_hex("contact", one) for one in ids}
    asked = [number for number in numbers.values() if number is not None]
    known = {row.id for row in await leads.several(*call.key, asked)} if asked else set()
    lead_ids += [number for number in asked if number in known]
    missing = [one for one in ids if numbers[one] not in known]
    errors += [{"contactId": one, "message": "Contact not found"} for one in missing]
    unique = list(dict.fromkeys(lead_ids))
    done = await lists.add(*call.key, list_id, unique, call.caller.actor, call.now)
    found = {row.id: row for row in await leads.several(*call.key, unique)}
    rows = [found[one] for one in unique if one in found]
    suppressed = await suppressions.leads_among(*call.key, unique)
    _, total = await lists.get(*call.key, list_id)
    data = {
        "added": done.added,
        "created": sum(one.fate is LeadFate.CREATED for one in outcomes),
        "alreadyInList": done.already_there,
        "errors": errors,
        "validation": {"valid": len(unique), "invalid": len(errors), "suppressed": len(suppressed)},
        "totalContactsInList": total,
        "contacts": [shown(row) for row in rows],
    }
    return call.answer({"success": True, "data": data})


@AUTOSEND.on("POST", "/contact-lists/{list_id}/contacts/remove", Scope.LEADS_WRITE)
async def remove_from_contact_list(call: Call) -> Response:
    """Takes contacts off a list; they stay contacts."""
    body = Body(call.fields())
    if not body.has("emails") and not body.has("contactIds"):
        body.refuse("emails", "Either emails or contactIds is required", "missing_field")
    addresses, ids = body.texts("emails", MAXIMUM_ADDRESSES), body.texts("contactIds", MAXIMUM_ADDRESSES)
    body.check()
    list_id = _plain_list(call.path("list_id"))
    lead_ids = [row.id for row in await leads.find_many(*call.key, addresses)]
    numbers = {one: opaque_ids.number_of_hex("contact", one) for one in ids}
    lead_ids += [number for number in numbers.values() if number is not None]
    unique = list(dict.fromkeys(lead_ids))
    removed = await lists.remove(*call.key, list_id, unique, call.caller.actor, call.now)
    unknown = [one for one, number in numbers.items() if number is None]
    errors = [{"contactId": one, "message": "Contact not found"} for one in unknown]
    asked = {one.strip().lower() for one in addresses} | numbers.keys()
    data = {"removed": removed, "notInList": len(asked) - len(unknown) - removed, "errors": errors}
    return call.answer({"success": True, "data": data})


@AUTOSEND.on("GET", "/contact-lists/{list_id}", Scope.LEADS_READ)
async def get_contact_list(call: Call) -> Response:
    """One list or segment, with the number of its contacts."""
    return call.answer({"success": True, "data": await _view(call, call.path("list_id"))})


@AUTOSEND.on("DELETE", "/contact-lists/{list_id}", Scope.LEADS_WRITE)
async def delete_contact_list(call: Call) -> Response:
    """Deletes a list or a segment; its contacts stay."""
    text = call.path("list_id")
    segment_id = opaque_ids.number_of_hex("segment", text)
    if segment_id is not None:
        await segments.delete(*call.key, segment_id, call.caller.actor, call.now)
    else:
        await lists.delete(*call.key, _plain_list(text), call.caller.actor, call.now)
    return call.answer({"success": True, "message": "Contact list deleted successfully"})


def _plain_list(text: str) -> int:
    """A list that can be changed. Raises a Refusal for the virtual one and for segments."""
    if text == GLOBAL:
        raise Refusal(400, "GLOBAL_CONTACT_LIST_NOT_ALLOWED", "The global contact list cannot be changed")
    if opaque_ids.number_of_hex("segment", text) is not None:
        raise Refusal(400, "SEGMENT_NOT_ALLOWED", "The contacts of a segment are decided by its criteria")
    return number_of("list", text)


async def _view(call: Call, text: str) -> dict[str, Any]:
    if text == GLOBAL:
        return _global(await segments.count_leads(*call.key))
    segment_id = opaque_ids.number_of_hex("segment", text)
    if segment_id is not None:
        return _segment_view(*await segments.get(*call.key, segment_id))
    return _list_view(*await lists.get(*call.key, number_of("list", text)))


def _global(count: int) -> dict[str, Any]:
    return {"id": GLOBAL, "name": "All Contacts", "description": "", "type": "list", "contactCount": count}


def _list_view(row: ListRow, count: int) -> dict[str, Any]:
    kept = row.extra.get(DOOR, {})
    return {
        "id": id_of("list", row.id),
        "name": row.name,
        "description": kept.get("description", ""),
        "type": "list",
        "parentId": kept.get("parentId"),
        "contactCount": count,
        "projectId": id_of("project", row.workspace_id),
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.created_at),
    }


def _segment_view(row: SegmentRow, count: int) -> dict[str, Any]:
    kept = row.extra.get(DOOR, {})
    return {
        "id": id_of("segment", row.id),
        "name": row.name,
        "description": row.description,
        "type": "segment",
        "parentId": kept.get("parentId"),
        "filterCriteria": kept.get("filterCriteria") or _filter_criteria(row.criteria),
        "contactCount": count,
        "projectId": id_of("project", row.workspace_id),
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
    }


def _filter_criteria(criteria: Mapping[str, Any]) -> dict[str, Any]:
    """Criteria that were written natively, in the vendor's words."""
    groups = [
        {
            "field": one["field"],
            "fieldType": _WORDS[one["kind"]],
            "operator": one["operator"],
            "value": one["value"] if one["upper"] is None else [one["value"], one["upper"]],
        }
        for one in criteria["conditions"]
    ]
    return {"logicalOperator": "AND" if criteria["match"] == "all" else "OR", "groups": groups}


def _segment(name: str, description: str, criteria: Mapping[str, Any], kept: Mapping[str, Any]) -> SegmentDefinition:
    """The segment that filterCriteria describe. Raises Invalid with the vendor's field names."""
    body = Body({f"filterCriteria/{name}": value for name, value in criteria.items()})
    match = body.choice("filterCriteria/logicalOperator", _MATCHES) or "AND"
    groups = criteria.get("groups")
    if not isinstance(groups, list) or not groups or not all(isinstance(one, dict) for one in groups):
        body.refuse("filterCriteria/groups", "filterCriteria.groups must contain at least 1 object", "missing_field")
    body.check()
    assert isinstance(groups, list)
    conditions = []
    for one in groups:
        value = one.get("value")
        low, high = value if isinstance(value, list) and len(value) == 2 else (value, one.get("valueTo"))
        if isinstance(value, dict):
            low, high = (value.get("from", value.get("min")), value.get("to", value.get("max")))
        conditions.append(
            {
                "field": field_name(str(one.get("field", ""))),
                "kind": _KINDS.get(str(one.get("fieldType", "string")), str(one.get("fieldType"))),
                "operator": one.get("operator"),
                "value": _text(low),
                "upper": _text(high),
            }
        )
    data = {
        "name": name,
        "description": description,
        "match": _MATCHES[match],
        "conditions": conditions,
        "extra": {DOOR: dict(kept)},
    }
    try:
        return validate(SegmentDefinition, data)
    except Invalid as error:
        problems = []
        for one in error.problems:
            pointer = (
                (one.pointer or "").replace("/conditions", "/filterCriteria/groups").replace("/kind", "/fieldType")
            )
            problems.append(type(one)(one.code, one.detail, pointer))
        raise Invalid.of(*problems) from error


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
