"""What the Woodpecker door does for all its operations: its key, its ids, its shapes of errors."""

import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi import Request
from starlette.responses import Response

from caesura.domain.errors import (
    CaesuraError,
    Conflict,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    Unauthenticated,
)
from caesura.http.context import context_of
from caesura.http.door import Call, Door, Operation, Refusal, as_json
from caesura.http.key_forms import KEY_FORMS
from caesura.http.turns import Turns, turn

V1 = "/v1"
TURNS = Turns(active=1, queued=6, wait=15.0)
"""The vendor's limit: it counts calls under way in an account, not calls in a time."""
MAXIMUM_ID = 2**63 - 1

# What the vendor calls the fields that our pointers name.
_FIELDS: Mapping[str, str] = {
    "address": "email",
    "html": "message",
    "page_size": "per_page",
    "text": "message",
    "url": "target_url",
    "variants": "versions",
    "zone": "timezone",
}

# A code in capitals is the vendor's own, and has the shape of errors with a code.
_OWN_CODE = re.compile(r"[A-Z][A-Z0-9_]*")
_ID = re.compile(r"\d{1,19}", re.ASCII)

_TITLES: Mapping[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    429: "Too Many Requests",
}
_V1_CODES: Mapping[int, str] = {
    401: "E_SESSION",
    403: "E_NO_PERMISSION",
    404: "E_RECORD_NOT_FOUND",
    405: "E_URL_NOT_FOUND",
    429: "E_TOO_MANY_REQUESTS",
    500: "E_UNKNOWN",
}
# The thing that is missing, by our code for it: (code, message).
_MISSING: Mapping[str, tuple[str, str]] = {
    "campaign_not_found": ("CAMPAIGN_NOT_EXIST", "Campaign not found"),
    "lead_not_found": ("PROSPECT_NOT_EXIST", "Prospect not found"),
    "mailbox_not_found": ("MAILBOX_NOT_EXIST", "Mailbox not found"),
    "inbound_not_found": ("MESSAGE_NOT_EXIST", "Message not found"),
}


class WoodpeckerDoor(Door):
    """As `Door` says. Which shape an error has goes by the version in the path, its status and its code."""

    def presented(self, request: Request) -> str:
        """The header x-api-key; older clients give the key as the name of HTTP Basic."""
        presented = request.headers.get("x-api-key", "").strip(" ") or _basic(request.headers.get("authorization", ""))
        if not presented:
            raise Unauthenticated("key_missing", "Invalid api key")
        return presented

    def campaign(self, text: str) -> int:
        """A whole number."""
        return identifier(text, "campaign_id")

    async def respond(self, call: Call) -> Response:
        """In its turn among the calls of the workspace; it may have waited, so it has another now."""
        async with turn(call.context.database, call.context.clock, call.workspace_id, self.name, TURNS):
            call.now = call.context.clock()
            return await super().respond(call)

    def refusal(self, error: Exception, operation: Operation | None) -> Refusal:
        """Codes in capitals are the vendor's; an empty one stands for none."""
        match error:
            case Unauthenticated():
                return Refusal(401, "", "Invalid api key")
            case Forbidden():
                return Refusal(403, "", _sentence(error.detail))
            case NotFound():
                return Refusal(404, *_MISSING.get(error.code, (error.code.upper(), _sentence(error.detail))))
            case LimitReached():
                headers = {"Retry-After": str(max(1, round(error.retry_after or 1)))}
                return Refusal(429, "", "Too many requests. Please try again later.", headers=headers)
            case Conflict():
                return Refusal(409, error.code.upper(), _sentence(error.detail))
            case Invalid(code="body_too_large"):
                return Refusal(413, "", _sentence(error.detail))
            case Invalid():
                return Refusal(400, "", _faults(error))
            case _:
                return Refusal(500, "UNKNOWN", f"Unknown error during {_called(operation)} call")

    def render(self, refusal: Refusal, request: Request, operation: Operation | None) -> Response:
        """One of the four shapes."""
        status, message = refusal.status, refusal.message
        is_first = (operation.path if operation else request.url.path.removeprefix(self.prefix)).startswith(f"{V1}/")
        is_own = _OWN_CODE.fullmatch(refusal.code) is not None
        if is_first:
            code = refusal.code if refusal.code.startswith("E_") else _V1_CODES.get(status, "E_WRONG_PARAM")
            code = "E_URL_NOT_FOUND" if refusal.code == "route_not_found" else code
            return as_json({"status": {"status": "ERROR", "code": code, "msg": message}}, status)
        if status >= 500:
            return as_json({"type": "UNKNOWN", "message": message, "details": refusal.details}, status)
        if is_own:
            return as_json({"code": refusal.code, "message": message, "details": refusal.details}, status)
        told = {"title": _TITLES.get(status, "Error"), "status": status, "detail": message}
        return as_json({**told, "timestamp": moment(context_of(request).clock())}, status)

    def unsupported(self, what: str) -> Refusal:
        """409, which the vendor answers for what its API does not support."""
        return Refusal(409, "", f"This is not supported here: {what}.")


WOODPECKER = WoodpeckerDoor("woodpecker", "/woodpecker/rest", KEY_FORMS["woodpecker"])
"""The door; the modules beside this one put the operations in."""


def _basic(header: str) -> str:
    """The name in `Authorization: Basic`; what stands behind a colon, in it or after it, does not matter."""
    scheme, _, word = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(word.partition(":")[0], validate=True).decode("ascii").partition(":")[0]
    except ValueError:
        return ""


def identifier(text: str, name: str) -> int:
    """The number that a path or a parameter `name` gives. Raises a Refusal where it is none."""
    number = int(text) if _ID.fullmatch(text) is not None else MAXIMUM_ID + 1
    if number > MAXIMUM_ID:
        raise Refusal(400, "", f"Value of {name} is incorrect.")
    return number


def moment(at: datetime) -> str:
    """A time as YYYY-MM-DD HH:MM:SS in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def instant(at: datetime) -> str:
    """The same for a thing, not an error: 2016-08-14T02:08:58+0000."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _called(operation: Operation | None) -> str:
    """An operation in words: its function's name."""
    return getattr(operation.handler, "__name__", "this").replace("_", " ") if operation else "this"


def _faults(error: CaesuraError) -> str:
    problems = error.problems
    if not problems:
        return _sentence(error.detail)
    places = [f"Value of {_field(one.pointer)} is incorrect. " if one.pointer else "" for one in problems]
    return " ".join(place + _sentence(one.detail) for place, one in zip(places, problems, strict=True))


def _field(pointer: str) -> str:
    """The vendor's name of a place, or of the part of ours that was made out of it."""
    parts = [part for part in pointer.split("/") if part and not part.isdecimal()]
    return _FIELDS.get(parts[-1], parts[-1]) if parts else "the body"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text[:1].upper()}{text[1:]}."
