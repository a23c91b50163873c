"""A workspace to try the services in: `world` makes its rows in one line each, through the services themselves."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Delivery, Kind
from caesura.domain.lead_entry import LeadInput
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition
from caesura.domain.validation import validate
from caesura.service import campaigns, definitions, enrollments, leads, lists, mailboxes, sending, workspaces
from caesura.service.campaigns import PauseOptions
from caesura.service.plans import Plans
from caesura.service.sending import Claim, MarkAnswer
from caesura.store.database import Database
from caesura.store.sending import Wanted

# A Monday morning.
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACTOR = "user:test"
WORKER = "worker-1"
LEASE = 60.0


class PlainSecrets:
    """Seals nothing: for mailboxes of tests."""

    def open(self, workspace_id: int, name: str, sealed: bytes) -> str:
        return sealed.decode()


def seal(workspace_id: int, name: str, secret: str) -> bytes:
    return secret.encode()


class World:
    """One workspace, its database and its clock.

    `now` stands still until a test moves it: `world.now += timedelta(hours=1)`, or `world.later(hours=1)`.
    """

    def __init__(self, database: Database, workspace_id: int) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self.now = NOW
        self.actor = ACTOR
        self.worker = WORKER
        self.plans = Plans(PlainSecrets())
        self._numbers: dict[str, int] = {}

    @property
    def key(self) -> tuple[Database, int]:
        """What every service function begins with."""
        return self.database, self.workspace_id

    def later(self, **span: float) -> datetime:
        """Moves the clock on by so many days, hours, minutes or seconds."""
        self.now += timedelta(**span)
        return self.now

    def _named(self, kind: str, name: str | None) -> str:
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return name or f"{kind} {self._numbers[kind]}"

    async def mailbox(self, name: str | None = None, limits: Mapping[str, Any] | None = None, **more: Any) -> int:
        """A mailbox without a password on this machine; by default without limits. Answers its id."""
        name = self._named("mailbox", name)
        data = {
            "name": name,
            "address": f"{name.replace(' ', '')}@sender.test",
            "transport": {"host": "localhost", "port": 2525, "tls": "none"},
            "limits": dict(limits or {}),
            **more,
        }
        row = await mailboxes.create(*self.key, validate(MailboxDefinition, data), seal, self.actor, self.now)
        return row.id

    async def pool(self, *mailbox_ids: int, name: str | None = None) -> str:
        """A pool of these mailboxes, or of a new one; answers its name, which campaigns go by."""
        ids = mailbox_ids or (await self.mailbox(),)
        names = [(await mailboxes.get(*self.key, one)).name for one in ids]
        pool = validate(PoolDefinition, {"name": self._named("pool", name), "mailboxes": names})
        await mailboxes.create_pool(*self.key, pool, self.actor, self.now)
        return pool.name

    async def campaign(
        self,
        name: str | None = None,
        steps: Sequence[Mapping[str, Any]] | int = 2,
        pool: str | None = None,
        **more: Any,
    ) -> int:
        """A draft with a pool; `steps` are definitions, or how many plain ones, a day apart. Answers its id."""
        if isinstance(steps, int):
            steps = [
                {"subject": f"Step {number}", "text": "Hello", **({} if number == 1 else {"delay": "1d"})}
                for number in range(1, steps + 1)
            ]
        data = {
            "name": self._named("campaign", name),
            "steps": [dict(step) for step in steps],
            "pool": pool or await self.pool(),
            "unsubscribe": {"mailto": "stop@sender.test"},
            **more,
        }
        return await definitions.create(*self.key, read_definition(data), self.actor, self.now)

    async def running(self, **more: Any) -> int:
        """A campaign as `campaign` makes it, started, though it has no leads yet."""
        campaign_id = await self.campaign(**more)
        await self.start(campaign_id)
        return campaign_id

    async def start(self, campaign_id: int) -> None:
        await definitions.start(*self.key, campaign_id, self.actor, self.now)

    async def pause(self, campaign_id: int, **options: Any) -> None:
        await campaigns.pause(*self.key, campaign_id, PauseOptions(**options), self.actor, self.now)

    async def resume(self, campaign_id: int) -> None:
        await campaigns.resume(*self.key, campaign_id, self.actor, self.now)

    async def stop(self, campaign_id: int) -> None:
        await campaigns.stop(*self.key, campaign_id, None, self.actor, self.now)

    async def lead(self, address: str | None = None, zone: str | None = None, **fields: Any) -> int:
        """A lead; answers its id."""
        number = self._named("lead", None).split()[1]
        lead = LeadInput(address or f"lead{number}@example.com", fields, zone)
        row, _ = await leads.save(*self.key, lead, False, self.actor, self.now)
        return row.id

    async def enrolled(self, campaign_id: int, *lead_ids: int, count: int = 1) -> list[int]:
        """Enrols these leads, or `count` new ones; answers the enrollments' ids in that order."""
        ids = list(lead_ids) or [await self.lead() for _ in range(count)]
        answer = await enrollments.enrol(*self.key, campaign_id, ids, self.actor, self.now)
        found = [row.enrollment_id for row in answer.rows]
        assert all(found), answer
        return [one for one in found if one is not None]

    async def list_of(self, *lead_ids: int, name: str | None = None) -> int:
        """A list of these leads; answers its id."""
        row = await lists.create(*self.key, self._named("list", name), self.actor, self.now)
        await lists.add(*self.key, row.id, list(lead_ids), self.actor, self.now)
        return row.id

    async def hold(self, enrollment_id: int) -> None:
        """Holds one lead in one campaign by hand."""
        await enrollments.hold(*self.key, enrollment_id, self.actor, self.now)

    async def claim(self, campaign_id: int, limit: int = 100) -> Claim:
        """The worker claims what is due."""
        plan = await self.plan(campaign_id)
        return await sending.claim(self.database, self.plans, plan, WORKER, limit, LEASE, self.now)

    async def mark(self, campaign_id: int, limit: int = 100) -> MarkAnswer:
        """The worker claims what is due and asks for the gate."""
        claim = await self.claim(campaign_id, limit)
        return await self.mark_claimed(campaign_id, claim)

    async def mark_claimed(self, campaign_id: int, claim: Claim) -> MarkAnswer:
        plan = await self.plan(campaign_id)
        wanted = [
            Wanted(
                work.claimed,
                work.mailbox.mailbox_id,
                work.mailbox.version,
                0,
                f"<{work.claimed.enrollment_id}.{work.claimed.step}@sender.test>",
                "Subject",
                work.closes_at,
            )
            for work in claim.work
        ]
        return await sending.mark(self.database, self.plans, plan, wanted, WORKER, LEASE, self.now)

    async def send(self, campaign_id: int, limit: int = 100, kind: Kind = Kind.ACCEPTED, **reply: Any) -> int:
        """Claims, marks and records as `kind` what is due; answers how many messages that were."""
        answer = await self.mark(campaign_id, limit)
        await self.record(campaign_id, answer, kind, **reply)
        return len(answer.marked)

    async def record(self, campaign_id: int, answer: MarkAnswer, kind: Kind = Kind.ACCEPTED, **reply: Any) -> None:
        plan = await self.plan(campaign_id)
        keys = [one.enrollment_id for one in answer.marked]
        rows = await self.fetch("select enrollment_id, mailbox_id from message where enrollment_id = any($1)", keys)
        mailbox_of = {row["enrollment_id"]: row["mailbox_id"] for row in rows}
        deliveries = [
            Delivery(
                one.enrollment_id, one.step, one.attempt, one.refusals, mailbox_of[one.enrollment_id], kind,
                **{"stage": "content", **reply},
            )
            for one in answer.marked
        ]  # fmt: skip
        await sending.record(self.database, self.plans, plan, deliveries, WORKER, self.now)

    async def plan(self, campaign_id: int) -> Any:
        """The campaign as workers see it."""
        async with self.database.connection() as connection:
            return await self.plans.campaign(connection, self.workspace_id, campaign_id)

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        async with self.database.connection() as connection:
            return await connection.fetch(query, *values)

    async def value(self, query: str, *values: Any) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *values)

    async def until_waiting(self, task: "asyncio.Task[Any]", count: int = 1) -> None:
        """Returns when `count` statements here wait for locks; `task`, whose one is, must not end before."""
        waiting = f"""
            select count(*) >= {count}
            from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        """
        while not await self.value(waiting):
            assert not task.done(), "it has not waited"
            await asyncio.sleep(0.002)

    async def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The log, oldest first; all of it, or the entries of one kind."""
        rows = await self.fetch("select * from event where $1::text is null or kind = $1 order by id", kind)
        return [dict(row) for row in rows]

    async def states(self, *enrollment_ids: int) -> list[tuple[str, str | None]]:
        """(state, cause) of these enrollments, in the order given."""
        rows = await self.fetch("select id, state, cause from enrollment where id = any($1)", list(enrollment_ids))
        by_id = {row["id"]: (row["state"], row["cause"]) for row in rows}
        return [by_id[one] for one in enrollment_ids]

    async def counts(self, campaign_id: int) -> dict[str, int]:
        """What the triggers count, after a check against the rows."""
        row = await campaigns.status(*self.key, campaign_id, self.now)
        names = ("waiting", "claimed", "held", "finished", "stopped")
        counted = {name: getattr(row.counters, name) for name in names}
        rows = await self.fetch(
            "select state, count(*) as n from enrollment where campaign_id = $1 group by state", campaign_id
        )
        assert {name: n for name, n in counted.items() if n} == {one["state"]: one["n"] for one in rows}
        return counted


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    database = await Database.open(dsn, size=6)
    yield World(database, await workspaces.named(database, "acme", NOW))
    await database.close()


@pytest.fixture
async def stranger(world: World) -> World:
    """Another workspace in the same database: nothing of `world` is there for it."""
    return World(world.database, await workspaces.named(world.database, "stranger", NOW))
