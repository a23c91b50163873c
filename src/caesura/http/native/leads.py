"""Leads: `/api/v1/leads`. People with an address and fields."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from caesura.domain.definition_types import Definition, Extra
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.extra import check_extra
from caesura.domain.lead_entry import MAXIMUM_FIELDS, LeadInput
from caesura.domain.scopes import Scope
from caesura.http import strict_json
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.faults import faults
from caesura.http.native.identifiers import LEAD
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import (
    DEFAULT_LIMIT,
    Limit,
    Page,
    decode,
    decode_text_and_number,
    encode,
    invalid_cursor,
)
from caesura.http.problems import Fault, answers, misplaced
from caesura.service import leads
from caesura.service.leads import MAXIMUM_AT_ONCE, LeadChange, LeadFate, LeadOutcome
from caesura.store.lead_order import LeadOrder, LeadPosition
from caesura.store.leads import LeadRow

TAG = {"name": "leads", "description": "People with an address and fields, whom campaigns write to."}

router = APIRouter(prefix="/api/v1/leads", tags=["leads"], route_class=NativeRoute)

NOT_FOUND = NotFound("lead_not_found", "there is no such lead in this workspace")
BAD_ADDRESS = Invalid.of(Problem("address_syntax", "There is no @ in the address.", "/address"))
BAD_FIELD = Invalid.of(Problem("invalid_name", "A field's name is at most 64 of a-z, 0-9 and _.", "/fields/First"))
ADDRESS_TAKEN = Conflict("address_taken", "another lead has this address")
ENROLLED = Conflict("lead_enrolled", "the lead is in a campaign, or was; stop it there instead", allowed=("stop",))

_BY_AGE = (LeadOrder.NEWEST, LeadOrder.OLDEST)
_BY_CHANGE = (LeadOrder.CHANGED_LAST, LeadOrder.CHANGED_FIRST)

Reader = Annotated[Caller, require(Scope.LEADS_READ)]
Writer = Annotated[Caller, require(Scope.LEADS_WRITE)]
LeadId = Annotated[str, LEAD.path()]

# Checked by the service, which knows the place of each fault, and in bulk keeps the other leads.
Fields = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAXIMUM_FIELDS,
            "propertyNames": {"pattern": "^[a-z_][a-z0-9_]{0,63}$"},
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }
    ),
]
# One of many that is no address is answered as refused, beside the others.
BulkAddress = Annotated[str, Field(max_length=1000)]
Address = Annotated[BulkAddress, Field(json_schema_extra={"format": "email"})]
_ADDRESS = "Names the lead: it has one per workspace."
ZoneName = Annotated[str, Field(max_length=100)]

_FIELDS = (
    "Variables for templates: text of at most 64 kB, number or truth value; at most 500, 256 kB together. null takes "
    "a field away."
)
_EXTRA = "Anything else; kept beside what is kept already, returned, never read. An object goes into the one kept."


class LeadGiven(Definition):
    """A lead to be added or changed."""

    address: BulkAddress = Field(description=_ADDRESS, examples=["kim@example.com"])
    fields: Fields = Field(default={}, description=_FIELDS, examples=[{"first_name": "Kim", "company": "Acme"}])
    zone: ZoneName | None = Field(
        default=None, description="IANA time zone; null: not told.", examples=["Europe/Berlin"]
    )
    extra: Extra = Field(default={}, description=_EXTRA, examples=[{"crm": {"owner": "Kim"}}])

    def read(self) -> LeadInput:
        """For the services."""
        return LeadInput(self.address, self.fields, self.zone, self.extra)


class LeadSave(LeadGiven):
    """A lead to be added, or changed where its address is known."""

    address: Address = Field(description=_ADDRESS, examples=["kim@example.com"])
    replace: bool = Field(
        default=False, description="Put fields and zone in the place of those that a known lead has, not beside them."
    )


class LeadsSave(Definition):
    """Several leads to be added or changed."""

    leads: list[LeadGiven] = Field(min_length=1, max_length=MAXIMUM_AT_ONCE, description="The leads.")
    replace: bool = Field(
        default=False, description="Put fields and zone in the place of those that known leads have, not beside them."
    )


class LeadPatch(Definition):
    """What to change of a lead; what is left out stays as it is."""

    address: Address | None = Field(
        default=None, description="Another address; null changes nothing.", examples=["kim@example.org"]
    )
    fields: Fields | None = Field(default=None, description=_FIELDS, examples=[{"company": "Acme", "title": None}])
    replace_fields: bool = Field(
        default=False, description="Put fields in the place of all that are there, instead of merging them in."
    )
    zone: ZoneName | None = Field(
        default=None, description="IANA time zone; null takes it away.", examples=["Europe/Berlin"]
    )
    extra: Extra = Field(default={}, description=_EXTRA, examples=[{"crm": {"owner": "Kim"}}])

    def read(self) -> LeadChange:
        """For the service."""
        clear_zone = "zone" in self.model_fields_set and self.zone is None
        return LeadChange(self.address, self.fields, self.replace_fields, self.zone, clear_zone, self.extra)


class Lead(BaseModel):
    """A lead."""

    id: Annotated[str, LEAD.shown()]
    address: str = Field(examples=["kim@example.com"])
    fields: dict[str, Any] = Field(examples=[{"first_name": "Kim", "company": "Acme"}])
    zone: str | None = Field(description="IANA time zone; null: the campaign's.", examples=["Europe/Berlin"])
    extra: dict[str, Any] = Field(description="What was given to be kept.", examples=[{"crm": {"owner": "Kim"}}])
    created_at: datetime
    updated_at: datetime


class SavedLead(Lead):
    """A lead that was given."""

    outcome: LeadFate = Field(description="What became of it.", examples=["created"])


class LeadOutcomeView(BaseModel):
    """What became of one of several leads."""

    outcome: LeadFate = Field(examples=["created"])
    lead_id: Annotated[str, LEAD.shown()] | None = Field(description="Null where it was rejected.")
    errors: list[Fault] = Field(description="Why it was rejected, each with its place in the request.")


class LeadsSaved(BaseModel):
    """What became of several leads; the counts add up to their number."""

    created: int = Field(examples=[1])
    updated: int = Field(examples=[0])
    unchanged: int = Field(examples=[0])
    rejected: int = Field(examples=[0])
    outcomes: list[LeadOutcomeView] = Field(description="One for each lead, in the order given.")


class LeadPage(Page[Lead]):
    """A page of leads."""

    model_config = ConfigDict(title="LeadPage")


@router.post(
    "",
    operation_id="save_lead",
    summary="Create or update a lead",
    status_code=201,
    responses={**answers(BAD_ADDRESS, BAD_FIELD), 200: {"model": SavedLead, "description": "The lead was known."}},
)
async def save_lead(request: Request, response: Response, body: LeadSave, caller: Writer) -> SavedLead:
    """Adds a lead, or changes the one of this address, whose fields it merges in. 201 when it was added, else 200."""
    context = context_of(request)
    row, fate = await leads.save(
        context.database, caller.workspace_id, body.read(), body.replace, caller.actor, context.clock()
    )
    response.status_code = 201 if fate is LeadFate.CREATED else 200
    response.headers["Location"] = f"{router.prefix}/{LEAD.show(row.id)}"
    return SavedLead(**dict(show(row)), outcome=fate)


@router.post("/bulk", operation_id="save_leads", summary="Create or update up to 1,000 leads")
async def save_leads(request: Request, body: LeadsSave, caller: Writer) -> LeadsSaved:
    """The same for up to 1,000. A lead that is wrong does not keep the others back: see its outcome.

    Of several with the same address the first counts; the others are rejected.
    """
    context = context_of(request)
    given = [one.read() for one in body.leads]
    outcomes = await leads.save_many(
        context.database, caller.workspace_id, given, body.replace, caller.actor, context.clock()
    )
    return show_saved(outcomes)


async def _kept(
    extra: Annotated[
        str | None,
        Query(
            max_length=2_000,
            description="A JSON object: only leads of which this is a part of what is kept of them.",
            examples=['{"crm": {"owner": "Kim"}}'],
        ),
    ] = None,
) -> dict[str, Any] | None:
    """What is to be a part of `extra`. Raises RequestValidationError `invalid_json`."""
    if extra is None:
        return None
    try:
        found = strict_json.parse(extra.encode())
        if isinstance(found, dict) and found:
            return dict(check_extra(found, ""))
        detail = "This must be a JSON object with something in it."
    except Invalid as error:
        detail = error.detail
    raise misplaced("query", "extra", "invalid_json", detail)


async def _position(
    order: Annotated[
        LeadOrder,
        Query(
            description="By age or address; or by the last change or the name, where each page costs a look at every "
            "lead. A cursor is for its own order.",
        ),
    ] = LeadOrder.NEWEST,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before.", json_schema_extra={"type": "string"})
    ] = None,
) -> tuple[LeadOrder, LeadPosition | None]:
    """From where on, in which order. Raises RequestValidationError `cursor_invalid`."""
    if cursor is None:
        return order, None
    if order in _BY_AGE:
        return order, LeadPosition("", decode(_listing(order), cursor))
    text, lead_id = decode_text_and_number(_listing(order), cursor)
    if order in _BY_CHANGE:
        try:
            text = datetime.fromisoformat(text).astimezone(UTC).isoformat()
        except (ValueError, OverflowError) as error:
            raise invalid_cursor() from error
    return order, LeadPosition(text, lead_id)


def _listing(order: LeadOrder) -> str:
    return "leads" if order is LeadOrder.NEWEST else f"leads.{order}"


@router.get("", operation_id="list_leads", summary="List leads")
async def list_leads(
    request: Request,
    caller: Reader,
    past: Annotated[tuple[LeadOrder, LeadPosition | None], Depends(_position)],
    limit: Limit = DEFAULT_LIMIT,
    address: Annotated[
        str | None,
        Query(
            max_length=320,
            description="An address, or a part of one: only those. A part costs a look at every lead.",
            examples=["kim@example.com"],
        ),
    ] = None,
    kept: Annotated[dict[str, Any] | None, Depends(_kept)] = None,
) -> LeadPage:
    """Leads, newest first, unless `order` says else.

    Of those who are changed meanwhile, `changed_first` tells later, perhaps once more; no other lead is told twice, or
    left out.
    """
    place = context_of(request).database, caller.workspace_id
    order, position = past
    rows = await leads.page_in_order(*place, order, position, address, limit + 1, kept)
    cursor = None
    if len(rows) > limit:
        _, last = rows[limit - 1]
        cursor = encode(_listing(order), *([] if order in _BY_AGE else [last.text]), last.lead_id)
    return LeadPage(items=[show(row) for row, _ in rows[:limit]], next_cursor=cursor)


@router.get("/{lead_id}", operation_id="get_lead", summary="Read a lead", responses=answers(NOT_FOUND))
async def get_lead(request: Request, lead_id: LeadId, caller: Reader) -> Lead:
    """One lead."""
    return show(await leads.get(context_of(request).database, caller.workspace_id, LEAD.parse(lead_id)))


@router.patch(
    "/{lead_id}",
    operation_id="change_lead",
    summary="Change a lead",
    responses=answers(NOT_FOUND, ADDRESS_TAKEN, BAD_ADDRESS, BAD_FIELD),
)
async def change_lead(request: Request, lead_id: LeadId, body: LeadPatch, caller: Writer) -> Lead:
    """What is left out stays. Once this answers, no message is composed with the old fields any more.

    Where campaigns held the lead for what its fields held, it is tried afresh.
    """
    context = context_of(request)
    number = LEAD.parse(lead_id)
    return show(
        await leads.change(context.database, caller.workspace_id, number, body.read(), caller.actor, context.clock())
    )


@router.delete(
    "/{lead_id}",
    operation_id="delete_lead",
    summary="Delete a lead",
    status_code=204,
    responses=answers(NOT_FOUND, ENROLLED),
)
async def delete_lead(request: Request, lead_id: LeadId, caller: Writer) -> None:
    """A lead that was never in a campaign. Of any other, the messages stay on record: stop it there instead."""
    context = context_of(request)
    await leads.delete(context.database, caller.workspace_id, LEAD.parse(lead_id), caller.actor, context.clock())


def show(row: LeadRow) -> Lead:
    """A lead's row."""
    return Lead(
        id=LEAD.show(row.id),
        address=row.address,
        fields=dict(row.fields),
        zone=row.zone,
        extra=dict(row.extra),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def show_saved(outcomes: Sequence[LeadOutcome]) -> LeadsSaved:
    """What became of several leads."""
    counts = {fate.value: sum(one.fate is fate for one in outcomes) for fate in LeadFate}
    return LeadsSaved(**counts, outcomes=[_outcome(one) for one in outcomes])


def _outcome(outcome: LeadOutcome) -> LeadOutcomeView:
    lead_id = None if outcome.lead_id is None else LEAD.show(outcome.lead_id)
    return LeadOutcomeView(outcome=outcome.fate, lead_id=lead_id, errors=faults(outcome.problems))
