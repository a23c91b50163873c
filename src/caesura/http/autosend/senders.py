"""Senders: `/senders`. A sender is a mailbox; a new one joins those of its domain, which must be there already."""

from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.scopes import Scope
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.values import Body, id_of, number_of
from caesura.http.door import Call, Refusal
from caesura.service import mailboxes, senders
from caesura.store.mailboxes import MailboxRow

_PAGE = 500


@AUTOSEND.on(
    "POST",
    "/senders",
    Scope.MAILBOXES_WRITE,
    note="The domain is verified when a mailbox has it; its first one is made natively.",
)
async def create_sender(call: Call) -> Response:
    """A sender of a domain that is there, over the same server."""
    body = Body(call.fields())
    address = body.text("email", required=True) or ""
    name, reply_to = body.text("name", 200), body.text("replyTo")
    body.check()
    try:
        row = await senders.add_beside(
            call.context.database,
            call.context.keyring,
            call.workspace_id,
            address,
            name or None,
            reply_to or None,
            call.caller.actor,
            call.now,
        )
    except NotFound as error:
        raise Refusal(400, "DOMAIN_NOT_VERIFIED", "Domain not verified") from error
    except Conflict as error:
        raise Refusal(400, "SENDER_ALREADY_EXISTS", "Authenticated sender already exists") from error
    data = {"sender": _shown(row), "projectId": id_of("project", row.workspace_id)}
    return call.answer({"success": True, "data": data, "message": "Authenticated sender added successfully"}, 201)


@AUTOSEND.on("GET", "/senders", Scope.MAILBOXES_READ)
async def list_senders(call: Call) -> Response:
    """All senders."""
    rows: list[MailboxRow] = []
    while page := await mailboxes.page(*call.key, rows[-1].id if rows else None, _PAGE):
        rows += page
    return call.answer({"success": True, "data": {"senders": [_shown(row) for row in rows]}})


@AUTOSEND.on("GET", "/senders/{sender_id}", Scope.MAILBOXES_READ)
async def get_sender(call: Call) -> Response:
    """One sender."""
    row = await mailboxes.get(*call.key, number_of("sender", call.path("sender_id")))
    if row.archived:
        raise NotFound("mailbox_not_found", "there is no such mailbox")
    data = {"sender": _shown(row), "projectId": id_of("project", row.workspace_id)}
    return call.answer({"success": True, "data": data})


@AUTOSEND.on("DELETE", "/senders/{sender_id}", Scope.MAILBOXES_WRITE)
async def delete_sender(call: Call) -> Response:
    """Takes a sender out of use, unless a campaign that is not at an end needs it."""
    number = number_of("sender", call.path("sender_id"))
    try:
        await senders.retire(*call.key, number, call.caller.actor, call.now)
    except Conflict as error:
        message = "Cannot delete sender: it is used by active campaigns"
        raise Refusal(400, "SENDER_IN_USE", message) from error
    return call.answer({"success": True, "message": "Authenticated sender deleted successfully"})


def _shown(row: MailboxRow) -> dict[str, Any]:
    return {
        "id": id_of("sender", row.id),
        "email": row.address,
        "name": row.definition.get("from_name"),
        "replyTo": row.definition.get("reply_to"),
    }
