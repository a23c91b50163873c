"""Single mailings: `/api/v1/mailings`. A message to a few recipients at once, in no list of campaigns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from caesura.domain.definition import CampaignDefinition, read_definition
from caesura.domain.enclosures import (
    MAXIMUM_ATTACHMENTS,
    MAXIMUM_TOGETHER,
    AttachmentDefinition,
    Copy,
    CopyDefinition,
    read_copies,
)
from caesura.domain.errors import Invalid, Problem
from caesura.domain.scopes import Scope
from caesura.http.attachments import read_attachments
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.campaigns import NO_MAILBOX
from caesura.http.native.enrollments import EnrolOutcomeView, LeadEnrolled, shown_outcome
from caesura.http.native.identifiers import CAMPAIGN, SUPPRESSION_GROUP
from caesura.http.native.route import FilesRoute
from caesura.http.native.suppression_groups import NOT_FOUND as NO_GROUP
from caesura.http.problems import answers
from caesura.service import mailings
from caesura.service.leads import MAXIMUM_AT_ONCE

TAG = {"name": "mailings", "description": "Single messages to a few recipients, behind the same gate as campaigns."}

router = APIRouter(prefix="/api/v1/mailings", tags=["mailings"], route_class=FilesRoute)

BAD_ADDRESS = Invalid.of(Problem("address_syntax", "There is no @ in the address.", "/leads/0/address"))
PAST = Invalid.of(Problem("starts_at_past", "starts_at must be in the future", "/starts_at"))
TOO_LARGE = Invalid.of(Problem("attachments_too_large", "the files have too many bytes together", "/attachments"))
TOO_MANY = Invalid.of(Problem("too_many_copies", "a message has at most 50 recipients", "/leads/0/cc"))
NOT_ASCII = Invalid.of(Problem("copy_not_ascii", "a copy goes to ASCII addresses only", "/leads/0/cc"))
FORBIDDEN_HEADER = Invalid.of(Problem("header_forbidden", "the header Bcc cannot be set", "/headers/0"))

Sender = Annotated[Caller, require(Scope.CAMPAIGNS_WRITE, Scope.CAMPAIGNS_SEND, Scope.LEADS_WRITE)]


class LeadMailed(LeadEnrolled):
    """A recipient, and who else gets this message."""

    cc: list[CopyDefinition] = Field(
        default=[],
        max_length=MAXIMUM_TOGETHER,
        description="They get the same message and stand in its header; with `bcc` at most 49.",
    )
    bcc: list[CopyDefinition] = Field(
        default=[], max_length=MAXIMUM_TOGETHER, description="They get the same message and stand in no header."
    )


class MailingRequest(CampaignDefinition):
    """A message, and who gets it: what a campaign says, with its recipients."""

    leads: list[LeadMailed] = Field(
        min_length=1,
        max_length=MAXIMUM_AT_ONCE,
        description="At most 1,000; they are added or changed on the way. What is for this message only goes into "
        "`own_fields`.",
    )
    attachments: list[AttachmentDefinition] = Field(
        default=[],
        max_length=MAXIMUM_ATTACHMENTS,
        description="Files that go with each message; times the recipients, they may have 100,000,000 bytes.",
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
        **answers(BAD_ADDRESS, PAST, TOO_LARGE, TOO_MANY, NOT_ASCII, FORBIDDEN_HEADER, NO_MAILBOX, NO_GROUP),
        200: {"model": Mailing, "description": "Nobody of them may be written to: there is no mailing."},
    },
)
async def send_mailing(request: Request, response: Response, body: MailingRequest, caller: Sender) -> Mailing:
    """Sends at `starts_at`, or as soon as the limits allow. Suppressions, caps, windows and holds count as ever.

    A copy is part of its recipient's message: it goes out once, with it. Who may not be written to is left out of the
    copies, and so is whom the server refuses; the event `message.sent` names them.
    """
    context = context_of(request)
    own = {"leads", "attachments", "suppression_group_id"}
    definition = read_definition(body.model_dump(mode="json", exclude=own, exclude_unset=True))
    copies, files = _copies(body.leads), await read_attachments(body.attachments, context.fetch)
    done = await mailings.send(
        context.database,
        caller.workspace_id,
        definition,
        [one.read() for one in body.leads],
        body.suppression_group_id,
        caller.actor,
        context.clock(),
        mailings.Enclosures(files, copies),
    )
    campaign_id = None if done.campaign_id is None else CAMPAIGN.show(done.campaign_id)
    if campaign_id is None:
        response.status_code = 200
    else:
        response.headers["Location"] = f"/api/v1/campaigns/{campaign_id}"
    return Mailing(campaign_id=campaign_id, outcomes=[shown_outcome(one) for one in done.outcomes])


def _copies(leads: Sequence[LeadMailed]) -> Mapping[int, Sequence[Copy]]:
    """The copies by the place of their recipient. Raises Invalid with its pointer."""
    found: dict[int, Sequence[Copy]] = {}
    for place, one in enumerate(leads):
        if one.cc or one.bcc:
            try:
                found[place] = read_copies(one.cc, one.bcc, one.address)
            except Invalid as error:
                problems = [replace(problem, pointer=f"/leads/{place}/cc") for problem in error.problems]
                raise Invalid.of(*problems) from error
    return found
