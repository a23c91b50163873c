"""Inbound: `/api/v1/inbound`. Replies, bounces, complaints and unsubscribes: report them, read and sort them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.definition_types import Body, Definition, EmailAddress, Extra, Instant, Line, Name
from caesura.domain.enclosures import CopyDefinition
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.inbound import MAXIMUM_HTML, MAXIMUM_TEXT, BounceType, Classification, InboundKind, InboundReport
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.campaigns import NOT_FOUND as NO_CAMPAIGN
from caesura.http.native.campaigns import CampaignId
from caesura.http.native.identifiers import CAMPAIGN, ENROLLMENT, INBOUND, LEAD, MAILBOX, Kind
from caesura.http.native.mailboxes import NOT_FOUND as NO_MAILBOX
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import answers as answering
from caesura.service import inbound
from caesura.service.answers import Answer
from caesura.service.inbound import InboundChange
from caesura.store.inbound import InboundCounts, InboundRow, Numbers, Selection

TAG = {
    "name": "inbound",
    "description": "What came back: replies, automatic replies, bounces, complaints and unsubscribes.",
}

router = APIRouter(prefix="/api/v1", tags=["inbound"], route_class=NativeRoute)

NOT_FOUND = NotFound("inbound_not_found", "there is no such inbound in this workspace")
NO_TYPE = Invalid.of(
    Problem(
        "bounce_type_missing", "Say of a bounce whether it is hard (the address is no good) or soft.", "/bounce_type"
    )
)
UNFIT_TYPE = Invalid.of(Problem("bounce_type_unfit", "Only a bounce is hard or soft.", "/bounce_type"))
BAD_ADDRESS = Invalid.of(Problem("address_syntax", "There is no @ in the address.", "/address"))

EMPTY = Invalid.of(Problem("answer_empty", "Give text or html.", "/text"))
UNANSWERABLE = Conflict("inbound_unanswerable", "it is not known whom to answer: give an address")
SUPPRESSED = Conflict("recipient_suppressed", "kim@example.com is suppressed and is never written to")

Reader = Annotated[Caller, require(Scope.INBOUND_READ)]
Writer = Annotated[Caller, require(Scope.INBOUND_WRITE)]
Answerer = Annotated[
    Caller,
    require(
        *(Scope.CAMPAIGNS_WRITE, Scope.CAMPAIGNS_SEND, Scope.LEADS_WRITE), *(Scope.INBOUND_READ, Scope.INBOUND_WRITE)
    ),
]
InboundId = Annotated[str, INBOUND.path()]
KindWord = Literal["reply", "auto_reply", "bounce", "complaint", "unsubscribe"]
ClassificationWord = Literal["interested", "maybe_later", "not_interested", "out_of_office"]


def _only(kind: Kind) -> Any:
    return Query(
        description=f"Only of this {kind.noun}.",
        examples=[kind.show(kind.example)],
        json_schema_extra={"type": "string", "pattern": kind.pattern},
    )


class InboundGiven(Definition):
    """Something that came back. Texts that are too long are cut."""

    kind: KindWord = Field(description="What it is.", examples=["reply"])
    from_address: str | None = Field(
        default=None, description="Whom it came from, as it says.", examples=["Kim <kim@example.com>"]
    )
    address: str | None = Field(
        default=None,
        max_length=1000,
        description="The lead's address, where that is another: whom a bounce or a complaint is about.",
        examples=["kim@example.com"],
    )
    message_id: str | None = Field(
        default=None,
        description="Its own Message-ID: a mail that is reported twice counts once.",
        examples=["<CAF7x@mail.example.com>"],
    )
    in_reply_to: str | None = Field(
        default=None,
        description="The Message-ID of the message that it answers; of a bounce, of the one that came back.",
        examples=["<ae8faf8f03d5d504422f8854597ad454@sender.example>"],
    )
    references: list[str] = Field(
        default=[], description="Other Message-IDs that it names, the newest last; the last 50 count."
    )
    campaign_id: Annotated[int, *CAMPAIGN.reference()] | None = Field(
        default=None, description="The campaign, where no Message-ID of ours is named."
    )
    mailbox_id: Annotated[int, *MAILBOX.reference()] | None = Field(
        default=None, description="The mailbox that it came to; by default the one that the message left from."
    )
    subject: str | None = Field(default=None, examples=["Re: A question about Acme"])
    text: str | None = Field(
        default=None, description=f"Its text; the first {MAXIMUM_TEXT:,} characters.", examples=["Yes, gladly."]
    )
    html: str | None = Field(
        default=None, description=f"Its HTML, as it came: not made harmless. The first {MAXIMUM_HTML:,} characters."
    )
    bounce_type: Literal["hard", "soft"] | None = Field(
        default=None, description="Of a bounce: hard means that the address is no good.", examples=["hard"]
    )
    reason: str | None = Field(
        default=None, description="In the words of the server.", examples=["550 5.1.1 no such user"]
    )
    classification: ClassificationWord | None = Field(
        default=None, description="What the lead wants, if you know.", examples=["interested"]
    )
    received_at: Instant | None = Field(default=None, description="When it came; by default now.")
    extra: Extra = Field(default={}, description="Anything else; kept and returned.", examples=[{"crm": {"id": 7}}])

    def read(self) -> InboundReport:
        """For the service."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        given["kind"] = InboundKind(self.kind)
        given["bounce_type"] = BounceType(self.bounce_type) if self.bounce_type else None
        given["classification"] = Classification(self.classification) if self.classification else None
        given["references"] = tuple(self.references)
        return InboundReport(**given)


