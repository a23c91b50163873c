"""From the greeting to a ready session: what is asked, what is refused, and what never leaves."""

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest

from caesura.protocol.smtp import (
    Credentials,
    FailureKind,
    Mechanism,
    Phase,
    Session,
    SessionFailure,
    SessionSettings,
    Stage,
    TlsMode,
    Wait,
    is_helo_name,
)

SECRET = "correct horse battery"
LOGIN = Credentials("user@example.com", SECRET)
PLAIN_LINE = "AUTH PLAIN " + b64encode(f"\0user@example.com\0{SECRET}".encode()).decode()


def failure(wire: Any) -> SessionFailure:
    assert wire.session.phase is Phase.ENDED
    assert wire.session.failure is not None
    return wire.session.failure


def test_a_session_greets_and_is_ready(wiring: Any) -> None:
    wire = wiring.wire().run(quits=False)
    assert wire.session.phase is Phase.READY
    assert wire.session.is_idle
    assert wire.session.wait is None
    assert wire.handed == b"EHLO client.example\r\n"
    assert wire.session.capabilities.pipelining
    assert wire.session.capabilities.size_limit == 1_000_000
    assert wire.session.transcript[:3] == ("S: 220 test", "C: EHLO client.example", "S: 250 test")


def test_a_session_quits_politely(wiring: Any) -> None:
    wire = wiring.wire().run()
    assert wire.server.commands == ["EHLO client.example", "QUIT"]
    assert (wire.session.phase, wire.session.failure) == (Phase.ENDED, None)


def test_a_server_that_knows_no_ehlo_gets_helo(wiring: Any) -> None:
    wire = wiring.wire({"EHLO": "502 5.5.1 what?"}).run(quits=False)
    assert wire.server.commands == ["EHLO client.example", "HELO client.example"]
    assert wire.session.phase is Phase.READY
    assert not wire.session.capabilities.pipelining


@pytest.mark.parametrize(
    ("replies", "kind", "stage", "code"),
    [
        ({"GREETING": "554 5.7.1 go away"}, FailureKind.POLICY, Stage.GREETING, "refused_by_policy"),
        ({"GREETING": "554 no mail here"}, FailureKind.PERMANENT, Stage.GREETING, "session_refused"),
        ({"GREETING": "421 busy"}, FailureKind.TEMPORARY, Stage.GREETING, "try_later"),
        ({"GREETING": "354 what"}, FailureKind.PERMANENT, Stage.GREETING, "unexpected_reply"),
        ({"GREETING": "SSH-2.0-OpenSSH"}, FailureKind.TEMPORARY, Stage.GREETING, "not_a_reply"),
        ({"EHLO": "421 4.3.2 closing"}, FailureKind.TEMPORARY, Stage.EHLO, "try_later"),
        ({"EHLO": "550 no", "HELO": "550 no"}, FailureKind.PERMANENT, Stage.EHLO, "session_refused"),
        ({"EHLO": "500 no", "HELO": "450 no"}, FailureKind.TEMPORARY, Stage.EHLO, "try_later"),
        ({"EHLO": "530 5.7.0 log in"}, FailureKind.PERMANENT, None, "unexpected_reply"),
    ],
)
def test_a_refused_session_says_where_and_why(
    wiring: Any, replies: dict[str, str], kind: FailureKind, stage: Stage | None, code: str
) -> None:
    if "530" in str(replies):
        replies["HELO"] = "354 what"
    found = failure(wiring.wire(replies).run())
    assert (found.kind, found.code) == (kind, code)
    assert stage is None or found.stage is stage


# TLS


