"""The record splitter: agreement with the csv module, lines, limits and bounded memory."""

import csv
import io
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from caesura.domain.csv_records import MAXIMUM_FIELD_BYTES, MAXIMUM_RECORD_BYTES, RecordSplitter
from caesura.domain.errors import Invalid, Problem


def split(chunks: Iterable[bytes]) -> list[tuple[int, str]]:
    """All records of a file with commas, with their lines, the header first."""
    headers: list[tuple[int, str]] = []

    def choose_delimiter(text: str, line: int) -> str:
        headers.append((line, text))
        return ","

    splitter = RecordSplitter(choose_delimiter, "leads.csv")
    blocks = [block for chunk in chunks for block in splitter.feed(chunk)]
    blocks += splitter.finish()
    return headers + [record for block in blocks for record in zip(block.lines, block.texts, strict=True)]


def problem(chunks: Iterable[bytes]) -> Problem:
    with pytest.raises(Invalid) as caught:
        split(chunks)
    return caught.value.problems[0]


@given(st.text(st.sampled_from('ab,"\n\r é'), max_size=60), st.integers(1, 20))
@example('"\r', 1)
@example('a,"b\r\n"",c"\r,"\n', 3)
def test_records_are_those_of_the_csv_module_however_the_bytes_are_cut(text: str, size: int) -> None:
    text = "head\n" + text
    data = text.encode()
    # The csv module takes a file that ends inside quotes; a last line shows whether it does.
    closed = list(csv.reader(io.StringIO(text + "\nend", newline="")))[-1] == ["end"]
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    if not closed:
        assert problem(chunks).code == "unclosed_quote"
        return
    records = split(chunks)
    assert "".join(record for _, record in records) == text
    whole = list(csv.reader(io.StringIO(text, newline="")))
    assert [next(csv.reader([record]), []) for _, record in records] == whole
    expected_line = 1
    for line, record in records:
        assert line == expected_line
        expected_line += len(list(io.StringIO(record, newline="")))


def test_a_record_over_several_lines_has_the_number_of_its_first() -> None:
    assert split([b'h\n"a\nb\r\nc"\rd\n']) == [(1, "h\n"), (2, '"a\nb\r\nc"\r'), (5, "d\n")]


def test_a_quote_inside_plain_text_opens_nothing() -> None:
    assert split([b'h,i\n27" screen,x\ny,z']) == [(1, "h,i\n"), (2, '27" screen,x\n'), (3, "y,z")]


