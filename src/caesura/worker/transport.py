"""SMTP connections over asyncio: the socket, TLS and time limits around `protocol.smtp`'s session."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from socket import gaierror
from typing import cast

from caesura.domain.errors import Unavailable
from caesura.protocol.smtp import (
    Capabilities,
    Credentials,
    Envelope,
    FailureKind,
    Outcome,
    Phase,
    Session,
    SessionFailure,
    SessionSettings,
    Stage,
    TlsMode,
    Wait,
    is_helo_name,
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds, each for one wait; the defaults for replies are those of RFC 5321 section 4.5.3.2.

    `connect` covers name, TCP and implicit TLS; `tls` the handshake after STARTTLS; `content` each piece of content;
    `final` the reply to its end; `check` the sign of life of an idle connection; `goodbye` the reply to QUIT.
    """

    connect: float = 30.0
    tls: float = 30.0
    greeting: float = 300.0
    command: float = 300.0
    data: float = 120.0
    content: float = 180.0
    final: float = 600.0
    check: float = 10.0
    goodbye: float = 5.0


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Where and how to connect.

    With TLS the server's certificate must be good for `host`, by the system's authorities or, if `ca_file` is given,
    by that PEM file's alone (read once in the life of the process). `helo_name` None uses the address literal of our
    end. The rest is as in `SessionSettings`.
    """

    host: str
    port: int
    tls: TlsMode = TlsMode.STARTTLS
    credentials: Credentials | None = None
    ca_file: str | None = None
    helo_name: str | None = None
    allow_unencrypted_login: bool = False
    chunking: bool = False
    messages_max: int = 1000
    transcribe_messages: bool = False
    timeouts: Timeouts = Timeouts()


class SessionFailed(Unavailable):
    """No session can be had; `failure` says exactly why. Nothing was sent."""

    def __init__(self, failure: SessionFailure) -> None:
        super().__init__(failure.code, failure.detail)
        self.failure = failure


async def connect(settings: ConnectionSettings) -> "Connection":
    """Open a session that is ready for messages. Raises SessionFailed, and ValueError for a bad `helo_name`."""
    if settings.helo_name is not None and not is_helo_name(settings.helo_name):
        raise ValueError("helo_name must be a host name or an address literal")
    connection = Connection(settings, asyncio.get_running_loop())
    try:
        context = None if settings.tls is TlsMode.NONE else tls_context(settings.ca_file)
    except OSError as error:
        detail = f"the file of certificate authorities cannot be used: {error}"
        raise SessionFailed(SessionFailure(FailureKind.TLS, Stage.TLS, "bad_ca_file", detail)) from error
    try:
        await connection.open(context)
    except BaseException:
        connection.abort("the attempt to connect was given up")
        raise
    return connection


@lru_cache(maxsize=64)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """What checks servers' certificates, read once in the life of the process. Raises OSError for a bad file."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Connection(asyncio.Protocol):
    """One SMTP connection. Made by `connect`; for one event loop, not for several threads."""

    def __init__(self, settings: ConnectionSettings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._limits = _limits(settings.timeouts)
        self._transport: asyncio.Transport | None = None
        self._made_session: Session[asyncio.Future[Outcome]] | None = None
        self._is_paused = False
        self._is_lost = False
        self._progress = 0
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watchers: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    # What the caller does

    def submit(self, envelope: Envelope) -> asyncio.Future[Outcome]:
        """Queue a message; it is begun as soon as the dialogue allows. The future always gets an outcome.

        Cancelling the future does not stop the message: that is what `withdraw` is for. A connection that is not
        usable answers NOT_SENT at once.
        """
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._session.submit(envelope, future)
        self._pump()
        return future

    def withdraw(self, envelope: Envelope) -> bool:
        """Drop this very envelope if nothing of it has been written: then True, and its outcome is NOT_SENT."""
        is_withdrawn = self._session.withdraw(envelope)
        self._pump()
        return is_withdrawn

    async def check(self) -> bool:
        """Whether an idle connection still answers (NOOP); it is closed if not. A busy one counts as alive."""
        if not self.is_idle:
            return self.is_usable
        self._session.check()
        self._pump()
        try:
            async with asyncio.timeout(self._settings.timeouts.check):
                await self._until(lambda: self._session.is_idle or self._session.phase is Phase.ENDED)
        except TimeoutError:
            self.abort("the server gave no sign of life")
        return self.is_usable

    async def quit(self) -> None:
        """Give back what is not begun (NOT_SENT), finish what is, say QUIT, close. Returns when closed."""
        if not self._is_lost:
            self._session.quit()
            self._pump()
            await self._until(lambda: self._is_lost)

    def abort(self, detail: str = "the connection was closed on our side") -> None:
        """Close now; every message gets its outcome by how far it had come."""
        if self._made_session is not None:
            self._made_session.lose(detail)
            self._pump()
        if self._transport is not None:
            self._transport.abort()

    # What the caller reads

    @property
    def is_usable(self) -> bool:
        """True if a message submitted now would be queued."""
        return self._session.room > 0

    @property
    def is_idle(self) -> bool:
        """True if ready, with nothing queued or under way."""
        return self._session.is_idle

    @property
    def room(self) -> int:
        """How many more messages this connection takes; 0 when it is closing or closed."""
        return self._session.room

    @property
    def failure(self) -> SessionFailure | None:
        """Why the connection ended, None while it has not or if it ended by QUIT."""
        return self._session.failure

    @property
    def capabilities(self) -> Capabilities:
        """What the server offers."""
        return self._session.capabilities

    @property
    def transcript(self) -> tuple[str, ...]:
        """The last lines of what was said, without secrets and content."""
        return self._session.transcript

    # Opening

    async def open(self, context: ssl.SSLContext | None) -> None:
        """For `connect`: go through the handshake. Raises SessionFailed."""
        settings, timeouts = self._settings, self._settings.timeouts
        is_implicit = settings.tls is TlsMode.IMPLICIT
        try:
            async with asyncio.timeout(timeouts.connect):
                await self._loop.create_connection(
                    lambda: self,
                    settings.host,
                    settings.port,
                    ssl=context if is_implicit else None,
                    server_hostname=settings.host if is_implicit else None,
                )
        except (OSError, UnicodeError) as error:
            raise SessionFailed(_failure_of(error, Stage.CONNECT)) from error
        if await self._reach_phase() is Phase.ENCRYPTING and context is not None:
            await self._encrypt(context)
        if await self._reach_phase() is not Phase.READY:
            raise SessionFailed(self._session.failure or _GONE)

    async def _encrypt(self, context: ssl.SSLContext) -> None:
        session, transport = self._session, self._transport
        if transport is None:
            raise AssertionError("STARTTLS without a connection")
        try:
            encrypted = await self._loop.start_tls(
                transport,
                self,
                context,
                server_hostname=self._settings.host,
                ssl_handshake_timeout=self._settings.timeouts.tls,
            )
        except OSError as error:
            raise SessionFailed(_failure_of(error, Stage.TLS)) from error
        if session.phase is Phase.ENCRYPTING and encrypted is not None:
            self._use(encrypted)
            session.encrypted()
            self._pump()

    async def _reach_phase(self) -> Phase:
        """Wait until the session needs the driver: to encrypt, or because it is ready or ended."""
        await self._until(lambda: self._session.phase is not Phase.HANDSHAKE)
        return self._session.phase

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the line is open."""
        settings = self._settings
        self._made_session = Session(
            SessionSettings(
                helo_name=settings.helo_name or _address_literal(transport.get_extra_info("sockname")),
                tls=settings.tls,
                credentials=settings.credentials,
                allow_unencrypted_login=settings.allow_unencrypted_login,
                chunking=settings.chunking,
                messages_max=settings.messages_max,
            ),
            settings.transcribe_messages,
        )
        self._use(cast(asyncio.Transport, transport))
        self._arm()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        self._session.receive(data)
        self._pump()

    def eof_received(self) -> None:
        """asyncio: the server will say no more, so nothing that is open can be settled by it."""
        self._session.lose("the server closed the connection")
        self._pump()

    def pause_writing(self) -> None:
        """asyncio: the server does not keep up."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """asyncio: all that was written has left."""
        self._is_paused = False
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the line is closed, whoever closed it."""
        self._is_lost = True
        if self._timer is not None:
            self._timer.cancel()
        self._session.lose("the line was lost" if exc is None else f"the line was lost: {exc}")
        self._pump()

    # Inside

    @property
    def _session(self) -> Session[asyncio.Future[Outcome]]:
        if self._made_session is None:
            raise RuntimeError("the connection is not open")
        return self._made_session

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        # Nothing piles up on our side: what is written has been taken by the system before more is handed out, so
        # that a message counts as begun, or its end as written, only when it truly may be. (Not high=0: asyncio's TLS
        # takes an empty buffer for a full one then.)
        transport.set_write_buffer_limits(high=1, low=0)

    def _pump(self) -> None:
        """After anything that happened: hand on outcomes, write what can be written, watch the time."""
        session, transport = self._session, self._transport
        for future, outcome in session.take_finished():
            if not future.done():
                future.set_result(outcome)
        if transport is not None and not self._is_lost:
            while not self._is_paused and (piece := session.output()):
                transport.write(piece)
        if session.phase is Phase.ENDED:
            self._close()
        elif session.progress != self._progress:
            self._progress = session.progress
            self._arm()
        if self._watchers:
            self._tell_watchers()

    def _close(self) -> None:
        """The session has ended: close the line, in good order if it is whole and our buffer is empty."""
        transport, session = self._transport, self._session
        if transport is None or transport.is_closing():
            return
        if self._timer is not None:
            self._timer.cancel()
        is_intact = session.failure.reply is not None if session.failure else True
        if is_intact and transport.get_write_buffer_size() == 0:
            transport.close()
            # A peer that does not read, or does not end TLS, must not keep the line open.
            self._timer = self._loop.call_later(self._settings.timeouts.goodbye, transport.abort)
        else:
            transport.abort()

    def _arm(self) -> None:
        wait = self._session.wait
        if wait is None:
            self._deadline = None
            return
        self._deadline = self._loop.time() + self._limits[wait]
        # One timer serves many waits: it is moved only if it would come too late, and moves itself when too early.
        if self._timer is not None:
            if self._timer.when() <= self._deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._on_timer)
            return
        self._session.time_out()
        self._pump()

    async def _until(self, condition: Callable[[], bool]) -> None:
        if not condition():
            watcher: asyncio.Future[None] = self._loop.create_future()
            self._watchers.append((condition, watcher))
            await watcher

    def _tell_watchers(self) -> None:
        for condition, watcher in self._watchers:
            if not watcher.done() and condition():
                watcher.set_result(None)
        self._watchers = [entry for entry in self._watchers if not entry[1].done()]


