"""Tools that start, pause and resume. A start and a resume need a code that a preview of just this has given out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from caesura.domain import confirmation as confirmations
from caesura.domain.confirmation import Previewed
from caesura.domain.errors import Conflict, Forbidden
from caesura.domain.lifecycle import CampaignVerb, campaign_after
from caesura.http.mcp.call import Call
from caesura.http.mcp.campaigns import CampaignId
from caesura.http.native import campaign_views as views
from caesura.http.native.identifiers import CAMPAIGN
from caesura.service import campaigns, definitions, forecast, keys
from caesura.service.campaigns import PauseOptions, Seen
from caesura.store.campaigns import CampaignRow

Confirmation = Annotated[
    str,
    Field(
        max_length=100,
        description="The code from the preview. Show the preview to a person, and go on only if they agree.",
    ),
]
Reason = Annotated[str | None, Field(max_length=500, description="For people.", examples=["wrong price"])]

# Dialects that document pause and resume as not for MCP, and what those doors have instead.
_NOT_FOR_MCP: Mapping[str, str] = {
    "autosend": "POST /autosend/v1/campaigns/{campaignId}/pause or /resume, with an API token, from your own "
    "infrastructure",
}


class Preview(BaseModel):
    """What a start or a resume would bring; nothing was changed."""

    campaign: views.StatusView
    version: int = Field(description="The version of the content that was previewed.")
    can_go: bool = Field(description="Whether it could start or resume now; if not, there is no code.")
    findings: list[views.FindingView] = Field(description="What the preflight found.")
    forecast: views.PreviewView | None = Field(description="Day by day; null when it could not go.")
    confirmation: str | None = Field(description="The code to start or resume with: for this content only, and once.")
    expires_at: datetime | None = Field(description="Until when the code is good.")


async def preview_start(call: Call, campaign_id: CampaignId) -> Preview:
    """What a start would do: preflight, forecast, and the code that start_campaign asks for. Changes nothing.

    Show it to a person before you start anything. The code is good for ten minutes, for this content, and for you.
    """
    return await _preview(call, CAMPAIGN.parse(campaign_id), "start", CampaignVerb.START)


async def start_campaign(call: Call, campaign_id: CampaignId, confirmation: Confirmation) -> views.Started:
    """Start a campaign: it writes to its leads. Needs the code of preview_start, which a person has agreed to."""
    number = CAMPAIGN.parse(campaign_id)
    seen = await _confirmed(call, number, "start", confirmation)
    return views.started(*await definitions.start(*call.workspace, number, *call.by, seen=seen))


async def pause_campaign(call: Call, campaign_id: CampaignId, reason: Reason = None) -> views.StatusView:
    """Pause a campaign: once this answers, no further message of it goes out. Needs no confirmation.

    `in_transit` says how many messages are still under way. It stays paused until it is resumed.
    """
    number = CAMPAIGN.parse(campaign_id)
    await _check_open_to_mcp(call, number)
    return views.status(await campaigns.pause(*call.workspace, number, PauseOptions(reason=reason), *call.by))


async def preview_resume(call: Call, campaign_id: CampaignId) -> Preview:
    """What a resume would do: who is overdue, a forecast, and the code that resume_campaign asks for. Changes nothing.

    Show it to a person before you resume anything. The code is good for ten minutes, for this content, and for you.
    """
    number = CAMPAIGN.parse(campaign_id)
    await _check_open_to_mcp(call, number)
    return await _preview(call, number, "resume", CampaignVerb.RESUME)


async def resume_campaign(call: Call, campaign_id: CampaignId, confirmation: Confirmation) -> views.StatusView:
    """Resume a paused campaign from the same position. Needs the code of preview_resume, which a person agreed to."""
    number = CAMPAIGN.parse(campaign_id)
    await _check_open_to_mcp(call, number)
    seen = await _confirmed(call, number, "resume", confirmation)
    return views.status(await campaigns.resume(*call.workspace, number, *call.by, seen=seen))


async def _preview(call: Call, campaign_id: int, action: Literal["start", "resume"], verb: CampaignVerb) -> Preview:
    """Raises Conflict where the campaign's status does not allow it."""
    now = call.api.clock()
    # The version is read first: what is edited between these reads makes the code void, not the preview wrong.
    status = await campaigns.status(*call.workspace, campaign_id, now)
    row = status.campaign
    campaign_after(row.status, verb)
    if row.archived:
        raise Conflict("campaign_archived", f"an archived campaign cannot {action}: unarchive it first", row.status)
    findings = await definitions.check(*call.workspace, campaign_id)
    can_go = not any(one.blocks for one in findings)
    code, expires_at, days = None, None, None
    if can_go:
        place = call.api.database, call.api.plans, call.caller.workspace_id
        days = views.preview(await forecast.preview(*place, campaign_id, now))
        code, expires_at = confirmations.issue(call.api.secrets.pepper, _previewed(call, row, action), now)
    return Preview(
        campaign=views.status(status),
        version=row.version,
        can_go=can_go,
        findings=[views.finding(one) for one in findings],
        forecast=days,
        confirmation=code,
        expires_at=expires_at,
    )


async def _confirmed(call: Call, campaign_id: int, action: Literal["start", "resume"], code: str) -> Seen:
    """What the code was issued for, which the service compares once more, under its lock. Raises Invalid."""
    row = (await definitions.get(*call.workspace, campaign_id)).row
    confirmations.check(call.api.secrets.pepper, code, _previewed(call, row, action), call.api.clock())
    return Seen(row.version, row.status_at)


def _previewed(call: Call, row: CampaignRow, action: Literal["start", "resume"]) -> Previewed:
    return Previewed(action, row.workspace_id, row.id, call.caller.actor, row.version, row.status_at)


async def _check_open_to_mcp(call: Call, campaign_id: int) -> None:
    """Raises Forbidden `blocked_for_mcp` where a key opens the workspace at a door that closes both to MCP.

    Who has no such campaign is told that first.
    """
    await definitions.get(*call.workspace, campaign_id)
    used = await keys.dialects_in_use(*call.workspace, call.api.clock())
    for dialect in sorted(used & _NOT_FOR_MCP.keys()):
        detail = (
            f"a key of the {dialect} door opens this workspace, and its documents close pause and resume to MCP: call "
            f"{_NOT_FOR_MCP[dialect]}; or POST /api/v1/campaigns/{CAMPAIGN.show(campaign_id)}/pause or /resume with a "
            "native key"
        )
        raise Forbidden("blocked_for_mcp", detail)
