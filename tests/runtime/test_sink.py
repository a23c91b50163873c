"""The mail sink, as real clients meet it."""

import asyncio
import smtplib
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

import aiosmtplib
import pytest

from caesura.domain.errors import Unavailable
from caesura.protocol.smtp_server import ServerOptions
from caesura.runtime.sink import Sink, read_messages

T = TypeVar("T")
START = datetime(2030, 1, 31, 9, 0, 0, 250_000, tzinfo=UTC)
CONTENT = b"Message-ID: <1@example.com>\r\nSubject: Hello\r\n\r\nHi\r\n.\r\nX-Envelope-To: <not@example.com>\r\n"


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[Sink]:
    async with Sink(tmp_path / "mail", port=0) as sink:
        yield sink


async def with_client(sink: Sink, talk: Callable[[smtplib.SMTP], T]) -> T:
    """Run `talk` on a thread, with a standard library client that is connected."""

    def run() -> T:
        with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="client.example", timeout=30) as client:
            return talk(client)

    return await asyncio.to_thread(run)


async def test_a_message_is_kept_exactly_as_it_came(sink: Sink, tmp_path: Path) -> None:
    refused = await with_client(
        sink, lambda client: client.sendmail("a@example.com", ["b@example.com", "c@example.com"], CONTENT)
    )
    assert refused == {}
    (message,) = read_messages(tmp_path / "mail")
    assert message.path.name == "000001-b@example.com.eml"
    assert (message.number, message.sender) == (1, "a@example.com")
    assert message.recipients == ("b@example.com", "c@example.com")
    assert message.recipient == "b@example.com"
    assert (message.message_id, message.subject) == ("<1@example.com>", "Hello")
    assert message.content() == CONTENT


async def test_the_file_begins_with_the_envelope(tmp_path: Path) -> None:
    async with Sink(tmp_path, port=0, now=lambda: START) as sink:
        await with_client(sink, lambda client: client.sendmail("", ["b@example.com"], b"Subject: x\r\n\r\ny\r\n"))
        await sink.wait_for(1)
    (path,) = tmp_path.glob("*.eml")
    assert path.read_bytes() == (
        b"X-Envelope-From: <>\r\n"
        b"X-Envelope-To: <b@example.com>\r\n"
        b"X-Received-At: 2030-01-31T09:00:00.250000Z\r\n"
        b"Subject: x\r\n\r\ny\r\n"
    )
    (message,) = read_messages(tmp_path)
    assert (message.sender, message.received_at) == ("", START)


async def test_headers_are_unfolded_and_subjects_decoded(sink: Sink, tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Grüße " * 30
    mail["References"] = " ".join(f"<{number}@example.com>" for number in range(10))
    mail["X-Empty"] = ""
    mail.set_content("x" * 100_000)
    await with_client(sink, lambda client: client.send_message(mail, "a@example.com", ["b@example.com"]))
    (message,) = read_messages(tmp_path / "mail")
    assert message.subject == ("Grüße " * 30).strip()
    assert message.header("references") == " ".join(f"<{number}@example.com>" for number in range(10))
    assert message.header("X-Empty") == ""
    assert message.header("X-None") is None and message.message_id is None


async def test_headers_may_be_long(sink: Sink, tmp_path: Path) -> None:
    content = b"X-Long: " + b"x " * 30_000 + b"\r\nSubject: =?utf-8?q?=ff?=\r\n\r\n"
    await with_client(sink, lambda client: client.sendmail("a@example.com", ["b@example.com"], content))
    (message,) = read_messages(tmp_path / "mail")
    assert len(message.header("X-Long") or "") == 59_999
    assert message.subject


async def test_international_addresses_are_kept(sink: Sink, tmp_path: Path) -> None:
    def talk(client: smtplib.SMTP) -> None:
        client.sendmail("käthe@münchen.example", ["用户@例え.example"], b"\r\n", mail_options=["SMTPUTF8"])
        client.sendmail("a@example.com", ['"../../etc/x y"@example.com'], b"\r\n")

    await with_client(sink, talk)
    first, second = read_messages(tmp_path / "mail")
    assert (first.sender, first.recipient) == ("käthe@münchen.example", "用户@例え.example")
    assert second.recipient == '"../../etc/x y"@example.com'
    assert {path.parent for path in (first.path, second.path)} == {tmp_path / "mail"}
    assert second.path.name == "000002-_.._.._etc_x_y_@example.com.eml"


async def test_a_login_is_taken(sink: Sink) -> None:
    assert (await with_client(sink, lambda client: client.login("anna", "sesame")))[0] == 235
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.port, username="anna", password="x", start_tls=False):
        pass