def test_starttls_is_done_and_what_was_offered_before_is_forgotten(wiring: Any) -> None:
    class ChangingServer(wiring.server):
        def _reply(self, verb: str) -> str:
            if verb == "STARTTLS":
                self.offers = ["SMTPUTF8"]
            return super()._reply(verb)

    wire = wiring.wire(offers=["STARTTLS", "PIPELINING"], tls=TlsMode.STARTTLS)
    wire.server = ChangingServer({}, ["STARTTLS", "PIPELINING"])
    wire.run(quits=False)
    assert wire.server.commands == ["EHLO client.example", "STARTTLS", "EHLO client.example"]
    assert wire.session.phase is Phase.READY
    assert wire.session.capabilities.smtputf8
    assert not wire.session.capabilities.pipelining


def test_a_server_without_starttls_is_never_spoken_to_in_the_clear(wiring: Any) -> None:
    wire = wiring.wire(tls=TlsMode.STARTTLS, credentials=LOGIN).run()
    found = failure(wire)
    assert (found.kind, found.stage, found.code) == (FailureKind.TLS, Stage.STARTTLS, "starttls_not_offered")
    assert wire.server.commands == ["EHLO client.example", "QUIT"]


def test_helo_offers_no_starttls(wiring: Any) -> None:
    wire = wiring.wire({"EHLO": "500 what?"}, tls=TlsMode.STARTTLS).run()
    assert failure(wire).code == "starttls_not_offered"


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        ("454 4.7.0 not now", FailureKind.TEMPORARY, "try_later"),
        ("500 what?", FailureKind.TLS, "starttls_refused"),
        ("354 what?", FailureKind.PERMANENT, "unexpected_reply"),
    ],
)
def test_a_refused_starttls_ends_the_session(wiring: Any, reply: str, kind: FailureKind, code: str) -> None:
    wire = wiring.wire({"STARTTLS": reply}, offers=["STARTTLS"], tls=TlsMode.STARTTLS, credentials=LOGIN).run()
    assert (failure(wire).kind, failure(wire).code) == (kind, code)
    assert not any(command.startswith(("AUTH", "MAIL")) for command in wire.server.commands)


INJECTED = [b"250 injected\r\n", b"2", b"\r\n", b"250-EHLO-like\r\n250 AUTH PLAIN\r\n"]


@pytest.mark.parametrize("injected", INJECTED)
@pytest.mark.parametrize("together", [True, False])
def test_plain_text_behind_the_answer_to_starttls_is_refused(wiring: Any, injected: bytes, together: bool) -> None:
    session: Session[str] = Session(wiring.settings(tls=TlsMode.STARTTLS, credentials=LOGIN))
    session.receive(b"220 hi\r\n")
    session.output()
    session.receive(b"250-hi\r\n250 STARTTLS\r\n")
    assert session.output() == b"STARTTLS\r\n"
    if together:
        session.receive(b"220 go\r\n" + injected)
    else:
        session.receive(b"220 go\r\n")
        assert session.phase is Phase.ENCRYPTING
        session.receive(injected)
    assert session.phase is Phase.ENDED
    assert session.failure is not None
    assert session.failure.kind is FailureKind.TLS
    assert session.failure.code == "plain_text_after_starttls"
    assert session.output() == b""


def test_an_answer_that_comes_before_its_question_is_refused(wiring: Any) -> None:
    session: Session[str] = Session(wiring.settings(tls=TlsMode.STARTTLS))
    session.receive(b"220 hi\r\n250-hi\r\n250 STARTTLS\r\n220 go\r\n")
    assert session.failure is not None
    assert session.failure.code == "unasked_reply"


# AUTH


def test_plain_is_preferred_and_sent_in_one_line(wiring: Any) -> None:
    wire = wiring.wire(offers=["AUTH LOGIN PLAIN"], tls=TlsMode.IMPLICIT, credentials=LOGIN).run()
    assert wire.server.commands == ["EHLO client.example", PLAIN_LINE, "QUIT"]


def test_the_old_form_of_the_auth_offer_is_understood(wiring: Any) -> None:
    wire = wiring.wire(offers=["AUTH=PLAIN"], tls=TlsMode.IMPLICIT, credentials=LOGIN).run()
    assert PLAIN_LINE in wire.server.commands


