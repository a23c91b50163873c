"""How large a request may be, and how many a key may send."""

import math
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from caesura.domain.errors import Invalid

# Keys that have not asked for a while are forgotten when there are more than these.
_MAXIMUM_KEYS = 10_000


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


@dataclass(frozen=True, slots=True)
class Quota:
    """Where a key stands after a request. `reset` and `retry_after` are seconds; the latter is 0 when it may pass."""

    limit: int
    remaining: int
    reset: int
    retry_after: float

    def headers(self) -> dict[str, str]:
        """The RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-03)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class Limiter:
    """A steady pace per key, with room for a burst: GCRA, in the memory of this process.

    A key may send `burst` requests at once, and `rate` a second for ever.
    """

    def __init__(self, rate: float = 1_000.0, burst: int = 2_000) -> None:
        self._gap = 1.0 / rate
        self._burst = burst
        self._arrivals: dict[int, float] = {}

    def take(self, key_id: int, now: float) -> Quota:
        """Counts one request of the key at `now` (seconds, from any origin), unless it must wait."""
        if len(self._arrivals) > _MAXIMUM_KEYS:
            self._arrivals = {key: arrival for key, arrival in self._arrivals.items() if arrival > now}
        arrival = max(self._arrivals.get(key_id, now), now)
        # A clock that was set back must not lock a key out for longer than a full burst takes.
        arrival = min(arrival, now + self._gap * self._burst)
        free = (now + self._gap * self._burst - arrival) / self._gap
        passes = free >= 1 - 1e-6
        if passes:
            arrival += self._gap
            free -= 1
        self._arrivals[key_id] = arrival
        return Quota(
            limit=self._burst,
            remaining=max(0, math.floor(free + 1e-6)),
            reset=math.ceil(arrival - now),
            retry_after=0.0 if passes else (1 - free) * self._gap,
        )
