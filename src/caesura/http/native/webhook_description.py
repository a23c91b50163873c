"""The native webhooks in the description of the API: `webhooks` of OpenAPI 3.1, out of the kinds of events."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from caesura.domain.event_kinds import MEANINGS
from caesura.http.native.identifiers import CAMPAIGN, ENROLLMENT, LEAD, MAILBOX, WEBHOOK
from caesura.http.native.webhook_form import TEST

_SCHEMAS = "#/components/schemas/"


class ToldEvent(BaseModel):
    """What a request tells of an event. An id is null where the event is not about one."""

    actor: str = Field(description="Who did it.", examples=["key:2f6kq7xw5mz3ahra"])
    campaign_id: Annotated[str, CAMPAIGN.shown()] | None
    enrollment_id: Annotated[str, ENROLLMENT.shown()] | None
    lead_id: Annotated[str, LEAD.shown()] | None
    mailbox_id: Annotated[str, MAILBOX.shown()] | None
    step: int | None = Field(description="Of the message that it is about.", examples=[2])
    data: dict[str, Any] = Field(description="More, by kind.", examples=[{"cause": "manual"}])


class ToldTest(BaseModel):
    """What a test tells."""

    webhook_id: Annotated[str, WEBHOOK.shown()]


class Told(BaseModel):
    """What every request has."""

    type: str = Field(description="The kind of event.")
    timestamp: datetime = Field(description="When it happened.")


_HEADERS = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string", "examples": [example]},
    }
    for name, description, example in (
        ("webhook-id", "The event's id: the same at each attempt and each replay.", "evt_6"),
        ("webhook-timestamp", "When this attempt was made, in seconds since 1970.", "1772442000"),
        (
            "webhook-signature",
            "By Standard Webhooks 1.0.0: one for each good secret, with spaces between.",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        ),
    )
]
_ANSWERS = {
    "2XX": {"description": "You have it. Anything else, or nothing within 15 seconds, is tried again for three days."},
    "410": {"description": "You want no more: disables the webhook."},
}


def webhook_schemas() -> dict[str, Any]:
    """The schemas that `webhook_operations` refers to, by name."""
    return {model.__name__: _schema(model) for model in (ToldEvent, ToldTest)}


def webhook_operations() -> dict[str, Any]:
    """The `webhooks` of an OpenAPI document: one for each kind of event, and the test."""
    kinds: dict[str, tuple[str, type[BaseModel]]] = {kind: (meaning, ToldEvent) for kind, meaning in MEANINGS.items()}
    kinds[TEST] = ("Somebody asked for a test.", ToldTest)
    return {kind: {"post": _operation(kind, meaning, data)} for kind, (meaning, data) in sorted(kinds.items())}


def _operation(kind: str, meaning: str, data: type[BaseModel]) -> dict[str, Any]:
    schema = _schema(Told)
    schema["title"] = kind
    schema["properties"]["type"] = {"const": kind}
    schema["properties"]["data"] = {"$ref": f"{_SCHEMAS}{data.__name__}"}
    schema["required"] = ["type", "timestamp", "data"]
    del schema["description"]
    return {
        "operationId": f"told_{kind.replace('.', '_')}",
        "summary": kind,
        "description": meaning,
        "tags": ["webhooks"],
        "security": [],
        "parameters": _HEADERS,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": _ANSWERS,
    }


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(ref_template=_SCHEMAS + "{model}", mode="serialization")
