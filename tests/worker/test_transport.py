"""The driver against a server that fails on purpose, and TLS good and bad."""

import asyncio
import inspect
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from caesura.domain.errors import Unavailable
from caesura.protocol.smtp import Credentials, Envelope, FailureKind, Kind, Outcome, Stage, TlsMode
from caesura.protocol.smtp.pipeline import PIECE_BYTES
from caesura.worker.transport import Connection, ConnectionSettings, SessionFailed, Timeouts, connect

CONTENT = b"Subject: x\r\n\r\nhello\r\n.dot\r\n"
LOGIN = Credentials("user@example.com", "secret word")
SOON = 0.2


def settings(server: Any, **changes: Any) -> ConnectionSettings:
    return ConnectionSettings(
        **{"host": "localhost", "port": server.port, "tls": TlsMode.NONE, "helo_name": "client.example", **changes}
    )


def envelope(number: int = 0, content: bytes = CONTENT) -> Envelope:
    return Envelope("sender@example.com", f"r{number}@example.com", content)


async def deliver(server: Any, count: int = 3, **changes: Any) -> tuple[list[Outcome], Connection]:
    connection = await connect(settings(server, **changes))
    futures = [connection.submit(envelope(number)) for number in range(count)]
    outcomes = [await future for future in futures]
    await connection.quit()
    return outcomes, connection


async def failure(server: Any, **changes: Any) -> Any:
    with pytest.raises(SessionFailed) as caught:
        await connect(settings(server, **changes))
    assert isinstance(caught.value, Unavailable)
    assert caught.value.code == caught.value.failure.code
    return caught.value.failure


def reaching(faults: Any) -> tuple[asyncio.Event, Any]:
    """An event, and the act that sets it and is silent from then on."""
    reached = asyncio.Event()

    async def act(writer: asyncio.StreamWriter) -> None:
        reached.set()
        await faults.be_silent(writer)

    return reached, act


# Sending


@pytest.mark.parametrize("offers", [("PIPELINING",), ()])
async def test_messages_arrive_unchanged_and_in_order(faults: Any, offers: tuple[str, ...]) -> None:
    server = await faults.start(offers=offers)
    outcomes, connection = await deliver(server, 20)
    assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
    assert server.accepted == [(f"r{number}@example.com", CONTENT) for number in range(20)]
    assert server.connections == 1
    assert server.commands[-1] == "QUIT"
    assert (connection.failure, connection.is_usable, connection.room) == (None, False, 0)


async def test_chunks_arrive_unchanged(faults: Any) -> None:
    server = await faults.start(offers=("PIPELINING", "CHUNKING"))
    await deliver(server, 3, chunking=True)
    assert server.accepted == [(f"r{number}@example.com", CONTENT) for number in range(3)]


async def test_a_content_larger_than_every_buffer_arrives_unchanged(faults: Any) -> None:
    content = (b"0123456789" * 7 + b"\r\n") * 80_000
    server = await faults.start()
    connection = await connect(settings(server))
    outcome = await connection.submit(envelope(0, content))
    assert outcome.kind is Kind.ACCEPTED
    assert server.accepted == [("r0@example.com", content)]
    await connection.quit()


async def test_what_a_connection_offers_and_said_can_be_read(faults: Any) -> None:
    server = await faults.start()
    connection = await connect(settings(server, transcribe_messages=True))
    await connection.submit(envelope())
    assert connection.capabilities.size_limit == 10_000_000
    assert "C: RCPT TO:<r0@example.com>" in connection.transcript
    assert connection.is_idle
    await connection.quit()


async def test_a_server_that_dribbles_is_understood(faults: Any) -> None:
    dribble = faults.dribble
    server = await faults.start(
        {
            "GREETING": dribble(b"220-hello\r\n220 test\r\n"),
            "MAIL": dribble(b"250-one\r\n250 two\r\n"),
            "CONTENT": dribble(b"552-5.3.4 too\r\n552 5.3.4 large\r\n"),
        }
    )
    outcomes, _ = await deliver(server, 1)
    assert outcomes[0].kind is Kind.REJECTED
    assert outcomes[0].reply is not None
    assert outcomes[0].reply.enhanced == "5.3.4"


async def test_no_more_messages_are_begun_than_a_connection_may_carry(faults: Any) -> None:
    server = await faults.start()
    outcomes, _ = await deliver(server, 3, messages_max=2)
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED, Kind.ACCEPTED, Kind.NOT_SENT]


