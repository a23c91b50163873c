"""Who is at fault when a message is not taken: the lead, the mailbox, the message, or nobody yet (try again).

The codes are those of RFC 5321 section 4.2.3, RFC 3463, RFC 4954, RFC 7504, RFC 7505 and the registry that RFC 5248
set up, with a few of large providers. Where a reply can mean two things, the dearer mistake is avoided: a refusal by
policy holds the mailbox, for one wrongly held mailbox stops and says so, and a wrongly blamed lead is lost in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose fault a refusal is, that is, what must change before another try makes sense."""

    LEAD = "lead"  # the address is bad: nothing is sent to it again
    MAILBOX = "mailbox"  # credentials, policy, limits or settings: the mailbox is held, its leads wait
    MESSAGE = "message"  # this content is refused, from whatever mailbox
    RETRY = "retry"  # nobody's: try again later


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who is at fault, and a `cause`: a stable snake_case word, one of `CAUSES`."""

    fault: Fault
    cause: str


def _lead(cause: str) -> Verdict:
    return Verdict(Fault.LEAD, cause)


def _mailbox(cause: str) -> Verdict:
    return Verdict(Fault.MAILBOX, cause)


def _message(cause: str) -> Verdict:
    return Verdict(Fault.MESSAGE, cause)


def _retry(cause: str) -> Verdict:
    return Verdict(Fault.RETRY, cause)


@dataclass(frozen=True, slots=True)
class _ByStage:
    """What one code means before or at MAIL, at RCPT, and from DATA on."""

    sender: Verdict
    recipient: Verdict
    content: Verdict

    def at(self, stage: str) -> Verdict:
        if stage == "rcpt":
            return self.recipient
        return self.content if stage in ("data", "content") else self.sender


def _always(verdict: Verdict) -> _ByStage:
    return _ByStage(verdict, verdict, verdict)


_SENDER_REFUSED = _mailbox("sender_refused")
_LOGIN = _mailbox("authentication")
_POLICY = _mailbox("policy")
_PROTOCOL = _mailbox("protocol_refused")
_RELAY = _mailbox("relay_refused")
_CONTENT = _message("content_refused")
_TOO_LARGE = _message("too_large")
_FULL = _retry("recipient_full")

LOCAL: Mapping[str, Verdict] = {
    "sender": _mailbox("bad_sender_address"),
    "recipient": _lead("bad_address"),
    "form": _message("bad_line_ends"),
    "size": _TOO_LARGE,
    "8bitmime": _message("eight_bit_not_offered"),
    "smtputf8": _lead("smtputf8_not_offered"),
}
"""Refused by ourselves, before any byte was written; by stage."""

AUTHENTICATION_CODES = frozenset({432, 530, 534, 535, 538})
"""Codes that mean credentials wherever they come (RFC 4954 section 6)."""

TEMPORARY_ENHANCED: Mapping[str, Verdict] = {
    "4.2.2": _FULL,
    "4.3.1": _retry("relay_full"),
    "4.4.5": _retry("relay_busy"),
    "4.7.12": _LOGIN,
}

TEMPORARY_CODES: Mapping[int, Verdict] = {
    421: _retry("service_closing"),
    450: _retry("recipient_busy"),
    452: _retry("relay_full"),
}

ENHANCED: Mapping[str, _ByStage] = {
    "5.1.1": _ByStage(_SENDER_REFUSED, _lead("unknown_recipient"), _lead("unknown_recipient")),
    "5.1.2": _ByStage(_SENDER_REFUSED, _lead("unknown_domain"), _lead("unknown_domain")),
    "5.1.3": _ByStage(_SENDER_REFUSED, _lead("bad_address"), _lead("bad_address")),
    "5.1.6": _ByStage(_SENDER_REFUSED, _lead("recipient_moved"), _lead("recipient_moved")),
    "5.1.7": _always(_SENDER_REFUSED),
    "5.1.8": _always(_SENDER_REFUSED),
    "5.1.10": _ByStage(_SENDER_REFUSED, _lead("unknown_domain"), _lead("unknown_domain")),
    "5.2.2": _ByStage(_RELAY, _FULL, _FULL),
    "5.2.3": _always(_TOO_LARGE),
    "5.2.252": _always(_SENDER_REFUSED),
    "5.3.4": _always(_TOO_LARGE),
    "5.4.5": _always(_mailbox("sending_limit")),
    "5.6.7": _ByStage(_SENDER_REFUSED, _lead("smtputf8_not_offered"), _lead("smtputf8_not_offered")),
    "5.6.9": _ByStage(_SENDER_REFUSED, _lead("smtputf8_not_offered"), _lead("smtputf8_not_offered")),
    "5.7.0": _ByStage(_POLICY, _POLICY, _CONTENT),
    "5.7.1": _ByStage(_POLICY, _POLICY, _message("refused_as_spam")),
    **dict.fromkeys(
        ("5.7.2", "5.7.17", "5.7.18", "5.7.124", "5.7.133", "5.7.134", "5.7.135"),
        _ByStage(_POLICY, _lead("recipient_policy"), _lead("recipient_policy")),
    ),
    **dict.fromkeys(("5.7.3", "5.7.4", "5.7.5", "5.7.6", "5.7.7"), _ByStage(_POLICY, _POLICY, _CONTENT)),
    **dict.fromkeys(
        ("5.7.8", "5.7.9", "5.7.11", "5.7.12", "5.7.13", "5.7.14", "5.7.57", "5.7.139"),
        _always(_LOGIN),
    ),
    **dict.fromkeys(("5.7.10", "5.7.30"), _always(_mailbox("tls"))),
    **dict.fromkeys(
        ("5.7.20", "5.7.21", "5.7.22", "5.7.23", "5.7.24", "5.7.25", "5.7.26", "5.7.27"),
        _always(_mailbox("sender_authentication")),
    ),
    "5.7.28": _always(_mailbox("sending_limit")),
    "5.7.60": _always(_SENDER_REFUSED),
}
"""By the whole enhanced code; asked first."""

SUBJECTS: Mapping[str, _ByStage] = {
    "5.1": _ByStage(_SENDER_REFUSED, _lead("recipient_refused"), _lead("recipient_refused")),
    "5.2": _ByStage(_SENDER_REFUSED, _lead("recipient_disabled"), _lead("recipient_disabled")),
    "5.4": _ByStage(_RELAY, _lead("unroutable"), _lead("unroutable")),
    "5.6": _always(_CONTENT),
    "5.7": _always(_POLICY),
}
"""By the enhanced code's subject; 5.0, 5.3 and 5.5 say less than the basic code and are left to it."""

