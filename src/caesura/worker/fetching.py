"""Files that a mailing names by a URL: fetched once, when it is accepted, under the same guard as webhooks."""

import asyncio
from collections.abc import Collection
from types import TracebackType

import aiohttp
import structlog

from caesura.domain.destinations import Destinations
from caesura.domain.errors import Invalid, Problem
from caesura.worker.webhooks import failure_word, guarded_session, plain_session

log = structlog.get_logger()

# For all files of a mailing: whoever asked waits for them, and gives up after 30 seconds or so.
SECONDS = 10.0
# At a time: of one mailing, so that none takes all places, and of all.
_OF_ONE_MAILING = 4
_OF_ALL = 64
_PIECE = 65_536

_UNREACHABLE = {
    "address_refused": "its host is not of the open internet",
    "url_invalid": "this is no URL",
    "dns_failure": "its host is not known",
    "tls_failure": "the secure connection to its host failed",
    "connection_refused": "its host refuses connections",
    "connection_failed": "its host cannot be reached",
    "connection_lost": "the connection was lost",
    "answer_malformed": "its server's answer cannot be read",
}


class _Refused(Exception):
    """There is an answer, and no file in it that can be taken."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class _Room:
    """The bytes that are left for the files of a mailing."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def take(self, count: int) -> None:
        """Raises _Refused once there is too much."""
        self._left -= count
        self.check(0)

    def check(self, count: int) -> None:
        if count > self._left:
            raise _Refused(Problem("file_too_large", f"the files have more than {self._most:,} bytes together"))


class Fetcher:
    """Gets files over HTTP: from the open internet, and from hosts that whoever runs this server has named.

    Use it as `async with`. It follows no redirect, uses no proxy, keeps no cookie and unpacks nothing.
    """

    def __init__(self, destinations: Destinations, seconds: float = SECONDS) -> None:
        self._destinations = destinations
        self._seconds = seconds
        self._places = asyncio.Semaphore(_OF_ALL)

    async def __aenter__(self) -> "Fetcher":
        """Opens the sessions; no connection yet."""
        self._guarded, self._plain = guarded_session(), plain_session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes all connections."""
        await self._guarded.close()
        await self._plain.close()

    async def fetch(self, urls: Collection[str], most: int) -> dict[str, bytes | Problem]:
        """What is at each of these URLs, each asked once; `most` bytes in all.

        A file is there as a whole or not at all: then there is its Problem, without a pointer. Those are
        `file_unreachable`, `file_refused`, `file_too_large`, `file_timeout` and what `Destinations.check` raises.
        """
        room, free = _Room(most), asyncio.Semaphore(_OF_ONE_MAILING)
        end = asyncio.get_running_loop().time() + self._seconds
        several = list(dict.fromkeys(urls))
        found = await asyncio.gather(*(self._outcome(one, room, free, end) for one in several))
        return dict(zip(several, found, strict=True))

    async def _outcome(self, url: str, room: _Room, free: asyncio.Semaphore, end: float) -> bytes | Problem:
        try:
            self._destinations.check(url)
            async with asyncio.timeout_at(end), free, self._places:
                return await self._get(url, room)
        except Invalid as error:
            return Problem(error.code, error.detail)
        except _Refused as refused:
            return refused.problem
        except Exception as failure:
            word = failure_word(failure)
            if word == "timeout":
                return Problem("file_timeout", f"the files did not come within {self._seconds:g} seconds")
            if word == "internal_error":
                log.exception("file_not_fetched")
            return Problem("file_unreachable", _UNREACHABLE.get(word, "it could not be fetched"))

    async def _get(self, url: str, room: _Room) -> bytes:
        session = self._plain if self._destinations.is_named(url) else self._guarded
        async with session.get(url, allow_redirects=False) as answer:
            try:
                return await _content(answer, room)
            finally:
                answer.close()  # what is left of it is not read


async def _content(answer: aiohttp.ClientResponse, room: _Room) -> bytes:
    if 300 <= answer.status < 400:
        raise _Refused(Problem("file_refused", f"its server answers {answer.status}, and redirects are not followed"))
    if answer.status != 200:
        raise _Refused(Problem("file_refused", f"its server answers {answer.status}"))
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise _Refused(Problem("file_refused", "its server sends it packed, though it was asked not to"))
    room.check(answer.content_length or 0)
    pieces = []
    async for piece in answer.content.iter_chunked(_PIECE):
        room.take(len(piece))
        pieces.append(piece)
    return b"".join(pieces)
