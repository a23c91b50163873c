"""The command line in this process, on a database of the test's own; and as a process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from caesura.cli.commands import application
from caesura.cli.failures import exit_status

READY_SECONDS = 60.0


@dataclass
class Ran:
    """What came of a command."""

    status: int
    out: str
    err: str


@pytest.fixture
def caesura(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Runs a command in an empty folder, on a fresh database."""
    monkeypatch.setenv("CAESURA_DATABASE_URL", dsn)
    monkeypatch.setenv("CAESURA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("CAESURA_TEST_POSTGRES_BIN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["caesura", *map(str, arguments)])
        capsys.readouterr()
        try:
            status = exit_status(application())
        except SystemExit as ended:
            status = int(ended.code or 0)
        out, err = capsys.readouterr()
        return Ran(status, out, err)

    return run


class Running:
    """A command as a process of its own, with no settings but these."""

    def __init__(self, arguments: tuple[object, ...], folder: Path, **settings: str) -> None:
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAESURA_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "caesura", *map(str, arguments)],
            cwd=folder,
            env=environment | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def stop(self, number: int = signal.SIGTERM) -> Ran:
        """Asks it to end, and waits for it."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=READY_SECONDS)
        return Ran(self.process.returncode, out, err)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts a command as a process; what still runs at the end is ended."""
    started: list[Running] = []

    def start(*arguments: object, **settings: str) -> Running:
        started.append(Running(arguments, tmp_path, **settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()