class InboundPatch(Definition):
    """What to change; what is left out stays as it is."""

    classification: ClassificationWord | None = Field(
        default=None, description="What the lead wants; null: nobody knows.", examples=["interested"]
    )
    is_read: bool | None = Field(default=None, description="null changes nothing.", examples=[True])
    assigned_to: Name | None = Field(
        default=None, description="Who looks after it; null: nobody.", examples=["sam@acme.example"]
    )
    note: Body | None = Field(default=None, description="For people; null takes it away. The first 10,000 characters.")
    extra: Extra = Field(default={}, description="Anything else; an object goes into the one kept.")

    def read(self) -> InboundChange:
        """For the service."""
        given = self.model_fields_set
        return InboundChange(
            classification=Classification(self.classification) if self.classification else None,
            clear_classification="classification" in given,
            is_read=self.is_read,
            assigned_to=self.assigned_to,
            clear_assigned="assigned_to" in given,
            note=(self.note or "") if "note" in given else None,
            extra=self.extra or None,
        )


class AnswerGiven(Definition):
    """An answer, word for word: nothing in it is a template. Give text or html, or both."""

    text: Body | None = Field(default=None, examples=["Gladly. Tuesday at ten?"])
    html: Body | None = Field(default=None, examples=["<p>Gladly. Tuesday at ten?</p>"])
    subject: Line | None = Field(
        default=None, description="By default that of what is answered, with Re: before it.", examples=["Tuesday"]
    )
    to: EmailAddress | None = Field(default=None, description="By default who wrote.", examples=["kim@example.com"])
    mailbox_id: Annotated[int, *MAILBOX.reference()] | None = Field(
        default=None, description="By default the one that it came to."
    )
    quote: bool = Field(default=False, description="Whether what is answered stands below, as text.")
    cc: list[CopyDefinition] = Field(default=[], max_length=50, description="Who else gets it, as all can see.")
    bcc: list[CopyDefinition] = Field(default=[], max_length=50, description="Who else gets it, unseen.")

    def read(self) -> Answer:
        """For the service."""
        return Answer(**{name: getattr(self, name) for name in type(self).model_fields})


class AnswerAccepted(BaseModel):
    """An answer on its way; its message is listed under the enrollment."""

    campaign_id: Annotated[str, CAMPAIGN.shown()]
    enrollment_id: Annotated[str, ENROLLMENT.shown()]


