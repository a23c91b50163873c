"""Header fields of a message (RFC 5322, 2047, 2369, 8058): written so that no value can end its line.

A value with a line break or another control character is refused, never mended: it is somebody's attempt, or a fault
that a person should see.
"""

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import AnyStr

from caesura.domain.errors import Invalid, Problem
from caesura.domain.unsendable import HeaderInjection

MAX_VALUE = 1_010  # characters: room for a subject of 998 behind "Re: "
MAX_EXTRA = 50

_WIDTH = 76
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Controls (C0, DEL, C1 with NEL), the two Unicode line separators, and lone surrogates, which UTF-8 cannot carry.
_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ADDRESS = re.compile('[^\x00-\x20\x7f-\xa0()<>\\[\\]:;@\\\\,"\u2028\u2029\ud800-\udfff]{1,128}@[A-Za-z0-9._-]{1,255}')
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_WEB = re.compile(r"https?://[!-;=?-~]{1,900}", re.I)
_MAILTO = re.compile(r"mailto:[!-;=?-~]{1,900}", re.I)
_SECURE = re.compile(r"https://|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?(?:[/?#]|$)", re.I)
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_WORDS = re.compile(r"[!-~]{1,70}(?: [!-~]{1,70})*")

# What is written here, or by those who carry the message, and what would change who gets it or how it is read.
_OURS = frozenset(
    (
        *(
            "from",
            "sender",
            "reply-to",
            "to",
            "cc",
            "bcc",
            "date",
            "message-id",
            "in-reply-to",
            "references",
            "subject",
        ),
        *("mime-version", "return-path", "received", "received-spf", "delivered-to", "authentication-results"),
        *("dkim-signature", "domainkey-signature", "list-unsubscribe", "list-unsubscribe-post"),
        *("disposition-notification-to", "return-receipt-to", "errors-to", "apparently-to"),
    )
)
_OUR_FAMILIES = ("content-", "resent-", "arc-")

_SAFE_IN_Q = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = [chr(byte) if byte in _SAFE_IN_Q else "_" if byte == 32 else f"={byte:02X}" for byte in range(256)]
_Q_ROOM, _B_ROOM = 48, 36  # an encoded word is at most 75 long with its 12 of "=?utf-8?q??=": leave room for the name


def check(header: str, value: str) -> None:
    """Raises HeaderInjection unless the value is one line of text, not longer than MAX_VALUE."""
    if _REFUSED.search(value):
        raise HeaderInjection(header)
    if len(value) > MAX_VALUE:
        raise HeaderInjection(header, f"it is longer than {MAX_VALUE} characters")


def encoded_words(text: str) -> list[str]:
    """The text as encoded words (RFC 2047), whole characters in each, in the shorter of the two encodings."""
    raw = text.encode()
    in_q = list(map(_in_q, text))
    if len("".join(in_q)) * 3 <= len(raw) * 4:
        return [f"=?utf-8?q?{word}?=" for word in _words(in_q, _Q_ROOM, "")]
    if len(raw) <= _B_ROOM:
        return [_b_word(raw)]
    return [_b_word(word) for word in _words([character.encode() for character in text], _B_ROOM, b"")]


@lru_cache(maxsize=4096)
def _in_q(character: str) -> str:
    return "".join(map(_Q.__getitem__, character.encode()))


def _words(pieces: Sequence[AnyStr], room: int, nothing: AnyStr) -> Iterator[AnyStr]:
    """The pieces (of one byte or more) joined to words of at most `room`."""
    start = 0
    while start < len(pieces):
        end = start + room
        word = nothing.join(pieces[start:end])
        end = min(end, len(pieces))
        while len(word) > room:
            end -= 1
            word = word[: -len(pieces[end])]
        yield word
        start = end


def _b_word(raw: bytes) -> str:
    return f"=?utf-8?b?{b2a_base64(raw, newline=False).decode('ascii')}?="


def _folded(name: str, words: Sequence[str]) -> str:
    """The field with a line break before each word that would pass column 76; a word is never cut."""
    if len(words) == 1:
        return f"{name}: {words[0]}\r\n"
    line = " ".join((f"{name}:", *words))
    if len(line) <= _WIDTH:
        return f"{line}\r\n"
    line = f"{name}:"
    lines: list[str] = []
    for word in words:
        if len(line) + 1 + len(word) > _WIDTH and not line.endswith(":"):
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join((*lines, line, ""))


def text(name: str, value: str) -> str:
    """An unstructured field such as Subject. Raises HeaderInjection."""
    check(name, value)
    if _WORDS.fullmatch(value) and "=?" not in value:
        if len(name) + len(value) <= _WIDTH - 2:
            return f"{name}: {value}\r\n"
        return _folded(name, value.split(" "))
    return _folded(name, encoded_words(value))


