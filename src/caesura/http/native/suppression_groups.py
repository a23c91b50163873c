"""Groups of messages: `/api/v1/suppression-groups`. A recipient can refuse one and get the others."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from caesura.domain.definition_types import Definition, Extra, Instant, Line, Name
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.scopes import Scope
from caesura.http import etags
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.campaigns import NOT_FOUND as NO_CAMPAIGN
from caesura.http.native.campaigns import CampaignId
from caesura.http.native.campaigns import Reader as CampaignReader
from caesura.http.native.campaigns import Writer as CampaignWriter
from caesura.http.native.identifiers import CAMPAIGN, SUPPRESSION_GROUP
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import DEFAULT_LIMIT, Limit, Page, decode_texts, encode
from caesura.http.problems import answers, misplaced
from caesura.service import suppression_groups
from caesura.service.suppressions import MAXIMUM_AT_ONCE
from caesura.store.suppression_groups import EntryChoice, GroupEntry, GroupRow

TAG = {
    "name": "suppression groups",
    "description": "Kinds of messages that a recipient can refuse without refusing all others.",
}

router = APIRouter(prefix="/api/v1", tags=["suppression groups"], route_class=NativeRoute)

NOT_FOUND = NotFound("suppression_group_not_found", "there is no such group in this workspace")
NO_REFUSAL = NotFound("refusal_not_found", "this address does not refuse the group")
NAME_TAKEN = Conflict("name_taken", "there is a group named 'offers' already")
TOO_MANY = Conflict("too_many_groups", f"a workspace has at most {suppression_groups.MAXIMUM} groups: delete one first")
BAD_ADDRESS = Invalid.of(Problem("address_syntax", "There is no @ in the address.", "/addresses/0"))

_GROUPS = "/suppression-groups"
_GROUP = f"{_GROUPS}/{{group_id}}"
_LISTING = "refusals"

Reader = Annotated[Caller, require(Scope.LEADS_READ)]
Writer = Annotated[Caller, require(Scope.LEADS_WRITE)]
GroupId = Annotated[str, SUPPRESSION_GROUP.path()]


class SuppressionGroupCreate(Definition):
    """A group to be made."""

    name: Name = Field(description="Unique in the workspace.", examples=["offers"])
    description: Annotated[Line, StringConstraints(max_length=500)] = Field(default="", description="For people.")
    extra: Extra = Field(default={}, description="Anything else; kept and returned, never read.")


class SuppressionGroupPatch(Definition):
    """What to change of a group; what is left out stays as it is."""

    name: Name | None = Field(default=None, description="Unique in the workspace.", examples=["offers"])
    description: Annotated[Line, StringConstraints(max_length=500)] | None = Field(
        default=None, description="For people."
    )
    extra: Extra | None = Field(default=None, description="In the place of what is kept with it.")


class SuppressionGroup(BaseModel):
    """A group of messages."""

    id: Annotated[str, SUPPRESSION_GROUP.shown()]
    name: str = Field(examples=["offers"])
    description: str
    extra: dict[str, Any] = Field(description="What was given to be kept.", examples=[{"owner": "Kim"}])
    version: int = Field(description="Counts edits; the ETag.", examples=[3])
    refusals: int = Field(description="How many addresses refuse it.", examples=[2])
    created_at: datetime
    updated_at: datetime


class SuppressionGroups(BaseModel):
    """The groups of a workspace."""

    items: list[SuppressionGroup]


class HeededGroup(BaseModel):
    """Whose refusals a campaign heeds."""

    group: SuppressionGroup | None = Field(description="null: only those of everything.")


class HeededGroupChoice(Definition):
    """Whose refusals a campaign is to heed."""

    group_id: Annotated[int, *SUPPRESSION_GROUP.reference()] | None = Field(
        description="null: only those of everything."
    )


class RefusalRequest(Definition):
    """Who refuses a group."""

    addresses: list[Annotated[str, Field(max_length=1000)]] = Field(
        min_length=1, max_length=MAXIMUM_AT_ONCE, description="At most 1,000.", examples=[["kim@example.com"]]
    )


class Refused(BaseModel):
    """How many addresses refuse a group now that did not before."""

    added: int = Field(examples=[1])


class Refusal(BaseModel):
    """An address that gets nothing of a group."""

    address: str = Field(description="In canonical form.", examples=["kim@example.com"])
    cause: str = Field(description="Why: manual, unsubscribed, complained and so on.", examples=["manual"])
    actor: str = Field(description="Who did it.", examples=["key:k5ye3sepk2yj5xq4"])
    created_at: datetime


class RefusalPage(Page[Refusal]):
    """A page of those who refuse a group."""

    model_config = ConfigDict(title="RefusalPage")


async def _position(
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before.", json_schema_extra={"type": "string"})
    ] = None,
) -> str | None:
    """The address that the page before ended with."""
    return None if cursor is None else decode_texts(_LISTING, cursor)[1]


@router.post(
    _GROUPS,
    operation_id="create_suppression_group",
    summary="Create a group",
    status_code=201,
    responses=answers(NAME_TAKEN, TOO_MANY),
)
async def create_suppression_group(
    request: Request, response: Response, body: SuppressionGroupCreate, caller: Writer
) -> SuppressionGroup:
    """A new group, which nobody refuses."""
    context = context_of(request)
    row = await suppression_groups.create(
        context.database,
        caller.workspace_id,
        body.name,
        body.description,
        caller.actor,
        context.clock(),
        body.extra,
    )
    response.headers["Location"] = f"{router.prefix}{_GROUPS}/{SUPPRESSION_GROUP.show(row.id)}"
    return _one(response, row)


@router.get(_GROUPS, operation_id="list_suppression_groups", summary="List groups")
async def list_suppression_groups(request: Request, caller: Reader) -> SuppressionGroups:
    """All groups (at most 200), oldest first."""
    rows = await suppression_groups.all_of(context_of(request).database, caller.workspace_id)
    return SuppressionGroups(items=[_shown(row) for row in rows])


@router.get(_GROUP, operation_id="get_suppression_group", summary="Read a group", responses=answers(NOT_FOUND))
async def get_suppression_group(
    request: Request, response: Response, group_id: GroupId, caller: Reader
) -> SuppressionGroup:
    """One group."""
    number = SUPPRESSION_GROUP.parse(group_id)
    return _one(response, await suppression_groups.get(context_of(request).database, caller.workspace_id, number))


@router.patch(
    _GROUP,
    operation_id="change_suppression_group",
    summary="Change a group",
    responses=answers(NOT_FOUND, NAME_TAKEN, etags.MISMATCH),
)
async def change_suppression_group(
    request: Request,
    response: Response,
    group_id: GroupId,
    body: SuppressionGroupPatch,
    caller: Writer,
    version: etags.ExpectedVersion,
) -> SuppressionGroup:
    """Gives it another name, description, or other things to keep. Who refuses it does so still."""
    context = context_of(request)
    place = context.database, caller.workspace_id, SUPPRESSION_GROUP.parse(group_id)
    given = body.name, body.description, version
    return _one(response, await suppression_groups.change(*place, *given, caller.actor, context.clock(), body.extra))


@router.delete(
    _GROUP,
    operation_id="delete_suppression_group",
    summary="Delete a group",
    status_code=204,
    responses=answers(NOT_FOUND),
)
async def delete_suppression_group(request: Request, group_id: GroupId, caller: Writer) -> None:
    """With the refusals in it: its campaigns may write to these again. What was stopped for them stays stopped."""
    context = context_of(request)
    place = context.database, caller.workspace_id, SUPPRESSION_GROUP.parse(group_id)
    await suppression_groups.delete(*place, caller.actor, context.clock())


@router.post(
    f"{_GROUP}/refusals",
    operation_id="refuse_suppression_group",
    summary="Refuse a group",
    responses=answers(NOT_FOUND, BAD_ADDRESS),
)
async def refuse_suppression_group(
    request: Request, group_id: GroupId, body: RefusalRequest, caller: Writer
) -> Refused:
    """Once this answers, no message of the group's campaigns goes out to these any more. A wrong one keeps all back."""
    context = context_of(request)
    place = context.database, caller.workspace_id, SUPPRESSION_GROUP.parse(group_id)
    added = await suppression_groups.refuse(*place, body.addresses, "manual", caller.actor, context.clock())
    return Refused(added=added)


