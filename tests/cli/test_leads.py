"""`leads import` from the command line, and the ledger's rows."""

import csv
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

EXAMPLES = Path(__file__).parents[2] / "examples"
NAME = "Coffee for offices"


@pytest.fixture
def coffee(caesura: Command) -> Command:
    """The command line, where the example campaign is a draft."""
    caesura("apply", EXAMPLES / "campaign.toml")
    return caesura


def test_the_example_is_imported_and_every_other_row_told(coffee: Command, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    answer = coffee("leads", "import", NAME, EXAMPLES / "leads.csv", "--rejects", rejects)
    assert (answer.status, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == f"554 rows in {EXAMPLES / 'leads.csv'}"
    assert lines[1:4] == [
        "  leads: 520 new",
        f"  in {NAME}: 520 enrolled",
        "  not taken: 27 rejected, 7 duplicates in the file",
    ]
    assert lines[5].split() == ["LINE", "CODE", "VALUE", "REASON"]
    assert len(lines[6:-1]) == 20
    assert lines[-1] == f"All 34 are in {rejects}."
    with rejects.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 34
    assert sum(row["code"] == "duplicate_row" for row in rows) == 7
    assert all(int(row["line"]) > 1 and row["reason"] for row in rows)
    again = coffee("leads", "import", NAME, EXAMPLES / "leads.csv").out
    assert "520 unchanged" in again and "520 enrolled before" in again
    assert "And 14 more: --rejects FILE" in again


def test_a_program_gets_the_report_as_json(coffee: Command, tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("email,first_name\na@example.com,Anna\nnobody,Ben\n")
    report = json.loads(coffee("leads", "import", "cmp_1", file, "--json").out)["report"]
    assert (report["rows"], report["created"], report["enrolled"], report["rejected"]) == (2, 1, 1, 1)
    assert [(one["line"], one["code"], one["value"]) for one in report["problems"]] == [(3, "address_syntax", "nobody")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name\nAnna\n", ":1: No column holds the address: name one of them email. [no_address_column]"),
        (b"email\na@example.com\nM\xfcller@example.com\n", "[wrong_encoding]"),
        (b"", "[empty_file]"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_changes_nothing(
    coffee: Command, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "wrong.csv"
    file.write_bytes(content)
    answer = coffee("leads", "import", NAME, file)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith(f"caesura: {file}") and words in answer.err
    assert json.loads(coffee("status", NAME, "--json").out)["counts"]["enrolled"] == 0


def test_places_that_cannot_be_read_or_written_are_told_first(coffee: Command, tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("email\na@example.com\n")
    assert "[file_missing]" in coffee("leads", "import", NAME, tmp_path / "none.csv").err
    assert "[file_unreadable]" in coffee("leads", "import", NAME, tmp_path).err
    assert "[file_unwritable]" in coffee("leads", "import", NAME, file, "--rejects", tmp_path / "no" / "x").err
    assert "[file_in_use]" in coffee("leads", "import", NAME, file, "--rejects", file).err
    assert file.read_text() == "email\na@example.com\n"
    assert "[campaign_not_found]" in coffee("leads", "import", "None such", file).err


def test_leads_come_from_standard_input_too(coffee: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"email\na@example.com\n")
    os.close(writing)
    with os.fdopen(reading) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert "1 row in -" in coffee("leads", "import", NAME, "-").out


def test_on_a_terminal_the_report_has_colours_and_a_bar(coffee: Command, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "caesura", "leads", "import", NAME, str(EXAMPLES / "leads.csv")],
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm-256color"},
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass  # how a pseudo terminal tells its end on Linux
    os.close(ours)
    assert process.wait(60) == 0
    assert b"\x1b[" in seen
    assert b"reading leads.csv" in seen and b"554 rows" in seen


def test_the_ledger_is_empty_before_anything_is_sent(coffee: Command) -> None:
    coffee("leads", "import", NAME, EXAMPLES / "leads.csv")
    assert json.loads(coffee("messages", NAME, "--json").out) == []
    assert coffee("messages", NAME, "--state", "unknown").out.split()[:3] == ["ID", "STEP", "TO"]
    assert coffee("messages", NAME, "--state", "lost").status == 2


def test_all_held_leads_of_a_campaign_are_released_by_one_command_that_can_be_run_again(
    coffee: Command, tmp_path: Path
) -> None:
    assert coffee("leads", "release", NAME).out == f"0 leads of {NAME} that were held (overdue_review) go on\n"
    assert json.loads(coffee("leads", "release", NAME, "--cause", "manual", "--json").out) == {"released": 0}
    assert "[unknown_outcome]" in coffee("leads", "release", NAME, "--cause", "unknown_outcome").err
    assert "[campaign_not_found]" in coffee("leads", "release", "nothing").err
