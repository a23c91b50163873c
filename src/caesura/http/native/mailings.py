"""Single mailings: `/api/v1/mailings`. A message to a few recipients at once, in no list of campaigns."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from caesura.domain.definition import CampaignDefinition, read_definition
from caesura.domain.errors import Invalid, Problem
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.campaigns import NO_MAILBOX
from caesura.http.native.enrollments import EnrolOutcomeView, LeadEnrolled, shown_outcome
from caesura.http.native.identifiers import CAMPAIGN, SUPPRESSION_GROUP
from caesura.http.native.route import NativeRoute
from caesura.http.native.suppression_groups import NOT_FOUND as NO_GROUP
from caesura.http.problems import answers
from caesura.service import mailings
from caesura.service.leads import MAXIMUM_AT_ONCE

TAG = {"name": "mailings", "description": "Single messages to a few recipients, behind the same gate as campaigns."}

router = APIRouter(prefix="/api/v1/mailings", tags=["mailings"], route_class=NativeRoute)

BAD_ADDRESS = Invalid.of(Problem("address_syntax", "There is no @ in the address.", "/leads/0/address"))
PAST = Invalid.of(Problem("starts_at_past", "starts_at must be in the future", "/starts_at"))

Sender = Annotated[Caller, require(Scope.CAMPAIGNS_WRITE, Scope.CAMPAIGNS_SEND, Scope.LEADS_WRITE)]


class MailingRequest(CampaignDefinition):
    """A message, and who gets it: what a campaign says, with its recipients."""

    leads: list[LeadEnrolled] = Field(
        min_length=1,
        max_length=MAXIMUM_AT_ONCE,
        description="At most 1,000; they are added or changed on the way. What is for this message only goes into "
        "`own_fields`.",
    )
    suppression_group_id: Annotated[int, *SUPPRESSION_GROUP.reference()] | None = Field(
        default=None, description="Who refuses this group gets nothing; null: only who refuses everything."
    )


class Mailing(BaseModel):
    """What became of a mailing."""

    campaign_id: Annotated[str, CAMPAIGN.shown()] | None = Field(
        description="The campaign that it is, for status, pause and stop; null where nobody may be written to."
    )
    outcomes: list[EnrolOutcomeView] = Field(description="One for each lead, in the order given.")


@router.post(
    "",
    operation_id="send_mailing",
    summary="Send to a few recipients",
    status_code=201,
    responses={
        **answers(BAD_ADDRESS, PAST, NO_MAILBOX, NO_GROUP),
        200: {"model": Mailing, "description": "Nobody of them may be written to: there is no mailing."},
    },
)
async def send_mailing(request: Request, response: Response, body: MailingRequest, caller: Sender) -> Mailing:
    """Sends at `starts_at`, or as soon as the limits allow. Suppressions, caps, windows and holds count as ever."""
    context = context_of(request)
    content = body.model_dump(mode="json", exclude={"leads", "suppression_group_id"}, exclude_unset=True)
    done = await mailings.send(
        context.database,
        caller.workspace_id,
        read_definition(content),
        [one.read() for one in body.leads],
        body.suppression_group_id,
        caller.actor,
        context.clock(),
    )
    campaign_id = None if done.campaign_id is None else CAMPAIGN.show(done.campaign_id)
    if campaign_id is None:
        response.status_code = 200
    else:
        response.headers["Location"] = f"/api/v1/campaigns/{campaign_id}"
    return Mailing(campaign_id=campaign_id, outcomes=[shown_outcome(one) for one in done.outcomes])
