"""What a webhook tells of a prospect, a campaign and an email. What has no value is empty or null, as documented."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from caesura.domain.webhook_form import Facts, Occurrence
from caesura.http.woodpecker.content import NAME
from caesura.http.woodpecker.door import instant
from caesura.http.woodpecker.prospect_fields import FIELDS
from caesura.http.woodpecker.prospect_selection import INTERESTS

_STATUSES = {
    "reply": "REPLIED",
    "auto_reply": "AUTOREPLIED",
    "bounce": "BOUNCED",
    "complaint": "BLACKLIST",
    "unsubscribe": "BLACKLIST",
}
# Who is written to, or new, has no other status; of a change of a lead it is not known here.
_ACTIVE = ("lead.created", "message.sent", "enrollment.finished")


def campaign(event: Occurrence, facts: Facts) -> dict[str, Any]:
    """Its id and name."""
    row = facts.campaigns.get(event.campaign_id or 0, {})
    return {"campaign_id": event.campaign_id, "campaign_name": row.get("name")}


def shielded_campaign(event: Occurrence, facts: Facts) -> dict[str, Any]:
    """A campaign that the bounce shield has paused."""
    addresses = list(facts.senders.get(event.campaign_id or 0, ()))
    senders = {"sent_from": next(iter(addresses), None), "sent_from_emails": addresses}
    return campaign(event, facts) | senders | {"bounce_rate_threshold": event.data.get("threshold")}


def prospect(event: Occurrence, facts: Facts) -> dict[str, Any]:
    """The prospect; what is of a campaign is empty where the event is of none."""
    lead = facts.leads.get(event.lead_id or 0, {})
    fields, kept = lead.get("fields") or {}, (lead.get("extra") or {}).get(NAME)
    shown = {"id": event.lead_id, "email": lead.get("address")}
    shown |= {name: fields.get(own, "") for name, own in FIELDS.items()}
    shown |= {
        "tags": kept.get("tags", "") if isinstance(kept, Mapping) else "",
        "snippet_labels": {},
        "last_contacted": _time(_message(event, facts).get("settled_at")),
        "status": _status(event, facts),
        "in_campaign": None,
        "emails_sent": None,
        "imported": "",
        "interested": INTERESTS.get(_inbound(event, facts).get("classification") or _classified(event), ""),
    }
    if event.campaign_id is None:
        none = {"campaign_id": "", "campaign_name": "", "campaign_email": "", "campaign_emails": []}
        return shown | none | {"campaign_email_sent": None, "step": None}
    address = _mailbox(event, facts).get("address")
    sender = {"campaign_email": address or "", "campaign_emails": [address] if address else []}
    place = {"campaign_email_sent": event.step, "step": event.step, "step_type": "EMAIL", "followup_after": ""}
    return shown | campaign(event, facts) | sender | place


def email(event: Occurrence, facts: Facts) -> dict[str, Any] | None:
    """The email that was sent, or that came back; None where the event is of neither."""
    if event.kind.startswith("inbound."):
        return _received(event, facts)
    return _sent(event, facts) if event.enrollment_id is not None and event.step is not None else None


def _sent(event: Occurrence, facts: Facts) -> dict[str, Any]:
    message, mailbox = _message(event, facts), _mailbox(event, facts)
    fields = facts.leads.get(event.lead_id or 0, {}).get("fields") or {}
    names = (fields.get("first_name"), fields.get("last_name"))
    own = (facts.campaigns.get(event.campaign_id or 0, {}).get("definition") or {}).get("from_name")
    sent = _time(message.get("settled_at"))
    sender = {"name_from": own or (mailbox.get("definition") or {}).get("from_name") or ""}
    return {
        "id": event.enrollment_id,
        "campaign_id": event.campaign_id,
        "message_id": message.get("message_id"),
        **sender,
        "email_from": mailbox.get("address"),
        "name_to": " ".join(str(name) for name in names if name),
        "email_to": message.get("recipient"),
        "email_cc": "",
        "email_bcc": "",
        "subject": message.get("subject"),
        "sent": sent,
        "host": "",
        "number": event.step,
        "step": event.step,
        "message": "",
        # As the other events name the same.
        "mail_id": mailbox.get("id"),
        "sender": sender["name_from"],
        "email": message.get("recipient"),
        "date": sent,
    }


def _received(event: Occurrence, facts: Facts) -> dict[str, Any]:
    row = _inbound(event, facts)
    name, address = parseaddr(row.get("from_address") or "")
    return {
        "id": event.data.get("inbound"),
        "mail_id": event.mailbox_id,
        "subject": row.get("subject") or "",
        "sender": name,
        "email": address or row.get("address") or "",
        "date": _time(row.get("received_at")),
        "message": row.get("text") or "",
    }


def _status(event: Occurrence, facts: Facts) -> str:
    if event.kind in _ACTIVE:
        return "ACTIVE"
    kind = event.data.get("kind") or _inbound(event, facts).get("kind")
    return _STATUSES.get(str(kind), "")


def _classified(event: Occurrence) -> str:
    return str(event.data.get("classification") or "")


def _inbound(event: Occurrence, facts: Facts) -> Mapping[str, Any]:
    number = event.data.get("inbound")
    return facts.inbound.get(number, {}) if isinstance(number, int) else {}


def _message(event: Occurrence, facts: Facts) -> Mapping[str, Any]:
    return facts.messages.get((event.enrollment_id or 0, event.step or 0), {})


def _mailbox(event: Occurrence, facts: Facts) -> Mapping[str, Any]:
    return facts.mailboxes.get(_message(event, facts).get("mailbox_id") or event.mailbox_id or 0, {})


def _time(at: object) -> str:
    return instant(at) if isinstance(at, datetime) else ""
