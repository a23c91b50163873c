"""The embedded server as several programs and users see it, and after every kind of kill."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from caesura.domain.errors import CaesuraError, Unavailable
from caesura.runtime.postgres import EmbeddedPostgres
from caesura.runtime.postgres.account import choose_account
from caesura.runtime.postgres.layout import Layout
from caesura.runtime.postgres.processes import leftovers

FAST = {"fsync": "off"}

# How the driver tells that the server has gone; it is not consistent in this.
CUT_OFF = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def fetch(server: EmbeddedPostgres, query: str) -> Any:
    connection = await asyncpg.connect(server.dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def ask(server: EmbeddedPostgres, query: str) -> Any:
    return asyncio.run(fetch(server, query))


def fails(code: str, directory: Path, **options: Any) -> str:
    """The detail of the error with which a start ends."""
    with pytest.raises(CaesuraError) as caught:
        EmbeddedPostgres.start(directory, **{"settings": FAST} | options).stop()
    assert caught.value.code == code, caught.value.detail
    return caught.value.detail


def running(number: int) -> bool:
    """Whether that process runs; a zombie does not."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes() != b""
    except OSError:
        return False


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_first_start_makes_a_private_durable_database(data_directory: Path) -> None:
    with EmbeddedPostgres.start(data_directory) as server:
        settings = [
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "data_checksums",
            "server_encoding",
            "listen_addresses",
        ]
        found = {name: ask(server, f"SHOW {name}") for name in settings}
        assert found == dict.fromkeys(settings[:4], "on") | {"server_encoding": "UTF8", "listen_addresses": ""}
        assert ask(server, "SELECT lower('ÄÖÜ')") == "äöü"
        process = server.process
        assert process is not None
        assert os.stat(f"/proc/{process}").st_uid != 0
        assert os.getsid(process) != os.getsid(0), "Ctrl-C in the terminal would reach it"
        layout = Layout.of(data_directory)
        assert {path.stat().st_mode & 0o777 for path in (layout.database, layout.socket_directory)} == {0o700}
    assert server.process is None
    assert not running(process)


def test_what_was_written_is_there_after_a_restart(made: Path) -> None:
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        ask(server, "CREATE TABLE a AS SELECT 7 AS x")
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        assert ask(server, "SELECT x FROM a") == 7


def test_the_last_one_to_leave_stops_the_server(made: Path) -> None:
    first = EmbeddedPostgres.start(made)
    second = EmbeddedPostgres.start(made)
    assert first.process == second.process is not None
    first.stop()
    first.stop()
    assert ask(second, "SELECT 1") == 1
    second.stop()
    assert second.process is None


