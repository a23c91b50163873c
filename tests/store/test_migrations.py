"""Migrations against a real server: lock, order, refusal, and what a failure or a kill leaves behind."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from caesura.domain.errors import Unavailable
from caesura.store.migrations import SCRIPTS, check_schema, head, migrate

REVISION = """
from caesura.store.migrations.upgrade import run_script

revision = "{number}"
down_revision = {before}


def upgrade() -> None:
    run_script(__file__)
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Callable[..., Path]:
    """A folder of migrations out of SQL texts, the first of which becomes version 0001."""

    def make(*texts: str) -> Path:
        folder = tmp_path / "migrations"
        (folder / "versions").mkdir(parents=True, exist_ok=True)
        shutil.copy(SCRIPTS / "env.py", folder)
        for index, text in enumerate(texts, 1):
            (folder / f"{index:04}_step.sql").write_text(text)
            before = f'"{index - 1:04}"' if index > 1 else None
            (folder / "versions" / f"{index:04}_step.py").write_text(
                REVISION.format(number=f"{index:04}", before=before)
            )
        return folder

    return make


async def fetch(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_a_second_run_has_nothing_to_do(empty_dsn: str) -> None:
    assert await migrate(empty_dsn)
    assert not await migrate(empty_dsn)
    await check_schema(empty_dsn)


async def test_every_script_has_its_revision_in_one_line_that_ends_at_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    directory = ScriptDirectory.from_config(config)
    assert directory.get_heads() == [head()]
    names = {Path(revision.path).stem for revision in directory.walk_revisions()}
    assert names == {path.stem for path in SCRIPTS.glob("*.sql")}


def test_no_script_ends_the_transaction_that_it_runs_in() -> None:
    for path in SCRIPTS.glob("*.sql"):
        lines = [line.strip().lower() for line in path.read_text().splitlines()]
        assert not [line for line in lines if line.startswith(("commit", "rollback", "begin;", "vacuum"))], path.name


async def test_versions_run_in_order_and_later_ones_on_top(empty_dsn: str, scripts: Callable[..., Path]) -> None:
    one = "CREATE TABLE a (x int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;"
    assert await migrate(empty_dsn, scripts(one))
    assert await migrate(empty_dsn, scripts(one, "INSERT INTO a VALUES (1); INSERT INTO a SELECT f() + 1;"))
    assert await fetch(empty_dsn, "SELECT sum(x) FROM a") == 3
    assert await fetch(empty_dsn, "SELECT version_num FROM alembic_version") == "0002"


async def test_of_two_migrations_at_once_one_works_and_the_other_waits(
    empty_dsn: str, scripts: Callable[..., Path]
) -> None:
    folder = scripts("SELECT pg_sleep(0.05); CREATE TABLE a (x int);", "CREATE TABLE b (x int);")
    assert sorted(await asyncio.gather(*(migrate(empty_dsn, folder) for _ in range(4)))) == [False, False, False, True]


async def test_a_database_newer_than_the_program_is_refused(empty_dsn: str, scripts: Callable[..., Path]) -> None:
    newer = int(head()) + 1
    await migrate(empty_dsn, scripts(*(f"CREATE TABLE a{number} (x int)" for number in range(newer))))
    for attempt in (migrate, check_schema):
        with pytest.raises(Unavailable) as caught:
            await attempt(empty_dsn)
        assert caught.value.code == "database_newer_than_program"
        assert f"{newer:04}" in caught.value.detail


async def test_an_empty_or_older_database_is_refused_to_workers(empty_dsn: str, scripts: Callable[..., Path]) -> None:
    with pytest.raises(Unavailable) as caught:
        await check_schema(empty_dsn)
    assert caught.value.code == "database_not_migrated"
    await migrate(empty_dsn, scripts("CREATE TABLE a (x int)"))
    with pytest.raises(Unavailable) as caught:
        await check_schema(empty_dsn, scripts("CREATE TABLE a (x int)", "CREATE TABLE b (x int)"))
    assert caught.value.code == "database_older_than_program"


async def test_a_version_that_fails_leaves_the_one_before_and_says_which(
    empty_dsn: str, scripts: Callable[..., Path]
) -> None:
    folder = scripts("CREATE TABLE a (x int);", "CREATE TABLE b (x int); INSERT INTO a VALUES (1); SELECT 1 / 0;")
    with pytest.raises(Unavailable) as caught:
        await migrate(empty_dsn, folder)
    assert caught.value.code == "migration_failed"
    assert "from version 0001 to 0002: division by zero" in caught.value.detail
    assert await fetch(empty_dsn, "SELECT to_regclass('b')") is None
    assert await fetch(empty_dsn, "SELECT count(*) FROM a") == 0
    assert await migrate(empty_dsn, scripts("", "CREATE TABLE b (x int);"))


async def test_a_program_killed_in_the_middle_leaves_the_version_before(
    empty_dsn: str, scripts: Callable[..., Path]
) -> None:
    folder = scripts("CREATE TABLE a (x int);", "CREATE TABLE b (x int); SELECT pg_advisory_lock(1);")
    holder = await asyncpg.connect(empty_dsn)
    await holder.execute("SELECT pg_advisory_lock(1)")  # the second version stops at this, half done
    program = f"""if True:
        import asyncio, pathlib
        from caesura.store.migrations import migrate
        asyncio.run(migrate({empty_dsn!r}, pathlib.Path({str(folder)!r})))
    """
    process = subprocess.Popen([sys.executable, "-c", program])
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while not await holder.fetchval(waiting):
        assert process.poll() is None
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    await holder.close()
    assert await migrate(empty_dsn, scripts("", "CREATE TABLE b (x int); INSERT INTO a VALUES (1);"))
    assert await fetch(empty_dsn, "SELECT count(*) FROM a") == 1


def test_an_up_to_date_database_costs_no_import_of_alembic(dsn: str) -> None:
    program = f"""if True:
        import asyncio, sys
        from caesura.store.migrations import check_schema, migrate
        assert not asyncio.run(migrate({dsn!r}))
        asyncio.run(check_schema({dsn!r}))
        print(*(name for name in sys.modules if name in ("alembic", "sqlalchemy")))
    """
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == ""
