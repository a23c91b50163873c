"""How large a request may be, and how many a key may send."""

from collections.abc import Sequence

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from caesura.domain.api_key import Allowance
from caesura.domain.errors import Invalid, LimitReached
from caesura.http.authentication import Caller
from caesura.http.context import context_of
from caesura.service import rate_limits
from caesura.service.rate_limits import Standing


def bounded(receive: Receive, headers: Headers, limit: int) -> Receive:
    """`receive`, which raises Invalid `body_too_large` instead of reading more than `limit` bytes of a body.

    A body that declares its length is refused before anything of it is read.
    """
    declared = headers.get("content-length", "")
    too_large = Invalid("body_too_large", f"the body may have {limit} bytes at most")
    read = 0

    async def receive_bounded() -> Message:
        nonlocal read
        if declared.isdecimal() and int(declared[:20]) > limit:
            raise too_large
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise too_large
        return message

    return receive_bounded


async def paced(request: Request, caller: Caller, allowances: Sequence[Allowance]) -> Standing | None:
    """Counts the request, whatever workspace it is for; where its key stands, None without a limit.

    Raises LimitReached `rate_limited`.
    """
    context = context_of(request)
    standing = await rate_limits.take(context.database, caller.home_id, caller.key_id, allowances, context.clock())
    if standing is not None and standing.retry_after:
        raise RateLimited(standing)
    return standing


class RateLimited(LimitReached):
    """A key has used up one of its limits; `standing` says which, and until when."""

    def __init__(self, standing: Standing) -> None:
        super().__init__("rate_limited", "this key asks faster than it may", float(standing.retry_after))
        self.standing = standing


def rate_limit_fields(standing: Standing) -> dict[str, str]:
    """The RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-03)."""
    return {
        "RateLimit-Limit": str(standing.limit),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(standing.resets_in),
    }


def x_rate_limit_fields(standing: Standing) -> dict[str, str]:
    """The older header fields, whose reset is a moment in seconds since 1970."""
    return {
        "X-RateLimit-Limit": str(standing.limit),
        "X-RateLimit-Remaining": str(standing.remaining),
        "X-RateLimit-Reset": str(standing.resets_at),
    }
