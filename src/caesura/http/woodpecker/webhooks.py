"""Webhooks: subscriptions to single events, and what is told of them, in arrays of up to 100, without a signature."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from caesura.domain.scopes import Scope
from caesura.domain.webhook_form import Facts, Notice, Occurrence, Parcel, WebhookForm
from caesura.http.door import Call, Refusal, Support
from caesura.http.woodpecker import reading
from caesura.http.woodpecker import webhook_items as items
from caesura.http.woodpecker.door import WOODPECKER, instant
from caesura.service import webhooks
from caesura.service.webhooks import Changes, NewWebhook
from caesura.store.webhooks import WebhookRow

MAXIMUM_OF_AN_EVENT = 3

# Which are told of here. The others can be subscribed to, and nothing comes: what they tell of does not happen here.
_INBOUND = {
    "reply": "prospect_replied",
    "auto_reply": "prospect_autoreplied",
    "bounce": "prospect_bounced",
    "complaint": "prospect_blacklisted",
    "unsubscribe": "prospect_opt_out",
}
_CLASSIFIED = {
    "interested": "prospect_interested",
    "maybe_later": "prospect_maybe_later",
    "not_interested": "prospect_not_interested",
}
_PLAIN = {
    "lead.created": "prospect_saved",
    "lead.updated": "prospect_saved",
    "enrollment.finished": "prospect_non_responsive",
    "message.sent": "campaign_sent",
    "campaign.completed": "campaign_completed",
}
# A single message is no campaign to the vendor: an answer of the inbox, or what another door sends.
_OF_SEQUENCES = ("enrollment.finished", "message.sent", "campaign.completed")
_SHIELD = "campaign_paused_by_bounce_shield"
_NEVER_TOLD = (
    "prospect_invalid",
    "link_clicked",
    "email_opened",
    "followup_after_autoreply",
    "secondary_replied",
    "task_created",
    "task_done",
    "task_ignored",
    "linkedin_automation_connection_request_accepted",
    "linkedin_automation_account_connected",
    "linkedin_automation_account_disconnected",
)


class WoodpeckerForm:
    """As `WebhookForm` says."""

    dialect = "woodpecker"
    names = frozenset((*_INBOUND.values(), *_CLASSIFIED.values(), *_PLAIN.values(), _SHIELD, *_NEVER_TOLD))
    batch = 100
    retries = (60.0, 300.0, 1_500.0, 7_200.0, 21_600.0, 43_200.0, 86_400.0)
    timeout = 15.0
    unsubscribing = frozenset({310, 410})

    def new_secret(self, entropy: Callable[[int], bytes]) -> str:
        """Nothing is signed; there is one because every webhook has one."""
        return entropy(32).hex()

    def translate(self, event: Occurrence, facts: Facts) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """At most one of the vendor's events."""
        name = _name(event)
        is_single = facts.campaigns.get(event.campaign_id or 0, {}).get("kind") == "single"
        if name is None or (is_single and event.kind in _OF_SEQUENCES):
            return ()
        item: dict[str, Any] = {"method": name}
        if name == "campaign_completed":
            item["campaign"] = items.campaign(event, facts)
        elif name == _SHIELD:
            item["campaign"] = items.shielded_campaign(event, facts)
        else:
            item["prospect"] = items.prospect(event, facts)
            email = items.email(event, facts)
            item |= {} if email is None else {"email": email}
        return [(name, item | {"timestamp": instant(event.at), "firm_id": event.workspace_id})]

    def body(self, notices: Sequence[Notice]) -> bytes:
        """A JSON array."""
        return msgspec.json.encode([notice.data for notice in notices])

    def headers(self, parcel: Parcel, secrets: Sequence[str], now: datetime) -> Mapping[str, str]:
        """The vendor documents no signature."""
        return {"Content-Type": "application/json", "User-Agent": "Caesura-Webhooks/1.0"}


