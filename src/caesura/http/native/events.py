"""Events: `/api/v1/events`. The append-only log of what happened."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.campaigns import NOT_FOUND as NO_CAMPAIGN
from caesura.http.native.identifiers import CAMPAIGN, ENROLLMENT, EVENT, LEAD, MAILBOX, Kind
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Window, encode, pages
from caesura.http.problems import answers
from caesura.service import events

TAG = {"name": "events", "description": "The append-only log of what happened, to be followed by its cursor."}

router = APIRouter(prefix="/api/v1/events", tags=["events"], route_class=NativeRoute)

_LISTING = "events"


class Event(BaseModel):
    """An entry of the log."""

    id: Annotated[str, EVENT.shown()]
    at: datetime
    kind: str = Field(description="What happened: noun.verb.", examples=["campaign.paused"])
    actor: str = Field(description="Who did it.", examples=["key:2f6kq7xw5mz3ahra"])
    campaign_id: Annotated[str, CAMPAIGN.shown()] | None
    enrollment_id: Annotated[str, ENROLLMENT.shown()] | None
    lead_id: Annotated[str, LEAD.shown()] | None
    mailbox_id: Annotated[str, MAILBOX.shown()] | None
    step: int | None = Field(description="Of the message that it is about.", examples=[2])
    data: dict[str, Any] = Field(description="More, by kind.", examples=[{"cause": "manual"}])


class EventPage(BaseModel):
    """Part of the log."""

    items: list[Event] = Field(description="At most `limit` of them, oldest first.")
    next_cursor: str = Field(
        description="Where to go on; never null. While nothing is new, it is the one that you have.",
        examples=["WyJldmVudHMiLDZd"],
    )


@router.get("", operation_id="list_events", summary="Follow the log", responses=answers(NO_CAMPAIGN))
async def list_events(
    request: Request,
    caller: Annotated[Caller, require(Scope.EVENTS_READ)],
    window: Annotated[Window, pages(_LISTING)],
    campaign_id: Annotated[
        str | None,
        Query(
            description="Only the events of this campaign.",
            examples=[CAMPAIGN.show(CAMPAIGN.example)],
            json_schema_extra={"type": "string", "pattern": CAMPAIGN.pattern},
        ),
    ] = None,
) -> EventPage:
    """Events, oldest first. Ask again with `next_cursor`, now or any day: none is missed and none comes twice.

    Fewer than `limit` means that this is all for now.
    """
    number = None if campaign_id is None else CAMPAIGN.parse(campaign_id)
    found = await events.page(context_of(request).database, caller.workspace_id, window.position, number, window.limit)
    position = found[-1].id if found else window.position or 0
    return EventPage(items=[_shown(event) for event in found], next_cursor=encode(_LISTING, position))


def _shown(event: events.Event) -> Event:
    return Event(
        id=EVENT.show(event.id),
        at=event.at,
        kind=event.kind,
        actor=event.actor,
        campaign_id=_id(CAMPAIGN, event.campaign_id),
        enrollment_id=_id(ENROLLMENT, event.enrollment_id),
        lead_id=_id(LEAD, event.lead_id),
        mailbox_id=_id(MAILBOX, event.mailbox_id),
        step=event.step,
        data=dict(event.data),
    )


def _id(kind: Kind, number: int | None) -> str | None:
    return None if number is None else kind.show(number)
