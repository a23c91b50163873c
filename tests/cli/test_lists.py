"""Lists of leads from the command line."""

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
    """The command line, where the leads a and b are."""
    caesura("apply", EXAMPLE)
    file = tmp_path / "few.csv"
    file.write_text("email\na@example.com\nb@example.com\n")
    caesura("leads", "import", NAME, file)
    return caesura


def read(answer: Any) -> Any:
    assert (answer.status, answer.err) == (0, "")
    return json.loads(answer.out)


def members(coffee: Command) -> dict[str, int]:
    return {one["name"]: one["members"] for one in read(coffee("list", "list", "--json"))}


def test_a_list_is_made_filled_emptied_and_deleted(coffee: Command) -> None:
    assert coffee("list", "list").out == "There are no lists. Make one with caesura list create NAME.\n"
    assert coffee("list", "create", "customers").out == "lst_1 is the list customers\n"
    assert read(coffee("list", "create", "friends", "--json"))["id"] == "lst_2"
    assert coffee("list", "add", "customers", "a@example.com", "led_2").out == "2 put on customers\n"
    again = coffee("list", "add", "lst_1", "A@example.com")
    assert again.out == "0 put on customers, 1 were on it before\n"
    assert members(coffee) == {"friends": 0, "customers": 2}
    assert coffee("list", "list").out.splitlines()[2].split()[:3] == ["lst_1", "customers", "2"]
    assert coffee("list", "remove", "customers", "b@example.com").out == "1 taken off customers\n"
    assert read(coffee("list", "remove", "1", "b@example.com", "--json")) == {"removed": 0}
    assert members(coffee) == {"friends": 0, "customers": 1}
    assert coffee("list", "delete", "customers").out == "the list customers is deleted\n"
    assert members(coffee) == {"friends": 0}
    assert len(read(coffee("leads", "list", NAME, "--json"))) == 2


def test_when_one_lead_is_unknown_none_is_put_on_and_each_wrong_one_is_told(coffee: Command) -> None:
    coffee("list", "create", "customers")
    for verb in ("add", "remove"):
        answer = coffee("list", verb, "customers", "a@example.com", "x@example.com", "nobody", "led_99")
        assert (answer.status, answer.out) == (1, "")
        unknown, wrong, gone = answer.err.splitlines()
        assert "x@example.com" in unknown and "[lead_not_found]" in unknown
        assert "nobody: " in wrong and "[address_syntax]" in wrong
        assert "led_99: " in gone and "[lead_not_found]" in gone
    assert members(coffee) == {"customers": 0}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "customers"), "name_taken"),
        (("create", " "), "list_name"),
        (("delete", "nothing"), "list_not_found"),
        (("delete", "lst_9"), "list_not_found"),
        (("add", "nothing", "a@example.com"), "list_not_found"),
        (("remove", "nothing", "a@example.com"), "list_not_found"),
    ],
)
def test_a_wrong_list_command_says_why(coffee: Command, arguments: tuple[str, ...], code: str) -> None:
    coffee("list", "create", "customers")
    answer = coffee("list", *arguments)
    assert (answer.status, answer.out) == (1, "") and f"[{code}]" in answer.err


def test_a_list_needs_leads_to_be_added(coffee: Command) -> None:
    assert coffee("list", "add", "customers").status == 2
