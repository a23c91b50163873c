"""The database directory: made whole or not at all, and never opened by programs of another version."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from caesura.domain.errors import Invalid, Unavailable
from caesura.runtime.postgres.account import Account
from caesura.runtime.postgres.layout import PORT, ROLE, Layout
from caesura.runtime.postgres.programs import Programs

# Bytes; below that a start cannot go well.
_LITTLE_SPACE = 1_000_000

# Given on the command line at each start, so that a newer Caesura's choices count for an old directory too.
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    # Tables that hold what is in transit change as a whole within a minute.
    "autovacuum_naptime": "10s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # One file for each day of the week.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
}


def settings_for(layout: Layout, chosen: Mapping[str, str]) -> dict[str, str]:
    """All settings of a server: ours, then `chosen`, then those by which it is found."""
    fixed = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(layout.socket_directory),
        "unix_socket_permissions": "0700",
        "cluster_name": layout.identity,
    }
    return _SETTINGS | dict(chosen) | fixed


def ensure_cluster(layout: Layout, programs: Programs, account: Account, durable: bool) -> None:
    """Makes the database directory unless it exists, and checks that `programs` can open it.

    `durable` is false for tests that need no fsync. Raises Invalid `data_directory_wrong_version`,
    `data_directory_damaged`; Unavailable `data_directory_full`, `postgres_initialisation_failed`; OSError.
    """
    for unfinished in layout.home.glob("data.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    if not layout.database.exists() or (layout.database.is_dir() and not any(layout.database.iterdir())):
        _initialise(layout, programs, account, durable)
        return
    try:
        version = (layout.database / "PG_VERSION").read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        detail = f"{layout.database} is not a database: there is no PG_VERSION in it. Restore it, or move it away"
        raise Invalid("data_directory_damaged", detail) from None
    if version != str(programs.major):
        detail = (
            f"the database in {layout.database} was made by PostgreSQL {version}, and the programs in "
            f"{programs.directory} are version {programs.version}: name those of version {version} in the setting "
            f"postgres_bin_dir, or move the data over with pg_dump"
        )
        raise Invalid("data_directory_wrong_version", detail)


def _initialise(layout: Layout, programs: Programs, account: Account, durable: bool) -> None:
    # Under another name first, so that a directory named `data` was always finished.
    new = Path(tempfile.mkdtemp(prefix="data.new-", dir=layout.home))
    try:
        account.own(new)
        message = _run_initdb(new, programs, account, durable)
        if message is not None:
            code = "data_directory_full" if is_full(message, layout) else "postgres_initialisation_failed"
            raise Unavailable(code, f"the database could not be made in {layout.home}: {message}")
        new.rename(layout.database)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if durable:
        _sync_directory(layout.home)


def _run_initdb(directory: Path, programs: Programs, account: Account, durable: bool) -> str | None:
    """None when it went well, or what it said."""
    command: list[str | Path] = [
        programs.initdb,
        "--pgdata",
        directory,
        "--username",
        ROLE,
        "--auth=trust",
        "--encoding=UTF8",
    ]
    command += ["--data-checksums", "--no-instructions"] + ([] if durable else ["--no-sync"])
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    # Before version 17 the system's: Debian has C.UTF-8, others may not.
    choices = [builtin] if programs.major >= 17 else [["--locale=C.UTF-8"], ["--locale=C"]]
    said = ""
    for locale in choices:
        with tempfile.TemporaryFile() as output:
            process = account.spawn([*command, *locale], output)
            try:
                failed = process.wait() != 0
            except BaseException:
                process.kill()
                process.wait()
                raise
            output.seek(0)
            said = output.read().decode("utf-8", "replace").strip()
        if not failed:
            return None
        if "invalid locale" not in said:
            break
    complaints = [line for line in said.splitlines() if re.search("error:|FATAL:|hint:", line)]
    return " ".join(complaints) or said or "initdb ended without a word"


def is_full(message: str, layout: Layout) -> bool:
    """Whether a failure, of which a program said `message`, is for want of space."""
    # Without any space the server cannot even say so: its log is in there too.
    system = os.statvfs(layout.home)
    return "No space left" in message or system.f_bavail * system.f_frsize < _LITTLE_SPACE


def log_sizes(layout: Layout) -> dict[Path, int]:
    """The server's logs, and how many bytes each has."""
    return {path: path.stat().st_size for path in (layout.database / "log").glob("*.log")}


def reason_of_failure(layout: Layout, before: Mapping[Path, int]) -> str:
    """What the server said last, out of its first messages or of what its logs have beyond the sizes `before`."""
    texts = [_end_of(layout.start_log, 0)]
    texts += [_end_of(path, before.get(path, 0)) for path in log_sizes(layout)]
    for text in texts:
        lines = text.splitlines()
        for index in range(len(lines) - 1, -1, -1):
            # Our own asking is refused with a FATAL too, until the server is ready.
            if re.search("(FATAL|PANIC):(?!  the database system is)", lines[index]):
                return " ".join(line.strip() for line in lines[index : index + 4])
    return " ".join(texts[0].split()) or "it said nothing"


def _end_of(path: Path, begin: int) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(begin if begin <= size else 0, size - 20_000))
        return file.read().decode("utf-8", "replace")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """Tells one cluster from another that comes to the same path.

    `identifier` is the number that initdb gave it; a copy has the same. Directories `device` and `node` come again.
    """

    identifier: int
    device: int
    node: int


def identity_of(layout: Layout) -> ClusterIdentity | None:
    """Which cluster is in the directory now; None when there is none. Raises OSError when it cannot be read."""
    try:
        with (layout.database / "global" / "pg_control").open("rb") as file:
            identifier = int.from_bytes(file.read(8), sys.byteorder)
        directory = layout.database.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return ClusterIdentity(identifier, directory.st_dev, directory.st_ino)
