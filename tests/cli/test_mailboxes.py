"""Mailboxes and pools from the command line, and why one is not sending."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from caesura.store.database import Database

Command = Callable[..., Any]

EXAMPLE = Path(__file__).parents[2] / "examples" / "campaign.toml"
CAPPED = """
[[mailboxes]]
name = "anna"
address = "anna@example.com"
transport = {{ host = "smtp.example.com", port = 587 }}
limits = {{ {limits} }}
"""


@pytest.fixture
def coffee(caesura: Command) -> Command:
    """The command line, where the example's mailboxes mara, noor and otto are."""
    caesura("apply", EXAMPLE)
    return caesura


def read(answer: Any) -> Any:
    assert (answer.status, answer.err) == (0, "")
    return json.loads(answer.out)


def test_mailboxes_are_listed_with_what_keeps_them_back(coffee: Command) -> None:
    coffee("hold", "place", "mailbox", "noor")
    shown = coffee("mailbox", "list").out.splitlines()
    assert shown[0].split() == ["ID", "NAME", "ADDRESS", "TODAY", "STATE"]
    [noor] = [line for line in shown if "noor" in line]
    [mara] = [line for line in shown if "mara" in line]
    assert "mailbox_hold" in noor and "mailbox_hold" not in mara
    assert mara.split()[-1] == "no_worker"
    listed = {one["name"]: one for one in read(coffee("mailbox", "list", "--json"))}
    assert list(listed) == ["otto", "noor", "mara"]
    assert listed["noor"]["reason"] == "mailbox_hold"
    assert (listed["mara"]["used_today"], listed["mara"]["archived"]) == (0, False)


@pytest.mark.parametrize(
    ("limits", "shown"),
    [("daily_cap = 40", "0 of 40"), ("daily_cap = 40, ramp = { start = 5, add = 5 }", "0 of 5")],
)
def test_the_smallest_limit_of_the_day_is_shown(caesura: Command, tmp_path: Path, limits: str, shown: str) -> None:
    file = tmp_path / "mailboxes.toml"
    file.write_text(CAPPED.format(limits=limits))
    assert caesura("apply", file).err == ""
    assert shown in caesura("mailbox", "list").out.splitlines()[1]


def test_what_a_mailbox_has_sent_today_is_counted(coffee: Command, dsn: str) -> None:
    async def used(number: int, day: date) -> None:
        database = await Database.open(dsn)
        try:
            async with database.transaction() as tx:
                await tx.execute("update mailbox_pace set day = $1, used = $2 where mailbox_id = 1", day, number)
        finally:
            await database.close()

    tomorrow = datetime.now(UTC).date() + timedelta(
        days=1
    )  # counted before the clock went back: no midnight in between
    asyncio.run(used(7, tomorrow))
    assert {one["name"]: one["used_today"] for one in read(coffee("mailbox", "list", "--json"))}["mara"] == 7
    asyncio.run(used(7, tomorrow - timedelta(days=3)))
    assert {one["name"]: one["used_today"] for one in read(coffee("mailbox", "list", "--json"))}["mara"] == 0


def test_a_mailbox_is_archived_and_brought_back_by_name_or_id(coffee: Command) -> None:
    done = coffee("mailbox", "archive", "mara")
    assert done.out.startswith("mara (") and done.out.endswith(") is archived, and sends nothing more\n")
    assert "mara" not in coffee("mailbox", "list").out
    [row] = read(coffee("mailbox", "list", "--archived", "--json"))
    assert (row["name"], row["archived"]) == ("mara", True)
    assert "mara (archived)" in coffee("pool", "list").out
    assert "mara is archived" in coffee("why", "--mailbox", "mara").out
    assert read(coffee("mailbox", "unarchive", row["id"], "--json"))["archived"] is False
    assert coffee("mailbox", "list", "--archived").out == "No mailbox is archived.\n"
    assert "archived" not in coffee("pool", "list").out


def test_pools_are_listed_with_their_mailboxes(coffee: Command) -> None:
    [head, row] = coffee("pool", "list").out.splitlines()
    assert head.split() == ["ID", "NAME", "MAILBOXES"]
    assert row.split(maxsplit=2) == ["pol_1", "coffee", "mara, noor, otto"]
    [pool] = read(coffee("pool", "list", "--json"))
    assert [one["name"] for one in pool["mailboxes"]] == ["mara", "noor", "otto"]


def test_where_there_are_none_it_says_how_to_make_some(caesura: Command, tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text('name = "Empty"\n')
    caesura("apply", file)
    assert "There are no mailboxes. Make one with caesura apply." in caesura("mailbox", "list").out
    assert "There are no pools." in caesura("pool", "list").out
    assert read(caesura("mailbox", "list", "--json")) == read(caesura("pool", "list", "--json")) == []


@pytest.mark.parametrize("named", ["nobody", "mbx_99", "99", ""])
def test_a_mailbox_that_is_not_there_is_told(coffee: Command, named: str) -> None:
    for command in (("mailbox", "archive", named), ("mailbox", "unarchive", named), ("why", "--mailbox", named)):
        answer = coffee(*command)
        assert (answer.status, answer.out) == (1, "") and "[mailbox_not_found]" in answer.err


def test_why_of_a_mailbox(coffee: Command) -> None:
    coffee("hold", "place", "mailbox", "mara", "--reason", "the provider complains")
    for named in ("mara", read(coffee("mailbox", "list", "--json"))[-1]["id"]):
        assert "“the provider complains”. [mailbox_hold]" in coffee("why", "--mailbox", named).out.splitlines()[0]
    assert read(coffee("why", "--mailbox", "mara", "--json"))["reason"] == "mailbox_hold"
    assert coffee("why").status == 2
    assert coffee("why", "Coffee for offices", "--mailbox", "mara").status == 2
