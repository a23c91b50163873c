"""What a claim costs after millions of messages went through the hot tables, beside what it cost at first.

Drives waves of leads through claim, mark and record, by the services that workers use and without SMTP, with the
history moving what is at an end and autovacuum as shipped. Between waves, with the same number of leads due, it asks
PostgreSQL for the time and the buffers of the two claim queries. The bar: at most 1.5 times the first.

    make bench SUITE=bloat                                     the whole: an hour or so
    python -m bench.bloat --messages 200000 --grown 1000000    with a million leads that are at an end from the start
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Delivery, Kind
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition
from caesura.domain.validation import validate
from caesura.runtime.postgres import EmbeddedPostgres
from caesura.service import definitions, history, mailboxes, sending, timers, workspaces
from caesura.service.plans import Plans
from caesura.store import sending as store
from caesura.store.database import Database
from caesura.store.migrations import migrate
from caesura.store.sending import Wanted

BAR = 1.5
GROUP = 100
DAY = timedelta(days=1)
TABLES = ("enrollment", "message", "message_history")
ADD = """
with new as (
  insert into lead (workspace_id, address, address_key, domain, fields, created_at, updated_at)
  select 1, a, a, 'example.org', '{}', $1, $1
  from (select 'lead' || n || '@example.org' as a from generate_series($2::int, $3::int) n) x returning id)
insert into enrollment (workspace_id, campaign_id, lead_id, state, step, due_at, enrolled_at, updated_at, moved_on)
select 1, $4, id, $5, case when $5 = 'finished' then 2 else 1 end, $1, $1, $1, $6::date from new
"""
SIZES = """
select c.relname as name, sum(pg_table_size(p.relid))::bigint as heap, sum(pg_indexes_size(p.relid))::bigint as indexes,
  sum(pg_stat_get_live_tuples(p.relid))::bigint as live, sum(pg_stat_get_dead_tuples(p.relid))::bigint as dead
