"""Workspaces: `/api/v1/workspaces`, for account keys. Those of the installation."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.definition_types import Definition, Name
from caesura.domain.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.identifiers import WORKSPACE
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import workspaces
from caesura.store.workspaces import WorkspaceRow

TAG = {
    "name": "workspaces",
    "description": "The workspaces of the installation, for account keys: `caesura key create --account`.",
}

router = APIRouter(prefix="/api/v1/workspaces", tags=["workspaces"], route_class=NativeRoute)

NOT_FOUND = NotFound("workspace_not_found", "there is no such workspace")
NO_ACCOUNT = Forbidden("account_key_needed", "this needs a key for an account: caesura key create --account")
NAME_TAKEN = Conflict("name_taken", "there is a workspace named 'acme' already")
NOT_EMPTY = Conflict("workspace_not_empty", "only a workspace in which nothing was ever made can be deleted")
BAD_NAME = Invalid.of(Problem("workspace_name", "a workspace's name has no space at either end", "/name"))


async def _reader(caller: Annotated[Caller, require(Scope.WORKSPACES_READ)]) -> Caller:
    return _of_account(caller)


async def _writer(caller: Annotated[Caller, require(Scope.WORKSPACES_WRITE)]) -> Caller:
    return _of_account(caller)


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]
WorkspaceId = Annotated[str, WORKSPACE.path()]


class WorkspaceName(Definition):
    """The name of a workspace."""

    name: Name = Field(description="Unique in the installation.", examples=["acme"])


class WorkspaceEntry(BaseModel):
    """A workspace of the installation."""

    id: Annotated[str, WORKSPACE.shown()]
    name: str = Field(examples=["acme"])
    created_at: datetime


class WorkspacePage(Page[WorkspaceEntry]):
    """A page of workspaces."""

    model_config = ConfigDict(title="WorkspacePage")


@router.post(
    "",
    operation_id="create_workspace",
    summary="Create a workspace",
    status_code=201,
    responses=answers(NO_ACCOUNT, NAME_TAKEN, BAD_NAME),
)
async def create_workspace(request: Request, response: Response, body: WorkspaceName, caller: Writer) -> WorkspaceEntry:
    """A new workspace, with nothing in it."""
    context = context_of(request)
    row = await workspaces.create(context.database, body.name, context.clock())
    response.headers["Location"] = f"{router.prefix}/{WORKSPACE.show(row.id)}"
    return _shown(row)


@router.get("", operation_id="list_workspaces", summary="List workspaces", responses=answers(NO_ACCOUNT))
async def list_workspaces(
    request: Request, caller: Reader, window: Annotated[Window, pages("workspaces")]
) -> WorkspacePage:
    """All workspaces of the installation, newest first."""
    rows = await workspaces.page(context_of(request).database, window.position, window.fetch)
    shown, cursor = window.shown(rows, lambda row: row.id)
    return WorkspacePage(items=[_shown(row) for row in shown], next_cursor=cursor)


@router.get(
    "/{workspace_id}",
    operation_id="get_one_workspace",
    summary="Read a workspace",
    responses=answers(NO_ACCOUNT, NOT_FOUND),
)
async def get_one_workspace(request: Request, workspace_id: WorkspaceId, caller: Reader) -> WorkspaceEntry:
    """One workspace."""
    return _shown(await workspaces.get(context_of(request).database, WORKSPACE.parse(workspace_id)))


@router.patch(
    "/{workspace_id}",
    operation_id="rename_workspace",
    summary="Rename a workspace",
    responses=answers(NO_ACCOUNT, NOT_FOUND, NAME_TAKEN, BAD_NAME),
)
async def rename_workspace(
    request: Request, workspace_id: WorkspaceId, body: WorkspaceName, caller: Writer
) -> WorkspaceEntry:
    """Gives it another name: commands find it by that from then on. Its id and its keys stay."""
    context = context_of(request)
    place = context.database, WORKSPACE.parse(workspace_id)
    return _shown(await workspaces.rename(*place, body.name, caller.actor, context.clock()))


@router.delete(
    "/{workspace_id}",
    operation_id="delete_workspace",
    summary="Delete an empty workspace",
    status_code=204,
    responses=answers(NO_ACCOUNT, NOT_FOUND, NOT_EMPTY),
)
async def delete_workspace(request: Request, workspace_id: WorkspaceId, caller: Writer) -> None:
    """Only one in which nothing was ever made: what was sent stays on record."""
    await workspaces.delete(context_of(request).database, WORKSPACE.parse(workspace_id))


def _of_account(caller: Caller) -> Caller:
    if not caller.is_account:
        raise NO_ACCOUNT
    return caller


def _shown(row: WorkspaceRow) -> WorkspaceEntry:
    return WorkspaceEntry(id=WORKSPACE.show(row.id), name=row.name, created_at=row.created_at)
