"""Projects: `/account/projects`, for account keys only. A project is a workspace."""

from typing import Any

from starlette.responses import Response

from caesura.domain.errors import NotFound
from caesura.domain.scopes import Scope
from caesura.http.autosend.door import AUTOSEND, PROJECT_PATH
from caesura.http.autosend.values import Body, id_of, moment, number_of
from caesura.http.door import Call, Refusal
from caesura.service import workspaces
from caesura.store.workspaces import WorkspaceRow

_ALL = "/account/projects"
_NEEDS_ACCOUNT = "This endpoint requires an organization admin key (ASA_ prefix)."


@AUTOSEND.on("GET", _ALL, Scope.WORKSPACES_READ)
async def list_projects(call: Call) -> Response:
    """All workspaces of the installation."""
    _check(call)
    rows = await workspaces.all_of(call.context.database)
    return call.answer({"success": True, "data": {"projects": [_shown(row) for row in rows]}})


@AUTOSEND.on("POST", _ALL, Scope.WORKSPACES_WRITE, note="domain and regionKey are not used.")
async def create_project(call: Call) -> Response:
    """A new workspace."""
    _check(call)
    body = Body(call.fields())
    name = (body.text("name", 100, required=True) or "").strip()
    body.text("domain", 253)
    body.text("regionKey")
    body.check()
    row = await workspaces.create(call.context.database, name, call.now)
    return call.answer({"success": True, "data": _shown(row)}, 201)


@AUTOSEND.on(
    "DELETE",
    PROJECT_PATH,
    Scope.WORKSPACES_WRITE,
    note="Only a workspace with nothing in it: what was sent stays on record.",
)
async def delete_project(call: Call) -> Response:
    """Deletes an empty workspace."""
    _check(call)
    try:
        number = number_of("project", call.path("project_id"))
        await workspaces.get(call.context.database, number)
    except NotFound as error:
        raise Refusal(400, "INVALID_PROJECT_ID", "Invalid project ID") from error
    await workspaces.delete(call.context.database, number)
    return call.answer({"success": True, "message": "Project deleted successfully"})


def _check(call: Call) -> None:
    if not call.caller.is_account:
        raise Refusal(403, "FORBIDDEN", _NEEDS_ACCOUNT)


def _shown(row: WorkspaceRow) -> dict[str, Any]:
    return {
        "id": id_of("project", row.id),
        "projectId": id_of("project", row.id),
        "name": row.name,
        "organizationId": id_of("organization", 1),
        "createdAt": moment(row.created_at),
    }
