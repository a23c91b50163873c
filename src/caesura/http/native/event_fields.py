"""What an event is about, as the log, its live stream and webhooks show it."""

from typing import Any

from caesura.domain.webhook_form import Occurrence
from caesura.http.native.identifiers import CAMPAIGN, ENROLLMENT, LEAD, MAILBOX
from caesura.service.events import Event


def about(event: Event | Occurrence) -> dict[str, Any]:
    """All but its id, its time and its kind. Streams write thousands a second, and so without a model."""
    return {
        "actor": event.actor,
        "campaign_id": CAMPAIGN.show_any(event.campaign_id),
        "enrollment_id": ENROLLMENT.show_any(event.enrollment_id),
        "lead_id": LEAD.show_any(event.lead_id),
        "mailbox_id": MAILBOX.show_any(event.mailbox_id),
        "step": event.step,
        "data": event.data,
    }
