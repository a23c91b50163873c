"""The log from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

EXAMPLE = Path(__file__).parents[2] / "examples" / "campaign.toml"
NAME = "Coffee for offices"


@pytest.fixture
def coffee(caesura: Command, tmp_path: Path) -> Command:
    """The command line, where the example campaign has one lead and was started and paused."""
    caesura("apply", EXAMPLE)
    file = tmp_path / "one.csv"
    file.write_text("email\na@example.com\n")
    caesura("leads", "import", NAME, file)
    caesura("start", NAME)
    caesura("pause", NAME)
    caesura("hold", "place", "mailbox", "mara")
    return caesura


def read(answer: Any) -> Any:
    assert (answer.status, answer.err) == (0, "")
    return json.loads(answer.out)


def test_a_person_reads_the_newest_events_with_names(coffee: Command) -> None:
    [head, *lines] = coffee("events").out.splitlines()
    assert head.split() == ["AT", "KIND", "BY", "ABOUT", "DATA"]
    assert "hold.placed" in lines[-1]
    [imported] = [line for line in lines if "campaign.leads_enrolled" in line]
    assert f"  {NAME}  file " in imported
    assert [line.split()[1] for line in coffee("events", "--limit", "2").out.splitlines()[1:]] == [
        line.split()[1] for line in lines[-2:]
    ]


def test_events_of_one_campaign_are_only_its_own(coffee: Command) -> None:
    found = read(coffee("events", NAME, "--json"))
    assert {one["campaign_id"] for one in found} == {"cmp_1"}
    assert [one["kind"] for one in found][-2:] == ["campaign.paused", "campaign.quiesced"]
    everything = read(coffee("events", "--json", "--limit", "1000"))
    assert [one["id"] for one in everything] == sorted((one["id"] for one in everything), key=lambda one: int(one[4:]))
    assert {one["id"] for one in found} < {one["id"] for one in everything}
    assert found == [one for one in everything if one["campaign_id"] == "cmp_1"]
    assert found == read(coffee("events", "cmp_1", "--json"))
    [newest] = read(coffee("events", NAME, "--json", "--limit", "1"))
    assert newest == found[-1]
    assert set(newest) == {
        "id", "at", "kind", "actor", "campaign_id", "enrollment_id", "lead_id", "mailbox_id", "step", "data"
    }  # fmt: skip


def test_a_wrong_events_command_is_told(coffee: Command) -> None:
    assert "[campaign_not_found]" in coffee("events", "nothing").err
    assert coffee("events", "--limit", "0").status == 2
