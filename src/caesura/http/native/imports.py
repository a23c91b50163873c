"""Imports: a CSV file as the body of a POST, of any size, into a campaign or a list."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from caesura.domain.errors import Invalid, LimitReached, Problem, Unavailable
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.campaigns import NOT_FOUND as NO_CAMPAIGN
from caesura.http.native.campaigns import CampaignId
from caesura.http.native.enrollments import TAKES_NO_LEADS
from caesura.http.native.identifiers import CAMPAIGN, LIST
from caesura.http.native.lists import NOT_FOUND as NO_LIST
from caesura.http.native.lists import ListId
from caesura.http.native.route import UploadRoute
from caesura.http.problems import answers
from caesura.service import imports
from caesura.service.imports import ImportReport

TAG = {"name": "imports", "description": "CSV files of leads, of any size, each with a report on its rows."}

router = APIRouter(prefix="/api/v1", tags=["imports"], route_class=UploadRoute)

MEDIA_TYPE = "text/csv"
# Rows that an answer lists; the service could tell of more.
LISTED = 10_000
# An import keeps a connection to the database until its file is there.
STALL_SECONDS = 60.0

WRONG_TYPE = Invalid("unsupported_media_type", f"the body must be {MEDIA_TYPE}")
BROKEN = (
    Invalid.of(
        Problem("unclosed_quote", "The quote that opens here is never closed.", file="leads.csv", line=12),
    ),
    Invalid.of(Problem("empty_file", "The file is empty.", file="leads.csv")),
)
BUSY = LimitReached("imports_busy", "as many files are being imported as this process takes at a time", 5)
STALLED = Unavailable("upload_stalled", f"nothing of the body came for {STALL_SECONDS:.0f} seconds")

_BODY = {
    "requestBody": {
        "required": True,
        "description": "UTF-8 or UTF-16, with a header line; comma, semicolon or tab. A column email, and any others, "
        "which become fields; time_zone holds IANA names.",
        "content": {
            MEDIA_TYPE: {
                "schema": {"type": "string"},
                "example": "email,first_name,company\nkim@example.com,Kim,Acme\n",
            }
        },
    }
}

Writer = Annotated[Caller, require(Scope.LEADS_WRITE)]
FileName = Annotated[
    str,
    Query(alias="file", min_length=1, max_length=255, description="Its name, for the report.", examples=["fair.csv"]),
]


class ImportRow(BaseModel):
    """A row that was rejected, stands twice, or whose lead is suppressed."""

    line: int = Field(description="On which its record begins, from 1.", examples=[7])
    code: str = Field(description="A stable word.", examples=["duplicate_row"])
    detail: str = Field(description="A sentence for a person.", examples=["The same address stands on line 3."])
    value: str = Field(description="What the fault is in, shortened.", examples=["kim@example.com"])


class ImportView(BaseModel):
    """What became of a file's rows."""

    file: str = Field(examples=["fair.csv"])
    rows: int = Field(description="All but the header and blank lines.", examples=[500])
    created: int = Field(description="Leads that were added.", examples=[470])
    updated: int = Field(description="Leads that were known, and got other fields.", examples=[10])
    unchanged: int = Field(description="Leads that were known as the file has them.", examples=[5])
    duplicates: int = Field(description="Rows with the address of an earlier row.", examples=[9])
    rejected: int = Field(description="Rows that are wrong.", examples=[6])
    enrolled: int = Field(description="Into the campaign.", examples=[480])
    already_enrolled: int = Field(description="They were in the campaign.", examples=[4])
    suppressed: int = Field(description="Not enrolled: they are never written to.", examples=[1])
    listed: int = Field(description="How many are new on the list.", examples=[0])
    reopened: bool = Field(description="Whether the campaign was completed, and runs again because of these.")
    problems: list[ImportRow] = Field(
        description=f"The rows that were rejected, stand twice or are suppressed, by line: at most {LISTED:,}."
    )
    truncated: bool = Field(description="Whether there are more than are listed.")


@router.post(
    "/campaigns/{campaign_id}/import",
    operation_id="import_into_campaign",
    summary="Import leads into a campaign",
    responses=answers(NO_CAMPAIGN, *TAKES_NO_LEADS, WRONG_TYPE, *BROKEN, BUSY, STALLED),
    openapi_extra=_BODY,
)
async def import_into_campaign(
    request: Request, campaign_id: CampaignId, caller: Writer, file: FileName = "leads.csv"
) -> ImportView:
    """Adds or changes the leads of a CSV file and enrols them. A row that is wrong keeps no other back.

    A fault of the file as a whole, or a line that drops, changes nothing: then nobody of it is enrolled.
    """
    return await _import(request, caller, CAMPAIGN.parse(campaign_id), None, file)


@router.post(
    "/lists/{list_id}/import",
    operation_id="import_into_list",
    summary="Import leads into a list",
    responses=answers(NO_LIST, WRONG_TYPE, *BROKEN, BUSY, STALLED),
    openapi_extra=_BODY,
)
async def import_into_list(
    request: Request, list_id: ListId, caller: Writer, file: FileName = "leads.csv"
) -> ImportView:
    """The same, onto a list, without enrolling anybody."""
    return await _import(request, caller, None, LIST.parse(list_id), file)


async def _import(
    request: Request, caller: Caller, campaign_id: int | None, list_id: int | None, file: str
) -> ImportView:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Invalid(WRONG_TYPE.code, WRONG_TYPE.detail)
    context = context_of(request)
    if context.import_slots.locked():
        raise LimitReached(BUSY.code, BUSY.detail, BUSY.retry_after)
    async with context.import_slots:
        report = await imports.import_leads(
            context.database,
            caller.workspace_id,
            campaign_id,
            list_id,
            _chunks(request),
            file,
            caller.actor,
            context.clock(),
            keep_known=caller.is_restricted,
        )
    return _shown(file, report)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Unavailable `upload_stalled` when it stops coming."""
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise Unavailable(STALLED.code, STALLED.detail) from error
        yield chunk


def _shown(file: str, report: ImportReport) -> ImportView:
    names = ImportView.model_fields.keys() - {"file", "problems", "truncated"}
    return ImportView(
        **{name: getattr(report, name) for name in names},
        file=file,
        problems=[
            ImportRow(line=row.line, code=row.code, detail=row.detail, value=row.value)
            for row in report.problems[:LISTED]
        ],
        truncated=report.truncated or len(report.problems) > LISTED,
    )
