"""The receiving side of SMTP (RFC 5321), for a server that takes everything: bytes in, events out."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias, assert_never

MAXIMUM_LINE_BYTES = 12_288
"""The longest command line, with its end; AUTH needs this much (RFC 4954 4)."""

MAXIMUM_PATH_BYTES = 254
MAXIMUM_RECIPIENTS = 1_000

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_PATH = re.compile(r'(FROM|TO): ?<((?:"(?:[^"\\]|\\.)*"|[^<>" ])*)>((?: +[^ ]+)*) *', re.IGNORECASE)
_CHUNK = re.compile(r"(\d{1,18})( +LAST)? *", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"\d{1,20}", re.ASCII)
_END_OF_DATA = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers: a code, an enhanced code (RFC 3463) if there is one, and words in ASCII."""

    code: int
    text: str
    enhanced: str = ""

    def encode(self) -> bytes:
        words = f"{self.enhanced} {self.text}" if self.enhanced else self.text
        return f"{self.code} {words}\r\n".encode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as it came: `content` is the bytes after dot-unstuffing, with their line ends."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    client_name: str
    needs_smtputf8: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes to the client."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """Keep this message, then call `settle` with the reply. Until then nothing further happens."""

    message: ReceivedMessage


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection once what was sent has gone out."""


Event: TypeAlias = Send | Deliver | Close


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """`maximum_message_bytes` is announced as SIZE; `offers_auth` takes any credentials (PLAIN, LOGIN)."""

    host_name: str = "sink.test"
    maximum_message_bytes: int = 26_214_400
    offers_auth: bool = True


class _Mode(Enum):
    COMMAND = auto()
    DATA = auto()
    CHUNK = auto()
    AUTH = auto()
    DELIVERING = auto()
    CLOSED = auto()


@dataclass(slots=True)
class _Transaction:
    sender: str
    needs_smtputf8: bool
    recipients: list[str] = field(default_factory=list)
    chunks: bytearray | None = None  # of BDAT; None before the first one
    chunks_too_large: bool = False


_OK = Reply(250, "OK", "2.0.0")
_SYNTAX = Reply(500, "Syntax error", "5.5.2")
_TOO_LARGE = Reply(552, "The message is larger than SIZE allows", "5.3.4")
_ORDER = Reply(503, "Wrong order of commands", "5.5.1")
_PARAMETER = Reply(555, "Unknown parameter", "5.5.4")