async def test_cancelling_a_future_stops_no_message_and_harms_no_other(faults: Any) -> None:
    server = await faults.start()
    connection = await connect(settings(server))
    futures = [connection.submit(envelope(number)) for number in range(3)]
    futures[1].cancel()
    assert (await futures[2]).kind is Kind.ACCEPTED
    assert len(server.accepted) == 3
    await connection.quit()


# Withdrawing


async def test_what_is_not_begun_can_be_withdrawn_and_never_arrives(faults: Any) -> None:
    server = await faults.start()
    connection = await connect(settings(server))
    messages = [envelope(number) for number in range(4)]
    futures = [connection.submit(message) for message in messages]
    assert [connection.withdraw(message) for message in messages] == [False, True, True, True]
    outcomes = [await future for future in futures]
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED] + [Kind.NOT_SENT] * 3
    await connection.quit()
    assert [recipient for recipient, _ in server.accepted] == ["r0@example.com"]


async def test_while_the_server_does_not_read_what_waits_is_not_begun(faults: Any) -> None:
    """The next envelope would go behind the content; it stays withdrawable while our side is blocked."""
    reached, act = reaching(faults)
    server = await faults.start({"CONTENT_BEGUN": act}, reads=False)
    connection = await connect(settings(server, timeouts=Timeouts(content=SOON)))
    large, behind = envelope(0, b"x" * 9_500_000), envelope(1)
    futures = [connection.submit(large), connection.submit(behind)]
    await reached.wait()
    while not connection._is_paused:
        await asyncio.sleep(0)
    assert connection._transport is not None
    assert connection._transport.get_write_buffer_size() <= PIECE_BYTES
    assert connection.withdraw(behind)
    outcome = await futures[0]
    assert (outcome.kind, outcome.stage) == (Kind.DEFERRED, Stage.CONTENT)
    assert outcome.detail == "timed out waiting (content)"
    assert (await futures[1]).kind is Kind.NOT_SENT


# Failing on purpose


DROPS = ["drop", "reset", "half_close"]
MATRIX = [
    ("MAIL", [Kind.ACCEPTED, Kind.DEFERRED, Kind.NOT_SENT]),
    ("RCPT", [Kind.ACCEPTED, Kind.DEFERRED, Kind.NOT_SENT]),
    ("DATA", [Kind.ACCEPTED, Kind.DEFERRED, Kind.NOT_SENT]),
    ("CONTENT", [Kind.ACCEPTED, Kind.UNKNOWN, Kind.DEFERRED]),
]


@pytest.mark.parametrize("how", DROPS)
@pytest.mark.parametrize(("stage", "kinds"), MATRIX)
async def test_a_line_dropped_at_a_stage_gives_each_message_its_kind(
    faults: Any, how: str, stage: str, kinds: list[Kind]
) -> None:
    server = await faults.start({stage: ["354 x" if stage == "DATA" else "250 x", getattr(faults, how)]})
    outcomes, connection = await deliver(server)
    assert [outcome.kind for outcome in outcomes] == kinds
    assert outcomes[1].reply is None
    assert connection.failure is not None
    assert connection.failure.code == "line_lost"
    if how == "half_close":
        assert outcomes[1].detail == "the server closed the connection"


@pytest.mark.parametrize(("stage", "kinds"), MATRIX)
async def test_garbage_at_a_stage_gives_each_message_its_kind(faults: Any, stage: str, kinds: list[Kind]) -> None:
    for garbage in (b"\x00\xff\x00\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"2" * 100_000, b"250-x\r\n" * 20_000):
        server = await faults.start({stage: ["354 x" if stage == "DATA" else "250 x", faults.say(garbage)]})
        outcomes, connection = await deliver(server)
        assert [outcome.kind for outcome in outcomes] == kinds
        assert connection.failure is not None
        assert connection.failure.code in ("not_a_reply", "line_too_long", "reply_too_long")


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "CONTENT"])
async def test_a_server_that_closes_with_421_defers_the_message(faults: Any, stage: str) -> None:
    answers = ["354 x" if stage == "DATA" else "250 x", faults.say_and_drop(b"421 4.3.2 closing\r\n")]
    server = await faults.start({stage: answers})
    outcomes, connection = await deliver(server)
    behind = Kind.DEFERRED if stage == "CONTENT" else Kind.NOT_SENT
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED, Kind.DEFERRED, behind]
    assert outcomes[1].stage is Stage[stage]
    assert outcomes[1].reply is not None
    assert connection.failure is not None
    assert connection.failure.code == "service_closing"