_GONE = SessionFailure(FailureKind.TEMPORARY, Stage.CONNECT, "line_lost", "the connection was closed at once")


def _limits(timeouts: Timeouts) -> dict[Wait, float]:
    return {
        Wait.GREETING: timeouts.greeting,
        Wait.COMMAND: timeouts.command,
        Wait.DATA: timeouts.data,
        Wait.CONTENT: timeouts.content,
        Wait.FINAL: timeouts.final,
        Wait.GOODBYE: timeouts.goodbye,
    }


def _address_literal(own_name: object) -> str:
    """Our end's address as EHLO takes it (RFC 5321 section 4.1.3)."""
    match own_name:
        case (str(address), int(_)):
            return f"[{address}]"
        case (str(address), int(_), int(_), int(_)):
            return f"[IPv6:{address.partition('%')[0]}]"
        case _:
            return "localhost"


def _failure_of(error: OSError | UnicodeError, stage: Stage) -> SessionFailure:
    """What an error of asyncio's means, at `stage` unless the error itself says more."""
    kind, code, detail = FailureKind.TEMPORARY, "connect_failed", f"the connection failed: {error}"
    match error:
        case ssl.SSLCertVerificationError():
            kind, stage, code = FailureKind.TLS, Stage.TLS, "certificate_refused"
            detail = f"the server's certificate is refused: {error.verify_message}"
        case ssl.SSLError():
            kind, stage, code = FailureKind.TLS, Stage.TLS, "tls_failed"
            detail = f"the connection cannot be encrypted: {error.reason or error}"
        case TimeoutError():
            code, detail = "timed_out", f"timed out at {stage.value}"
        case gaierror():
            code, detail = "host_not_found", f"the server's name cannot be found: {error.strerror}"
        case UnicodeError():
            kind, code, detail = FailureKind.PERMANENT, "bad_host", "the server's name is not a host name"
        case _ if stage is Stage.TLS:
            code = "tls_interrupted"
    return SessionFailure(kind, stage, code, detail)


__all__ = [
    "Connection",
    "ConnectionSettings",
    "SessionFailed",
    "Timeouts",
    "connect",
]
