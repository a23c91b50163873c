"""The courier of webhooks: the only sockets to receivers, which may be slow, dead or hostile, and harm nobody else.

It connects to addresses of the open internet only, and to the very address that it has looked at. It follows no
redirect, uses no proxy, keeps no cookie, unpacks nothing, and reads the first 2,000 bytes of an answer at most.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Any

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from caesura.domain.destinations import Destinations, is_open
from caesura.domain.errors import Invalid
from caesura.domain.webhook_form import Parcel, WebhookForm
from caesura.service import webhook_delivery
from caesura.service.keyring import Keyring
from caesura.service.webhook_delivery import Work
from caesura.store.database import Database
from caesura.store.webhook_delivery import Result
from caesura.worker.shares import Shares

log = structlog.get_logger()

# Requests under way at one server, requests to one webhook at a time, and how long one job goes on with it before
# others have their turn.
REQUESTS = 400
PER_WEBHOOK = 4
SLICE_SECONDS = 5.0
RESPONSE_BYTES = 2_048
# With the status, the answer is known: a body that trickles is not waited for.
BODY_SECONDS = 2.0
_HEADER_BYTES = 8_190
# Threads that ask for names: one whose server does not answer keeps its thread for a while, and nobody else's. They are
# made when needed.
_RESOLVERS = REQUESTS


class AddressRefused(OSError):
    """The host is, or has, an address that is not of the open internet."""


class Resolver(AbstractResolver):
    """Names to addresses, on threads of its own: one for a name, however many ask for it at the same time.

    Raises AddressRefused if any address is not of the open internet.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="webhook-names")
        self._asked: dict[tuple[str, int, int], asyncio.Future[list[tuple[int, str]]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`."""
        place = host, port, int(family)
        if (asked := self._asked.get(place)) is None:
            loop = asyncio.get_running_loop()
            asked = self._asked[place] = loop.run_in_executor(self._threads, _addresses, *place)
            asked.add_done_callback(lambda done: self._answered(place, done))
        for _, address in (found := await asyncio.shield(asked)):
            if not is_open(address):
                raise AddressRefused(f"{host} has the address {address}")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in found
        ]

    def _answered(self, place: tuple[str, int, int], done: "asyncio.Future[list[tuple[int, str]]]") -> None:
        del self._asked[place]
        if not done.cancelled():
            done.exception()  # all who waited may have given up: then nobody else looks at it

    async def close(self) -> None:
        """Waits for none of its threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int, family: int) -> list[tuple[int, str]]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return list(dict.fromkeys((kind, str(place[0])) for kind, _, _, _, place in found))


def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket to one address, made where it is connected: so whatever came before, no other is ever reached."""
    family, kind, protocol, _, place = info
    if not is_open(str(place[0])):
        raise AddressRefused(f"{place[0]} is not an address of the open internet")
    return socket.socket(family=family, type=kind, proto=protocol)


class Courier:
    """Sends what is due. Use it as `async with`; `stop` lets what is under way finish, and begins nothing more."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        forms: Mapping[str, WebhookForm],
        destinations: Destinations,
        clock: Callable[[], datetime],
        slice_seconds: float = SLICE_SECONDS,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._forms = forms
        self._destinations = destinations
        self._clock = clock
        self._slice = slice_seconds
        self._shares = Shares(REQUESTS)
        self._stopping = False

    async def __aenter__(self) -> "Courier":
        """Opens the sessions; no connection yet."""
        self._guarded, self._named = guarded_session(), plain_session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes all connections."""
        await self._guarded.close()
        await self._named.close()

    def stop(self) -> None:
        """Nothing more is begun."""
        self._stopping = True
        self._shares.close()

    async def deliver(self, workspace_id: int, webhook_id: int) -> int:
        """Sends to one webhook what is due, for some seconds once it is its turn; answers how many attempts that were.

        What is left is for its next job.
        """
        async with self._shares.slot(workspace_id, self._slice) as granted:
            return await self._deliver(workspace_id, webhook_id) if granted else 0

    async def _deliver(self, workspace_id: int, webhook_id: int) -> int:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._slice
        made = 0
        while not self._stopping and loop.time() < end:
            work = await webhook_delivery.take(self._database, self._keyring, workspace_id, webhook_id, self._clock())
            if work is None:
                break
            with self._shares.more(workspace_id, min(PER_WEBHOOK, len(work.parcels)) - 1) as more:
                made += await self._round(work, 1 + more, end)
        return made

    async def _round(self, work: Work, at_once: int, end: float) -> int:
        """Sends these, some at a time, and notes each as soon as it is known."""
        form = self._forms[work.dialect]
        free = asyncio.Semaphore(at_once)
        under_way = {asyncio.create_task(self._in_turn(form, work, parcel, free, end)) for parcel in work.parcels}
        made = 0
        try:
            while under_way:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                results = [result for task in done if (result := task.result()) is not None]
                if results:
                    await webhook_delivery.note(
                        self._database, form, work.workspace_id, work.webhook_id, results, self._clock()
                    )
                made += len(results)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        return made

    async def _in_turn(
        self, form: WebhookForm, work: Work, parcel: Parcel, free: asyncio.Semaphore, end: float
    ) -> Result | None:
        async with free:
            if self._stopping or asyncio.get_running_loop().time() >= end:
                return None
            return await self._send(form, work, parcel)

    async def _send(self, form: WebhookForm, work: Work, parcel: Parcel) -> Result:
        """One attempt; whatever goes wrong is its result."""
        loop = asyncio.get_running_loop()
        at, began = self._clock(), loop.time()
        status: int | None = None
        response: bytes | None = None
        asked: float | None = None
        try:
            self._destinations.check(work.url)
            session = self._named if self._destinations.is_named(work.url) else self._guarded
            headers = form.headers(parcel, work.secrets, at)
            async with (
                asyncio.timeout(form.timeout),
                session.post(work.url, data=parcel.body, headers=headers, allow_redirects=False) as answer,
            ):
                status, asked = answer.status, _seconds(answer.headers.get("Retry-After"))
                response = await _beginning(answer)
                answer.close()
            error = None if 200 <= status < 300 else "redirected" if 300 <= status < 400 else "http_error"
        except Exception as failure:
            error = failure_word(failure)
            if error == "internal_error":
                log.exception("webhook_attempt_failed", webhook=work.webhook_id, delivery=parcel.delivery_id)
        duration = loop.time() - began
        return Result(parcel.delivery_id, parcel.attempt, at, duration, status, error, response, asked)


def guarded_session() -> aiohttp.ClientSession:
    """A session that reaches addresses of the open internet only: any other raises AddressRefused."""
    return _session(
        aiohttp.TCPConnector(limit=0, use_dns_cache=False, resolver=Resolver(), socket_factory=guarded_socket)
    )


def plain_session() -> aiohttp.ClientSession:
    """A session that reaches any address, for hosts that whoever runs this server has named."""
    return _session(aiohttp.TCPConnector(limit=0, use_dns_cache=False))


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None),  # each attempt has its own
        max_line_size=_HEADER_BYTES,
        max_field_size=_HEADER_BYTES,
        read_bufsize=4_096,
    )


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """As much of the body as is kept and comes in time."""
    kept = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while len(kept) < RESPONSE_BYTES and (part := await answer.content.read(RESPONSE_BYTES - len(kept))):
                kept += part
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass  # the status counts, not the body
    return kept


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in its form of seconds (RFC 9110); dates are not taken."""
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None


def failure_word(failure: Exception) -> str:
    """A failed request in one stable word."""
    causes = list(_causes(failure))
    words: Iterable[tuple[type[BaseException] | tuple[type[BaseException], ...], str]] = (
        (AddressRefused, "address_refused"),
        (Invalid, "address_refused"),
        (aiohttp.InvalidURL, "url_invalid"),
        (TimeoutError, "timeout"),
        (aiohttp.ClientConnectorDNSError, "dns_failure"),
        ((aiohttp.ClientSSLError, ssl.SSLError), "tls_failure"),
        (ConnectionRefusedError, "connection_refused"),
        (aiohttp.ClientConnectorError, "connection_failed"),
        ((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, OSError), "connection_lost"),
        (aiohttp.ClientError, "answer_malformed"),
    )
    for kinds, word in words:
        if any(isinstance(cause, kinds) for cause in causes):
            return word
    return "internal_error"


def _causes(failure: BaseException) -> Iterable[BaseException]:
    """An error and what led to it, a few steps back."""
    seen: list[BaseException] = []
    queue: list[BaseException | None] = [failure]
    while queue and len(seen) < 20:
        one = queue.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        queue += [one.__cause__, one.__context__, getattr(one, "os_error", None)]
        queue += getattr(one, "exceptions", ())
    return seen
