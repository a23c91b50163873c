"""The mail sink: a local SMTP server that takes everything and keeps one file per message."""

import asyncio
import errno
import fcntl
import os
import re
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from pathlib import Path
from typing import Self, assert_never

from caesura.domain.errors import Unavailable
from caesura.protocol.smtp_server import (
    Close,
    Deliver,
    Event,
    ReceivedMessage,
    Reply,
    Send,
    ServerOptions,
    ServerSession,
)

DEFAULT_PORT = 2525
IDLE_SECONDS = 300.0

_SENDER, _RECIPIENT, _RECEIVED = b"X-Envelope-From: ", b"X-Envelope-To: ", b"X-Received-At: "
_FILE_NAME = re.compile(r"(\d{6,})-.*\.eml")
_TEMPORARY = ".tmp"
_UNSAFE = re.compile(r"[^A-Za-z0-9@+._-]+")
_NAME_LENGTH = 80
_HEAD_BYTES = 8_192
_MAXIMUM_HEAD_BYTES = 1_048_576
_FOLD = re.compile(rb"\r?\n(?=[ \t])")

_OK = Reply(250, "OK", "2.0.0")
_NO_ROOM = Reply(452, "The message could not be kept", "4.3.1")
_TOO_MANY = Reply(421, "Too many connections, try again later", "4.3.2")
_IDLE = Reply(421, "Idle for too long", "4.4.2")
_STOPPING = Reply(421, "The server is stopping", "4.3.2")


