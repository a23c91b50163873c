"""Keys from the command line."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from caesura.http.key_forms import KEY_FORMS
from caesura.runtime.instance import keyring
from caesura.runtime.settings import load
from caesura.service import keys
from caesura.store.database import Database

Command = Callable[..., Any]


@pytest.mark.parametrize("dialect", KEY_FORMS)
def test_a_key_is_printed_alone_and_opens_its_door(caesura: Command, dsn: str, dialect: str) -> None:
    made = caesura("key", "create", "--dialect", dialect, "--workspace", "north", "--scope", "campaigns:read")
    assert (made.status, made.err) == (0, "")
    key = made.out.removesuffix("\n")
    assert key.isprintable() and " " not in key

    async def scopes() -> list[str]:
        database = await Database.open(dsn)
        try:
            pepper = keyring(load()).secrets.pepper
            row = await keys.authenticate(database, KEY_FORMS[dialect], key, pepper, datetime.now(UTC))
            return list(row.scopes)
        finally:
            await database.close()

    assert asyncio.run(scopes()) == ["campaigns:read"]


def test_keys_are_listed_by_workspace_without_their_secrets(caesura: Command) -> None:
    secret = caesura("key", "create", "--workspace", "north", "--label", "nightly", "--expires", "90d").out.strip()
    caesura("key", "create", "--workspace", "south")
    [listed] = json.loads(caesura("key", "list", "--workspace", "north", "--json").out)
    assert (listed["label"], listed["scopes"], listed["dialect"]) == ("nightly", ["*"], "native")
    assert listed["expires_at"] is not None
    table = caesura("key", "list", "--workspace", "north").out
    assert listed["prefix"] in table and secret not in table


@pytest.mark.parametrize("naming", ["id", "prefix", "whole"])
def test_a_key_is_revoked_by_its_id_its_prefix_or_itself(caesura: Command, naming: str) -> None:
    whole = caesura("key", "create").out.strip()
    [listed] = json.loads(caesura("key", "list", "--json").out)
    assert caesura("key", "revoke", {**listed, "whole": whole}[naming]).status == 0
    [listed] = json.loads(caesura("key", "list", "--json").out)
    assert listed["revoked_at"] is not None
    assert "revoked" in caesura("key", "list").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "--dialect", "other"), "--dialect: a dialect is one of native"),
        (("create", "--scope", "everything"), "there is no scope 'everything' [unknown_scope]"),
        (("create", "--expires", "2001-01-01T00:00:00Z"), "[expiry_past]"),
        (("create", "--expires", "soon"), "--expires: "),
        (("create", "--workspace", " "), "[workspace_name]"),
        (("revoke", "key_99"), "[key_not_found]"),
        (("revoke", "zzzz"), "[key_not_found]"),
    ],
)
def test_a_wrong_key_command_says_why_in_one_line(caesura: Command, arguments: tuple[str, ...], words: str) -> None:
    answer = caesura("key", *arguments)
    assert (answer.status, answer.out) == (1, "")
    [line] = answer.err.splitlines()
    assert words in line
