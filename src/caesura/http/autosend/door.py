"""What the AutoSend door does for all its operations: its two kinds of key, its ids, its shape of errors."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.responses import Response

from caesura.domain.errors import (
    CaesuraError,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    Problem,
    Unauthenticated,
)
from caesura.http.authentication import Caller
from caesura.http.autosend.values import number_of
from caesura.http.context import context_of
from caesura.http.door import Door, Operation, Refusal, as_json, bearer
from caesura.http.key_forms import ACCOUNT_FORMS, KEY_FORMS
from caesura.http.limits import x_rate_limit_fields
from caesura.service import keys, workspaces
from caesura.service.rate_limits import Standing

PREFIX = "/autosend/v1"
PROJECT_HEADER = "x-project-id"
ACCOUNT_PATH = "/account/"
SENDERS_PATH = "/senders"
PROJECT_PATH = "/account/projects/{project_id}"

_ACCOUNT = ACCOUNT_FORMS["autosend"]
_EXAMPLE = "AS_..."

# What is missing, by our code for it.
_MISSING: Mapping[str, tuple[str, str]] = {
    "campaign_not_found": ("CAMPAIGN_NOT_FOUND", "Campaign not found"),
    "lead_not_found": ("CONTACT_NOT_FOUND", "Contact not found"),
    "list_not_found": ("CONTACT_LIST_NOT_FOUND", "Contact list not found"),
    "segment_not_found": ("CONTACT_LIST_NOT_FOUND", "Contact list not found"),
    "mailbox_not_found": ("SENDER_NOT_FOUND", "Authenticated sender not found"),
    "template_not_found": ("TEMPLATE_NOT_FOUND", "Template not found"),
    "suppression_group_not_found": ("GROUP_NOT_FOUND", "Group not found"),
    "webhook_not_found": ("WEBHOOK_NOT_FOUND", "Webhook not found"),
    "workspace_not_found": ("NOT_FOUND", "Project not found"),
}
# What the vendor calls the parts of a campaign that our pointers name.
_FIELDS: Mapping[str, str] = {
    "html": "htmlTemplate",
    "pool": "from",
    "zone": "timezone",
    "steps": "htmlTemplate",
    "starts_at": "scheduledAt",
    "from_name": "from.name",
    "reply_to": "replyTo",
}
_GENERAL = frozenset({400, 401, 403, 404, 429})


class AutoSendDoor(Door):
    """As `Door` says. A project key opens its own workspace, an account key the one that `x-project-id` names."""

    def presented(self, request: Request) -> str:
        """`Authorization: Bearer AS_...`, or ASA_ for an account."""
        return bearer(request, _EXAMPLE)

    async def identify(self, request: Request) -> Caller:
        """Whose key it is, and for which workspace it asks."""
        presented = self.presented(request)
        form = _ACCOUNT if presented.startswith(_ACCOUNT.lead_in) else self.form
        context = context_of(request)
        row = await keys.authenticate(context.database, form, presented, context.secrets.pepper, context.clock())
        if row.is_account != (form is _ACCOUNT):
            raise Unauthenticated("key_unknown", "there is no such key here")
        caller = Caller.of(row)
        if not row.is_account or request.url.path.startswith(f"{self.prefix}{ACCOUNT_PATH}"):
            return caller
        named = request.headers.get(PROJECT_HEADER)
        if named is None:
            detail = "An account key needs the header x-project-id."
            raise Invalid.of(Problem("missing_field", detail, f"/{PROJECT_HEADER}"))
        workspace_id = number_of("project", named.strip())
        await workspaces.get(context.database, workspace_id)
        return replace(caller, workspace_id=workspace_id)

    def standing(self, standing: Standing) -> dict[str, str]:
        """The three X-RateLimit headers."""
        return x_rate_limit_fields(standing)

    def campaign(self, text: str) -> int:
        """24 hexadecimal digits."""
        return number_of("campaign", text)

    def refusal(self, error: Exception, operation: Operation | None) -> Refusal:
        """A code and a message of the vendor's where it documents them."""
        match error:
            case Unauthenticated():
                return Refusal(401, "UNAUTHORIZED", "Invalid or expired API key")
            case Forbidden():
                return Refusal(403, "FORBIDDEN", "Insufficient permissions")
            case LimitReached():
                wait = max(1, round(error.retry_after or 1))
                headers = {"Retry-After": str(wait)}
                return Refusal(429, "RATE_LIMIT_EXCEEDED", "Rate limit exceeded", {"retryAfter": wait}, headers)
            case NotFound():
                return Refusal(404, *_MISSING.get(error.code, (error.code.upper(), error.detail)))
            case Invalid(code="body_too_large"):
                return Refusal(413, "PAYLOAD_TOO_LARGE", error.detail)
            case Invalid():
                return Refusal(400, "VALIDATION_FAILED", "Validation failed", _details(error))
            case CaesuraError():
                status = 503 if type(error).__name__ == "Unavailable" else 400
                return Refusal(status, error.code.upper(), error.detail)
            case _:
                return Refusal(500, "SERVER_ERROR", "Something went wrong")

    def render(self, refusal: Refusal, request: Request, operation: Operation | None) -> Response:
        """The envelope; a text for senders and a list for the deletion of a project, as their pages have it."""
        code, details = refusal.code.upper(), refusal.details
        code = "NOT_FOUND" if code == "ROUTE_NOT_FOUND" else code
        shown: Any = {
            "message": refusal.message,
            "code": code,
            "details": details if isinstance(details, list) else [],
            "status": refusal.status,
        }
        answer: dict[str, Any] = {"success": False}
        if isinstance(details, dict):
            shown |= details
            answer |= details
        if operation is not None and refusal.status in _GENERAL - {401, 403, 429}:
            if operation.path.startswith(SENDERS_PATH):
                shown = _told(refusal)
            elif operation.path == PROJECT_PATH:
                shown = [{"message": refusal.message}]
        return as_json({**answer, "error": shown}, refusal.status)

    def unsupported(self, what: str) -> Refusal:
        """400, which the vendor's client does not try again."""
        return Refusal(400, "NOT_SUPPORTED", f"This is not supported here: {what}.")


AUTOSEND = AutoSendDoor("autosend", PREFIX, KEY_FORMS["autosend"])
"""The door; the modules beside this one put the operations in."""


def _told(refusal: Refusal) -> str:
    """A refusal in one text, with what is wrong in each field."""
    if not isinstance(refusal.details, list) or not refusal.details:
        return refusal.message
    return "; ".join(f"{one['field']}: {one['message']}" if one["field"] else one["message"] for one in refusal.details)


def _details(error: CaesuraError) -> list[dict[str, str]]:
    if not error.problems:
        return [{"field": "", "message": error.detail}]
    return [{"field": _field(one.pointer), "message": one.detail} for one in error.problems]


def _field(pointer: str | None) -> str:
    """The vendor's name of the place: that of the last part, for what it has no place of its own."""
    parts = [part for part in (pointer or "").split("/") if part]
    if not parts:
        return ""
    if parts == ["address"]:
        return "email"
    if parts[0] in ("steps", "pool", "zone", "starts_at", "from_name", "reply_to"):
        return _FIELDS.get(parts[-1], parts[-1] if parts[-1].isalpha() else _FIELDS[parts[0]])
    return ".".join(parts)
