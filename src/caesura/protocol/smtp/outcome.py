"""What can become of a message and of a connection, said exactly."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from msgspec import Struct

from caesura.protocol.smtp.replies import Reply


class Kind(StrEnum):
    """What is known of a message after an attempt."""

    ACCEPTED = "accepted"
    """The server took it: a 2xx reply to the end of the content."""
    DEFERRED = "deferred"
    """Not taken, and may be tried again: a 4xx reply, or the line was lost before the content's end was written."""
    REJECTED = "rejected"
    """Refused for good: a 5xx reply, or refused by ourselves before any byte was written."""
    UNKNOWN = "unknown"
    """The content's end was or may have been written and no clear reply came. Never to be sent again by itself."""
    NOT_SENT = "not_sent"
    """Never begun on this connection, no byte was written: give it back."""


class Stage(StrEnum):
    """Where a dialogue stood. The values are what the rules in `domain.classify` are keyed by."""

    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    QUEUE = "queue"
    """Submitted and not begun."""
    SENDER = "sender"
    """Our own check of the sender's address."""
    RECIPIENT = "recipient"
    """Our own check of the recipient's address."""
    FORM = "form"
    """Our own check of the content's line ends."""
    SIZE = "size"
    """Our own check against the server's SIZE (RFC 1870)."""
    EIGHT_BIT = "8bitmime"
    """Our own check that the server takes 8-bit content (RFC 6152)."""
    SMTPUTF8 = "smtputf8"
    """Our own check that the server takes internationalised addresses (RFC 6531)."""
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"
    """From the first byte of the content to the reply to its end."""
    RSET = "rset"
    NOOP = "noop"
    QUIT = "quit"


class Outcome(Struct, frozen=True, gc=False):
    """What became of one message: `kind`, the `stage` that settled it, the server's `reply` if one did.

    `detail` is a sentence or word of ours for what no reply explains, and is empty where the reply says it all.
    `refused` are copies that the server would not take, each with its reply: the message went without them.
    """

    kind: Kind
    stage: Stage
    reply: Reply | None = None
    detail: str = ""
    refused: tuple[tuple[str, Reply], ...] = ()


class FailureKind(Enum):
    """Why a session cannot be had or has ended, by what can be done about it."""

    TEMPORARY = "temporary"
    """Try again later."""
    PERMANENT = "permanent"
    """The server refuses the session or does not speak SMTP: the mailbox's settings are to be looked at."""
    AUTHENTICATION = "authentication"
    """The credentials are refused, or cannot be given."""
    TLS = "tls"
    """The connection cannot be encrypted as demanded, or the certificate is refused."""
    POLICY = "policy"
    """The server refuses us by its rules (5.7.x)."""
    SECRET = "secret"
    """What to log in with cannot be read on our side: the server was not asked."""


@dataclass(frozen=True, slots=True)
class SessionFailure:
    """Why a session failed. `code` is a stable word, `detail` a sentence; neither ever holds a secret."""

    kind: FailureKind
    stage: Stage
    code: str
    detail: str
    reply: Reply | None = None
