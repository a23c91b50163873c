"""Workers: `/api/v1/workers`. The processes that send, on all machines."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.route import NativeRoute
from caesura.service import workers

TAG = {"name": "workers", "description": "The processes that send, on all machines."}

router = APIRouter(prefix="/api/v1/workers", tags=["workers"], route_class=NativeRoute)


class Worker(BaseModel):
    """A worker process."""

    id: str = Field(examples=["mail1-4711-1"])
    host: str = Field(description="Its machine.", examples=["mail1"])
    slots: int = Field(description="How many messages it can have in transit.", examples=[200])
    started_at: datetime
    seen_at: datetime = Field(description="When it last said that it is there; long ago: it is gone, or hangs.")


@router.get("", operation_id="list_workers", summary="Who is at work")
async def list_workers(request: Request, _caller: Annotated[Caller, require(Scope.CAMPAIGNS_READ)]) -> list[Worker]:
    """The workers of the whole installation, the oldest first; they send for all workspaces."""
    rows = await workers.listed(context_of(request).database)
    return [
        Worker(id=row.id, host=row.host, slots=row.slots, started_at=row.started_at, seen_at=row.seen_at)
        for row in rows
    ]
