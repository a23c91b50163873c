"""How long a pause waits at the gate: a share lock on the campaign's row beside a fair advisory lock (ADR 3)."""

import asyncio
import time
from statistics import median

import asyncpg

from bench.report import Report
from bench.scene import Scene
from caesura.runtime.postgres import EmbeddedPostgres

PAUSES = 6
"""In each round."""

SESSIONS = (2, 8)
MARKED = 100


async def mark(dsn: str, is_fair: bool, stop: asyncio.Event) -> None:
    """One session that marks without a break."""
    connection = await asyncpg.connect(dsn)
    while not stop.is_set():
        async with connection.transaction():
            if is_fair:
                await connection.execute("select pg_advisory_xact_lock_shared(7)")
            await connection.fetch("select status from campaign where id = 1" + ("" if is_fair else " for share"))
            await connection.execute(f"insert into message select * from generate_series(1, {MARKED})")
            await asyncio.sleep(0.002)
    await connection.close()


async def waits(dsn: str, is_fair: bool, sessions: int) -> list[float]:
    """Pauses while `sessions` mark; the times in milliseconds."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "drop table if exists campaign, message; create table campaign (id int primary key, status text);"
        "create table message (id int); insert into campaign values (1, 'running')"
    )
    stop = asyncio.Event()
    marking = [asyncio.create_task(mark(dsn, is_fair, stop)) for _ in range(sessions)]
    await asyncio.sleep(0.3)
    times = []
    for number in range(PAUSES):
        began = time.perf_counter()
        async with connection.transaction():
            if is_fair:
                await connection.execute("select pg_advisory_xact_lock(7)")
            await connection.execute("update campaign set status = $1", "paused" if number % 2 else "running")
        times.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.03)
    stop.set()
    await asyncio.gather(*marking)
    await connection.close()
    return times


def measure(scene: Scene) -> Report:
    """All cases, in turns; of each round the median and the longest wait."""
    report = Report("gate")
    times: dict[str, list[list[float]]] = {}
    with EmbeddedPostgres.start(scene.folder / "gate") as database:
        for _ in range(scene.rounds):
            for sessions in SESSIONS:
                for is_fair in (False, True):
                    name = f"{'advisory lock' if is_fair else 'FOR SHARE'}, {sessions} sessions mark"
                    times.setdefault(name, []).append(asyncio.run(waits(database.dsn, is_fair, sessions)))
    for name, rounds in times.items():
        report.add(name, "ms", *(median(one) for one in rounds))
        report.add(f"{name}, longest", "ms", *(max(one) for one in rounds))
    return report