async def test_a_restart_goes_on_with_the_next_number_and_clears_what_was_half_written(tmp_path: Path) -> None:
    (tmp_path / "000041-x@example.com.eml").write_bytes(
        b"X-Envelope-From: <>\r\nX-Envelope-To: <x>\r\nX-Received-At: 2030-01-01T00:00:00.000000Z\r\n\r\n"
    )
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".000042.tmp").write_text("half")
    for _ in range(2):
        async with Sink(tmp_path, port=0) as sink:
            await with_client(sink, lambda client: client.sendmail("a@example.com", ["b@example.com"], b"\r\n"))
    assert [message.number for message in read_messages(tmp_path)] == [41, 42, 43]
    assert not (tmp_path / ".000042.tmp").exists()
    assert (tmp_path / "notes.txt").exists()


async def test_messages_come_in_the_order_of_their_numbers_beyond_six_digits(tmp_path: Path) -> None:
    trace = b"X-Envelope-From: <>\r\nX-Envelope-To: <x>\r\nX-Received-At: 2030-01-01T00:00:00.000000Z\r\n\r\n"
    for name in ("1000000-a.eml", "999999-b.eml", "000002-c.eml"):
        (tmp_path / name).write_bytes(trace)
    assert [message.number for message in read_messages(tmp_path)] == [2, 999_999, 1_000_000]


async def test_many_clients_at_once_get_a_file_each(sink: Sink, tmp_path: Path) -> None:
    async def send(number: int) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.port, start_tls=False) as client:
            for turn in range(10):
                await client.sendmail("a@example.com", [f"b{number}.{turn}@example.com"], b"Subject: x\r\n\r\n")

    await asyncio.gather(*(send(number) for number in range(10)))
    messages = list(read_messages(tmp_path / "mail"))
    assert [message.number for message in messages] == list(range(1, 101))
    assert len({message.recipient for message in messages}) == 100
    assert [message.received_at for message in messages] == sorted(message.received_at for message in messages)
    assert sink.received == 100


async def read_line(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readline(), 30)


async def test_a_slow_server_keeps_the_message_before_it_answers(tmp_path: Path) -> None:
    async with Sink(tmp_path, port=0, accept_delay_seconds=3_600) as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n")
        while not (await read_line(reader)).startswith(b"354"):
            pass
        await sink.wait_for(1)
        assert len(list(read_messages(tmp_path))) == 1
    # The message was never accepted: this is the next reply.
    assert (await read_line(reader)).startswith(b"421")
    assert await read_line(reader) == b""
    writer.close()


async def test_after_the_delay_the_message_is_accepted_and_the_next_command_answered(tmp_path: Path) -> None:
    async with Sink(tmp_path, port=0, accept_delay_seconds=0.01) as sink:
        replies = await with_client(
            sink,
            lambda client: [client.sendmail("a@example.com", ["b@example.com"], b"x\r\n") for _ in range(3)],
        )
        assert replies == [{}, {}, {}]
    assert len(list(read_messages(tmp_path))) == 3


async def test_a_client_above_the_capacity_is_told_to_come_again(tmp_path: Path) -> None:
    async with Sink(tmp_path, port=0, capacity=1) as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        assert (await read_line(reader)).startswith(b"220")
        second, second_writer = await asyncio.open_connection("127.0.0.1", sink.port)
        assert (await read_line(second)).startswith(b"421 4.3.2")
        assert await read_line(second) == b""
        second_writer.close()
        writer.write(b"QUIT\r\n")
        assert (await read_line(reader)).startswith(b"221")
        assert await read_line(reader) == b""
        writer.close()
        third, third_writer = await asyncio.open_connection("127.0.0.1", sink.port)
        assert (await read_line(third)).startswith(b"220")
        third_writer.close()


