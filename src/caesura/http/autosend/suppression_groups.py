"""Suppression groups: `/suppression-groups`. The global one is who gets nothing at all."""

import re
from datetime import datetime
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.numbered_page import Place
from caesura.domain.scopes import Scope
from caesura.http import opaque_ids
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.values import Body, id_of, leaf, moment
from caesura.http.door import Call, Refusal
from caesura.service import suppression_groups, suppressions
from caesura.service.suppressions import MAXIMUM_AT_ONCE
from caesura.store.suppression_groups import EntryChoice, GroupRow

DOOR = "autosend"
GLOBAL = "GLOBAL"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Five digits of base 36, like the vendor's; numbers begin where they have five.
_FIRST = 36**4
# The vendor writes causes in one form and reads them in another: (ours, as written, as read).
_CAUSES = (
    ("unsubscribed", "unsubscribed", "UNSUBSCRIBE"),
    ("bounced", "bounced", "BOUNCE"),
    ("complained", "spam_complaint", "SPAM_COMPLAINT"),
    ("manual", "manual", "MANUAL"),
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_OURS = {word.casefold(): ours for ours, *words in _CAUSES for word in words}
_SHOWN = {ours: shown for ours, _, shown in _CAUSES}


def code_of(number: int) -> str:
    """A group's short id, such as 20XWO."""
    text, rest = "", number + _FIRST
    while rest:
        rest, digit = divmod(rest, 36)
        text = _DIGITS[digit] + text
    return text


def group_of(text: str | None) -> int | None:
    """Our number of a group by either of its ids; None for the global one, and for no id. Raises NotFound."""
    if text is None or text == GLOBAL or opaque_ids.number_of_hex("global-group", text) is not None:
        return None
    number = opaque_ids.number_of_hex("group", text)
    if number is None and text.isascii() and text.isalnum() and 5 <= len(text) <= 10:
        number = int(text, 36) - _FIRST
    if number is None or number < 1:
        raise NotFound("suppression_group_not_found", "there is no such group")
    return number


def refuse_bypass(*given: object) -> None:
    """Who is suppressed is never written to, whatever a request or a recipient in it says. Raises a Refusal."""
    for one in given:
        if isinstance(one, dict) and one.get("bypassSuppressions"):
            raise AUTOSEND.unsupported("writing to who is suppressed (bypassSuppressions)")


@AUTOSEND.on("GET", "/suppression-groups", Scope.LEADS_READ)
async def list_suppression_groups(call: Call) -> Response:
    """The groups; with includeGlobal=true the global one first."""
    groups = [_shown(row) for row in await suppression_groups.all_of(*call.key)]
    if call.query("includeGlobal") == "true":
        place = Place(1, 1)
        total = (await suppression_groups.entries(*call.key, None, EntryChoice(), place)).total
        groups.insert(0, _global(call, total))
    return call.answer({"success": True, "data": {"groups": groups}})


@AUTOSEND.on("POST", "/suppression-groups", Scope.LEADS_WRITE)
async def create_suppression_group(call: Call) -> Response:
    """A new group."""
    body = Body(call.fields())
    name, description = body.text("name", 200, required=True) or "", body.text("description", 500) or ""
    active = body.flag("isActive")
    body.check()
    try:
        row = await suppression_groups.create(
            *call.key, name, description, call.caller.actor, call.now, {DOOR: {"isActive": active is not False}}
        )
    except Conflict as error:
        if error.code != "name_taken":
            raise
        raise Refusal(400, "GROUP_ALREADY_EXISTS", "A group with this name already exists") from error
    return call.answer({"success": True, "data": _shown(row)}, 201)


@AUTOSEND.on("DELETE", "/suppression-groups/{group_id}", Scope.LEADS_WRITE)
async def delete_suppression_group(call: Call) -> Response:
    """Deletes a group, with the refusals in it."""
    number = group_of(call.path("group_id"))
    if number is None:
        raise Refusal(400, "CANNOT_DELETE_GLOBAL_GROUP", "The global suppression group cannot be deleted")
    await suppression_groups.delete(*call.key, number, call.caller.actor, call.now)
    return call.answer({"success": True, "message": "Suppression group deleted successfully"})


@AUTOSEND.on("POST", "/suppression-groups/emails/suppress", Scope.LEADS_WRITE)
async def suppress_emails(call: Call) -> Response:
    """These addresses get nothing of a group any more, or without one nothing at all."""
    body = Body(call.fields())
    addresses = body.texts("emails", MAXIMUM_AT_ONCE, required=True)
    group, reason = body.text("groupId"), body.text("reason", 100)
    is_global = body.flag("isGlobal")
    body.check()
    cause = _OURS.get((reason or "").casefold(), "manual")
    number = None if is_global else group_of(group)
    keys = suppression_groups.address_keys(addresses, "/emails")
    if number is None:
        done = await suppressions.suppress_many(*call.key, keys, call.caller.actor, call.now, cause)
        count = done.added
    else:
        count = await suppression_groups.refuse(*call.key, number, addresses, cause, call.caller.actor, call.now)
    return call.answer({"success": True, "data": {"suppressed": count}, "suppressed": count})


@AUTOSEND.on("POST", "/suppression-groups/entries", Scope.LEADS_READ)
async def list_suppression_entries(call: Call) -> Response:
    """Who is in a group, newest first."""
    body = Body(call.fields())
    group, reason = body.text("groupId"), body.text("reason", 100)
    page, limit = body.whole("page", 1) or 1, body.whole("limit", 1, 100) or 20
    since, until = _bound(body, "startDate", "00:00:00Z"), _bound(body, "endDate", "23:59:59.999999Z")
    is_global = body.flag("isGlobal")
    body.check()
    number = None if is_global else group_of(group)
    causes = None if reason is None else [_OURS.get(reason.casefold(), reason)]
    choice = EntryChoice(causes, since, until)
    found = await suppression_groups.entries(*call.key, number, choice, Place(page, limit))
    shown_group = GLOBAL if number is None else code_of(number)
    entries = [
        {
            "id": f"{shown_group}:{one.value}",
            "email": one.value,
            "groupId": shown_group,
            "reason": _SHOWN.get(one.cause, one.cause.upper()),
            "isGlobal": number is None,
            "createdAt": moment(one.created_at),
        }
        for one in found.rows
    ]
    data = {"entries": entries, "pagination": leaf(page, limit, found.total)}
    return call.answer({"success": True, "data": data})


def _bound(body: Body, name: str, time: str) -> datetime | None:
    """A moment; for a day alone, `time` of it."""
    given = body.fields.get(name)
    if isinstance(given, str) and _DAY.fullmatch(given):
        return Body({name: f"{given}T{time}"}).instant(name) or body.instant(name)
    return body.instant(name)


def _shown(row: GroupRow) -> dict[str, Any]:
    return {
        "id": id_of("group", row.id),
        "groupId": code_of(row.id),
        "name": row.name,
        "description": row.description,
        "isGlobal": False,
        "isActive": row.extra.get(DOOR, {}).get("isActive", True),
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
        "suppressionCount": row.members,
    }


def _global(call: Call, count: int) -> dict[str, Any]:
    return {
        "id": id_of("global-group", call.workspace_id),
        "groupId": GLOBAL,
        "name": "Global",
        "description": "Nothing at all is sent to these.",
        "isGlobal": True,
        "isActive": True,
        "createdAt": None,
        "updatedAt": None,
        "suppressionCount": count,
    }
