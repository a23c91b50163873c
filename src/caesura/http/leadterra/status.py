"""Pause and start. The vendor knows three states, in which each of ours must find its place."""

from collections.abc import Mapping
from datetime import datetime

from starlette.responses import Response

from caesura.domain.errors import Conflict
from caesura.domain.lifecycle import CampaignState
from caesura.domain.scopes import Scope
from caesura.http.door import Call, Refusal
from caesura.http.leadterra.door import CAMPAIGN, LEADTERRA, bare, moment, shown
from caesura.service import campaigns, definitions, halting, mailboxes
from caesura.service.campaigns import Status
from caesura.store.campaigns import CampaignRow

WORDS: Mapping[CampaignState, str] = {
    CampaignState.DRAFT: "draft",
    CampaignState.SCHEDULED: "draft",
    CampaignState.PENDING_APPROVAL: "draft",
    CampaignState.RUNNING: "running",
    CampaignState.PAUSED: "paused",
    CampaignState.EDITING: "paused",
    CampaignState.COMPLETED: "running",
    CampaignState.STOPPED: "paused",
}
"""The vendor's word for a state. What has come to its end is still `running`, since new leads set it going again."""


@LEADTERRA.on("POST", "/v1/campaigns/{campaign_id}/pause", Scope.CAMPAIGNS_SEND)
async def pause_campaign(call: Call) -> Response:
    """Once this answers, nothing more of the campaign goes out. A draft stays one, and a paused one paused."""
    bare(call)
    # Nothing may go out before a start is asked for, and leads who are added later wait.
    found = await halting.halt(*call.key, call.campaign_id, call.caller.actor, call.now)
    row = found.campaign
    word = WORDS[row.status]
    return call.answer(
        {
            "id": shown(CAMPAIGN, row.id),
            "status": word,
            "pausedAt": moment(_paused_at(row) if word == "paused" else None),
        }
    )


@LEADTERRA.on("POST", "/v1/campaigns/{campaign_id}/start", Scope.CAMPAIGNS_SEND)
async def start_campaign(call: Call) -> Response:
    """Starts a draft, and lets a paused campaign go on from the same position."""
    bare(call)
    row = (await _start(call)).campaign
    at = row.started_at if row.status is CampaignState.COMPLETED else row.status_at
    return call.answer({"id": shown(CAMPAIGN, row.id), "status": WORDS[row.status], "startedAt": moment(at)})


def _paused_at(row: CampaignRow) -> datetime:
    return row.status_at if row.status is CampaignState.STOPPED or row.paused_at is None else row.paused_at


async def _start(call: Call) -> Status:
    key = (*call.key, call.campaign_id)
    found = await campaigns.status(*key, call.now)
    state = found.campaign.status
    if state in (CampaignState.RUNNING, CampaignState.COMPLETED):
        return found
    if state in (CampaignState.STOPPED, CampaignState.PENDING_APPROVAL):
        detail = "it was stopped for good" if state is CampaignState.STOPPED else "its start waits for an approval"
        raise Conflict(f"campaign_{state}", f"the campaign cannot be started: {detail}", state)
    if not found.counters.enrolled:
        raise Refusal(400, "no_leads_enrolled", "The campaign has no enrolled leads and cannot be started.")
    if state in (CampaignState.PAUSED, CampaignState.EDITING):
        return await campaigns.resume(*key, call.caller.actor, call.now)
    if not (await definitions.get(*key)).definition.steps:
        raise Refusal(400, "no_sequence_steps", "The campaign has no sequence steps defined.")
    pool = await mailboxes.usual_pool(*call.key)
    started, _ = await definitions.start(*key, call.caller.actor, call.now, pool_id=pool.id if pool else None)
    return started
