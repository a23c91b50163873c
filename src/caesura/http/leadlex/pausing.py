"""Pause a campaign."""

from starlette.responses import Response

from caesura.domain.errors import Conflict
from caesura.domain.lifecycle import CampaignState
from caesura.http.door import Call, Refusal
from caesura.http.leadlex.campaign_views import found, shown_status
from caesura.http.leadlex.door import LEADLEX, data, moment, shown
from caesura.service import campaigns
from caesura.service.campaigns import PauseOptions, Seen

_ACTIVE = Seen(status=CampaignState.RUNNING)


@LEADLEX.on("POST", "/v1/campaigns/{campaign_id}/pause", "campaigns:write")
async def pause_campaign(call: Call) -> Response:
    """Only what is active can be paused: of several who ask at once, one is answered 200."""
    place = (*call.key, call.campaign_id)
    try:
        done = await campaigns.pause(*place, PauseOptions(), call.caller.actor, call.now, seen=_ACTIVE)
    except Conflict as error:
        word = shown_status((await found(call)).campaign.status)
        raise Refusal(409, "campaign_not_active", f"Campaign is not in active status: it is {word}") from error
    row = done.campaign
    told = {"id": shown("campaign", row.id), "status": shown_status(row.status), "paused_at": moment(row.paused_at)}
    return data(call, {"campaign": told})