def test_login_answers_two_challenges(wiring: Any) -> None:
    name, secret = (b64encode(word.encode()).decode() for word in ("user@example.com", SECRET))
    replies = {"AUTH": "334 VXNlcm5hbWU6", name: "334 UGFzc3dvcmQ6", secret: "235 welcome"}
    replies = {key if key == "AUTH" else key.upper(): value for key, value in replies.items()}
    wire = wiring.wire(replies, offers=["AUTH LOGIN"], tls=TlsMode.IMPLICIT, credentials=LOGIN).run()
    assert wire.server.commands == ["EHLO client.example", "AUTH LOGIN", name, secret, "QUIT"]
    assert wire.session.failure is None


def test_a_long_token_waits_for_its_challenge(wiring: Any) -> None:
    token = Credentials("user@example.com", "t" * 2000, Mechanism.XOAUTH2)
    wire = wiring.wire({"AUTH": "334"}, offers=["AUTH XOAUTH2"], tls=TlsMode.IMPLICIT, credentials=token)
    answer = b64encode(b"user=user@example.com\x01auth=Bearer " + b"t" * 2000 + b"\x01\x01").decode()
    wire.server.replies = {**wire.server.replies, answer.upper(): "235 ok"}
    wire.run()
    assert wire.server.commands[1:3] == ["AUTH XOAUTH2", answer]
    assert wire.session.failure is None


def test_a_short_token_goes_in_the_auth_line(wiring: Any) -> None:
    token = Credentials("user@example.com", "abc", Mechanism.XOAUTH2)
    wire = wiring.wire(offers=["AUTH PLAIN XOAUTH2"], tls=TlsMode.IMPLICIT, credentials=token).run()
    verb, mechanism, answer = wire.server.commands[1].split(" ")
    assert (verb, mechanism) == ("AUTH", "XOAUTH2")
    assert b64decode(answer) == b"user=user@example.com\x01auth=Bearer abc\x01\x01"


def test_a_refused_token_is_explained_by_the_servers_own_words(wiring: Any) -> None:
    token = Credentials("user@example.com", "abcdefgh", Mechanism.XOAUTH2)
    challenge = b64encode(json.dumps({"status": "401", "schemes": "bearer", "echo": "abcdefgh"}).encode()).decode()
    replies = {"AUTH": f"334 {challenge}", "": "535 5.7.8 not accepted"}
    wire = wiring.wire(replies, offers=["AUTH XOAUTH2"], tls=TlsMode.IMPLICIT, credentials=token).run()
    found = failure(wire)
    assert (found.kind, found.stage, found.code) == (FailureKind.AUTHENTICATION, Stage.AUTH, "login_refused")
    assert found.reply is not None
    assert found.reply.code == 535
    assert '"status": "401"' in found.detail
    assert "abcdefgh" not in found.detail


def test_an_explanation_that_cannot_be_read_is_left_out(wiring: Any) -> None:
    token = Credentials("user@example.com", "abcdefgh", Mechanism.XOAUTH2)
    replies = {"AUTH": "334 {not base64}", "": "535 5.7.8 not accepted"}
    wire = wiring.wire(replies, offers=["AUTH XOAUTH2"], tls=TlsMode.IMPLICIT, credentials=token).run()
    assert failure(wire).detail == "the server answered 535 at auth"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("535 5.7.8 bad", FailureKind.AUTHENTICATION),
        ("534 5.7.9 too weak", FailureKind.AUTHENTICATION),
        ("554 5.7.1 blocked", FailureKind.AUTHENTICATION),
        ("504 5.5.4 no such mechanism", FailureKind.AUTHENTICATION),
        ("432 4.7.12 change your password", FailureKind.AUTHENTICATION),
        ("454 4.7.0 try later", FailureKind.TEMPORARY),
        ("421 closing", FailureKind.TEMPORARY),
        ("334 more?", FailureKind.PERMANENT),
    ],
)
def test_a_refused_login_is_told_apart_from_one_to_try_again(wiring: Any, reply: str, kind: FailureKind) -> None:
    wire = wiring.wire({"AUTH": reply}, offers=["AUTH PLAIN"], tls=TlsMode.IMPLICIT, credentials=LOGIN).run()
    assert (failure(wire).kind, failure(wire).stage) == (kind, Stage.AUTH)
    assert not any(command.startswith("MAIL") for command in wire.server.commands)


