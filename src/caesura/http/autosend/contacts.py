"""Contacts: `/contacts`. A contact is a lead; its custom fields are the lead's other fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.lead_entry import LeadInput
from caesura.domain.scopes import Scope
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.handlebars import field_name
from caesura.http.autosend.values import Body, id_of, moment, number_of, scalars
from caesura.http.door import Call, Refusal
from caesura.service import leads, lists
from caesura.service.leads import LeadFate
from caesura.store.leads import LeadRow

DOOR = "autosend"
MAXIMUM_BULK = 100
MAXIMUM_ADDRESSES = 1_000
_NAMES = {"firstName": "first_name", "lastName": "last_name"}
_KNOWN = frozenset({"email", "userId", "listIds", "customFields", "runWorkflow", *_NAMES})


def shown(row: LeadRow) -> dict[str, Any]:
    """A contact. Custom fields have the names that they were given under, where they were given here."""
    kept = _kept(row)
    given = kept.get("customFields", {})
    custom = {name: value for name, value in given.items() if not _is_field(value)}
    names = {field_name(name): name for name, value in given.items() if _is_field(value)}
    custom |= {
        names.get(name, name): value for name, value in row.fields.items() if name not in ("first_name", "last_name")
    }
    return {
        "id": id_of("contact", row.id),
        "email": row.address,
        "firstName": row.fields.get("first_name"),
        "lastName": row.fields.get("last_name"),
        "userId": kept.get("userId"),
        "customFields": custom,
        "projectId": id_of("project", row.workspace_id),
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
    }


@AUTOSEND.on("POST", "/contacts", Scope.LEADS_WRITE)
async def create_contact(call: Call) -> Response:
    """A new contact; one of this address is changed."""
    row, fate = await _save(call, Body(call.fields()))
    return call.answer({"success": True, "data": row}, 201 if fate is LeadFate.CREATED else 200)


@AUTOSEND.on("POST", "/contacts/email", Scope.LEADS_WRITE)
async def upsert_contact(call: Call) -> Response:
    """The contact of this address, new or changed."""
    row, _ = await _save(call, Body(call.fields()))
    return call.answer({"success": True, "data": row})


@AUTOSEND.on(
    "POST",
    "/contacts/bulk-update",
    Scope.LEADS_WRITE,
    note="Workflows do not exist here: runWorkflow is not looked at.",
)
async def bulk_update_contacts(call: Call) -> Response:
    """At most 100 contacts, new or changed. A wrong one does not keep the others back."""
    body = Body(call.fields())
    body.flag("runWorkflow")
    given = body.fields.get("contacts")
    if not isinstance(given, list) or not 1 <= len(given) <= MAXIMUM_BULK:
        body.refuse("contacts", f"contacts must contain between 1 and {MAXIMUM_BULK} items")
    body.check()
    assert isinstance(given, list)
    known = await _known(call, [one.get("email") for one in given if isinstance(one, dict)])
    inputs: dict[str, LeadInput] = {}
    addresses = []
    for one in given:
        fields = Body(one if isinstance(one, dict) else {})
        lead = _input(fields, known.get(str(fields.fields.get("email", "")).strip().casefold()))
        if not fields.problems:
            inputs[lead.address] = _together(inputs[lead.address], lead) if lead.address in inputs else lead
            addresses.append(lead.address)
    outcomes = await leads.save_many(*call.key, list(inputs.values()), False, call.caller.actor, call.now)
    rejected = {one for one, outcome in zip(inputs, outcomes, strict=True) if outcome.fate is LeadFate.REJECTED}
    saved = sum(one not in rejected for one in addresses)
    data = {"successCount": saved, "failedCount": len(given) - saved, "totalCount": len(given)}
    return call.answer({"success": True, "data": data, **data})


@AUTOSEND.on("POST", "/contacts/search/emails", Scope.LEADS_READ)
async def search_contacts(call: Call) -> Response:
    """The contacts of these addresses."""
    body = Body(call.fields())
    addresses = body.texts("emails", MAXIMUM_ADDRESSES, required=True)
    body.check()
    rows = await leads.find_many(*call.key, addresses)
    return call.answer({"success": True, "data": {"contacts": [shown(row) for row in rows]}})


@AUTOSEND.on(
    "POST", "/contacts/remove", Scope.LEADS_WRITE, note="Who is or was in a campaign stays: what was sent is on record."
)
async def remove_contacts(call: Call) -> Response:
    """Deletes the contacts of these addresses; answers the ids of those that were deleted."""
    body = Body(call.fields())
    addresses = body.texts("emails", MAXIMUM_ADDRESSES, required=True)
    body.check()
    removed = []
    for row in await leads.find_many(*call.key, addresses):
        try:
            await leads.delete(*call.key, row.id, call.caller.actor, call.now)
        except (Conflict, NotFound):
            continue
        removed.append(id_of("contact", row.id))
    return call.answer({"success": True, "data": {"removed": removed}})


@AUTOSEND.on("DELETE", "/contacts/email/userId/{user_id}", Scope.LEADS_WRITE)
async def delete_contact_by_user_id(call: Call) -> Response:
    """Deletes the contact of this user id."""
    user_id = call.path("user_id")
    # The database knows no NUL, so nobody has it in theirs.
    row = None if "\0" in user_id else await leads.find_kept(*call.key, {DOOR: {"userId": user_id}})
    if row is None:
        raise NotFound("lead_not_found", "there is no such lead")
    return await _delete(call, row.id)


@AUTOSEND.on("GET", "/contacts/{contact_id}", Scope.LEADS_READ)
async def get_contact(call: Call) -> Response:
    """One contact."""
    row = await leads.get(*call.key, number_of("contact", call.path("contact_id")))
    return call.answer({"success": True, "data": shown(row)})


@AUTOSEND.on("DELETE", "/contacts/{contact_id}", Scope.LEADS_WRITE)
async def delete_contact(call: Call) -> Response:
    """Deletes a contact that was in no campaign."""
    return await _delete(call, number_of("contact", call.path("contact_id")))


async def _delete(call: Call, lead_id: int) -> Response:
    try:
        await leads.delete(*call.key, lead_id, call.caller.actor, call.now)
    except Conflict as error:
        # The vendor answers 500, which its client would try again in vain.
        raise Refusal(400, "CONTACT_DELETION_FAILED", f"Failed to delete contact: {error.detail}") from error
    return call.answer({"success": True, "message": "Contact deleted successfully"})


async def _save(call: Call, body: Body) -> tuple[dict[str, Any], LeadFate]:
    address = body.text("email", required=True)
    known = await _known(call, [address])
    lead = _input(body, known.get((address or "").strip().casefold()))
    list_ids = [number_of("list", one) for one in body.texts("listIds", 100)]
    body.check()
    for list_id in list_ids:
        await lists.get(*call.key, list_id)
    row, fate = await leads.save(*call.key, lead, False, call.caller.actor, call.now)
    for list_id in list_ids:
        await lists.add(*call.key, list_id, [row.id], call.caller.actor, call.now)
    return {**shown(row), "listIds": [id_of("list", one) for one in list_ids]}, fate


async def _known(call: Call, addresses: Sequence[object]) -> Mapping[str, LeadRow]:
    """The leads that are there already, by their addresses as they are given."""
    texts = [one for one in addresses if isinstance(one, str)]
    return {row.address.casefold(): row for row in await leads.find_many(*call.key, texts)}


def _input(body: Body, known: LeadRow | None) -> LeadInput:
    """The lead that a body describes; its address is in lower case, as the vendor keeps it."""
    address = body.text("email", required=True) or ""
    body.text("userId", 200)
    given = {ours: body.text(theirs, 1_000) for theirs, ours in _NAMES.items() if theirs in body.fields}
    custom = body.table("customFields")
    others = {name: value for name, value in body.fields.items() if name not in _KNOWN}
    fields = {**_fields({**others, **custom}), **given}
    kept: dict[str, Any] = {}
    if body.has("userId"):
        kept["userId"] = body.fields["userId"]
    if custom or others:
        before = _kept(known).get("customFields", {}) if known else {}
        kept["customFields"] = {**before, **others, **custom}
    return LeadInput(address.strip().lower(), fields, extra={DOOR: kept} if kept else {})


def _together(first: LeadInput, second: LeadInput) -> LeadInput:
    """A contact that is given twice: what the second says goes before."""
    kept, more = first.extra.get(DOOR, {}), second.extra.get(DOOR, {})
    custom = {**kept.get("customFields", {}), **more.get("customFields", {})}
    both = {**kept, **more, **({"customFields": custom} if custom else {})}
    return LeadInput(first.address, {**first.fields, **second.fields}, extra={DOOR: both} if both else {})


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    return {our: value for name, value in scalars(given).items() if (our := field_name(name)) and our != "email"}


def _is_field(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _kept(row: LeadRow) -> Mapping[str, Any]:
    found = row.extra.get(DOOR, {})
    return found if isinstance(found, dict) else {}
