"""Which processes belong to a database directory: the server, or what a killed server left behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from caesura.domain.errors import Unavailable
from caesura.runtime.postgres.account import Account
from caesura.runtime.postgres.layout import Layout

_PROC = Path("/proc")

# Beyond what Linux (2**22) and macOS give to any process.
_NO_PROCESS = 2**30

# Servers that this program has started. Kept even when others use them on, to tell their death from a zombie's rest.
_children: "list[subprocess.Popen[bytes]]" = []


@dataclass(frozen=True, slots=True)
class LockFile:
    """What the server writes into its database directory: `postmaster.pid`."""

    process: int
    text: str

    def is_of(self, other: str) -> bool:
        """Whether `other` is the same file's text: process, directory, start, port, socket. The rest changes."""
        return self.text.splitlines()[:5] == other.splitlines()[:5]


def read_lock_file(layout: Layout) -> LockFile | None:
    """None when there is no such file, or nothing to be read in it."""
    path = layout.database / "postmaster.pid"
    number = _number_in(path)
    return LockFile(number, path.read_text(encoding="utf-8", errors="replace")) if number else None


def adopt(child: "subprocess.Popen[bytes]") -> None:
    """Notes a server that this program has started."""
    _children.append(child)


def is_server(process: int, layout: Layout) -> bool:
    """Whether that process lives and is the server of this directory. Numbers are given again to other programs."""
    for child in [child for child in _children if child.poll() is not None]:
        _children.remove(child)  # reaped: no zombie is left to be taken for a server
    if not _PROC.joinpath("self").exists():
        return _exists(process)
    return _runs_server(process, layout) and _works_in(process, layout)


def is_server_of_path(process: int, layout: Layout) -> bool:
    """As `is_server`, also for one whose directory was removed or moved away under it."""
    return is_server(process, layout) or (_PROC.joinpath("self").exists() and _runs_server(process, layout))


def leftovers(layout: Layout) -> list[int]:
    """What lives on of a dead server, as far as the system shows processes: its children, which carry the directory's
    identity, and a server that was left without its directory and still holds our socket."""
    if not _PROC.joinpath("self").exists():
        return []
    mark = f"postgres: {layout.identity}: ".encode()
    numbers = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]
    children = [number for number in numbers if _command(number)[0].startswith(mark) and _works_in(number, layout)]
    listener = _number_in(layout.socket_files[1])
    return [*children, listener] if listener and _runs_server(listener, layout) else children


def end_leftovers(layout: Layout, seconds: float) -> None:
    """Ends what a killed server left behind, as the server itself would have after a crash, and waits for it.

    They must be gone before another server may touch the files. Raises Unavailable `postgres_leftovers`.
    """
    begun = time.monotonic()
    asked: dict[int, signal.Signals] = {}
    while remaining := leftovers(layout):
        waited = time.monotonic() - begun
        if waited > seconds:
            detail = f"processes {remaining} of an earlier server do not end: end them, or restart the machine"
            raise Unavailable("postgres_leftovers", detail)
        way = signal.SIGQUIT if waited < 1 else signal.SIGKILL
        for process in remaining:
            if asked.get(process) is not way:
                asked[process] = way
                _send(process, way)
        time.sleep(0.01)


def forget_dead_server(layout: Layout, account: Account) -> None:
    """Clears the marks of a server that is known to be dead, where its process number now belongs to another program.

    PostgreSQL would take that one for the server. The lock file stays, with a number that nobody has: its other lines
    tell PostgreSQL which shared memory must be free.
    """
    lock_file = read_lock_file(layout)
    if lock_file is not None and _exists(lock_file.process):
        rest = lock_file.text.split("\n", 1)[1]
        with open(account.open(layout.database / "postmaster.pid", os.O_WRONLY | os.O_TRUNC), "w") as file:
            file.write(f"{_NO_PROCESS}\n{rest}")
    for path in layout.socket_files:
        path.unlink(missing_ok=True)


def end(process: int, way: signal.Signals, lives: Callable[[], bool], seconds: float) -> bool:
    """Sends a signal to the server and waits for its end; answers whether it has ended."""
    _send(process, way)
    deadline = time.monotonic() + seconds
    while lives():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)
    return True


def _number_in(path: Path) -> int | None:
    """The process in the first line of a lock file. A server for one user notes itself with a minus sign."""
    try:
        return abs(int(path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _runs_server(process: int, layout: Layout) -> bool:
    # The command line, which every user may read.
    command = _command(process)
    return Path(os.fsdecode(command[0])).name == "postgres" and os.fsencode(layout.database) in command


def _works_in(process: int, layout: Layout) -> bool:
    """Whether the database directory is its working directory: in a container, the same path is another directory."""
    try:
        return os.path.samefile(_PROC / str(process) / "cwd", layout.database)
    except PermissionError:
        return os.geteuid() == 0  # root without capabilities, itself in a container, may not see it
    except OSError:
        return False


def _command(process: int) -> list[bytes]:
    """The words of its command line; one empty word for a process that is gone or a zombie."""
    try:
        return (_PROC / str(process) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return [b""]


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _send(process: int, way: signal.Signals) -> None:
    try:
        os.kill(process, way)
    except ProcessLookupError:
        return
