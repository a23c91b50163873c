"""Replies: the same ones however the bytes were cut, and nothing else taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.protocol.smtp import Reply, ReplyReader, ReplyViolation
from caesura.protocol.smtp.replies import MAX_LINE_BYTES, MAX_REPLY_BYTES


def read(*pieces: bytes) -> tuple[list[Reply], str | None]:
    reader = ReplyReader()
    replies = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (reply := reader.next_reply()) is not None:
                replies.append(reply)
    except ReplyViolation as violation:
        return replies, violation.code
    return replies, None


@pytest.mark.parametrize(
    ("raw", "code", "lines", "enhanced"),
    [
        (b"250 Ok\r\n", 250, ("Ok",), None),
        (b"250\r\n", 250, ("",), None),
        (b"250 \r\n", 250, ("",), None),
        (b"250 2.1.0 Ok\n", 250, ("2.1.0 Ok",), "2.1.0"),
        (b"550-5.1.1 no\r\n550 5.1.1 such user\r\n", 550, ("5.1.1 no", "5.1.1 such user"), "5.1.1"),
        (b"550 5.07.001 leading zeros\r\n", 550, ("5.07.001 leading zeros",), "5.7.1"),
        (b"550 5.1.1\r\n", 550, ("5.1.1",), "5.1.1"),
        (b"550 4.1.1 of another class\r\n", 550, ("4.1.1 of another class",), None),
        (b"550 5.1.1x\r\n", 550, ("5.1.1x",), None),
        (b"354 3.0.0 no such class\r\n", 354, ("3.0.0 no such class",), None),
        (b"250 gr\xc3\xbc\xc3\x9fe\r\n", 250, ("grüße",), None),
        (b"250 bad \xff utf-8\r\n", 250, ("bad \ufffd utf-8",), None),
        (b"250 \x1b[31mred\x00\tx\r\n", 250, ("\ufffd[31mred\ufffd x",), None),
        (b"199 odd but well formed\r\n", 199, ("odd but well formed",), None),
        (b"599 odd but well formed\r\n", 599, ("odd but well formed",), None),
    ],
)
def test_a_reply_has_a_code_its_lines_and_maybe_an_enhanced_code(
    raw: bytes, code: int, lines: tuple[str, ...], enhanced: str | None
) -> None:
    replies, violation = read(raw)
    assert (replies, violation) == ([Reply(code, lines)], None)
    assert replies[0].enhanced == enhanced
    assert replies[0].text == " ".join(lines)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\r\n", "not_a_reply"),
        (b"25 Ok\r\n", "not_a_reply"),
        (b"2500 Ok\r\n", "not_a_reply"),
        (b"250_Ok\r\n", "not_a_reply"),
        (b"25x Ok\r\n", "not_a_reply"),
        (b" 250 Ok\r\n", "not_a_reply"),
        (b"+50 Ok\r\n", "not_a_reply"),
        (b"099 Ok\r\n", "not_a_reply"),
        (b"600 Ok\r\n", "not_a_reply"),
        ("٢٥٠ Ok\r\n".encode(), "not_a_reply"),
        (b"HTTP/1.1 200 OK\r\n", "not_a_reply"),
        (b"\x15\x03\x01\x00\x02\x02\n", "not_a_reply"),
        (b"250-one\r\n550 two\r\n", "mixed_codes"),
        (b"250 " + b"x" * MAX_LINE_BYTES + b"\r\n", "line_too_long"),
        (b"x" * (MAX_LINE_BYTES + 1), "line_too_long"),
        ((b"250-" + b"x" * 1000 + b"\r\n") * (MAX_REPLY_BYTES // 1000 + 2), "reply_too_long"),
    ],
)
def test_what_is_no_reply_is_a_violation_for_good(raw: bytes, code: str) -> None:
    assert read(b"250 first\r\n" + raw + b"\r\n250 later\r\n") == ([Reply(250, ("first",))], code)
    reader = ReplyReader()
    reader.feed(raw)
    for _ in range(2):
        with pytest.raises(ReplyViolation):
            reader.next_reply()


def test_a_line_and_a_reply_of_the_largest_size_are_taken() -> None:
    line = b"250 " + b"x" * (MAX_LINE_BYTES - 5) + b"\r\n"
    assert len(line) - 1 == MAX_LINE_BYTES
    assert read(line)[1] is None
    count = MAX_REPLY_BYTES // 1024
    whole = (b"250-" + b"x" * 1018 + b"\r\n") * (count - 1) + b"250 " + b"x" * 1018 + b"\r\n"
    assert len(whole) == MAX_REPLY_BYTES
    assert len(read(whole)[0][0].lines) == count


def test_the_reader_is_empty_only_between_replies() -> None:
    reader = ReplyReader()
    assert reader.is_empty
    reader.feed(b"250-a\r\n")
    assert reader.next_reply() is None
    assert not reader.is_empty
    reader.feed(b"250 b\r\n2")
    assert reader.next_reply() == Reply(250, ("a", "b"))
    assert not reader.is_empty
    reader.feed(b"50 c\r\n")
    assert reader.next_reply() is not None
    assert reader.is_empty


def test_a_line_seen_before_still_belongs_to_the_reply_that_it_ends() -> None:
    replies, violation = read(b"250 b\r\n250-a\r\n250 b\r\n250 b\r\n")
    assert (replies, violation) == ([Reply(250, ("b",)), Reply(250, ("a", "b")), Reply(250, ("b",))], None)


def test_many_different_replies_do_not_pile_up_in_memory() -> None:
    reader = ReplyReader()
    for number in range(5000):
        reader.feed(b"250 queued as %d\r\n" % number)
        assert reader.next_reply() == Reply(250, (f"queued as {number}",))
    assert len(reader._known) <= 64


STREAM = st.lists(
    st.sampled_from(
        [b"250 ok\r\n", b"250-a\r\n", b"250 b\n", b"550-x\r\n", b"550 5.1.1 y\r\n", b"354\r\n", b"\r\n", b"1", b"\xff"]
        + [b"250-" + b"z" * 1500 + b"\r\n", b"2" * 700, b"220 \r\r\n", b"\n"]
    ),
    max_size=60,
).map(b"".join)


@given(STREAM | st.binary(max_size=300), st.data())
def test_any_cut_of_the_bytes_gives_the_same_replies_and_the_same_violation(stream: bytes, data: st.DataObject) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    expected = read(stream)
    assert read(*pieces) == expected
    assert read(*(bytes([byte]) for byte in stream)) == expected