@pytest.mark.parametrize(
    ("offers", "credentials"),
    [
        ([], LOGIN),
        (["AUTH CRAM-MD5 XOAUTH2"], LOGIN),
        (["AUTH PLAIN LOGIN"], Credentials("u", SECRET, Mechanism.XOAUTH2)),
        (["AUTH LOGIN"], Credentials("u", SECRET, Mechanism.PLAIN)),
    ],
)
def test_no_fitting_mechanism_ends_the_session_with_nothing_sent(
    wiring: Any, offers: list[str], credentials: Credentials
) -> None:
    wire = wiring.wire(offers=offers, tls=TlsMode.IMPLICIT, credentials=credentials).run()
    assert (failure(wire).kind, failure(wire).code) == (FailureKind.AUTHENTICATION, "no_mechanism")
    assert b"AUTH" not in wire.handed


@pytest.mark.parametrize("credentials", [Credentials("u\0x", "p"), Credentials("u", "p\r\n"), Credentials("", "p")])
def test_credentials_that_would_break_their_own_framing_are_not_sent(wiring: Any, credentials: Credentials) -> None:
    wire = wiring.wire(offers=["AUTH PLAIN"], tls=TlsMode.IMPLICIT, credentials=credentials).run()
    assert failure(wire).code == "bad_credentials"
    assert b"AUTH" not in wire.handed


def test_a_password_does_not_cross_an_unencrypted_line_unless_that_is_allowed(wiring: Any) -> None:
    wire = wiring.wire(offers=["AUTH PLAIN LOGIN"], credentials=LOGIN).run()
    assert (failure(wire).kind, failure(wire).code) == (FailureKind.TLS, "login_unencrypted")
    assert b"AUTH" not in wire.handed
    wire = wiring.wire(offers=["AUTH PLAIN"], credentials=LOGIN, allow_unencrypted_login=True).run()
    assert PLAIN_LINE in wire.server.commands


# Secrets


@pytest.mark.parametrize("mechanism", list(Mechanism))
def test_no_secret_is_in_the_transcript_the_failure_or_the_settings_shown(wiring: Any, mechanism: Mechanism) -> None:
    credentials = Credentials("user@example.com", SECRET, mechanism)

    class EchoingServer(wiring.server):
        def _obey(self, line: str) -> None:
            if line.startswith("AUTH LOGIN"):
                self._say("334 VXNlcm5hbWU6")
            elif line.startswith(("EHLO", "QUIT")):
                super()._obey(line)
            else:
                self._say(f"535-5.7.8 I do not know {line}\r\n535 5.7.8 nor {SECRET}")

    wire = wiring.wire(tls=TlsMode.IMPLICIT, credentials=credentials)
    wire.server = EchoingServer({}, [f"AUTH {mechanism.value}"])
    wire.run()
    everything = "\n".join([*wire.session.transcript, repr(failure(wire)), repr(credentials), repr(wire.session)])
    assert "<redacted>" in everything
    for form in (SECRET, b64encode(SECRET.encode()).decode(), PLAIN_LINE.split(" ")[2]):
        assert form not in everything
    assert b64encode(b"user=user@example.com\x01auth=Bearer").decode()[:40] not in everything