@dataclass(frozen=True, slots=True)
class SinkMessage:
    """A message in the sink's folder; `received_at` (UTC) is when its last byte had come."""

    path: Path
    number: int
    sender: str
    recipients: tuple[str, ...]
    received_at: datetime
    headers: tuple[tuple[str, str], ...]
    trace_bytes: int

    @property
    def recipient(self) -> str:
        """The first recipient of the envelope."""
        return self.recipients[0]

    @property
    def message_id(self) -> str | None:
        return self.header("Message-ID")

    @property
    def subject(self) -> str | None:
        """The subject, decoded (RFC 2047)."""
        raw = self.header("Subject")
        if raw is None or "=?" not in raw:
            return raw
        try:
            return str(make_header(decode_header(raw)))
        except (HeaderParseError, LookupError, ValueError):
            return raw

    def header(self, name: str) -> str | None:
        """The first header of that name, unfolded and not decoded."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def content(self) -> bytes:
        """The message exactly as it was received."""
        return self.path.read_bytes()[self.trace_bytes :]


def read_messages(folder: Path) -> Iterator[SinkMessage]:
    """The messages that a sink keeps in `folder`, in the order of their arrival. Reads only their headers.

    Other files are passed over. Raises Unavailable `folder_unusable`.
    """
    for number, path in sorted(_numbered(folder)):
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            while b"\r\n\r\n" not in head and len(head) <= _MAXIMUM_HEAD_BYTES and (more := file.read(len(head) or 1)):
                head += more
        yield _parse(path, number, head)


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise Unavailable("folder_unusable", f"The folder {folder} cannot be read: {error.strerror}.") from error
    return [(int(found[1]), folder / name) for name in names if (found := _FILE_NAME.fullmatch(name)) is not None]


def _parse(path: Path, number: int, head: bytes) -> SinkMessage:
    place = 0
    envelope: dict[bytes, list[str]] = {_SENDER: [], _RECIPIENT: [], _RECEIVED: []}
    while not envelope[_RECEIVED]:
        end = head.find(b"\r\n", place)
        name = next((name for name in envelope if head.startswith(name, place)), None)
        if end < 0 or name is None:
            raise Unavailable("folder_unusable", f"{path} was not written by a sink.")
        envelope[name].append(head[place + len(name) : end].decode())
        place = end + 2
    lines = _FOLD.sub(b"", head[place:].partition(b"\r\n\r\n")[0]).split(b"\r\n")
    headers = (line.partition(b":") for line in lines if b":" in line)
    return SinkMessage(
        path=path,
        number=number,
        sender=envelope[_SENDER][0].removeprefix("<").removesuffix(">"),
        recipients=tuple(recipient.removeprefix("<").removesuffix(">") for recipient in envelope[_RECIPIENT]),
        received_at=datetime.fromisoformat(envelope[_RECEIVED][0]),
        headers=tuple(
            (name.decode("utf-8", "replace"), value.strip().decode("utf-8", "replace")) for name, _, value in headers
        ),
        trace_bytes=place,
    )


class _Folder:
    """The files of one sink. A lock keeps a second sink out; a restart goes on with the next number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable("folder_unusable", f"The folder {path} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise Unavailable("folder_in_use", f"Another sink is writing into {path}.") from error
        for leftover in path.glob(f".*{_TEMPORARY}"):
            leftover.unlink(missing_ok=True)
        self._last = max((number for number, _ in _numbered(path)), default=0)

    def keep(self, message: ReceivedMessage, received_at: datetime) -> None:
        """Write the message; once it has its name it is whole. Raises OSError."""
        number = self._last + 1
        name = _UNSAFE.sub("_", message.recipients[0])[:_NAME_LENGTH]
        temporary = f"{self._path}/.{number:06}{_TEMPORARY}"
        try:
            with open(temporary, "wb") as file:
                file.write(_trace(message, received_at) + message.content)
            os.rename(temporary, f"{self._path}/{number:06}-{name}.eml")
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        self._last = number

    def close(self) -> None:
        os.close(self._lock)


def _trace(message: ReceivedMessage, received_at: datetime) -> bytes:
    """What stands before the content; the last line ends the trace."""
    moment = received_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    lines = [_SENDER + b"<" + message.sender.encode() + b">"]
    lines += [_RECIPIENT + b"<" + recipient.encode() + b">" for recipient in message.recipients]
    lines += [_RECEIVED + moment.encode(), b""]
    return b"\r\n".join(lines)


def _now() -> datetime:
    return datetime.now(UTC)


class Sink:
    """The server. Use it as `async with Sink(folder) as sink`, or call `start` and `stop`.

    `port` 0 takes a free one; then `port` tells it. After a message is kept, the reply waits for
    `accept_delay_seconds`: a slow server, at which the sender cannot yet know. Clients above
    `capacity` are told to come again (421). Files are named `NUMBER-RECIPIENT.eml`, in the order
    of arrival; they are renamed into place before the message is accepted.

    Raises Unavailable: `port_in_use`, `address_unusable`, `folder_unusable`, `folder_in_use`.
    """

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        accept_delay_seconds: float = 0.0,
        capacity: int = 1_000,
        options: ServerOptions | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.port = port
        self.received = 0
        self.options = options or ServerOptions()
        self.accept_delay_seconds = accept_delay_seconds
        self._path = folder
        self._host = host
        self._capacity = capacity
        self._now = now
        self._folder: _Folder | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._arrival = asyncio.Event()

    async def start(self) -> None:
        """Open the folder and the port."""
        folder = _Folder(self._path)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), self._host, self.port, backlog=1_000)
        except OSError as error:
            folder.close()
            if error.errno == errno.EADDRINUSE:
                detail = f"Port {self.port} of {self._host} is in use by another program."
                raise Unavailable("port_in_use", detail) from error
            reason = error.strerror or str(error)
            detail = f"{self._host} port {self.port} cannot be opened: {reason}."
            raise Unavailable("address_unusable", detail) from error
        self._folder = folder
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port, the connections and the folder. Messages that are kept stay kept."""
        if self._server is None or self._folder is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.finish(_STOPPING)
        await self._server.wait_closed()
        self._folder.close()
        self._server = self._folder = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def wait_for(self, count: int) -> None:
        """Return once this many messages have been kept since the start."""
        while self.received < count:
            self._arrival.clear()
            await self._arrival.wait()

    def join(self, connection: "_Connection") -> bool:
        """Whether there is room for one more client."""
        if len(self._connections) >= self._capacity:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: "_Connection") -> None:
        self._connections.discard(connection)

    def keep(self, message: ReceivedMessage) -> Reply:
        """Write the message; answers what the client is told."""
        assert self._folder is not None, "connections end before the folder is closed"
        try:
            self._folder.keep(message, self._now())
        except OSError:
            return _NO_ROOM
        self.received += 1
        self._arrival.set()
        return _OK


class _Connection(asyncio.Protocol):
    """Carries one session's events out on its socket."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._session = ServerSession(sink.options)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._delay: asyncio.TimerHandle | None = None
        self._last_seen = self._loop.time()
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._sink.join(self):
            self.finish(_TOO_MANY)
            return
        self._timer = self._loop.call_later(IDLE_SECONDS, self._check_idle)
        self._handle(self._session.greet())

    def data_received(self, data: bytes) -> None:
        self._last_seen = self._loop.time()
        self._handle(self._session.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for timer in (self._timer, self._delay):
            if timer is not None:
                timer.cancel()
        self._sink.leave(self)

    def pause_writing(self) -> None:
        """The client does not read its replies: take no more commands."""
        self._is_full = True
        self._choose_reading()

    def resume_writing(self) -> None:
        self._is_full = False
        self._choose_reading()

    def finish(self, reply: Reply) -> None:
        """Say a last word and close; a client that does not read is cut off."""
        if self._transport is None:
            return
        self._transport.write(reply.encode())
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def _choose_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._is_full or self._delay is not None:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _handle(self, events: list[Event]) -> None:
        waiting = deque(events)
        while waiting and self._transport is not None:
            match waiting.popleft():
                case Send(data):
                    self._transport.write(data)
                case Deliver(message):
                    reply = self._sink.keep(message)
                    if self._sink.accept_delay_seconds <= 0:
                        waiting.extend(self._session.settle(reply))
                        continue
                    self._delay = self._loop.call_later(self._sink.accept_delay_seconds, self._settle, reply)
                    self._choose_reading()
                case Close():
                    self._transport.close()
                case never:
                    assert_never(never)

    def _settle(self, reply: Reply) -> None:
        self._delay = None
        self._choose_reading()
        self._handle(self._session.settle(reply))

    def _check_idle(self) -> None:
        left = self._last_seen + IDLE_SECONDS - self._loop.time()
        if left <= 0 and self._delay is None:
            self.finish(_IDLE)
            return
        self._timer = self._loop.call_later(max(left, 1.0), self._check_idle)
