"""Webhooks: `/api/v1/webhooks`. Requests to a URL of the owner's, for what happens."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.definition_types import Definition
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.etags import HEADER, MISMATCH, ExpectedVersion, etag
from caesura.http.native.identifiers import WEBHOOK
from caesura.http.native.route import NativeRoute
from caesura.http.native.webhook_form import NATIVE
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import webhooks
from caesura.service.webhooks import Changes, NewWebhook
from caesura.store.webhooks import WebhookRow

TAG = {
    "name": "webhooks",
    "description": "Requests to a URL of yours for what happens, by Standard Webhooks 1.0.0: signed, in order for each "
    "lead, tried again for three days, and sent again when you ask.",
}

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=NativeRoute)

NOT_FOUND = NotFound("webhook_not_found", "there is no such webhook in this workspace")
TOO_MANY = Conflict("too_many_webhooks", f"a workspace has at most {webhooks.MAXIMUM} webhooks: delete one first")
WRONG = (
    Invalid.of(Problem("url_not_https", "the URL must begin with https://", "/url")),
    Invalid.of(Problem("url_refused", "10.0.0.1 is not an address of the open internet", "/url")),
    Invalid.of(Problem("unknown_event", "there is no event 'campaign.pausd'", "/events/0")),
)

Reader = Annotated[Caller, require(Scope.WEBHOOKS_READ)]
Writer = Annotated[Caller, require(Scope.WEBHOOKS_WRITE)]
Url = Annotated[str, Field(max_length=2_000, examples=["https://hooks.example.com/caesura"])]
Events = Annotated[
    list[str],
    Field(
        min_length=1,
        max_length=200,
        description="Kinds of events, or `*` for all.",
        examples=[["campaign.paused", "message.sent"]],
    ),
]
Description = Annotated[str, Field(max_length=webhooks.DESCRIPTION_LENGTH, examples=["to the CRM"])]


class WebhookCreate(Definition):
    """A webhook to be made."""

    url: Url
    events: Events
    description: Description | None = None
    active: bool = True


class WebhookEdit(Definition):
    """What is to be changed; what is not there stays."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = Field(default=None, description="Empty takes it away.")
    active: bool | None = Field(
        default=None,
        description="False cancels what is still to be sent. Enabled, it is told what happens from then on.",
    )


class Webhook(BaseModel):
    """A webhook, without its secret."""

    id: Annotated[str, WEBHOOK.shown()]
    url: str = Field(examples=["https://hooks.example.com/caesura"])
    events: list[str] = Field(examples=[["campaign.paused", "message.sent"]])
    description: str | None = Field(examples=["to the CRM"])
    active: bool
    disabled_cause: str | None = Field(
        description="Why it is not active: manual, unsubscribed or failing.", examples=[None]
    )
    previous_secret_until: datetime | None = Field(description="Until then, the secret before signs too.")
    last_status: str | None = Field(
        description="Of the newest attempt: delivered or failed; null before any.", examples=["delivered"]
    )
    last_at: datetime | None
    failing_since: datetime | None = Field(
        description="Since then, every attempt has failed; null when one has not, or since it was enabled anew. After "
        "five days it is disabled."
    )
    created_at: datetime
    updated_at: datetime


class IssuedWebhook(Webhook):
    """A webhook with its secret."""

    secret: str = Field(
        description="Signs every request; `GET .../secret` shows it again.",
        examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD3YvmsTkG4Ac="],
    )


class WebhookSecret(BaseModel):
    """What signs."""

    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD3YvmsTkG4Ac="])


class WebhookPage(Page[Webhook]):
    """A page of webhooks."""

    model_config = ConfigDict(title="WebhookPage")


@router.post(
    "", operation_id="create_webhook", summary="Create a webhook", status_code=201, responses=answers(*WRONG, TOO_MANY)
)
async def create_webhook(request: Request, response: Response, body: WebhookCreate, caller: Writer) -> IssuedWebhook:
    """A webhook that is told what happens from now on."""
    context = context_of(request)
    issued = await webhooks.create(
        context.database,
        context.keyring,
        NATIVE,
        context.destinations,
        context.entropy,
        caller.workspace_id,
        NewWebhook(body.url, body.events, body.description, body.active),
        caller.actor,
        context.clock(),
    )
    response.headers["Location"] = f"{router.prefix}/{WEBHOOK.show(issued.row.id)}"
    response.headers[HEADER] = etag(issued.row.version)
    return IssuedWebhook(**dict(_shown(issued.row)), secret=issued.secret)


