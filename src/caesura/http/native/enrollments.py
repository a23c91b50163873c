"""Enrollments: leads in campaigns, at `/api/v1/campaigns/{id}/enrollments` and `/api/v1/enrollments`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from caesura.domain.campaign_time import CampaignClock
from caesura.domain.definition_types import Definition, Extra, Instant
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.lead_entry import LeadInput
from caesura.domain.lifecycle import CampaignState, EnrollmentEvent, EnrollmentState, campaign_verbs
from caesura.domain.scopes import Scope
from caesura.domain.validation import fault
from caesura.http.authentication import Caller, require
from caesura.http.context import ApiContext, context_of
from caesura.http.native.campaigns import NOT_FOUND as NO_CAMPAIGN
from caesura.http.native.campaigns import CampaignId
from caesura.http.native.faults import faults
from caesura.http.native.identifiers import CAMPAIGN, ENROLLMENT, LEAD, LIST, MAILBOX, SEGMENT
from caesura.http.native.leads import NOT_FOUND as NO_LEAD
from caesura.http.native.leads import Fields, LeadGiven, LeadId
from caesura.http.native.lists import NOT_FOUND as NO_LIST
from caesura.http.native.route import NativeRoute
from caesura.http.native.segments import NOT_FOUND as NO_SEGMENT
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import Fault, answers
from caesura.service import audiences, binding, definitions, enrollments
from caesura.service.enrollments import EnrolFate, Enrolment, EnrolOutcome
from caesura.service.leads import MAXIMUM_AT_ONCE, LeadFate
from caesura.service.readmission import BY_HAND
from caesura.store.enrollments import EnrollmentRow
from caesura.store.segments import Audience

TAG = {"name": "enrollments", "description": "Leads in campaigns: which step is next, when, and what keeps it back."}

router = APIRouter(prefix="/api/v1", tags=["enrollments"], route_class=NativeRoute)

_STOPPED = CampaignState.STOPPED
_FINISHED = EnrollmentState.FINISHED
NOT_FOUND = NotFound("enrollment_not_found", "there is no such enrollment in this workspace")
WRONG_STATE = Conflict("enrollment_finished", "an enrollment that is finished cannot hold", _FINISHED)
IN_TRANSIT = Conflict(
    "enrollment_in_transit",
    "a message to this lead is being sent at this moment; hold it when that is through",
    "in_transit",
    (EnrollmentEvent.STOP,),
)
UNSETTLED = Conflict(
    "unknown_outcome",
    "nobody knows whether its last message has arrived; settle that message first",
    EnrollmentState.HELD,
    ("settle", EnrollmentEvent.STOP),
)
NO_MAILBOX = Conflict("no_usable_mailbox", "the campaign's pool has no mailbox that is not archived")
UNKNOWN_MAILBOX = Invalid.of(
    Problem("unknown_mailbox", "the campaign's pool has no usable mailbox named 'anna'", "/to")
)
TAKES_NO_LEADS = (
    Conflict("campaign_stopped", "a stopped campaign takes no leads", _STOPPED, campaign_verbs(_STOPPED)),
    Conflict("campaign_archived", "an archived campaign takes no leads", CampaignState.COMPLETED, ("unarchive",)),
    Conflict(
        "campaign_paused",
        "the campaign is paused and takes no leads meanwhile",
        CampaignState.PAUSED,
        campaign_verbs(CampaignState.PAUSED),
    ),
)
ONE_SOURCE = Invalid.of(Problem("one_source", "Give one of lead_ids, list_id, segment_id and leads.", ""))

Reader = Annotated[Caller, require(Scope.CAMPAIGNS_READ)]
Writer = Annotated[Caller, require(Scope.LEADS_WRITE)]
EnrollmentId = Annotated[str, ENROLLMENT.path()]


# Lists and segments that others can be left out by.
_OTHERS = 100


class LeadEnrolled(LeadGiven):
    """A lead to be added or changed, and enrolled."""

    own_fields: Fields = Field(
        default={},
        description="Variables for this campaign only, before the lead's own; of a lead that is in it, they stay.",
        examples=[{"offer": "10 %"}],
    )

    def read(self) -> LeadInput:
        """For the services."""
        return LeadInput(self.address, self.fields, self.zone, self.extra, self.own_fields)


class EnrolRequest(Definition):
    """Who is to be enrolled: give one of `lead_ids`, `list_id`, `segment_id` and `leads`."""

    lead_ids: list[Annotated[int, *LEAD.reference()]] | None = Field(
        default=None,
        min_length=1,
        max_length=MAXIMUM_AT_ONCE,
        description="Leads, at most 1,000.",
        examples=[["led_5", "led_6"]],
    )
    list_id: Annotated[int, *LIST.reference()] | None = Field(
        default=None, description="Everyone on this list, however many."
    )
    segment_id: Annotated[int, *SEGMENT.reference()] | None = Field(
        default=None, description="Everyone in this segment at this moment, however many."
    )
    leads: list[LeadEnrolled] | None = Field(
        default=None,
        min_length=1,
        max_length=MAXIMUM_AT_ONCE,
        description="Leads by address and fields, at most 1,000; they are added or changed on the way. A key for "
        "single campaigns only adds: what others know of a lead stays as it is.",
    )
    without_list_ids: list[Annotated[int, *LIST.reference()]] = Field(
        default=[], max_length=_OTHERS, description="With list_id or segment_id: nobody who is on one of these."
    )
    without_segment_ids: list[Annotated[int, *SEGMENT.reference()]] = Field(
        default=[],
        max_length=_OTHERS,
        description="With list_id or segment_id: nobody who is in one of these segments.",
    )
    replace: bool = Field(
        default=False,
        description="With leads: put fields and zone in the place of those that known leads have, not beside them.",
    )
    readmit: bool = Field(
        default=False,
        description="With lead_ids: who was taken out by hand begins anew, at a step that was never sent to them.",
    )
    not_before: Instant | None = Field(
        default=None,
        description="With lead_ids or leads: none of those who begin here is written to before; real time.",
        examples=["2030-01-31T09:00:00Z"],
    )
    extra: Extra | None = Field(default=None, description="Kept with each new enrollment and returned, never read.")

    @model_validator(mode="after")
    def _check_one_source(self) -> Self:
        if sum(one is not None for one in (self.lead_ids, self.list_id, self.segment_id, self.leads)) != 1:
            raise fault("one_source", "Give one of lead_ids, list_id, segment_id and leads.")
        if self.not_before is not None and self.lead_ids is None and self.leads is None:
            raise fault("not_before_unfit", "Give not_before with lead_ids or leads.")
        if (self.without_list_ids or self.without_segment_ids) and self.list_id is None and self.segment_id is None:
            raise fault("without_unfit", "Give without_list_ids and without_segment_ids with list_id or segment_id.")
        return self


class EnrolOutcomeView(BaseModel):
    """What became of one of those who were to be enrolled."""

    outcome: EnrolFate = Field(examples=["enrolled"])
    lead_id: Annotated[str, LEAD.shown()] | None = Field(description="Null where the lead was rejected.")
    enrollment_id: Annotated[str, ENROLLMENT.shown()] | None = Field(description="Null where there is none.")
    lead_outcome: LeadFate | None = Field(description="With leads: what became of the lead itself.")
    errors: list[Fault] = Field(description="Why it was rejected, each with its place in the request.")


class Enrolled(BaseModel):
    """How many were enrolled, and how many not and why."""

    enrolled: int = Field(examples=[2])
    already_enrolled: int = Field(description="They were in the campaign, or are through with it.", examples=[0])
    suppressed: int = Field(description="They, or their domains, are never written to.", examples=[0])
    rejected: int = Field(description="Their data are wrong, or there is no such lead.", examples=[0])
    reopened: bool = Field(description="Whether it was completed, and runs again because of these.")
    outcomes: list[EnrolOutcomeView] = Field(
        description="One for each, in the order given; of a list or a segment, none."
    )


class Enrollment(BaseModel):
    """A lead in a campaign."""

    id: Annotated[str, ENROLLMENT.shown()]
    campaign_id: Annotated[str, CAMPAIGN.shown()]
    lead_id: Annotated[str, LEAD.shown()]
    address: str = Field(examples=["kim@example.com"])
    state: EnrollmentState = Field(examples=["waiting"])
    cause: str | None = Field(description="Why it is held or stopped: a stable word.", examples=["manual"])
    step: int = Field(description="The next step, from 1; in the end, the last one.", examples=[2])
    due_at: datetime | None = Field(
        description="When the next step is due; null when none is to come, or while a pause freezes waiting times."
    )
    due_in: int | None = Field(
        description="How long until then, in seconds; it stands still in such a pause. Null when none is to come.",
        examples=[86400],
    )
    not_before: datetime | None = Field(description="Not to be tried before; null: as soon as it is due.")
    wait_reason: str | None = Field(
        description="What it last met on its way: a word as in `why`.", examples=["daily_cap"]
    )
    mailbox_id: Annotated[str, MAILBOX.shown()] | None = Field(
        description="From which mailbox it is written to; null before the first message."
    )
    own_fields: dict[str, Any] = Field(description="Variables for this campaign only.", examples=[{"offer": "10 %"}])
    extra: dict[str, Any] = Field(description="What was given to be kept.", examples=[{"source": "fair"}])
    enrolled_at: datetime
    updated_at: datetime


class ReleaseRequest(Definition):
    """Which of the held leads are to go on."""

    cause: str = Field(
        min_length=1, max_length=100, description="Those that are held for this.", examples=["overdue_review"]
    )


class Released(BaseModel):
    """How many leads go on."""

    released: int = Field(examples=[10000])


class RebindRequest(Definition):
    """Where leads without a usable mailbox are to be written from."""

    to: str | None = Field(
        None, description="A mailbox of the campaign's pool, by name; null: all of them in turn.", examples=["anna"]
    )


class Rebound(BaseModel):
    """What a rebind changed."""

    leads: int = Field(description="How many leads have another mailbox now.", examples=[12])


class EnrollmentPage(Page[Enrollment]):
    """A page of enrollments."""

    model_config = ConfigDict(title="EnrollmentPage")


@router.post(
    "/campaigns/{campaign_id}/enrollments",
    operation_id="enrol",
    summary="Enrol leads",
    responses=answers(NO_CAMPAIGN, NO_LIST, NO_SEGMENT, *TAKES_NO_LEADS, ONE_SOURCE),
)
async def enrol(request: Request, campaign_id: CampaignId, body: EnrolRequest, caller: Writer) -> Enrolled:
    """Each becomes due after the first step's delay, counted from now. Nobody is enrolled twice in a campaign.

    Leads in a completed campaign set it running again. Where the campaign runs, a list or a segment is enrolled in
    parts: if that is cut short, ask again.
    """
    context = context_of(request)
    place = context.database, caller.workspace_id, CAMPAIGN.parse(campaign_id)
    by = caller.actor, context.clock()
    if body.segment_id is not None or body.without_list_ids or body.without_segment_ids:
        who = Audience(
            list_ids=[] if body.list_id is None else [body.list_id],
            segment_ids=[] if body.segment_id is None else [body.segment_id],
            without_list_ids=body.without_list_ids,
            without_segment_ids=body.without_segment_ids,
        )
        return shown_enrolment(await audiences.enrol_chosen(*place, who, *by, body.extra))
    if body.list_id is not None:
        return shown_enrolment(await audiences.enrol_list(*place, body.list_id, *by, body.extra))
    if body.leads is not None:
        given = [one.read() for one in body.leads]
        done = await enrollments.enrol_new(
            *place, given, body.replace, *by, body.extra, caller.is_restricted, body.not_before
        )
        return shown_enrolment(done)
    again = BY_HAND if body.readmit else ()
    done = await enrollments.enrol(*place, body.lead_ids or [], *by, body.extra, again, body.not_before)
    return shown_enrolment(done)


@router.post(
    "/campaigns/{campaign_id}/rebind",
    operation_id="rebind_leads",
    summary="Give leads another mailbox",
    responses=answers(NO_CAMPAIGN, NO_MAILBOX, UNKNOWN_MAILBOX),
)
async def rebind_leads(request: Request, campaign_id: CampaignId, body: RebindRequest, caller: Writer) -> Rebound:
    """All whose mailbox is archived or has left the campaign's pool: they wait until this is asked for.

    Later steps leave from the new mailbox, still as answers to what was sent before.
    """
    context = context_of(request)
    number = CAMPAIGN.parse(campaign_id)
    by = caller.actor, context.clock()
    return Rebound(leads=await binding.rebind(context.database, caller.workspace_id, number, body.to, *by))


@router.get(
    "/campaigns/{campaign_id}/enrollments",
    operation_id="list_enrollments",
    summary="List a campaign's leads",
    responses=answers(NO_CAMPAIGN),
)
async def list_enrollments(
    request: Request,
    campaign_id: CampaignId,
    caller: Reader,
    window: Annotated[Window, pages("enrollments")],
    state: Annotated[EnrollmentState | None, Query(description="Only those in this state.")] = None,
    cause: Annotated[
        str | None, Query(max_length=100, description="Only those for this cause.", examples=["missing_variable"])
    ] = None,
) -> EnrollmentPage:
    """The leads in a campaign, the oldest lead first."""
    context = context_of(request)
    number = CAMPAIGN.parse(campaign_id)
    rows = await enrollments.page(
        context.database, caller.workspace_id, number, window.position, state, cause, window.fetch
    )
    shown, cursor = window.shown(rows, lambda row: row.lead_id)
    return EnrollmentPage(items=await shown_all(context, shown), next_cursor=cursor)


@router.post(
    "/campaigns/{campaign_id}/enrollments/release",
    operation_id="release_enrollments",
    summary="Let all held leads go on",
    responses=answers(NO_CAMPAIGN, UNSETTLED),
)
async def release_enrollments(
    request: Request, campaign_id: CampaignId, body: ReleaseRequest, caller: Writer
) -> Released:
    """All leads of the campaign that are held for this cause, however many, from the same position.

    They go in parts: if that is cut short, ask again. Asked again, it releases those that were held since.
    """
    context = context_of(request)
    place = context.database, caller.workspace_id, CAMPAIGN.parse(campaign_id)
    return Released(released=await enrollments.release_held(*place, body.cause, caller.actor, context.clock()))


@router.get(
    "/leads/{lead_id}/enrollments",
    operation_id="list_enrollments_of_lead",
    summary="List a lead's campaigns",
    responses=answers(NO_LEAD),
)
async def list_enrollments_of_lead(request: Request, lead_id: LeadId, caller: Reader) -> list[Enrollment]:
    """The lead in all its campaigns, the oldest first, at most 1,000."""
    context = context_of(request)
    rows = await enrollments.of_lead(context.database, caller.workspace_id, LEAD.parse(lead_id))
    return await shown_all(context, rows)


@router.get(
    "/enrollments/{enrollment_id}",
    operation_id="get_enrollment",
    summary="Read an enrollment",
    responses=answers(NOT_FOUND),
)
async def get_enrollment(request: Request, enrollment_id: EnrollmentId, caller: Reader) -> Enrollment:
    """A lead in a campaign."""
    context = context_of(request)
    row = await enrollments.get(context.database, caller.workspace_id, ENROLLMENT.parse(enrollment_id))
    return await _one(context, row)


@router.post(
    "/enrollments/{enrollment_id}/stop",
    operation_id="stop_enrollment",
    summary="Take a lead out",
    responses=answers(NOT_FOUND, WRONG_STATE),
)
async def stop_enrollment(request: Request, enrollment_id: EnrollmentId, caller: Writer) -> Enrollment:
    """For good: once this answers, nothing more goes out to the lead in this campaign, but what is in transit."""
    context = context_of(request)
    number = ENROLLMENT.parse(enrollment_id)
    return await _one(
        context, await enrollments.stop(context.database, caller.workspace_id, number, caller.actor, context.clock())
    )


@router.post(
    "/enrollments/{enrollment_id}/hold",
    operation_id="hold_enrollment",
    summary="Keep a lead back",
    responses=answers(NOT_FOUND, WRONG_STATE, IN_TRANSIT),
)
async def hold_enrollment(request: Request, enrollment_id: EnrollmentId, caller: Writer) -> Enrollment:
    """Once this answers, nothing goes out to the lead in this campaign until it is released."""
    context = context_of(request)
    number = ENROLLMENT.parse(enrollment_id)
    return await _one(
        context, await enrollments.hold(context.database, caller.workspace_id, number, caller.actor, context.clock())
    )


@router.post(
    "/enrollments/{enrollment_id}/release",
    operation_id="release_enrollment",
    summary="Let a lead go on",
    responses=answers(NOT_FOUND, WRONG_STATE, UNSETTLED),
)
async def release_enrollment(request: Request, enrollment_id: EnrollmentId, caller: Writer) -> Enrollment:
    """From the same position, whatever it was held for. One that waits stays as it is."""
    context = context_of(request)
    number = ENROLLMENT.parse(enrollment_id)
    return await _one(
        context, await enrollments.release(context.database, caller.workspace_id, number, caller.actor, context.clock())
    )


async def _one(context: ApiContext, row: EnrollmentRow) -> Enrollment:
    [shown] = await shown_all(context, [row])
    return shown


async def shown_all(context: ApiContext, rows: Sequence[EnrollmentRow]) -> list[Enrollment]:
    """Enrollments as they are shown. Due times are kept in campaign time: one read for each campaign's clock."""
    now = context.clock()
    clocks: dict[int, CampaignClock] = {}
    for row in rows:
        if row.campaign_id not in clocks:
            campaign = await definitions.get(context.database, row.workspace_id, row.campaign_id)
            clocks[row.campaign_id] = campaign.row.clock
    return [_show(row, clocks[row.campaign_id], now) for row in rows]


