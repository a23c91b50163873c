"""A scripted SMTP server without a socket, and a wire between it and a client session that can break anywhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from caesura.protocol.smtp import Envelope, Kind, Outcome, Phase, Session, SessionSettings, TlsMode

OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000000", "ENHANCEDSTATUSCODES")
DEFAULTS = {
    "GREETING": "220 test",
    "EHLO": "250",
    "HELO": "250 test",
    "STARTTLS": "220 go on",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 go on",
    "CONTENT": "250 2.0.0 queued",
    "RSET": "250 Ok",
    "NOOP": "250 Ok",
    "QUIT": "221 Bye",
}


@dataclass
class ScriptedServer:
    """Answers by script: `replies` by verb, or by "VERB recipient"; a list is used up one by one, then the default.

    Every message is from and to the same address, so that it is known from its MAIL on.
    """

    replies: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    offers: Sequence[str] = OFFERS

    def __post_init__(self) -> None:
        self.commands: list[str] = []
        self.accepted: list[tuple[str, bytes]] = []
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.decided: dict[str, tuple[int, Kind]] = {}
        self.sent = b""
        self._left = {key: list(value) for key, value in self.replies.items() if not isinstance(value, str)}
        self._unread = b""
        self._recipient = ""
        self._has_sender = False
        self._has_recipient = False
        self._in_data = False

    def greet(self) -> bytes:
        return self._say(self._reply("GREETING"))

    def take(self, data: bytes) -> bytes:
        self._unread += data
        before = len(self.sent)
        while self._step():
            pass
        return self.sent[before:]

    def _step(self) -> bool:
        if self._in_data:
            return self._take_dotted()
        line, found, rest = self._unread.partition(b"\r\n")
        if not found:
            return False
        words = line.decode().split()
        if words and words[0] == "BDAT":
            return self._take_chunk(words, rest)
        self._unread = rest
        self._obey(line.decode())
        return True

    def _take_dotted(self) -> bool:
        # The line end before the dot is also DATA's own, for an empty content.
        content, found, rest = (b"\r\n" + self._unread).partition(b"\r\n.\r\n")
        if not found:
            return False
        self._unread, self._in_data = rest, False
        self._finish((content + b"\r\n")[2:].replace(b"\r\n..", b"\r\n.").removeprefix(b"."))
        return True

    def _take_chunk(self, words: list[str], rest: bytes) -> bool:
        assert words[2:] == ["LAST"]
        size = int(words[1])
        if len(rest) < size:
            return False
        self._unread = rest[size:]
        self.commands.append("BDAT")
        self._finish(rest[:size])
        return True

    def _finish(self, content: bytes) -> None:
        self.ended.append(self._recipient)
        reply = self._reply("CONTENT") if self._has_recipient else "554 5.5.1 no valid recipients"
        if reply.startswith("2"):
            self.accepted.append((self._recipient, content))
        self._has_recipient = self._has_sender = False
        self._say(reply, decides={"2": Kind.ACCEPTED, "4": Kind.DEFERRED, "5": Kind.REJECTED}.get(reply[0]))

    def _obey(self, line: str) -> None:
        verb = line.split(" ", 1)[0].split(":")[0].upper()
        self.commands.append(line)
        if verb == "MAIL":
            self._recipient = line[line.index("<") + 1 : line.index(">")]
            self.begun.append(self._recipient)
        if verb in ("RCPT", "DATA") and not self._has_sender:
            self._say("503 5.5.1 MAIL first")
            return
        reply = self._reply(verb)
        if verb == "EHLO" and reply == "250":
            reply = "\r\n".join(["250-test", *(f"250-{offer}" for offer in self.offers), "250 HELP"])
        if verb in ("MAIL", "RSET"):
            self._has_sender = verb == "MAIL" and reply.startswith("2")
        if verb in ("MAIL", "RCPT", "RSET"):
            self._has_recipient = verb == "RCPT" and (self._has_recipient or reply.startswith("2"))
        self._in_data = verb == "DATA" and reply.startswith("3")
        refused = verb in ("MAIL", "RCPT", "DATA") and reply[0] in "45"
        self._say(reply, decides={"4": Kind.DEFERRED, "5": Kind.REJECTED}[reply[0]] if refused else None)

    def _reply(self, verb: str) -> str:
        for key in (f"{verb} {self._recipient}", verb):
            if self._left.get(key):
                return self._left[key].pop(0)
            if isinstance(found := self.replies.get(key), str):
                return found
        return DEFAULTS.get(verb, "500 5.5.2 what?")

    def _say(self, reply: str, decides: Kind | None = None) -> bytes:
        said = reply.encode() + b"\r\n"
        self.sent += said
        if decides is not None:
            self.decided.setdefault(self._recipient, (len(self.sent), decides))
        return said


@dataclass
class Wire:
    """Carries bytes both ways and breaks when told to; keeps what the client handed out and each outcome."""

    session: Session[str]
    server: ScriptedServer
    heard: int = 0
    handed: bytes = b""
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(
        self,
        envelopes: Sequence[Envelope] = (),
        cut: Callable[[bytes], Iterator[bytes]] = lambda data: iter([data]),
        server_bytes: int | None = None,
        client_bytes: int | None = None,
        quits: bool = True,
    ) -> "Wire":
        """The whole dialogue, to its end or to the break after so many bytes of either side."""
        self._envelopes = list(envelopes)
        self._client_bytes = client_bytes
        pending = self.server.greet()
        while pending and self.session.phase is not Phase.ENDED:
            pieces = list(cut(pending))
            pending = b""
            for index, piece in enumerate(pieces):
                if server_bytes is not None and self.heard + len(piece) > server_bytes:
                    piece = piece[: server_bytes - self.heard]
                self.heard += len(piece)
                if piece:
                    self.session.receive(piece)
                if self.heard == server_bytes:
                    self._hand_out()
                    return self._break()
                answer = self._hand_out()
                if answer:
                    pending = b"".join(pieces[index + 1 :]) + answer
                    break
            if not pending and quits and self.session.is_idle:
                self.session.quit()
                pending = self._hand_out()
        return self._break() if client_bytes is not None else self._collect()

    def _hand_out(self) -> bytes:
        answer = b""
        while True:
            if self.session.phase is Phase.ENCRYPTING:
                self.session.encrypted()
            if self.session.phase is Phase.READY and self._envelopes:
                for envelope in self._envelopes:
                    self.session.submit(envelope, envelope.recipient)
                self._envelopes = []
            piece = self.session.output()
            if not piece:
                self._collect()
                return answer
            arriving = piece
            if self._client_bytes is not None:
                arriving = piece[: max(0, self._client_bytes - len(self.handed))]
            self.handed += piece
            answer += self.server.take(arriving)

    def _break(self) -> "Wire":
        self.session.lose()
        return self._collect()

    def _collect(self) -> "Wire":
        for recipient, outcome in self.session.take_finished():
            assert recipient not in self.outcomes, "a second outcome for one message"
            self.outcomes[recipient] = outcome
        return self

    @property
    def kinds(self) -> dict[str, Kind]:
        return {recipient: outcome.kind for recipient, outcome in self.outcomes.items()}


@dataclass
class Wiring:
    """Makes wires, settings and envelopes."""

    server: type[ScriptedServer] = ScriptedServer

    def settings(self, **changes: object) -> SessionSettings:
        return SessionSettings(**{"helo_name": "client.example", "tls": TlsMode.NONE, **changes})  # type: ignore[arg-type]

    def wire(
        self,
        replies: Mapping[str, str | Sequence[str]] | None = None,
        offers: Sequence[str] = OFFERS,
        transcribe: bool = False,
        **settings: object,
    ) -> Wire:
        return Wire(Session(self.settings(**settings), transcribe), ScriptedServer(replies or {}, offers))

    def envelope(self, number: int = 0, content: bytes = b"Subject: hello\r\n\r\nhello\r\n.dot\r\n") -> Envelope:
        return Envelope(f"r{number}@example.com", f"r{number}@example.com", content)


@pytest.fixture
def wiring() -> Wiring:
    return Wiring()
