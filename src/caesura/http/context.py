"""What every door is given: the database, the clock, entropy and secrets of the process, and its limits."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from fastapi import Request
from prometheus_client import CollectorRegistry, Metric

from caesura.domain.destinations import Destinations
from caesura.domain.errors import Problem
from caesura.domain.secrets import Secrets
from caesura.http.live import News
from caesura.service.keyring import Keyring
from caesura.service.plans import Plans
from caesura.store.database import Database

BODY_LIMIT = 1_000_000
# Files of a message at their most, in base64, and the rest beside them.
BODY_WITH_FILES = 15_000_000
# Each keeps a connection to the database until its file is there.
MAXIMUM_IMPORTS = 2

Fetch: TypeAlias = Callable[[Collection[str], int], Awaitable[Mapping[str, bytes | Problem]]]
"""Answers what is at each of these URLs, of so many bytes in all, or why that cannot be had."""


async def _fetch_nothing(urls: Collection[str], most: int) -> Mapping[str, bytes | Problem]:
    return {one: Problem("file_unreachable", "nothing is fetched here") for one in urls}


@dataclass(frozen=True, slots=True)
class ApiContext:
    """`clock` answers now as aware UTC, `entropy(n)` n random bytes. `body_limit` is in bytes, for JSON.

    `keyring` seals mailboxes' passwords, `plans` keeps compiled campaigns. `gauges` answers what /metrics shows of the
    engine beside the counters in `registry`. `news` feeds the streams of events; `destinations` says where webhooks may
    go. `fetch` gets files that are given by a URL. `import_slots` are those for files at a time.
    """

    database: Database
    clock: Callable[[], datetime]
    entropy: Callable[[int], bytes]
    secrets: Secrets
    body_limit: int = BODY_LIMIT
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    gauges: Callable[[], Awaitable[Iterable[Metric]]] | None = None
    destinations: Destinations = field(default_factory=Destinations)
    fetch: Fetch = _fetch_nothing
    import_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAXIMUM_IMPORTS))
    keyring: Keyring = field(init=False)
    plans: Plans = field(init=False)
    news: News = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keyring", Keyring(self.secrets, self.entropy))
        object.__setattr__(self, "plans", Plans(self.keyring))
        object.__setattr__(self, "news", News(self.database, self.clock))


def context_of(request: Request) -> ApiContext:
    """The context of the application that answers `request`."""
    context = request.app.state.context
    assert isinstance(context, ApiContext)
    return context
