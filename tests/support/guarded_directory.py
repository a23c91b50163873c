"""A place for a throw-away PostgreSQL that is left to nobody."""

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


@contextmanager
def guarded_directory() -> Iterator[Path]:
    """A directory with a short path. It goes, and any server in it, even when this process is killed."""
    path = Path(tempfile.mkdtemp(prefix="caesura-test-"))
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
