"""Webhooks: made, and taken away again."""

from typing import Any

from starlette.responses import Response

from caesura.domain.errors import NotFound
from caesura.domain.scopes import Scope
from caesura.http.door import Call
from caesura.http.leadterra.door import LEADTERRA, WEBHOOK, kept, moment, number, required, shown, wrong
from caesura.http.leadterra.webhook_form import LEADTERRA_WEBHOOKS
from caesura.service import webhooks
from caesura.service.webhooks import NewWebhook
from caesura.store.webhooks import WebhookRow


@LEADTERRA.on("POST", "/v1/webhooks", Scope.WEBHOOKS_WRITE)
async def create_webhook(call: Call) -> Response:
    """A webhook that is told what happens from now on; `signingSecret` is shown here only."""
    given = call.fields()
    url = required(given, "url", str, "a string")
    names = required(given, "events", list, "an array of strings")
    if not all(isinstance(one, str) for one in names):
        raise wrong("/events", "events must be an array of strings")
    extra = {name: value for name, value in given.items() if name not in ("url", "events")}
    context = call.context
    issued = await webhooks.create(
        context.database,
        context.keyring,
        LEADTERRA_WEBHOOKS,
        context.destinations,
        context.entropy,
        call.workspace_id,
        NewWebhook(url, names, extra=kept(extra)),
        call.caller.actor,
        call.now,
    )
    return call.answer({**_view(issued.row), "signingSecret": issued.secret}, 201)


@LEADTERRA.on("DELETE", "/v1/webhooks/{webhook_id}", Scope.WEBHOOKS_WRITE)
async def delete_webhook(call: Call) -> Response:
    """Takes a webhook away, and what was still to be sent to it."""
    missing = NotFound("webhook_not_found", "there is no such webhook")
    webhook_id = number(WEBHOOK, call.path("webhook_id"), missing)
    await webhooks.delete(*call.key, LEADTERRA.name, webhook_id, call.caller.actor, call.now)
    return call.empty(204)


def _view(row: WebhookRow) -> dict[str, Any]:
    return {
        "id": shown(WEBHOOK, row.id),
        "url": row.url,
        "events": list(row.events),
        "status": "active" if row.active else "disabled",
        "createdAt": moment(row.created_at),
    }