async def test_a_line_dropped_while_content_is_being_written_defers(faults: Any) -> None:
    server = await faults.start({"CONTENT_BEGUN": faults.reset})
    connection = await connect(settings(server))
    outcome = await connection.submit(envelope(0, b"x" * 9_000_000))
    assert (outcome.kind, outcome.stage) == (Kind.DEFERRED, Stage.CONTENT)


async def test_a_server_that_gives_up_in_the_middle_of_the_content_is_believed(faults: Any) -> None:
    server = await faults.start({"CONTENT_BEGUN": faults.say(b"552 5.3.4 too large\r\n")}, reads=False)
    connection = await connect(settings(server, timeouts=Timeouts(goodbye=600)))
    outcome = await connection.submit(envelope(0, b"x" * 9_000_000))
    assert (outcome.kind, outcome.stage) == (Kind.REJECTED, Stage.CONTENT)
    assert not connection.is_usable
    async with asyncio.timeout(15):
        await connection.quit()


async def test_a_server_that_leaves_an_idle_connection_makes_it_unusable_and_nothing_is_lost(faults: Any) -> None:
    server = await faults.start({"CONTENT": faults.say_and_drop(b"250 Ok\r\n421 idle\r\n")})
    connection = await connect(settings(server))
    assert (await connection.submit(envelope())).kind is Kind.ACCEPTED
    assert not await connection.check()
    assert not connection.is_usable
    outcome = await connection.submit(envelope(1))
    assert (outcome.kind, outcome.stage) == (Kind.NOT_SENT, Stage.QUEUE)


async def test_aborting_settles_everything_by_how_far_it_had_come(faults: Any) -> None:
    reached, act = reaching(faults)
    server = await faults.start({"CONTENT": act})
    connection = await connect(settings(server))
    futures = [connection.submit(envelope(number)) for number in range(3)]
    await reached.wait()
    connection.abort("stopped by hand")
    assert [await future for future in futures] == [
        Outcome(Kind.UNKNOWN, Stage.CONTENT, None, "stopped by hand"),
        Outcome(Kind.DEFERRED, Stage.MAIL, None, "stopped by hand"),
        Outcome(Kind.NOT_SENT, Stage.QUEUE, None, "stopped by hand"),
    ]
    await connection.quit()


# Time limits


@pytest.mark.parametrize(
    ("stage", "limit", "kind"),
    [
        ("MAIL", "command", Kind.DEFERRED),
        ("RCPT", "command", Kind.DEFERRED),
        ("DATA", "data", Kind.DEFERRED),
        ("CONTENT", "final", Kind.UNKNOWN),
    ],
)
async def test_each_wait_for_a_message_has_its_own_limit(faults: Any, stage: str, limit: str, kind: Kind) -> None:
    server = await faults.start({stage: faults.be_silent})
    outcomes, connection = await deliver(server, 1, timeouts=Timeouts(**{limit: SOON}))
    assert (outcomes[0].kind, outcomes[0].stage) == (kind, Stage[stage])
    assert connection.failure is not None
    assert connection.failure.code == "timed_out"


@pytest.mark.parametrize(
    ("stage", "limit"), [("GREETING", "greeting"), ("EHLO", "command"), ("STARTTLS", "command"), ("AUTH", "command")]
)
async def test_each_wait_for_a_session_has_its_own_limit(
    faults: Any, certificates: Any, stage: str, limit: str
) -> None:
    server = await faults.start({stage: faults.be_silent}, offers=("STARTTLS", "AUTH PLAIN"), tls=certificates.good)
    found = await failure(
        server,
        tls=TlsMode.STARTTLS,
        ca_file=certificates.ca_file,
        credentials=LOGIN,
        timeouts=Timeouts(**{limit: SOON if stage != "AUTH" else SOON * 5}),
    )
    assert (found.kind, found.stage, found.code) == (FailureKind.TEMPORARY, Stage[stage], "timed_out")


async def test_a_reply_that_never_ends_does_not_put_the_limit_off(faults: Any) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(SOON / 10)

    server = await faults.start({"MAIL": trickle})
    outcomes, _ = await deliver(server, 1, timeouts=Timeouts(command=SOON))
    assert outcomes[0].detail == "timed out waiting (command)"