CODES: Mapping[int, _ByStage] = {
    500: _ByStage(_PROTOCOL, _PROTOCOL, _CONTENT),
    501: _ByStage(_PROTOCOL, _lead("bad_address"), _CONTENT),
    502: _always(_PROTOCOL),
    503: _always(_PROTOCOL),
    504: _always(_PROTOCOL),
    550: _ByStage(_SENDER_REFUSED, _lead("recipient_refused"), _CONTENT),
    551: _ByStage(_SENDER_REFUSED, _lead("recipient_moved"), _CONTENT),
    552: _ByStage(_TOO_LARGE, _FULL, _TOO_LARGE),
    553: _ByStage(_SENDER_REFUSED, _lead("bad_address"), _CONTENT),
    555: _ByStage(_PROTOCOL, _lead("bad_address"), _CONTENT),
    556: _ByStage(_RELAY, _lead("unknown_domain"), _CONTENT),
}
"""By the basic code, where no enhanced code says more."""

_OTHERWISE = _ByStage(_RELAY, _lead("recipient_refused"), _CONTENT)

_SESSION_STAGES = frozenset({"connect", "tls", "greeting", "ehlo", "starttls", "auth", "queue", "rset", "noop", "quit"})


def classify(stage: str, code: int | None, enhanced: str | None) -> Verdict:
    """The verdict on a message that was deferred or rejected.

    `stage` is the transport's word for where ("rcpt", "content", ...), `code` the reply's (None if no reply settled
    it), `enhanced` its enhanced code as "5.1.1" (None if it has none; one whose class is not the code's is ignored).
    Total: any stage and any code has a verdict. A message that was rejected may still be worth another try
    (a full mailbox), and then the verdict is RETRY.
    """
    if code is None:
        return LOCAL.get(stage, _retry("unreachable" if stage == "connect" else "line_lost"))
    if code in AUTHENTICATION_CODES:
        return _LOGIN
    if code // 100 == 4:
        return _temporary(code, enhanced)
    if code // 100 != 5:
        return _retry("unexpected_reply")
    if stage == "auth":
        return _LOGIN
    return _permanent(stage, code, enhanced)


def _temporary(code: int, enhanced: str | None) -> Verdict:
    if enhanced is not None:
        if enhanced in TEMPORARY_ENHANCED:
            return TEMPORARY_ENHANCED[enhanced]
        if enhanced.startswith("4.7."):
            return _retry("put_off_by_policy")
    return TEMPORARY_CODES.get(code, _retry("try_later"))


def _permanent(stage: str, code: int, enhanced: str | None) -> Verdict:
    if enhanced is not None:
        means = ENHANCED.get(enhanced) or SUBJECTS.get(enhanced.rpartition(".")[0])
        if means is not None and (stage not in _SESSION_STAGES or means.sender.cause in _SESSION_CAUSES):
            return means.at(stage)
    if stage in _SESSION_STAGES:
        return _RELAY
    return CODES.get(code, _OTHERWISE).at(stage)


_SESSION_CAUSES = frozenset({"policy", "authentication", "tls", "sender_authentication", "sending_limit"})


def classify_session(kind: str, stage: str, code: int | None, enhanced: str | None) -> Verdict:
    """The verdict on a session that could not be had: never the lead's fault, nor the message's.

    `kind` is the transport's: "temporary", "permanent", "authentication", "tls", "policy" or "secret"; the rest as in
    `classify`. Raises ValueError for another kind.
    """
    match kind:
        case "temporary":
            verdict = classify(stage, code, enhanced)
            return verdict if verdict.fault is Fault.RETRY else _retry("try_later")
        case "authentication":
            return _LOGIN
        case "secret":
            return _mailbox("secret_unreadable")
        case "tls":
            return _mailbox("tls")
        case "policy":
            return _POLICY
        case "permanent":
            return _RELAY
        case _:
            raise ValueError(f"no such kind of session failure: {kind}")


CAUSES = frozenset(
    verdict.cause
    for verdict in (
        *LOCAL.values(),
        *TEMPORARY_ENHANCED.values(),
        *TEMPORARY_CODES.values(),
        *(
            verdict
            for table in (ENHANCED, SUBJECTS, CODES)
            for row in table.values()
            for verdict in (row.sender, row.recipient, row.content)
        ),
    )
) | {"unreachable", "line_lost", "unexpected_reply", "put_off_by_policy", "try_later", "recipient_refused"}
"""Every cause that a verdict can have."""
