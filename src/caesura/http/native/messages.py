"""Messages: the ledger, one row for each step to each enrollment, at `/api/v1/messages`."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.definition_types import Definition
from caesura.domain.errors import Conflict, NotFound
from caesura.domain.lifecycle import MessageState
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.campaigns import NOT_FOUND as NO_CAMPAIGN
from caesura.http.native.campaigns import CampaignId
from caesura.http.native.enrollments import NOT_FOUND as NO_ENROLLMENT
from caesura.http.native.enrollments import EnrollmentId
from caesura.http.native.identifiers import (
    CAMPAIGN,
    ENROLLMENT,
    LEAD,
    MAILBOX,
    MESSAGE_PATTERN,
    parse_message,
    show_message,
)
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import messages
from caesura.service.recovery import settle_unknown
from caesura.store.messages import MessageRow

TAG = {"name": "messages", "description": "The ledger: what went to whom, when, and what the server said."}

router = APIRouter(prefix="/api/v1", tags=["messages"], route_class=NativeRoute)

NOT_FOUND = NotFound("message_not_found", "there is no such message in this workspace")
NOT_UNKNOWN = Conflict("message_not_unknown", "the message is sent: only an unknown one can be settled", "sent")

Reader = Annotated[Caller, require(Scope.CAMPAIGNS_READ)]
Settler = Annotated[Caller, require(Scope.CAMPAIGNS_SEND)]
StateFilter = Annotated[
    MessageState | None, Query(description="Only those in this state; that costs a look at each message.")
]
MessageId = Annotated[
    str,
    Path(
        description="Id of the message.",
        examples=[show_message(7, 2)],
        json_schema_extra={"pattern": MESSAGE_PATTERN},
    ),
]


class Settlement(Definition):
    """What became of a message whose outcome was unknown."""

    outcome: Literal["sent", "not_sent"] = Field(description="It is not sent again either way.", examples=["sent"])


class Message(BaseModel):
    """One step to one enrollment."""

    id: str = Field(pattern=MESSAGE_PATTERN, examples=[show_message(7, 2)])
    campaign_id: Annotated[str, CAMPAIGN.shown()]
    enrollment_id: Annotated[str, ENROLLMENT.shown()]
    lead_id: Annotated[str, LEAD.shown()]
    mailbox_id: Annotated[str, MAILBOX.shown()] | None = Field(description="Null where the step was passed over.")
    step: int = Field(description="From 1.", examples=[2])
    variant: int = Field(description="Which wording, from 0.", examples=[0])
    state: MessageState = Field(examples=["sent"])
    cause: str | None = Field(description="Why it is in this state: a stable word.", examples=["worker_died"])
    recipient: str = Field(examples=["kim@example.com"])
    subject: str | None = Field(examples=["A question about Acme"])
    message_id: str | None = Field(description="Its Message-ID header.", examples=["<6mzq4x@example.com>"])
    attempt: int = Field(description="Which try this was, from 1.", examples=[1])
    refusals: int = Field(description="How often a server put it off.", examples=[0])
    marked_at: datetime | None = Field(description="When it last passed the gate to the wire.")
    settled_at: datetime | None = Field(description="When its outcome was recorded; null: in transit.")
    stage: str | None = Field(description="How far the last try came.", examples=["content"])
    reply_code: int | None = Field(description="The server's reply to it (RFC 5321).", examples=[250])
    reply: str | None = Field(description="Its text.", examples=["2.0.0 Ok: queued as 4F2C"])


class MessagePage(Page[Message]):
    """A page of messages."""

    model_config = ConfigDict(title="MessagePage")


@router.get("/messages", operation_id="list_messages", summary="Read the ledger")
async def list_messages(
    request: Request, caller: Reader, window: Annotated[Window, pages("messages")], state: StateFilter = None
) -> MessagePage:
    """The messages of all campaigns, in the order of enrollments and steps."""
    return await _page(request, caller, None, window, state)


@router.get(
    "/campaigns/{campaign_id}/messages",
    operation_id="list_messages_of_campaign",
    summary="Read a campaign's ledger",
    responses=answers(NO_CAMPAIGN),
)
async def list_messages_of_campaign(
    request: Request,
    campaign_id: CampaignId,
    caller: Reader,
    window: Annotated[Window, pages("messages")],
    state: StateFilter = None,
) -> MessagePage:
    """The messages of a campaign, in the order of enrollments and steps."""
    return await _page(request, caller, CAMPAIGN.parse(campaign_id), window, state)


@router.get(
    "/enrollments/{enrollment_id}/messages",
    operation_id="list_messages_of_enrollment",
    summary="Read an enrollment's ledger",
    responses=answers(NO_ENROLLMENT),
)
async def list_messages_of_enrollment(request: Request, enrollment_id: EnrollmentId, caller: Reader) -> list[Message]:
    """The messages to a lead in a campaign, in the order of steps, at most 50."""
    number = ENROLLMENT.parse(enrollment_id)
    rows = await messages.of_enrollment(context_of(request).database, caller.workspace_id, number)
    return [_shown(row) for row in rows]


@router.get(
    "/messages/{message_id}", operation_id="get_message", summary="Read a message", responses=answers(NOT_FOUND)
)
async def get_message(request: Request, message_id: MessageId, caller: Reader) -> Message:
    """One row of the ledger."""
    place = parse_message(message_id)
    return _shown(await messages.get(context_of(request).database, caller.workspace_id, *place))


@router.post(
    "/messages/{message_id}/settle",
    operation_id="settle_message",
    summary="Settle an unknown outcome",
    responses=answers(NOT_FOUND, NOT_UNKNOWN),
)
async def settle_message(request: Request, message_id: MessageId, body: Settlement, caller: Settler) -> Message:
    """Your word on a message whose fate is unknown. It is never sent again; a lead that was held for it goes on."""
    context = context_of(request)
    place = parse_message(message_id)
    key = context.database, caller.workspace_id
    was_sent = body.outcome == "sent"
    await settle_unknown(
        context.database, context.plans, caller.workspace_id, *place, was_sent, caller.actor, context.clock()
    )
    return _shown(await messages.get(*key, *place))


async def _page(
    request: Request, caller: Caller, campaign_id: int | None, window: Window, state: MessageState | None
) -> MessagePage:
    rows = await messages.page(
        context_of(request).database, caller.workspace_id, campaign_id, state, window.position, window.fetch
    )
    shown, cursor = window.shown(rows, lambda row: row.position)
    return MessagePage(items=[_shown(row) for row in shown], next_cursor=cursor)


def _shown(row: MessageRow) -> Message:
    names = Message.model_fields.keys() - {"id", "campaign_id", "enrollment_id", "lead_id", "mailbox_id"}
    return Message(
        **{name: getattr(row, name) for name in names},
        id=show_message(row.enrollment_id, row.step),
        campaign_id=CAMPAIGN.show(row.campaign_id),
        enrollment_id=ENROLLMENT.show(row.enrollment_id),
        lead_id=LEAD.show(row.lead_id),
        mailbox_id=None if row.mailbox_id is None else MAILBOX.show(row.mailbox_id),
    )
