"""Events: `/api/v1/events`. The append-only log of what happened."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from caesura.domain.errors import CaesuraError, LimitReached
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import ApiContext, context_of
from caesura.http.live import Ear, Entry
from caesura.http.native.campaigns import NOT_FOUND as NO_CAMPAIGN
from caesura.http.native.event_fields import about
from caesura.http.native.identifiers import CAMPAIGN, ENROLLMENT, EVENT, LEAD, MAILBOX
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Window, encode, pages
from caesura.http.problems import answers, misplaced
from caesura.service import events, keys

TAG = {"name": "events", "description": "The append-only log of what happened, to be followed by its cursor."}

router = APIRouter(prefix="/api/v1/events", tags=["events"], route_class=NativeRoute)

_LISTING = "events"
# What is written to a listener at a time, and then waited for.
_STREAM_PAGE = 200
# Proxies close what is silent for half a minute or more.
_HEARTBEAT_SECONDS = 15.0
TOO_MANY = LimitReached("too_many_streams", "too many streams are open: close one first")


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


@router.get(
    "/stream",
    operation_id="stream_events",
    summary="Follow the log live",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events, until either side ends it. Each has the event's `id`, its kind as "
            "`event`, and as `data` what `list_events` shows of it. Lines that begin with a colon are heartbeats.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **answers(NO_CAMPAIGN, TOO_MANY),
    },
)
async def stream_events(
    request: Request,
    caller: Annotated[Caller, require(Scope.EVENTS_READ)],
    campaign_id: Annotated[
        str | None,
        Query(
            description="Only the events of this campaign.",
            examples=[CAMPAIGN.show(CAMPAIGN.example)],
            json_schema_extra={"type": "string", "pattern": CAMPAIGN.pattern},
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(
            description="Go on after this event; without it, with what happens from now on.",
            json_schema_extra={"type": "string", "pattern": EVENT.pattern, "examples": [EVENT.show(EVENT.example)]},
        ),
    ] = None,
) -> StreamingResponse:
    """Events as they happen, oldest first, as server-sent events (WHATWG HTML, 9.2). A browser goes on by itself with

    the last id that it had; so can you, with `Last-Event-ID`: none is missed and none comes twice.
    """
    context = context_of(request)
    number = None if campaign_id is None else CAMPAIGN.parse(campaign_id)
    after = None if last_event_id is None else _after(last_event_id)
    place, end = await events.place(context.database, caller.workspace_id, number, after)
    listening, key = ExitStack(), (caller.home_id, caller.key_id)
    ear = listening.enter_context(context.news.listening(caller.workspace_id, key, place, end))
    body = _told(context, ear, listening, number)
    return StreamingResponse(body, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _told(context: ApiContext, ear: Ear, listening: ExitStack, campaign_id: int | None) -> AsyncIterator[bytes]:
    """The body of a stream. A database that is away ends it: whoever listens comes again."""
    with listening:
        yield b": caesura\n\n"
        while not ear.is_over:
            found = ear.tail.after(ear.place)
            if found is None:
                try:
                    found = await _missed(context, ear, campaign_id)
                except CaesuraError:
                    return
            elif found:
                found = found[:_STREAM_PAGE]
                ear.place = found[-1].place
            elif not await ear.wait(_HEARTBEAT_SECONDS):
                yield b":\n\n"
            if texts := [_text(one) for one in found if campaign_id is None or one.event.campaign_id == campaign_id]:
                yield b"".join(texts)


async def _missed(context: ApiContext, ear: Ear, campaign_id: int | None) -> Sequence[Entry]:
    """What a listener has not heard and this process has no longer, or never had; at most a page of it."""
    # Whatever can be told now up to here is in the answer, unless the page is full.
    high = ear.tail.high
    found = await events.follow(context.database, {ear.workspace_id: ear.place}, _STREAM_PAGE, campaign_id)
    if not await keys.good(context.database, [ear.key], context.clock()):
        ear.end()
        return ()
    entries = [Entry(place, event) for _, place, event in found]
    last = entries[-1].place if entries else ear.place
    ear.place = last if len(entries) == _STREAM_PAGE else max(last, high)
    return entries


def _text(entry: Entry) -> bytes:
    if entry.text is None:
        event = entry.event
        number, text = EVENT.show(event.id), msgspec.json.encode(_fields(event))
        entry.text = b"id: %s\nevent: %s\ndata: %s\n\n" % (number.encode(), event.kind.encode(), text)
    return entry.text


def _after(text: str) -> int:
    try:
        return EVENT.parse(text)
    except CaesuraError as error:
        raise misplaced("header", "Last-Event-ID", "invalid_id", "This must be the id of an event.") from error


def _shown(event: events.Event) -> Event:
    return Event(**_fields(event))


def _fields(event: events.Event) -> dict[str, Any]:
    return {"id": EVENT.show(event.id), "at": event.at, "kind": event.kind, **about(event)}
