"""For those who watch: is the process up, can it work, what are its counts. No key is asked for."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal

import structlog
from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from caesura.domain.errors import CaesuraError, Unavailable
from caesura.http import problems
from caesura.http.context import ApiContext, context_of
from caesura.service import health

TAG = {"name": "health", "description": "For load balancers and monitoring; no key is needed."}

# How long an answer of /readyz stands: a stranger who asks often must not open connections.
READY_STANDS = timedelta(seconds=1)

log = structlog.get_logger(__name__)


class Health(BaseModel):
    """That all is well."""

    status: Literal["ok"] = Field(default="ok", examples=["ok"])


class Readiness:
    """Asks the database, at most once at a time and once a second."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._asked_at: datetime | None = None
        self._reason: Unavailable | None = None

    async def check(self, context: ApiContext) -> None:
        """Raises Unavailable, with the reason, when this process cannot work."""
        async with self._lock:
            now = context.clock()
            if self._asked_at is None or abs(now - self._asked_at) >= READY_STANDS:
                try:
                    await health.check(context.database)
                    self._reason = None
                except Unavailable as reason:
                    self._reason = reason
                self._asked_at = now
        if self._reason is not None:
            raise Unavailable(self._reason.code, self._reason.detail)


class _Metrics:
    """The counters of this process and the gauges of the engine, as prometheus_client wants a registry."""

    def __init__(self, registry: CollectorRegistry, gauges: Iterable[Metric]) -> None:
        self._registry = registry
        self._gauges = tuple(gauges)

    def collect(self) -> Iterator[Metric]:
        yield from self._registry.collect()
        yield from self._gauges


def router() -> APIRouter:
    """The three routes."""
    routes = APIRouter(tags=["health"])
    readiness = Readiness()

    @routes.get("/healthz", operation_id="health", summary="Is the process up?")
    async def healthz() -> Health:
        """Answers as soon as the process takes requests."""
        return Health()

    @routes.get(
        "/readyz",
        operation_id="ready",
        summary="Can it work?",
        responses=problems.answers(
            Unavailable("database_unreachable", "the database does not answer"),
            Unavailable("database_full", "the database's disk is full: make room there, then all goes on by itself"),
        ),
    )
    async def readyz(request: Request) -> Health:
        """Answers 200 when the database answers and its schema is this program's, else 503 with the reason."""
        await readiness.check(context_of(request))
        return Health()

    @routes.get(
        "/metrics",
        operation_id="metrics",
        summary="Counters and gauges",
        response_class=PlainTextResponse,
        response_description="Prometheus text format.",
    )
    async def metrics(request: Request) -> Response:
        """For Prometheus."""
        context = context_of(request)
        gauges: Iterable[Metric] = ()
        if context.gauges is not None:
            try:
                gauges = await context.gauges()
            except CaesuraError as error:
                # The counters of this process are worth having when the database is away.
                log.warning("gauges_unavailable", code=error.code, detail=error.detail)
        content = generate_latest(_Metrics(context.registry, gauges))
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    return routes
