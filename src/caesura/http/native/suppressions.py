"""Suppressions: `/api/v1/suppressions`. Addresses and domains that are never written to."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from caesura.domain.definition_types import Definition
from caesura.domain.errors import Invalid, NotFound, Problem
from caesura.domain.scopes import Scope
from caesura.domain.validation import fault
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.faults import faults
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import DEFAULT_LIMIT, Limit, Page, decode_texts, encode
from caesura.http.problems import Fault, answers, misplaced
from caesura.service import suppressions
from caesura.service.suppressions import MAXIMUM_AT_ONCE
from caesura.store.suppressions import SuppressionRow

TAG = {"name": "suppressions", "description": "Addresses and domains that are never written to."}

router = APIRouter(prefix="/api/v1/suppressions", tags=["suppressions"], route_class=NativeRoute)

NOT_FOUND = NotFound("suppression_not_found", "this address is not suppressed")
BAD_VALUE = Invalid.of(Problem("address_syntax", "There is no @ in the address.", "/value"))
ONE_SOURCE = Invalid.of(Problem("one_source", "Give either value or values.", ""))

_LISTING = "suppressions"

Reader = Annotated[Caller, require(Scope.LEADS_READ)]
Writer = Annotated[Caller, require(Scope.LEADS_WRITE)]
Recipient = Annotated[str, Field(max_length=1000)]


class SuppressionRequest(Definition):
    """Who is not to be written to: give either `value` or `values`."""

    value: Recipient | None = Field(default=None, description="An address or a domain.", examples=["kim@example.com"])
    values: list[Recipient] | None = Field(
        default=None,
        min_length=1,
        max_length=MAXIMUM_AT_ONCE,
        description="Several of them, at most 1,000.",
        examples=[["kim@example.com", "example.org"]],
    )

    @model_validator(mode="after")
    def _check_one_source(self) -> Self:
        if (self.value is None) == (self.values is None):
            raise fault("one_source", "Give either value or values.")
        return self


class SuppressedView(BaseModel):
    """What became of them."""

    added: int = Field(examples=[2])
    already_there: int = Field(description="They were suppressed before.", examples=[0])
    stopped: int = Field(description="Enrollments that ended at once; what is in transit ends later.", examples=[3])
    rejected: list[Fault] = Field(description="Of several: those that are wrong, each with its place.")


class Suppression(BaseModel):
    """An address or a domain that is never written to."""

    kind: Literal["address", "domain"] = Field(examples=["address"])
    value: str = Field(description="In canonical form.", examples=["kim@example.com"])
    cause: str = Field(description="Why: manual, unsubscribed, complained and so on.", examples=["unsubscribed"])
    actor: str = Field(description="Who did it.", examples=["recipient"])
    created_at: datetime


class SuppressionPage(Page[Suppression]):
    """A page of suppressions."""

    model_config = ConfigDict(title="SuppressionPage")


async def _position(
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before.", json_schema_extra={"type": "string"})
    ] = None,
) -> tuple[str, str] | None:
    """The kind and value that the page before ended with."""
    return None if cursor is None else decode_texts(_LISTING, cursor)


@router.post("", operation_id="suppress", summary="Suppress", responses=answers(BAD_VALUE, ONE_SOURCE))
async def suppress(request: Request, body: SuppressionRequest, caller: Writer) -> SuppressedView:
    """Once this answers, no message to these goes out any more, in any campaign.

    Of several, a wrong one does not keep the others back.
    """
    context = context_of(request)
    key = context.database, caller.workspace_id
    by = caller.actor, context.clock()
    if body.value is not None:
        done = await suppressions.suppress(*key, body.value, *by)
    else:
        done = await suppressions.suppress_many(*key, body.values or [], *by)
    return SuppressedView(
        added=done.added, already_there=done.already_there, stopped=done.stopped, rejected=faults(done.rejected)
    )


@router.get("", operation_id="list_suppressions", summary="List suppressions")
async def list_suppressions(
    request: Request,
    caller: Reader,
    position: Annotated[tuple[str, str] | None, Depends(_position)],
    limit: Limit = DEFAULT_LIMIT,
    kind: Annotated[Literal["address", "domain"] | None, Query(description="Only these.")] = None,
) -> SuppressionPage:
    """Suppressions by kind and value."""
    rows = await suppressions.page(context_of(request).database, caller.workspace_id, position, kind, limit + 1)
    shown = rows[:limit]
    cursor = encode(_LISTING, shown[-1].kind, shown[-1].value) if len(rows) > limit else None
    return SuppressionPage(items=[_shown(row) for row in shown], next_cursor=cursor)


@router.get("/check", operation_id="check_address", summary="Ask about an address")
async def check_address(
    request: Request,
    caller: Reader,
    address: Annotated[str, Query(max_length=1000, description="An address.", examples=["kim@example.com"])],
) -> list[Suppression]:
    """What keeps this address from being written to: its own suppression, its domain's, both, or nothing."""
    try:
        rows = await suppressions.check(context_of(request).database, caller.workspace_id, address)
    except Invalid as error:
        raise misplaced("query", "address", error.code, error.detail) from error
    return [_shown(row) for row in rows]


@router.delete(
    "/{value:path}",
    operation_id="unsuppress",
    summary="End a suppression",
    status_code=204,
    responses=answers(NOT_FOUND),
)
async def unsuppress(
    request: Request,
    value: Annotated[str, Path(description="The address or the domain.", examples=["kim@example.com"])],
    caller: Writer,
) -> None:
    """It may be written to again. What was stopped for it stays stopped."""
    context = context_of(request)
    try:
        await suppressions.unsuppress(context.database, caller.workspace_id, value, caller.actor, context.clock())
    except Invalid as error:
        raise misplaced("path", "value", error.code, error.detail) from error


def _shown(row: SuppressionRow) -> Suppression:
    return Suppression(
        kind="domain" if row.kind == "domain" else "address",
        value=row.value,
        cause=row.cause,
        actor=row.actor,
        created_at=row.created_at,
    )
