"""Segments: `/api/v1/segments`. Leads by what their fields hold."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.scopes import Scope
from caesura.domain.segments import SegmentDefinition
from caesura.domain.validation import validate
from caesura.http import etags
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.identifiers import SEGMENT
from caesura.http.native.route import NativeRoute
from caesura.http.problems import answers
from caesura.service import segments
from caesura.store.segments import SegmentRow

TAG = {"name": "segments", "description": "Leads by what their fields hold: who is in one is asked each time."}

router = APIRouter(prefix="/api/v1/segments", tags=["segments"], route_class=NativeRoute)

NOT_FOUND = NotFound("segment_not_found", "there is no such segment in this workspace")
NAME_TAKEN = Conflict("name_taken", "there is a segment named 'customers' already")

Reader = Annotated[Caller, require(Scope.LEADS_READ)]
Writer = Annotated[Caller, require(Scope.LEADS_WRITE)]
SegmentId = Annotated[str, SEGMENT.path()]


class Segment(SegmentDefinition):
    """A segment."""

    model_config = ConfigDict(title="Segment")

    id: Annotated[str, SEGMENT.shown()]
    version: int = Field(description="Counts edits; the ETag.", examples=[3])
    created_at: datetime
    updated_at: datetime


class CountedSegment(Segment):
    """A segment, and how many leads are in it."""

    model_config = ConfigDict(title="CountedSegment")

    leads: int = Field(description="How many leads are in it at this moment.", examples=[2])


class Segments(BaseModel):
    """The segments of a workspace."""

    items: list[Segment]


@router.post(
    "", operation_id="create_segment", summary="Create a segment", status_code=201, responses=answers(NAME_TAKEN)
)
async def create_segment(request: Request, response: Response, body: SegmentDefinition, caller: Writer) -> Segment:
    """A new segment."""
    context = context_of(request)
    row = await segments.create(context.database, caller.workspace_id, body, caller.actor, context.clock())
    response.headers["Location"] = f"{router.prefix}/{SEGMENT.show(row.id)}"
    response.headers[etags.HEADER] = etags.etag(row.version)
    return validate(Segment, _data(row))


@router.get("", operation_id="list_segments", summary="List segments")
async def list_segments(request: Request, caller: Reader) -> Segments:
    """All segments (at most 1,000), newest first."""
    rows = await segments.all_of(context_of(request).database, caller.workspace_id)
    return Segments(items=[validate(Segment, _data(row)) for row in rows])


@router.get("/{segment_id}", operation_id="get_segment", summary="Read a segment", responses=answers(NOT_FOUND))
async def get_segment(request: Request, response: Response, segment_id: SegmentId, caller: Reader) -> CountedSegment:
    """One segment; its leads are counted, by a look at every lead."""
    row, count = await segments.get(context_of(request).database, caller.workspace_id, SEGMENT.parse(segment_id))
    response.headers[etags.HEADER] = etags.etag(row.version)
    return validate(CountedSegment, {**_data(row), "leads": count})


@router.put(
    "/{segment_id}",
    operation_id="replace_segment",
    summary="Replace a segment",
    responses=answers(NOT_FOUND, NAME_TAKEN, etags.MISMATCH),
)
async def replace_segment(
    request: Request,
    response: Response,
    segment_id: SegmentId,
    body: SegmentDefinition,
    caller: Writer,
    version: etags.ExpectedVersion,
) -> Segment:
    """Who was enrolled out of it stays so."""
    context = context_of(request)
    place = (context.database, caller.workspace_id, SEGMENT.parse(segment_id))
    row = await segments.replace(*place, body, version, caller.actor, context.clock())
    response.headers[etags.HEADER] = etags.etag(row.version)
    return validate(Segment, _data(row))


@router.delete(
    "/{segment_id}",
    operation_id="delete_segment",
    summary="Delete a segment",
    status_code=204,
    responses=answers(NOT_FOUND),
)
async def delete_segment(request: Request, segment_id: SegmentId, caller: Writer) -> None:
    """Its leads stay, and so do they in their campaigns."""
    context = context_of(request)
    place = (context.database, caller.workspace_id, SEGMENT.parse(segment_id))
    await segments.delete(*place, caller.actor, context.clock())


def _data(row: SegmentRow) -> dict[str, object]:
    return {
        "id": SEGMENT.show(row.id),
        "name": row.name,
        "description": row.description,
        **row.criteria,
        "extra": dict(row.extra),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "version": row.version,
    }
