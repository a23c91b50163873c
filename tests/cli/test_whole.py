"""A campaign from file to ledger, with nothing but commands."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Starter = Callable[..., Any]

CAMPAIGN = """
name = "Hello"
pool = "one"

[[steps]]
subject = "Hello {{{{ first_name }}}}"
text = "Hello"

[[pools]]
name = "one"
mailboxes = ["anna"]

[[mailboxes]]
name = "anna"
address = "anna@example.com"
[mailboxes.transport]
host = "127.0.0.1"
port = {port}
tls = "none"
"""
FINISHED_SECONDS = 60.0


def test_a_campaign_is_sent_and_read_with_commands_alone(
    running: Starter, tmp_path: Path, data_directory: Path
) -> None:
    def done(*arguments: object) -> str:
        out, err = running(*arguments, "--data-dir", data_directory).process.communicate(timeout=60)
        assert err == ""
        return str(out)

    sink = running("sink", "--port", "0", "--out", tmp_path / "kept")
    server = running("serve", "--port", "0", "--data-dir", data_directory)
    port = sink.line().rpartition(":")[2]
    assert server.line().startswith("ready ")
    (tmp_path / "hello.toml").write_text(CAMPAIGN.format(port=port))
    (tmp_path / "leads.csv").write_text(
        "email,first_name\nben@example.com,Ben\ncarla@example.com,\ndana@example.com,Dana\n"
    )
    done("apply", tmp_path / "hello.toml")
    done("leads", "import", "Hello", tmp_path / "leads.csv")
    assert "held, not sent to: 1" in done("start", "Hello")
    deadline = time.monotonic() + FINISHED_SECONDS
    while (counts := json.loads(done("status", "Hello", "--json"))["counts"])["sent"] < 2:
        assert time.monotonic() < deadline, counts
    assert (counts["finished"], counts["held"]) == (2, 1)
    ledger = json.loads(done("messages", "Hello", "--json"))
    assert [(one["recipient"], one["subject"], one["state"], one["sender"]) for one in ledger] == [
        ("ben@example.com", "Hello Ben", "sent", "anna@example.com"),
        ("dana@example.com", "Hello Dana", "sent", "anna@example.com"),
    ]
    table = done("messages", "Hello", "--limit", "1").splitlines()
    assert table[1].startswith(f"{ledger[0]['id']}  ") and "OK" in table[1]
    assert table[2] == "There are more than 1: see --limit and --json."
    assert "ok    mailbox anna: 127.0.0.1:" in done("doctor")
    assert len(list((tmp_path / "kept").glob("*.eml"))) == 2
    assert server.stop().status == 0
    assert sink.stop().status == 0
