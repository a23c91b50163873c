"""An SMTP client session without a socket: bytes in, bytes out, and an exact outcome for every message.

The caller connects, feeds what it reads to `receive`, writes what `output` hands out, does the TLS handshake when
`phase` asks for it, and says when the line is lost or the time is up.
"""

from enum import Enum
from typing import Generic, TypeVar

from caesura.protocol.smtp import authentication
from caesura.protocol.smtp.handshake import (
    Encrypt,
    HandshakeFailed,
    Listen,
    SessionSettings,
    Step,
    handshake,
    is_helo_name,
)
from caesura.protocol.smtp.message import Capabilities, Envelope
from caesura.protocol.smtp.outcome import FailureKind, Outcome, SessionFailure, Stage
from caesura.protocol.smtp.pipeline import Pipeline, Wait
from caesura.protocol.smtp.replies import Reply, ReplyReader, ReplyViolation
from caesura.protocol.smtp.transcript import Transcript

Tag = TypeVar("Tag")


class Phase(Enum):
    """Where a session is."""

    HANDSHAKE = "handshake"
    ENCRYPTING = "encrypting"
    """The caller does the TLS handshake now, then calls `encrypted`."""
    READY = "ready"
    """Messages may be submitted."""
    ENDED = "ended"
    """Over; `failure` says why, and is None after a QUIT. The caller closes the line."""