async def test_it_can_be_started_where_a_loop_runs(made: Path) -> None:
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        assert await fetch(server, "SELECT 1") == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGSSLMODE", "verify-full"),
        ("PGSSLNEGOTIATION", "direct"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGGSSLIB", "x"),
        ("PGOPTIONS", "-c x=y"),
    ],
)
def test_the_variables_of_other_servers_do_not_count(
    made: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    of_others = {"PGPORT": "1", "PGHOST": "nowhere.invalid", "PGDATA": "/nowhere", "PGUSER": "x", "PGDATABASE": "y"}
    for name, other in {**of_others, variable: value}.items():
        monkeypatch.setenv(name, other)
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        assert ask(server, "SELECT current_user::text") == "caesura"


def test_two_programs_that_start_at_once_share_one_server(program: Callable[..., Any]) -> None:
    programs = [program(), program(), program()]
    numbers = {each.answer["process"] for each in programs}
    assert len(numbers) == 1
    for each in programs:
        assert running(*numbers)
        each.leave()
    assert not running(*numbers)


@pytest.mark.parametrize("victims", ["supervisor", "server", "server and its children", "everything"])
async def test_no_acknowledged_commit_is_lost_by_a_kill(made: Path, program: Callable[..., Any], victims: str) -> None:
    supervisor = program()
    number = supervisor.answer["process"]
    writer = await asyncpg.connect(supervisor.answer["dsn"])
    await writer.execute("CREATE TABLE written (x int)")
    acknowledged = 0

    async def write() -> None:
        nonlocal acknowledged
        with contextlib.suppress(*CUT_OFF):
            while True:
                await writer.execute("INSERT INTO written VALUES (1)")
                acknowledged += 1

    task = asyncio.create_task(write())
    while acknowledged < 100:
        await asyncio.sleep(0.001)
    if victims in ("supervisor", "everything"):
        supervisor.kill()
    if victims != "supervisor":
        children = leftovers(Layout.of(made)) if victims != "server" else []
        for process in (number, *children):
            os.kill(process, signal.SIGKILL)
        await task
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        assert (server.process == number) == (victims == "supervisor"), "a live orphan is joined"
        task.cancel()
        await asyncio.wait([task])
        assert await fetch(server, "SELECT count(*) FROM written") in (acknowledged, acknowledged + 1)
        writer.terminate()
    if victims in ("supervisor", "everything"):
        assert server.process is None
    else:
        assert server.process is not None, "the supervisor uses it still"


def test_the_orphans_of_a_killed_supervisor_are_stopped_by_the_next_one(
    made: Path, program: Callable[..., Any]
) -> None:
    supervisor = program()
    number = supervisor.answer["process"]
    supervisor.kill()
    assert running(number)
    EmbeddedPostgres.start(made).stop()
    assert not running(number)


async def test_a_busy_child_of_a_killed_server_is_ended_before_the_next_start(made: Path) -> None:
    server = EmbeddedPostgres.start(made, settings=FAST)
    layout = Layout.of(made)
    busy = await asyncpg.connect(server.dsn)
    number = await busy.fetchval("SELECT pg_backend_pid()")
    task = asyncio.create_task(busy.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
    async with asyncio.timeout(30):
        while not await fetch(server, f"SELECT true FROM pg_stat_activity WHERE pid = {number} AND state = 'active'"):
            await asyncio.sleep(0.005)
        os.kill(server.process or 0, signal.SIGKILL)
        while len(leftovers(layout)) > 2:  # this one, and the logger, which waits for it
            await asyncio.sleep(0.005)
    assert server.ensure_running()
    assert not running(number)
    await asyncio.wait([task])
    assert isinstance(task.exception(), CUT_OFF)
    server.stop()


def test_a_server_that_died_is_started_again_on_demand(made: Path) -> None:
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        assert not server.ensure_running()
        os.kill(server.process or 0, signal.SIGKILL)
        wait_until(lambda: server.process is None)
        assert server.ensure_running()
        assert ask(server, "SELECT 1") == 1


def test_a_process_number_that_belongs_to_another_program_now_is_no_obstacle(made: Path) -> None:
    layout = Layout.of(made)
    server = EmbeddedPostgres.start(made, settings=FAST)
    os.kill(server.process or 0, signal.SIGKILL)
    wait_until(lambda: server.process is None)
    with open(os.devnull, "wb") as nowhere:
        other = choose_account((layout.database,)).spawn(["sleep", "600"], nowhere)
    try:
        for stale in (layout.database / "postmaster.pid", layout.socket_files[1]):
            rest = stale.read_text().split("\n", 1)[1]
            stale.write_text(f"{other.pid}\n{rest}")
        assert server.ensure_running()
        assert other.poll() is None
        server.stop()
    finally:
        other.kill()
        other.wait()


def test_a_server_that_does_not_answer_is_an_error_and_is_left_alone(made: Path) -> None:
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        number = server.process
        os.kill(number or 0, signal.SIGSTOP)
        try:
            fails("postgres_start_timeout", made, timeout=0.2)
        finally:
            os.kill(number or 0, signal.SIGCONT)
        assert server.process == number
        assert ask(server, "SELECT 1") == 1


def test_a_start_behind_another_that_hangs_is_an_error(made: Path) -> None:
    holder = subprocess.Popen(
        ["flock", Layout.of(made).start_lock, "-c", "echo held; read _"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    assert str(Layout.of(made).start_lock) in fails("postgres_busy", made, timeout=0.1)
    holder.communicate()


def test_a_making_of_the_database_that_was_killed_is_done_again(
    data_directory: Path, program: Callable[..., Any]
) -> None:
    layout = Layout.of(data_directory)
    killed = program()
    wait_until(lambda: list(layout.home.glob("data.new-*/base")))
    killed.kill()
    assert not layout.database.exists()
    with EmbeddedPostgres.start(data_directory, settings=FAST) as server:
        assert ask(server, "SELECT 1") == 1
    wait_until(lambda: not list(layout.home.glob("data.new-*")) or EmbeddedPostgres.start(data_directory).stop())


def test_a_database_of_another_version_is_refused_and_both_are_named(made: Path) -> None:
    version = Layout.of(made).database / "PG_VERSION"
    version.write_text("14\n")
    detail = fails("data_directory_wrong_version", made)
    assert "made by PostgreSQL 14, and the programs in" in detail
    assert "postgres_bin_dir" in detail
    assert version.read_text() == "14\n"


def test_a_directory_that_is_no_database_is_refused_and_kept(made: Path) -> None:
    (Layout.of(made).database / "PG_VERSION").unlink()
    assert "no PG_VERSION" in fails("data_directory_damaged", made)
    assert (Layout.of(made).database / "base").is_dir()


def test_a_file_in_the_place_of_the_data_directory_is_refused(data_directory: Path) -> None:
    file = data_directory / "file"
    file.write_text("mine")
    for place in (file, file / "below"):
        assert str(file) in fails("data_directory_not_a_directory", place)
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("initdb: error: could not write: No space left on device", "data_directory_full"),
        ("initdb: error: something else", "postgres_initialisation_failed"),
    ],
)
def test_a_failed_making_says_why_and_leaves_nothing(
    data_directory: Path, failing: Callable[[str, str], Path], message: str, code: str
) -> None:
    place = data_directory / "place"
    assert message in fails(code, place, bin_dir=failing("initdb", message))
    assert {path.name for path in Layout.of(place).home.iterdir()} == {"start.lock", "users.lock", "socket"}


def test_a_failed_start_says_why_and_leaves_nothing_running(made: Path) -> None:
    detail = fails("postgres_start_failed", made, settings={"shared_buffers": "much"})
    assert 'invalid value for parameter "shared_buffers": "much"' in detail
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        assert server.process


def test_what_an_earlier_server_said_is_not_taken_for_the_reason(
    made: Path, failing: Callable[[str, str], Path]
) -> None:
    (log,) = (Layout.of(made).database / "log").iterdir()
    with log.open("a") as file:
        file.write("1999-12-31 23:59:59 UTC [1] FATAL:  long ago\n")
    detail = fails("postgres_start_failed", made, bin_dir=failing("postgres", "today"))
    assert "today" in detail
    assert "long ago" not in detail


def test_an_interrupt_during_the_start_leaves_nothing_running(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EmbeddedPostgres, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        EmbeddedPostgres.start(made, settings=FAST)
    mark = os.fsencode(Layout.of(made).database)
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark in command_of(path)]


def command_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_server_whose_directory_was_moved_away_is_stopped_all_the_same(made: Path) -> None:
    server = EmbeddedPostgres.start(made, settings=FAST)
    number = server.process or 0
    Layout.of(made).home.rename(made / "moved")
    server.stop()
    assert not running(number)


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_directory_that_is_gone_is_an_error_and_ends_its_server(made: Path, is_moved: bool) -> None:
    home = Layout.of(made).home
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        number = server.process or 0
        home.rename(made / "moved")
        if not is_moved:
            shutil.rmtree(made / "moved")
        with pytest.raises(Unavailable) as caught:
            server.ensure_running()
        assert caught.value.code == "database_gone"
        assert not running(number)
    assert not home.exists(), "nothing is made in its place"


def test_another_database_in_the_place_of_ours_is_an_error_and_is_left_alone(
    made: Path, populate: Callable[[Path], Path]
) -> None:
    with EmbeddedPostgres.start(made, settings=FAST) as server:
        number = server.process or 0
        Layout.of(made).home.rename(made / "moved")
        with EmbeddedPostgres.start(populate(made), settings=FAST) as new:
            with pytest.raises(Unavailable) as caught:
                server.ensure_running()
            assert caught.value.code == "database_replaced"
            server.stop()
            assert not running(number)
            assert running(new.process or 0)
            assert ask(new, "SELECT 1") == 1


@pytest.fixture
def long_path(data_directory: Path, populate: Callable[[Path], Path]) -> Iterator[Path]:
    path = populate(data_directory / ("long-" * 30))
    yield path
    socket = Layout.of(path).socket_directory
    assert not socket.exists(), "the last one to leave clears it"


def test_a_long_path_has_its_socket_elsewhere_where_others_find_it(
    long_path: Path, program: Callable[..., Any]
) -> None:
    socket = Layout.of(long_path).socket_directory
    assert socket.parent == Path("/tmp")
    with EmbeddedPostgres.start(long_path, settings=FAST) as server:
        assert socket.stat().st_mode & 0o777 == 0o700
        assert program(long_path).answer == {"process": server.process, "dsn": server.dsn}
        assert ask(server, "SELECT 1") == 1


def test_a_start_that_failed_leaves_no_socket_directory(long_path: Path) -> None:
    fails("postgres_binaries_missing", long_path, bin_dir=long_path)


def test_a_socket_directory_that_somebody_else_made_is_refused(long_path: Path, tmp_path: Path) -> None:
    socket = Layout.of(long_path).socket_directory
    socket.symlink_to(tmp_path)
    try:
        assert str(socket) in fails("socket_directory_taken", long_path)
        socket.unlink()
        socket.touch(0o600)
        assert str(socket) in fails("socket_directory_taken", long_path)
        socket.unlink()
        socket.mkdir(mode=0o755)
        assert str(socket) in fails("socket_directory_taken", long_path)
    finally:
        if socket.is_dir() and not socket.is_symlink():
            socket.rmdir()
        else:
            socket.unlink()


def test_a_server_whose_directory_was_replaced_is_ended_and_never_joined(
    long_path: Path, populate: Callable[[Path], Path]
) -> None:
    old = EmbeddedPostgres.start(long_path, settings=FAST)
    number = old.process or 0
    ask(old, "CREATE TABLE old ()")
    Layout.of(long_path).home.rename(long_path / "moved")
    assert running(number), "it listens on, at the address of this directory"
    with EmbeddedPostgres.start(populate(long_path), settings=FAST) as new:
        assert ask(new, "SELECT to_regclass('old')") is None
        assert not running(number)
        old.stop()
        assert ask(new, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["with space & ünï=?#%41", "comma, 'quote'"])
def test_a_path_may_have_any_characters(data_directory: Path, populate: Callable[[Path], Path], name: str) -> None:
    with EmbeddedPostgres.start(populate(data_directory / name), settings=FAST) as server:
        assert ask(server, "SELECT 1") == 1
        assert server.database_directory.is_relative_to(data_directory.resolve() / name)


def test_root_passes_through_no_door_that_is_not_its_own(as_root: None, data_directory: Path) -> None:
    closed = data_directory / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("")
    for place in (closed, closed / "below"):
        detail = fails("data_directory_unreachable", place)
        assert f"{closed} does not let other users pass" in detail
        assert "--data-dir" in detail
        assert [path.name for path in closed.iterdir()] == ["file"], "nothing was changed"
        assert closed.stat().st_mode & 0o777 == 0o700


def test_programs_that_only_root_can_reach_are_copied_once(closed_programs: Path, data_directory: Path) -> None:
    place = data_directory / "place"
    copies = []
    for _ in range(2):
        with EmbeddedPostgres.start(place, bin_dir=closed_programs, settings=FAST) as server:
            assert ask(server, "SELECT 1") == 1
            assert str(closed_programs) not in Path(f"/proc/{server.process}/cmdline").read_text()
        copies += [path.stat() for path in Layout.of(place).home.glob("programs-*")]
    assert [copy.st_uid for copy in copies] == [0, 0]
    assert copies[0].st_ino == copies[1].st_ino


def test_a_copy_of_other_programs_is_replaced(closed_programs: Path, made: Path) -> None:
    old = Layout.of(made).home / "programs-17.1-0123456789ab"
    old.mkdir()
    EmbeddedPostgres.start(made, bin_dir=closed_programs, settings=FAST).stop()
    assert [path.name[:11] for path in Layout.of(made).home.glob("programs-*")] == ["programs-18"]


def test_an_ordinary_user_has_a_server_and_root_may_share_it(
    daemon: Any, daemon_bin_dir: Path, data_directory: Path, program: Callable[..., Any]
) -> None:
    place = data_directory / "place"
    place.mkdir()
    daemon.own(place)
    EmbeddedPostgres.start(place, settings=FAST).stop()
    first = program(place, user=daemon, bin_dir=daemon_bin_dir)
    number = first.answer["process"]
    assert os.stat(f"/proc/{number}").st_uid == daemon.user
    with EmbeddedPostgres.start(place, settings=FAST) as server:
        assert server.process == number
        first.leave()
        assert ask(server, "SELECT 1") == 1
    with EmbeddedPostgres.start(place, settings=FAST) as server:
        assert os.stat(f"/proc/{server.process}").st_uid == daemon.user, "root starts it as its owner"
    again = program(place, user=daemon, bin_dir=daemon_bin_dir)
    assert "process" in again.answer, again.answer
    again.leave()


def test_an_ordinary_user_is_refused_what_belongs_to_another(
    daemon: Any, daemon_bin_dir: Path, data_directory: Path, program: Callable[..., Any]
) -> None:
    roots = data_directory / "roots"
    EmbeddedPostgres.start(roots, settings=FAST).stop()
    refused = program(roots, user=daemon, bin_dir=daemon_bin_dir)
    assert refused.answer["code"] == "data_directory_of_another_user"
    not_writable = program(data_directory / "new", user=daemon, bin_dir=daemon_bin_dir)
    assert not_writable.answer["code"] == "data_directory_not_writable"
    assert not (data_directory / "new").exists()


def test_a_directory_without_programs_is_an_error(data_directory: Path) -> None:
    place = data_directory / "nowhere"
    assert str(place) in fails("postgres_binaries_missing", data_directory, bin_dir=place)
