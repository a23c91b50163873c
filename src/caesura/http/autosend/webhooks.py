"""Webhooks: `/webhooks`. The secret is shown when one is made, and when it is revealed."""

from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, Invalid, Problem
from caesura.domain.numbered_page import Place
from caesura.domain.scopes import Scope
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.values import Body, counted, id_of, leaf, moment, number_of
from caesura.http.autosend.webhook_form import AUTOSEND_WEBHOOKS, EVENTS
from caesura.http.door import Call, Refusal
from caesura.service import numbered_pages, webhooks
from caesura.service.webhooks import Changes, NewWebhook
from caesura.store.webhooks import WebhookRow

DOOR = "autosend"
HIDDEN = "***hidden***"
_ONE = "/webhooks/{webhook_id}"
_MAXIMUM = 100


@AUTOSEND.on("POST", "/webhooks", Scope.WEBHOOKS_WRITE)
async def create_webhook(call: Call) -> Response:
    """A new webhook, with its secret."""
    body = Body(call.fields())
    url, events = body.text("url", 2_000, required=True) or "", body.texts("events", 100, required=True)
    metadata = body.table("metadata")
    body.check()
    new = NewWebhook(url, events, extra={"metadata": dict(metadata)})
    context = call.context
    issued = await webhooks.create(
        context.database,
        context.keyring,
        AUTOSEND_WEBHOOKS,
        context.destinations,
        context.entropy,
        call.workspace_id,
        new,
        call.caller.actor,
        call.now,
    )
    return call.answer({"success": True, "data": {"webhook": _shown(issued.row, issued.secret)}}, 201)


@AUTOSEND.on("GET", "/webhooks", Scope.WEBHOOKS_READ)
async def list_webhooks(call: Call) -> Response:
    """Webhooks, newest first."""
    page, limit = counted("page", call.query("page"), 1, None), counted("limit", call.query("limit"), 50, 100)
    found = await numbered_pages.of_webhooks(*call.key, DOOR, Place(1, _MAXIMUM))
    wanted = {"true": True, "false": False}.get(call.query("isActive") or "")
    rows = [row for row in found.rows if wanted is None or row.active is wanted]
    shown = [_shown(row, HIDDEN) for row in rows[(page - 1) * limit : page * limit]]
    counts = leaf(page, limit, len(rows))
    data = {"webhooks": shown, **{name: counts[name] for name in ("total", "page", "limit", "totalPages")}}
    return call.answer({"success": True, "data": data})


@AUTOSEND.on("GET", "/webhooks/events", Scope.WEBHOOKS_READ)
async def list_webhook_events(call: Call) -> Response:
    """What can be subscribed to."""
    return call.answer({"success": True, "data": {"events": list(EVENTS)}})


@AUTOSEND.on("GET", _ONE, Scope.WEBHOOKS_READ)
async def get_webhook(call: Call) -> Response:
    """One webhook, without its secret."""
    row = await webhooks.get(*call.key, DOOR, _number(call))
    return call.answer({"success": True, "data": {"webhook": _shown(row, HIDDEN)}})


@AUTOSEND.on("PUT", _ONE, Scope.WEBHOOKS_WRITE)
async def update_webhook(call: Call) -> Response:
    """Changes what is given, but for the secret."""
    body = Body(call.fields())
    if "secret" in body.fields:
        body.refuse("secret", "secret is immutable")
    url, events, active = body.text("url", 2_000), body.texts("events", 100), body.flag("isActive")
    if "events" in body.fields and not events:
        body.refuse("events", "events must contain at least 1 item", "missing_field")
    metadata = body.table("metadata")
    body.check()
    changes = Changes(url, events or None, None, active, {"metadata": dict(metadata)} if body.has("metadata") else None)
    context = call.context
    row = await webhooks.change(
        context.database,
        AUTOSEND_WEBHOOKS,
        context.destinations,
        call.workspace_id,
        _number(call),
        changes,
        None,
        call.caller.actor,
        call.now,
    )
    return call.answer({"success": True, "data": {"webhook": _shown(row, HIDDEN)}})


@AUTOSEND.on("GET", f"{_ONE}/reveal", Scope.WEBHOOKS_WRITE)
async def reveal_webhook(call: Call) -> Response:
    """The secret."""
    context = call.context
    secret = await webhooks.reveal(context.database, context.keyring, call.workspace_id, DOOR, _number(call))
    return call.answer({"success": True, "data": {"secret": secret}})


@AUTOSEND.on("POST", f"{_ONE}/resend", Scope.WEBHOOKS_WRITE)
async def resend_webhook(call: Call) -> Response:
    """Sends what the request gives, as an event that the webhook is subscribed to."""
    body = Body(call.fields())
    event, data = body.text("event", 100, required=True) or "", body.table("data")
    body.check()
    row = await webhooks.get(*call.key, DOOR, _number(call))
    if event not in row.events:
        raise Refusal(400, "WEBHOOK_NOT_SUBSCRIBED", f"Webhook is not subscribed to this event: {event}")
    try:
        delivery = await webhooks.send(
            call.context.database, AUTOSEND_WEBHOOKS, call.workspace_id, row.id, event, data, call.now
        )
    except Conflict as error:
        raise Invalid.of(Problem("webhook_disabled", "The webhook is not active", "/isActive")) from error
    answer = {"jobId": id_of("delivery", delivery.id)}
    return call.answer({"success": True, "message": "Webhook queued for delivery", "data": answer, **answer})


@AUTOSEND.on("DELETE", _ONE, Scope.WEBHOOKS_WRITE)
async def delete_webhook(call: Call) -> Response:
    """Deletes a webhook, and what was still to be sent to it."""
    await webhooks.delete(*call.key, DOOR, _number(call), call.caller.actor, call.now)
    return call.answer({"success": True, "message": "Webhook deleted successfully"})


def _number(call: Call) -> int:
    return number_of("webhook", call.path("webhook_id"))


def _shown(row: WebhookRow, secret: str) -> dict[str, Any]:
    return {
        "id": id_of("webhook", row.id),
        "organizationId": id_of("organization", 1),
        "projectId": id_of("project", row.workspace_id),
        "url": row.url,
        "secret": secret,
        "events": list(row.events),
        "isActive": row.active,
        "metadata": row.extra.get("metadata", {}),
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
    }
