"""API keys of this door."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from caesura.domain.api_key import ENTROPY_BYTES, UNMETERED
from caesura.domain.errors import Forbidden, Invalid, NotFound
from caesura.domain.numbered_page import Place
from caesura.http.authentication import Caller
from caesura.http.door import Call, Refusal, Support
from caesura.http.leadlex.door import ADMINISTER_KEYS, LEADLEX, data, moment, number, page, place, shown, wrong
from caesura.http.leadlex.values import required_text, text, texts
from caesura.service import keys, numbered_pages
from caesura.service.keys import NewKey
from caesura.store.keys import KeyRow

NAME_LENGTH = 120
PREFIX_LENGTH = 8
# The vendor's tier, and our plan: None has the limits of a usual key.
_PLANS: Mapping[str, str | None] = {"standard": None, "high": "high", "unmetered": UNMETERED}
_GIVEN = ("name", "permissions", "rate_limit_tier", "expires_at", "id", "key")
_ALL_KEYS = Place(1, 1_000)


def _view(row: KeyRow) -> dict[str, Any]:
    kept: Mapping[str, Any] = row.extra.get("leadlex", {})
    return {
        **kept,
        "id": shown("key", row.id),
        "name": row.label,
        "description": kept.get("description"),
        "prefix": f"{LEADLEX.form.lead_in}{row.prefix}"[:PREFIX_LENGTH],
        "permissions": list(row.scopes),
        "rate_limit_tier": row.plan if row.plan in _PLANS else "standard",
        "created_by": None,
        "created_at": moment(row.created_at),
        "last_used_at": moment(row.last_used_at),
        "expires_at": moment(row.expires_at),
        "revoked_at": moment(row.revoked_at),
    }


@LEADLEX.on("GET", "/v1/api-keys", ADMINISTER_KEYS, support=Support.PART, note="created_by is null")
async def list_api_keys(call: Call) -> Response:
    """Newest first; revoked ones only with include_revoked."""
    wanted = place(call, 25)
    with_revoked = (call.query("include_revoked") or "").lower() in ("true", "1")
    answer = await numbered_pages.of_keys(*call.key, LEADLEX.name, with_revoked, call.query("search"), wanted)
    return page(call, "api_keys", [_view(row) for row in answer.rows], wanted, answer.total)


@LEADLEX.on(
    "POST",
    "/v1/api-keys",
    ADMINISTER_KEYS,
    idempotent=True,
    support=Support.PART,
    note="no key gives a permission that it has not, or makes one that outlives it",
)
async def create_api_key(call: Call) -> Response:
    """With the key itself, which is shown here and never again."""
    body = call.fields()
    name, permissions = required_text(body, "name", NAME_LENGTH), texts(body, "permissions")
    if not permissions:
        raise wrong("permissions", "needs at least one")
    tier = text(body, "rate_limit_tier") or "standard"
    if tier not in _PLANS:
        raise wrong("rate_limit_tier", f"must be one of {', '.join(_PLANS)}")
    if not _may_give(call.caller, _PLANS[tier]):
        raise Refusal(403, "insufficient_permissions", f"This key cannot give the rate limit tier {tier}")
    text(body, "description", 10_000)
    kept = {key: value for key, value in body.items() if key not in _GIVEN}
    plan = _PLANS[tier] or (call.caller.plan if call.caller.plan not in _PLANS else None)
    new = NewKey(LEADLEX.form, permissions, name, _expiry(body), plan=plan, extra={"leadlex": kept})
    context = call.context
    try:
        issued = await keys.create(
            context.database,
            call.workspace_id,
            new,
            _held(call.caller.scopes),
            call.caller.expires_at,
            context.secrets.pepper,
            context.entropy(ENTROPY_BYTES),
            call.caller.actor,
            call.now,
        )
    except Forbidden as error:
        raise Refusal(403, "insufficient_permissions", error.detail) from error
    except Invalid as error:
        if error.code != "unknown_scope":
            raise
        raise wrong("permissions", f"has a word that is none: {error.detail}") from error
    return data(call, {"api_key": {**_view(issued.row), "key": issued.text}, "key": issued.text}, 201)


@LEADLEX.on("DELETE", "/v1/api-keys/{key_id}", ADMINISTER_KEYS, idempotent=True)
async def delete_api_key(call: Call) -> Response:
    """Revoked for good; not the last key that may do this."""
    absent = NotFound("key_not_found", "No API key with this ID")
    row = await keys.get(*call.key, number("key", call.path("key_id"), absent))
    if row.dialect != LEADLEX.name:
        raise absent
    if row.id == call.caller.key_id and not await _others_administer(call):
        raise Refusal(403, "insufficient_permissions", "This is the last active key that may administer keys")
    await keys.revoke(*call.key, row.id, call.caller.actor, call.now)
    return call.empty(204)


async def _others_administer(call: Call) -> bool:
    answer = await numbered_pages.of_keys(*call.key, LEADLEX.name, False, None, _ALL_KEYS)
    return any(
        LEADLEX.allows(row.scopes, ADMINISTER_KEYS) and row.id != call.caller.key_id
        for row in answer.rows
        if row.expires_at is None or row.expires_at > call.now
    )


def _may_give(caller: Caller, plan: str | None) -> bool:
    """Nobody gives a pace that they have not; the usual tier is the caller's own plan, where that is slower."""
    if plan is None or caller.plan in (plan, UNMETERED):
        return True
    usual = caller.plan in (None, next(iter(LEADLEX.form.plans)))
    return usual and (plan != UNMETERED or "*" in caller.scopes)


def _held(scopes: Collection[str]) -> Collection[str]:
    """Every word for what a key may do."""
    return (*scopes, *(word for word in LEADLEX.form.permissions if ":" in word and LEADLEX.allows(scopes, word)))


def _expiry(body: Mapping[str, Any]) -> datetime | None:
    given = text(body, "expires_at")
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise wrong("expires_at", "must be an ISO 8601 time") from error
