"""From the greeting to a session that takes messages: EHLO, STARTTLS, AUTH, as one dialogue that reads like the RFC."""

import binascii
import re
from base64 import b64decode
from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import NoReturn

from caesura.protocol.smtp import authentication
from caesura.protocol.smtp.authentication import Credentials
from caesura.protocol.smtp.message import Capabilities
from caesura.protocol.smtp.outcome import FailureKind, SessionFailure, Stage
from caesura.protocol.smtp.replies import Reply
from caesura.protocol.smtp.transcript import REDACTED

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Without a last label of digits alone: that is an IP address that lacks its brackets.
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}")
_IPV6_TAG = "ipv6:"


class TlsMode(Enum):
    """How the connection is encrypted. There is no "if possible": that is a downgrade anybody on the way can force."""

    NONE = "none"
    """Never."""
    STARTTLS = "starttls"
    """By STARTTLS (RFC 3207), which is required."""
    IMPLICIT = "implicit"
    """From the first byte (RFC 8314)."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How to open a session.

    `helo_name` is what we call ourselves: a host name, or an address literal as "[192.0.2.1]". Credentials are
    given over an unencrypted connection only if `allow_unencrypted_login`. `chunking` sends BDAT instead of DATA
    where offered, `messages_max` is how many messages one connection carries.
    """

    helo_name: str
    tls: TlsMode
    credentials: Credentials | None = None
    allow_unencrypted_login: bool = False
    chunking: bool = False
    messages_max: int = 1000


def is_helo_name(name: str) -> bool:
    """True for what can stand behind EHLO: a host name (RFC 5321 section 4.1.2) or an address literal (4.1.3)."""
    if not name.startswith("["):
        return _HOST_NAME.fullmatch(name) is not None
    literal = name[1:-1]
    if not name.endswith("]") or "%" in literal:
        return False
    try:
        if literal.lower().startswith(_IPV6_TAG):
            IPv6Address(literal[len(_IPV6_TAG) :])
        else:
            IPv4Address(literal)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for a reply to nothing: the greeting."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class Say:
    """Send this line (without CRLF) and wait for its reply; `shown` is what a transcript may hold of it."""

    line: bytes
    stage: Stage
    shown: str


@dataclass(frozen=True, slots=True)
class Encrypt:
    """Do the TLS handshake now; go on when it is done."""


Step = Listen | Say | Encrypt
Dialogue = Generator[Step, Reply | None, Capabilities]