async def test_a_timer_that_rings_for_an_older_wait_ends_nothing(faults: Any) -> None:
    reached, act = reaching(faults)
    server = await faults.start({"CONTENT": ["250 Ok", act]})
    connection = await connect(settings(server))
    assert (await connection.submit(envelope())).kind is Kind.ACCEPTED
    connection._on_timer()
    future = connection.submit(envelope(1))
    await reached.wait()
    connection._on_timer()
    assert connection.is_usable
    assert not future.done()
    connection.abort()


async def test_a_server_that_does_not_answer_quit_is_left(faults: Any) -> None:
    server = await faults.start({"QUIT": faults.be_silent})
    connection = await connect(settings(server, timeouts=Timeouts(goodbye=SOON)))
    await connection.quit()
    assert not connection.is_usable
    await connection.quit()


async def test_a_server_that_does_not_end_tls_is_left(faults: Any, certificates: Any) -> None:
    async def read_no_more(writer: asyncio.StreamWriter) -> None:
        writer.write(b"221 Bye\r\n")
        writer.transport.pause_reading()
        await faults.be_silent(writer)

    server = await faults.start({"QUIT": read_no_more}, tls=certificates.good, is_implicit=True)
    changes = {"tls": TlsMode.IMPLICIT, "ca_file": certificates.ca_file, "timeouts": Timeouts(goodbye=SOON)}
    connection = await connect(settings(server, **changes))
    async with asyncio.timeout(15):
        await connection.quit()


async def test_a_check_of_a_silent_server_closes_the_connection(faults: Any) -> None:
    server = await faults.start({"NOOP": ["250 Ok", faults.be_silent]})
    connection = await connect(settings(server, timeouts=Timeouts(check=SOON)))
    assert await connection.check()
    assert not await connection.check()
    assert connection.failure is not None
    assert connection.failure.detail == "the server gave no sign of life"


async def test_a_busy_connection_is_not_checked(faults: Any) -> None:
    server = await faults.start()
    connection = await connect(settings(server))
    future = connection.submit(envelope())
    assert await connection.check()
    assert (await future).kind is Kind.ACCEPTED
    assert "NOOP" not in server.commands
    await connection.quit()


# No session


async def test_nobody_listening_is_a_temporary_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(SessionFailed) as caught:
            await connect(ConnectionSettings("127.0.0.1", port, tls=TlsMode.NONE))
    found = caught.value.failure
    assert (found.kind, found.stage, found.code) == (FailureKind.TEMPORARY, Stage.CONNECT, "connect_failed")


@pytest.mark.parametrize(
    ("host", "kind", "code"),
    [
        ("no-such-host.invalid", FailureKind.TEMPORARY, "host_not_found"),
        ("x" * 300 + ".example", FailureKind.PERMANENT, "bad_host"),
    ],
)
async def test_a_name_that_leads_nowhere_is_told(host: str, kind: FailureKind, code: str) -> None:
    with pytest.raises(SessionFailed) as caught:
        await connect(ConnectionSettings(host, 25, tls=TlsMode.NONE, helo_name="x"))
    assert (caught.value.failure.kind, caught.value.failure.code) == (kind, code)


async def test_a_connection_that_nobody_takes_up_runs_into_its_limit() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        with pytest.raises(SessionFailed) as caught:
            await connect(ConnectionSettings("127.0.0.1", port, tls=TlsMode.NONE, timeouts=Timeouts(connect=SOON)))
        for filler in fillers:
            filler.close()
    assert (caught.value.failure.stage, caught.value.failure.code) == (Stage.CONNECT, "timed_out")


@pytest.mark.parametrize("how", DROPS)
@pytest.mark.parametrize("stage", ["GREETING", "EHLO"])
async def test_a_line_dropped_before_the_session_is_ready_is_temporary(faults: Any, how: str, stage: str) -> None:
    server = await faults.start({stage: getattr(faults, how)})
    found = await failure(server)
    assert (found.kind, found.code) == (FailureKind.TEMPORARY, "line_lost")


async def test_a_refused_session_says_goodbye(faults: Any) -> None:
    server = await faults.start({"GREETING": "554 5.7.1 go away"})
    found = await failure(server)
    assert (found.kind, found.stage) == (FailureKind.POLICY, Stage.GREETING)
    await server.until(lambda: server.commands == ["QUIT"])


