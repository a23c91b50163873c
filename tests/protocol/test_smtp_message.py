"""What may touch the wire, and how it looks there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.protocol.smtp import Capabilities, Envelope, Kind, Stage, is_safe_address
from caesura.protocol.smtp.message import chunked, dotted, has_clean_line_ends, mail_command, rcpt_command, refusal

EVERYTHING = Capabilities(pipelining=True, eight_bit=True, smtputf8=True, size=True, size_limit=100)


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "first.last+tag@sub.example.com",
        "o'hara!#$%&*/=?^_`{|}~-@example.com",
        "grüße@münchen.example",
        '"with blank"@example.com',
        '"quo\\"ted <x>"@example.com',
        "postmaster@[192.0.2.1]",
        "postmaster@[IPv6:2001:db8::1]",
    ],
)
def test_an_address_may_be_odd(address: str) -> None:
    assert is_safe_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@b",
        "a@",
        "a@b@c",
        "a b@c",
        "a@b c",
        "a@b>",
        "<a@b",
        "a@b\r\nRCPT TO:<x@y>",
        "a@b\n",
        "a@b\r",
        "\na@b",
        "a\x00@b",
        "a\x7f@b",
        '"a\r\nb"@c',
        '"a\\\r\nb"@c',
        '"a@b',
        'a"b@c',
        "a\\@b",
        "a@b> SIZE=1",
        "a@b\u2028",
        "a\u0085@b",
        "a\ud800@b",
        "@relay:a@b",
        "x" * 250 + "@b.cc",
        "ü" * 126 + "@b.c",
    ],
)
def test_an_address_that_could_leave_its_brackets_is_refused_before_any_byte(address: str) -> None:
    assert not is_safe_address(address)
    recipient = refusal(Envelope("a@b", address, b""), EVERYTHING)
    assert recipient is not None
    assert (recipient.kind, recipient.stage) == (Kind.REJECTED, Stage.RECIPIENT)
    sender = refusal(Envelope(address, "a@b", b""), EVERYTHING)
    if address:
        assert sender is not None
        assert (sender.kind, sender.stage) == (Kind.REJECTED, Stage.SENDER)


@given(st.text() | st.from_regex(r"[\s\S]*@[\s\S]*"))
def test_no_accepted_address_can_change_the_shape_of_its_command(address: str) -> None:
    if is_safe_address(address):
        line = rcpt_command(address)
        assert line.startswith(b"RCPT TO:<")
        assert line.endswith(b">\r\n")
        assert line.count(b"\r") == line.count(b"\n") == 1
        assert b"\x00" not in line


def test_the_null_sender_is_allowed() -> None:
    envelope = Envelope("", "a@b", b"x\r\n")
    assert refusal(envelope, EVERYTHING) is None
    assert mail_command(envelope, Capabilities()) == b"MAIL FROM:<>\r\n"


@pytest.mark.parametrize(
    ("envelope", "offers", "stage"),
    [
        (Envelope("a@b", "ü@b", b""), Capabilities(eight_bit=True), Stage.SMTPUTF8),
        (Envelope("ü@b", "a@b", b""), Capabilities(eight_bit=True), Stage.SMTPUTF8),
        (Envelope("a@b", "a@bü", b""), Capabilities(eight_bit=True), Stage.SMTPUTF8),
        (Envelope("a@b", "a@b", b"", smtputf8=True), Capabilities(eight_bit=True), Stage.SMTPUTF8),
        (Envelope("a@b", "ü@b", b""), Capabilities(smtputf8=True), None),
        (Envelope("a@b", "a@b", "ü\r\n".encode()), Capabilities(), Stage.EIGHT_BIT),
        (Envelope("a@b", "a@b", "ü\r\n".encode()), Capabilities(eight_bit=True), None),
        (Envelope("a@b", "a@b", b"x" * 101), Capabilities(size=True, size_limit=100), Stage.SIZE),
        (Envelope("a@b", "a@b", b"x" * 100), Capabilities(size=True, size_limit=100), None),
        (Envelope("a@b", "a@b", b"x" * 101), Capabilities(size=True), None),
        (Envelope("a@b", "a@b", b"x\n.\r\nMAIL FROM:<>\r\n"), Capabilities(), Stage.FORM),
        (Envelope("a@b", "a@b", b"x\r.\r\n"), Capabilities(), Stage.FORM),
        (Envelope("a@b", "a@b", b"x\r\n"), Capabilities(), None),
    ],
)
def test_what_the_server_cannot_take_is_refused_before_any_byte(
    envelope: Envelope, offers: Capabilities, stage: Stage | None
) -> None:
    found = refusal(envelope, offers)
    assert (found and found.stage) == stage
    assert found is None or (found.kind is Kind.REJECTED and found.reply is None and found.detail)


def test_mail_carries_the_parameters_that_are_offered_and_needed() -> None:
    plain = Envelope("a@b", "c@d", b"x\r\n")
    eight_bit = Envelope("ü@b", "c@d", "ü\r\n".encode())
    assert mail_command(plain, Capabilities()) == b"MAIL FROM:<a@b>\r\n"
    assert mail_command(plain, EVERYTHING) == b"MAIL FROM:<a@b> SIZE=3\r\n"
    assert mail_command(eight_bit, EVERYTHING) == "MAIL FROM:<ü@b> SIZE=4 BODY=8BITMIME SMTPUTF8\r\n".encode()
    assert rcpt_command(eight_bit.recipient) == b"RCPT TO:<c@d>\r\n"


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n..b\r\n", b"a\r\n...b\r\n.\r\n"),
        (b"\r\n.\r\n.\r\n", b"\r\n..\r\n..\r\n.\r\n"),
    ],
)
def test_dots_are_doubled_and_one_ends_the_content(content: bytes, wire: bytes) -> None:
    assert dotted(content) == wire


LINES = st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"a.", b"\xff"]), max_size=12)


@given(LINES)
def test_undoing_the_dots_gives_the_content_back_and_only_the_last_dot_stands_alone(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    *body, end, rest = dotted(content).split(b"\r\n")
    assert (end, rest) == (b".", b"")
    assert b"." not in body
    assert b"".join(line.removeprefix(b".") + b"\r\n" for line in body) == content


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"x"]), max_size=8).map(b"".join))
def test_line_ends_are_clean_only_if_none_stands_alone(content: bytes) -> None:
    remainder = content.replace(b"\r\n", b"")
    assert has_clean_line_ends(content) == (b"\r" not in remainder and b"\n" not in remainder)


def test_a_chunk_is_the_content_untouched() -> None:
    assert chunked(b".\r\nx") == b"BDAT 4 LAST\r\n.\r\nx"
