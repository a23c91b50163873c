"""A campaign as the AutoSend door shows it: its fields, its states, its numbers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from caesura.domain.definition import CampaignDefinition
from caesura.domain.lifecycle import CampaignState
from caesura.http.autosend import campaign_content as content
from caesura.http.autosend.values import id_of, moment
from caesura.service.definitions import Campaign
from caesura.store.campaigns import CampaignRow, Counters
from caesura.store.inbound import Numbers

STATES: Mapping[CampaignState, str] = {
    CampaignState.DRAFT: "draft",
    CampaignState.SCHEDULED: "scheduled",
    # Nothing is sent until a person approves, and it is no draft that could be deleted.
    CampaignState.PENDING_APPROVAL: "scheduled",
    CampaignState.RUNNING: "sending",
    CampaignState.PAUSED: "paused",
    # As in a pause, nothing is sent, and resume goes on.
    CampaignState.EDITING: "paused",
    CampaignState.COMPLETED: "sent",
    CampaignState.STOPPED: "aborted",
}
SENDING_GRADUAL = "sending_gradual"
_PAUSED = (CampaignState.PAUSED, CampaignState.EDITING)


def status_of(row: CampaignRow, definition: CampaignDefinition) -> str:
    """The vendor's word for its status."""
    if row.status is CampaignState.RUNNING and content.send_mode(definition) == "gradual":
        return SENDING_GRADUAL
    if is_planned(row, definition):
        return STATES[CampaignState.SCHEDULED]
    return STATES[row.status]


def is_planned(row: CampaignRow, definition: CampaignDefinition) -> bool:
    """Whether it was paused before its time, and resumed: it waits for that time in a pause of ours."""
    return (
        row.status is CampaignState.PAUSED
        and row.resume_at is not None
        and (row.resume_at == content.scheduled_at(definition))
    )


def states_of(word: str) -> tuple[list[CampaignState], bool | None]:
    """Our states for a word of the vendor's, and whether they must be gradual (None: either)."""
    if word == SENDING_GRADUAL:
        return [CampaignState.RUNNING], True
    states = [state for state, shown in STATES.items() if shown == word]
    return states, False if word == STATES[CampaignState.RUNNING] else None


def short(campaign: Campaign) -> dict[str, Any]:
    """What costs no further question: all but the lists, the template and the numbers."""
    row, definition = campaign.row, campaign.definition
    kept = content.kept(definition)
    shown = id_of("campaign", row.id)
    resumed_at = _resumed_at(row)
    return {
        "id": shown,
        "campaignId": shown,
        "projectId": id_of("project", row.workspace_id),
        "organizationId": id_of("organization", 1),
        "createdBy": None,
        "name": row.name,
        "subject": content.subject(definition),
        "previewText": content.preview_text(definition),
        "status": status_of(row, definition),
        "sendMode": content.send_mode(definition),
        "from": content.sender(definition),
        "senderId": kept.get("senderId"),
        "replyTo": definition.reply_to,
        "templateId": kept.get("templateId"),
        "unsubscribeGroupId": kept.get("unsubscribeGroupId"),
        "sendNow": bool(kept.get("sendNow", False)),
        "sendToGlobalList": bool(kept.get("sendToGlobalList", False)),
        "scheduledAt": moment(row.starts_at or content.scheduled_at(definition)),
        "timezone": definition.zone,
        **content.gradual(definition),
        "trackingClick": bool(kept.get("trackingClick", False)),
        "trackingOpen": bool(kept.get("trackingOpen", False)),
        "sentAt": moment(row.status_at if row.status is CampaignState.COMPLETED else None),
        "abortedAt": moment(row.status_at if row.status is CampaignState.STOPPED else None),
        "failureReason": None,
        "pausedAt": moment(row.paused_at),
        "pausedReason": row.reason if row.status in _PAUSED else None,
        "resumedAt": moment(resumed_at),
        "thresholdPreset": kept.get("thresholdPreset", "balanced"),
        "source": "api",
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
    }


def _resumed_at(row: CampaignRow) -> datetime | None:
    if row.status is not CampaignState.RUNNING or row.started_at is None:
        return None
    return row.status_at if row.status_at - row.started_at > timedelta(0) else None


def metrics(row: CampaignRow, counters: Counters, came_back: Numbers) -> dict[str, int]:
    """The numbers of a campaign, with those who were suppressed when it was published.

    Opens and clicks are not recorded: they are 0.
    """
    return {
        "sent": counters.sent,
        "delivered": max(0, counters.sent - came_back.bounced),
        "opened": 0,
        "suppressed": row.turned_away + max(0, counters.stopped - came_back.unsubscribed - came_back.complained),
        "clicked": 0,
        "bounced": came_back.bounced,
        "unsubscribed": came_back.unsubscribed,
        "spamReported": came_back.complained,
        "processedCount": counters.finished + counters.stopped + row.turned_away,
        "totalContacts": counters.enrolled + row.turned_away,
        "failedCount": counters.rejected,
    }
