"""Webhooks from the command line."""

import json
from collections.abc import Callable
from typing import Any

Command = Callable[..., Any]

URL = "https://hooks.example.com/caesura"


def test_a_webhook_is_made_listed_tried_and_deleted(caesura: Command) -> None:
    assert caesura("webhook", "list").out == "There is no webhook.\n"
    made = json.loads(caesura("webhook", "create", URL, "campaign.paused", "--json").out)
    assert made["secret"].startswith("whsec_")
    assert made["events"] == ["campaign.paused"]
    [row] = json.loads(caesura("webhook", "list", "--json").out)
    assert (row["id"], row["url"], row["active"]) == (made["id"], URL, True)
    assert URL in caesura("webhook", "list").out
    assert caesura("webhook", "log", made["id"]).out == "Nothing was sent.\n"
    assert made["id"] in caesura("webhook", "test", made["id"]).out
    [sent] = json.loads(caesura("webhook", "log", made["id"], "--json").out)
    assert (sent["event"], sent["state"]) == ("webhook.test", "pending")
    assert "webhook.test" in caesura("webhook", "log", made["id"]).out
    assert caesura("webhook", "delete", made["id"].removeprefix("whk_")).out == "the webhook is gone\n"
    assert caesura("webhook", "list").out == "There is no webhook.\n"


def test_what_is_wrong_is_told(caesura: Command) -> None:
    for arguments, code in (
        (("create", "http://example.com"), "url_not_https"),
        (("create", URL, "campaign.pausd"), "unknown_event"),
        (("log", "whk_99"), "webhook_not_found"),
        (("delete", "my-hook"), "webhook_not_found"),
    ):
        answer = caesura("webhook", *arguments)
        assert (answer.status, answer.out) == (1, "")
        assert f"[{code}]" in answer.err
