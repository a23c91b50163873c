"""A place for a throw-away PostgreSQL that is left to nobody."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Standard input ends when the process that made it does, however it ends.
_GUARD = """
cat >/dev/null
for pid in "$1"/postgres/data/postmaster.pid "$1"/*/postgres/data/postmaster.pid; do
    [ -f "$pid" ] && kill -QUIT "$(head -n 1 "$pid")" 2>/dev/null
done
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"""

_MEMORY = Path("/dev/shm")
_ENOUGH = 8 * 2**30  # two servers with all the WAL that they may keep


def _in_memory() -> Path | None:
    """A file system in memory, where there is one with much room that programs may be started from; else None."""
    if not _MEMORY.is_dir() or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free > _ENOUGH else None


@contextmanager
def guarded_directory(prefers_memory: bool = False) -> Iterator[Path]:
    """A directory with a short path. It goes, and any server in it, even when this process is killed.

    In memory a database of thousands of files is made and dropped in half the time.
    """
    path = Path(tempfile.mkdtemp(prefix="caesura-test-", dir=_in_memory() if prefers_memory else None))
    path.chmod(0o711)  # root's server is another user
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "guard", path],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield path
    finally:
        guard.communicate()
