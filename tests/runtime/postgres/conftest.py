"""Programs that use a data directory, each in a process of its own, so that they can be killed or be another user's."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from caesura.runtime.postgres import EmbeddedPostgres
from caesura.runtime.postgres.account import Account
from caesura.runtime.postgres.programs import find_programs, within_reach

# Becomes the other user only after its imports: our interpreter may be where that user cannot read.
_PROGRAM = """
import json, os, sys
from pathlib import Path
from caesura.domain.errors import CaesuraError
from caesura.runtime.postgres import EmbeddedPostgres

order = json.loads(sys.argv[1])
if order["user"] is not None:
    os.setgroups([])
    os.setgid(order["group"])
    os.setuid(order["user"])
os.environ["HOME"] = "/"
os.umask(order["umask"])
bin_dir = Path(order["bin_dir"]) if order["bin_dir"] else None
try:
    server = EmbeddedPostgres.start(Path(order["directory"]), bin_dir=bin_dir, settings={"fsync": "off"})
except CaesuraError as error:
    print(json.dumps({"code": error.code, "detail": error.detail}), flush=True)
    sys.exit()
print(json.dumps({"process": server.process, "dsn": server.dsn}), flush=True)
sys.stdin.read()
server.stop()
"""


class Program:
    """A program that starts or joins the server, and leaves when told to."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer: dict[str, Any] | None = None

    @property
    def answer(self) -> dict[str, Any]:
        """What it said when the server was ready, or the error."""
        if self._answer is None:
            assert self._process.stdout
            self._answer = json.loads(self._process.stdout.readline())
        return self._answer

    def leave(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        assert self._process.wait(60) == 0

    def kill(self) -> None:
        assert self._process.stdin
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdin.close()

    def close(self) -> None:
        if self._process.stdin and not self._process.stdin.closed:
            self.leave()
        if self._process.stdout:
            self._process.stdout.close()


@pytest.fixture(scope="session")
def finished_directory(session_directory: Path) -> Path:
    place = session_directory / "finished"
    EmbeddedPostgres.start(place, settings={"fsync": "off"}).stop()
    return place


@pytest.fixture
def populate(finished_directory: Path) -> Callable[[Path], Path]:
    """Puts a database into a data directory; the copy costs a tenth of the making."""

    def copy(directory: Path) -> Path:
        directory.mkdir(exist_ok=True)
        subprocess.run(["cp", "-a", finished_directory / "postgres", directory], check=True)
        return directory

    return copy


@pytest.fixture
def made(data_directory: Path, populate: Callable[[Path], Path]) -> Path:
    """A data directory with a database in it and no server."""
    return populate(data_directory)


@pytest.fixture
def program(data_directory: Path) -> Iterator[Callable[..., Program]]:
    """Starts a program on `directory` (by default the test's), as `user` when given."""
    programs = []

    def start(directory: Path = data_directory, user: Account | None = None, bin_dir: Path | None = None) -> Program:
        order = {
            "directory": str(directory),
            "user": user.user if user else None,
            "group": user.group if user else None,
            "bin_dir": str(bin_dir) if bin_dir else None,
            "umask": 0o077,
        }
        programs.append(Program(order))
        return programs[-1]

    yield start
    for started in programs:
        started.close()


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can do this")


@pytest.fixture
def daemon(as_root: None) -> Account:
    """An ordinary user, other than the one whom root takes by default."""
    entry = pwd.getpwnam("daemon")
    return Account(entry.pw_uid, entry.pw_gid, "daemon")


@pytest.fixture
def daemon_bin_dir(daemon: Account, data_directory: Path) -> Path:
    """PostgreSQL's programs where that user can run them."""
    place = data_directory / "programs"
    place.mkdir()
    for directory in (data_directory, place):
        directory.chmod(0o711)
    return within_reach(find_programs(None), daemon, place).directory


@pytest.fixture
def failing(data_directory: Path) -> Callable[[str, str], Path]:
    """A directory of programs, of which one only says a line and fails."""

    def make(name: str, message: str) -> Path:
        directory = data_directory / "failing"
        directory.mkdir()
        real = find_programs(None)
        for program in (real.postgres, real.initdb):
            fails = f'[ "$1" = --version ] || {{ echo {message!r} >&2; exit 1; }}\n' if program.name == name else ""
            (directory / program.name).write_text(f'#!/bin/sh\n{fails}exec "{program}" "$@"\n')
            (directory / program.name).chmod(0o755)
        return directory

    return make


@pytest.fixture
def closed_programs(as_root: None, data_directory: Path) -> Path:
    """The programs in a copy that only root can reach, as in a virtual environment under /root."""
    closed = data_directory / "closed"
    closed.mkdir(mode=0o700)
    directory = find_programs(None).directory
    package = directory.parent.parent
    for name in (package.name, f"{package.name}.libs"):
        if (package.parent / name).is_dir():
            ignore = shutil.ignore_patterns("include", "*.py")
            shutil.copytree(package.parent / name, closed / name, symlinks=True, ignore=ignore)
    return closed / directory.relative_to(package.parent)
