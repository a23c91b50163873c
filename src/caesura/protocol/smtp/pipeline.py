"""The part of a session that carries messages: what is written when, and which reply settles which message.

At most two messages are begun at a time: one whose content's end is written and whose final reply is awaited, and,
where the server offers PIPELINING, the next one's envelope behind it (RFC 2920 section 3.1).
"""

from collections import deque
from enum import StrEnum
from typing import Generic, TypeVar

from caesura.protocol.smtp.message import (
    Capabilities,
    Envelope,
    chunked,
    dotted,
    mail_command,
    rcpt_command,
    refusal,
)
from caesura.protocol.smtp.outcome import FailureKind, Kind, Outcome, SessionFailure, Stage
from caesura.protocol.smtp.replies import Reply
from caesura.protocol.smtp.transcript import Transcript

PIECE_BYTES = 65_536
"""Content is handed out in pieces of this size: until the last one is out, the message is known not to be taken."""

SERVICE_CLOSING = 421

Tag = TypeVar("Tag")


class Wait(StrEnum):
    """What a session is waiting for; each has its own time limit (RFC 5321 section 4.5.3.2)."""

    GREETING = "greeting"
    COMMAND = "command"
    """The reply to any command but DATA and QUIT."""
    DATA = "data"
    CONTENT = "content"
    """Room to write the next piece of content."""
    FINAL = "final"
    """The reply to the content's end."""
    GOODBYE = "goodbye"
    """The reply to QUIT."""


class _Transaction(Generic[Tag]):
    __slots__ = ("copies_asked", "envelope", "has_recipient", "is_end_written", "is_settled", "refused", "tag")

    def __init__(self, envelope: Envelope, tag: Tag) -> None:
        self.envelope = envelope
        self.tag = tag
        self.is_settled = False
        self.has_recipient = False
        self.copies_asked = 0
        self.refused: tuple[tuple[str, Reply], ...] = ()
        # From here on nobody but the server's reply can tell whether the message was taken.
        self.is_end_written = False


