"""In which workspace a native request works: the key's own, or for an account key the one that it names."""

from dataclasses import replace

from fastapi import Request

from caesura.domain.errors import Forbidden, NotFound
from caesura.http.authentication import Caller
from caesura.http.context import context_of
from caesura.http.native.identifiers import WORKSPACE
from caesura.http.problems import misplaced
from caesura.service import workspaces

HEADER = "Caesura-Workspace"
UNNAMED = misplaced("header", HEADER, "workspace_missing", "An account key needs this header, such as wks_17.")
SHUT = Forbidden("workspace_shut", "this key opens no such workspace")

# What is about workspaces names them in its path.
_ABOUT_ALL = "/api/v1/workspaces"


async def placed(request: Request, caller: Caller) -> Caller:
    """The caller in the workspace that the header `Caesura-Workspace` names.

    An account key must name one, but where workspaces themselves are the matter; another key can only name its own.
    Raises Forbidden `workspace_shut`, and RequestValidationError `workspace_missing`.
    """
    named = request.headers.get(HEADER)
    if named is None:
        if caller.is_account and not request.url.path.startswith(_ABOUT_ALL):
            raise UNNAMED
        return caller
    try:
        workspace_id = WORKSPACE.parse(named)
        if caller.is_account:
            await workspaces.get(context_of(request).database, workspace_id)
    except NotFound as error:
        raise SHUT from error
    if not caller.is_account and workspace_id != caller.workspace_id:
        raise SHUT
    return replace(caller, workspace_id=workspace_id)
