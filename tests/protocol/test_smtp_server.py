"""The receiving side of SMTP: transcripts, limits, and bytes cut anywhere."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.protocol.smtp_server import (
    MAXIMUM_LINE_BYTES,
    MAXIMUM_RECIPIENTS,
    Close,
    Deliver,
    Event,
    ReceivedMessage,
    Reply,
    Send,
    ServerOptions,
    ServerSession,
)

HELLO = b"EHLO client.example\r\n"
ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n"


class Talk:
    """A session whose messages are all taken at once."""

    def __init__(self, options: ServerOptions | None = None) -> None:
        self.session = ServerSession(options)
        self.messages: list[ReceivedMessage] = []
        self.is_closed = False
        self.output = b""

    def say(self, data: bytes) -> list[str]:
        """The lines of the replies to `data`."""
        before = len(self.output)
        self._handle(self.session.feed(data))
        return self.output[before:].decode().split("\r\n")[:-1]

    def codes(self, data: bytes) -> list[str]:
        """The last line of each reply, without its words: `250 2.1.0`."""
        return [" ".join(line.split()[:2]) for line in self.say(data) if line[3] == " "]

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send(data):
                    self.output += data
                case Deliver(message):
                    self.messages.append(message)
                    self._handle(self.session.settle())
                case Close():
                    self.is_closed = True


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.say(HELLO)
    return talk


def test_the_greeting_comes_first() -> None:
    assert ServerSession(ServerOptions(host_name="mx.test")).greet() == [Send(b"220 mx.test ESMTP\r\n")]


def test_ehlo_tells_what_is_offered() -> None:
    assert Talk(ServerOptions("mx.test", 1000)).say(HELLO) == [
        "250-mx.test",
        "250-PIPELINING",
        "250-SIZE 1000",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-CHUNKING",
        "250-AUTH PLAIN LOGIN",
        "250 ENHANCEDSTATUSCODES",
    ]
    assert not any("AUTH" in line for line in Talk(ServerOptions(offers_auth=False)).say(HELLO))


def test_a_message_is_delivered_and_answered_when_it_is_settled() -> None:
    session = ServerSession()
    session.feed(HELLO + ENVELOPE + b"DATA\r\n")
    (deliver,) = session.feed(b"Subject: x\r\n\r\n..dot\r\n.\r\nNOOP\r\n")
    assert isinstance(deliver, Deliver)
    assert deliver.message == ReceivedMessage(
        sender="a@example.com",
        recipients=("b@example.com",),
        content=b"Subject: x\r\n\r\n.dot\r\n",
        client_name="client.example",
        needs_smtputf8=False,
    )
    assert session.feed(b"QUIT\r\n") == []
    assert session.settle(Reply(452, "Full", "4.3.1")) == [
        Send(b"452 4.3.1 Full\r\n250 2.0.0 OK\r\n221 2.0.0 Bye\r\n"),
        Close(),
    ]
    with pytest.raises(ValueError, match="no message"):
        session.settle()


def test_everything_may_be_pipelined(talk: Talk) -> None:
    message = ENVELOPE + b"DATA\r\nx\r\n.\r\n"
    codes = talk.codes(message + message + b"QUIT\r\nNOOP\r\n")
    one = ["250 2.1.0", "250 2.1.5", "354 End", "250 2.0.0"]
    assert codes == [*one, *one, "221 2.0.0"]
    assert [message.content for message in talk.messages] == [b"x\r\n", b"x\r\n"]
    assert talk.is_closed
    assert talk.say(b"NOOP\r\n") == []


@pytest.mark.parametrize(
    ("wire", "content"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".x\r\n..y\r\n...\r\n.\r\n", b"x\r\n.y\r\n..\r\n"),
        (b"a\n.\nb\r.\rc\r\n.\nd\n.\r\ne\r\n.\r\n", b"a\n.\nb\r.\rc\r\n\nd\n.\r\ne\r\n"),
        ("ü\r\n\x00\xff\r\n.\r\n".encode("latin-1"), "ü\r\n\x00\xff\r\n".encode("latin-1")),
    ],
)
def test_only_crlf_dot_crlf_ends_the_content_and_dots_are_unstuffed(talk: Talk, wire: bytes, content: bytes) -> None:
    assert talk.codes(ENVELOPE + b"DATA\r\n" + wire)[-1] == "250 2.0.0"
    assert talk.messages[0].content == content


def test_chunks_are_joined(talk: Talk) -> None:
    assert talk.codes(ENVELOPE + b"BDAT 5\r\n.\r\nQUBDAT 3\r\nIT\rBDAT 0\r\nBDAT 3 LAST\r\n\n.\n") == [
        "250 2.1.0",
        "250 2.1.5",
        *["250 2.0.0"] * 4,
    ]
    assert [message.content for message in talk.messages] == [b".\r\nQUIT\r\n.\n"]


def test_a_last_chunk_may_be_empty(talk: Talk) -> None:
    talk.say(ENVELOPE + b"BDAT 1\r\nxBDAT 0 last\r\n" + ENVELOPE + b"BDAT 0 LAST\r\n")
    assert [message.content for message in talk.messages] == [b"x", b""]


def test_chunks_without_an_envelope_are_passed_over(talk: Talk) -> None:
    assert talk.codes(b"BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<a@example.com>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n") == [
        "503 5.5.1",
        "250 2.1.0",
        "503 5.5.1",
        "250 2.0.0",
    ]
    assert not talk.messages and not talk.is_closed


def test_between_chunks_no_other_transaction_begins(talk: Talk) -> None:
    talk.say(ENVELOPE + b"BDAT 1\r\nx")
    assert talk.codes(ENVELOPE + b"DATA\r\nNOOP\r\nRSET\r\n") == ["503 5.5.1"] * 3 + ["250 2.0.0"] * 2
    assert talk.codes(b"BDAT 1 LAST\r\nx") == ["503 5.5.1"]


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_a_message_above_the_size_is_refused_and_the_next_is_taken(cut: int) -> None:
    talk = Talk(ServerOptions(maximum_message_bytes=20))
    envelope = ENVELOPE
    exact, above, far_above = b"x" * 18 + b"\r\n", b"x" * 19 + b"\r\n", b"x" * 500 + b"\r\n"
    wire = HELLO
    for content in (exact, above, far_above, b"y\r\n"):
        wire += envelope + b"DATA\r\n" + content + b".\r\n"
        wire += envelope + b"BDAT %d\r\n%bBDAT 0 LAST\r\n" % (len(content), content)
    for start in range(0, len(wire), cut):
        talk.say(wire[start : start + cut])
    assert [message.content for message in talk.messages] == [exact, exact, b"y\r\n", b"y\r\n"]
    assert talk.output.count(b"552 5.3.4") == 6


def test_an_announced_size_above_the_limit_is_refused_at_once(talk: Talk) -> None:
    assert talk.codes(b"MAIL FROM:<a@example.com> SIZE=26214401\r\n") == ["552 5.3.4"]
    assert talk.codes(b"MAIL FROM:<a@example.com> SIZE=26214400 BODY=8bitmime\r\n") == ["250 2.1.0"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"MAIL FROM:<>", "250 2.1.0"),
        (b"mail from: <a@example.com>", "250 2.1.0"),
        (b'MAIL FROM:<"a > b"@example.com>', "250 2.1.0"),
        (b"MAIL FROM:<a@example.com> SMTPUTF8 BODY=7BIT AUTH=<>", "250 2.1.0"),
        ("MAIL FROM:<ä@example.com> SMTPUTF8".encode(), "250 2.1.0"),
        ("MAIL FROM:<ä@example.com>".encode(), "553 5.6.7"),
        (b"MAIL FROM:<\xff@example.com> SMTPUTF8", "500 5.5.2"),
        (b"MAIL FROM:a@example.com", "501 5.1.7"),
        (b"MAIL TO:<a@example.com>", "501 5.1.7"),
        (b"MAIL FROM:<a>", "501 5.1.7"),
        (b"MAIL FROM:<a b@example.com>", "501 5.1.7"),
        (b"MAIL FROM:<a@" + b"x" * 253 + b">", "501 5.1.7"),
        (b"MAIL FROM:<a@example.com>SIZE=1", "501 5.1.7"),
        (b"MAIL", "501 5.1.7"),
        (b"MAIL FROM:<a@example.com> SIZE=x", "501 5.5.4"),
        (b"MAIL FROM:<a@example.com> BODY=BINARYMIME", "501 5.5.4"),
        (b"MAIL FROM:<a@example.com> SMTPUTF8=1", "501 5.5.4"),
        (b"MAIL FROM:<a@example.com> RET=FULL", "555 5.5.4"),
        (b"RCPT TO:<b@example.com>", "503 5.5.1"),
        (b"DATA", "503 5.5.1"),
        (b"DATA now", "501 5.5.4"),
        (b"BDAT", "501 5.5.4"),
        (b"BDAT -1", "501 5.5.4"),
        (b"BDAT 1 FIRST", "501 5.5.4"),
        (b"RSET", "250 2.0.0"),
        (b"RSET now", "501 5.5.4"),
        (b"NOOP anything", "250 2.0.0"),
        (b"VRFY anna", "252 2.0.0"),
        (b"HELO", "501 5.5.4"),
        (b"STARTTLS", "500 5.5.1"),
        (b"", "500 5.5.1"),
        (b"NOOP\x00", "500 5.5.2"),
        (b"NO\rOP", "500 5.5.2"),
    ],
)
def test_a_command_has_its_answer(talk: Talk, line: bytes, code: str) -> None:
    assert talk.codes(line + b"\r\n") == [code]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"RCPT TO:<b@example.com>", "250 2.1.5"),
        (b"RCPT TO:<Postmaster>", "250 2.1.5"),
        (b"RCPT TO:<>", "501 5.1.3"),
        (b"RCPT TO:<b>", "501 5.1.3"),
        ("RCPT TO:<ü@example.com>".encode(), "553 5.6.7"),
        (b"RCPT TO:<b@example.com> NOTIFY=NEVER", "555 5.5.4"),
        (b"MAIL FROM:<a@example.com>", "503 5.5.1"),
        (b"DATA", "503 5.5.1"),
        (b"AUTH PLAIN", "503 5.5.1"),
    ],
)
def test_within_a_transaction_a_command_has_its_answer(talk: Talk, line: bytes, code: str) -> None:
    talk.say(b"MAIL FROM:<a@example.com>\r\n")
    assert talk.codes(line + b"\r\n") == [code]


def test_nothing_goes_before_hello() -> None:
    assert Talk().codes(ENVELOPE + b"AUTH PLAIN\r\nNOOP\r\nHELO x\r\n" + ENVELOPE) == [
        *["503 5.5.1"] * 3,
        "250 2.0.0",
        "250 sink.test",
        "250 2.1.0",
        "250 2.1.5",
    ]


def test_hello_and_reset_end_the_transaction(talk: Talk) -> None:
    for line in (HELLO, b"RSET\r\n"):
        talk.say(ENVELOPE + line)
        assert talk.codes(b"DATA\r\n") == ["503 5.5.1"]


def test_there_is_a_limit_to_recipients(talk: Talk) -> None:
    talk.say(b"MAIL FROM:<a@example.com>\r\n")
    codes = talk.codes(b"RCPT TO:<b@example.com>\r\n" * (MAXIMUM_RECIPIENTS + 1))
    assert codes[-2:] == ["250 2.1.5", "452 4.5.3"]
    talk.say(b"DATA\r\n.\r\n")
    assert len(talk.messages[0].recipients) == MAXIMUM_RECIPIENTS


def encoded(text: str) -> bytes:
    return base64.b64encode(text.encode())


def test_any_credentials_are_good(talk: Talk) -> None:
    assert talk.codes(b"AUTH PLAIN " + encoded("\0anna\0sesame") + b"\r\n") == ["235 2.7.0"]
    assert talk.codes(b"AUTH PLAIN\r\n") == ["503 5.5.1"]
    talk = Talk()
    assert talk.codes(HELLO + b"AUTH PLAIN\r\n" + encoded("\0anna\0sesame") + b"\r\n")[1:] == ["334", "235 2.7.0"]
    talk = Talk()
    lines = talk.say(HELLO + b"auth login\r\n" + encoded("anna") + b"\r\n" + encoded("sesame") + b"\r\n" + ENVELOPE)
    assert lines[-5:-2] == ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 Welcome"]
    talk = Talk()
    assert talk.codes(HELLO + b"AUTH LOGIN " + encoded("anna") + b"\r\n=\r\n")[1:] == ["334 UGFzc3dvcmQ6", "235 2.7.0"]


@pytest.mark.parametrize(
    ("wire", "codes"),
    [
        (b"AUTH PLAIN ***\r\n", ["501 5.5.2"]),
        (b"AUTH PLAIN =\r\n", ["501 5.5.2"]),
        (b"AUTH PLAIN\r\n*\r\n", ["334", "501 5.5.2"]),
        ("AUTH LOGIN ü\r\n".encode(), ["501 5.5.2"]),
        (b"AUTH XOAUTH2 abc\r\n", ["504 5.5.4"]),
        (b"AUTH\r\n", ["504 5.5.4"]),
    ],
)
def test_what_is_no_login_is_refused_and_commands_go_on(talk: Talk, wire: bytes, codes: list[str]) -> None:
    assert talk.codes(wire + b"NOOP\r\n") == [*codes, "250 2.0.0"]


def test_a_login_that_is_not_offered_is_refused() -> None:
    talk = Talk(ServerOptions(offers_auth=False))
    assert talk.codes(HELLO + b"AUTH PLAIN\r\nMAIL FROM:<a@example.com> AUTH=<>\r\n")[1:] == ["502 5.5.1", "555 5.5.4"]


def test_a_line_that_ends_in_lf_alone_is_refused(talk: Talk) -> None:
    assert talk.codes(b"NOOP\nNOOP\r\n") == ["500 5.5.2", "250 2.0.0"]


@pytest.mark.parametrize("cut", [100, 100_000])
def test_a_line_without_end_is_dropped_in_bounded_memory(talk: Talk, cut: int) -> None:
    endless = b"NOOP " + b"x" * (3 * MAXIMUM_LINE_BYTES)
    for start in range(0, len(endless), cut):
        assert talk.say(endless[start : start + cut]) == []
    assert talk.codes(b"\r\nNOOP\r\n") == ["500 5.5.2", "250 2.0.0"]
    assert talk.codes(b"NOOP " + b"x" * (MAXIMUM_LINE_BYTES - 7) + b"\r\n") == ["250 2.0.0"]
    assert talk.codes(b"NOOP " + b"x" * (MAXIMUM_LINE_BYTES - 6) + b"\r\n") == ["500 5.5.2"]


CONTENTS = st.lists(st.sampled_from([b".", b"\r\n", b"\r", b"\n", b"x", b"..", b"QUIT", b"\xff"]), max_size=12).map(
    b"".join
)
MESSAGES = st.one_of(
    CONTENTS.map(lambda content: ENVELOPE + b"DATA\r\n" + content + b"\r\n.\r\n"),
    st.tuples(CONTENTS, CONTENTS).map(
        lambda pair: ENVELOPE + b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (len(pair[0]), pair[0], len(pair[1]), pair[1])
    ),
    st.sampled_from(
        [b"NOOP\r\n", b"RSET\r\n", b"x\n", b"AUTH LOGIN\r\nYQ==\r\nYQ==\r\n", b"DATA\r\n", b"BDAT 4\r\nQUIT"]
    ),
)


@given(st.lists(MESSAGES, max_size=5), st.lists(st.integers(1, 30), min_size=1, max_size=40))
def test_the_outcome_does_not_depend_on_how_the_bytes_are_cut(parts: list[bytes], sizes: list[int]) -> None:
    options = ServerOptions(maximum_message_bytes=15)
    wire = HELLO + b"".join(parts) + b"QUIT\r\n"
    whole = Talk(options)
    whole.say(wire)
    pieces = Talk(options)
    rest, turn = wire, 0
    while rest:
        size = sizes[turn % len(sizes)]
        pieces.say(rest[:size])
        rest, turn = rest[size:], turn + 1
    assert pieces.output == whole.output
    assert pieces.messages == whole.messages
    assert pieces.is_closed and whole.is_closed


@given(st.binary(max_size=200))
def test_noise_never_breaks_the_session(noise: bytes) -> None:
    talk = Talk()
    talk.say(noise)
    talk.say(b"\r\n.\r\n" + noise)
