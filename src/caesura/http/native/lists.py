"""Lists: `/api/v1/lists`. Named sets of leads, to be enrolled together."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.definition_types import Definition, Extra, Name
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native import leads as lead_views
from caesura.http.native.identifiers import LEAD, LIST
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import NamePart, Page, Window, pages
from caesura.http.problems import answers
from caesura.service import lists
from caesura.service.leads import MAXIMUM_AT_ONCE
from caesura.store.lists import ListRow

TAG = {"name": "lists", "description": "Named sets of leads, to be enrolled together."}

router = APIRouter(prefix="/api/v1/lists", tags=["lists"], route_class=NativeRoute)

NOT_FOUND = NotFound("list_not_found", "there is no such list in this workspace")
NAME_TAKEN = Conflict("name_taken", "there is a list named 'fair 2026' already")
UNKNOWN_LEAD = Invalid.of(Problem("unknown_lead", "there is no such lead", "/lead_ids/0"))

Reader = Annotated[Caller, require(Scope.LEADS_READ)]
Writer = Annotated[Caller, require(Scope.LEADS_WRITE)]
ListId = Annotated[str, LIST.path()]
LeadIds = Annotated[
    list[Annotated[int, *LEAD.reference()]],
    Field(min_length=1, max_length=MAXIMUM_AT_ONCE, description="Leads, at most 1,000.", examples=[["led_5", "led_6"]]),
]


class ListName(Definition):
    """The name of a list."""

    name: Name = Field(description="Unique in the workspace.", examples=["fair 2026"])
    extra: Extra = Field(default={}, description="Anything else; kept and returned, never read.")


class ListPatch(Definition):
    """What to change of a list; what is left out stays as it is."""

    name: Name | None = Field(default=None, description="Unique in the workspace.", examples=["fair 2026"])
    extra: Extra | None = Field(default=None, description="In the place of what is kept with it.")


class Members(Definition):
    """Leads that are to join or leave a list."""

    lead_ids: LeadIds


class LeadList(BaseModel):
    """A list, without its leads."""

    id: Annotated[str, LIST.shown()]
    name: str = Field(examples=["fair 2026"])
    extra: dict[str, Any] = Field(description="What was given to be kept.", examples=[{"owner": "Kim"}])
    created_at: datetime


class CountedList(LeadList):
    """A list, and how many leads are on it."""

    leads: int = Field(description="How many leads are on it.", examples=[2])


class MembersAdded(BaseModel):
    """How many leads joined a list."""

    added: int = Field(examples=[2])
    already_there: int = Field(description="They were on it already.", examples=[0])


class MembersRemoved(BaseModel):
    """How many leads left a list."""

    removed: int = Field(description="Those that were on it.", examples=[1])


class ListPage(Page[LeadList]):
    """A page of lists."""

    model_config = ConfigDict(title="ListPage")


class MemberPage(Page[lead_views.Lead]):
    """A page of the leads of a list."""

    model_config = ConfigDict(title="MemberPage")


@router.post("", operation_id="create_list", summary="Create a list", status_code=201, responses=answers(NAME_TAKEN))
async def create_list(request: Request, response: Response, body: ListName, caller: Writer) -> LeadList:
    """A new list, empty."""
    context = context_of(request)
    row = await lists.create(
        context.database, caller.workspace_id, body.name, caller.actor, context.clock(), body.extra
    )
    response.headers["Location"] = f"{router.prefix}/{LIST.show(row.id)}"
    return _shown(row)


@router.get("", operation_id="list_lists", summary="List the lists")
async def list_lists(
    request: Request, caller: Reader, window: Annotated[Window, pages("lists")], name: NamePart = None
) -> ListPage:
    """Lists, newest first."""
    rows = await lists.page(context_of(request).database, caller.workspace_id, window.position, window.fetch, name)
    shown, cursor = window.shown(rows, lambda row: row.id)
    return ListPage(items=[_shown(row) for row in shown], next_cursor=cursor)


@router.get("/{list_id}", operation_id="get_list", summary="Read a list", responses=answers(NOT_FOUND))
async def get_list(request: Request, list_id: ListId, caller: Reader) -> CountedList:
    """One list; its leads are counted."""
    row, count = await lists.get(context_of(request).database, caller.workspace_id, LIST.parse(list_id))
    return CountedList(**dict(_shown(row)), leads=count)


@router.patch(
    "/{list_id}", operation_id="change_list", summary="Change a list", responses=answers(NOT_FOUND, NAME_TAKEN)
)
async def change_list(request: Request, list_id: ListId, body: ListPatch, caller: Writer) -> LeadList:
    """Gives it another name, or other things to keep."""
    context = context_of(request)
    place = context.database, caller.workspace_id, LIST.parse(list_id)
    return _shown(await lists.change(*place, body.name, caller.actor, context.clock(), body.extra))


@router.delete(
    "/{list_id}", operation_id="delete_list", summary="Delete a list", status_code=204, responses=answers(NOT_FOUND)
)
async def delete_list(request: Request, list_id: ListId, caller: Writer) -> None:
    """Its leads stay, and so do they in their campaigns."""
    context = context_of(request)
    await lists.delete(context.database, caller.workspace_id, LIST.parse(list_id), caller.actor, context.clock())


@router.get("/{list_id}/members", operation_id="list_members", summary="List its leads", responses=answers(NOT_FOUND))
async def list_members(
    request: Request, list_id: ListId, caller: Reader, window: Annotated[Window, pages("members")]
) -> MemberPage:
    """The leads on a list, the oldest lead first."""
    rows = await lists.members(
        context_of(request).database, caller.workspace_id, LIST.parse(list_id), window.position, window.fetch
    )
    shown, cursor = window.shown(rows, lambda row: row.id)
    return MemberPage(items=[lead_views.show(row) for row in shown], next_cursor=cursor)


@router.post(
    "/{list_id}/members",
    operation_id="add_members",
    summary="Put leads on it",
    responses=answers(NOT_FOUND, UNKNOWN_LEAD),
)
async def add_members(request: Request, list_id: ListId, body: Members, caller: Writer) -> MembersAdded:
    """Puts leads on a list, all of them or, when one is unknown, none."""
    context = context_of(request)
    number = LIST.parse(list_id)
    done = await lists.add(context.database, caller.workspace_id, number, body.lead_ids, caller.actor, context.clock())
    return MembersAdded(added=done.added, already_there=done.already_there)


@router.post(
    "/{list_id}/members/remove",
    operation_id="remove_members",
    summary="Take leads off it",
    responses=answers(NOT_FOUND),
)
async def remove_members(request: Request, list_id: ListId, body: Members, caller: Writer) -> MembersRemoved:
    """Takes leads off a list; those that are not on it change nothing. They stay in their campaigns."""
    context = context_of(request)
    number = LIST.parse(list_id)
    removed = await lists.remove(
        context.database, caller.workspace_id, number, body.lead_ids, caller.actor, context.clock()
    )
    return MembersRemoved(removed=removed)


def _shown(row: ListRow) -> LeadList:
    return LeadList(id=LIST.show(row.id), name=row.name, extra=dict(row.extra), created_at=row.created_at)
