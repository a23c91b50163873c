"""What this door tells its webhooks, in which words, how signed and how often."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from caesura.domain.inbound import InboundKind
from caesura.domain.webhook_form import Facts, Notice, Occurrence, Parcel, WebhookForm
from caesura.http.leadterra.door import CAMPAIGN, REPLY, moment, shown
from caesura.http.leadterra.reply_views import reply_of

SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"

_REPLIES = (InboundKind.REPLY, InboundKind.AUTO_REPLY)

Told = tuple[str, Mapping[str, Any]]


class LeadterraForm:
    """As `WebhookForm` says. The signature covers the body alone: the vendor has no header with a time."""

    dialect = "leadterra"
    names = frozenset({"campaign.started", "message.sent", "message.bounced", "reply.received"})
    batch = 1
    retries = (60.0, 300.0, 1_800.0, 7_200.0, 28_800.0)
    timeout = 10.0
    unsubscribing: frozenset[int] = frozenset()

    def new_secret(self, entropy: Callable[[int], bytes]) -> str:
        """32 random bytes in hexadecimal digits, after `whsec_`."""
        return SECRET_PREFIX + entropy(SECRET_BYTES).hex()

    def translate(self, event: Occurrence, facts: Facts) -> Sequence[Told]:
        """One event, or none. A resumed campaign is not told: it is not a start from draft."""
        match event.kind:
            case "campaign.started":
                campaign = facts.campaigns.get(event.campaign_id or 0, {})
                told = {**_campaign(event), "name": campaign.get("name"), "status": "running"}
                return [("campaign.started", {**told, "startedAt": moment(event.at)})]
            case "message.sent":
                return [("message.sent", {**_message(event, facts), "sentAt": moment(event.at)})]
            case "message.rejected":
                return _refusal(event, facts)
            case "inbound.received":
                return _of_inbound(event, facts)
            case _:
                return []

    def body(self, notices: Sequence[Notice]) -> bytes:
        """`{"event", "timestamp", "data"}`."""
        [notice] = notices
        return msgspec.json.encode({"event": notice.name, "timestamp": moment(notice.at), "data": notice.data})

    def headers(self, parcel: Parcel, secrets: Sequence[str], now: datetime) -> Mapping[str, str]:
        """X-Leadterra-Signature: HMAC-SHA256 of the body in hexadecimal digits, keyed with the whole secret."""
        signature = hmac.new(secrets[0].encode(), parcel.body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "User-Agent": "Leadterra-Webhook/1.0",
            "X-Leadterra-Signature": signature,
        }


def _campaign(event: Occurrence) -> dict[str, Any]:
    return {"campaignId": None if event.campaign_id is None else shown(CAMPAIGN, event.campaign_id)}


def _message(event: Occurrence, facts: Facts) -> dict[str, Any]:
    """A message; `sequenceStep` counts from 0, as the places in `sequenceSteps` do."""
    row = facts.messages.get((event.enrollment_id or 0, event.step or 0), {})
    lead = facts.leads.get(event.lead_id or 0, {})
    return {
        **_campaign(event),
        "email": row.get("recipient") or lead.get("address"),
        "sequenceStep": None if event.step is None else event.step - 1,
        "messageId": row.get("message_id"),
    }


def _refusal(event: Occurrence, facts: Facts) -> Sequence[Told]:
    """A server refused it for good while it was spoken to; what a person has settled is nobody's bounce."""
    row = facts.messages.get((event.enrollment_id or 0, event.step or 0), {})
    if row.get("reply_code") is None:
        return []
    how = {"bounceType": "hard", "bounceReason": row.get("reply") or str(row["reply_code"])}
    return [("message.bounced", {**_message(event, facts), **how})]


def _of_inbound(event: Occurrence, facts: Facts) -> Sequence[Told]:
    kind = event.data.get("kind")
    if kind == InboundKind.BOUNCE:
        how = {"bounceType": event.data.get("bounce_type"), "bounceReason": event.data.get("reason") or ""}
        return [("message.bounced", {**_message(event, facts), **how})]
    if kind not in _REPLIES:
        return []
    number = event.data.get("inbound")
    row = facts.inbound.get(number or 0)
    reply = {"id": shown(REPLY, number)} if row is None and number is not None else reply_of(row) if row else {}
    return [("reply.received", {**_campaign(event), "reply": reply})]


LEADTERRA_WEBHOOKS: WebhookForm = LeadterraForm()