def test_a_utf8_mark_is_dropped() -> None:
    assert split([b"\xef", b"\xbb\xbfh\nx"]) == [(1, "h\n"), (2, "x")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_utf16_with_its_mark_is_read_however_the_bytes_are_cut(encoding: str, size: int) -> None:
    data = '\ufeffh,i\r\n"M\xfcller\n\u20ac",\U0001f600\r\nx,\u010a'.encode(encoding)
    records = split(data[start : start + size] for start in range(0, len(data), size))
    assert records == [(1, "h,i\r\n"), (2, '"M\xfcller\n\u20ac",\U0001f600\r\n'), (4, "x,\u010a")]


def test_utf16_is_read_in_bounded_memory() -> None:
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        yield "\ufeffh\na,".encode("utf-16-le")
        for _ in range(20_000):
            taken += 10_000
            yield "x".encode("utf-16-le") * 5_000

    assert problem(chunks()).code == "field_too_large"
    assert taken < 4 * MAXIMUM_RECORD_BYTES


@pytest.mark.parametrize(
    ("data", "code", "line", "words"),
    [
        (b"", "empty_file", None, "empty"),
        (b"\xef\xbb\xbf", "empty_file", None, "empty"),
        (b"\n\r\n\r", "empty_file", None, "empty"),
        (b"\xff\xfe", "empty_file", None, "empty"),
        ("\ufeffh\r\nx".encode("utf-16-le") + b"\x00", "wrong_encoding", 2, "begins as UTF-16"),
        ("\ufeffh\r\n\r\nx".encode("utf-16-be") + b"\xd8\x00\x00x\x00\n", "wrong_encoding", 3, "begins as UTF-16"),
        ("h\nx\0".encode("utf-16"), "null_byte", 2, "NUL character"),
        ("h\nx".encode("utf-16-be"), "null_byte", 1, "offset 0"),
        ("h".encode("utf-32"), "wrong_encoding", 1, "UTF-32"),
        (b"\xef\xbb\xbfh\r\na\rb\nM\xfcller\n", "wrong_encoding", 4, "0xfc at byte offset 11. Save it as UTF-8"),
        (b"h\nM\xc3", "wrong_encoding", 2, "offset 3"),
        (b"h\na\nb\0c\n", "null_byte", 3, "offset 5"),
        (b'h\na\n"b\n\n"c","d\n', "unclosed_quote", 5, "never closed"),
        (b'h\na\n"b\n\n', "unclosed_quote", 3, "never closed"),
    ],
)
def test_a_fault_of_the_file_is_told_with_its_place(data: bytes, code: str, line: int | None, words: str) -> None:
    for size in (1, 2, 3, 1000):
        found = problem(data[start : start + size] for start in range(0, len(data), size))
        assert (found.code, found.line, found.file) == (code, line, "leads.csv")
        assert words in found.detail


@pytest.mark.parametrize(
    ("start", "filling"),
    [
        (b"h\na,", b"x" * 10_000),
        (b"h\na,", b"\xc3\xa9" * 5_000),
        (b'h\na,"', b"x" * 10_000),
        (b'h\na,"', b"x" * 9_999 + b"\n"),
        (b'h\n"b\nc","', b'""' * 4_999 + b",\n"),
    ],
)
def test_a_field_of_200_megabytes_is_refused_before_it_is_read(start: bytes, filling: bytes) -> None:
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        yield start
        for _ in range(20_000):
            taken += len(filling)
            yield filling

    assert problem(chunks()).code == "field_too_large"
    assert taken < 2 * MAXIMUM_RECORD_BYTES


def test_one_huge_chunk_is_refused_too() -> None:
    found = problem([b'h\nok\n"' + b"x" * 20_000_000])
    assert (found.code, found.line) == ("field_too_large", 3)


def test_a_record_of_many_fields_is_refused_above_its_limit() -> None:
    def record(size: int) -> bytes:
        return b"x," * (size // 2)

    assert len(split([b"h\n" + record(MAXIMUM_RECORD_BYTES - 2) + b"\n"])) == 2
    for ending in (b"\n", b"", record(MAXIMUM_RECORD_BYTES)):
        found = problem([b"h\n" + record(MAXIMUM_RECORD_BYTES + 2) + ending])
        assert (found.code, found.line) == ("record_too_large", 2)


def test_a_record_of_many_quoted_lines_is_refused_above_its_limit() -> None:
    field = b'"' + b"x\n" * 20_000 + b'",'
    found = problem([b"h\nfirst\n", *[field] * 10, b"\n"])
    assert (found.code, found.line) == ("record_too_large", 3)


def test_a_quoted_field_may_be_as_large_as_the_limit() -> None:
    field = b'"' + b"xy\n" * ((MAXIMUM_FIELD_BYTES - 2) // 3)
    assert len(split([b"h\n", field, b'"\nnext\n'])) == 3
    assert problem([b"h\n", field, b'abc\n"\n']).code == "field_too_large"


def splitter_with_commas() -> RecordSplitter:
    return RecordSplitter(lambda text, line: ",")


def feed(splitter: RecordSplitter, data: bytes) -> list[str]:
    return [text for block in splitter.feed(data) for text in block.texts]


def test_a_record_comes_out_as_soon_as_its_end_is_sure() -> None:
    splitter = splitter_with_commas()
    assert feed(splitter, b"h\n1\r") == []
    assert feed(splitter, b"2") == ["1\r"]
    assert feed(splitter, b"\r\n") == ["2\r\n"]


def test_a_header_comes_out_as_soon_as_the_kind_of_file_is_sure() -> None:
    splitter = splitter_with_commas()
    for byte in (b"h", b"\n", b"1"):
        assert feed(splitter, byte) == [] and splitter.header is None
    assert feed(splitter, b"2") == [] and splitter.header == "h\n"


def test_the_last_line_of_a_record_counts_too() -> None:
    line = b'"' + b"x" * 60_000 + b'\n",'
    found = problem([b"h\n", *[line] * 4, b"y," * 30_000 + b"\n"])
    assert (found.code, found.line) == ("record_too_large", 2)


def test_a_large_record_leaves_the_limit_of_the_next_alone() -> None:
    large = (b'"' + b"x" * 50_000 + b'\n",') * 4 + b"\n"
    halves = [b"y," * 50_000, b"y," * 25_000 + b"\n"]
    assert len(split([b"h\n", large, *halves])) == 3
