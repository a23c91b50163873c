"""Files with mailboxes, pools and a campaign."""

from typing import Any

import pytest

from caesura.domain.apply_file import read_apply_file
from caesura.domain.errors import Invalid

MAILBOX = {"name": "anna", "address": "anna@example.com", "transport": {"host": "smtp.example.com"}}
POOL = {"name": "sales", "mailboxes": ["anna"]}


def problems(data: object) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read_apply_file(data, "x.toml")
    assert {problem.file for problem in caught.value.problems} == {"x.toml"}
    return [f"{problem.code} {problem.pointer}" for problem in caught.value.problems]


def test_the_campaign_stands_at_the_top_of_the_file() -> None:
    read = read_apply_file({"name": "Spring", "pool": "sales", "mailboxes": [MAILBOX], "pools": [POOL]})
    assert read.campaign is not None and read.campaign.name == "Spring"
    assert [mailbox.name for mailbox in read.mailboxes] == ["anna"]
    assert [pool.name for pool in read.pools] == ["sales"]


def test_a_file_may_hold_mailboxes_and_pools_alone() -> None:
    read = read_apply_file({"mailboxes": [MAILBOX], "pools": [POOL]})
    assert read.campaign is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ["missing_field /name"]),
        ([], ["wrong_type "]),
        ({"name": "x", "campaign": {}}, ["unknown_field /campaign"]),
        ({"name": "", "steps": [{"text": 1}]}, ["too_short /name", "wrong_type /steps/0/text"]),
        ({"mailboxes": {}}, ["wrong_type /mailboxes"]),
        (
            {"mailboxes": [MAILBOX | {"zone": "x"}], "pools": [{}], "nmae": "x"},
            ["unknown_time_zone /mailboxes/0/zone", "missing_field /pools/0/name", "missing_field /pools/0/mailboxes"]
            + ["missing_field /name", "unknown_field /nmae"],
        ),
        (
            {"mailboxes": [MAILBOX, MAILBOX], "pools": [POOL, POOL]},
            ["duplicate_name /mailboxes/1/name", "duplicate_name /pools/1/name"],
        ),
    ],
)
def test_every_fault_is_told_where_it_stands_in_the_file(data: Any, expected: list[str]) -> None:
    assert problems(data) == expected