async def test_from_a_client_that_reads_nothing_no_more_is_taken_until_it_reads(sink: Sink) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sink.port, limit=1_000)
    assert (await read_line(reader)).startswith(b"220")
    (connection,) = sink._connections
    transport = connection._transport
    assert transport is not None
    sent = 0
    while transport.is_reading():
        writer.write(b"NOOP\r\n" * 10_000)
        sent += 10_000
        assert sent < 20_000_000
        await asyncio.sleep(0)
    for _ in range(sent):
        assert await reader.readline() == b"250 2.0.0 OK\r\n"
    assert transport.is_reading()
    writer.close()


async def test_a_message_that_cannot_be_kept_is_refused_for_now(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    async with Sink(folder, port=0) as sink:
        # A folder in the place of the temporary file works for root too, unlike a missing permission.
        (folder / ".000001.tmp").mkdir()

        def talk(client: smtplib.SMTP) -> int:
            with pytest.raises(smtplib.SMTPDataError) as caught:
                client.sendmail("a@example.com", ["b@example.com"], b"x\r\n")
            return caught.value.smtp_code

        assert await with_client(sink, talk) == 452
        (folder / ".000001.tmp").rmdir()
        await with_client(sink, lambda client: client.sendmail("a@example.com", ["b@example.com"], b"x\r\n"))
    assert [message.number for message in read_messages(folder)] == [1]


async def test_a_message_above_the_size_is_refused(tmp_path: Path) -> None:
    async with Sink(tmp_path, port=0, options=ServerOptions(maximum_message_bytes=1_000)) as sink:

        def talk(client: smtplib.SMTP) -> tuple[int, int]:
            client.ehlo()
            client.mail("a@example.com")
            client.rcpt("b@example.com")
            return client.data(b"x" * 2_000)[0], client.noop()[0]

        assert await with_client(sink, talk) == (552, 250)
    assert not list(read_messages(tmp_path))


async def test_a_port_in_use_is_told(sink: Sink, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"Port {sink.port} of 127.0.0.1 is in use") as caught:
        await Sink(tmp_path / "other", port=sink.port).start()
    assert caught.value.code == "port_in_use"
    async with Sink(tmp_path / "other", port=0):
        pass


async def test_a_folder_belongs_to_one_sink(sink: Sink, tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        await Sink(tmp_path / "mail", port=0).start()
    assert caught.value.code == "folder_in_use"


async def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unavailable) as caught:
        await Sink(tmp_path / "file", port=0).start()
    assert caught.value.code == "folder_unusable"
    with pytest.raises(Unavailable):
        list(read_messages(tmp_path / "none"))
    (tmp_path / "000001-x.eml").write_text("From: someone else\n\n")
    with pytest.raises(Unavailable, match="not written by a sink"):
        list(read_messages(tmp_path))


async def test_an_address_that_is_not_ours_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        await Sink(tmp_path, host="192.0.2.1", port=0).start()
    assert caught.value.code == "address_unusable"


async def test_a_client_that_vanishes_leaves_nothing(sink: Sink, tmp_path: Path) -> None:
    raw = socket.create_connection(("127.0.0.1", sink.port))
    raw.sendall(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nhalf a mess")
    raw.close()
    await with_client(sink, lambda client: client.sendmail("a@example.com", ["c@example.com"], b"x\r\n"))
    assert [message.recipient for message in read_messages(tmp_path / "mail")] == ["c@example.com"]


async def test_a_stopped_sink_can_start_again(tmp_path: Path) -> None:
    sink = Sink(tmp_path, port=0)
    await sink.stop()
    for count in (1, 2):
        await sink.start()
        await with_client(sink, lambda client: client.sendmail("a@example.com", ["b@example.com"], b"x\r\n"))
        await sink.stop()
        assert len(list(read_messages(tmp_path))) == count
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", sink.port), timeout=5)
