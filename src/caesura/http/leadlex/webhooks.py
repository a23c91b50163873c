"""Webhooks, and the log of what was sent to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import NotFound
from caesura.http.door import Call, Support
from caesura.http.leadlex.door import LEADLEX, data, moment, number, page, place, shown, wrong
from caesura.http.leadlex.values import text, texts, truth
from caesura.http.leadlex.webhook_form import LEADLEX_WEBHOOKS
from caesura.service import webhooks
from caesura.service.webhooks import Changes, NewWebhook
from caesura.store.webhooks import AttemptRow, DeliveryRow, WebhookRow

DESCRIPTION_LENGTH = 200
DIALECT = LEADLEX_WEBHOOKS.dialect
_OUTCOMES: Mapping[str | None, str] = {"delivered": "success", "failed": "failed"}
_STATES = ("success", "failed", "pending")
_CAME_THROUGH: Mapping[str, bool] = {"success": True, "failed": False}
_WAITING = ["pending"]
_ERRORS = frozenset({"timeout", "connection_refused", "dns_failure"})
_GIVEN = ("url", "events", "description", "active")
_PART = "some events never happen here: see the door's page"


def _view(row: WebhookRow) -> dict[str, Any]:
    return {
        **row.extra,
        "id": shown("webhook", row.id),
        "url": row.url,
        "events": list(row.events),
        "description": row.description,
        "active": row.active,
        "last_delivery_status": _OUTCOMES.get(row.last_status),
        "last_delivery_at": moment(row.last_at),
        "created_at": moment(row.created_at),
    }


@LEADLEX.on("GET", "/v1/webhooks", "webhooks:read")
async def list_webhooks(call: Call) -> Response:
    """All of them."""
    rows = await webhooks.page(*call.key, DIALECT, None, webhooks.MAXIMUM)
    return data(call, {"webhooks": [_view(row) for row in rows]})


@LEADLEX.on("POST", "/v1/webhooks", "webhooks:write", support=Support.PART, note=_PART)
async def create_webhook(call: Call) -> Response:
    """With its secret, which is shown here and never again."""
    body = call.fields()
    active = truth(body, "active")
    new = NewWebhook(
        text(body, "url") or "", _events(body) or (), _description(body), active is not False, extra=_kept(body)
    )
    context = call.context
    issued = await webhooks.create(
        context.database,
        context.keyring,
        LEADLEX_WEBHOOKS,
        context.destinations,
        context.entropy,
        call.workspace_id,
        new,
        call.caller.actor,
        call.now,
    )
    return data(call, {"webhook": {**_view(issued.row), "secret": issued.secret}, "secret": issued.secret}, 201)


@LEADLEX.on("PATCH", "/v1/webhooks/{webhook_id}", "webhooks:write", support=Support.PART, note=_PART)
async def change_webhook(call: Call) -> Response:
    """`events` replaces those that there are; the secret stays."""
    body = call.fields()
    before = await webhooks.get(*call.key, DIALECT, _number(call))
    changes = Changes(
        text(body, "url"), _events(body), _description(body), truth(body, "active"), {**before.extra, **_kept(body)}
    )
    where = (call.workspace_id, before.id)
    destinations = call.context.destinations
    row = await webhooks.change(
        call.context.database, LEADLEX_WEBHOOKS, destinations, *where, changes, None, call.caller.actor, call.now
    )
    return data(call, {"webhook": {**_view(row), "updated_at": moment(row.updated_at)}})


@LEADLEX.on("DELETE", "/v1/webhooks/{webhook_id}", "webhooks:write")
async def delete_webhook(call: Call) -> Response:
    """At once, with what was still to be sent to it."""
    webhook_id = _number(call)
    await webhooks.delete(*call.key, DIALECT, webhook_id, call.caller.actor, call.now)
    return data(call, {"deleted": True, "id": shown("webhook", webhook_id)})


@LEADLEX.on(
    "GET",
    "/v1/webhooks/{webhook_id}/logs",
    "webhooks:read",
)
async def webhook_logs(call: Call) -> Response:
    """An entry for each attempt, newest first. Those with the status `pending` are deliveries that still wait."""
    webhook_id, wanted, word = _number(call), place(call), call.query("status")
    if word and word not in _STATES:
        raise wrong("status", f"must be one of {', '.join(_STATES)}")
    where = (*call.key, DIALECT, webhook_id)
    if word == "pending":
        rows = await webhooks.deliveries(*where, None, _WAITING, wanted.size, wanted.offset)
        total = await webhooks.count_deliveries(*where, _WAITING)
        return page(call, "logs", [_waiting(row) for row in rows], wanted, total)
    found = await webhooks.attempt_log(*where, _CAME_THROUGH.get(word or ""), wanted)
    return page(call, "logs", [_attempt(row, name) for row, name in found.rows], wanted, found.total)


def _waiting(row: DeliveryRow) -> dict[str, Any]:
    told = _entry(row, row.id, row.name, "pending")
    return {**told, "attempt": row.attempts, "delivered_at": moment(row.attempted_at)}


def _attempt(row: AttemptRow, name: str) -> dict[str, Any]:
    told = _entry(row, row.delivery_id, name, "success" if row.error is None else "failed")
    return {**told, "attempt": row.number, "delivered_at": moment(row.at)}


def _entry(row: DeliveryRow | AttemptRow, delivery_id: int, name: str, status: str) -> dict[str, Any]:
    return {
        "delivery_id": shown("delivery", delivery_id),
        "event": name,
        "status": status,
        "response_status_code": row.status_code,
        "response_body": row.response.decode("utf-8", "replace") if row.response is not None else None,
        "duration_ms": row.duration_ms,
        "error": row.error if row.error in _ERRORS or row.error is None else "http_error",
    }


def _events(body: Mapping[str, Any]) -> Sequence[str] | None:
    return texts(body, "events")


def _description(body: Mapping[str, Any]) -> str | None:
    return text(body, "description", DESCRIPTION_LENGTH)


def _kept(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _GIVEN}


def _number(call: Call) -> int:
    return number("webhook", call.path("webhook_id"), NotFound("webhook_not_found", "No webhook with this ID"))