class Session(Generic[Tag]):
    """One connection's worth of SMTP. `Tag` is whatever the caller wants back with an outcome.

    `settings.helo_name` must be a name or an address literal: ValueError if it could break out of its line.
    """

    def __init__(self, settings: SessionSettings, transcribe_messages: bool = False) -> None:
        if not is_helo_name(settings.helo_name):
            raise ValueError("helo_name must be a host name or an address literal")
        self.phase = Phase.HANDSHAKE
        self.failure: SessionFailure | None = None
        # Grows with every whole reply and every piece handed out: the caller's time limits start anew when it moves.
        self.progress = 0
        self.capabilities = Capabilities()
        self._settings = settings
        self._reader = ReplyReader()
        self._transcript = Transcript(_secrets(settings))
        self._transcribe_messages = transcribe_messages
        self._pipeline: Pipeline[Tag] | None = None
        self._unsent_line = b""
        self._dialogue = handshake(settings)
        self._step: Step = next(self._dialogue)

    # What the caller reads

    @property
    def transcript(self) -> tuple[str, ...]:
        """What was said, without secrets and content: the handshake, and the messages if that was asked for."""
        return self._transcript.lines

    @property
    def room(self) -> int:
        """How many more messages can be submitted here; 0 unless ready."""
        return self._pipeline.room if self._pipeline is not None and self.phase is Phase.READY else 0

    @property
    def is_idle(self) -> bool:
        """True if ready, with nothing queued, begun or awaited."""
        return self.phase is Phase.READY and self._pipeline is not None and self._pipeline.is_idle

    @property
    def wait(self) -> Wait | None:
        """What is being waited for, so that the caller can set its limit; None if nothing is."""
        match self.phase:
            case Phase.HANDSHAKE:
                return Wait.GREETING if self._stage is Stage.GREETING else Wait.COMMAND
            case Phase.READY if self._pipeline is not None:
                return self._pipeline.wait
            case _:
                return None

    def take_finished(self) -> list[tuple[Tag, Outcome]]:
        """The outcomes since the last call, each with its message's tag."""
        if self._pipeline is None or not self._pipeline.finished:
            return []
        finished = self._pipeline.finished
        self._pipeline.finished = []
        return finished

    def output(self) -> bytes:
        """The next bytes to write, empty if there are none now. What is handed out counts as written."""
        if self._pipeline is not None:
            piece = self._pipeline.output()
        else:
            piece, self._unsent_line = self._unsent_line, b""
        if piece:
            self.progress += 1
        return piece

    # What the caller tells

    def submit(self, envelope: Envelope, tag: Tag) -> None:
        """Queue a message; its outcome comes from `take_finished`. Raises RuntimeError before the session is ready."""
        if self._pipeline is None:
            raise RuntimeError("the session is not ready for messages")
        self._pipeline.submit(envelope, tag)

    def withdraw(self, envelope: Envelope) -> bool:
        """Drop this very envelope if no byte of it was handed out: True, and it finishes as NOT_SENT."""
        return self._pipeline is not None and self._pipeline.withdraw(envelope)

    def check(self) -> None:
        """Queue a NOOP; `is_idle` is true again once it is answered. Raises RuntimeError unless idle."""
        if self._pipeline is None or not self.is_idle:
            raise RuntimeError("only an idle session can be checked")
        self._pipeline.check()

    def quit(self) -> None:
        """Give back what is not begun, finish what is, then QUIT."""
        if self._pipeline is not None:
            self._pipeline.quit()
        else:
            self.fail(FailureKind.TEMPORARY, "abandoned", "the connection was closed before it was ready")

    def receive(self, data: bytes) -> None:
        """Take what was read from the line."""
        if self.phase is Phase.ENCRYPTING:
            self._refuse_injection()
        elif self.phase is not Phase.ENDED:
            self._reader.feed(data)
            self._read_replies()

    def _read_replies(self) -> None:
        pipeline = self._pipeline
        while self.phase is not Phase.ENDED:
            try:
                reply = self._reader.next_reply()
            except ReplyViolation as violation:
                self.fail(FailureKind.TEMPORARY, violation.code, self._transcript.clean(violation.detail))
                return
            if reply is None:
                return
            self.progress += 1
            if pipeline is None and self._unsent_line:
                self.fail(FailureKind.TEMPORARY, "unasked_reply", "the server answered before it was asked")
            elif pipeline is None:
                self._advance(reply)
                pipeline = self._pipeline
            else:
                if self._transcribe_messages:
                    self._transcript.read(reply)
                pipeline.on_reply(reply)
                if pipeline.is_ended:
                    self._end(pipeline.failure)

    def encrypted(self) -> None:
        """The TLS handshake that `Phase.ENCRYPTING` asked for is done and the certificate is good."""
        self.phase = Phase.HANDSHAKE
        self._transcript.wrote("<TLS>")
        self._advance(None)

    def lose(self, detail: str = "the line was lost") -> None:
        """The line is closed or broken, at whichever end."""
        self.fail(FailureKind.TEMPORARY, "line_lost", detail)

    def time_out(self) -> None:
        """What `wait` names took too long. The caller closes the line."""
        wait = self.wait
        self.fail(FailureKind.TEMPORARY, "timed_out", f"timed out waiting ({wait.value if wait else 'for TLS'})")

    def fail(self, kind: FailureKind, code: str, detail: str, stage: Stage | None = None) -> None:
        """End the session for a reason of the caller's. Nothing happens if it has ended."""
        if self.phase is Phase.ENDED:
            return
        self._end(SessionFailure(kind, stage or self._stage, code, detail))

    # Inside

    @property
    def _stage(self) -> Stage:
        if self._pipeline is not None:
            return self._pipeline.stage
        return Stage.TLS if isinstance(self._step, Encrypt) else self._step.stage

    def _advance(self, reply: Reply | None) -> None:
        """Give the dialogue the reply and do what it asks for next."""
        if reply is not None:
            self._transcript.read(reply)
        try:
            self._step = self._dialogue.send(reply)
        except StopIteration as done:
            self._start_pipeline(done.value)
        except HandshakeFailed as failed:
            self._end(self._cleaned(failed.failure))
            if failed.failure.code != "try_later":
                self._unsent_line = b"QUIT\r\n"
        else:
            self._take_step(self._step)

    def _take_step(self, step: Step) -> None:
        if isinstance(step, Encrypt):
            if self._reader.is_empty:
                self.phase = Phase.ENCRYPTING
            else:
                self._refuse_injection()
        elif not isinstance(step, Listen):
            self._transcript.wrote(step.shown)
            self._unsent_line = step.line + b"\r\n"

    def _start_pipeline(self, capabilities: Capabilities) -> None:
        settings = self._settings
        transcript = self._transcript if self._transcribe_messages else None
        self.capabilities = capabilities
        self._pipeline = Pipeline(capabilities, settings.chunking, settings.messages_max, transcript)
        self.phase = Phase.READY

    def _refuse_injection(self) -> None:
        detail = "plain text came behind the answer to STARTTLS: somebody on the way may be speaking for the server"
        self.fail(FailureKind.TLS, "plain_text_after_starttls", detail, Stage.STARTTLS)

    def _cleaned(self, failure: SessionFailure) -> SessionFailure:
        reply = failure.reply if failure.reply is None else self._transcript.redacted(failure.reply)
        return SessionFailure(failure.kind, failure.stage, failure.code, self._transcript.clean(failure.detail), reply)

    def _end(self, failure: SessionFailure | None) -> None:
        self.phase = Phase.ENDED
        self.failure = failure
        self._unsent_line = b""
        if failure is not None and self._pipeline is not None:
            self._pipeline.end(failure)


def _secrets(settings: SessionSettings) -> tuple[str, ...]:
    credentials = settings.credentials
    if credentials is None or not authentication.is_sendable(credentials):
        return ()
    return authentication.secrets_of(credentials)
