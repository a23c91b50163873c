"""Templates: `/api/v1/templates`. Texts that are copied into steps."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from caesura.domain.errors import NotFound
from caesura.domain.message_template import MessageTemplateDefinition
from caesura.domain.scopes import Scope
from caesura.http import etags
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.identifiers import TEMPLATE
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import message_templates
from caesura.store.message_templates import TemplateRow

TAG = {"name": "templates", "description": "Texts that messages are made of: they are copied into steps."}

router = APIRouter(prefix="/api/v1/templates", tags=["templates"], route_class=NativeRoute)

NOT_FOUND = NotFound("template_not_found", "there is no such template in this workspace")

Reader = Annotated[Caller, require(Scope.CAMPAIGNS_READ)]
Writer = Annotated[Caller, require(Scope.CAMPAIGNS_WRITE)]
TemplateId = Annotated[str, TEMPLATE.path()]


class MessageTemplate(MessageTemplateDefinition):
    """A template."""

    model_config = ConfigDict(title="MessageTemplate")

    id: Annotated[str, TEMPLATE.shown()]
    version: int = Field(description="Counts edits; the ETag.", examples=[3])
    created_at: datetime
    updated_at: datetime


class TemplatePage(Page[MessageTemplate]):
    """A page of templates."""

    model_config = ConfigDict(title="TemplatePage")


@router.post("", operation_id="create_template", summary="Create a template", status_code=201)
async def create_template(
    request: Request, response: Response, body: MessageTemplateDefinition, caller: Writer
) -> MessageTemplate:
    """A new template; what is wrong in its text is told where it is used."""
    context = context_of(request)
    row = await message_templates.create(context.database, caller.workspace_id, body, caller.actor, context.clock())
    response.headers["Location"] = f"{router.prefix}/{TEMPLATE.show(row.id)}"
    return _one(response, row)


@router.get("", operation_id="list_templates", summary="List templates")
async def list_templates(
    request: Request, caller: Reader, window: Annotated[Window, pages("templates")]
) -> TemplatePage:
    """Templates, newest first."""
    database = context_of(request).database
    rows = await message_templates.page(database, caller.workspace_id, window.position, window.fetch)
    shown, cursor = window.shown(rows, lambda row: row.id)
    return TemplatePage(items=[_shown(row) for row in shown], next_cursor=cursor)


@router.get("/{template_id}", operation_id="get_template", summary="Read a template", responses=answers(NOT_FOUND))
async def get_template(
    request: Request, response: Response, template_id: TemplateId, caller: Reader
) -> MessageTemplate:
    """One template."""
    number = TEMPLATE.parse(template_id)
    return _one(response, await message_templates.get(context_of(request).database, caller.workspace_id, number))


@router.put(
    "/{template_id}",
    operation_id="replace_template",
    summary="Replace a template",
    responses=answers(NOT_FOUND, etags.MISMATCH),
)
async def replace_template(
    request: Request,
    response: Response,
    template_id: TemplateId,
    body: MessageTemplateDefinition,
    caller: Writer,
    version: etags.ExpectedVersion,
) -> MessageTemplate:
    """Steps that were made of it stay as they are."""
    context = context_of(request)
    place = (context.database, caller.workspace_id, TEMPLATE.parse(template_id))
    return _one(response, await message_templates.replace(*place, body, version, caller.actor, context.clock()))


@router.delete(
    "/{template_id}",
    operation_id="delete_template",
    summary="Delete a template",
    status_code=204,
    responses=answers(NOT_FOUND),
)
async def delete_template(request: Request, template_id: TemplateId, caller: Writer) -> None:
    """Steps that were made of it stay as they are."""
    context = context_of(request)
    place = (context.database, caller.workspace_id, TEMPLATE.parse(template_id))
    await message_templates.delete(*place, caller.actor, context.clock())


def _one(response: Response, row: TemplateRow) -> MessageTemplate:
    response.headers[etags.HEADER] = etags.etag(row.version)
    return _shown(row)


def _shown(row: TemplateRow) -> MessageTemplate:
    return MessageTemplate(
        id=TEMPLATE.show(row.id),
        name=row.name,
        subject=row.subject,
        html=row.html,
        text=row.text,
        description=row.description,
        extra=dict(row.extra),
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )
