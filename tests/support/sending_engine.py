"""A campaign that is ready to send, over a real database, and the steps of a worker taken one by one."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from caesura.domain.definition import read_definition
from caesura.domain.delivery import Delivery, Kind
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition
from caesura.domain.plan import CampaignPlan
from caesura.domain.validation import validate
from caesura.service import campaigns, definitions, mailboxes, sending, workspaces
from caesura.service.campaigns import PauseOptions, Status
from caesura.service.files import Files
from caesura.service.plans import Plans
from caesura.store.database import Database
from caesura.store.sending import Marked
from caesura.worker.letters import Identity, Ready, write_letter

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEASE = 60.0
STEPS = (
    {"subject": "Hello {{ first_name }}", "text": "Hi {{ first_name }}"},
    {"delay": "1d", "text": "Once more, {{ first_name }}"},
    {"delay": "2d", "text": "Goodbye, {{ first_name }}"},
)


class Sealer:
    """No secrets here."""

    def open(self, workspace_id: int, name: str, sealed: bytes) -> str:
        return sealed.decode()


@dataclass
class Engine:
    """One workspace with one campaign. `now` is moved by hand."""

    database: Database
    plans: Plans
    workspace: int
    now: datetime = MONDAY
    files: Files = field(default_factory=Files)
    campaign: int = 0
    mailboxes: list[int] = field(default_factory=list)

    async def mailbox(self, name: str, **limits: Any) -> int:
        definition = validate(
            MailboxDefinition,
            {
                "name": name,
                "address": f"{name}@example.com",
                "transport": {"host": "127.0.0.1", "port": 2525, "tls": "none"},
                "limits": limits,
            },
        )
        row = await mailboxes.create(
            self.database, self.workspace, definition, lambda w, n, plain: plain.encode(), "test", self.now
        )
        self.mailboxes.append(row.id)
        return row.id

    async def build(self, leads: int = 3, steps: Sequence[Any] = STEPS, limits: Any = None, **content: Any) -> int:
        """A started campaign over a pool of all mailboxes (one without limits if there is none yet)."""
        if not self.mailboxes:
            await self.mailbox("anna", **(limits or {}))
        names = [(await mailboxes.get(self.database, self.workspace, one)).name for one in self.mailboxes]
        pool = validate(PoolDefinition, {"name": "all", "mailboxes": names})
        await mailboxes.create_pool(self.database, self.workspace, pool, "test", self.now)
        definition = read_definition({"name": "spring", "pool": "all", "steps": list(steps)} | content)
        self.campaign = await definitions.create(self.database, self.workspace, definition, "test", self.now)
        await self.enroll(leads)
        await definitions.start(self.database, self.workspace, self.campaign, "test", self.now)
        return self.campaign

    async def enroll(self, count: int, domain: str = "example.org", fields: Any = None) -> None:
        values = {"first_name": "Kim"} if fields is None else fields
        async with self.database.transaction() as tx:
            first = await tx.fetchval("select count(*) from lead") + 1
            await tx.execute(
                """with new as (
                  insert into lead (workspace_id, address, address_key, domain, fields, created_at, updated_at)
                  select $1, 'l' || n || '@' || $5, 'l' || n || '@' || $5, $5, $6, $3, $3
                  from generate_series($4::bigint, $4::bigint + $2::bigint - 1) n returning id)
                insert into enrollment (workspace_id, campaign_id, lead_id, due_at, enrolled_at, updated_at)
                select $1, $7, id, $3, $3, $3 from new order by id""",
                self.workspace, count, self.now, first, domain, values, self.campaign,
            )  # fmt: skip

    def wait(self, **span: float) -> None:
        """Lets time pass."""
        self.now += timedelta(**span)

    async def plan(self) -> CampaignPlan:
        async with self.database.connection() as connection:
            return await self.plans.campaign(connection, self.workspace, self.campaign)

    async def claim(self, worker: str = "w1", limit: int = 100) -> list[Ready]:
        """Claims and composes."""
        plan = await self.plan()
        claim = await sending.claim(self.database, self.plans, plan, worker, limit, LEASE, self.now)
        identity = Identity(b"s" * 32)
        files = await self.files.of(self.database, plan) if claim.work else ()
        return [write_letter(plan, one, identity, self.now, files) for one in claim.work]

    async def mark(
        self, ready: Sequence[Ready], worker: str = "w1", plan: CampaignPlan | None = None
    ) -> sending.MarkAnswer:
        return await sending.mark(
            self.database, self.plans, plan or await self.plan(), [one.wanted for one in ready], worker, LEASE, self.now
        )

    async def record(self, marked: Sequence[Marked], kind: Kind, worker: str = "w1", **reply: Any) -> None:
        stage = {"stage": "content"} | reply
        ledger = await self.rows("select enrollment_id, step, mailbox_id from message")
        mailboxes = {(row["enrollment_id"], row["step"]): row["mailbox_id"] for row in ledger}
        deliveries = [
            Delivery(
                one.enrollment_id, one.step, one.attempt, one.refusals,
                mailboxes[one.enrollment_id, one.step], kind, **stage,
            )
            for one in marked
        ]  # fmt: skip
        await sending.record(self.database, self.plans, await self.plan(), deliveries, worker, self.now)

    async def send(self, worker: str = "w1", limit: int = 100) -> int:
        """Everything that is due goes out and is accepted; answers how many."""
        answer = await self.mark(await self.claim(worker, limit), worker)
        await self.record(answer.marked, Kind.ACCEPTED, worker)
        return len(answer.marked)

    async def pause(self, **options: Any) -> Status:
        return await campaigns.pause(
            self.database, self.workspace, self.campaign, PauseOptions(**options), "test", self.now
        )

    async def resume(self) -> Status:
        return await campaigns.resume(self.database, self.workspace, self.campaign, "test", self.now)

    async def status(self) -> Status:
        return await campaigns.status(self.database, self.workspace, self.campaign, self.now)

    async def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *arguments)]


@pytest.fixture
async def engine(dsn: str) -> AsyncIterator[Engine]:
    """An engine over a fresh database."""
    database = await Database.open(dsn)
    workspace = await workspaces.named(database, "test", MONDAY)
    yield Engine(database, Plans(Sealer()), workspace)
    await database.close()