WOODPECKER_WEBHOOKS: WebhookForm = WoodpeckerForm()
"""What `http.webhook_forms` has of this door."""


def _name(event: Occurrence) -> str | None:
    if event.kind == "inbound.received":
        return _INBOUND.get(str(event.data.get("kind")))
    if event.kind == "inbound.classified":
        return _CLASSIFIED.get(str(event.data.get("classification")))
    if event.kind == "campaign.paused" and event.data.get("cause") == "bounce_threshold":
        return _SHIELD
    return _PLAIN.get(event.kind)


_NEVER = "opens, clicks, tasks and LinkedIn can be subscribed to and are never told of"


@WOODPECKER.on("POST", "/v1/webhooks/subscribe", Scope.WEBHOOKS_WRITE, support=Support.PART, note=_NEVER)
@WOODPECKER.on("POST", "/v2/webhooks/subscribe", Scope.WEBHOOKS_WRITE, support=Support.PART, note=_NEVER)
async def subscribe_webhook(call: Call) -> Response:
    """One event to one address; at most three addresses for an event."""
    url, name = _given(call)
    rows = [row for row in await _rows(call) if name in row.events]
    known = next((row for row in rows if row.url == url), None)
    if known is not None and known.active:
        raise Refusal(409, "E_WRONG_PARAM", "Event defined for this url.")
    if sum(row.active for row in rows) >= MAXIMUM_OF_AN_EVENT:
        message = f"You can only subscribe to the same webhook {MAXIMUM_OF_AN_EVENT} times per one account."
        raise Refusal(409, "E_WRONG_PARAM", message)
    context, actor = call.context, call.caller.actor
    if known is not None:
        key = (context.database, WOODPECKER_WEBHOOKS, context.destinations, call.workspace_id)
        await webhooks.change(*key, known.id, Changes(active=True), None, actor, call.now)
    else:
        tools = (context.keyring, WOODPECKER_WEBHOOKS, context.destinations, context.entropy)
        await webhooks.create(context.database, *tools, call.workspace_id, NewWebhook(url, (name,)), actor, call.now)
    return call.answer({"target_url": url, "event": name, "message": "Subscribed."}, 201)


@WOODPECKER.on("POST", "/v1/webhooks/unsubscribe", Scope.WEBHOOKS_WRITE)
@WOODPECKER.on("POST", "/v2/webhooks/unsubscribe", Scope.WEBHOOKS_WRITE)
async def unsubscribe_webhook(call: Call) -> Response:
    """Takes a subscription away."""
    url, name = _given(call)
    rows = [row for row in await _rows(call) if row.url == url and name in row.events]
    if not rows:
        raise Refusal(404, "E_RECORD_NOT_FOUND", "There is no such subscription.")
    for row in rows:
        await webhooks.delete(*call.key, WOODPECKER_WEBHOOKS.dialect, row.id, call.caller.actor, call.now)
    return call.answer({"target_url": url, "event": name, "message": "Unsubscribed."}, 201)


@WOODPECKER.on("GET", "/v2/webhooks", Scope.WEBHOOKS_READ)
async def list_webhooks(call: Call) -> Response:
    """The subscriptions, oldest first; in words where there are none."""
    rows = [row for row in reversed(await _rows(call)) if row.active]
    if not rows:
        return call.answer({"message": "You haven't subscribed to any webhooks."})
    return call.answer({"webhooks": [{"target_url": row.url, "event": row.events[0].upper()} for row in rows]})


async def _rows(call: Call) -> list[WebhookRow]:
    return await webhooks.page(*call.key, WOODPECKER_WEBHOOKS.dialect, None, webhooks.MAXIMUM)


def _given(call: Call) -> tuple[str, str]:
    body = call.fields()
    url, name = reading.text(body, "target_url"), reading.text(body, "event").lower()
    if name not in WOODPECKER_WEBHOOKS.names:
        raise Refusal(409, "E_WRONG_PARAM", "There is no such event.")
    return url, name
