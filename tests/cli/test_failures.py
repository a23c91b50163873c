"""What goes wrong is told in a line for each problem, and in the exit status."""

import contextlib
import sys
from pathlib import Path

import pytest

from caesura.cli.failures import exit_status, in_file, of_options
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem


def failing(error: BaseException) -> int:
    def command() -> None:
        raise error

    return exit_status(command)


def test_a_foreseen_error_is_one_line_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(NotFound("campaign_not_found", "there is no campaign 'x'")) == 1
    assert capsys.readouterr() == ("", "caesura: there is no campaign 'x' [campaign_not_found]\n")


def test_every_problem_has_a_line_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    problems = (Problem("a", "one", "/steps/0", "x.toml"), Problem("b", "two", file="x.toml", line=3))
    assert failing(Invalid.of(*problems)) == 1
    assert capsys.readouterr().err == "caesura: x.toml /steps/0: one [a]\ncaesura: x.toml:3: two [b]\n"


def test_a_wrong_state_says_what_is_possible(capsys: pytest.CaptureFixture[str]) -> None:
    failing(Conflict("campaign_draft", "a campaign that is draft cannot pause", "draft", ("start", "stop")))
    assert capsys.readouterr().err.endswith("[campaign_draft] (possible now: start, stop)\n")


def test_an_unforeseen_error_is_short_unless_debugging(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAESURA_DEBUG", raising=False)
    assert failing(ZeroDivisionError("division\nby zero")) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "caesura: unexpected ZeroDivisionError: division by zero"
    assert "CAESURA_DEBUG=1" in second
    monkeypatch.setenv("CAESURA_DEBUG", "1")
    assert failing(ZeroDivisionError("x")) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_output_that_has_no_room_is_told_as_that(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert exit_status(lambda: print("much", flush=True)) == 1
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    assert capsys.readouterr().err == "caesura: no space is left: not all was written [disk_full]\n"


def test_a_command_that_returns_has_status_0() -> None:
    assert exit_status(lambda: None) == 0


def test_a_stop_from_outside_passes_through() -> None:
    with pytest.raises(SystemExit) as ended:
        failing(SystemExit(143))
    assert ended.value.code == 143


def test_pointers_become_options_or_get_their_file() -> None:
    error = Invalid.of(Problem("resume_at_past", "too late", "/resume_at"), Problem("x", "y"))
    assert [one.pointer for one in of_options(error).problems] == ["--resume-at", None]
    assert [one.file for one in in_file(error, "f.toml").problems] == ["f.toml", "f.toml"]
    assert [str(one) for one in in_file(Invalid("x", "y"), "f.toml").problems] == ["f.toml: y [x]"]
