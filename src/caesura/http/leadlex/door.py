"""What the LeadLex door does for all its operations: its key, permissions, ids, envelopes, errors and pages."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from starlette.responses import Response

from caesura.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    Problem,
    Unauthenticated,
    Unavailable,
)
from caesura.domain.numbered_page import Place
from caesura.http.door import Call, Door, Operation, Refusal, as_json, bearer
from caesura.http.key_forms import KEY_FORMS
from caesura.http.limits import x_rate_limit_fields
from caesura.http.opaque_ids import number_of_uuid, uuid_of
from caesura.service.rate_limits import Standing

EXAMPLE_KEY = "wbk_your_api_key_here"
ADMINISTER_KEYS = "admin:api_keys"
LEXI = "lexi"
_VERBS = ("read", "write")
_STEP = re.compile(r"/steps/[0-9]+/(?:variants/[0-9]+/)?(\w+)", re.ASCII)

# One page of the vendor's, on starting, has an older word for it than all others.
_MISSING_BY_PATH: Mapping[tuple[str, str], str] = {
    ("/campaigns/{campaign_id}/start", "campaign_not_found"): "not_found"
}
_MISSING: Mapping[str, str] = {
    "campaign_not_found": "campaign_not_found",
    "step_not_found": "step_not_found",
    "enrollment_not_found": "enrollment_not_found",
    "list_not_found": "list_not_found",
    "membership_not_found": "membership_not_found",
    "webhook_not_found": "webhook_not_found",
}
"""What is missing, in the vendor's words; all else is `not_found`."""
_CODES: Mapping[str, tuple[int, str]] = {
    "body_too_large": (413, "payload_too_large"),
    "url_invalid": (400, "invalid_url"),
    "url_not_https": (400, "invalid_url"),
    "url_refused": (400, "invalid_url"),
    "unknown_event": (400, "invalid_events"),
    "events_missing": (400, "invalid_events"),
}


class LeadLexDoor(Door):
    """As `Door` says. All that is answered is `{"data", "meta"?}` or `{"error": {"code", "message", "details"?}}`."""

    def presented(self, request: Request) -> str:
        """The key in `Authorization: Bearer`."""
        return bearer(request, EXAMPLE_KEY)

    def campaign(self, text: str) -> int:
        """The number behind a UUID. Whatever is no id of a campaign names none: NotFound."""
        return number("campaign", text, NotFound("campaign_not_found", "No campaign with this ID"))

    def allows(self, held: Collection[str], needed: str) -> bool:
        """A permission of any of the vendor's three styles: `campaigns:write`, `write:campaigns`, `write`."""
        if super().allows(held, needed):
            return True
        if needed == LEXI:
            return "write:ai" in held
        resource, verb = _parts(needed)
        same = {f"{resource}:{verb}", f"{verb}:{resource}"}
        if verb in _VERBS:
            same |= {verb, f"admin:{resource}"}
        return not same.isdisjoint(held)

    def refusal(self, error: Exception, operation: Operation | None) -> Refusal:
        """Codes are the vendor's where it has one."""
        match error:
            case Unauthenticated():
                return Refusal(401, "invalid_key", "Invalid or expired API key")
            case Forbidden():
                needed = f": missing {operation.permission} permission" if operation else ""
                return Refusal(403, "insufficient_permissions", f"Insufficient permissions{needed}")
            case NotFound():
                path = operation.path.removeprefix("/v1") if operation else ""
                code = _MISSING_BY_PATH.get((path, error.code), _MISSING.get(error.code, "not_found"))
                # The same words for what is not there and what the key may not see.
                message = "No campaign with this ID" if error.code == "campaign_not_found" else sentence(error.detail)
                return Refusal(404, code, message)
            case LimitReached():
                headers = {"Retry-After": str(max(1, round(error.retry_after or 1)))}
                return Refusal(429, "rate_limited", "Rate limit exceeded", headers=headers)
            case Conflict():
                return Refusal(409, error.code, sentence(error.detail))
            case Invalid():
                status, code = _CODES.get(error.code, (400, "validation_error"))
                return Refusal(status, code, sentence(error.detail), _fields(error.problems))
            case Unavailable():
                return Refusal(503, "service_unavailable", sentence(error.detail))
            case _:
                return Refusal(500, "internal_error", "Something went wrong on our side")

    def render(self, refusal: Refusal, request: Request, operation: Operation | None) -> Response:
        """`details` only where there is something to say."""
        code = "not_found" if refusal.code == "route_not_found" else refusal.code
        told: dict[str, Any] = {"code": code, "message": refusal.message}
        if refusal.details:
            told["details"] = refusal.details
        return as_json({"error": told}, refusal.status)

    def unsupported(self, what: str) -> Refusal:
        """400, which no client tries again."""
        return Refusal(400, "not_supported", f"This is not supported here: {what}")

    def standing(self, standing: Standing) -> dict[str, str]:
        """X-RateLimit-*; the reset is in seconds since 1970."""
        return x_rate_limit_fields(standing)