def _show(row: EnrollmentRow, clock: CampaignClock, now: datetime) -> Enrollment:
    names = ("address", "state", "cause", "step", "not_before", "wait_reason", "enrolled_at", "updated_at")
    due_at, due_in = row.due(clock, now)
    return Enrollment(
        **{name: getattr(row, name) for name in names},
        id=ENROLLMENT.show(row.id),
        campaign_id=CAMPAIGN.show(row.campaign_id),
        lead_id=LEAD.show(row.lead_id),
        due_at=due_at,
        due_in=due_in,
        mailbox_id=None if row.mailbox_id is None else MAILBOX.show(row.mailbox_id),
        own_fields=dict(row.fields or {}),
        extra=dict(row.extra or {}),
    )


def shown_enrolment(done: Enrolment) -> Enrolled:
    """What an enrolment came to."""
    names = ("enrolled", "already_enrolled", "suppressed", "rejected", "reopened")
    return Enrolled(**{name: getattr(done, name) for name in names}, outcomes=[shown_outcome(one) for one in done.rows])


def shown_outcome(one: EnrolOutcome) -> EnrolOutcomeView:
    """What became of one of those who were to be enrolled."""
    return EnrolOutcomeView(
        outcome=one.fate,
        lead_id=None if one.lead_id is None else LEAD.show(one.lead_id),
        enrollment_id=None if one.enrollment_id is None else ENROLLMENT.show(one.enrollment_id),
        lead_outcome=one.lead_fate,
        errors=faults(one.problems),
    )
