"""What the Leadterra door does for all its operations: its key, its ids, its errors, its times."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from starlette.responses import Response

from caesura.domain.errors import (
    CaesuraError,
    Conflict,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    Problem,
    Unauthenticated,
    Unavailable,
)
from caesura.domain.extra import extra_problem
from caesura.http.door import Call, Door, Operation, Refusal, as_json, bearer
from caesura.http.key_forms import KEY_FORMS

CAMPAIGN, POOL, ACCOUNT, REPLY, WEBHOOK = "camp", "pool", "sa", "rpl", "wh"
MAXIMUM_ID = 2**63 - 1
INVALID = "invalid_request"

_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_STEP = re.compile(r"/steps/([0-9]+)/(?:variants/[0-9]+/)?(\w+)", re.ASCII)
_STEP_FIELDS: Mapping[str, str] = {"html": "bodyHtml", "delay": "delayDays"}
# Our codes for what the vendor has a code or another word for.
_CODES: Mapping[str, str] = {"inbound_not_found": "reply_not_found", "inbound_assigned": "already_forwarded"}


class LeadterraDoor(Door):
    """As `Door` says. Success has no envelope; an error is `{"error": {"code", "message"}}`, with more beside it where
    the vendor has more to say (`errors`, `icpFailed`).
    """

    def presented(self, request: Request) -> str:
        """The key in `Authorization: Bearer`."""
        return bearer(request, "sk_live_YOUR_KEY")

    def campaign(self, text: str) -> int:
        """The number in `camp_123`. Whatever is no id of a campaign names none: NotFound."""
        return number(CAMPAIGN, text, no_campaign())

    def refusal(self, error: Exception, operation: Operation | None) -> Refusal:
        """Codes are the vendor's where it has one."""
        match error:
            case Unauthenticated():
                return Refusal(401, "authentication_failed", sentence(error.detail))
            case Forbidden():
                return Refusal(403, "permission_denied", sentence(error.detail))
            case NotFound(code="campaign_not_found"):
                # The same words for what is not there and what the key may not see.
                return Refusal(404, error.code, "No campaign with the given id exists in your workspace.")
            case NotFound() | Conflict():
                status = 404 if isinstance(error, NotFound) else 409
                return Refusal(status, _CODES.get(error.code, error.code), sentence(error.detail))
            case LimitReached():
                headers = {"Retry-After": str(max(1, round(error.retry_after or 1)))}
                return Refusal(429, "rate_limited", sentence(error.detail), headers=headers)
            case Invalid(code="body_too_large"):
                return Refusal(413, INVALID, sentence(error.detail))
            case Invalid():
                return Refusal(400, INVALID, _told(error))
            case Unavailable():
                return Refusal(503, "service_unavailable", sentence(error.detail))
            case _:
                return Refusal(500, "internal_error", "Something went wrong on our side.")

    def render(self, refusal: Refusal, request: Request, operation: Operation | None) -> Response:
        """The details stand beside the error."""
        more = refusal.details if isinstance(refusal.details, Mapping) else {}
        return as_json({"error": {"code": refusal.code, "message": refusal.message}, **more}, refusal.status)

    def unsupported(self, what: str) -> Refusal:
        """400, which no client tries again."""
        return Refusal(400, "not_supported", f"This is not supported here: {what}.")


LEADTERRA = LeadterraDoor("leadterra", "/leadterra", KEY_FORMS["leadterra"])
"""The door; the modules beside this one put the operations in."""


def no_campaign() -> NotFound:
    """That there is no such campaign."""
    return NotFound("campaign_not_found", "there is no such campaign")


def number(prefix: str, text: str, otherwise: Exception) -> int:
    """Our number in an id such as `camp_123`. Raises `otherwise` where it is none."""
    lead_in, _, digits = text.partition("_")
    if lead_in != prefix or _NUMBER.fullmatch(digits) is None or int(digits) > MAXIMUM_ID:
        raise otherwise
    return int(digits)


def shown(prefix: str, number_: int) -> str:
    """The id of one of ours on the wire."""
    return f"{prefix}_{number_}"


def bare(call: Call) -> None:
    """Refuses what an operation without body and parameters was given: an empty object is nothing. Raises Invalid."""
    if call.content is not None and call.content != {}:
        raise wrong("", "this endpoint accepts no request body")
    if call.request.query_params:
        raise wrong("", "this endpoint accepts no query parameters")


def wrong(pointer: str, what: str) -> Invalid:
    """A fault at one place of the body: `invalid_request`."""
    return Invalid.of(Problem("invalid_value", what, pointer))


def required(fields: Mapping[str, Any], name: str, kind: type, called: str) -> Any:
    """A field of the body of this type. Raises Invalid where it is missing or of another."""
    if fields.get(name) is None:
        raise wrong(f"/{name}", f"{name} is required")
    return optional(fields, name, kind, called)


def optional(fields: Mapping[str, Any], name: str, kind: type, called: str) -> Any:
    """The same for a field that may be missing, or null: None then."""
    value = fields.get(name)
    if value is not None and type(value) is not kind:
        raise wrong(f"/{name}", f"{name} must be {called}")
    return value


def kept(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a client has given, to be kept beside what we make of it; not, if it is more than can be kept."""
    found = {LEADTERRA.name: dict(given)} if given else {}
    return found if extra_problem(found, "") is None else {}


def moment(at: datetime | None) -> str | None:
    """A time as 2025-01-15T14:22:00Z."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sentence(text: str) -> str:
    """A message of ours as a sentence; a field's name that it begins with (`sequenceSteps`) stays as it is."""
    told = f"{text[:1].upper()}{text[1:]}" if text.partition(" ")[0].islower() else text
    return told if told.endswith(".") else f"{told}."


def _told(error: CaesuraError) -> str:
    """Every fault, with its place where the detail alone would not tell."""
    faults = [(_pointer(one.pointer or ""), one.detail) for one in error.problems] or [("", error.detail)]
    return " ".join(
        sentence(f"{pointer}: {detail}" if pointer.count("/") > 1 else detail) for pointer, detail in faults
    )


def _pointer(ours: str) -> str:
    """The place in the vendor's body of a fault in a step of ours."""
    found = _STEP.fullmatch(ours)
    return f"/sequenceSteps/{found[1]}/{_STEP_FIELDS.get(found[2], found[2])}" if found else ours
