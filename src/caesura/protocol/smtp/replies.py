"""SMTP replies: bytes in, whole replies out, however the bytes were cut (RFC 5321 section 4.2)."""

import re
from dataclasses import dataclass

MAX_LINE_BYTES = 2048
"""The longest reply line taken, without its line feed. RFC 5321 says 512; some relays go beyond."""

MAX_REPLY_BYTES = 65_536
"""The largest reply taken, over all its lines."""

_KNOWN_REPLIES_MAX = 64
_KNOWN_LINE_BYTES_MAX = 128
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")


class ReplyViolation(Exception):
    """The bytes are not SMTP replies. Final: nothing after this can be trusted. `code` is a stable word."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply: a code from 100 to 599 and the text of its lines, one or more.

    Text is decoded as UTF-8; what is not UTF-8 or not printable is shown as a replacement mark, so that a
    reply can be logged and shown as it is.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines, joined by blanks."""
        return " ".join(self.lines)

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code, as "5.1.1" (RFC 2034, 3463); None if there is none that fits the code."""
        found = _ENHANCED.match(self.lines[0])
        if found is None or found[1] != str(self.code // 100):
            return None
        return ".".join(str(int(number)) for number in found.groups())

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class ReplyReader:
    """Cuts a stream of bytes into replies. Lines may end in CRLF or in a bare LF."""

    __slots__ = ("_buffer", "_code", "_known", "_lines", "_position", "_size", "_violation")

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0
        self._lines: list[str] = []
        self._code = 0
        self._size = 0
        self._violation: ReplyViolation | None = None
        # A server says "250 2.1.0 Ok" thousands of times: each known line costs one look-up.
        self._known: dict[bytes, Reply] = {}

    @property
    def is_empty(self) -> bool:
        """True if every byte fed was part of a reply that has been taken."""
        return self._position == len(self._buffer) and not self._lines

    def feed(self, data: bytes) -> None:
        """Take bytes in. Bounded: `next_reply` must be drained after each call."""
        self._buffer = self._buffer[self._position :] + data
        self._position = 0

    def next_reply(self) -> Reply | None:
        """The next whole reply, or None until more bytes come.

        Raises ReplyViolation, then and ever after, on a line that is no reply line, on differing codes in one
        reply, and on a line or a reply beyond the limits.
        """
        if self._violation is not None:
            raise self._violation
        while (end := self._buffer.find(b"\n", self._position)) >= 0:
            line = self._buffer[self._position : end]
            self._position = end + 1
            if not self._lines and (known := self._known.get(line)) is not None:
                return known
            reply = self._take(line)
            if reply is not None:
                return reply
        if len(self._buffer) - self._position > MAX_LINE_BYTES:
            raise self._broken("line_too_long", f"the server sent a line of more than {MAX_LINE_BYTES} bytes")
        return None

    def _take(self, line: bytes) -> Reply | None:
        """Add one line, without its line feed; returns the reply that it ends."""
        if len(line) > MAX_LINE_BYTES:
            raise self._broken("line_too_long", f"the server sent a line of more than {MAX_LINE_BYTES} bytes")
        self._size += len(line) + 1
        if self._size > MAX_REPLY_BYTES:
            raise self._broken("reply_too_long", f"the server sent a reply of more than {MAX_REPLY_BYTES} bytes")
        bare = line.removesuffix(b"\r")
        digits, separator = bare[:3], bare[3:4]
        if len(digits) != 3 or not digits.isdigit() or not 100 <= int(digits) <= 599 or separator not in b"- ":
            raise self._broken("not_a_reply", f"the server sent something that is no SMTP reply: {_clean(bare[:80])}")
        code = int(digits)
        if self._lines and code != self._code:
            raise self._broken("mixed_codes", f"the server mixed {self._code} and {code} in one reply")
        self._code = code
        self._lines.append(_clean(bare[4:]))
        if separator == b"-":
            return None
        reply = Reply(code, tuple(self._lines))
        if len(self._lines) == 1 and len(line) <= _KNOWN_LINE_BYTES_MAX:
            if len(self._known) >= _KNOWN_REPLIES_MAX:
                self._known.clear()
            self._known[line] = reply
        self._lines = []
        self._size = 0
        return reply

    def _broken(self, code: str, detail: str) -> ReplyViolation:
        self._violation = ReplyViolation(code, detail)
        return self._violation


def _clean(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else " " if mark == "\t" else "\ufffd" for mark in text)
