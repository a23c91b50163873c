"""What surrounds every answer: its request id, the security headers, its count, and the net under all errors."""

import base64
import re

import structlog
from fastapi import Request
from prometheus_client import Counter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from caesura.http import problems
from caesura.http.context import ApiContext

REQUEST_ID = "X-Request-Id"

# What an answer has unless its route says otherwise: nothing here is to be framed, sniffed, run or kept.
SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

log = structlog.get_logger(__name__)


class Edge:
    """ASGI middleware, the outermost. A sane `X-Request-Id` that comes in is kept, else one is made."""

    def __init__(self, app: ASGIApp, context: ApiContext) -> None:
        self._app = app
        self._context = context
        self._requests = Counter(
            "caesura_http_requests",
            "HTTP requests answered, by method, route and status.",
            ["method", "route", "status"],
            registry=context.registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; no Exception leaves it before the answer has begun."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = self._request_id(Headers(scope=scope))
        status = 0

        async def send_surrounded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in {**SECURITY, **state.get("headers", {})}.items():
                    headers.setdefault(name, value)
                headers[REQUEST_ID] = state["request_id"]
            await send(message)

        try:
            await self._app(scope, receive, send_surrounded)
        except ClientDisconnect:
            pass
        except Exception as error:
            log.exception("request_failed", request_id=state["request_id"], path=scope["path"])
            if status:
                raise
            await problems.answer(Request(scope), error)(scope, receive, send_surrounded)
        finally:
            self._count(scope, status)

    def _request_id(self, headers: Headers) -> str:
        given = headers.get(REQUEST_ID, "")
        if _SANE_REQUEST_ID.fullmatch(given):
            return given
        return "req_" + base64.b32encode(self._context.entropy(10)).decode("ascii").lower()

    def _count(self, scope: Scope, status: int) -> None:
        """Labels are bounded: whatever a stranger sends makes no new ones."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(method, route, str(status) if status else "none").inc()
