"""`apply`: what a file says is so afterwards, and what it says again changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from signing_keys import RFC_RECORD, rfc_key, rsa_key

from caesura.cli.campaign_file import load_campaign_file

Command = Callable[..., Any]

EXAMPLE = Path(__file__).parents[2] / "examples" / "campaign.toml"

FILE = """
name = "Spring"
pool = "sales"

[[steps]]
subject = "Hello"
text = "Hi {{ first_name }}"

[[pools]]
name = "sales"
mailboxes = ["anna"]

[[mailboxes]]
name = "anna"
address = "anna@example.com"
[mailboxes.transport]
host = "smtp.example.com"
username = "anna"
password_env = "ANNA_PASSWORD"
[mailboxes.limits]
ramp = { start = 10, add = 5 }
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANNA_PASSWORD", "sesame")
    path = tmp_path / "spring.toml"
    path.write_text(FILE)
    return path


def done(answer: Any) -> list[str]:
    """The last word of each line of the table."""
    assert (answer.status, answer.err) == (0, "")
    return [line.split()[-1] for line in answer.out.splitlines()[1:]]


def test_the_example_is_made_once(caesura: Command) -> None:
    assert done(caesura("apply", EXAMPLE)) == ["created"] * 5
    assert done(caesura("apply", EXAMPLE)) == ["unchanged"] * 5


def test_only_what_was_edited_is_updated(caesura: Command, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert done(caesura("apply", file)) == ["created"] * 3
    assert done(caesura("apply", file)) == ["unchanged"] * 3
    file.write_text(FILE.replace("Hello", "Good morning"))
    assert done(caesura("apply", file)) == ["unchanged", "unchanged", "updated"]
    file.write_text(file.read_text().replace("anna@example.com", "a@example.com"))
    assert done(caesura("apply", file)) == ["updated", "unchanged", "unchanged"]
    monkeypatch.setenv("ANNA_PASSWORD", "another")
    assert done(caesura("apply", file)) == ["updated", "unchanged", "unchanged"]
    ben = FILE.partition("[[mailboxes]]")[2].replace("anna", "ben")
    file.write_text(file.read_text().replace('["anna"]', '["anna", "ben"]') + "[[mailboxes]]" + ben)
    assert done(caesura("apply", file)) == ["unchanged", "created", "updated", "unchanged"]


def test_a_start_in_the_file_schedules_a_draft(caesura: Command, file: Path) -> None:
    file.write_text('starts_at = "2099-01-01T00:00:00Z"\n' + FILE)
    assert done(caesura("apply", file)) == ["created", "created", "created", "2099-01-01T00:00:00+00:00"]
    assert done(caesura("apply", file)) == ["unchanged"] * 3
    file.write_text(FILE)
    assert done(caesura("apply", file))[-2:] == ["unchanged", "scheduled"]
    assert "draft" in caesura("campaigns").out


def test_a_wrong_file_changes_nothing_and_tells_every_place(caesura: Command, file: Path) -> None:
    text = FILE.replace('mailboxes = ["anna"]', 'mailboxes = ["anna", "carla"]').replace("{{ first_name }}", "{{ x")
    file.write_text(text.replace('pool = "sales"', 'pool = "support"'))
    answer = caesura("apply", file)
    assert (answer.status, answer.out) == (1, "")
    pool, campaign, step = answer.err.splitlines()
    assert pool == f"caesura: {file}:11 pool 1, mailbox 2: there is no mailbox named 'carla' [unknown_mailbox]"
    assert campaign == f"caesura: {file}:3 pool: there is no pool named 'support'; there are 'sales' [unknown_pool]"
    assert step.startswith(f"caesura: {file}:7 step 1: text: ") and "(line 1 of the text)" in step
    assert caesura("doctor").out.count("mailbox") == 1  # "there are none"


def test_a_file_that_cannot_be_read_is_told(caesura: Command, tmp_path: Path) -> None:
    answer = caesura("apply", tmp_path / "none.toml")
    assert answer.status == 1 and "[file_missing]" in answer.err


def test_a_mailbox_of_another_file_can_be_in_a_pool(caesura: Command, file: Path, tmp_path: Path) -> None:
    caesura("apply", file)
    other = tmp_path / "pool.toml"
    other.write_text('[[pools]]\nname = "more"\nmailboxes = ["anna"]\n')
    assert done(caesura("apply", other)) == ["created"]
    assert load_campaign_file(other, {}).campaign is None


def test_what_to_publish_is_told_when_the_key_changes(caesura: Command, file: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(rfc_key())
    file.write_text(f"{FILE}[mailboxes.dkim]\ndomain = 'example.com'\nselector = 'a'\nprivate_key_file = 'key.pem'\n")
    made = caesura("apply", file)
    assert made.status == 0
    assert made.err.splitlines()[-2:] == ["a._domainkey.example.com", RFC_RECORD]
    assert done(caesura("apply", file)) == ["unchanged"] * 3
    (tmp_path / "key.pem").write_text(rsa_key(1024))
    changed = caesura("apply", file)
    assert [line.split()[-1] for line in changed.out.splitlines()[1:]] == ["updated", "unchanged", "unchanged"]
    assert "v=DKIM1; k=rsa; p=" in changed.err and "Warning: the key has 1024 bits" in changed.err
    file.write_text(FILE)
    assert done(caesura("apply", file)) == ["updated", "unchanged", "unchanged"]
