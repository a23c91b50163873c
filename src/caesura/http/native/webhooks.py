"""Webhooks: `/api/v1/webhooks`. Requests to a URL of the owner's, for what happens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from caesura.domain.definition_types import Definition, Instant
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.scopes import Scope
from caesura.domain.validation import fault
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.etags import HEADER, MISMATCH, ExpectedVersion, etag
from caesura.http.native.identifiers import CAMPAIGN, DELIVERY, EVENT, WEBHOOK
from caesura.http.native.route import NativeRoute
from caesura.http.native.webhook_form import NATIVE, TEST
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import webhook_delivery, webhooks
from caesura.service.webhooks import Changes, NewWebhook
from caesura.store.webhooks import AttemptRow, DeliveryRow, WebhookRow

TAG = {
    "name": "webhooks",
    "description": "Requests to a URL of yours for what happens, by Standard Webhooks 1.0.0: signed, in order for each "
    "lead, tried again for three days, and sent again when you ask.",
}

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=NativeRoute)

NOT_FOUND = NotFound("webhook_not_found", "there is no such webhook in this workspace")
NO_DELIVERY = NotFound("delivery_not_found", "there is no such delivery of this webhook")
NO_EVENT = NotFound("event_not_found", "there is no such event in this workspace")
DISABLED = Conflict("webhook_disabled", "this webhook is disabled: enable it first", "disabled", ("enable",))
TOO_MANY = Conflict("too_many_webhooks", f"a workspace has at most {webhooks.MAXIMUM} webhooks: delete one first")
WRONG = (
    Invalid.of(Problem("url_not_https", "the URL must begin with https://", "/url")),
    Invalid.of(Problem("url_refused", "10.0.0.1 is not an address of the open internet", "/url")),
    Invalid.of(Problem("unknown_event", "there is no event 'campaign.pausd'", "/events/0")),
)
MAXIMUM_EVENT_IDS = 100

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
    disabled_cause: str | None = Field(description="Why it is not active: manual or unsubscribed.", examples=[None])
    previous_secret_until: datetime | None = Field(description="Until then, the secret before signs too.")
    last_status: str | None = Field(
        description="Of the newest attempt: delivered or failed; null before any.", examples=["delivered"]
    )
    last_at: datetime | None
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


class Delivery(BaseModel):
    """One request to a webhook, with its newest attempt."""

    id: Annotated[str, DELIVERY.shown()]
    webhook_id: Annotated[str, WEBHOOK.shown()]
    key: str = Field(description="The `webhook-id` of each attempt, and of each replay.", examples=["evt_6"])
    event: str = Field(description="The kind of event.", examples=["campaign.paused"])
    event_ids: list[Annotated[str, EVENT.shown()]] = Field(description="Empty for a test.")
    campaign_id: Annotated[str, CAMPAIGN.shown()] | None
    state: str = Field(description="pending, delivered, failed or cancelled.", examples=["delivered"])
    attempts: int
    next_attempt_at: datetime | None = Field(description="Null unless pending.")
    created_at: datetime
    settled_at: datetime | None = Field(description="Null while pending.")
    last_attempt_at: datetime | None = Field(description="Null before the first attempt; so are the next ones.")
    status_code: int | None = Field(description="Null when there was no answer.", examples=[200])
    error: str | None = Field(description="Null when the answer was 2xx.", examples=["timeout"])


class DeliveryPage(Page[Delivery]):
    """A page of deliveries."""

    model_config = ConfigDict(title="DeliveryPage")


class Attempt(BaseModel):
    """One attempt."""

    delivery_id: Annotated[str, DELIVERY.shown()]
    number: int = Field(examples=[1])
    at: datetime
    duration_ms: int = Field(examples=[87])
    status_code: int | None = Field(description="Null when there was no answer.", examples=[200])
    error: str | None = Field(
        description="A stable word: timeout, connection_refused, connection_lost, connection_failed, dns_failure, "
        "tls_failure, address_refused, url_invalid, redirected, http_error, answer_malformed; null for 2xx.",
        examples=["timeout"],
    )
    response: str | None = Field(description="The first 2,000 bytes of the answer's body.", examples=["ok"])


class AttemptPage(Page[Attempt]):
    """A page of attempts."""

    model_config = ConfigDict(title="AttemptPage")


class Replay(Definition):
    """What is to be told again: events by their ids, or those of a span of time."""

    event_ids: list[Annotated[int, *EVENT.reference()]] | None = Field(
        default=None, min_length=1, max_length=MAXIMUM_EVENT_IDS
    )
    since: Instant | None = Field(default=None, description="From then on.")
    until: Instant | None = Field(default=None, description="Before then; at most 10,000 events lie between.")

    @model_validator(mode="after")
    def _one_way(self) -> "Replay":
        by_time = self.since is not None and self.until is not None
        if (self.event_ids is not None) == by_time or (self.since is None) != (self.until is None):
            raise fault("replay_unclear", "There must be either event_ids, or since and until.")
        return self


class Replayed(BaseModel):
    """What a replay makes."""

    deliveries: int = Field(description="How many requests will be sent.", examples=[12])


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


@router.post(
    "/{webhook_id}/test",
    operation_id="test_webhook",
    summary="Send a test",
    status_code=202,
    responses=answers(NOT_FOUND, DISABLED),
)
async def test_webhook(request: Request, webhook_id: Annotated[str, WEBHOOK.path()], caller: Writer) -> Delivery:
    """Sends an event `webhook.test`, whatever the webhook is subscribed to. Its delivery tells how it went."""
    context = context_of(request)
    number = WEBHOOK.parse(webhook_id)
    data = {"webhook_id": WEBHOOK.show(number)}
    return _delivery(
        await webhooks.send(context.database, NATIVE, caller.workspace_id, number, TEST, data, context.clock())
    )


@router.post(
    "/{webhook_id}/replay",
    operation_id="replay_webhook",
    summary="Tell of events again",
    status_code=202,
    responses=answers(
        NOT_FOUND,
        NO_EVENT,
        DISABLED,
        Invalid.of(Problem("replay_unclear", "There must be either event_ids, or since and until.", "")),
        Invalid.of(Problem("range_too_large", "that would be more than 10000 events: take a shorter range", "/until")),
    ),
)
async def replay_webhook(
    request: Request, webhook_id: Annotated[str, WEBHOOK.path()], body: Replay, caller: Writer
) -> Replayed:
    """Sends events out of the log, again or for the first time, if the webhook is subscribed to them.

    Each has the `webhook-id` that it always had.
    """
    context = context_of(request)
    span = None if body.since is None or body.until is None else (body.since, body.until)
    number = WEBHOOK.parse(webhook_id)
    count = await webhook_delivery.replay(
        context.database, NATIVE, caller.workspace_id, number, body.event_ids, span, context.clock()
    )
    return Replayed(deliveries=count)


@router.get(
    "/{webhook_id}/deliveries",
    operation_id="list_webhook_deliveries",
    summary="List deliveries",
    responses=answers(NOT_FOUND),
)
async def list_webhook_deliveries(
    request: Request,
    webhook_id: Annotated[str, WEBHOOK.path()],
    caller: Reader,
    window: Annotated[Window, pages("webhook_deliveries")],
    state: Annotated[
        Literal["pending", "delivered", "failed", "cancelled"] | None,
        Query(
            description="Only those.",
            json_schema_extra={"type": "string", "enum": ["pending", "delivered", "failed", "cancelled"]},
        ),
    ] = None,
) -> DeliveryPage:
    """What was sent in the last 30 days, or is to be sent, newest first."""
    states = None if state is None else [state]
    number, database = WEBHOOK.parse(webhook_id), context_of(request).database
    rows: Sequence[DeliveryRow] = await webhooks.deliveries(
        database, caller.workspace_id, NATIVE.dialect, number, window.position, states, window.fetch
    )
    shown, cursor = window.shown(rows, lambda row: row.id)
    return DeliveryPage(items=[_delivery(row) for row in shown], next_cursor=cursor)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    operation_id="resend_webhook_delivery",
    summary="Send a delivery again",
    status_code=202,
    responses=answers(NOT_FOUND, NO_DELIVERY, DISABLED),
)
async def resend_webhook_delivery(
    request: Request,
    webhook_id: Annotated[str, WEBHOOK.path()],
    delivery_id: Annotated[str, DELIVERY.path()],
    caller: Writer,
) -> Delivery:
    """The same bytes with the same `webhook-id`, as a delivery of its own."""
    context = context_of(request)
    numbers = WEBHOOK.parse(webhook_id), DELIVERY.parse(delivery_id)
    return _delivery(
        await webhooks.resend(context.database, caller.workspace_id, NATIVE.dialect, *numbers, context.clock())
    )


@router.get(
    "/{webhook_id}/attempts",
    operation_id="list_webhook_attempts",
    summary="List attempts",
    responses=answers(NOT_FOUND),
)
async def list_webhook_attempts(
    request: Request,
    webhook_id: Annotated[str, WEBHOOK.path()],
    caller: Reader,
    window: Annotated[Window, pages("webhook_attempts")],
    delivery_id: Annotated[
        str | None,
        Query(
            description="Only those of this delivery.",
            examples=[DELIVERY.show(DELIVERY.example)],
            json_schema_extra={"type": "string", "pattern": DELIVERY.pattern},
        ),
    ] = None,
) -> AttemptPage:
    """The log of the last 30 days, newest first."""
    number = WEBHOOK.parse(webhook_id)
    delivery = None if delivery_id is None else DELIVERY.parse(delivery_id)
    rows: Sequence[AttemptRow] = await webhooks.attempts(
        context_of(request).database,
        caller.workspace_id,
        NATIVE.dialect,
        number,
        window.position,
        delivery,
        window.fetch,
    )
    shown, cursor = window.shown(rows, lambda row: row.id)
    return AttemptPage(items=[_attempt(row) for row in shown], next_cursor=cursor)


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
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=DELIVERY.show(row.id),
        webhook_id=WEBHOOK.show(row.webhook_id),
        key=row.key,
        event=row.name,
        event_ids=[EVENT.show(one) for one in row.event_ids],
        campaign_id=None if row.campaign_id is None else CAMPAIGN.show(row.campaign_id),
        state=row.state,
        attempts=row.attempts,
        next_attempt_at=row.due_at,
        created_at=row.created_at,
        settled_at=row.settled_at,
        last_attempt_at=row.attempted_at,
        status_code=row.status_code,
        error=row.error,
    )


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(
        delivery_id=DELIVERY.show(row.delivery_id),
        number=row.number,
        at=row.at,
        duration_ms=row.duration_ms,
        status_code=row.status_code,
        error=row.error,
        response=None if row.response is None else row.response.decode("utf-8", "replace"),
    )
