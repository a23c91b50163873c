"""Approvals: `/api/v1/approvals`. Campaigns that wait for a person, or did; decided at the campaign."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.identifiers import APPROVAL, CAMPAIGN
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.service import approvals
from caesura.store.approvals import ApprovalState

TAG = {"name": "approvals", "description": "Campaigns that wait for a person before they start, or did."}

router = APIRouter(prefix="/api/v1/approvals", tags=["approvals"], route_class=NativeRoute)


class Approval(BaseModel):
    """A campaign that waits for a person, or did."""

    id: Annotated[str, APPROVAL.shown()]
    campaign_id: Annotated[str, CAMPAIGN.shown()]
    campaign_name: str = Field(examples=["Spring outreach"])
    state: ApprovalState = Field(description="withdrawn: its campaign was stopped meanwhile.")
    asked_at: datetime
    asked_by: str = Field(examples=["key:k5ye3sepk2yj5xq4"])
    settled_at: datetime | None
    settled_by: str | None = Field(examples=["key:k5ye3sepk2yj5xq4"])
    reason: str | None = Field(description="Why it was dismissed.", examples=["not now"])


class ApprovalPage(Page[Approval]):
    """A page of approvals."""

    model_config = ConfigDict(title="ApprovalPage")


@router.get("", operation_id="list_approvals", summary="List approvals")
async def list_approvals(
    request: Request,
    caller: Annotated[Caller, require(Scope.CAMPAIGNS_READ)],
    window: Annotated[Window, pages("approvals")],
    state: Annotated[ApprovalState | None, Query(description="Only those in this state.")] = None,
) -> ApprovalPage:
    """Newest first. `POST /api/v1/campaigns/{campaign_id}/approve` and `.../dismiss` decide them."""
    states = [state] if state else None
    rows = await approvals.page(
        context_of(request).database, caller.workspace_id, window.position, states, window.fetch
    )
    shown, cursor = window.shown(rows, lambda row: row.id)
    items = [
        Approval(
            id=APPROVAL.show(row.id),
            campaign_id=CAMPAIGN.show(row.campaign_id),
            campaign_name=row.name,
            state=row.state,
            asked_at=row.asked_at,
            asked_by=row.asked_by,
            settled_at=row.settled_at,
            settled_by=row.settled_by,
            reason=row.reason,
        )
        for row in shown
    ]
    return ApprovalPage(items=items, next_cursor=cursor)
