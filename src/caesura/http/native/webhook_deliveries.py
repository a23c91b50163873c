"""Deliveries of a webhook: `/api/v1/webhooks/{webhook_id}/deliveries`, its attempts, tests and replays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from caesura.domain.definition_types import Definition, Instant
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.validation import fault
from caesura.http.context import context_of
from caesura.http.native.identifiers import CAMPAIGN, DELIVERY, EVENT, WEBHOOK
from caesura.http.native.route import NativeRoute
from caesura.http.native.webhook_form import NATIVE, TEST
from caesura.http.native.webhooks import NOT_FOUND, Reader, Writer
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import webhook_delivery, webhooks
from caesura.store.webhooks import AttemptRow, DeliveryRow

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=NativeRoute)

NO_DELIVERY = NotFound("delivery_not_found", "there is no such delivery of this webhook")
NO_EVENT = NotFound("event_not_found", "there is no such event in this workspace")
DISABLED = Conflict("webhook_disabled", "this webhook is disabled: enable it first", "disabled", ("enable",))
MAXIMUM_EVENT_IDS = 100


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
    response: str | None = Field(description="The first 2,048 bytes of the answer's body.", examples=["ok"])


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
        Invalid.of(Problem("range_reversed", "this must not be before since", "/until")),
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
