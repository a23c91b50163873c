"""The tables of the job queue are those that the library itself wants."""

import asyncpg
from pgqueuer.queries import Queries

from caesura.store.database import Database
from caesura.store.jobs import enqueue_webhooks


async def test_the_schema_is_the_one_that_the_installed_library_would_make(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        queries = Queries.from_asyncpg_connection(connection)
        assert await queries.schema_is_installed()
        plan = await queries.plan_upgrade()
        assert (plan.statements, plan.notes) == ((), ())
    finally:
        await connection.close()


async def test_a_webhook_has_one_job_however_often_it_is_enqueued(dsn: str) -> None:
    database = await Database.open(dsn)
    async with database.transaction() as tx:
        await enqueue_webhooks(tx, [(1, 2), (1, 3)])
        await enqueue_webhooks(tx, [(1, 2)])
    async with database.connection() as connection:
        assert await connection.fetchval("select count(*) from pgqueuer") == 2
    await database.close()
