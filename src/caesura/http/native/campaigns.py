"""Campaigns: `/api/v1/campaigns`. Their content, and start, pause, resume and stop."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, create_model

from caesura.domain.definition import CampaignDefinition, StepDefinition, read_definition
from caesura.domain.definition_types import Definition, Instant
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.lifecycle import CampaignState, CampaignVerb, campaign_verbs
from caesura.domain.scopes import Scope
from caesura.http import etags
from caesura.http.authentication import Caller, require
from caesura.http.context import ApiContext, context_of
from caesura.http.native import campaign_views as views
from caesura.http.native.identifiers import CAMPAIGN
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import NamePart, Page, Window, pages
from caesura.http.problems import answers
from caesura.service import campaigns, definitions, forecast, halting
from caesura.service.campaigns import PauseOptions, Seen, Status
from caesura.store.database import Database

TAG = {"name": "campaigns", "description": "Sequences of messages: their content, start, pause, resume and stop."}

router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"], route_class=NativeRoute)

_STOPPED = CampaignState.STOPPED
NOT_FOUND = NotFound("campaign_not_found", "there is no such campaign in this workspace")
WRONG_STATE = Conflict(
    "campaign_stopped", "a campaign that is stopped cannot pause", _STOPPED, campaign_verbs(_STOPPED)
)
BAD_CONTENT = Invalid.of(Problem("template_syntax", "the tag is not closed", "/steps/0/variants/0/text"))
NO_MAILBOX = Invalid.of(Problem("no_usable_mailbox", "no mailbox of the pool can send", "/pool"))

# How often a waiting pause looks whether it is quiet, in seconds.
_LOOK = 0.02

Reader = Annotated[Caller, require(Scope.CAMPAIGNS_READ)]
Writer = Annotated[Caller, require(Scope.CAMPAIGNS_WRITE)]
Sender = Annotated[Caller, require(Scope.CAMPAIGNS_SEND)]
CampaignId = Annotated[str, CAMPAIGN.path()]

# The definition with every field optional: what is left out stays as it is.
_PATCH_FIELDS: Any = {
    name: (
        Annotated[(field.annotation, *field.metadata, Field(description=field.description, examples=field.examples))],
        None,
    )
    for name, field in CampaignDefinition.model_fields.items()
}
CampaignPatch: Any = create_model(
    "CampaignPatch",
    __base__=Definition,
    __doc__="Fields of a campaign to change; what is left out stays as it is.",
    **_PATCH_FIELDS,
)


class PauseRequest(Definition):
    """How to pause. On a paused campaign, what is given is changed."""

    reason: str | None = Field(default=None, max_length=500, description="For people.", examples=["wrong price"])
    resume_at: Instant | None = Field(
        default=None,
        description="Resume by itself at this moment; null takes that back.",
        examples=["2030-01-31T09:00:00Z"],
    )
    clock: Literal["freeze", "run"] | None = Field(
        default=None, description="Whether waiting times stand still (freeze, the default) or run on."
    )
    new_leads: Literal["hold", "reject"] | None = Field(
        default=None, description="Whether leads added in the pause wait (hold, the default) or are refused."
    )
    on_overdue: Literal["spread", "skip", "review"] | None = Field(
        default=None,
        description="What becomes of what falls due in the pause: spread (the default) sends it within the usual "
        "limits, skip passes those steps over, review holds those leads for a person.",
    )

    def options(self) -> PauseOptions:
        """What the service asks for: only a `resume_at` that is given as null takes a planned one back."""
        return PauseOptions(**self.model_dump(), stays="resume_at" in self.model_fields_set and self.resume_at is None)


class ResumeRequest(Definition):
    """How to resume."""

    dry_run: bool = Field(default=False, description="Change nothing, and tell what a resume would bring.")


class StartRequest(Definition):
    """How to start."""

    paused: bool = Field(
        default=False, description="Begin in a pause: all is checked, and nothing goes out until it is resumed."
    )


class StopRequest(Definition):
    """How to stop."""

    reason: str | None = Field(default=None, max_length=500, description="For people.", examples=["the offer is over"])


class DismissRequest(Definition):
    """Why it is not to start."""

    reason: str | None = Field(default=None, max_length=500, description="For people.", examples=["not now"])


class ScheduleRequest(Definition):
    """When to start."""

    starts_at: Instant = Field(description="In the future.", examples=["2030-01-31T09:00:00Z"])


class CampaignPage(Page[views.CampaignSummary]):
    """A page of campaigns."""

    model_config = ConfigDict(title="CampaignPage")


@router.post(
    "", operation_id="create_campaign", summary="Create a campaign", status_code=201, responses=answers(BAD_CONTENT)
)
async def create_campaign(
    request: Request, response: Response, body: CampaignDefinition, caller: Writer
) -> views.CampaignView:
    """A new draft. It sends nothing until it is started."""
    context = context_of(request)
    campaign_id = await definitions.create(context.database, caller.workspace_id, body, caller.actor, context.clock())
    response.headers["Location"] = f"{router.prefix}/{CAMPAIGN.show(campaign_id)}"
    return await _view(context, response, caller.workspace_id, campaign_id)


@router.get("", operation_id="list_campaigns", summary="List campaigns")
async def list_campaigns(
    request: Request,
    caller: Reader,
    window: Annotated[Window, pages("campaigns")],
    status: Annotated[CampaignState | None, Query(description="Only those in this status.")] = None,
    archived: Annotated[bool, Query(description="The archived ones, instead of the others.")] = False,
    name: NamePart = None,
) -> CampaignPage:
    """Campaigns, newest first."""
    rows = await definitions.page(
        context_of(request).database, caller.workspace_id, window.position, status, archived, window.fetch, name
    )
    shown, cursor = window.shown(rows, lambda row: row.id)
    visible = [row for row in shown if caller.campaign_ids is None or row.id in caller.campaign_ids]
    return CampaignPage(items=[views.summary(row) for row in visible], next_cursor=cursor)


@router.get("/{campaign_id}", operation_id="get_campaign", summary="Read a campaign", responses=answers(NOT_FOUND))
async def get_campaign(
    request: Request, response: Response, campaign_id: CampaignId, caller: Reader
) -> views.CampaignView:
    """One campaign with its content."""
    return await _view(context_of(request), response, caller.workspace_id, CAMPAIGN.parse(campaign_id))


@router.put(
    "/{campaign_id}",
    operation_id="replace_campaign",
    summary="Replace a campaign's content",
    responses=answers(NOT_FOUND, WRONG_STATE, BAD_CONTENT, etags.MISMATCH),
)
async def replace_campaign(
    request: Request,
    response: Response,
    campaign_id: CampaignId,
    body: CampaignDefinition,
    caller: Writer,
    version: etags.ExpectedVersion,
) -> views.CampaignView:
    """Works while it runs, too: once this answers, no message with the old content is marked any more."""
    return await _edit(context_of(request), response, caller, CAMPAIGN.parse(campaign_id), body, version)


@router.patch(
    "/{campaign_id}",
    operation_id="change_campaign",
    summary="Change some of a campaign's content",
    responses=answers(NOT_FOUND, WRONG_STATE, BAD_CONTENT, etags.MISMATCH),
)
async def change_campaign(
    request: Request,
    response: Response,
    campaign_id: CampaignId,
    body: CampaignPatch,
    caller: Writer,
    version: etags.ExpectedVersion,
) -> views.CampaignView:
    """What is left out stays as it is. Otherwise like PUT."""
    number = CAMPAIGN.parse(campaign_id)
    before = await definitions.get(context_of(request).database, caller.workspace_id, number)
    merged = before.definition.model_dump(mode="json") | body.model_dump(mode="json", exclude_unset=True)
    # Without the caller's own version the one just read counts, so that two changes at once never undo each other.
    expected = version if version is not None else before.row.version
    return await _edit(context_of(request), response, caller, number, read_definition(merged), expected)


@router.delete(
    "/{campaign_id}",
    operation_id="delete_campaign",
    summary="Delete a draft",
    status_code=204,
    responses=answers(NOT_FOUND, WRONG_STATE),
)
async def delete_campaign(request: Request, campaign_id: CampaignId, caller: Writer) -> None:
    """Only a draft without leads can be deleted; archive or withdraw any other."""
    context = context_of(request)
    number = CAMPAIGN.parse(campaign_id)
    await definitions.delete(context.database, caller.workspace_id, number, caller.actor, context.clock())


@router.get("/{campaign_id}/steps", operation_id="list_steps", summary="Read the steps", responses=answers(NOT_FOUND))
async def list_steps(request: Request, campaign_id: CampaignId, caller: Reader) -> list[StepDefinition]:
    """The sequence, in order."""
    found = await definitions.get(context_of(request).database, caller.workspace_id, CAMPAIGN.parse(campaign_id))
    return list(found.definition.steps)


@router.put(
    "/{campaign_id}/steps",
    operation_id="replace_steps",
    summary="Replace the steps",
    responses=answers(NOT_FOUND, WRONG_STATE, BAD_CONTENT, etags.MISMATCH),
)
async def replace_steps(
    request: Request,
    response: Response,
    campaign_id: CampaignId,
    body: Annotated[list[StepDefinition], Field(max_length=50)],
    caller: Writer,
    version: etags.ExpectedVersion,
) -> views.CampaignView:
    """The whole sequence. Steps that messages exist of must stay in their place."""
    number = CAMPAIGN.parse(campaign_id)
    before = await definitions.get(context_of(request).database, caller.workspace_id, number)
    steps = [step.model_dump(mode="json", exclude_unset=True) for step in body]
    merged = before.definition.model_dump(mode="json") | {"steps": steps}
    expected = version if version is not None else before.row.version
    return await _edit(context_of(request), response, caller, number, read_definition(merged), expected)


@router.get("/{campaign_id}/status", operation_id="get_status", summary="Where it stands", responses=answers(NOT_FOUND))
async def get_status(request: Request, campaign_id: CampaignId, caller: Reader) -> views.StatusView:
    """Status and exact counts, at a cost that does not grow with the campaign."""
    context = context_of(request)
    number = CAMPAIGN.parse(campaign_id)
    return views.status(await campaigns.status(context.database, caller.workspace_id, number, context.clock()))


@router.get("/{campaign_id}/check", operation_id="check_campaign", summary="Preflight", responses=answers(NOT_FOUND))
async def check_campaign(request: Request, campaign_id: CampaignId, caller: Reader) -> views.Checked:
    """What would keep it from starting, or hold some of its leads. Changes nothing."""
    number = CAMPAIGN.parse(campaign_id)
    return views.checked(await definitions.check(context_of(request).database, caller.workspace_id, number))


@router.post(
    "/{campaign_id}/start",
    operation_id="start_campaign",
    summary="Start",
    responses=answers(NOT_FOUND, WRONG_STATE, NO_MAILBOX, etags.MISMATCH),
)
async def start_campaign(
    request: Request,
    campaign_id: CampaignId,
    caller: Sender,
    version: etags.ExpectedVersion,
    body: StartRequest | None = None,
) -> views.Started:
    """Starts a draft or scheduled campaign once a preflight finds nothing that blocks. A running one stays running.

    With `If-Match`, only the content that was read is started.
    """
    paused = body is not None and body.paused
    return await _start(context_of(request), campaign_id, caller, CampaignVerb.START, version, paused)


@router.post(
    "/{campaign_id}/pause",
    operation_id="pause_campaign",
    summary="Pause",
    responses=answers(NOT_FOUND, WRONG_STATE, Invalid.of(Problem("resume_at_past", "in the past", "/resume_at"))),
)
async def pause_campaign(
    request: Request,
    campaign_id: CampaignId,
    caller: Sender,
    body: PauseRequest | None = None,
    wait: Annotated[
        float, Query(ge=0, le=60, description="Answer once nothing is in transit any more, or after so many seconds.")
    ] = 0,
) -> views.StatusView:
    """Once this answers, no further message of the campaign goes out; `in_transit` says how many are still under way.

    On a paused campaign it changes the options that are given, and answers the state.
    """
    context = context_of(request)
    number = CAMPAIGN.parse(campaign_id)
    options = body.options() if body else PauseOptions()
    found = await campaigns.pause(context.database, caller.workspace_id, number, options, caller.actor, context.clock())
    return views.status(await _until_quiet(context, caller.workspace_id, number, found, wait))


@router.post(
    "/{campaign_id}/resume",
    operation_id="resume_campaign",
    summary="Resume",
    responses=answers(NOT_FOUND, WRONG_STATE, etags.MISMATCH),
)
async def resume_campaign(
    request: Request,
    campaign_id: CampaignId,
    caller: Sender,
    version: etags.ExpectedVersion,
    body: ResumeRequest | None = None,
) -> views.Resumed:
    """Goes on from the same position, within the usual caps, gaps and windows; also ends the editing of a campaign.

    A running one stays running. With `If-Match`, only the content that was read is resumed.
    """
    context = context_of(request)
    number = CAMPAIGN.parse(campaign_id)
    key = (context.database, caller.workspace_id, number)
    if body is not None and body.dry_run:
        preview = await forecast.preview(context.database, context.plans, caller.workspace_id, number, context.clock())
        return views.resumed(await campaigns.status(*key, context.clock()), preview)
    seen = Seen(version)
    return views.resumed(await campaigns.resume(*key, caller.actor, context.clock(), seen=seen), None)


@router.post("/{campaign_id}/stop", operation_id="stop_campaign", summary="Stop for good", responses=answers(NOT_FOUND))
async def stop_campaign(
    request: Request, campaign_id: CampaignId, caller: Sender, body: StopRequest | None = None
) -> views.StatusView:
    """Ends it for good; what is in transit is still delivered."""
    context = context_of(request)
    number = CAMPAIGN.parse(campaign_id)
    reason = body.reason if body else None
    return views.status(
        await campaigns.stop(context.database, caller.workspace_id, number, reason, caller.actor, context.clock())
    )


@router.post(
    "/{campaign_id}/schedule",
    operation_id="schedule_campaign",
    summary="Start later",
    responses=answers(NOT_FOUND, WRONG_STATE, Invalid.of(Problem("starts_at_past", "in the past", "/starts_at"))),
)
async def schedule_campaign(
    request: Request, campaign_id: CampaignId, body: ScheduleRequest, caller: Sender
) -> views.StatusView:
    """Lets it start by itself at a moment in the future."""
    context = context_of(request)
    number = CAMPAIGN.parse(campaign_id)
    return views.status(
        await campaigns.schedule(
            context.database, caller.workspace_id, number, body.starts_at, caller.actor, context.clock()
        )
    )


Verb = Callable[..., Awaitable[Status]]


def _simple(name: str, summary: str, work: Verb, description: str) -> None:
    """A verb without a body that only moves the status."""

    async def endpoint(request: Request, campaign_id: CampaignId, caller: Sender) -> views.StatusView:
        context = context_of(request)
        number = CAMPAIGN.parse(campaign_id)
        return views.status(
            await work(context.database, caller.workspace_id, number, actor=caller.actor, now=context.clock())
        )

    router.post(
        f"/{{campaign_id}}/{name}",
        operation_id=f"{name}_campaign",
        summary=summary,
        description=description,
        responses=answers(NOT_FOUND, WRONG_STATE),
    )(endpoint)


async def _archive(database: Database, workspace_id: int, campaign_id: int, *, actor: str, now: datetime) -> Status:
    return await campaigns.archive(database, workspace_id, campaign_id, True, actor, now)


async def _unarchive(database: Database, workspace_id: int, campaign_id: int, *, actor: str, now: datetime) -> Status:
    return await campaigns.archive(database, workspace_id, campaign_id, False, actor, now)


_simple(
    "edit",
    "Take out to be edited",
    campaigns.start_editing,
    "Once this answers, nothing more of the campaign goes out, and waiting times stand still, until it is resumed. "
    "For edits that must not be met half-way: content can be changed while a campaign runs, too. A pause that was in "
    "force ends, and a planned resume is taken back. Resumed with nothing left to send, a completed campaign is "
    "completed again.",
)
_simple(
    "halt",
    "Let nothing go out, whatever its status",
    halting.halt,
    "What runs, is edited or is completed is paused; a planned start, a planned resume and a wait for approval end; a "
    "draft and a stopped one stay as they are. One call for who cannot know the status.",
)
_simple("unschedule", "Do not start by itself", campaigns.unschedule, "A scheduled campaign is a draft again.")
_simple("submit", "Ask for approval", campaigns.submit, "A draft waits for a person to approve its start.")
_simple(
    "withdraw",
    "Stop for good and put out of sight",
    campaigns.withdraw,
    "In any status, at once: what other APIs call deleting. What was sent stays on record.",
)
_simple("archive", "Put out of sight", _archive, "A running campaign must be paused or stopped first.")
_simple("unarchive", "Bring back", _unarchive, "An archived campaign is listed again.")


@router.post(
    "/{campaign_id}/approve",
    operation_id="approve_campaign",
    summary="Approve the start",
    responses=answers(NOT_FOUND, WRONG_STATE, NO_MAILBOX, etags.MISMATCH),
)
async def approve_campaign(
    request: Request, campaign_id: CampaignId, caller: Sender, version: etags.ExpectedVersion
) -> views.Started:
    """Starts a submitted campaign. With `If-Match`, only the content that was read is approved."""
    return await _start(context_of(request), campaign_id, caller, CampaignVerb.APPROVE, version)


@router.post(
    "/{campaign_id}/dismiss",
    operation_id="dismiss_campaign",
    summary="Refuse approval",
    responses=answers(NOT_FOUND, WRONG_STATE),
)
async def dismiss_campaign(
    request: Request, campaign_id: CampaignId, caller: Sender, body: DismissRequest | None = None
) -> views.StatusView:
    """A submitted campaign is a draft again. The reason is shown with its approval."""
    context = context_of(request)
    place = context.database, caller.workspace_id, CAMPAIGN.parse(campaign_id)
    reason = body.reason if body else None
    return views.status(await campaigns.dismiss(*place, caller.actor, context.clock(), reason))


async def _start(
    context: ApiContext, campaign_id: str, caller: Caller, verb: CampaignVerb, version: int | None, paused: bool = False
) -> views.Started:
    place, by = (context.database, caller.workspace_id, CAMPAIGN.parse(campaign_id)), (caller.actor, context.clock())
    pause = PauseOptions() if paused else None
    return views.started(*await definitions.start(*place, *by, verb, seen=Seen(version), paused=pause))


async def _view(context: ApiContext, response: Response, workspace_id: int, campaign_id: int) -> views.CampaignView:
    found = await definitions.get(context.database, workspace_id, campaign_id)
    response.headers[etags.HEADER] = etags.etag(found.row.version)
    return views.view(found)


async def _edit(
    context: ApiContext,
    response: Response,
    caller: Caller,
    campaign_id: int,
    definition: CampaignDefinition,
    version: int | None,
) -> views.CampaignView:
    found = await definitions.edit(
        context.database, caller.workspace_id, campaign_id, definition, version, caller.actor, context.clock()
    )
    response.headers[etags.HEADER] = etags.etag(found.row.version)
    return views.view(found)


async def _until_quiet(
    context: ApiContext, workspace_id: int, campaign_id: int, found: Status, seconds: float
) -> Status:
    deadline = asyncio.get_running_loop().time() + seconds
    while found.campaign.quiesced_at is None and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_LOOK)
        found = await campaigns.status(context.database, workspace_id, campaign_id, context.clock())
    return found