class ServerSession:
    """One connection. Call `greet` first, then `feed` with what arrives, and `settle` after each Deliver.

    Offers PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING, ENHANCEDSTATUSCODES and AUTH; bytes may be
    cut anywhere. Lines end in CRLF alone, so that nothing can be smuggled in behind a bare LF. Memory
    is bounded by the message size, while the caller stops reading after a Deliver until it is settled.
    """

    def __init__(self, options: ServerOptions | None = None) -> None:
        self._options = options or ServerOptions()
        self._mode = _Mode.COMMAND
        self._buffer = bytearray()
        self._searched = 0
        self._skips_line = False  # the rest of a line that was too long
        self._at_first_line = False  # of DATA
        self._too_large = False
        self._chunk_left = 0
        self._chunk_is_last = False
        self._chunk_refusal: Reply | None = None
        self._awaited: list[str] = []  # what AUTH still asks for
        self._is_authenticated = False
        self._client_name = ""
        self._transaction: _Transaction | None = None
        self._outgoing = bytearray()
        self._events: list[Event] = []
        self._commands: dict[str, Callable[[str], Reply | None]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "BDAT": self._bdat,
            "RSET": self._rset,
            "NOOP": lambda _: _OK,
            "VRFY": lambda _: Reply(252, "Cannot verify, but will take the message", "2.0.0"),
            "AUTH": self._auth,
            "QUIT": self._quit,
        }

    def greet(self) -> list[Event]:
        """What a new client is told."""
        return [Send(Reply(220, f"{self._options.host_name} ESMTP").encode())]

    def feed(self, data: bytes) -> list[Event]:
        """Take what has arrived."""
        if self._mode is _Mode.CLOSED:
            return []
        self._buffer += data
        return [] if self._mode is _Mode.DELIVERING else self._advance()

    def settle(self, reply: Reply = _OK) -> list[Event]:
        """Answer the message that was last delivered, and go on. ValueError if there is none."""
        if self._mode is not _Mode.DELIVERING:
            raise ValueError("there is no message to settle")
        self._mode = _Mode.COMMAND
        self._outgoing += reply.encode()
        return self._advance()

    def _advance(self) -> list[Event]:
        while self._step():
            pass
        self._flush()
        events, self._events = self._events, []
        return events

    def _flush(self) -> None:
        if self._outgoing:
            self._events.append(Send(bytes(self._outgoing)))
            self._outgoing.clear()

    def _step(self) -> bool:
        """Do one thing; False when more bytes, or the caller, are needed for the next."""
        match self._mode:
            case _Mode.COMMAND | _Mode.AUTH:
                return self._take_line()
            case _Mode.DATA:
                return self._take_data()
            case _Mode.CHUNK:
                return self._take_chunk()
            case _Mode.DELIVERING | _Mode.CLOSED:
                return False
        assert_never(self._mode)

    def _answer(self, reply: Reply | None) -> None:
        if reply is not None:
            self._outgoing += reply.encode()

    def _take_line(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\n", self._searched) + 1
        if end == 0:
            if len(buffer) > MAXIMUM_LINE_BYTES:
                self._skips_line = True
                buffer.clear()
            self._searched = len(buffer)
            return False
        line = bytes(buffer[:end])
        del buffer[:end]
        self._searched = 0
        if self._skips_line or len(line) > MAXIMUM_LINE_BYTES:
            self._skips_line = False
            self._answer(Reply(500, "The line is too long", "5.5.2"))
        elif not line.endswith(b"\r\n"):
            self._answer(Reply(500, "A line ends in CR LF", "5.5.2"))
        else:
            self._answer(self._command(line[:-2]))
        return True

    def _command(self, line: bytes) -> Reply | None:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return _SYNTAX
        if _CONTROL.search(text) is not None:
            return _SYNTAX
        if self._mode is _Mode.AUTH:
            return self._auth_answer(text)
        verb, _, argument = text.partition(" ")
        command = self._commands.get(verb.upper())
        return command(argument.strip(" ")) if command is not None else Reply(500, "Unknown command", "5.5.1")

    def _ehlo(self, argument: str) -> Reply | None:
        refusal = self._meet(argument)
        if refusal is not None:
            return refusal
        lines = [
            self._options.host_name,
            "PIPELINING",
            f"SIZE {self._options.maximum_message_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            *(["AUTH PLAIN LOGIN"] if self._options.offers_auth else []),
        ]
        self._outgoing += "".join(f"250-{line}\r\n" for line in lines).encode()
        return Reply(250, "ENHANCEDSTATUSCODES")

    def _helo(self, argument: str) -> Reply:
        return self._meet(argument) or Reply(250, self._options.host_name)

    def _meet(self, argument: str) -> Reply | None:
        if not argument:
            return Reply(501, "Say who you are", "5.5.4")
        self._client_name = argument
        self._transaction = None
        return None

    def _mail(self, argument: str) -> Reply:
        if not self._client_name or self._transaction is not None:
            return _ORDER
        path, parameters = _path(argument, "FROM")
        if path is None or (path and not _is_mailbox(path)):
            return Reply(501, "Syntax: MAIL FROM:<address>", "5.1.7")
        refusal = self._parameters_refusal(parameters)
        if refusal is not None:
            return refusal
        needs_smtputf8 = "SMTPUTF8" in parameters
        if not path.isascii() and not needs_smtputf8:
            return Reply(553, "The address needs SMTPUTF8", "5.6.7")
        self._transaction = _Transaction(path, needs_smtputf8)
        return Reply(250, "OK", "2.1.0")

    def _parameters_refusal(self, parameters: dict[str, str | None]) -> Reply | None:
        for name, value in parameters.items():
            match name, (value or "").upper():
                case ("SMTPUTF8", "") | ("BODY", "7BIT" | "8BITMIME"):
                    pass
                case "SIZE", size if _DIGITS.fullmatch(size) is not None:
                    if int(size) > self._options.maximum_message_bytes:
                        return _TOO_LARGE
                case "AUTH", identity if identity and self._options.offers_auth:
                    pass
                case (("SMTPUTF8" | "BODY" | "SIZE"), _):
                    return Reply(501, f"Wrong value of {name}", "5.5.4")
                case _:
                    return _PARAMETER
        return None

    def _rcpt(self, argument: str) -> Reply:
        transaction = self._transaction
        if transaction is None or transaction.chunks is not None:
            return _ORDER
        path, parameters = _path(argument, "TO")
        if path is None or not (_is_mailbox(path) or path.lower() == "postmaster"):
            return Reply(501, "Syntax: RCPT TO:<address>", "5.1.3")
        if parameters:
            return _PARAMETER
        if not path.isascii() and not transaction.needs_smtputf8:
            return Reply(553, "The address needs SMTPUTF8", "5.6.7")
        if len(transaction.recipients) >= MAXIMUM_RECIPIENTS:
            return Reply(452, "Too many recipients", "4.5.3")
        transaction.recipients.append(path)
        return Reply(250, "OK", "2.1.5")

    def _data(self, argument: str) -> Reply:
        transaction = self._transaction
        if argument:
            return Reply(501, "DATA takes no argument", "5.5.4")
        if transaction is None or not transaction.recipients or transaction.chunks is not None:
            return _ORDER
        self._mode = _Mode.DATA
        self._at_first_line, self._too_large = True, False
        return Reply(354, "End with <CR><LF>.<CR><LF>")

    def _take_data(self) -> bool:
        buffer = self._buffer
        if self._at_first_line:
            if buffer.startswith(_END_OF_DATA[2:]):
                del buffer[: len(_END_OF_DATA) - 2]
                self._finish(b"", self._too_large)
                return True
            if _END_OF_DATA[2:].startswith(buffer):
                return False
            self._at_first_line = False
        end = buffer.find(_END_OF_DATA, self._searched)
        if end < 0:
            if len(buffer) > self._options.maximum_message_bytes + len(_END_OF_DATA):
                self._too_large = True
                del buffer[: 1 - len(_END_OF_DATA)]
            self._searched = max(0, len(buffer) + 1 - len(_END_OF_DATA))
            return False
        stuffed = bytes(buffer[: end + 2])
        del buffer[: end + len(_END_OF_DATA)]
        content = stuffed.replace(b"\r\n.", b"\r\n").removeprefix(b".")
        self._finish(content, self._too_large or len(content) > self._options.maximum_message_bytes)
        return True

    def _bdat(self, argument: str) -> Reply | None:
        found = _CHUNK.fullmatch(argument)
        if found is None:
            return Reply(501, "Syntax: BDAT size [LAST]", "5.5.4")
        self._mode = _Mode.CHUNK
        self._chunk_left = int(found[1])
        self._chunk_is_last = found[2] is not None
        transaction = self._transaction
        self._chunk_refusal = None
        if transaction is None or not transaction.recipients:
            # The chunk follows all the same (RFC 3030 2): it is passed over.
            self._chunk_refusal = _ORDER
        elif transaction.chunks is None:
            transaction.chunks = bytearray()
        return None

    def _take_chunk(self) -> bool:
        buffer, transaction = self._buffer, self._transaction
        taken = min(self._chunk_left, len(buffer))
        if transaction is not None and transaction.chunks is not None:
            if len(transaction.chunks) + taken > self._options.maximum_message_bytes:
                transaction.chunks_too_large = True
                transaction.chunks.clear()
            if not transaction.chunks_too_large:
                transaction.chunks += buffer[:taken]
        del buffer[:taken]
        self._chunk_left -= taken
        if self._chunk_left:
            return False
        self._mode = _Mode.COMMAND
        if self._chunk_refusal is not None or transaction is None or transaction.chunks is None:
            self._answer(self._chunk_refusal)
        elif self._chunk_is_last:
            self._finish(bytes(transaction.chunks), transaction.chunks_too_large)
        else:
            self._answer(_TOO_LARGE if transaction.chunks_too_large else _OK)
        return True

    def _finish(self, content: bytes, is_too_large: bool) -> None:
        """The message is whole: hand it over, or refuse it; the transaction is over either way."""
        transaction = self._transaction
        assert transaction is not None, "content comes only within a transaction"
        self._transaction = None
        self._searched = 0
        self._mode = _Mode.COMMAND
        if is_too_large:
            self._answer(_TOO_LARGE)
            return
        self._flush()
        self._mode = _Mode.DELIVERING
        message = ReceivedMessage(
            sender=transaction.sender,
            recipients=tuple(transaction.recipients),
            content=content,
            client_name=self._client_name,
            needs_smtputf8=transaction.needs_smtputf8,
        )
        self._events.append(Deliver(message))

    def _rset(self, argument: str) -> Reply:
        if argument:
            return Reply(501, "RSET takes no argument", "5.5.4")
        self._transaction = None
        return _OK

    def _auth(self, argument: str) -> Reply:
        if not self._options.offers_auth:
            return Reply(502, "AUTH is not offered", "5.5.1")
        if not self._client_name or self._is_authenticated or self._transaction is not None:
            return _ORDER
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() not in ("PLAIN", "LOGIN"):
            return Reply(504, "Only PLAIN and LOGIN are offered", "5.5.4")
        self._mode = _Mode.AUTH
        self._awaited = [""] if mechanism.upper() == "PLAIN" else ["Username:", "Password:"]
        return self._auth_answer(initial) if initial else self._auth_question()

    def _auth_question(self) -> Reply:
        return Reply(334, base64.b64encode(self._awaited[0].encode()).decode())

    def _auth_answer(self, text: str) -> Reply:
        is_plain = self._awaited == [""]
        try:
            answer = base64.b64decode("" if text == "=" else text, validate=True)
        except (binascii.Error, ValueError):
            self._mode = _Mode.COMMAND
            return Reply(501, "Cancelled" if text == "*" else "This is not base64", "5.5.2")
        if is_plain and answer.count(b"\0") != 2:
            self._mode = _Mode.COMMAND
            return Reply(501, "PLAIN takes an identity, a user name and a password", "5.5.2")
        self._awaited.pop(0)
        if self._awaited:
            return self._auth_question()
        self._mode = _Mode.COMMAND
        self._is_authenticated = True
        return Reply(235, "Welcome", "2.7.0")

    def _quit(self, _: str) -> None:
        self._answer(Reply(221, "Bye", "2.0.0"))
        self._flush()
        self._events.append(Close())
        self._mode = _Mode.CLOSED
        self._buffer.clear()


def _path(argument: str, keyword: str) -> tuple[str | None, dict[str, str | None]]:
    """The address between angle brackets and the parameters behind it; None if it cannot be read."""
    found = _PATH.fullmatch(argument)
    if found is None or found[1].upper() != keyword:
        return None, {}
    parameters: dict[str, str | None] = {}
    for word in found[3].split():
        name, equals, value = word.partition("=")
        parameters[name.upper()] = value if equals else None
    return found[2], parameters


def _is_mailbox(path: str) -> bool:
    local, at, domain = path.rpartition("@")
    return bool(local and at and domain) and len(path.encode()) <= MAXIMUM_PATH_BYTES
