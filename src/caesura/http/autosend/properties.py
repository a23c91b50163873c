"""Properties: `/contact-properties`. What the custom fields of contacts are."""

from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict
from caesura.domain.scopes import Scope
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.handlebars import field_name
from caesura.http.autosend.values import Body, id_of, moment
from caesura.http.door import Call, Refusal
from caesura.service import lead_properties
from caesura.store.lead_properties import PropertyRow

KINDS = {"string": "text", "number": "number", "boolean": "truth", "date": "date"}
RESERVED = frozenset(
    {
        "firstName",
        "first_name",
        "lastName",
        "last_name",
        "email",
        "mobile",
        "unsubscribed",
        "unsubscribe",
        "unsubscribe_groups",
        "unsubscribe_preferences",
        "userId",
        "externalId",
        "createdAt",
        "updatedAt",
        "contactLists",
        "address",
        "address_line_1",
        "address_line_2",
        "city",
        "state",
        "zip",
        "country",
    }
)
# As custom fields they would be one with these.
_TAKEN = frozenset({"email", "first_name", "last_name"})
_WORDS = {ours: theirs for theirs, ours in KINDS.items()}


@AUTOSEND.on("POST", "/contact-properties", Scope.LEADS_WRITE)
async def create_contact_property(call: Call) -> Response:
    """A new property; `fieldName` and `fieldType` are older names of the two that are required."""
    given = call.fields()
    renamed = {"fieldName": "name", "fieldType": "type"}
    body = Body({**{renamed[name]: given[name] for name in renamed if name in given}, **given})
    name = (body.text("name", 64, required=True) or "").strip()
    if not body.has("type"):
        body.refuse("type", "type is required", "missing_field")
    kind = body.choice("type", KINDS)
    description = body.text("description", 500) or ""
    if name in RESERVED or field_name(name) in _TAKEN:
        body.refuse("name", f"{name} is a reserved property name")
    elif name and not field_name(name):
        body.refuse("name", "name must contain a letter or a digit")
    body.check()
    extra = {"autosend": {"name": name}}
    try:
        row = await lead_properties.create(*call.key, field_name(name), KINDS[kind or ""], description, extra, call.now)
    except Conflict as error:
        if error.code != "name_taken":
            raise
        raise Refusal(400, "CONTACT_PROPERTY_ALREADY_EXISTS", error.detail) from error
    answer = {"success": True, "data": _shown(row), "message": "Contact property created successfully"}
    return call.answer(answer, 201)


@AUTOSEND.on("GET", "/contact-properties", Scope.LEADS_READ)
async def list_contact_properties(call: Call) -> Response:
    """All properties."""
    rows = await lead_properties.all_of(*call.key)
    return call.answer({"success": True, "data": {"properties": [_shown(row) for row in rows]}})


def _shown(row: PropertyRow) -> dict[str, Any]:
    name, kind = row.extra.get("autosend", {}).get("name", row.name), _WORDS[row.kind]
    return {
        "id": id_of("property", row.id),
        "name": name,
        "type": kind,
        "fieldName": name,
        "fieldType": kind,
        "description": row.description,
        "projectId": id_of("project", row.workspace_id),
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
    }
