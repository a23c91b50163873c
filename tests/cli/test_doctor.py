"""`doctor` finds what keeps messages from leaving, says what to do, and changes nothing."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

MAILBOX = """
[[mailboxes]]
name = "{name}"
address = "{name}@example.com"
[mailboxes.transport]
host = "127.0.0.1"
port = {port}
tls = "{tls}"
{login}
"""
LOGIN = 'username = "anna"\npassword = "sesame"'


@pytest.fixture
def apply(caesura: Command, tmp_path: Path) -> Callable[..., None]:
    """Makes a mailbox."""

    def make(name: str, port: object, tls: str = "none", login: str = "") -> None:
        file = tmp_path / f"{name}.toml"
        file.write_text(MAILBOX.format(name=name, port=port, tls=tls, login=login))
        assert caesura("apply", file).status == 0

    return make


@pytest.fixture
def sink_port(running: Callable[..., Any], tmp_path: Path) -> str:
    return str(running("sink", "--port", "0", "--out", tmp_path / "kept").line().rpartition(":")[2])


def lines(answer: Any, subject: str) -> list[str]:
    return [line for line in answer.out.splitlines() if line[6:].startswith(subject)]


def test_all_is_well_where_a_server_answers(caesura: Command, apply: Command, sink_port: str, tmp_path: Path) -> None:
    apply("anna", sink_port)
    answer = caesura("doctor")
    assert (answer.status, answer.err) == (0, "")
    assert lines(answer, "mailbox") == [f"ok    mailbox anna: 127.0.0.1:{sink_port} answers, without TLS, no login"]
    assert lines(answer, "clock")[0].startswith("ok    clock: 0.")
    assert lines(answer, "database")[0].startswith("ok    database: PostgreSQL 1")
    assert list((tmp_path / "kept").glob("*.eml")) == []


def test_each_thing_that_is_wrong_is_told_with_what_to_do(
    caesura: Command, apply: Command, sink_port: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    apply("nobody", free)
    apply("secret", sink_port, "starttls", LOGIN)
    apply("held", sink_port)
    caesura("hold", "place", "mailbox", "held", "--reason", "asks for too much")
    caesura("hold", "place", "workspace")
    (tmp_path / "data" / "secret.key").chmod(0o644)
    answer = caesura("doctor")
    assert answer.status == 1
    assert lines(answer, "mailbox nobody")[0].startswith("fail")
    assert f"is a server running at 127.0.0.1:{free}" in answer.out
    assert lines(answer, "mailbox secret")[0].startswith("fail") and "look at tls" in answer.out
    assert "CAESURA_CA_FILE" in answer.out
    assert lines(answer, "mailbox held")[0] == "fail  mailbox held: on hold, by cli:root: asks for too much".replace(
        "cli:root", lines(answer, "workspace")[0].split(" by ")[1].split(" ")[0]
    )
    assert "caesura hold release hld_1" in answer.out and "caesura hold release hld_2" in answer.out
    assert "warn  secret key: others can read" in answer.out and "chmod 600" in answer.out
    assert "warn  workers: none is there" in answer.out
    assert "sesame" not in answer.out + answer.err


def test_passwords_that_were_sealed_elsewhere_are_told(caesura: Command, apply: Command, tmp_path: Path) -> None:
    apply("anna", 25, "none", LOGIN)
    (tmp_path / "data" / "secret.key").unlink()
    answer = caesura("doctor")
    assert answer.status == 1
    assert lines(answer, "mailbox anna")[0].startswith("fail") and "bring back the secret.key" in answer.out


def test_a_database_that_does_not_answer_is_told_after_the_rest(
    caesura: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAESURA_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    answer = json.loads(caesura("doctor", "--json").out)
    assert answer["ok"] is False
    assert answer["checks"][-1]["level"] == "fail" and "database_unreachable" in answer["checks"][-1]["detail"]
    assert [check["subject"] for check in answer["checks"]] == ["disk", "secret key", "server", "database"]


def test_before_the_first_start_nothing_is_made(
    caesura: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CAESURA_DATABASE_URL")
    answer = caesura("doctor", "--data-dir", tmp_path / "new")
    assert answer.status == 0
    assert "warn  database: there is none yet" in answer.out and "warn  secret key: there is none yet" in answer.out
    assert not (tmp_path / "new").exists()


def test_another_program_at_the_port_is_told(caesura: Command, monkeypatch: pytest.MonkeyPatch, sink_port: str) -> None:
    monkeypatch.setenv("CAESURA_PORT", sink_port)
    assert f"warn  server: another program has 127.0.0.1:{sink_port}" in caesura("doctor").out


def test_a_misspelt_variable_is_told_and_ends_nothing(caesura: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAESURA_PROT", "1")
    answer = caesura("doctor")
    assert answer.status == 0
    assert answer.err == (
        "caesura: CAESURA_PROT in the environment is no setting, and is ignored: did you mean CAESURA_PORT?\n"
    )
    assert caesura("campaigns").err == ""
