"""Tools for campaigns: list, read, create, edit, check, report, and why one is not sending."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from caesura.domain.definition import CampaignDefinition, read_definition
from caesura.domain.errors import Conflict, Invalid, Problem
from caesura.domain.lifecycle import CampaignState
from caesura.domain.scopes import Scope, allows
from caesura.http.mcp.call import Call
from caesura.http.mcp.failures import within
from caesura.http.mcp.paging import Cursor, Limit, window
from caesura.http.native import campaign_views as views
from caesura.http.native import why
from caesura.http.native.campaigns import CampaignPage, CampaignPatch
from caesura.http.native.identifiers import CAMPAIGN, ENROLLMENT, MAILBOX
from caesura.http.native.inbound import InboundCountsView, show_counts
from caesura.service import campaigns, definitions, inbound
from caesura.service import explain as service

CampaignId = Annotated[str, CAMPAIGN.argument()]

# What is edited in these goes out by itself, or is before a person who approves it.
_UNEDITABLE: Mapping[CampaignState, str] = {
    CampaignState.RUNNING: "pause it first, edit it, then resume it with a confirmation",
    CampaignState.SCHEDULED: "a person must unschedule it first",
    CampaignState.PENDING_APPROVAL: "a person must dismiss it first",
    CampaignState.COMPLETED: "it would go out to the next leads without a confirmation; make a new campaign",
}


class Report(views.StatusView):
    """Where a campaign stands, and what came back to it."""

    inbound: InboundCountsView | None = Field(
        description="Leads who replied, bounced, complained and so on; null for a key without the scope inbound:read."
    )


async def list_campaigns(
    call: Call,
    status: Annotated[CampaignState | None, Field(description="Only those in this status.")] = None,
    archived: Annotated[bool, Field(description="The archived ones, instead of the others.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> CampaignPage:
    """List campaigns, newest first, without their content."""
    asked = window("campaigns", limit, cursor)
    rows = await definitions.page(*call.workspace, asked.position, status, archived, asked.fetch)
    shown, following = asked.shown(rows, lambda row: row.id)
    return CampaignPage(items=[views.summary(row) for row in shown if call.sees(row.id)], next_cursor=following)


async def get_campaign(call: Call, campaign_id: CampaignId) -> views.CampaignView:
    """Read a campaign with its content: steps, windows, limits, pool."""
    return views.view(await definitions.get(*call.workspace, CAMPAIGN.parse(campaign_id)))


async def create_campaign(
    call: Call, definition: Annotated[CampaignDefinition, Field(description="The campaign.")]
) -> views.CampaignView:
    """Create a campaign as a draft. It sends nothing until it is started."""
    with within("/definition"):
        campaign_id = await definitions.create(*call.workspace, definition, *call.by)
    return views.view(await definitions.get(*call.workspace, campaign_id))


async def edit_campaign(
    call: Call,
    campaign_id: CampaignId,
    changes: Annotated[CampaignPatch, Field(description="The fields to change; what is left out stays as it is.")],
    version: Annotated[int, Field(ge=1, description="The version that was read and is edited.")],
) -> views.CampaignView:
    """Edit a campaign that is not running. Codes that were issued to start or resume it are void afterwards."""
    number = CAMPAIGN.parse(campaign_id)
    before = await definitions.get(*call.workspace, number)
    status = before.row.status
    if status in _UNEDITABLE:
        detail = f"a campaign that is {status} cannot be edited through MCP: {_UNEDITABLE[status]}"
        raise Conflict(f"campaign_{status}", detail, status)
    if before.row.resume_at is not None:
        detail = "this campaign will resume by itself: through MCP it cannot be edited until a person takes that back"
        raise Conflict("resume_planned", detail, status)
    merged = before.definition.model_dump(mode="json") | changes.model_dump(mode="json", exclude_unset=True)
    with within("/changes"):
        definition = read_definition(merged)
        edited = await definitions.edit(
            *call.workspace, number, definition, version, *call.by, since=before.row.status_at
        )
    return views.view(edited)


async def check_campaign(call: Call, campaign_id: CampaignId) -> views.Checked:
    """Preflight: what would keep a campaign from starting, or hold some of its leads. Changes nothing."""
    return views.checked(await definitions.check(*call.workspace, CAMPAIGN.parse(campaign_id)))


async def get_report(call: Call, campaign_id: CampaignId) -> Report:
    """Where a campaign stands, with exact counts of leads and messages by state, and of what came back."""
    number = CAMPAIGN.parse(campaign_id)
    status = views.status(await campaigns.status(*call.workspace, number, call.api.clock()))
    came_back = None
    if allows(call.caller.scopes, Scope.INBOUND_READ):
        came_back = show_counts(await inbound.counts(*call.workspace, number))
    return Report(**dict(status), inbound=came_back)


async def explain(
    call: Call,
    campaign_id: Annotated[str | None, CAMPAIGN.argument()] = None,
    enrollment_id: Annotated[str | None, ENROLLMENT.argument()] = None,
    mailbox_id: Annotated[str | None, MAILBOX.argument()] = None,
) -> why.Why:
    """Why something is not sending: a campaign, a lead in a campaign (its enrollment), or a mailbox. Give one id."""
    place = call.api.database, call.api.plans, call.caller.workspace_id
    now = call.api.clock()
    match campaign_id, enrollment_id, mailbox_id:
        case str(), None, None:
            return why.shown(await service.why_campaign(*place, CAMPAIGN.parse(campaign_id), now))
        case None, str(), None:
            return why.shown(await service.why_lead(*place, ENROLLMENT.parse(enrollment_id), now))
        case None, None, str():
            return why.shown(await service.why_mailbox(*place, MAILBOX.parse(mailbox_id), now))
    raise Invalid.of(Problem("one_subject", "Give one of campaign_id, enrollment_id and mailbox_id.", ""))
