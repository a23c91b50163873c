"""How PostgreSQL goes about the statements that workers repeat all the time."""

import re

import pytest

from caesura.store.queries import load

SQL = load("sending")


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