from pg_class c cross join pg_partition_tree(c.oid) p where c.relname = any($1) and c.relkind in ('r', 'p') and p.isleaf
group by 1
union all
select relname, pg_table_size(oid), pg_indexes_size(oid), pg_stat_get_live_tuples(oid), pg_stat_get_dead_tuples(oid)
from pg_class where relname = any($1) and relkind = 'r'
order by 1
"""


@dataclass
class Cost:
    """A claim query, asked several times: milliseconds, of which the least counts, and 8 kB buffers touched."""

    milliseconds: list[float] = field(default_factory=list)
    buffers: list[int] = field(default_factory=list)

    @property
    def typical(self) -> tuple[float, float]:
        """The two in figures."""
        return min(self.milliseconds), statistics.median(self.buffers)

    def over(self, first: "Cost") -> list[float]:
        """How many times the first these are: of the milliseconds, and of the buffers."""
        return [now / then for now, then in zip(self.typical, first.typical, strict=True)]


class Stage:
    """A campaign of two steps a day apart, and a mailbox without limits."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.plans = Plans(None)  # type: ignore[arg-type]  # the mailbox has no secret
        self.now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        self.campaign = self.mailbox = self.leads = self.sent = 0

    async def prepare(self) -> None:
        key = (self.database, await workspaces.named(self.database, "bench", self.now))
        box = {
            "name": "relay",
            "address": "anna@example.com",
            "transport": {"host": "localhost", "port": 2525, "tls": "none"},
        }
        made = await mailboxes.create(*key, validate(MailboxDefinition, box), _no_seal, "bench", self.now)
        self.mailbox = made.id
        pool = validate(PoolDefinition, {"name": "relay", "mailboxes": ["relay"]})
        await mailboxes.create_pool(*key, pool, "bench", self.now)
        steps = [{"subject": "Hello", "text": "Hi"}, {"delay": "1d", "text": "Once more"}]
        wanted = {"name": "bloat", "pool": "relay", "steps": steps, "unsubscribe": {"mailto": "no@example.com"}}
        self.campaign = await definitions.create(*key, read_definition(wanted), "bench", self.now)
        await definitions.start(*key, self.campaign, "bench", self.now)

    async def add(self, count: int, state: str = "waiting") -> None:
        """More leads: to be written to, or at an end with nothing left to move."""
        moved_on = self.now.date() if state == "finished" else None
        async with self.database.transaction() as tx:
            key = (self.now, self.leads + 1, self.leads + count, self.campaign, state, moved_on)
            await tx.execute(ADD, *key, timeout=3_600)
        self.leads += count

    async def send(self, worker: str) -> None:
        """What is due goes through claim, mark and record, a group at a time, until there is nothing left."""
        async with self.database.connection() as connection:
            plan = await self.plans.campaign(connection, 1, self.campaign)
        while True:
            claim = await sending.claim(self.database, self.plans, plan, worker, GROUP, 60, self.now)
            if not claim.work:
                return
            wanted = [
                Wanted(
                    one.claimed, one.mailbox.mailbox_id, one.mailbox.version, 0,
                    f"<{one.claimed.enrollment_id}.{one.claimed.step}@example.com>", "Hello",
                )
                for one in claim.work
            ]  # fmt: skip
            answer = await sending.mark(self.database, self.plans, plan, wanted, worker, 60, self.now)
            done = [
                Delivery(
                    one.enrollment_id, one.step, one.attempt, one.refusals, self.mailbox, Kind.ACCEPTED, "content", 250,
                    text="2.0.0 Ok: queued as 4F0A1",
                )
                for one in answer.marked
            ]  # fmt: skip
            await sending.record(self.database, self.plans, plan, done, worker, self.now)
            self.sent += len(done)

    async def archive(self) -> None:
        """The history, beside the workers, as they run it."""
        while True:
            await timers.tick(self.database, self.now)
            await history.prepare(self.database, self.now)
            while await history.move(self.database, DAY, self.now) == history.BATCH:
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)

    async def cost(self) -> dict[str, Cost]:
        """What the claim queries cost now, in transactions that are rolled back."""
        due, lease = _literal(self.now + 2 * DAY), _literal(self.now + DAY)
        calls = {
            "openings": (
                store.SQL["claim_openings"],
                "integer, bigint, timestamptz, integer, text, timestamptz, timestamptz",
                f"1, {self.campaign}, {due}, {GROUP}, 'bench', {lease}, {due}",
            ),
            "follow-ups": (
                store.SQL["claim_follow_ups"],
                "integer, bigint, timestamptz, integer, bigint[], integer[], text, timestamptz, timestamptz",
                f"1, {self.campaign}, {due}, {GROUP}, '{{{self.mailbox}}}', '{{{GROUP}}}', 'bench', {lease}, {due}",
            ),
        }
        costs = {name: Cost() for name in calls}
        async with self.database.connection() as connection:
            for name, (query, types, values) in calls.items():
                await connection.execute(f"prepare claim ({types}) as {query}")
                for _ in range(15):
                    transaction = connection.transaction()
                    await transaction.start()
                    asked = f"explain (analyze, buffers, timing off, format json) execute claim ({values})"
                    [plan] = json.loads(await connection.fetchval(asked))
                    await transaction.rollback()
                    top = plan["Plan"]
                    assert top["Actual Rows"] == GROUP, f"{name}: {top['Actual Rows']} were due"
                    costs[name].milliseconds.append(plan["Execution Time"])
                    costs[name].buffers.append(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
                await connection.execute("deallocate claim")
        return costs


def _literal(moment: datetime) -> str:
    return f"'{moment.isoformat()}'"


def _no_seal(workspace: int, name: str, secret: str, purpose: str = "", /) -> bytes:
    raise AssertionError("there is nothing to seal")


async def report(stage: Stage, costs: dict[str, Cost], first: dict[str, Cost]) -> float:
    """Prints the costs and the sizes; answers the worst ratio to the first."""
    for name, cost in costs.items():
        ratios = cost.over(first[name])
        milliseconds, buffers = cost.typical
        print(
            f"{stage.sent:>9,} messages  {name:10}  {milliseconds:6.2f} ms ({ratios[0]:4.2f}x)  "
            f"{buffers:6.0f} buffers ({ratios[1]:4.2f}x)"
        )
    async with stage.database.connection() as connection:
        for row in await connection.fetch(SIZES, list(TABLES)):
            sizes = f"{row['heap'] / 2**20:8.1f} MB, indexes {row['indexes'] / 2**20:8.1f} MB"
            print(f"{'':20} {row['name']:16} {sizes}  {row['live']:>10,} live, {row['dead']:>9,} dead")
    sys.stdout.flush()
    return worst_of(costs, first)


def worst_of(costs: dict[str, Cost], first: dict[str, Cost]) -> float:
    """The highest ratio to the first, of the claims' times and buffers."""
    return max(ratio for name, cost in costs.items() for ratio in cost.over(first[name]))


@dataclass(frozen=True, slots=True)
class Options:
    """How many messages go through the hot tables, in waves of so many leads with two messages each, and by how many.

    `grown` leads are at an end from the start. With `no_history` nothing is moved.
    """

    messages: int = 5_000_000
    wave: int = 20_000
    grown: int = 0
    workers: int = 4
    no_history: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the claim queries cost at first and at last, by their names; and the worst ratio to the first on the way."""

    first: dict[str, Cost]
    last: dict[str, Cost]
    worst_on_the_way: float
    sent: int

    @property
    def ratio(self) -> float:
        """The worst at last over the first."""
        return worst_of(self.last, self.first)


async def run(dsn: str, options: Options) -> Outcome:
    """The whole measurement, told on the way."""
    await migrate(dsn)
    database = await Database.open(dsn)
    stage = Stage(database)
    await stage.prepare()
    if options.grown:
        await stage.add(options.grown, "finished")
    archiving = None if options.no_history else asyncio.create_task(stage.archive())
    first: dict[str, Cost] = {}
    costs: dict[str, Cost] = {}
    worst, shown, began = 0.0, 0, time.perf_counter()
    while True:
        # Each wave: new leads, and those of the wave before with a second step to come.
        await stage.add(options.wave)
        if stage.sent:
            costs = await stage.cost()
            first = first or costs
            is_last = stage.sent >= options.messages
            if is_last or stage.sent >= shown + options.messages // 20 or costs is first:
                shown = stage.sent
                worst = max(worst, await report(stage, costs, first))
                print(f"{'':20} {(stage.sent) / (time.perf_counter() - began):,.0f} messages a second so far")
            if is_last:
                break
        stage.now += DAY
        await asyncio.gather(*(stage.send(f"worker {number}") for number in range(options.workers)))
    if archiving is not None:
        archiving.cancel()
        await asyncio.gather(archiving, return_exceptions=True)
    await database.close()
    return Outcome(first, costs, worst, stage.sent)


def main() -> int:
    """Starts a database as shipped, measures, and takes it away again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Options()
    for name in ("messages", "wave", "grown", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(usual, name))
    parser.add_argument("--no-history", action="store_true", help="to compare: nothing is moved")
    options = Options(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        with EmbeddedPostgres.start(folder / "data") as server:
            outcome = asyncio.run(run(server.dsn, options))
    print(f"a claim costs {outcome.ratio:.2f}x its first cost, and at most {outcome.worst_on_the_way:.2f}x on the way")
    print(f"the bar is {BAR}x")
    return int(outcome.ratio > BAR)


if __name__ == "__main__":
    sys.exit(main())
