"""How PostgreSQL goes about the statements that workers repeat all the time."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from caesura.store.queries import load

SQL = load("sending")

# What is looked for before anything is named: by other indexes.
_SEARCHED = {"claim_follow_ups": "e", "claim_openings": "e"}


@pytest.mark.parametrize("name", ["claim_follow_ups", "claim_openings", "unpark", "wake"])
async def test_what_workers_repeat_all_the_time_never_reads_a_whole_table(engine, name: str) -> None:
    await engine.build(leads=20_000)
    await engine.rows("update enrollment set mailbox_id = $1 where id % 2 = 0", engine.mailboxes[0])
    await engine.rows(
        "update enrollment set not_before = due_at, wait_reason = 'outside_window', parked_under = 1 where id % 4 > 1"
    )
    await engine.rows("update campaign set timing = 2")
    async with engine.database.connection() as connection:
        await connection.execute("analyze")
        await connection.execute(f"prepare asked as {SQL[name]}")
        arguments = ", ".join("null" for _ in set(re.findall(r"\$\d+", SQL[name])))
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain execute asked ({arguments})"))
        await connection.execute("deallocate asked")
    assert not re.search(r"Seq Scan on (enrollment|lead)\b", plan), plan


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("claim_follow_ups", "enrollment"),
        ("claim_openings", "enrollment"),
        ("give_back", "enrollment"),
        ("set_aside", "enrollment"),
        ("advance", "enrollment"),
        ("bind", "enrollment"),
        ("mark", "enrollment"),
        ("settle", "message"),
    ],
)
@pytest.mark.parametrize("is_analyzed", [False, True], ids=["without statistics", "with statistics"])
async def test_rows_that_are_named_are_looked_up_one_by_one(engine, name: str, table: str, is_analyzed: bool) -> None:
    # A worker makes its plans when it begins, and keeps them for a while as the tables grow.
    await engine.build(leads=5_000)
    await engine.rows(
        """insert into message (workspace_id, enrollment_id, step, campaign_id, lead_id, variant, mailbox_id, state,
             recipient, attempt, settled_at)
           select workspace_id, id, 1, campaign_id, lead_id, 0, 1, 'sent', 'kim@example.com', 1, updated_at
           from enrollment"""
    )
    if is_analyzed:
        await engine.rows("analyze")
    async with engine.database.connection() as connection:
        await connection.execute(f"prepare asked as {SQL[name]}")
        arguments = ", ".join("null" for _ in set(re.findall(r"\$\d+", SQL[name])))
        rows = await connection.fetch(f"explain (format json) execute asked ({arguments})")
        await connection.execute("deallocate asked")
    scans = [scan for scan in _scans(json.loads(rows[0][0])[0]["Plan"], table) if scan["Alias"] != _SEARCHED.get(name)]
    assert scans
    for scan in scans:
        assert (scan["Node Type"], scan["Index Name"]) == ("Index Scan", f"{table}_pkey"), scan
        assert re.search(r"\b(id|enrollment_id) = ", scan.get("Index Cond", "")), scan


def _scans(plan: dict[str, Any], table: str) -> Iterator[dict[str, Any]]:
    if plan.get("Relation Name") == table and "Scan" in plan["Node Type"]:
        yield plan
    for one in plan.get("Plans", []):
        yield from _scans(one, table)
