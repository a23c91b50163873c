"""The reference is what the code says: made anew, it is the same, and nothing is missing in it."""

import shutil
from pathlib import Path

import generate_reference
import pytest
from reference import errors, events, rules, surface

from caesura.domain import lifecycle
from caesura.domain.reasons import Reason
from caesura.domain.scopes import Scope
from caesura.runtime.settings import Settings


def committed(name: str) -> str:
    return (generate_reference.FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", generate_reference.PAGES)
def test_a_page_made_anew_is_the_committed_one(name: str) -> None:
    assert committed(name) == generate_reference.PAGES[name](), "run `make reference`, and commit what it changes"


def test_no_page_is_there_that_nothing_makes() -> None:
    assert {path.name for path in generate_reference.FOLDER.iterdir()} == set(generate_reference.PAGES)


def test_a_page_that_was_edited_by_hand_or_is_missing_is_noticed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(generate_reference.FOLDER, tmp_path / "reference"))
    (folder / "settings.md").write_text("by hand")
    (folder / "states.md").unlink()
    (folder / "stray.md").write_text("by nobody")
    assert {"settings.md", "states.md", "stray.md"} <= set(generate_reference.differences(folder))


def test_every_setting_is_in_the_reference() -> None:
    page = committed("settings.md")
    assert [name for name in Settings.model_fields if f"`CAESURA_{name.upper()}`" not in page] == []


def test_every_command_and_option_is_in_the_reference() -> None:
    page = committed("commands.md")
    commands = dict(surface.leaf_commands())
    assert [words for words in commands if f"\n## {words}\n" not in page] == []
    options = {
        (words, option)
        for words, command in commands.items()
        for parameter in command.params
        if not getattr(parameter, "hidden", False)
        for option in parameter.opts
        if option.startswith("--")
    }
    sections = {words: page.partition(f"\n## {words}\n")[2].partition("\n## ")[0] for words in commands}
    assert [(words, option) for words, option in options if option not in sections[words]] == []


def test_every_route_is_in_the_reference() -> None:
    page = committed("routes.md")
    routes = {(method, path) for path, operations in surface.openapi()["paths"].items() for method in operations}
    assert [route for route in routes if f"`{route[0].upper()} {route[1]}`" not in page] == []
    assert [scope for scope in Scope if f"`{scope}`" not in page] == []


def test_every_state_and_reason_is_in_the_reference() -> None:
    page = committed("states.md")
    for kind in (lifecycle.CampaignState, lifecycle.EnrollmentState, lifecycle.MessageState):
        assert [state for state in kind if f"| `{state}` |" not in page] == []
    reasons = committed("reasons.md")
    assert [reason for reason in Reason if f"| `{reason}` |" not in reasons] == []


def test_the_pictures_have_every_transition() -> None:
    page = committed("states.md")
    moves = {**lifecycle.CAMPAIGN, **lifecycle.ENROLLMENT, **lifecycle.MESSAGE}
    lines = {f"    {before or '[*]'} --> {after}: {event}\n" for (before, event), after in moves.items()}
    assert {line for line in lines if line not in page} == set()


def test_every_event_that_is_written_has_a_meaning() -> None:
    assert events.written() == events.MEANINGS.keys()


def test_error_codes_are_found_however_they_are_made() -> None:
    found = errors.gathered()
    known = {
        ("Invalid", "no_address_column"): "No column holds the address: name one of them email.",
        ("Invalid", "step_in_use"): "messages of step {used} exist, so at least {used} steps must stay",
        ("Invalid", "duplicate_field"): "The field is in its object twice.",
        ("Invalid", "bad_quotes"): "A closing quote is followed by something other than a separator. "
        "A quote inside quotes is doubled.",
        ("Unsendable", "missing_variable"): "the lead has no value for: {join}",
        ("Finding", "no_pool"): "the campaign has no pool of mailboxes",
        ("Conflict", "hold_released"): "this hold was released already",
    }
    assert {key: found.get(key) for key in known} == known


def test_a_state_without_a_meaning_is_noticed() -> None:
    with pytest.raises(AssertionError, match="what they mean"):
        rules.comments(Reason)
