"""Leads in campaigns from the command line: listed, shown, enrolled from a list, taken out."""

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
    """The command line, where the example campaign has the leads a, b and c."""
    caesura("apply", EXAMPLE)
    file = tmp_path / "few.csv"
    file.write_text(
        "email,first_name,time zone\na@example.com,Anna,Europe/Rome\nb@example.com,Ben,\nc@example.com,Cy,\n"
    )
    caesura("leads", "import", NAME, file)
    return caesura


def read(answer: Any) -> Any:
    assert (answer.status, answer.err) == (0, "")
    return json.loads(answer.out)


def addresses(answer: Any) -> list[str]:
    return [line.split()[0] for line in answer.out.splitlines()[1:] if "@" in line]


def test_a_campaign_s_leads_are_listed_with_where_they_stand(coffee: Command) -> None:
    answer = coffee("leads", "list", NAME)
    assert answer.out.splitlines()[0].split() == ["ADDRESS", "STATE", "CAUSE", "STEP", "DUE", "FROM"]
    assert addresses(answer) == ["a@example.com", "b@example.com", "c@example.com"]
    [first, *_] = read(coffee("leads", "list", "cmp_1", "--json"))
    assert (first["id"], first["lead_id"], first["campaign_id"]) == ("enr_1", "led_1", "cmp_1")
    assert (first["state"], first["cause"], first["step"], first["mailbox_id"]) == ("waiting", None, 1, None)


def test_a_pause_that_freezes_waiting_times_takes_the_due_dates_away(coffee: Command) -> None:
    coffee("start", NAME)
    assert read(coffee("leads", "list", NAME, "--json"))[0]["due_at"] is not None
    coffee("pause", NAME)
    assert read(coffee("leads", "list", NAME, "--json"))[0]["due_at"] is None
    assert "at a resume" in coffee("leads", "list", NAME).out


def test_leads_are_filtered_and_the_rest_is_told_of(coffee: Command) -> None:
    coffee("leads", "stop", NAME, "b@example.com")
    assert addresses(coffee("leads", "list", NAME, "--state", "stopped")) == ["b@example.com"]
    assert addresses(coffee("leads", "list", NAME, "--cause", "manual")) == ["b@example.com"]
    assert addresses(coffee("leads", "list", NAME, "--state", "held")) == []
    shown = coffee("leads", "list", NAME, "--limit", "2")
    assert addresses(shown) == ["a@example.com", "b@example.com"]
    assert "There are more than 2: see --limit and --json." in shown.out
    assert "more than" not in coffee("leads", "list", NAME, "--limit", "3").out
    assert len(read(coffee("leads", "list", NAME, "--limit", "2", "--json"))) == 2
    assert read(coffee("leads", "list", NAME, "--state", "held", "--json")) == []
    assert coffee("leads", "list", NAME, "--state", "lost").status == 2
    assert "[campaign_not_found]" in coffee("leads", "list", "nothing", "--json").err


def test_a_page_s_end_is_not_the_list_s(coffee: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caesura.cli.enrollments._PAGE", 2)
    assert [one["lead_id"] for one in read(coffee("leads", "list", NAME, "--json"))] == ["led_1", "led_2", "led_3"]


@pytest.mark.parametrize("named", ["A@Example.com", "led_1", "1"])
def test_a_lead_is_shown_with_its_fields_and_campaigns(coffee: Command, named: str) -> None:
    coffee("leads", "stop", NAME, named)
    shown = [line.split() for line in coffee("leads", "show", named).out.splitlines()]
    assert ["lead", "a@example.com", "(led_1)"] in shown
    assert ["zone", "Europe/Rome"] in shown
    assert ["first_name", "Anna"] in shown
    assert shown[-1][:6] == [*NAME.split(), "stopped", "manual", "1"]
    found = read(coffee("leads", "show", named, "--json"))
    assert (found["address"], found["fields"], found["zone"]) == (
        "a@example.com",
        {"first_name": "Anna"},
        "Europe/Rome",
    )
    assert [(one["campaign"], one["state"], one["due_in"]) for one in found["enrollments"]] == [(NAME, "stopped", None)]


def test_one_lead_is_taken_out_and_no_other(coffee: Command) -> None:
    coffee("start", NAME)
    answer = coffee("leads", "stop", NAME, "b@example.com")
    assert (answer.status, answer.out) == (0, f"b@example.com is stopped in {NAME} (manual)\n")
    assert addresses(coffee("leads", "list", NAME, "--state", "waiting")) == ["a@example.com", "c@example.com"]
    assert "b@example.com, step 1, Coffee for offices" in coffee("events", NAME).out.splitlines()[-1]
    again = read(coffee("leads", "stop", "cmp_1", "led_2", "--json"))
    assert (again["state"], again["cause"], again["due_at"]) == ("stopped", "manual", None)


def test_everyone_on_a_list_is_enrolled_once(coffee: Command, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('name = "Other"\n')
    coffee("apply", file)
    coffee("list", "create", "two")
    assert coffee("leads", "enrol", "Other", "--list", "two").out == "in Other: nobody: the list is empty\n"
    coffee("list", "add", "two", "a@example.com", "b@example.com")
    assert coffee("leads", "enrol", "Other", "--list", "two").out == "in Other: 2 enrolled\n"
    coffee("list", "add", "two", "c@example.com")
    done = read(coffee("leads", "enrol", "Other", "--list", "lst_1", "--json"))
    assert done == {"enrolled": 1, "already_enrolled": 2, "suppressed": 0, "reopened": False}
    shown = coffee("leads", "show", "a@example.com").out.splitlines()
    assert shown[-1].startswith("Other") and shown[-2].startswith(NAME)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "nobody@example.com"), "lead_not_found"),
        (("show", "led_99"), "lead_not_found"),
        (("show", "nobody"), "address_syntax"),
        (("stop", NAME, "nobody@example.com"), "lead_not_found"),
        (("stop", "nothing", "a@example.com"), "campaign_not_found"),
        (("enrol", NAME, "--list", "nothing"), "list_not_found"),
        (("enrol", NAME, "--list", "lst_9"), "list_not_found"),
        (("enrol", "nothing", "--list", "nothing"), "campaign_not_found"),
    ],
)
def test_what_is_not_there_is_told(coffee: Command, arguments: tuple[str, ...], code: str) -> None:
    answer = coffee("leads", *arguments)
    assert (answer.status, answer.out) == (1, "") and f"[{code}]" in answer.err


def test_a_lead_of_another_campaign_cannot_be_taken_out_of_this_one(coffee: Command, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('name = "Other"\n')
    coffee("apply", file)
    assert (
        "a@example.com is not in Other [enrollment_not_found]" in coffee("leads", "stop", "Other", "a@example.com").err
    )
    assert "[enrollment_not_found]" in coffee("why", "Other", "a@example.com").err
