"""Correspondence: `/api/v1/correspondence`. Leads with what was written to them and what came back, in short."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.definition_types import Instant
from caesura.domain.inbound import Classification
from caesura.domain.lifecycle import CampaignState, EnrollmentState
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native import leads as lead_views
from caesura.http.native.identifiers import CAMPAIGN, LEAD
from caesura.http.native.leads import NOT_FOUND as NO_LEAD
from caesura.http.native.leads import LeadId
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import correspondence
from caesura.store.correspondence import Choice, Correspondent, LeadPlace, LeadStanding

TAG = {
    "name": "correspondence",
    "description": "Leads with what was written to them and what came back: may they be written to, were they, did "
    "they answer.",
}

router = APIRouter(prefix="/api/v1", tags=["correspondence"], route_class=NativeRoute)

Reader = Annotated[Caller, require(Scope.LEADS_READ, Scope.INBOUND_READ)]


class LeadPlaceView(BaseModel):
    """A lead in a campaign that is not archived."""

    campaign_id: Annotated[str, CAMPAIGN.shown()]
    campaign_name: str = Field(examples=["Spring outreach"])
    campaign_status: CampaignState = Field(examples=["running"])
    state: EnrollmentState = Field(description="Of the lead in it.", examples=["waiting"])
    cause: str | None = Field(description="Why it is held or stopped: a stable word.", examples=["replied"])
    step: int = Field(description="The next step, from 1; in the end, the last one.", examples=[2])
    mailbox_address: str | None = Field(
        description="Which mailbox writes to it; null before the first message.", examples=["anna@example.com"]
    )
    classification: Classification | None = Field(
        description="What it was last said to want in this campaign.", examples=["interested"]
    )


class LeadCorrespondence(BaseModel):
    """A lead, and what there has been between it and us."""

    lead: lead_views.Lead
    standing: LeadStanding = Field(
        description="The first that is so: bounced (its address is suppressed since it does not work), suppressed "
        "(for another cause, or its domain), replied, open.",
        examples=["open"],
    )
    written_at: datetime | None = Field(description="When it was last sent a message; null: never.")
    replied_at: datetime | None = Field(description="When its last reply came; null: none.")
    classification: Classification | None = Field(description="What it was last said to want.", examples=["interested"])
    campaigns: list[LeadPlaceView] | None = Field(description="Where it is; null in lists, unless asked for.")


class LeadCorrespondencePage(Page[LeadCorrespondence]):
    """A page of leads with what there has been between them and us."""

    model_config = ConfigDict(title="LeadCorrespondencePage")


@router.get("/correspondence", operation_id="list_correspondence", summary="List leads by what there has been")
async def list_correspondence(
    request: Request,
    caller: Reader,
    window: Annotated[Window, pages("correspondence")],
    standing: Annotated[LeadStanding | None, Query(description="Only those.")] = None,
    is_written_to: Annotated[bool | None, Query(description="Only who was sent a message, or was not.")] = None,
    campaign_id: Annotated[
        str | None,
        Query(
            description="Only who is in this campaign, or was.",
            examples=[CAMPAIGN.show(CAMPAIGN.example)],
            json_schema_extra={"type": "string", "pattern": CAMPAIGN.pattern},
        ),
    ] = None,
    classification: Annotated[Classification | None, Query(description="Only who was last said to want this.")] = None,
    updated_after: Annotated[Instant | None, Query(description="Only leads that were changed later.")] = None,
    with_campaigns: Annotated[bool, Query(description="Tell each lead's campaigns.")] = False,
) -> LeadCorrespondencePage:
    """Leads, oldest first. Filters cost a look at each lead on the way."""
    choice = Choice(
        campaign_ids=None if campaign_id is None else [CAMPAIGN.parse(campaign_id)],
        standings=None if standing is None else [standing],
        is_written_to=is_written_to,
        wants=None if classification is None else [classification],
        updated=None if updated_after is None else (updated_after, None),
    )
    database = context_of(request).database
    rows = await correspondence.past(
        database, caller.workspace_id, choice, window.position, window.fetch, with_campaigns
    )
    shown, cursor = window.shown(rows, lambda row: row.lead.id)
    return LeadCorrespondencePage(items=[_shown(row, with_campaigns) for row in shown], next_cursor=cursor)


@router.get(
    "/leads/{lead_id}/correspondence",
    operation_id="get_correspondence_of_lead",
    summary="Read what there has been with a lead",
    responses=answers(NO_LEAD),
)
async def get_correspondence_of_lead(request: Request, lead_id: LeadId, caller: Reader) -> LeadCorrespondence:
    """One lead, with its campaigns. The messages themselves: `GET /api/v1/enrollments/{enrollment_id}/messages`, and
    what came back: `GET /api/v1/inbound?lead_id=`.
    """
    number = LEAD.parse(lead_id)
    return _shown(await correspondence.of_lead(context_of(request).database, caller.workspace_id, number), True)


def _shown(row: Correspondent, with_campaigns: bool) -> LeadCorrespondence:
    return LeadCorrespondence(
        lead=lead_views.show(row.lead),
        standing=row.standing,
        written_at=row.written_at,
        replied_at=row.replied_at,
        classification=row.classification,
        campaigns=[_place(one) for one in row.places] if with_campaigns else None,
    )


def _place(one: LeadPlace) -> LeadPlaceView:
    return LeadPlaceView(
        campaign_id=CAMPAIGN.show(one.campaign_id),
        campaign_name=one.campaign_name,
        campaign_status=one.campaign_status,
        state=one.state,
        cause=one.cause,
        step=one.step,
        mailbox_address=one.mailbox,
        classification=one.classification,
    )
