"""What this door tells its webhooks, in which words, how signed and how often."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from caesura.domain.lifecycle import CampaignState
from caesura.domain.webhook_form import Facts, Notice, Occurrence, Parcel, WebhookForm
from caesura.http.leadlex.contact_views import contact_of, full_name, job_id
from caesura.http.leadlex.door import moment, shown
from caesura.http.opaque_ids import uuid_of

SECRET_BYTES = 32

TOLD = frozenset(
    {
        *("contact.created", "contact.updated", "contact.deleted", "contact.bulk_created", "import.completed"),
        *("list.created", "list.deleted", "list.contacts_added", "list.contacts_removed"),
        *("campaign.created", "campaign.started", "campaign.paused", "campaign.deleted", "campaign.step_created"),
        *("campaign.contacts_added", "task.created", "task.approved", "task.dismissed"),
    }
)
"""The events that can happen here."""

# A client subscribes to all that the vendor has; what is not kept here never happens.
_NEVER = frozenset(
    {
        *("company.created", "company.updated", "company.deleted"),
        *("deal.created", "deal.updated", "deal.deleted", "deal.bulk_created", "deal.bulk_updated"),
        *("activity.created", "task.updated"),
        *("email.sync.completed", "calendar.sync.completed"),
    }
)

Told = tuple[str, Mapping[str, Any]]


class LeadLexForm:
    """As `WebhookForm` says. The signature covers the body; the delivery's id is the same at each attempt."""

    dialect = "leadlex"
    names = TOLD | _NEVER
    batch = 1
    retries = (5.0, 30.0, 300.0, 3_600.0, 21_600.0)
    timeout = 10.0
    unsubscribing: frozenset[int] = frozenset()

    def new_secret(self, entropy: Callable[[int], bytes]) -> str:
        """32 random bytes in hexadecimal digits."""
        return entropy(SECRET_BYTES).hex()

    def translate(self, event: Occurrence, facts: Facts) -> Sequence[Told]:
        """One event, or none; a start out of an approval is two."""
        if event.kind.startswith("campaign."):
            return _of_campaign(event, facts)
        if event.kind in ("lead.bulk_created", "lead.imported"):
            return [_of_many(event, facts)]
        if event.kind.startswith("lead."):
            if event.kind == "lead.created" and event.data.get("in_bulk"):
                return []  # told in contact.bulk_created
            lead = facts.leads.get(event.lead_id or 0)
            told = contact_of(lead) if lead is not None else {"id": shown("contact", event.lead_id)}
            return [(f"contact.{event.kind.partition('.')[2]}", {"contact": told})]
        if event.kind.startswith("list."):
            return _of_list(event)
        return []

    def body(self, notices: Sequence[Notice]) -> bytes:
        """`{"event", "timestamp", "workspace_id", "data"}`."""
        [notice] = notices
        told = {"event": notice.name, "timestamp": moment(notice.at)}
        return msgspec.json.encode(
            {**told, "workspace_id": uuid_of("workspace", notice.workspace_id), "data": notice.data}
        )

    def headers(self, parcel: Parcel, secrets: Sequence[str], now: datetime) -> Mapping[str, str]:
        """X-LeadLex-Signature: HMAC-SHA256 of the body alone, in hexadecimal digits."""
        signature = hmac.new(secrets[0].encode(), parcel.body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "User-Agent": "LeadLex-Webhook/1.0",
            "X-LeadLex-Signature": f"sha256={signature}",
            "X-LeadLex-Timestamp": moment(now) or "",
            "X-LeadLex-Delivery-ID": uuid_of("delivery", parcel.delivery_id),
        }


def _of_many(event: Occurrence, facts: Facts) -> Told:
    data = event.data
    if event.kind == "lead.bulk_created":
        contacts = [_contact(one, facts) for one in data.get("leads", [])]
        return "contact.bulk_created", {"contacts": contacts, "count": len(contacts)}
    skipped = data.get("unchanged", 0) + data.get("duplicates", 0)
    counts = {"created_count": data.get("created"), "updated_count": data.get("updated"), "skipped_count": skipped}
    about = {"job_id": job_id(event.at), "status": "completed", **counts, "error_count": data.get("rejected")}
    return "import.completed", {"import": about}


def _contact(lead_id: int, facts: Facts) -> Mapping[str, Any]:
    """In short; of one that is deleted by now its id alone."""
    known = {"id": shown("contact", lead_id)}
    lead = facts.leads.get(lead_id)
    if lead is None:
        return known
    return {**known, "full_name": full_name(lead["fields"]) or lead["address"], "email": lead["address"]}


def _of_campaign(event: Occurrence, facts: Facts) -> Sequence[Told]:
    row = facts.campaigns.get(event.campaign_id or 0, {})
    campaign: dict[str, Any] = {
        "id": shown("campaign", event.campaign_id),
        "name": event.data.get("name", row.get("name")),
    }
    match event.kind:
        case "campaign.created":
            return [(event.kind, {"campaign": {**campaign, "status": "draft", "created_at": moment(event.at)}})]
        case "campaign.deleted":
            return [(event.kind, {"campaign": campaign})]
        case "campaign.archived" if row.get("status") == CampaignState.DRAFT:
            return [("campaign.deleted", {"campaign": campaign})]
        case "campaign.leads_enrolled":
            return [("campaign.contacts_added", {"campaign": campaign, "added": event.data.get("enrolled")})]
        case "campaign.edited":
            steps = [{"id": shown("step", one)} for one in event.data.get("steps_added", [])]
            return [("campaign.step_created", {"campaign": campaign, "step": one}) for one in steps]
    return _of_status(event, campaign)


def _of_status(event: Occurrence, campaign: Mapping[str, Any]) -> Sequence[Told]:
    match event.kind:
        case "campaign.started" | "campaign.resumed" | "campaign.reopened":
            started = {"campaign": {**campaign, "status": "active", "started_at": moment(event.at)}}
            return [*_of_approval(event, "task.approved", "approved"), ("campaign.started", started)]
        # What is taken out of sending to be edited is paused in this door's words, and is so once.
        case "campaign.paused" | "campaign.editing_started" if event.data.get("from") == CampaignState.RUNNING:
            return [("campaign.paused", {"campaign": {**campaign, "status": "paused", "paused_at": moment(event.at)}})]
        case "campaign.submitted":
            return _of_approval(event, "task.created", "pending")
        case "campaign.dismissed":
            return _of_approval(event, "task.dismissed", "dismissed")
    return []


def _of_approval(event: Occurrence, name: str, status: str) -> Sequence[Told]:
    number = event.data.get("approval")
    if number is None:
        return []
    about = {"campaign_id": shown("campaign", event.campaign_id)}
    task = {"id": shown("task", number), "type": "campaign_start", "status": status, "metadata": about}
    return [(name, {"task": task})]


def _of_list(event: Occurrence) -> Sequence[Told]:
    about = {"id": shown("list", event.data.get("list")), "name": event.data.get("name")}
    match event.kind:
        case "list.created" | "list.deleted":
            return [(event.kind, {"list": about})]
        case "list.members_added":
            return [("list.contacts_added", {"list": {"id": about["id"]}, "added": event.data.get("count")})]
        case "list.members_removed":
            return [("list.contacts_removed", {"list": {"id": about["id"]}, "removed": event.data.get("count")})]
    return []


LEADLEX_WEBHOOKS: WebhookForm = LeadLexForm()
"""The form of this door's webhooks."""