@router.get(
    f"{_GROUP}/refusals", operation_id="list_refusals", summary="List who refuses it", responses=answers(NOT_FOUND)
)
async def list_refusals(
    request: Request,
    group_id: GroupId,
    caller: Reader,
    after: Annotated[str | None, Depends(_position)],
    cause: Annotated[
        str | None, Query(max_length=100, description="Only those for this cause.", examples=["unsubscribed"])
    ] = None,
    since: Annotated[Instant | None, Query(description="Only those from then on.")] = None,
    until: Annotated[Instant | None, Query(description="Only those up to then.")] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> RefusalPage:
    """Who refuses a group, by address. `cause`, `since` and `until` cost a look at each of them."""
    place = context_of(request).database, caller.workspace_id, SUPPRESSION_GROUP.parse(group_id)
    choice = EntryChoice(None if cause is None else [cause], since, until)
    rows = await suppression_groups.members(*place, choice, after, limit + 1)
    shown = rows[:limit]
    cursor = encode(_LISTING, "address", shown[-1].value) if len(rows) > limit else None
    return RefusalPage(items=[_refusal(row) for row in shown], next_cursor=cursor)


@router.delete(
    f"{_GROUP}/refusals/{{address:path}}",
    operation_id="delete_refusal",
    summary="Take a refusal back",
    status_code=204,
    responses=answers(NOT_FOUND, NO_REFUSAL),
)
async def delete_refusal(
    request: Request,
    group_id: GroupId,
    address: Annotated[str, Path(description="The address.", examples=["kim@example.com"])],
    caller: Writer,
) -> None:
    """It may be written to again. What was stopped for it stays stopped."""
    context = context_of(request)
    place = context.database, caller.workspace_id, SUPPRESSION_GROUP.parse(group_id)
    try:
        await suppression_groups.readmit(*place, address, caller.actor, context.clock())
    except Invalid as error:
        raise misplaced("path", "address", error.code, error.detail) from error


@router.get(
    "/campaigns/{campaign_id}/suppression-group",
    operation_id="get_campaign_suppression_group",
    summary="Whose refusals it heeds",
    responses=answers(NO_CAMPAIGN),
)
async def get_campaign_suppression_group(
    request: Request, campaign_id: CampaignId, caller: CampaignReader
) -> HeededGroup:
    """The group that a campaign's messages belong to."""
    row = await suppression_groups.bound(context_of(request).database, caller.workspace_id, CAMPAIGN.parse(campaign_id))
    return _heeded(row)


@router.put(
    "/campaigns/{campaign_id}/suppression-group",
    operation_id="set_campaign_suppression_group",
    summary="Heed the refusals of a group",
    responses=answers(NO_CAMPAIGN, NOT_FOUND),
)
async def set_campaign_suppression_group(
    request: Request, campaign_id: CampaignId, body: HeededGroupChoice, caller: CampaignWriter
) -> HeededGroup:
    """Once this answers, nothing of the campaign goes out to who refuses the group; their enrollments stop when due."""
    context = context_of(request)
    place = context.database, caller.workspace_id, CAMPAIGN.parse(campaign_id)
    return _heeded(await suppression_groups.bind(*place, body.group_id, caller.actor, context.clock()))


def _one(response: Response, row: GroupRow) -> SuppressionGroup:
    response.headers[etags.HEADER] = etags.etag(row.version)
    return _shown(row)


def _shown(row: GroupRow) -> SuppressionGroup:
    return SuppressionGroup(
        id=SUPPRESSION_GROUP.show(row.id),
        name=row.name,
        description=row.description,
        extra=dict(row.extra),
        version=row.version,
        refusals=row.members,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _heeded(row: GroupRow | None) -> HeededGroup:
    return HeededGroup(group=None if row is None else _shown(row))


def _refusal(row: GroupEntry) -> Refusal:
    return Refusal(address=row.value, cause=row.cause, actor=row.actor, created_at=row.created_at)