class Inbound(BaseModel):
    """Something that came back."""

    id: Annotated[str, INBOUND.shown()]
    kind: InboundKind = Field(examples=["reply"])
    lead_id: Annotated[str, LEAD.shown()] | None = Field(description="Null where no lead has the address.")
    campaign_id: Annotated[str, CAMPAIGN.shown()] | None
    enrollment_id: Annotated[str, ENROLLMENT.shown()] | None
    step: int | None = Field(description="Of the message that it answers, or the last one before it.", examples=[2])
    mailbox_id: Annotated[str, MAILBOX.shown()] | None
    address: str | None = Field(description="The lead's, that it is about.", examples=["kim@example.com"])
    from_address: str | None = Field(examples=["Kim <kim@example.com>"])
    subject: str | None = Field(examples=["Re: A question about Acme"])
    text: str | None = Field(examples=["Yes, gladly."])
    html: str | None = Field(description="As it came: not made harmless. Null in lists.")
    message_id: str | None = Field(examples=["<CAF7x@mail.example.com>"])
    in_reply_to: str | None = Field(examples=["<ae8faf8f03d5d504422f8854597ad454@sender.example>"])
    bounce_type: BounceType | None = Field(examples=["hard"])
    reason: str | None = Field(examples=["550 5.1.1 no such user"])
    classification: Classification | None = Field(examples=["interested"])
    is_read: bool
    assigned_to: str | None = Field(examples=["sam@acme.example"])
    assigned_at: datetime | None
    note: str | None
    received_at: datetime
    created_at: datetime
    extra: dict[str, Any] = Field(description="What was given to be kept.")


class InboundReceived(Inbound):
    """What was reported."""

    stopped: int = Field(description="Enrollments that it ended.", examples=[1])


class InboundPage(Page[Inbound]):
    """A page of what came back."""

    model_config = ConfigDict(title="InboundPage")


class InboundNumbers(BaseModel):
    """How many leads; one that did something twice counts once."""

    replied: int = Field(examples=[12])
    auto_replied: int = Field(examples=[3])
    bounced: int = Field(description="Of both types, by mail; refusals while sending are not among them.", examples=[2])
    hard_bounced: int = Field(examples=[1])
    soft_bounced: int = Field(examples=[1])
    complained: int = Field(examples=[0])
    unsubscribed: int = Field(examples=[1])
    interested: int = Field(examples=[4])
    maybe_later: int = Field(examples=[1])
    not_interested: int = Field(examples=[2])
    out_of_office: int = Field(examples=[3])


class InboundCountsView(BaseModel):
    """What came back to a campaign."""

    total: InboundNumbers
    by_step: dict[str, InboundNumbers] = Field(
        description="By the number of the step that was answered, as far as it is known."
    )


@router.post(
    "/inbound",
    operation_id="report_inbound",
    summary="Report what came back",
    status_code=201,
    responses={
        **answers(NO_TYPE, UNFIT_TYPE, BAD_ADDRESS, NO_CAMPAIGN, NO_MAILBOX),
        200: {"model": InboundReceived, "description": "This mail was reported before; nothing was done."},
    },
)
async def report_inbound(request: Request, response: Response, body: InboundGiven, caller: Writer) -> InboundReceived:
    """Mail that was read elsewhere. It is taken in whatever the campaign's state.

    It belongs to the message whose Message-ID it names, else to the last one to its address. A reply stops the lead in
    that campaign if it has `stop_on_reply`; an automatic one does not. A hard bounce, a complaint and an unsubscribe
    suppress the address, and stop it everywhere. What names a message whose outcome was unknown settles it as sent.
    Once this answers, nothing that it ended goes out any more.
    """
    context = context_of(request)
    done = await inbound.report(
        context.database, context.plans, caller.workspace_id, body.read(), caller.actor, context.clock()
    )
    response.status_code = 201 if done.is_new else 200
    response.headers["Location"] = f"{router.prefix}/inbound/{INBOUND.show(done.row.id)}"
    return InboundReceived(**dict(show(done.row)), stopped=done.stopped)


@router.get("/inbound", operation_id="list_inbound", summary="List what came back")
async def list_inbound(
    request: Request,
    caller: Reader,
    window: Annotated[Window, pages("inbound")],
    campaign_id: Annotated[str | None, _only(CAMPAIGN)] = None,
    lead_id: Annotated[str | None, _only(LEAD)] = None,
    mailbox_id: Annotated[str | None, _only(MAILBOX)] = None,
    kind: Annotated[KindWord | None, Query(description="Only these.")] = None,
    classification: Annotated[ClassificationWord | None, Query(description="Only these.")] = None,
    is_read: Annotated[bool | None, Query(description="Only what is read, or is not.")] = None,
    has_campaign: Annotated[bool | None, Query(description="Only what is of a campaign, or of none.")] = None,
    search: Annotated[
        str | None,
        Query(min_length=1, max_length=200, description="In the addresses, the subject or the text, in any case."),
    ] = None,
) -> InboundPage:
    """What came back, newest first. Filters but those by campaign and lead cost a look at each."""
    selection = Selection(
        campaign_ids=None if campaign_id is None else [CAMPAIGN.parse(campaign_id)],
        lead_id=None if lead_id is None else LEAD.parse(lead_id),
        mailbox_ids=None if mailbox_id is None else [MAILBOX.parse(mailbox_id)],
        kinds=None if kind is None else [InboundKind(kind)],
        classifications=None if classification is None else [Classification(classification)],
        is_read=is_read,
        search=() if search is None else [search],
        has_campaign=has_campaign,
    )
    database = context_of(request).database
    rows = await inbound.page(database, caller.workspace_id, selection, window.position, window.fetch)
    shown, cursor = window.shown(rows, lambda row: row.id)
    return InboundPage(items=[show(row) for row in shown], next_cursor=cursor)


