"""What commands print, where nobody looks on: a pipe or a file."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest

from caesura.cli import output

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_a_table_is_plain_aligned_text_without_blanks_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("ID", "NAME", "COUNT"), [("a", "株式会社", 7), ("bcd", None, 1200)], right=("COUNT",))
    assert capsys.readouterr().out == "ID   NAME      COUNT\na    株式会社      7\nbcd" + " " * 13 + "1200\n"


def test_an_empty_table_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("ID", "NAME"), [])
    assert capsys.readouterr().out == "ID  NAME\n"


def test_control_characters_of_strangers_reach_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("NAME",), [("\x1b]0;pwned\x07 a\nb",)])
    output.show_pairs([("name", "\x1b[31mred"), ("gone", None)])
    assert capsys.readouterr().out == "NAME\n]0;pwned a b\nname  [31mred\n"


def test_markup_in_names_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("[bold]x[/bold] :smile: [/]")
    assert capsys.readouterr().out == "[bold]x[/bold] :smile: [/]\n"


def test_a_long_line_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("word " * 100)
    output.show_pairs([("name", "word " * 100)])
    assert capsys.readouterr().out.count("\n") == 2


class Colour(StrEnum):
    RED = "red"


@dataclass
class Thing:
    at: datetime
    colour: Colour
    length: timedelta
    parts: tuple[int, ...]


def test_json_has_instants_in_utc_and_durations_in_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_json({"thing": Thing(NOW, Colour.RED, timedelta(minutes=1), (1, 2)), "name": "ü"})
    text = capsys.readouterr().out
    assert '"ü"' in text
    assert json.loads(text)["thing"] == {
        "at": "2026-03-02T09:00:00Z",
        "colour": "red",
        "length": 60.0,
        "parts": [1, 2],
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "just now"), (-40, "40 s ago"), (-300, "5 min ago"), (7200, "in 2 h"), (3600 * 49, "in 2 days")],
)
def test_how_far_a_moment_is_away(seconds: int, words: str) -> None:
    assert output.ago(NOW + timedelta(seconds=seconds), NOW) == words