class HandshakeFailed(Exception):
    """The dialogue ended without a session."""

    def __init__(self, failure: SessionFailure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def handshake(settings: SessionSettings) -> Dialogue:
    """The dialogue: yields what to do, is sent the reply to it (None after Encrypt), returns the capabilities.

    Raises HandshakeFailed.
    """
    greeting = yield from _step(Listen(Stage.GREETING))
    if greeting.code // 100 != 2:
        _fail(Stage.GREETING, greeting)
    capabilities = yield from _introduce(settings)
    if settings.tls is TlsMode.STARTTLS:
        yield from _start_tls(capabilities)
        # What was said in the clear may have been anybody's: RFC 3207 section 4.2 has it forgotten.
        capabilities = yield from _introduce(settings)
    if settings.credentials is not None:
        yield from _log_in(settings, settings.credentials, capabilities)
    return capabilities


def _step(step: Listen | Say) -> Generator[Step, Reply | None, Reply]:
    reply = yield step
    if reply is None:
        raise AssertionError(f"a reply is due at {step.stage}")
    return reply


def _say(line: str, stage: Stage) -> Generator[Step, Reply | None, Reply]:
    return _step(Say(line.encode(), stage, line))


def _introduce(settings: SessionSettings) -> Generator[Step, Reply | None, Capabilities]:
    reply = yield from _say(f"EHLO {settings.helo_name}", Stage.EHLO)
    if reply.code // 100 == 2:
        return capabilities_of(reply)
    if reply.code // 100 == 5:
        reply = yield from _say(f"HELO {settings.helo_name}", Stage.EHLO)
    if reply.code // 100 != 2:
        _fail(Stage.EHLO, reply)
    return Capabilities()


def _start_tls(capabilities: Capabilities) -> Generator[Step, Reply | None, None]:
    if not capabilities.starttls:
        detail = "STARTTLS is required and the server does not offer it"
        raise HandshakeFailed(SessionFailure(FailureKind.TLS, Stage.STARTTLS, "starttls_not_offered", detail))
    reply = yield from _say("STARTTLS", Stage.STARTTLS)
    if reply.code // 100 != 2:
        _fail(Stage.STARTTLS, reply)
    yield Encrypt()


def _log_in(
    settings: SessionSettings, credentials: Credentials, capabilities: Capabilities
) -> Generator[Step, Reply | None, None]:
    if settings.tls is TlsMode.NONE and not settings.allow_unencrypted_login:
        detail = "a password is not sent over an unencrypted connection, unless that is allowed by name"
        raise HandshakeFailed(SessionFailure(FailureKind.TLS, Stage.AUTH, "login_unencrypted", detail))
    if not authentication.is_sendable(credentials):
        detail = "the user name is empty, or the user name or the secret holds a control character"
        raise HandshakeFailed(SessionFailure(FailureKind.AUTHENTICATION, Stage.AUTH, "bad_credentials", detail))
    mechanism = authentication.choose(credentials, capabilities.authentication)
    if mechanism is None:
        offered = ", ".join(capabilities.authentication) or "none"
        detail = f"the server offers no way to log in that fits these credentials (it offers: {offered})"
        raise HandshakeFailed(SessionFailure(FailureKind.AUTHENTICATION, Stage.AUTH, "no_mechanism", detail))
    exchange = authentication.exchange(credentials, mechanism)
    line, answers = exchange.opening()
    shown = f"AUTH {mechanism.value}" + ("" if len(answers) == len(exchange.answers) else f" {REDACTED}")
    reply = yield from _step(Say(line, Stage.AUTH, shown))
    explanation = ""
    for answer in answers:
        if reply.code != 334:
            break
        if not answer:
            explanation = _decoded(reply.text)
        reply = yield from _step(Say(answer, Stage.AUTH, REDACTED if answer else ""))
    if reply.code // 100 != 2:
        _fail(Stage.AUTH, reply, explanation)


def capabilities_of(reply: Reply) -> Capabilities:
    """The offers in a 2xx reply to EHLO (RFC 5321 section 4.1.1.1). What is malformed counts as not offered."""
    offers: dict[str, list[str]] = {}
    for line in reply.lines[1:]:
        # "AUTH=PLAIN LOGIN" is an old misreading that some servers still offer beside the right form.
        keyword, *parameters = line.upper().replace("AUTH=", "AUTH ").split() or [""]
        offers.setdefault(keyword, []).extend(parameters)
    limit = next((int(word) for word in offers.get("SIZE", []) if word.isascii() and word.isdigit()), 0)
    return Capabilities(
        pipelining="PIPELINING" in offers,
        chunking="CHUNKING" in offers,
        eight_bit="8BITMIME" in offers,
        smtputf8="SMTPUTF8" in offers,
        size="SIZE" in offers,
        size_limit=limit or None,
        starttls="STARTTLS" in offers,
        authentication=tuple(dict.fromkeys(offers.get("AUTH", []))),
    )


def failure_of(stage: Stage, reply: Reply, explanation: str = "") -> SessionFailure:
    """The failure that a reply means, at a stage where it is not the one hoped for."""
    detail = f"the server answered {reply.code} at {stage.value}"
    if explanation:
        detail += f": {explanation}"
    kind, code = _kind_of(stage, reply)
    return SessionFailure(kind, stage, code, detail, reply)


def _kind_of(stage: Stage, reply: Reply) -> tuple[FailureKind, str]:
    if reply.code // 100 not in (4, 5):
        return FailureKind.PERMANENT, "unexpected_reply"
    # 432 is written as temporary and lasts until a person changes the password (RFC 4954 section 6).
    if reply.code in (432, 530, 534, 535, 538) or (stage is Stage.AUTH and reply.code >= 500):
        return FailureKind.AUTHENTICATION, "login_refused"
    if reply.code < 500:
        return FailureKind.TEMPORARY, "try_later"
    if stage is Stage.STARTTLS:
        return FailureKind.TLS, "starttls_refused"
    if reply.enhanced is not None and reply.enhanced.startswith("5.7."):
        return FailureKind.POLICY, "refused_by_policy"
    return FailureKind.PERMANENT, "session_refused"


def _fail(stage: Stage, reply: Reply, explanation: str = "") -> NoReturn:
    raise HandshakeFailed(failure_of(stage, reply, explanation))


def _decoded(text: str) -> str:
    try:
        decoded = b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
    return "".join(mark for mark in decoded if mark.isprintable())[:200]
