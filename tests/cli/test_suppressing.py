"""Suppressions from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]

EXAMPLE = Path(__file__).parents[2] / "examples" / "campaign.toml"
NAME = "Coffee for offices"


def read(answer: Any) -> Any:
    assert (answer.status, answer.err) == (0, "")
    return json.loads(answer.out)


def test_addresses_and_domains_are_suppressed_listed_and_removed(caesura: Command) -> None:
    assert caesura("suppress", "list").out == "Nobody is suppressed.\n"
    assert caesura("suppress", "add", "Ada@example.com", "example.org").out == "2 suppressed\n"
    assert caesura("suppress", "add", "ada@example.com").out == "0 suppressed, 1 were before\n"
    assert [line.split()[:3] for line in caesura("suppress", "list").out.splitlines()[1:]] == [
        ["ada@example.com", "address", "manual"],
        ["example.org", "domain", "manual"],
    ]
    assert caesura("suppress", "remove", "ADA@example.com").out == "ada@example.com is no longer suppressed\n"
    [left] = read(caesura("suppress", "list", "--json"))
    assert (left["value"], left["kind"]) == ("example.org", "domain")
    assert read(caesura("suppress", "remove", "example.org", "--json"))["value"] == "example.org"


def test_who_is_suppressed_is_stopped(caesura: Command, tmp_path: Path) -> None:
    caesura("apply", EXAMPLE)
    file = tmp_path / "few.csv"
    file.write_text("email\na@example.com\nb@example.com\n")
    caesura("leads", "import", NAME, file)
    assert read(caesura("suppress", "add", "a@example.com", "--json")) == {
        "added": 1, "already_there": 0, "stopped": 1
    }  # fmt: skip
    assert caesura("suppress", "add", "example.com").out == "1 suppressed; 1 enrollments stopped\n"


def test_a_wrong_value_is_named_and_keeps_no_other_back(caesura: Command) -> None:
    answer = caesura("suppress", "add", "ada@example.com", "no one@", "b@example.com")
    assert (answer.status, answer.out) == (1, "2 suppressed\n")
    assert "'no one@'" in answer.err and "/values" not in answer.err


def test_what_is_not_suppressed_cannot_be_removed(caesura: Command) -> None:
    answer = caesura("suppress", "remove", "ada@example.com")
    assert (answer.status, answer.out) == (1, "")
    assert "[suppression_not_found]" in answer.err
    assert "/value" not in caesura("suppress", "remove", "no one@").err
