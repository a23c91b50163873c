"""Start, pause, resume and stop from the command line, and what is shown of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

EXAMPLE = Path(__file__).parents[2] / "examples" / "campaign.toml"
NAME = "Coffee for offices"


@pytest.fixture
def coffee(caesura: Command) -> Command:
    """The command line, where the example campaign is a draft."""
    caesura("apply", EXAMPLE)
    return caesura


def read(answer: Any) -> Any:
    assert (answer.status, answer.err) == (0, "")
    return json.loads(answer.out)


def test_a_campaign_goes_through_its_states(coffee: Command) -> None:
    assert read(coffee("start", NAME, "--json"))["status"] == "running"
    paused = read(coffee("pause", "cmp_1", "--reason", "a look", "--clock", "run", "--resume-at", "2h", "--json"))
    assert (paused["status"], paused["reason"], paused["clock"], paused["in_transit"]) == ("paused", "a look", "run", 0)
    assert paused["quiesced_at"] is not None and paused["resume_at"] is not None
    assert paused["actor"].startswith("cli")
    assert read(coffee("pause", "1", "--resume-at", "never", "--json"))["resume_at"] is None
    changed = read(coffee("pause", "1", "--new-leads", "reject", "--json"))
    assert (changed["new_leads"], changed["clock"], changed["reason"]) == ("reject", "run", "a look")
    preview = read(coffee("resume", "1", "--dry-run", "--json"))
    assert (preview["overdue"], preview["not_sent"]) == (0, [])
    assert read(coffee("status", "1", "--json"))["status"] == "paused"
    assert read(coffee("resume", "1", "--json"))["status"] == "running"
    assert read(coffee("stop", "1", "--yes", "--json"))["status"] == "stopped"


def test_a_person_sees_why_and_since_when(coffee: Command) -> None:
    coffee("start", "1")
    shown = coffee("pause", "1", "--reason", "a look", "--wait", "5").out
    assert f"campaign    {NAME} (cmp_1)" in shown
    assert "status      paused since " in shown
    assert "reason      a look" in shown
    assert "in transit  0, quiet since " in shown
    assert "possible    resume, stop" in shown


def test_a_start_says_that_nobody_will_send(coffee: Command) -> None:
    answer = coffee("start", "1")
    assert "no lead is enrolled yet" in answer.out and "[no_leads]" in answer.out
    assert "No worker is there" in answer.out


def test_a_check_without_leads_says_what_the_campaign_needs_from_each(caesura: Command, tmp_path: Path) -> None:
    file = tmp_path / "campaign.toml"
    step = 'subject = "For {{ compnay }}"\ntext = "Hello {{ first_name }}, from {{ email }}"\n'
    file.write_text(f'name = "x"\n[defaults]\nfirst_name = "there"\n[[steps]]\n{step}')
    assert caesura("apply", file).err == ""
    assert "no lead is enrolled yet; needs from each lead: compnay [no_leads]" in caesura("check", "x").out


def test_what_the_state_does_not_allow_is_told(coffee: Command) -> None:
    answer = coffee("pause", "1")
    assert (answer.status, answer.out) == (1, "")
    assert "[campaign_draft] (possible now: " in answer.err and answer.err.count("start") == 1


def test_a_check_fails_where_a_start_would(caesura: Command, tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text('name = "Empty"\n')
    caesura("apply", file)
    checked = caesura("check", "Empty")
    assert checked.status == 1
    assert "fail  the campaign has no steps [no_steps] at /steps" in checked.out
    assert "Empty cannot be started" in checked.out
    found = json.loads(caesura("check", "Empty", "--json").out)
    assert found["can_start"] is False
    started = caesura("start", "Empty")
    assert started.status == 1 and "[no_steps]" in started.err and "[no_pool]" in started.err


def test_a_campaign_is_found_by_name_or_id_and_a_near_name_is_suggested(coffee: Command) -> None:
    for name in (NAME, "cmp_1", "1"):
        assert read(coffee("status", name, "--json"))["id"] == "cmp_1"
    answer = coffee("status", "coffee")
    assert answer.status == 1
    assert answer.err == (
        "caesura: there is no campaign 'coffee'; did you mean 'Coffee for offices'? [campaign_not_found]\n"
    )
    assert "there is no campaign cmp_9 " in coffee("status", "cmp_9").err
    missing = coffee("status", NAME, "--workspace", "defualt").err
    assert "there is no workspace 'defualt'; those there are: 'default' [workspace_not_found]" in missing
    coffee("key", "create", "--workspace", "other")
    assert "in workspace 'other', and no other" in coffee("status", NAME, "--workspace", "other").err


def test_options_that_are_wrong_are_told_with_their_name(coffee: Command) -> None:
    answer = coffee("pause", "1", "--resume-at", "2001-01-01T00:00:00Z")
    assert answer.status == 1 and "--resume-at: " in answer.err
    assert coffee("pause", "1", "--clock", "stop").status == 2
    assert coffee("pause").status == 2
    assert coffee("nonsense").status == 2


def test_campaigns_are_listed(coffee: Command) -> None:
    [head, row] = coffee("campaigns").out.splitlines()
    assert head.split()[:3] == ["ID", "NAME", "STATUS"]
    assert row.startswith(f"cmp_1  {NAME}  draft")
    [one] = read(coffee("campaigns", "--json"))
    assert one["counts"]["enrolled"] == 0


def test_why_has_one_answer_and_then_what_else_is_in_the_way(coffee: Command, tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("email,first_name\na@example.com,Anna\n")
    coffee("leads", "import", NAME, file)
    draft = coffee("why", NAME).out.splitlines()
    assert draft[0] == "The campaign is a draft and has not been started. [campaign_draft]"
    assert "It does not go on by itself." in draft and "1 waiting" in draft
    coffee("start", NAME)
    assert "[no_worker]" in coffee("status", NAME).out
    coffee("pause", NAME, "--resume-at", "2h")
    assert "[no_worker]" not in coffee("status", NAME).out
    campaign = coffee("why", NAME).out
    assert "It goes on by itself at " in campaign and "(in 2 h)" in campaign
    coffee("hold", "place", "lead", "A@example.com", "--reason", "asked for silence")
    coffee("pause", NAME, "--reason", "the price is wrong")
    answer = coffee("why", NAME, "a@example.com").out.splitlines()
    assert "“the price is wrong”" in answer[0] and "“asked for silence”" in answer[1]
    assert answer[0].startswith("The campaign is paused by cli") and answer[0].endswith("[campaign_paused]")
    assert answer[1].startswith("Also: The lead is on hold") and answer[1].endswith("[lead_hold]")
    assert answer[2] == "It does not go on by itself."
    found = read(coffee("why", "1", "led_1", "--json"))
    assert (found["reason"], [one["reason"] for one in found["also"]]) == ("campaign_paused", ["lead_hold"])
    coffee("stop", NAME, "--yes")
    assert "by itself" not in coffee("why", NAME).out


@pytest.mark.parametrize(
    ("lead", "code"), [("b@example.com", "lead_not_found"), ("led_9", "lead_not_found"), ("nobody", "address_syntax")]
)
def test_why_of_a_lead_that_is_not_there_is_told(coffee: Command, lead: str, code: str) -> None:
    answer = coffee("why", NAME, lead)
    assert answer.status == 1 and f"[{code}]" in answer.err


def test_holds_are_placed_listed_and_released(coffee: Command) -> None:
    assert coffee("hold", "place", "mailbox", "mara", "--reason", "a look").out == "hld_1 holds mailbox mara\n"
    assert coffee("hold", "place", "workspace").out == "hld_2 holds the workspace\n"
    coffee("hold", "place", "campaign", NAME)
    coffee("hold", "place", "domain", "Example.COM")
    subjects = [line.split()[1:3] for line in coffee("hold", "list").out.splitlines()[1:]]
    assert subjects == [
        ["domain", "example.com"],
        ["campaign", "Coffee"],
        ["workspace", "everything"],
        ["mailbox", "mara"],
    ]
    assert coffee("hold", "release", "hld_2").out == "hld_2 is released\n"
    assert [one["id"] for one in read(coffee("hold", "list", "--json"))] == ["hld_4", "hld_3", "hld_1"]
    assert len(read(coffee("hold", "list", "--all", "--json"))) == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("place", "mailbox", "nobody"), "mailbox_not_found"),
        (("place", "lead", "nobody@example.com"), "lead_not_found"),
        (("place", "domain", "no domain"), "bad_subject"),
        (("place", "campaign", "none"), "campaign_not_found"),
        (("release", "hld_7"), "hold_not_found"),
        (("release", "seven"), "hold_not_found"),
    ],
)
def test_a_wrong_hold_command_says_why(coffee: Command, arguments: tuple[str, ...], code: str) -> None:
    answer = coffee("hold", *arguments)
    assert answer.status == 1 and f"[{code}]" in answer.err


def test_only_a_message_that_is_there_can_be_settled(coffee: Command) -> None:
    assert "[message_not_found]" in coffee("settle", "msg_7_2", "--sent").err
    assert "[message_not_found]" in coffee("settle", "7", "--not-sent").err
    assert coffee("settle", "msg_7_2").status == 2
