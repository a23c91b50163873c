"""Holds: `/api/v1/holds`. What keeps messages back at five levels, the kill switch among them."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.definition_types import Definition
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.identifiers import CAMPAIGN, HOLD, LEAD, MAILBOX, Kind
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import holds
from caesura.store.holds import HoldRow

TAG = {
    "name": "holds",
    "description": "What keeps messages back: for the whole workspace (the kill switch), a mailbox, a recipient "
    "domain, a campaign or a lead. A message needs no hold at any level; releasing one never releases another.",
}

router = APIRouter(prefix="/api/v1/holds", tags=["holds"], route_class=NativeRoute)

NOT_FOUND = NotFound("hold_not_found", "there is no such hold in this workspace")
NO_SUBJECT = NotFound("mailbox_not_found", "there is no such mailbox in this workspace")
BAD_SUBJECT = Invalid.of(Problem("bad_subject", "a workspace's hold names no subject", "/subject"))
RELEASED = Conflict("hold_released", "this hold was released already", "released")

_KINDS: dict[str, Kind] = {"mailbox": MAILBOX, "campaign": CAMPAIGN, "lead": LEAD}

Writer = Annotated[Caller, require(Scope.HOLDS_WRITE)]


class HoldRequest(Definition):
    """A hold to be placed."""

    level: Literal["workspace", "mailbox", "domain", "campaign", "lead"] = Field(examples=["domain"])
    subject: str = Field(
        default="",
        max_length=300,
        description="The id of the mailbox, campaign or lead, or the domain; empty for the workspace.",
        examples=["example.org"],
    )
    reason: str | None = Field(default=None, max_length=500, description="For people.", examples=["they asked us to"])


class Hold(BaseModel):
    """A hold."""

    id: Annotated[str, HOLD.shown()]
    level: str = Field(examples=["domain"])
    subject: str = Field(description="Empty for the workspace.", examples=["example.org"])
    cause: str = Field(description="Why, as a stable word: manual, or what went wrong.", examples=["manual"])
    reason: str | None = Field(description="For people.", examples=["they asked us to"])
    actor: str = Field(description="Who placed it.", examples=["key:2f6kq7xw5mz3ahra"])
    created_at: datetime
    released_at: datetime | None = Field(description="Null while in force.")
    released_by: str | None = Field(description="Null while in force.")


class HoldPage(Page[Hold]):
    """A page of holds."""

    model_config = ConfigDict(title="HoldPage")


@router.post(
    "",
    operation_id="place_hold",
    summary="Place a hold",
    status_code=201,
    responses=answers(NO_SUBJECT, BAD_SUBJECT),
)
async def place_hold(request: Request, response: Response, body: HoldRequest, caller: Writer) -> Hold:
    """Once this answers, no message that it covers goes out. The same hold again is the one in force."""
    context = context_of(request)
    kind = _KINDS.get(body.level)
    subject = str(kind.parse(body.subject)) if kind else body.subject
    row = await holds.place(
        context.database, caller.workspace_id, body.level, subject, "manual", caller.actor, body.reason, context.clock()
    )
    response.headers["Location"] = f"{router.prefix}/{HOLD.show(row.id)}"
    return _shown(row)


@router.get("", operation_id="list_holds", summary="List holds")
async def list_holds(
    request: Request,
    caller: Writer,
    window: Annotated[Window, pages("holds")],
    released: Annotated[bool, Query(description="Those that were released, too.")] = False,
) -> HoldPage:
    """Holds in force, newest first."""
    rows = await holds.page(context_of(request).database, caller.workspace_id, window.position, released, window.fetch)
    shown, cursor = window.shown(rows, lambda row: row.id)
    return HoldPage(items=[_shown(row) for row in shown], next_cursor=cursor)


@router.get("/{hold_id}", operation_id="get_hold", summary="Read a hold", responses=answers(NOT_FOUND))
async def get_hold(request: Request, hold_id: Annotated[str, HOLD.path()], caller: Writer) -> Hold:
    """One hold, in force or not."""
    return _shown(await holds.get(context_of(request).database, caller.workspace_id, HOLD.parse(hold_id)))


@router.post(
    "/{hold_id}/release",
    operation_id="release_hold",
    summary="Release a hold",
    responses=answers(NOT_FOUND, RELEASED),
)
async def release_hold(request: Request, hold_id: Annotated[str, HOLD.path()], caller: Writer) -> Hold:
    """Ends this hold, and no other. What it kept back goes on from its position."""
    context = context_of(request)
    number = HOLD.parse(hold_id)
    return _shown(await holds.release(context.database, caller.workspace_id, number, caller.actor, context.clock()))


def _shown(row: HoldRow) -> Hold:
    kind = _KINDS.get(row.level)
    return Hold(
        id=HOLD.show(row.id),
        level=row.level,
        subject=kind.show(int(row.subject)) if kind else row.subject,
        cause=row.cause,
        reason=row.reason,
        actor=row.actor,
        created_at=row.created_at,
        released_at=row.released_at,
        released_by=row.released_by,
    )
