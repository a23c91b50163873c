"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a POST that is sent again is not done again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256

import structlog
from fastapi import Request
from starlette.responses import Response

from caesura.domain.errors import Conflict, Invalid, Unavailable
from caesura.domain.secrets import NONCE_BYTES
from caesura.http.authentication import Caller
from caesura.http.context import ApiContext, context_of
from caesura.http.problems import misplaced
from caesura.service import idempotency
from caesura.service.idempotency import Answer

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_LENGTH = 255
# Three tries before the claim of a living request would count as left behind.
RENEW_SECONDS = idempotency.LEASE.total_seconds() / 4

# Nothing was done, and the same request may well succeed later.
_NOT_KEPT = frozenset({403, 429})

ERRORS = (
    Invalid("idempotency_key_reused", "this Idempotency-Key was used with another request"),
    Conflict("idempotency_in_progress", "the first request with this Idempotency-Key is still being answered"),
    Conflict("idempotency_unknown", idempotency.UNKNOWN),
)

PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "1 to 255 visible ASCII characters of your choice. For 24 hours, the same request with the same key "
    f"gets the first answer again, with `{REPLAYED}: true`, and nothing is done twice. Answers of 403, 429 and 5xx are "
    "not kept. When the server ends before it has answered, nobody knows whether the request was done: the same key "
    "then gets 409 `idempotency_unknown` for the rest of the 24 hours, and nothing is done. Look, and send what is "
    "missing with a new key.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH, "pattern": "^[!-~]+$"},
    "example": "import-2026-11-21-a",
}


async def once_only(
    request: Request, caller: Caller, content: bytes, respond: Callable[[], Awaitable[Response]]
) -> Response:
    """The answer of `respond`, or the one that this request got before under the same Idempotency-Key.

    `content` stands for the body when requests are compared. Without the header, it only calls `respond`.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return await respond()
    if not 0 < len(key) <= KEY_LENGTH or not all("!" <= character <= "~" for character in key):
        raise misplaced("header", HEADER, "invalid_value", f"This must be 1 to {KEY_LENGTH} visible ASCII characters.")
    context, claimed_at = context_of(request), context_of(request).clock()
    kept = await idempotency.claim(
        context.database, context.secrets, caller.workspace_id, key, _digest(request, caller, content), claimed_at
    )
    if kept is not None:
        return Response(kept.body, kept.status, {**kept.headers, REPLAYED: "true"})
    try:
        async with _renewing(context, caller.workspace_id, key, claimed_at):
            response = await respond()
    except Exception:
        await idempotency.release(context.database, caller.workspace_id, key, claimed_at)
        raise
    body = getattr(response, "body", None)
    if response.status_code >= 500 or response.status_code in _NOT_KEPT or not isinstance(body, bytes):
        await idempotency.release(context.database, caller.workspace_id, key, claimed_at)
        return response
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    answer, nonce = Answer(response.status_code, headers, body), context.entropy(NONCE_BYTES)
    try:
        await idempotency.finish(context.database, context.secrets, caller.workspace_id, key, claimed_at, answer, nonce)
    except Unavailable as error:
        # It is done: told an error now, the client would do it again.
        log.warning("idempotent_answer_not_kept", code=error.code, detail=error.detail)
    return response


@asynccontextmanager
async def _renewing(context: ApiContext, workspace_id: int, key: str, claimed_at: datetime) -> AsyncIterator[None]:
    """Keeps the claim alive in the block."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await idempotency.renew(context.database, workspace_id, key, claimed_at, context.clock())
            except Unavailable as error:
                log.warning("idempotency_claim_not_renewed", code=error.code, detail=error.detail)

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()


def _digest(request: Request, caller: Caller, content: bytes) -> bytes:
    """The key is part of it: an answer is replayed only to who may have it."""
    scope = request.scope
    target = f"{caller.key_id} {scope['method']} {scope['path']}?".encode() + scope["query_string"]
    return sha256(sha256(target).digest() + content).digest()