LEADLEX = LeadLexDoor("leadlex", "/leadlex/functions/v1/api-gateway", KEY_FORMS["leadlex"])
"""The door; the modules beside this one put the operations in."""


def _parts(permission: str) -> tuple[str, str]:
    """Resource and verb, in whichever order they are."""
    first, _, second = permission.partition(":")
    return (second, first) if first in (*_VERBS, "admin") else (first, second)


def number(kind: str, text: object, otherwise: Exception) -> int:
    """Our number behind an id of a kind. Raises `otherwise` where it is none."""
    found = number_of_uuid(kind, text) if isinstance(text, str) else None
    if found is None:
        raise otherwise
    return found


def data(call: Call, value: Mapping[str, Any], status: int = 200) -> Response:
    """`value` in the envelope."""
    return call.answer({"data": value}, status)


def page(call: Call, name: str, rows: Sequence[Any], place: Place, total: int) -> Response:
    """A page of a list called `name`, in the envelope with its `meta`."""
    meta = {"page": place.number, "per_page": place.size, "total": total}
    return call.answer({"data": {name: list(rows)}, "meta": meta})


def place(call: Call, size: int = 50, maximum: int = 100) -> Place:
    """The page that a request asks for. Raises Invalid for what is no page; more than `maximum` rows are `maximum`."""
    wanted = Place(_whole(call, "page", 1), min(_whole(call, "per_page", size), maximum))
    if wanted.size < 1:
        raise wrong("per_page", "must be at least 1")
    wanted.check()
    return wanted


def _whole(call: Call, name: str, otherwise: int) -> int:
    text = call.query(name)
    if text is None or text == "":
        return otherwise
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise wrong(name, "must be a whole number")
    return int(text)


def wrong(field: str, what: str) -> Invalid:
    """A fault in one field: `validation_error`."""
    return Invalid.of(Problem("invalid_value", f"{field} {what}", f"/{field}"))


def moment(at: datetime | None) -> str | None:
    """A time as 2026-04-17T14:30:00Z."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sentence(text: str) -> str:
    """A message of ours with a capital, as the vendor's are; a field's name (`delay_hours`) stays as it is."""
    return text if "_" in text.partition(" ")[0] else f"{text[:1].upper()}{text[1:]}"


def shown(kind: str, number_: int | None) -> str | None:
    """The id of one of ours on the wire."""
    return None if number_ is None else uuid_of(kind, number_)


def _fields(problems: Sequence[Problem]) -> Mapping[str, Any] | None:
    """`{"fields": {"name": "Must be unique"}}`."""
    fields = {_field(one.pointer): sentence(one.detail) for one in problems if one.pointer}
    return {"fields": fields} if fields else None


def _field(pointer: str) -> str:
    """The vendor's name for a place in the body, or in a step of ours that was made out of it."""
    found = _STEP.fullmatch(pointer)
    if found is None:
        *above, last = pointer.strip("/").split("/")
        return ".".join([*above, "email" if last == "address" else last])
    return "body" if found[1] in ("html", "text") else found[1]
