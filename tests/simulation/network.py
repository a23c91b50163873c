"""The wire and the far end: real SMTP bytes, cut anywhere, over lines that fall, to a server that knows the truth.

The server is written from RFC 5321 and shares nothing with the product.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

# Lines are cut into pieces, of which most are large: a run has only so many events.
_SMALL_PIECE = 7


@dataclass(frozen=True, slots=True)
class Habits:
    """How a server behaves: what it offers, and how often it does what. Rates are per question."""

    offers_pipelining: bool = True
    offers_chunking: bool = False
    offers_size: bool = True
    refuses_session: float = 0.0
    refuses: float = 0.0  # at MAIL, RCPT, DATA or the content's end
    temporary: float = 0.7  # of the refusals
    blames_mailbox: float = 0.0  # of the permanent ones
    babbles: float = 0.0  # answers the content with a code that means nothing, having taken it or not
    line_falls: float = 0.0  # per message, at some byte in either direction
    stalls: float = 0.0  # per question
    stall_seconds: float = 60.0

    def calm(self) -> "Habits":
        """The same server on a good day."""
        return Habits(self.offers_pipelining, self.offers_chunking, self.offers_size)


@dataclass(frozen=True, slots=True)
class Received:
    """A content that a server was given in full."""

    sender: str
    recipient: str
    content: bytes
    is_taken: bool
    copies: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()  # of those who were to get a copy


@dataclass(slots=True)
class _Envelope:
    sender: str
    recipient: str | None = None
    copies: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)


_TEMPORARY = ("421 4.3.2 closing", "450 4.2.0 busy", "451 4.7.1 greylisted", "452 4.2.2 full", "451 local error")
_LEAD_FAULTS = ("550 5.1.1 no such user", "550 no", "553 5.1.3 bad address", "550 5.2.1 disabled")
_MAILBOX_FAULTS = ("530 5.7.0 log in first", "550 5.7.1 policy", "550 5.4.5 daily limit", "554 5.7.26 unsigned")
_CONTENT_FAULTS = ("554 5.7.1 spam", "552 5.3.4 too large", "550 5.6.0 no")


class Server:
    """One connection at the far end. `receive` takes bytes and gives (delay in seconds, bytes) answers.

    `told` hears each content that came whole, and each refusal as (recipient or None, stage, code).
    """

    def __init__(
        self,
        habits: Habits,
        random: Random,
        received: Callable[[Received], None],
        refused: Callable[[str | None, str, int], None],
    ) -> None:
        self._habits = habits
        self._random = random
        self._received = received
        self._refused = refused
        self._buffer = bytearray()
        self._answers: list[tuple[float, bytes]] = []
        self._envelope: _Envelope | None = None
        self._chunk_left: int | None = None
        self._is_in_data = False
        self.is_closed = False

    def greet(self) -> list[tuple[float, bytes]]:
        if self._random.random() < self._habits.refuses_session:
            self._say(self._random.choice(("421 4.3.2 later", "554 5.3.2 no service")))
            self.is_closed = True
        else:
            self._say("220 far.example ESMTP")
        return self._take_answers()

    def receive(self, data: bytes) -> list[tuple[float, bytes]]:
        self._buffer += data
        while not self.is_closed and self._step():
            pass
        return self._take_answers()

    def _take_answers(self) -> list[tuple[float, bytes]]:
        answers, self._answers = self._answers, []
        return answers

    def _say(self, *lines: str) -> None:
        habits, random = self._habits, self._random
        delay = random.uniform(0.001, 0.02)
        if random.random() < habits.stalls:
            delay += random.expovariate(1 / habits.stall_seconds)
        code = lines[0][:3]
        text = "".join(f"{code}-{line[4:]}\r\n" for line in lines[:-1]) + f"{lines[-1]}\r\n"
        self._answers.append((delay, text.encode()))

    def _step(self) -> bool:
        if self._chunk_left is not None:
            return self._chunk()
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._is_in_data:
            self._content_line(line)
        else:
            self._command(line.decode("utf-8", "replace"))
        return True

    def _command(self, line: str) -> None:
        envelope = self._envelope
        match line[:4].upper():
            case "EHLO":
                self._ehlo()
            case "MAIL":
                self._mail(line)
            case "RCPT" if envelope is not None:
                self._rcpt(line, envelope)
            case "DATA" if envelope is not None and envelope.recipient is not None:
                if not self._is_refused("data", _CONTENT_FAULTS):
                    self._is_in_data = True
                    self._say("354 go on")
            case "BDAT":
                self._chunk_left = int(line.split()[1])
            case "QUIT":
                self._say("221 2.0.0 bye")
                self.is_closed = True
            case "RSET" | "NOOP":
                self._envelope = None
                self._say("250 2.0.0 ok")
            case _:
                self._say("503 5.5.1 wrong order")

    def _mail(self, line: str) -> None:
        self._envelope = _Envelope(_path(line))
        if self._is_refused("mail", _MAILBOX_FAULTS):
            self._envelope = None
        else:
            self._say("250 2.1.0 ok")

    def _rcpt(self, line: str, envelope: _Envelope) -> None:
        is_copy = envelope.recipient is not None
        if not is_copy:
            envelope.recipient = _path(line)
        faults = _MAILBOX_FAULTS if self._random.random() < self._habits.blames_mailbox else _LEAD_FAULTS
        is_refused = self._is_refused("rcpt", faults)
        if is_copy:
            (envelope.refused if is_refused else envelope.copies).append(_path(line))
        elif is_refused:
            envelope.recipient = None
        if not is_refused:
            self._say("250 2.1.5 ok")

    def _ehlo(self) -> None:
        habits = self._habits
        if self._random.random() < habits.refuses_session / 2:
            self._say("421 4.3.2 not now")
            self.is_closed = True
            return
        offers = ["250 far.example", "250 8BITMIME", "250 SMTPUTF8"]
        offers += ["250 PIPELINING"] if habits.offers_pipelining else []
        offers += ["250 CHUNKING"] if habits.offers_chunking else []
        offers += ["250 SIZE 1000000"] if habits.offers_size else []
        self._say(*offers)

    def _is_refused(self, stage: str, permanent: tuple[str, ...]) -> bool:
        random, habits = self._random, self._habits
        if random.random() >= habits.refuses:
            return False
        self._refuse(stage, random.choice(_TEMPORARY if random.random() < habits.temporary else permanent))
        return True

    def _refuse(self, stage: str, line: str) -> None:
        self._refused(self._envelope.recipient if self._envelope else None, stage, int(line[:3]))
        self._say(line)
        if line.startswith("421"):
            self.is_closed = True

    def _content_line(self, line: bytes) -> None:
        if self._envelope is None:
            raise AssertionError("content without an envelope")
        if line == b".":
            self._is_in_data = False
            self._content_ends()
        else:
            self._envelope.content += line.removeprefix(b".") + b"\r\n"

    def _chunk(self) -> bool:
        if self._chunk_left is None or len(self._buffer) < self._chunk_left:
            return False
        content = bytes(self._buffer[: self._chunk_left])
        del self._buffer[: self._chunk_left]
        self._chunk_left = None
        if self._envelope is None or self._envelope.recipient is None:
            self._say("503 5.5.1 wrong order")
        else:
            self._envelope.content += content
            self._content_ends()
        return True

    def _content_ends(self) -> None:
        """Decides: from here on it is taken, or it is not, whether or not the answer comes through."""
        envelope, self._envelope = self._envelope, None
        if envelope is None or envelope.recipient is None:
            raise AssertionError("content without an envelope")
        random, habits = self._random, self._habits
        refusal = ""
        if random.random() < habits.refuses:
            faults = _MAILBOX_FAULTS if random.random() < habits.blames_mailbox else _CONTENT_FAULTS
            refusal = random.choice(_TEMPORARY if random.random() < habits.temporary else faults)
        babble = random.random() < habits.babbles
        is_taken = not refusal and not (babble and random.random() < 0.5)
        told = bytes(envelope.content), is_taken, tuple(envelope.copies), tuple(envelope.refused)
        self._received(Received(envelope.sender, envelope.recipient, *told))
        if babble:
            self._say("354 what")
        elif refusal:
            self._envelope = envelope
            self._refuse("content", refusal)
            self._envelope = None
        else:
            self._say("250 2.0.0 taken")


def _path(line: str) -> str:
    return line[line.index("<") + 1 : line.index(">")]


@dataclass(slots=True)
class Pipe:
    """One direction of a line: bytes on their way, which arrive in order, in pieces, up to where the line falls."""

    random: Random
    breaks_after: int | None = None
    carried: int = 0
    waiting: deque[bytes] = field(default_factory=deque)

    def put(self, data: bytes) -> None:
        if data:
            self.waiting.append(data)

    def take(self) -> bytes:
        """The next piece to arrive: cut anywhere."""
        if not self.waiting:
            return b""
        data = self.waiting.popleft()
        cut = len(data)
        if cut > 1 and self.random.random() < 0.4:
            most = _SMALL_PIECE if self.random.random() < 0.3 else cut - 1
            cut = self.random.randint(1, min(most, cut - 1))
        if self.breaks_after is not None:
            cut = min(cut, self.breaks_after - self.carried)
        if cut < len(data):
            self.waiting.appendleft(data[cut:])
        self.carried += cut
        return data[:cut]

    @property
    def is_broken(self) -> bool:
        return self.breaks_after is not None and self.carried >= self.breaks_after