def address(name: str, display: str | None, mailbox: str) -> str:
    """A field with one address, such as From. The local part may be UTF-8. Raises HeaderInjection."""
    display = display.strip(" ") if display else ""
    check(name, display)
    if not _ADDRESS.fullmatch(mailbox):
        raise HeaderInjection(name, "it is not an address")
    if not display:
        return f"{name}: {mailbox}\r\n"
    return _folded(name, (*_phrase(display), f"<{mailbox}>"))


def addresses(name: str, mailboxes: Iterable[tuple[str | None, str]]) -> str:
    """A field with one address or more, each with its name or None, such as Cc. Raises HeaderInjection."""
    words: list[str] = []
    for display, mailbox in mailboxes:
        display = display.strip(" ") if display else ""
        check(name, display)
        if not _ADDRESS.fullmatch(mailbox):
            raise HeaderInjection(name, "it is not an address")
        words += (*_phrase(display), f"<{mailbox}>,") if display else (f"{mailbox},",)
    return _folded(name, (*words[:-1], words[-1].removesuffix(",")))


sender = lru_cache(maxsize=4096)(address)  # a mailbox sends many messages


def _phrase(display: str) -> Sequence[str]:
    if "=?" in display or len(display) > 60:
        return encoded_words(display)
    if _PHRASE.fullmatch(display):
        return (display,)
    if display.isascii():
        return ('"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"',)
    return encoded_words(display)


def is_message_id(text: str) -> bool:
    """Whether this can stand in a field of message ids."""
    return _MESSAGE_ID.fullmatch(text) is not None


def identifiers(name: str, message_ids: Iterable[str]) -> str:
    """A field of message ids: Message-ID, In-Reply-To, References. Raises HeaderInjection."""
    words = tuple(message_ids)
    for word in words:
        if not _MESSAGE_ID.fullmatch(word):
            raise HeaderInjection(name, "it is not a message id in angle brackets")
    return _folded(name, words)


@lru_cache(maxsize=64)  # a group of messages is made at one moment
def date(moment: datetime) -> str:
    """The Date field, in UTC: two spellings of one moment are equal, and so are cached as one.

    `moment` must be aware (ValueError).
    """
    if moment.utcoffset() is None:
        raise ValueError("the date of a message needs a time zone")
    moment = moment.astimezone(UTC)
    return (
        f"Date: {_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} +0000\r\n"
    )


def unsubscribe(url: str | None, mailto: str | None) -> str:
    """List-Unsubscribe (RFC 2369) and, for an https URL, List-Unsubscribe-Post (RFC 8058); nothing for None, None.

    `url` is http or https; with http, one-click is promised for this very machine only, for trying things out.
    `mailto` is a URI. Both must be ASCII. Raises HeaderInjection.
    """
    words = []
    for value, pattern, what in ((url, _WEB, "a web address"), (mailto, _MAILTO, "a mailto address")):
        if value is None:
            continue
        if not pattern.fullmatch(value):
            raise HeaderInjection("List-Unsubscribe", f"it is not {what} of at most 900 ASCII characters")
        words.append(f"<{value}>")
    if not words:
        return ""
    field = _folded("List-Unsubscribe", [*(f"{word}," for word in words[:-1]), words[-1]])
    if url is not None and _SECURE.match(url):
        field += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    return field


def check_extra(headers: Sequence[tuple[str, str]], pointer: str) -> None:
    """Check headers that a user adds to messages, as (name, value).

    Raises Invalid with a problem for each, `pointer`/number: `header_name_invalid`, `header_forbidden` (written by
    Caesura or by those who carry the message), `header_value_invalid`, `too_many_headers` (over 50).
    """
    problems = []
    if len(headers) > MAX_EXTRA:
        problems.append(Problem("too_many_headers", f"there are more than {MAX_EXTRA} headers", pointer=pointer))
    for number, (name, value) in enumerate(headers[:MAX_EXTRA]):
        place = f"{pointer}/{number}"
        if not _FIELD_NAME.fullmatch(name):
            problems.append(Problem("header_name_invalid", "a header's name is 1 to 76 ASCII signs", pointer=place))
        elif name.lower() in _OURS or name.lower().startswith(_OUR_FAMILIES):
            problems.append(Problem("header_forbidden", f"the header {name} cannot be set", pointer=place))
        elif _REFUSED.search(value) or len(value) > MAX_VALUE or not value.strip():
            detail = f"the value of {name} is not one line of 1 to {MAX_VALUE} characters"
            problems.append(Problem("header_value_invalid", detail, pointer=place))
    if problems:
        raise Invalid.of(*problems)


@lru_cache(maxsize=1024)
def extra(headers: tuple[tuple[str, str], ...]) -> str:
    """The fields of headers that a user added. Raises Invalid as `check_extra` does."""
    if not headers:
        return ""
    check_extra(headers, "/headers")
    return "".join(text(name, value.strip()) for name, value in headers)
