"""Properties of leads: `/api/v1/lead-properties`. What the fields of leads are, for people and forms."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, StringConstraints

from caesura.domain.definition_types import Definition, Extra, Line, VariableName
from caesura.domain.errors import Conflict, NotFound
from caesura.domain.lead_entry import MAXIMUM_FIELDS
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.identifiers import LEAD_PROPERTY
from caesura.http.native.route import NativeRoute
from caesura.http.problems import answers
from caesura.service import lead_properties
from caesura.store.lead_properties import PropertyRow

TAG = {
    "name": "lead properties",
    "description": "What the fields of leads are, for people and forms. Nothing is refused because of it.",
}

router = APIRouter(prefix="/api/v1/lead-properties", tags=["lead properties"], route_class=NativeRoute)

NOT_FOUND = NotFound("lead_property_not_found", "there is no such property in this workspace")
NAME_TAKEN = Conflict("name_taken", "there is a property named 'seats' already")
TOO_MANY = Conflict("too_many_properties", f"a workspace has at most {MAXIMUM_FIELDS} properties: delete one first")

Reader = Annotated[Caller, require(Scope.LEADS_READ)]
Writer = Annotated[Caller, require(Scope.LEADS_WRITE)]


class LeadPropertyCreate(Definition):
    """What a field of leads is."""

    name: VariableName = Field(description="The field's; unique in the workspace.", examples=["seats"])
    kind: Literal["text", "number", "truth", "date"] = Field(description="What it holds.", examples=["number"])
    description: Annotated[Line, StringConstraints(max_length=500)] = Field(
        default="", description="For people.", examples=["how many people they are"]
    )
    extra: Extra = Field(default={}, description="Anything else; kept and returned, never read.")


class LeadProperty(BaseModel):
    """What a field of leads is."""

    id: Annotated[str, LEAD_PROPERTY.shown()]
    name: str = Field(examples=["seats"])
    kind: str = Field(description="text, number, truth or date.", examples=["number"])
    description: str = Field(examples=["how many people they are"])
    extra: dict[str, Any] = Field(description="What was given to be kept.")
    created_at: datetime
    updated_at: datetime


class LeadProperties(BaseModel):
    """The properties of a workspace."""

    items: list[LeadProperty]


@router.post(
    "",
    operation_id="create_lead_property",
    summary="Tell what a field is",
    status_code=201,
    responses=answers(NAME_TAKEN, TOO_MANY),
)
async def create_lead_property(request: Request, body: LeadPropertyCreate, caller: Writer) -> LeadProperty:
    """A new property. Leads need not have the field, and may hold anything else in it."""
    context = context_of(request)
    given = (body.name, body.kind, body.description, body.extra)
    return _shown(await lead_properties.create(context.database, caller.workspace_id, *given, context.clock()))


@router.get("", operation_id="list_lead_properties", summary="List properties")
async def list_lead_properties(request: Request, caller: Reader) -> LeadProperties:
    """All properties (at most 500), oldest first."""
    rows = await lead_properties.all_of(context_of(request).database, caller.workspace_id)
    return LeadProperties(items=[_shown(row) for row in rows])


@router.delete(
    "/{property_id}",
    operation_id="delete_lead_property",
    summary="Delete a property",
    status_code=204,
    responses=answers(NOT_FOUND),
)
async def delete_lead_property(
    request: Request, property_id: Annotated[str, LEAD_PROPERTY.path()], caller: Writer
) -> None:
    """The field stays with the leads that have it."""
    number = LEAD_PROPERTY.parse(property_id)
    await lead_properties.delete(context_of(request).database, caller.workspace_id, number)


def _shown(row: PropertyRow) -> LeadProperty:
    return LeadProperty(
        id=LEAD_PROPERTY.show(row.id),
        name=row.name,
        kind=row.kind,
        description=row.description,
        extra=dict(row.extra),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