def test_the_transcript_is_bounded_and_shows_no_content(wiring: Any) -> None:
    wire = wiring.wire(transcribe=True)
    wire.run([wiring.envelope(number) for number in range(100)])
    text = "\n".join(wire.session.transcript)
    assert len(wire.session.transcript) == 200
    assert "C: RCPT TO:<r99@example.com>" in text
    assert "C: <content: 31 bytes>" in text
    assert "hello" not in text


def test_messages_are_not_transcribed_unless_asked(wiring: Any) -> None:
    wire = wiring.wire().run([wiring.envelope()])
    assert "MAIL" not in "\n".join(wire.session.transcript)


# Losing it on the way


def test_a_line_lost_anywhere_in_the_handshake_is_a_temporary_failure_at_that_stage(wiring: Any) -> None:
    def wire() -> Any:
        return wiring.wire(offers=["STARTTLS", "AUTH PLAIN"], tls=TlsMode.STARTTLS, credentials=LOGIN)

    whole = len(wire().run(quits=False).server.sent)
    stages = []
    for heard in range(whole):
        found = failure(wire().run(server_bytes=heard, quits=False))
        assert (found.kind, found.code) == (FailureKind.TEMPORARY, "line_lost")
        stages.append(found.stage)
    order = [Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.EHLO, Stage.AUTH]
    assert [stage for before, stage in zip([None, *stages], stages, strict=False) if before is not stage] == order


def test_time_running_out_is_a_temporary_failure_that_names_the_wait(wiring: Any) -> None:
    session: Session[str] = Session(wiring.settings())
    assert session.wait is Wait.GREETING
    session.receive(b"220 hi\r\n")
    assert session.wait is Wait.COMMAND
    session.time_out()
    assert session.wait is None
    assert session.failure == SessionFailure(
        FailureKind.TEMPORARY, Stage.EHLO, "timed_out", "timed out waiting (command)"
    )


def test_quitting_before_the_session_is_ready_ends_it(wiring: Any) -> None:
    session: Session[str] = Session(wiring.settings())
    session.quit()
    assert session.failure is not None
    assert session.failure.code == "abandoned"
    session.receive(b"220 too late\r\n")
    assert session.output() == b""


def test_a_session_that_is_not_ready_takes_no_messages_and_no_checks(wiring: Any) -> None:
    session: Session[str] = Session(wiring.settings())
    with pytest.raises(RuntimeError):
        session.submit(wiring.envelope(), "tag")
    with pytest.raises(RuntimeError):
        session.check()
    assert not session.withdraw(wiring.envelope())
    assert (session.room, session.is_idle) == (0, False)


@pytest.mark.parametrize(
    "name",
    [
        *("", "a b", "a\r\nMAIL", "mail.example\n", "ü.example", "a\x00", "x" * 64, ".".join(["x" * 49] * 6)),
        *(
            ".",
            "mail.example.",
            "mail..example",
            "-mail.example",
            "mail-.example",
            "mail_1.example",
            "anna@example.com",
        ),
        *("192.0.2.1", "2001:db8::1", "[192.0.2.256]", "[2001:db8::1]", "[IPv6:192.0.2.1]", "[IPv6:fe80::1%eth0]"),
        *("[mail.example]", "[192.0.2.1", "192.0.2.1]", "[]", "anna@example.com", "mail.example:25"),
    ],
)
def test_what_is_no_name_and_no_address_literal_cannot_stand_behind_ehlo(name: str) -> None:
    assert not is_helo_name(name)
    with pytest.raises(ValueError, match="helo_name"):
        Session(SessionSettings(name, TlsMode.NONE))


@pytest.mark.parametrize(
    "name",
    ["localhost", "mail.example.com", "MAIL-1.example", "xn--bcher-kva.example", "3com.example", "x" * 63]
    + ["[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::1]", "[IPv6:::ffff:192.0.2.1]"],
)
def test_a_host_name_or_an_address_literal_can_stand_behind_ehlo(name: str) -> None:
    assert is_helo_name(name)
