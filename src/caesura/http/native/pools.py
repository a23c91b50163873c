"""Pools: `/api/v1/pools`. Sets of mailboxes that share the work of a campaign."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.capacity import Capacity
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.mailbox_definition import PoolDefinition
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import ApiContext, context_of
from caesura.http.native.identifiers import MAILBOX, POOL
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import capacity, mailboxes
from caesura.store.mailboxes import PoolRow

TAG = {"name": "pools", "description": "Sets of mailboxes that share the work of a campaign."}

router = APIRouter(prefix="/api/v1/pools", tags=["pools"], route_class=NativeRoute)

NOT_FOUND = NotFound("pool_not_found", "there is no such pool in this workspace")
NAME_TAKEN = Conflict("name_taken", "there is a pool named 'sales' already")
IN_USE = Conflict("pool_in_use", "a campaign uses this pool")
UNKNOWN = Invalid.of(Problem("unknown_mailbox", "there is no mailbox named 'anna'", "/mailboxes/0"))

Reader = Annotated[Caller, require(Scope.MAILBOXES_READ)]
Writer = Annotated[Caller, require(Scope.MAILBOXES_WRITE)]
PoolId = Annotated[str, POOL.path()]


class Pool(BaseModel):
    """A pool."""

    id: Annotated[str, POOL.shown()]
    name: str = Field(examples=["sales"])
    mailbox_ids: list[str] = Field(description="Its mailboxes.", examples=[["mbx_3", "mbx_4"]])
    used_today: int | None = Field(
        description="Messages of its usable mailboxes (neither archived nor held) that count for their present days; "
        "null where one has no limits, so that nothing is counted.",
        examples=[120],
    )
    cap_today: int | None = Field(
        description="What their daily caps and ramps allow in all; null: any number.", examples=[400]
    )
    left_today: int | None = Field(description="What is left of that; null: any number.", examples=[280])
    created_at: datetime


class PoolPage(Page[Pool]):
    """A page of pools."""

    model_config = ConfigDict(title="PoolPage")


@router.post(
    "",
    operation_id="create_pool",
    summary="Create a pool",
    status_code=201,
    responses=answers(NAME_TAKEN, UNKNOWN),
)
async def create_pool(request: Request, response: Response, body: PoolDefinition, caller: Writer) -> Pool:
    """A new pool, of mailboxes by name."""
    context = context_of(request)
    row = await mailboxes.create_pool(context.database, caller.workspace_id, body, caller.actor, context.clock())
    response.headers["Location"] = f"{router.prefix}/{POOL.show(row.id)}"
    return await _one(context, caller, row)


@router.get("", operation_id="list_pools", summary="List pools")
async def list_pools(request: Request, caller: Reader, window: Annotated[Window, pages("pools")]) -> PoolPage:
    """Pools, newest first."""
    context = context_of(request)
    rows = await mailboxes.page_of_pools(context.database, caller.workspace_id, window.position, window.fetch)
    shown, cursor = window.shown(rows, lambda row: row.id)
    return PoolPage(items=await _shown(context, caller, shown), next_cursor=cursor)


@router.get("/{pool_id}", operation_id="get_pool", summary="Read a pool", responses=answers(NOT_FOUND))
async def get_pool(request: Request, pool_id: PoolId, caller: Reader) -> Pool:
    """One pool."""
    context = context_of(request)
    row = await mailboxes.get_pool(context.database, caller.workspace_id, POOL.parse(pool_id))
    return await _one(context, caller, row)


@router.put(
    "/{pool_id}",
    operation_id="replace_pool",
    summary="Replace a pool",
    responses=answers(NOT_FOUND, NAME_TAKEN, UNKNOWN),
)
async def replace_pool(request: Request, pool_id: PoolId, body: PoolDefinition, caller: Writer) -> Pool:
    """Its name and all its mailboxes. A mailbox taken out sends nothing more for the pool's campaigns."""
    context = context_of(request)
    number = POOL.parse(pool_id)
    row = await mailboxes.edit_pool(context.database, caller.workspace_id, number, body, caller.actor, context.clock())
    return await _one(context, caller, row)


@router.delete(
    "/{pool_id}",
    operation_id="delete_pool",
    summary="Delete a pool",
    status_code=204,
    responses=answers(NOT_FOUND, IN_USE),
)
async def delete_pool(request: Request, pool_id: PoolId, caller: Writer) -> None:
    """A pool that no campaign uses. Its mailboxes stay."""
    context = context_of(request)
    number = POOL.parse(pool_id)
    await mailboxes.delete_pool(context.database, caller.workspace_id, number, caller.actor, context.clock())


async def _one(context: ApiContext, caller: Caller, row: PoolRow) -> Pool:
    [shown] = await _shown(context, caller, [row])
    return shown


async def _shown(context: ApiContext, caller: Caller, rows: Sequence[PoolRow]) -> list[Pool]:
    capacities = await capacity.of_pools(
        context.database, context.plans, caller.workspace_id, [row.id for row in rows], context.clock()
    )
    return [_view(row, capacities[row.id]) for row in rows]


def _view(row: PoolRow, today: Capacity) -> Pool:
    return Pool(
        id=POOL.show(row.id),
        name=row.name,
        mailbox_ids=[MAILBOX.show(one) for one in row.mailbox_ids],
        used_today=today.used,
        cap_today=today.cap,
        left_today=today.left,
        created_at=row.created_at,
    )
