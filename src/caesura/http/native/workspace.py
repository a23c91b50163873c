"""The workspace of the key: `/api/v1/workspace`. What is set for it."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from caesura.domain.definition_types import Definition
from caesura.domain.errors import Invalid, Problem
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.route import NativeRoute
from caesura.http.problems import answers
from caesura.service import workspaces
from caesura.service.workspaces import MAXIMUM_LEADS, Settings

TAG = {"name": "workspace", "description": "What is set for the workspace of the key."}

router = APIRouter(prefix="/api/v1/workspace", tags=["workspace"], route_class=NativeRoute)

TOO_MANY = Invalid.of(
    Problem("out_of_range", f"approval_above is 0 to {MAXIMUM_LEADS}, or null for never", "/approval_above")
)

_ABOVE = (
    "Through doors that ask for approval, a draft with more leads than this is submitted to a person instead of "
    "started; null: never. The native start asks nobody."
)


class Workspace(BaseModel):
    """What is set for a workspace."""

    approval_above: int | None = Field(description=_ABOVE, examples=[100])


class WorkspacePatch(Definition):
    """What to set; what is left out stays as it is."""

    approval_above: int | None = Field(default=None, ge=0, le=MAXIMUM_LEADS, description=_ABOVE, examples=[100])


@router.get("", operation_id="get_workspace", summary="What is set")
async def get_workspace(request: Request, caller: Annotated[Caller, require(Scope.CAMPAIGNS_READ)]) -> Workspace:
    """The settings of the key's workspace."""
    return _shown(await workspaces.settings(context_of(request).database, caller.workspace_id))


@router.patch("", operation_id="change_workspace", summary="Set something", responses=answers(TOO_MANY))
async def change_workspace(
    request: Request, body: WorkspacePatch, caller: Annotated[Caller, require(Scope.CAMPAIGNS_SEND)]
) -> Workspace:
    """Holds from the next start on."""
    context = context_of(request)
    changes = body.model_dump(exclude_unset=True)
    return _shown(
        await workspaces.change_settings(context.database, caller.workspace_id, changes, caller.actor, context.clock())
    )


def _shown(settings: Settings) -> Workspace:
    return Workspace(approval_above=settings.approval_above)
