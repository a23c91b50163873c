"""How long a pause waits at the gate: a share lock on the campaign's row beside a fair advisory lock (ADR 3)."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg

from caesura.runtime.postgres import EmbeddedPostgres

PAUSES = 60
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


async def measure(dsn: str, is_fair: bool, sessions: int) -> str:
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
    return f"median {statistics.median(times):6.1f} ms   max {max(times):6.1f} ms"


async def run(dsn: str) -> None:
    """All cases, side by side."""
    for sessions in (2, 8, 24):
        for is_fair in (False, True):
            name = "advisory lock" if is_fair else "FOR SHARE"
            print(f"{sessions:3} sessions   {name:14} {await measure(dsn, is_fair, sessions)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # run as root, the database's own user must get through
        with EmbeddedPostgres.start(Path(folder) / "data") as database:
            asyncio.run(run(database.dsn))
