"""What may be sent to a webhook now: in order where it matters, without one that fails keeping the others for ever."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2s

FIRST_ATTEMPTS = 2
"""A delivery keeps its place in the order until so many attempts have failed; the others do not wait for the rest."""

LONGEST_WAIT = timedelta(days=1)
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery in its first attempts. `campaign_id` None: about no campaign; `enrollment_id` None: about no lead."""

    id: int
    campaign_id: int | None
    enrollment_id: int | None
    due_at: datetime


def ready(waiting: Iterable[Waiting], now: datetime) -> list[int]:
    """The ids of those that are due and need not wait for another, out of one webhook's in the order of their ids.

    What is about a lead waits for what was before about that lead. What is about a campaign as a whole waits for all
    that was before of that campaign, and all that comes after waits for it. Nothing else waits.
    """
    found: list[int] = []
    campaigns: set[int] = set()
    whole: set[int] = set()
    leads: set[int] = set()
    for one in waiting:
        must_wait = one.campaign_id is not None and (
            one.campaign_id in whole or (one.campaign_id in campaigns and one.enrollment_id is None)
        )
        if one.due_at <= now and not must_wait and one.enrollment_id not in leads:
            found.append(one.id)
        if one.enrollment_id is not None:
            leads.add(one.enrollment_id)
        if one.campaign_id is not None:
            campaigns.add(one.campaign_id)
            if one.enrollment_id is None:
                whole.add(one.campaign_id)
    return found


def next_attempt(
    retries: Sequence[float], delivery_id: int, failed: int, asked: float | None, now: datetime
) -> datetime | None:
    """When to try again after `failed` attempts, or None when that was the last one.

    `retries` are the seconds of the plan; up to a tenth is added, by a hash, so that those which failed together do not
    come together. `asked` are the receiver's own seconds (Retry-After), which may make it later, by a day at most.
    """
    if failed > len(retries):
        return None
    draw = blake2s(f"{delivery_id}:{failed}".encode(), digest_size=4).digest()
    planned = retries[failed - 1] * (1 + _JITTER * int.from_bytes(draw, "big") / 2**32)
    wait = timedelta(seconds=planned)
    return now + (max(wait, timedelta(seconds=min(asked, LONGEST_WAIT.total_seconds()))) if asked else wait)
