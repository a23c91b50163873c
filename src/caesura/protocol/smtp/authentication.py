"""How one proves who one is: PLAIN (RFC 4616), LOGIN and XOAUTH2, as lines to send."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

INITIAL_RESPONSE_LINE_MAX = 512
"""RFC 4954 section 4: an AUTH line above this, CRLF included, is sent without its initial response."""


class Mechanism(Enum):
    """The mechanisms that are spoken, in order of preference."""

    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    XOAUTH2 = "XOAUTH2"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or with an OAuth 2 access token if `mechanism` is XOAUTH2.

    `mechanism` None takes PLAIN or LOGIN, whichever the server offers, PLAIN first.
    """

    username: str
    secret: str = field(repr=False)
    mechanism: Mechanism | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """An AUTH dialogue: the mechanism, and the answers to give, one for each challenge, already in base64."""

    mechanism: Mechanism
    answers: tuple[bytes, ...] = field(repr=False)

    def opening(self) -> tuple[bytes, tuple[bytes, ...]]:
        """The AUTH line without its CRLF, and the answers that remain to be given."""
        bare = b"AUTH " + self.mechanism.value.encode()
        if self.mechanism is Mechanism.LOGIN:
            return bare, self.answers
        line = bare + b" " + self.answers[0]
        if len(line) + 2 > INITIAL_RESPONSE_LINE_MAX:
            return bare, self.answers
        return line, self.answers[1:]


def choose(credentials: Credentials, offered: Sequence[str]) -> Mechanism | None:
    """The mechanism to use, or None if the server offers none that these credentials can use."""
    wanted = (Mechanism.PLAIN, Mechanism.LOGIN) if credentials.mechanism is None else (credentials.mechanism,)
    return next((mechanism for mechanism in wanted if mechanism.value in offered), None)


def exchange(credentials: Credentials, mechanism: Mechanism) -> Exchange:
    """The dialogue. XOAUTH2 has a second, empty answer: the server's way of telling why it refuses the token."""
    username, secret = credentials.username.encode(), credentials.secret.encode()
    match mechanism:
        case Mechanism.PLAIN:
            return Exchange(mechanism, (b64encode(b"\0" + username + b"\0" + secret),))
        case Mechanism.LOGIN:
            return Exchange(mechanism, (b64encode(username), b64encode(secret)))
        case Mechanism.XOAUTH2:
            token = b"user=" + username + b"\x01auth=Bearer " + secret + b"\x01\x01"
            return Exchange(mechanism, (b64encode(token), b""))
        case _:
            assert_never(mechanism)


def is_sendable(credentials: Credentials) -> bool:
    """False for what would break the mechanism's own framing: control characters, lone surrogates, an empty name."""
    both = credentials.username + credentials.secret
    return bool(credentials.username) and not any(ord(mark) < 32 or 0xD800 <= ord(mark) <= 0xDFFF for mark in both)


def secrets_of(credentials: Credentials) -> tuple[str, ...]:
    """Every form in which the secret can come back from a server that echoes what it was sent; longest first."""
    answers = [
        answer.decode() for mechanism in Mechanism for answer in exchange(credentials, mechanism).answers if answer
    ]
    # The user name is no secret, yet LOGIN's base64 of it is not worth telling apart.
    forms = {*answers, credentials.secret} - {""}
    return tuple(sorted(forms, key=len, reverse=True))
