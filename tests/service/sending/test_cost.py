"""What a message costs, in figures that are the same on every machine: round trips to the database, and rows written.

Whoever adds a statement to claim, mark or record makes this red. Whoever takes one away lowers the bounds.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from asyncpg.connection import Connection

from caesura.domain.delivery import Delivery, Kind
from caesura.service import sending

GROUP, SMALL = 100, 5
WORKER = "w1"


@dataclass(frozen=True)
class Cost:
    """Of one call with statements that are prepared already: `begin` and `commit` count."""

    round_trips: int
    rows: int


# The upper bounds, by how many messages are in the group, and what is done with it. Of the rows, some are counters.
BOUNDS = {
    (GROUP, "claim openings"): Cost(6, GROUP + 1),
    (GROUP, "claim follow-ups"): Cost(5, GROUP + 1),
    (GROUP, "mark"): Cost(4, GROUP + 1),
    (GROUP, "record"): Cost(6, 3 * GROUP + 2),
    (SMALL, "claim openings"): Cost(6, SMALL + 1),
    (SMALL, "claim follow-ups"): Cost(5, SMALL + 1),
    (SMALL, "mark"): Cost(4, SMALL + 1),
    (SMALL, "record"): Cost(6, 3 * SMALL + 2),
}


class Meter:
    """Counts what goes to the server, below all of our own code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, database: Any) -> None:
        self._database = database
        self._trips = 0
        for name in ("_execute", "_executemany", "_copy_in", "execute"):
            monkeypatch.setattr(Connection, name, self._counted(name, getattr(Connection, name)))

    def _counted(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(connection: Any, query: Any, *arguments: Any, **more: Any) -> Any:
            # With arguments, `execute` is one of the others.
            self._trips += name != "execute" or not arguments
            return await call(connection, query, *arguments, **more)

        return counted

    async def _written(self) -> int:
        async with self._database.connection() as connection:
            await connection.fetchval("select pg_stat_force_next_flush()")
            rows: int = await connection.fetchval(
                "select sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint from pg_stat_user_tables"
            )
            return rows

    async def of(self, call: Awaitable[Any]) -> tuple[Any, Cost]:
        """What the call answers, and what it cost."""
        rows, trips = await self._written(), self._trips
        answer = await call
        trips = self._trips - trips
        return answer, Cost(trips, await self._written() - rows)


@pytest.mark.parametrize("group", [GROUP, SMALL])
async def test_a_group_of_messages_costs_no_more_than_its_bounds(engine, monkeypatch, group) -> None:
    await engine.build(leads=3 * group)
    await engine.send(limit=group)
    engine.wait(days=2)
    await engine.send(limit=group)  # follow-ups: every statement is prepared by now
    await engine.send(limit=group)
    meter = Meter(monkeypatch, engine.database)
    costs: dict[tuple[int, str], Cost] = {}

    async def run(name: str, call: Awaitable[Any]) -> Any:
        answer, cost = await meter.of(call)
        costs[group, name] = cost
        return answer

    plan = await engine.plan()
    claim = await run(
        "claim openings", sending.claim(engine.database, engine.plans, plan, WORKER, group, 60, engine.now)
    )
    assert len(claim.work) == group
    await sending.give_back(engine.database, plan, [one.claimed for one in claim.work], WORKER, engine.now)
    ready = await engine.claim(limit=group)
    answer = await run("mark", engine.mark(ready, plan=plan))
    assert len(answer.marked) == group
    done = [
        Delivery(one.enrollment_id, one.step, one.attempt, one.refusals, engine.mailboxes[0], Kind.ACCEPTED, "content")
        for one in answer.marked
    ]
    await run("record", sending.record(engine.database, engine.plans, plan, done, WORKER, engine.now))
    engine.wait(days=2)
    claim = await run(
        "claim follow-ups", sending.claim(engine.database, engine.plans, plan, WORKER, group, 60, engine.now)
    )
    assert len(claim.work) == group and claim.work[0].claimed.step > 1
    over = {
        key: cost
        for key, cost in costs.items()
        if cost.round_trips > BOUNDS[key].round_trips or cost.rows > BOUNDS[key].rows
    }
    assert over == {}