@router.get(
    "/inbound/{inbound_id}", operation_id="get_inbound", summary="Read what came back", responses=answers(NOT_FOUND)
)
async def get_inbound(request: Request, inbound_id: InboundId, caller: Reader) -> Inbound:
    """One of them."""
    return show(await inbound.get(context_of(request).database, caller.workspace_id, INBOUND.parse(inbound_id)))


@router.patch(
    "/inbound/{inbound_id}",
    operation_id="change_inbound",
    summary="Classify, assign or mark as read",
    responses=answers(NOT_FOUND),
)
async def change_inbound(request: Request, inbound_id: InboundId, body: InboundPatch, caller: Writer) -> Inbound:
    """What is left out stays. It starts and stops nothing."""
    context = context_of(request)
    number = INBOUND.parse(inbound_id)
    return show(
        await inbound.change(context.database, caller.workspace_id, number, body.read(), caller.actor, context.clock())
    )


@router.post(
    "/inbound/{inbound_id}/answer",
    operation_id="answer_inbound",
    summary="Answer what came back",
    status_code=202,
    responses=answers(NOT_FOUND, NO_MAILBOX, EMPTY, UNANSWERABLE, SUPPRESSED),
)
async def answer_inbound(
    request: Request, inbound_id: InboundId, body: AnswerGiven, caller: Answerer
) -> AnswerAccepted:
    """A message in the same thread, from the mailbox that it came to, as soon as that mailbox may send.

    It is a mailing of its own: suppressions, caps and holds count as ever. It may quote what came back, and go to any
    address, so that a key needs the scopes of a mailing and those of what came back.
    """
    context = context_of(request)
    number = INBOUND.parse(inbound_id)
    done = await answering.send(
        context.database, caller.workspace_id, number, body.read(), caller.actor, context.clock()
    )
    return AnswerAccepted(
        campaign_id=CAMPAIGN.show(done.campaign_id), enrollment_id=ENROLLMENT.show(done.enrollment_id)
    )


@router.get(
    "/campaigns/{campaign_id}/inbound-counts",
    operation_id="count_inbound",
    summary="Count what came back to a campaign",
    responses=answers(NO_CAMPAIGN),
)
async def count_inbound(request: Request, campaign_id: CampaignId, caller: Reader) -> InboundCountsView:
    """How many leads replied, bounced and so on, in all and by step."""
    number = CAMPAIGN.parse(campaign_id)
    return show_counts(await inbound.counts(context_of(request).database, caller.workspace_id, number))


def show_counts(counts: InboundCounts) -> InboundCountsView:
    """What came back to a campaign."""
    by_step = {str(step): _numbers(numbers) for step, numbers in counts.by_step.items()}
    return InboundCountsView(total=_numbers(counts.total), by_step=by_step)


def show(row: InboundRow) -> Inbound:
    """A row."""
    names = Inbound.model_fields.keys() - {"id", "lead_id", "campaign_id", "enrollment_id", "mailbox_id", "extra"}
    return Inbound(
        **{name: getattr(row, name) for name in names},
        id=INBOUND.show(row.id),
        lead_id=LEAD.show_any(row.lead_id),
        campaign_id=CAMPAIGN.show_any(row.campaign_id),
        enrollment_id=ENROLLMENT.show_any(row.enrollment_id),
        mailbox_id=MAILBOX.show_any(row.mailbox_id),
        extra=dict(row.extra),
    )


def _numbers(numbers: Numbers) -> InboundNumbers:
    return InboundNumbers(**{name: getattr(numbers, name) for name in InboundNumbers.model_fields})
