"""Cuts a CSV file, given as chunks of bytes, into records of text, in bounded memory (RFC 4180)."""

import codecs
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from caesura.domain.errors import Invalid, Problem

MAXIMUM_RECORD_BYTES = 256 * 1024
MAXIMUM_FIELD_BYTES = 64 * 1024
DELIMITERS = ",;\t"

_PIECE_BYTES = 64 * 1024
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)

_CLOSED = -1
_STILL_OPEN = -2


@dataclass(frozen=True, slots=True)
class RecordBlock:
    """Records in file order: their texts, with line ends, and the 1-based lines on which they start."""

    lines: Sequence[int]
    texts: Sequence[str]


class RecordSplitter:
    """Bytes in, records out: of UTF-8, or of UTF-16 with its mark. Lines end in LF, CRLF or CR.

    A quoted field may hold line breaks.

    The first record that is not blank is the header: it is kept in `header` and handed to
    `choose_delimiter(text)`, whose answer holds for the rest. A quote opens a field only at the
    field's beginning; elsewhere it is text. At most about 600 kB are held, whatever the file.

    Raises Invalid, with the file and the line, for: `empty_file`, `wrong_encoding`, `null_byte`,
    `field_too_large` (64 kB), `record_too_large` (256 kB), `unclosed_quote`.
    """

    def __init__(self, choose_delimiter: Callable[[str, int], str], file: str | None = None) -> None:
        self.header: str | None = None
        self._choose_delimiter = choose_delimiter
        self._delimiters = DELIMITERS
        self._file = file
        self._buffer = bytearray()
        self._offset = 0
        self._line = 1
        self._start_is_known = False
        self._utf16: codecs.IncrementalDecoder | None = None
        self._parts: list[str] = []  # of the record whose quoted field is open
        self._parts_bytes = 0
        self._parts_line = 0
        self._quote_line = 0
        self._quote_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[RecordBlock]:
        """The records which this chunk completes. Exhaust it before the next call."""
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield from self._take(chunk[start : start + _PIECE_BYTES], is_last=False)

    def finish(self) -> Iterator[RecordBlock]:
        """The rest of the records: there are no more chunks."""
        yield from self._take(b"", is_last=True)
        if self._parts:
            raise self._invalid("unclosed_quote", "The quote that opens here is never closed.", self._quote_line)
        if self.header is None:
            raise self._invalid("empty_file", "The file is empty.", None)

    def _take(self, piece: bytes, is_last: bool) -> Iterator[RecordBlock]:
        searched = max(0, len(self._buffer) - 1)
        self._buffer += piece if self._utf16 is None else self._as_utf8(self._utf16, piece, is_last)
        if not self._start_is_known:
            if len(self._buffer) < 4 and not is_last:
                return
            self._read_start(is_last)
            searched = 0
        cut = len(self._buffer) if is_last else self._last_line_end(searched)
        if cut == 0:
            if self._parts_bytes + len(self._buffer) > MAXIMUM_RECORD_BYTES:
                self._refuse_overflow()
            return
        block = bytes(self._buffer[:cut])
        del self._buffer[:cut]
        lines = list(io.StringIO(self._decode(block), newline=""))
        self._offset += cut
        yield from self._assemble(lines, b'"' in block)

    def _last_line_end(self, searched: int) -> int:
        """Where the last whole line ends; 0 if none does. A CR at the very end may be half of a CRLF."""
        buffer = self._buffer
        return 1 + max(buffer.rfind(b"\n", searched), buffer.rfind(b"\r", searched, len(buffer) - 1))

    def _read_start(self, is_last: bool) -> None:
        self._start_is_known = True
        # Before UTF-16, whose little-endian mark begins this one.
        if self._buffer.startswith(_UTF32_MARKS):
            detail = "The file is in UTF-32 (byte offset 0). Save it as UTF-8 (in Excel: CSV UTF-8)."
            raise self._invalid("wrong_encoding", detail, 1)
        for mark, encoding in _UTF16_MARKS:
            if self._buffer.startswith(mark):
                first = bytes(self._buffer[len(mark) :])
                self._buffer.clear()
                self._utf16 = codecs.getincrementaldecoder(encoding)()
                self._buffer += self._as_utf8(self._utf16, first, is_last)
                return
        if self._buffer.startswith(_UTF8_MARK):
            del self._buffer[: len(_UTF8_MARK)]
            self._offset = len(_UTF8_MARK)

    def _as_utf8(self, decoder: codecs.IncrementalDecoder, piece: bytes, is_last: bool) -> bytes:
        try:
            return decoder.decode(piece, is_last).encode()
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(error.encoding).encode()
            raise self._invalid(
                "wrong_encoding",
                "The file begins as UTF-16, and here it is not. Save it as UTF-8 (in Excel: CSV UTF-8).",
                self._line + _count_line_ends(bytes(self._buffer) + before),
            ) from error

    def _decode(self, block: bytes) -> str:
        self._refuse_null(block)
        try:
            return block.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._invalid(
                "wrong_encoding",
                f"The file is not UTF-8: byte 0x{block[error.start]:02x} at byte offset {self._offset + error.start}."
                f" Save it as UTF-8 (in Excel: CSV UTF-8).",
                self._line + _count_line_ends(block[: error.start]),
            ) from error

    def _refuse_null(self, block: bytes) -> None:
        place = block.find(b"\0")
        if place >= 0:
            detail = f"There is a NUL byte at byte offset {self._offset + place}. Is this a text file in UTF-8?"
            if self._utf16 is not None:
                detail = "There is a NUL character. Is this a text file?"
            raise self._invalid("null_byte", detail, self._line + _count_line_ends(block[:place]))

    def _refuse_overflow(self) -> None:
        """A line that does not end: say whether one field or the entire record is to blame."""
        pending = bytes(self._buffer)
        self._refuse_null(pending)
        if self._parts:
            raise self._field_too_large(self._quote_line)
        longest = max(len(field) for field in pending.translate(bytes.maketrans(b";\t", b",,")).split(b","))
        if longest > MAXIMUM_FIELD_BYTES:
            raise self._field_too_large(self._line)
        raise self._record_too_large(self._line)

    def _assemble(self, lines: list[str], has_quotes: bool) -> Iterator[RecordBlock]:
        first = self._line
        self._line += len(lines)
        self._refuse_long(lines, first)
        done = 0
        while self.header is None:
            if done == len(lines):
                return
            record = self._add(lines[done], first + done)
            done += 1
            if record is not None and record[1].strip("\r\n"):
                self.header = record[1]
                self._delimiters = self._choose_delimiter(record[1], record[0])
        if done:
            lines = lines[done:]
        if not has_quotes and not self._parts:
            yield RecordBlock(range(first + done, self._line), lines)
            return
        records = [
            record for number, line in enumerate(lines, first + done) if (record := self._add(line, number)) is not None
        ]
        yield RecordBlock([line for line, _ in records], [text for _, text in records])

    def _add(self, line: str, number: int) -> tuple[int, str] | None:
        """Take one more line; answers the record (its first line's number, its text) once it is whole."""
        parts = self._parts
        if '"' not in line:
            if not parts:
                return number, line
            state = _STILL_OPEN
        else:
            state = _open_quote(line, self._delimiters, bool(parts))
        if state == _CLOSED and not parts:
            return number, line
        size = len(line.encode())
        if not parts:
            self._parts_line, self._parts_bytes = number, 0
        parts.append(line)
        self._parts_bytes += size
        if state == _CLOSED:
            text = "".join(parts)
            parts.clear()
            self._refuse_large(self._parts_bytes, self._parts_line)
            self._parts_bytes = 0
            return self._parts_line, text
        if state == _STILL_OPEN:
            self._quote_bytes += size
        else:
            self._quote_line, self._quote_bytes = number, len(line[state:].encode())
        if self._quote_bytes > MAXIMUM_FIELD_BYTES:
            raise self._field_too_large(self._quote_line)
        self._refuse_large(self._parts_bytes, self._parts_line)
        return None

    def _refuse_large(self, size: int, line: int) -> None:
        if size > MAXIMUM_RECORD_BYTES:
            raise self._record_too_large(line)

    def _refuse_long(self, lines: list[str], first: int) -> None:
        """Refuse a single line that is above the limit; a character is at most four bytes."""
        if len(max(lines, key=len, default="")) * 4 <= MAXIMUM_RECORD_BYTES:
            return
        for number, line in enumerate(lines, first):
            self._refuse_large(len(line.encode()), number)

    def _field_too_large(self, line: int) -> Invalid:
        detail = f"A field is larger than {MAXIMUM_FIELD_BYTES // 1024} kB. Is a closing quote missing?"
        return self._invalid("field_too_large", detail, line)

    def _record_too_large(self, line: int) -> Invalid:
        return self._invalid("record_too_large", f"A record is larger than {MAXIMUM_RECORD_BYTES // 1024} kB.", line)

    def _invalid(self, code: str, detail: str, line: int | None) -> Invalid:
        return Invalid.of(Problem(code, detail, file=self._file, line=line))


def _open_quote(line: str, delimiters: str, is_open: bool) -> int:
    """Where the quote opens that is still open at the end of this line.

    `_CLOSED` if none is; `_STILL_OPEN` if it was open before the line (`is_open`) and never closed.
    """
    opened = _STILL_OPEN if is_open else _CLOSED
    place = 0
    while (place := line.find('"', place)) >= 0:
        if opened != _CLOSED:
            if line.startswith('"', place + 1):
                place += 1
            else:
                opened = _CLOSED
        elif place == 0 or line[place - 1] in delimiters:
            opened = place
        place += 1
    return opened


def _count_line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