async def test_giving_up_connecting_closes_the_line(faults: Any) -> None:
    server = await faults.start({"EHLO": faults.say(b"250-and so on\r\n")})
    task = asyncio.create_task(connect(settings(server)))
    await server.until(lambda: bool(server.commands))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.until(lambda: server.open == 0)


async def test_a_bad_name_for_ourselves_is_refused_before_connecting(faults: Any) -> None:
    server = await faults.start()
    with pytest.raises(ValueError, match="helo_name"):
        await connect(settings(server, helo_name="a\r\nMAIL FROM:<x@y>"))
    assert server.connections == 0


async def test_without_a_name_we_give_our_address(faults: Any) -> None:
    server = await faults.start()
    connection = await connect(settings(server, helo_name=None, host="127.0.0.1"))
    assert server.commands == ["EHLO [127.0.0.1]"]
    await connection.quit()


# TLS


@pytest.mark.parametrize("is_implicit", [True, False])
async def test_messages_go_over_tls_and_the_login_with_them(faults: Any, certificates: Any, is_implicit: bool) -> None:
    offers = ("PIPELINING", "AUTH PLAIN") + (() if is_implicit else ("STARTTLS",))
    server = await faults.start(offers=offers, tls=certificates.good, is_implicit=is_implicit)
    mode = TlsMode.IMPLICIT if is_implicit else TlsMode.STARTTLS
    large = [envelope(number, CONTENT * 20_000) for number in range(3)]
    connection = await connect(settings(server, tls=mode, ca_file=certificates.ca_file, credentials=LOGIN))
    futures = [connection.submit(message) for message in large]
    assert [(await future).kind for future in futures] == [Kind.ACCEPTED] * 3
    await connection.quit()
    assert [content for _, content in server.accepted] == [CONTENT * 20_000] * 3
    assert sum(command.startswith("AUTH PLAIN") for command in server.commands) == 1
    assert "secret" not in "\n".join(connection.transcript)


@pytest.mark.parametrize("is_implicit", [True, False])
@pytest.mark.parametrize("fault", ["other_name", "expired", "other_authority"])
async def test_a_wrong_certificate_is_refused_and_nothing_is_said(
    faults: Any, certificates: Any, is_implicit: bool, fault: str
) -> None:
    server = await faults.start(
        offers=("STARTTLS", "AUTH PLAIN"), tls=getattr(certificates, fault), is_implicit=is_implicit
    )
    mode = TlsMode.IMPLICIT if is_implicit else TlsMode.STARTTLS
    found = await failure(server, tls=mode, ca_file=certificates.ca_file, credentials=LOGIN)
    assert (found.kind, found.stage, found.code) == (FailureKind.TLS, Stage.TLS, "certificate_refused")
    assert not any(command.startswith("AUTH") for command in server.commands)


@pytest.mark.parametrize("is_implicit", [True, False])
async def test_our_own_authority_is_not_trusted_unless_it_is_named(
    faults: Any, certificates: Any, is_implicit: bool
) -> None:
    server = await faults.start(offers=("STARTTLS",), tls=certificates.good, is_implicit=is_implicit)
    found = await failure(server, tls=TlsMode.IMPLICIT if is_implicit else TlsMode.STARTTLS)
    assert found.code == "certificate_refused"


async def test_a_file_of_authorities_that_cannot_be_read_is_told(faults: Any, tmp_path: Path) -> None:
    server = await faults.start()
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (str(tmp_path / "missing.pem"), str(empty)):
        found = await failure(server, tls=TlsMode.IMPLICIT, ca_file=path)
        assert (found.kind, found.code) == (FailureKind.TLS, "bad_ca_file")


async def test_starttls_not_offered_is_no_reason_to_go_on_in_the_clear(faults: Any, certificates: Any) -> None:
    server = await faults.start(offers=("AUTH PLAIN", "PIPELINING"))
    found = await failure(server, tls=TlsMode.STARTTLS, ca_file=certificates.ca_file, credentials=LOGIN)
    assert (found.kind, found.code) == (FailureKind.TLS, "starttls_not_offered")
    await server.until(lambda: server.commands == ["EHLO client.example", "QUIT"])


