"""Where a fault of a campaign file is: in the words and numbers of its author, with the line."""

from pathlib import Path

import pytest

from caesura.cli.campaign_file import load_campaign_file
from caesura.cli.campaign_places import in_words
from caesura.domain.errors import Invalid, Problem

FILE = '''name = "Spring"
{campaign}

[[windows]]
days = ["mon"]
start = "08:00"
end = "18:00"

[[steps]]
subject = "Hello"
text = """
[[steps]]
delay = 5
"""

[[steps]]
delay = "3d"
  [[steps.variants]]
  text = "a"
  [[steps.variants]]
  text = "b"
  {variant}

[unsubscribe]
mailto = "a@example.com"

[[mailboxes]]
name = "anna"
address = "anna@example.com"
[mailboxes.transport]
host = "smtp.example.com"
{transport}
[mailboxes.limits]
{limits}
'''


def told(tmp_path: Path, **fields: str) -> tuple[int | None, str | None, str]:
    path = tmp_path / "spring.toml"
    path.write_text(FILE.format(**{"campaign": "", "variant": "", "transport": "", "limits": ""} | fields))
    with pytest.raises(Invalid) as caught:
        load_campaign_file(path, {})
    (problem,) = in_words(caught.value, path).problems
    return problem.line, problem.pointer, problem.detail


@pytest.mark.parametrize(
    ("fields", "line", "place", "words"),
    [
        ({"campaign": 'zone = "Nowhere"'}, 2, "zone", "Nowhere"),
        ({"campaign": 'pol = "sales"'}, 2, "pol", "; did you mean 'pool'?"),
        ({"campaign": "qqqqqq = 1"}, 2, "qqqqqq", "'qqqqqq' is not a field of this object."),
        ({"variant": 'subjct = "x"'}, 22, "step 2, variant 2: subjct", "did you mean 'subject'?"),
        ({"variant": 'html_file = "none.html"'}, 22, "step 2, variant 2: html_file", "no file none.html"),
        ({"transport": 'pasword_env = "X"'}, 32, "mailbox 1: transport.pasword_env", "did you mean 'password_env'?"),
        ({"limits": "dayly_cap = 1"}, 34, "mailbox 1: limits.dayly_cap", "did you mean 'daily_cap'?"),
    ],
)
def test_a_fault_is_told_as_it_was_written_and_counted(
    fields: dict[str, str], line: int, place: str, words: str, tmp_path: Path
) -> None:
    found = told(tmp_path, **fields)
    assert found[:2] == (line, place)
    assert words in found[2]


def test_the_variant_that_nobody_wrote_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "spring.toml"
    path.write_text('[[steps]]\nsubject = "x"\ntext_file = "a.md"\n[[steps]]\ndelay = 5\n')
    error = Invalid.of(Problem("a", "b", "/steps/0/variants/0/text"), Problem("a", "b", "/steps/1/variants/0/text"))
    assert [(one.line, one.pointer) for one in in_words(error, path).problems] == [
        (3, "step 1: text"),
        (4, "step 2: text"),
    ]


def test_a_file_that_is_no_toml_keeps_its_problems_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "spring.toml"
    path.write_text("= 5")
    error = Invalid.of(Problem("a", "b", "/pool"))
    assert in_words(error, path) is error
