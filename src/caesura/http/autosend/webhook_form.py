"""The AutoSend door's webhooks: 13 events of mails and contacts, none of campaigns."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from caesura.domain.webhook_form import Facts, Notice, Occurrence, Parcel, WebhookForm
from caesura.http.autosend.values import id_of, moment

EVENTS = (
    *("email.sent", "email.delivered", "email.deferred", "email.bounced", "email.opened", "email.clicked"),
    *("email.spam_reported", "email.unsubscribed", "email.group_unsubscribed", "email.group_resubscribed"),
    *("contact.created", "contact.updated", "contact.deleted"),
)
_CONTACTS = {"lead.created": "contact.created", "lead.updated": "contact.updated", "lead.deleted": "contact.deleted"}
_MAILS: Mapping[str, tuple[str, ...]] = {
    # A server that took it is all that can be known of its delivery.
    "message.sent": ("email.sent", "email.delivered"),
    "message.deferred": ("email.deferred",),
    "message.rejected": ("email.bounced",),
}
_CAME_BACK = {"bounce": "email.bounced", "complaint": "email.spam_reported", "unsubscribe": "email.unsubscribed"}


class AutoSendForm:
    """As `WebhookForm` says."""

    dialect = "autosend"
    names = frozenset(EVENTS)
    batch = 1
    retries = (5.0, 10.0, 20.0)
    timeout = 10.0
    unsubscribing: frozenset[int] = frozenset()

    def new_secret(self, entropy: Callable[[int], bytes]) -> str:
        """32 random bytes in hexadecimal, after `whsec_`."""
        return f"whsec_{entropy(32).hex()}"

    def translate(self, event: Occurrence, facts: Facts) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """What happened to a mail, to a contact, or to a recipient of a group."""
        if event.kind in _CONTACTS:
            return [(_CONTACTS[event.kind], _contact(event, facts))]
        if event.kind in _MAILS:
            more = {"bounceType": "Permanent"} if event.kind == "message.rejected" else {}
            return [(name, {**_mail(event, facts), **more}) for name in _MAILS[event.kind]]
        if event.kind == "inbound.received":
            name = _CAME_BACK.get(str(event.data.get("kind")))
            if name is None:
                return []
            kind = {"hard": "Permanent", "soft": "Transient"}.get(str(event.data.get("bounce_type")))
            return [(name, {**_mail(event, facts), **({"bounceType": kind} if kind else {})})]
        if event.kind == "suppression_group.refused":
            group = id_of("group", int(event.data.get("group", 1)))
            return [("email.group_unsubscribed", {"to": {"email": event.data.get("value")}, "groupId": group})]
        return []

    def body(self, notices: Sequence[Notice]) -> bytes:
        """`{type, createdAt, data}`, and beside them the names of an older version."""
        [notice] = notices
        at = moment(notice.at)
        told = {"type": notice.name, "createdAt": at, "event": notice.name, "timestamp": at, "data": notice.data}
        return msgspec.json.encode(told)

    def headers(self, parcel: Parcel, secrets: Sequence[str], now: datetime) -> Mapping[str, str]:
        """The signature is of the body alone."""
        return {
            "Content-Type": "application/json",
            "User-Agent": "AutoSend-Webhooks/1.0",
            "X-Webhook-Signature": hmac.new(secrets[0].encode(), parcel.body, sha256).hexdigest(),
            "X-Webhook-Event": parcel.name,
            "X-Webhook-Delivery-Id": id_of("delivery", parcel.delivery_id),
            "X-Webhook-Timestamp": str(int(now.timestamp() * 1_000)),
        }


def _contact(event: Occurrence, facts: Facts) -> dict[str, Any]:
    number = event.lead_id or 0
    lead = facts.leads.get(number, {})
    fields = lead.get("fields") or {}
    return {
        "id": id_of("contact", number) if number else None,
        "email": lead.get("address"),
        "firstName": fields.get("first_name"),
        "lastName": fields.get("last_name"),
        "projectId": id_of("project", event.workspace_id),
    }


def _mail(event: Occurrence, facts: Facts) -> dict[str, Any]:
    enrollment, campaign = event.enrollment_id or 0, facts.campaigns.get(event.campaign_id or 0, {})
    message = facts.messages.get((enrollment, event.step or 0), {})
    mailbox = facts.mailboxes.get(event.mailbox_id or message.get("mailbox_id") or 0, {})
    lead = facts.leads.get(event.lead_id or message.get("lead_id") or 0, {})
    fields = lead.get("fields") or {}
    names = [str(fields[name]) for name in ("first_name", "last_name") if fields.get(name)]
    data: dict[str, Any] = {
        "emailId": id_of("email", enrollment) if enrollment else None,
        "from": mailbox.get("address"),
        "to": {"email": message.get("recipient") or lead.get("address"), "name": " ".join(names)},
        "subject": message.get("subject"),
        "test": False,
    }
    if event.campaign_id:
        is_single = campaign.get("kind") == "single"
        data["batchId" if is_single else "campaignId"] = id_of("batch" if is_single else "campaign", event.campaign_id)
    return data


AUTOSEND_WEBHOOKS: WebhookForm = AutoSendForm()