@router.get("", operation_id="list_webhooks", summary="List webhooks")
async def list_webhooks(request: Request, caller: Reader, window: Annotated[Window, pages("webhooks")]) -> WebhookPage:
    """Webhooks, newest first."""
    rows = await webhooks.page(
        context_of(request).database, caller.workspace_id, NATIVE.dialect, window.position, window.fetch
    )
    shown, cursor = window.shown(rows, lambda row: row.id)
    return WebhookPage(items=[_shown(row) for row in shown], next_cursor=cursor)


@router.get("/{webhook_id}", operation_id="get_webhook", summary="Read a webhook", responses=answers(NOT_FOUND))
async def get_webhook(
    request: Request, response: Response, webhook_id: Annotated[str, WEBHOOK.path()], caller: Reader
) -> Webhook:
    """One webhook."""
    number = WEBHOOK.parse(webhook_id)
    row = await webhooks.get(context_of(request).database, caller.workspace_id, NATIVE.dialect, number)
    response.headers[HEADER] = etag(row.version)
    return _shown(row)


@router.patch(
    "/{webhook_id}",
    operation_id="edit_webhook",
    summary="Change, enable or disable a webhook",
    responses=answers(NOT_FOUND, MISMATCH, *WRONG),
)
async def edit_webhook(
    request: Request,
    response: Response,
    webhook_id: Annotated[str, WEBHOOK.path()],
    body: WebhookEdit,
    caller: Writer,
    version: ExpectedVersion,
) -> Webhook:
    """Changes what is given. The secret stays."""
    context = context_of(request)
    row = await webhooks.change(
        context.database,
        NATIVE,
        context.destinations,
        caller.workspace_id,
        WEBHOOK.parse(webhook_id),
        Changes(body.url, body.events, body.description, body.active),
        version,
        caller.actor,
        context.clock(),
    )
    response.headers[HEADER] = etag(row.version)
    return _shown(row)


@router.delete(
    "/{webhook_id}",
    operation_id="delete_webhook",
    summary="Delete a webhook",
    status_code=204,
    responses=answers(NOT_FOUND),
)
async def delete_webhook(request: Request, webhook_id: Annotated[str, WEBHOOK.path()], caller: Writer) -> None:
    """Takes it away, and what was still to be sent to it."""
    context = context_of(request)
    number = WEBHOOK.parse(webhook_id)
    await webhooks.delete(context.database, caller.workspace_id, NATIVE.dialect, number, caller.actor, context.clock())


@router.get(
    "/{webhook_id}/secret",
    operation_id="reveal_webhook_secret",
    summary="Show the secret",
    responses=answers(NOT_FOUND),
)
async def reveal_webhook_secret(
    request: Request, webhook_id: Annotated[str, WEBHOOK.path()], caller: Writer
) -> WebhookSecret:
    """What signs now."""
    context = context_of(request)
    number = WEBHOOK.parse(webhook_id)
    secret = await webhooks.reveal(context.database, context.keyring, caller.workspace_id, NATIVE.dialect, number)
    return WebhookSecret(secret=secret)


@router.post(
    "/{webhook_id}/rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Make a new secret",
    responses=answers(NOT_FOUND),
)
async def rotate_webhook_secret(
    request: Request, webhook_id: Annotated[str, WEBHOOK.path()], caller: Writer
) -> IssuedWebhook:
    """A new secret. For a day, the one before signs too: give the new one to your receiver meanwhile."""
    context = context_of(request)
    issued = await webhooks.rotate(
        context.database,
        context.keyring,
        NATIVE,
        context.entropy,
        caller.workspace_id,
        WEBHOOK.parse(webhook_id),
        caller.actor,
        context.clock(),
    )
    return IssuedWebhook(**dict(_shown(issued.row)), secret=issued.secret)


def _shown(row: WebhookRow) -> Webhook:
    return Webhook(
        id=WEBHOOK.show(row.id),
        url=row.url,
        events=list(row.events),
        description=row.description,
        active=row.active,
        disabled_cause=row.disabled_cause,
        previous_secret_until=row.previous_until,
        last_status=row.last_status,
        last_at=row.last_at,
        failing_since=row.failing_since,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
