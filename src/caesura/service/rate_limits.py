"""How often a key may ask: counted in the database, so that it holds over all processes that answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from caesura.domain.api_key import Allowance
from caesura.store import rate_limits as store
from caesura.store.database import Database

# By so many seconds, or one window, the clocks of two processes may differ and still count together.
_CLOCKS_APART = 300


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands after a request: in its first limit, or in the one that refused it.

    `resets_at` is when that window ends, in seconds since 1970; `retry_after` seconds from now, 0 when it may pass.
    """

    limit: int
    remaining: int
    resets_at: int
    resets_in: int
    retry_after: int


async def take(
    database: Database, workspace_id: int, key_id: int, allowances: Sequence[Allowance], now: datetime
) -> Standing | None:
    """Counts one request of a key against all its limits, unless one of them refuses it; None where it has none."""
    if not allowances:
        return None
    seconds = now.timestamp()
    windows = [
        (one.name, int(seconds // one.seconds), one.requests, max(1, _CLOCKS_APART // one.seconds))
        for one in allowances
    ]
    async with database.connection() as connection:
        used = await store.take(connection, workspace_id, key_id, windows)
        refusing = [one for one in allowances if used[one.name] > one.requests]
        if refusing:
            passed = [one.name for one in allowances if one not in refusing]
            await store.give_back(connection, workspace_id, key_id, passed)
    # Of several that refuse, the one that ends last is what must be waited for.
    shown = max(refusing, key=lambda one: one.seconds) if refusing else allowances[0]
    ends = (int(seconds // shown.seconds) + 1) * shown.seconds
    wait = max(1, math.ceil(ends - seconds))
    return Standing(shown.requests, max(0, shown.requests - used[shown.name]), ends, wait, wait if refusing else 0)
