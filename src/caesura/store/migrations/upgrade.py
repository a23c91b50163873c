"""The part of the migrations that needs Alembic and SQLAlchemy, and so is imported late."""

from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool


async def upgrade(connection: "asyncpg.Connection[asyncpg.Record]", scripts: Path) -> None:
    """Runs all missing versions over `connection`, which is used up by it."""

    async def ours() -> "asyncpg.Connection[asyncpg.Record]":
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=ours, poolclass=StaticPool)
    async with engine.connect() as bound:
        await bound.run_sync(_upgrade, scripts)


def _upgrade(connection: SyncConnection, scripts: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def run_script(revision_file: str) -> None:
    """For a revision's `upgrade()`: runs the script of the same name in the folder above, in the open transaction."""
    revision = Path(revision_file)
    script = (revision.parent.parent / f"{revision.stem}.sql").read_text(encoding="utf-8")
    # The driver itself takes a script of many statements; SQLAlchemy would prepare it, and so takes one at a time.
    op.execute("SELECT 1")  # the dialect opens the transaction at its first statement
    driver = op.get_bind().connection.dbapi_connection
    assert driver is not None
    driver.run_async(lambda connection: connection.execute(script))
