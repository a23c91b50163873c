"""CPU of a message by stage, in Python and PostgreSQL, by the services of a worker: claim, compose, mark, record.

One process and no mail server: what the wire takes is in the suite `wire`, what all of it takes together in `send`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench import letter
from bench.machine import cpu_seconds, family
from bench.report import Report
from bench.scene import Scene
from bench.stage import Server
from caesura.domain.delivery import Delivery, Kind
from caesura.domain.plan import CampaignPlan
from caesura.runtime.instance import letters
from caesura.runtime.local import Engine, open_engine
from caesura.runtime.settings import Settings
from caesura.service import sending
from caesura.store.sending import Marked
from caesura.worker.letters import Identity, Ready, write_letter
from caesura.worker.loop import WorkerSettings
from caesura.worker.recorder import FULL

LEADS = 20_000
"""In each round."""

STAGES = ("claim", "compose", "mark", "record")
_WORKER, _LEASE = "bench", 600.0
_SIZES = WorkerSettings()


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds so far, of this process and of all of PostgreSQL."""

    python: float
    postgres: float


def measure(scene: Scene) -> Report:
    """A campaign in each round, each stage of it over all leads before the next one begins."""
    report = Report("stages")
    leads = scene.sized(LEADS)
    server = scene.server("stages", workers=0)
    server.add_relay(scene.sink.port)
    path = letter.write_leads(scene.folder / "stages.csv", 0, leads)
    campaigns = [server.add_campaign(f"round {number}") for number in range(scene.rounds)]
    for campaign in campaigns:
        server.import_leads(campaign, path)
        server.api.post(f"/campaigns/{campaign}/start")
    spent: dict[str, list[Spent]] = {stage: [] for stage in STAGES}
    asyncio.run(_rounds(server, campaigns, spent))
    server.stop()
    for stage in STAGES:
        report.add(f"{stage}, Python", "us a message", *(one.python / leads * 1e6 for one in spent[stage]))
        if stage != "compose":
            report.add(f"{stage}, PostgreSQL", "us a message", *(one.postgres / leads * 1e6 for one in spent[stage]))
    report.notes.append(
        f"{leads:,} leads a round; claimed by {_SIZES.group}, marked by {_SIZES.mark_group}, recorded by {FULL}."
    )
    return report


async def _rounds(server: Server, campaigns: list[str], spent: dict[str, list[Spent]]) -> None:
    settings = Settings(data_dir=server.data, public_url="https://mail.bench.example")
    async with open_engine(server.dsn, settings) as engine:
        identity = letters(engine.keyring, settings)
        for campaign in campaigns:
            async with engine.database.connection() as connection:
                plan = await engine.plans.campaign(connection, 1, int(campaign.removeprefix("cmp_")))
            await _round(server, engine, plan, identity, spent)


async def _round(
    server: Server, engine: Engine, plan: CampaignPlan, identity: Identity, spent: dict[str, list[Spent]]
) -> None:
    database, plans = engine.database, engine.plans

    async def claim() -> list[sending.Work]:
        work: list[sending.Work] = []
        while True:
            found = await sending.claim(database, plans, plan, _WORKER, _SIZES.group, _LEASE, datetime.now(UTC))
            if not found.work:
                return work
            work += found.work

    async def compose(work: list[sending.Work]) -> list[Ready]:
        return [write_letter(plan, one, identity, datetime.now(UTC)) for one in work]

    async def mark(ready: list[Ready]) -> list[Marked]:
        marked: list[Marked] = []
        for group in _groups(ready, _SIZES.mark_group):
            wanted = [one.wanted for one in group]
            answer = await sending.mark(database, plans, plan, wanted, _WORKER, _LEASE, datetime.now(UTC))
            marked += answer.marked
        return marked

    async def record(marked: list[Marked]) -> None:
        for group in _groups(marked, FULL):
            taken = [_accepted(one, mailbox_id) for one in group]
            await sending.record(database, plans, plan, taken, _WORKER, datetime.now(UTC))

    work = await _timed(server, spent["claim"], claim)
    mailbox_id = work[0].mailbox.mailbox_id
    ready = await _timed(server, spent["compose"], lambda: compose(work))
    marked = await _timed(server, spent["mark"], lambda: mark(ready))
    await _timed(server, spent["record"], lambda: record(marked))


async def _timed(server: Server, into: list[Spent], stage: Callable[[], Awaitable[Any]]) -> Any:
    postgres, python = cpu_seconds(family(server.postmaster)), time.process_time()
    answer = await stage()
    into.append(Spent(time.process_time() - python, cpu_seconds(family(server.postmaster)) - postgres))
    return answer


def _accepted(one: Marked, mailbox_id: int) -> Delivery:
    place = (one.enrollment_id, one.step, one.attempt, one.refusals, mailbox_id)
    return Delivery(*place, Kind.ACCEPTED, "final", 250, "2.0.0", "2.0.0 Ok")


def _groups(things: list[Any], size: int) -> list[list[Any]]:
    return [things[first : first + size] for first in range(0, len(things), size)]
