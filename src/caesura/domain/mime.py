"""Bodies of messages (RFC 2045, 2046): literal text is encoded once per template, values once per message.

Everything comes out as 7-bit lines of at most 76 characters ending in CRLF, so a server needs neither 8BITMIME nor
long lines, and no line can be mistaken for the end of a message before the transport has looked at it.
"""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from zlib import crc32

Segment: TypeAlias = str | int  # literal text, or which value goes here

_WIDTH = 75  # of quoted-printable, without the "=" of a soft line break
_SOFT = b"=\r\n"
_BASE64_BYTES = 57  # to a line of 76
_LINE_ENDS = re.compile("\r\n?|\n")


def quoted(text: str) -> bytes:
    """Quoted-printable (RFC 2045, section 6.7) with the text's line ends as CRLF, and no soft line breaks yet."""
    if text.isascii() and text.isprintable() and "=" not in text and text[-1:] != " ":
        return text.encode()
    if "\r" in text:
        text = _LINE_ENDS.sub("\n", text)
    # surrogates cannot be encoded; fields with them are refused before they come here
    return b2a_qp(text.encode(), istext=True).replace(b"=\n", b"").replace(b"\n", b"\r\n")


def _wrapped(encoded: bytes, column: int) -> tuple[bytes, int]:
    """Soft line breaks put in, the first line beginning at `column`; and the column at the end."""
    written: list[bytes] = []
    for number, line in enumerate(encoded.split(b"\r\n") if b"\n" in encoded else (encoded,)):
        if number:
            written.append(b"\r\n")
            column = 0
        while column + len(line) > _WIDTH:
            cut = _WIDTH - column
            if b"=" in line[max(cut - 2, 0) : cut]:  # not within =3D
                cut = line.rindex(b"=", 0, cut)
            written += (line[:cut], _SOFT)
            line = line[cut:]
            column = 0
        written.append(line)
        column += len(line)
    return b"".join(written), column


class QuotedBody:
    """A body in quoted-printable, best where most letters are ASCII."""

    encoding = "quoted-printable"

    def __init__(self, segments: Sequence[Segment]) -> None:
        runs: list[tuple[int, list[str]]] = [(-1, [])]  # a value, and the literal text behind it; none before the first
        for segment in segments:
            if isinstance(segment, int):
                runs.append((segment, []))
            else:
                runs[-1][1].append(segment)
        self._start, self._start_column = _wrapped(quoted("".join(runs[0][1])), 0)
        self._steps: list[tuple[int, bytes, int, int, bool]] = []
        for value, literal in runs[1:]:
            data, column = _wrapped(quoted("".join(literal)), 0)
            head = data.find(b"\r\n")
            self._steps.append((value, data, len(data) if head < 0 else head, column, head >= 0))

    def fill(self, values: Sequence[str]) -> bytes:
        """The encoded body with the values in their places."""
        written = [self._start]
        column = self._start_column
        for index, data, head, tail, breaks in self._steps:
            value = quoted(values[index])
            size = len(value)
            if size > _WIDTH or b"\n" in value:
                value, column = _wrapped(value, column)
            elif column + size > _WIDTH:
                written.append(_SOFT)
                column = size
            else:
                column += size
            written.append(value)
            if column + head > _WIDTH:
                written.append(_SOFT)
                column = 0
            written.append(data)
            column = tail if breaks else column + tail
        return b"".join(written)


class Base64Body:
    """A body in base64, best where most letters are not ASCII: two thirds of the size, or less."""

    encoding = "base64"

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = tuple(segments)

    def fill(self, values: Sequence[str]) -> bytes:
        """The encoded body with the values in their places."""
        text = "".join(values[one] if isinstance(one, int) else one for one in self._segments)
        data = _LINE_ENDS.sub("\r\n", text).encode()
        lines = [
            b2a_base64(data[start : start + _BASE64_BYTES], newline=False)
            for start in range(0, len(data), _BASE64_BYTES)
        ]
        return b"\r\n".join(lines)


@dataclass(frozen=True, slots=True)
class Part:
    """A text part: its headers, ending with the empty line, and its body."""

    headers: bytes
    body: QuotedBody | Base64Body


class FilePart(NamedTuple):
    """A file with its headers; `is_shown` where the HTML shows it by its Content-ID."""

    data: bytes
    is_shown: bool


def part(subtype: str, segments: Sequence[Segment]) -> Part:
    """A text/`subtype` part in UTF-8, in the encoding that makes its literal text shorter."""
    literal = "".join(segment for segment in segments if isinstance(segment, str))
    shorter_in_base64 = len(quoted(literal)) > len(literal.encode()) * 4 / 3
    body = Base64Body(segments) if shorter_in_base64 else QuotedBody(segments)
    headers = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {body.encoding}\r\n\r\n'
    return Part(headers.encode("ascii"), body)


def boundary(message_id: str) -> bytes:
    """A boundary that no part can hold: "=_" is in neither encoding's alphabet (RFC 2045, section 6.7, note 5)."""
    return b"=_%08x" % crc32(message_id.encode())


def mixed(body: bytes, files: Sequence[bytes], message_id: str) -> bytes:
    """`body`, as `multipart` makes it, and files behind it, each with its own headers (RFC 2046, section 5.1.3)."""
    return _around(b"mixed", (body, *files), f"files of {message_id}")


def multipart_showing(parts: Sequence[Part], values: Sequence[str], shown: Sequence[bytes], message_id: str) -> bytes:
    """As `multipart`, with files beside the last of the parts, which is the HTML that shows them (RFC 2387)."""
    *others, html = (one.headers + one.body.fill(values) for one in parts)
    related = _around(b'related; type="text/html"', (html, *shown), f"shown in {message_id}")
    return _around(b"alternative", (*others, related), message_id) if others else related


def _around(kind: bytes, parts: Sequence[bytes], seed: str) -> bytes:
    """Parts with their headers as one multipart entity; its boundary comes of `seed`."""
    line = boundary(seed)
    written = [b'Content-Type: multipart/%b; boundary="%b"\r\n\r\n' % (kind, line)]
    for one in parts:
        written += (b"--", line, b"\r\n", one, b"\r\n")
    written += (b"--", line, b"--\r\n")
    return b"".join(written)


def multipart(parts: Sequence[Part], values: Sequence[str], message_id: str) -> bytes:
    """The end of a message's header (its Content fields, and the empty line) and its body."""
    if len(parts) == 1:
        (only,) = parts
        body = only.body.fill(values)
        return b"%b%b%b" % (only.headers, body, b"" if body.endswith(b"\r\n") else b"\r\n")
    line = boundary(message_id)
    written = [b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n' % line]
    for one in parts:
        written += (b"--", line, b"\r\n", one.headers, one.body.fill(values), b"\r\n")
    written += (b"--", line, b"--\r\n")
    return b"".join(written)