@pytest.mark.parametrize("injected", [b"250 Ok\r\n", b"250-x\r\n", b"2"])
async def test_plain_text_injected_behind_starttls_is_refused(faults: Any, certificates: Any, injected: bytes) -> None:
    server = await faults.start(
        {"STARTTLS": faults.say(b"220 go on\r\n" + injected)}, offers=("STARTTLS", "AUTH PLAIN")
    )
    found = await failure(server, tls=TlsMode.STARTTLS, ca_file=certificates.ca_file, credentials=LOGIN)
    assert (found.kind, found.stage, found.code) == (FailureKind.TLS, Stage.STARTTLS, "plain_text_after_starttls")
    assert server.commands == ["EHLO client.example", "STARTTLS"]


async def test_plain_text_where_tls_should_begin_is_refused(faults: Any, certificates: Any) -> None:
    server = await faults.start()
    found = await failure(server, tls=TlsMode.IMPLICIT, ca_file=certificates.ca_file)
    assert (found.kind, found.stage, found.code) == (FailureKind.TLS, Stage.TLS, "tls_failed")


async def test_a_line_dropped_in_the_tls_handshake_is_temporary(faults: Any, certificates: Any) -> None:
    server = await faults.start({"STARTTLS": faults.say_and_drop(b"220 go on\r\n")}, offers=("STARTTLS",))
    found = await failure(server, tls=TlsMode.STARTTLS, ca_file=certificates.ca_file)
    assert (found.kind, found.code in ("tls_interrupted", "line_lost")) == (FailureKind.TEMPORARY, True)


async def test_a_tls_handshake_that_never_ends_runs_into_its_limit(faults: Any, certificates: Any) -> None:
    async def agree_and_be_silent(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 go on\r\n")
        await faults.be_silent(writer)

    server = await faults.start({"STARTTLS": agree_and_be_silent}, offers=("STARTTLS",))
    found = await failure(
        server, tls=TlsMode.STARTTLS, ca_file=certificates.ca_file, timeouts=Timeouts(tls=SOON, command=5)
    )
    assert (found.kind, found.stage) == (FailureKind.TEMPORARY, Stage.TLS)


@pytest.mark.parametrize(("stage", "kinds"), MATRIX)
async def test_over_tls_a_dropped_line_gives_the_same_kinds(
    faults: Any, certificates: Any, stage: str, kinds: list[Kind]
) -> None:
    server = await faults.start(
        {stage: ["354 x" if stage == "DATA" else "250 x", faults.drop]}, tls=certificates.good, is_implicit=True
    )
    outcomes, _ = await deliver(server, tls=TlsMode.IMPLICIT, ca_file=certificates.ca_file)
    assert [outcome.kind for outcome in outcomes] == kinds


# The other event loop, whose TLS and flow control are other code


ON_UVLOOP = [
    (test_messages_arrive_unchanged_and_in_order, {"offers": ("PIPELINING",)}),
    (test_a_content_larger_than_every_buffer_arrives_unchanged, {}),
    (test_while_the_server_does_not_read_what_waits_is_not_begun, {}),
    (test_a_line_dropped_while_content_is_being_written_defers, {}),
    (test_a_server_that_gives_up_in_the_middle_of_the_content_is_believed, {}),
    *(
        (test_a_line_dropped_at_a_stage_gives_each_message_its_kind, {"how": how, "stage": stage, "kinds": kinds})
        for how in DROPS
        for stage, kinds in MATRIX
    ),
    (test_giving_up_connecting_closes_the_line, {}),
    *((test_messages_go_over_tls_and_the_login_with_them, {"is_implicit": implicit}) for implicit in (True, False)),
    *(
        (test_a_wrong_certificate_is_refused_and_nothing_is_said, {"is_implicit": implicit, "fault": fault})
        for implicit in (True, False)
        for fault in ("other_name", "expired", "other_authority")
    ),
    (test_plain_text_injected_behind_starttls_is_refused, {"injected": b"250 Ok\r\n"}),
    (test_plain_text_where_tls_should_begin_is_refused, {}),
    (test_a_line_dropped_in_the_tls_handshake_is_temporary, {}),
    (test_a_tls_handshake_that_never_ends_runs_into_its_limit, {}),
    (test_a_server_that_does_not_end_tls_is_left, {}),
]


@pytest.mark.parametrize(("check", "arguments"), ON_UVLOOP)
def test_on_uvloop_too(
    check: Callable[..., Awaitable[None]], arguments: dict[str, Any], new_faults: Any, certificates: Any
) -> None:
    async def run() -> None:
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        async with new_faults() as faults:
            given = arguments | {"faults": faults, "certificates": certificates}
            await check(**{name: given[name] for name in inspect.signature(check).parameters})

    uvloop.run(run())