class Pipeline(Generic[Tag]):
    """Messages in, bytes out; replies in, outcomes out. `tag` is the caller's name for a message.

    `finished` collects (tag, outcome); the caller empties it. Outcomes of begun messages come in order of submission.
    """

    def __init__(
        self, capabilities: Capabilities, chunking: bool, messages_max: int, transcript: Transcript | None
    ) -> None:
        self.finished: list[tuple[Tag, Outcome]] = []
        self.failure: SessionFailure | None = None
        self.is_ended = False
        self.room = messages_max
        self._capabilities = capabilities
        self._pipelining = capabilities.pipelining
        self._chunking = chunking and capabilities.chunking
        self._transcript = transcript
        self._queue: deque[_Transaction[Tag]] = deque()
        # Its envelope, or its content, is not written to the end yet.
        self._open: _Transaction[Tag] | None = None
        # Its content's end is written; the final reply is due.
        self._final: _Transaction[Tag] | None = None
        self._expected: deque[tuple[Stage, _Transaction[Tag] | None]] = deque()
        self._commands: list[bytes] = []
        self._unsent: bytes | None = None
        self._unsent_from = 0
        self._needs_reset = False
        self._is_quitting = False
        self._is_quit_written = False

    # What the caller asks for

    def submit(self, envelope: Envelope, tag: Tag) -> None:
        """Take a message. It is refused at once, or given back at once if no more can begin here."""
        if self.is_ended or self._is_quitting or self.room <= 0:
            detail = self.failure.detail if self.failure else "the connection takes no more messages"
            self.finished.append((tag, Outcome(Kind.NOT_SENT, Stage.QUEUE, None, detail)))
            return
        refused = refusal(envelope, self._capabilities)
        if refused is not None:
            self.finished.append((tag, refused))
            return
        self.room -= 1
        self._queue.append(_Transaction(envelope, tag))

    def withdraw(self, envelope: Envelope) -> bool:
        """Drop this very envelope if no byte of it has been handed out; True if it was dropped."""
        for transaction in self._queue:
            if transaction.envelope is envelope:
                self._queue.remove(transaction)
                self.room += 1
                self._settle(transaction, Kind.NOT_SENT, Stage.QUEUE, None, "withdrawn")
                return True
        return False

    def check(self) -> None:
        """Ask for a sign of life (NOOP). Only when idle."""
        self._write(b"NOOP\r\n", Stage.NOOP, None)

    def quit(self) -> None:
        """Begin nothing more; once what is begun is settled, QUIT."""
        self._is_quitting = True
        self.room = 0
        self._give_back("the connection is being closed")

    def end(self, failure: SessionFailure) -> None:
        """The session is over now: settle everything, each by how far it had come."""
        if self.is_ended:
            return
        self.is_ended = True
        self.failure = failure
        for transaction in (self._final, self._open):
            if transaction is None or transaction.is_settled:
                continue
            kind = Kind.UNKNOWN if transaction.is_end_written else Kind.DEFERRED
            self._settle(transaction, kind, self._stage_of(transaction), None, failure.detail)
        self._give_back(failure.detail)

    @property
    def is_idle(self) -> bool:
        """True if nothing is queued, begun or awaited."""
        return not (self._queue or self._open or self._final or self._expected)

    @property
    def wait(self) -> Wait | None:
        """What is being waited for; None when idle."""
        if self._expected:
            match self._expected[0][0]:
                case Stage.DATA:
                    return Wait.DATA
                case Stage.CONTENT:
                    return Wait.FINAL
                case Stage.QUIT:
                    return Wait.GOODBYE
                case _:
                    return Wait.COMMAND
        return Wait.CONTENT if self._unsent is not None else None

    @property
    def stage(self) -> Stage:
        """The stage being waited at; QUEUE when idle."""
        if self._expected:
            return self._expected[0][0]
        return Stage.CONTENT if self._unsent is not None else Stage.QUEUE

    # Bytes out

    def output(self) -> bytes:
        """The next bytes to write, empty if there are none now. What is handed out counts as written."""
        if self.is_ended:
            return b""
        parts: list[bytes] = []
        while True:
            if self._commands:
                parts += self._commands
                self._commands.clear()
            if self._unsent is not None:
                parts.append(self._next_piece())
                if self._unsent is not None:
                    break
            if self._open is None and (self._queue or self._is_quitting):
                self._go_on()
            if not self._commands and self._unsent is None:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _next_piece(self) -> bytes:
        transaction, unsent, start = self._open, self._unsent, self._unsent_from
        if transaction is None or unsent is None:
            raise AssertionError("no content is being written")
        if len(unsent) - start > PIECE_BYTES:
            self._unsent_from = start + PIECE_BYTES
            return unsent[start : self._unsent_from]
        self._unsent, self._unsent_from = None, 0
        transaction.is_end_written = True
        self._open, self._final = None, transaction
        self._expected.append((Stage.CONTENT, transaction))
        if self._transcript is not None:
            self._transcript.wrote(f"<content: {len(transaction.envelope.content)} bytes>")
        return unsent[start:]

    def _go_on(self) -> None:
        """Begin the next message, or QUIT, if the dialogue allows either now."""
        if self._is_quitting:
            if not self._expected and not self._is_quit_written:
                self._is_quit_written = True
                self._write(b"QUIT\r\n", Stage.QUIT, None)
        elif self._pipelining and not (self._chunking and self._final):
            if self._needs_reset:
                self._reset()
            self._begin()
        elif not self._expected:
            if self._needs_reset:
                self._reset()
            else:
                self._begin()

    def _reset(self) -> None:
        self._needs_reset = False
        self._write(b"RSET\r\n", Stage.RSET, None)

    def _begin(self) -> None:
        transaction = self._open = self._queue.popleft()
        self._write(mail_command(transaction.envelope, self._capabilities), Stage.MAIL, transaction)
        if not self._is_lockstep(transaction):
            self._write(rcpt_command(transaction.envelope.recipient), Stage.RCPT, transaction)
            self._ask_for_content(transaction)

    def _is_lockstep(self, transaction: _Transaction[Tag]) -> bool:
        """Whether each of its commands waits for a reply. So it is with copies: content that is asked for after the
        recipient was refused and a copy was taken could only be kept from that one by closing the connection.
        """
        return not self._pipelining or bool(transaction.envelope.copies)

    def _ask_for_content(self, transaction: _Transaction[Tag]) -> None:
        if self._chunking:
            self._unsent = chunked(transaction.envelope.content)
        else:
            self._write(b"DATA\r\n", Stage.DATA, transaction)

    def _write(self, command: bytes, stage: Stage, transaction: _Transaction[Tag] | None) -> None:
        self._commands.append(command)
        self._expected.append((stage, transaction))
        if self._transcript is not None:
            self._transcript.wrote(command.decode("utf-8", "replace").rstrip())

    # Replies in

    def on_reply(self, reply: Reply) -> None:
        """Take the next reply, unless ended. An unexpected code is an outcome too, and may end the session."""
        if not self._expected:
            self._on_unasked(reply)
            return
        stage, transaction = self._expected.popleft()
        if transaction is None:
            self._on_session_reply(stage, reply)
        elif stage is Stage.DATA:
            self._on_data_reply(transaction, reply)
        elif stage is Stage.CONTENT:
            self._on_final_reply(transaction, reply)
        else:
            self._on_envelope_reply(stage, transaction, reply)
        if reply.code == SERVICE_CLOSING:
            self._end("service_closing", stage, f"the server closed the session: {reply}", reply)

    def _on_envelope_reply(self, stage: Stage, transaction: _Transaction[Tag], reply: Reply) -> None:
        digit = reply.code // 100
        if digit == 2:
            transaction.has_recipient = stage is Stage.RCPT
            if self._is_lockstep(transaction):
                self._go_deeper(stage, transaction)
            return
        if transaction.copies_asked and digit in (4, 5):
            # Also one that is refused for now: trying it again would be a second message to all the others.
            copy = transaction.envelope.copies[transaction.copies_asked - 1]
            transaction.refused += ((copy, reply),)
            self._go_deeper(stage, transaction)
            return
        if not transaction.is_settled:
            self._settle(transaction, _refusal_kind(digit), stage, reply)
        if digit not in (4, 5):
            self._end_unexpected(stage, reply)
        elif self._is_lockstep(transaction):
            self._close(transaction)

    def _go_deeper(self, stage: Stage, transaction: _Transaction[Tag]) -> None:
        envelope = transaction.envelope
        if stage is Stage.MAIL:
            self._write(rcpt_command(envelope.recipient), Stage.RCPT, transaction)
        elif transaction.copies_asked < len(envelope.copies):
            transaction.copies_asked += 1
            self._write(rcpt_command(envelope.copies[transaction.copies_asked - 1]), Stage.RCPT, transaction)
        else:
            self._ask_for_content(transaction)

    def _on_data_reply(self, transaction: _Transaction[Tag], reply: Reply) -> None:
        digit = reply.code // 100
        if digit == 3 and not transaction.is_settled:
            self._unsent = dotted(transaction.envelope.content)
            return
        if digit == 3 and not transaction.has_recipient:
            # Refused, and yet the server waits for content: an empty one ends it (RFC 2920 section 3.1).
            self._write(b".\r\n", Stage.CONTENT, transaction)
            return
        if not transaction.is_settled:
            self._settle(transaction, _refusal_kind(digit), Stage.DATA, reply)
        self._close(transaction)
        if digit not in (4, 5):
            # Also a sender refused, a recipient taken and content asked for: an empty one would be delivered.
            self._end_unexpected(Stage.DATA, reply)

    def _on_final_reply(self, transaction: _Transaction[Tag], reply: Reply) -> None:
        if transaction.is_settled:
            self._close(transaction)
            return
        self._final = None
        match reply.code // 100:
            case 2:
                self._settle(transaction, Kind.ACCEPTED, Stage.CONTENT, reply)
            case 4:
                self._settle(transaction, Kind.DEFERRED, Stage.CONTENT, reply)
            case 5:
                self._settle(transaction, Kind.REJECTED, Stage.CONTENT, reply)
            case _:
                self._settle(transaction, Kind.UNKNOWN, Stage.CONTENT, reply, "neither taken nor refused")
                self._end_unexpected(Stage.CONTENT, reply)

    def _on_session_reply(self, stage: Stage, reply: Reply) -> None:
        if stage is Stage.QUIT:
            self.is_ended = True
        elif stage is Stage.RSET and reply.code // 100 != 2 and reply.code != SERVICE_CLOSING:
            self._end_unexpected(stage, reply)

    def _on_unasked(self, reply: Reply) -> None:
        if self._open is not None and not self._open.is_settled:
            # The server gives up before the content's end: it cannot have taken the message.
            self._settle(self._open, _refusal_kind(reply.code // 100), Stage.CONTENT, reply)
        if reply.code == SERVICE_CLOSING:
            self._end("service_closing", self.stage, f"the server closed the session: {reply}", reply)
        else:
            self._end_unexpected(self.stage, reply)

    # Settling

    def _close(self, transaction: _Transaction[Tag]) -> None:
        """The dialogue about a refused message is over; the server may still hold half a transaction."""
        self._needs_reset = True
        if self._open is transaction:
            self._open = None
        if self._final is transaction:
            self._final = None

    def _settle(
        self, transaction: _Transaction[Tag], kind: Kind, stage: Stage, reply: Reply | None, detail: str = ""
    ) -> None:
        transaction.is_settled = True
        self.finished.append((transaction.tag, Outcome(kind, stage, reply, detail, transaction.refused)))

    def _give_back(self, detail: str) -> None:
        while self._queue:
            self._settle(self._queue.popleft(), Kind.NOT_SENT, Stage.QUEUE, None, detail)

    def _stage_of(self, transaction: _Transaction[Tag]) -> Stage:
        if transaction.is_end_written:
            return Stage.CONTENT
        return next((stage for stage, other in self._expected if other is transaction), Stage.CONTENT)

    def _end(self, code: str, stage: Stage, detail: str, reply: Reply | None) -> None:
        self.end(SessionFailure(FailureKind.TEMPORARY, stage, code, detail, reply))

    def _end_unexpected(self, stage: Stage, reply: Reply) -> None:
        self._end("unexpected_reply", stage, f"the server answered {reply.code} at {stage.value}", reply)


def _refusal_kind(digit: int) -> Kind:
    """What a reply before the content's end, other than the one hoped for, makes of the message."""
    return Kind.REJECTED if digit == 5 else Kind.DEFERRED
