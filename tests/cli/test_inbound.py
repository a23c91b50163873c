"""What came back, from the command line."""

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


def enrolled(caesura: Command, tmp_path: Path) -> None:
    caesura("apply", EXAMPLE)
    file = tmp_path / "few.csv"
    file.write_text("email\na@example.com\nb@example.com\n")
    caesura("leads", "import", NAME, file)


def test_a_bounce_is_reported_and_stops_its_lead(caesura: Command, tmp_path: Path) -> None:
    enrolled(caesura, tmp_path)
    told = caesura("inbound", "report", "bounce", "--bounce", "hard", "--address", "a@example.com", "--reason", "5.1.1")
    assert told.out.split(": ")[1] == "bounce of a@example.com; 1 enrollments stopped\n"
    [row] = read(caesura("inbound", "list", "--json"))
    assert (row["kind"], row["bounce_type"], row["address"], row["reason"]) == (
        "bounce", "hard", "a@example.com", "5.1.1",
    )  # fmt: skip
    assert caesura("suppress", "list").out.splitlines()[1].split()[:3] == ["a@example.com", "address", "bounced"]


def test_a_reply_is_reported_once_and_found_by_its_campaign(caesura: Command, tmp_path: Path) -> None:
    enrolled(caesura, tmp_path)
    reply = ("inbound", "report", "reply", "--address", "b@example.com", "--message-id", "<r1@example.com>")
    done = read(caesura(*reply, "--campaign", NAME, "--classification", "interested", "--json"))
    assert (done["stopped"], done["classification"], done["from_address"]) == (1, "interested", "b@example.com")
    assert caesura(*reply).out == f"{done['id']} was reported before; nothing is done twice\n"
    caesura("inbound", "report", "auto_reply", "--address", "who@example.com")
    assert len(read(caesura("inbound", "list", "--json"))) == 2
    table = caesura("inbound", "list", "--campaign", NAME).out.splitlines()
    assert [line.split()[0] for line in table[1:]] == [done["id"]]
    assert read(caesura("inbound", "list", "--kind", "complaint", "--json")) == []
    assert len(read(caesura("inbound", "list", "--limit", "1", "--json"))) == 1


def test_a_report_that_says_not_whom_it_is_about_is_refused(caesura: Command) -> None:
    answer = caesura("inbound", "report", "reply")
    assert (answer.status, answer.out) == (1, "")
    assert "[inbound_unplaced]" in answer.err
    answer = caesura("inbound", "report", "bounce", "--address", "a@example.com")
    assert "[bounce_type_missing]" in answer.err
