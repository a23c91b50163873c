"""The user as which PostgreSQL runs (it refuses to run as root), and what that user can reach."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from caesura.domain.errors import Unavailable

# Prints the first path that cannot be searched or run. A shell, since our own Python may itself be out of reach.
_BLOCKED = 'for path do [ -x "$path" ] || { printf %s "$path"; exit; }; done'


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group of the system. Everything that PostgreSQL writes belongs to it."""

    user: int
    group: int
    name: str

    @property
    def is_other(self) -> bool:
        """Whether it differs from the user who runs this program; then that one is root."""
        return self.user != os.geteuid()

    def own(self, path: Path) -> None:
        """Makes `path` the account's."""
        if self.is_other:
            os.chown(path, self.user, self.group, follow_symlinks=False)

    def open(self, path: Path, flags: int) -> int:
        """Opens or makes a private file that is the account's. Raises OSError, also for a symbolic link: root does not
        write where another user points."""
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if self.is_other:
            os.fchown(descriptor, self.user, self.group)
        return descriptor

    def spawn(self, command: Sequence[str | Path], output: BinaryIO) -> "subprocess.Popen[bytes]":
        """Starts a program as the account, in a session of its own: Ctrl-C in our terminal does not reach it."""
        return subprocess.Popen(
            command,
            user=self.user if self.is_other else None,
            group=self.group if self.is_other else None,
            extra_groups=[] if self.is_other else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",  # ours may be out of the account's reach
            env=_environment(),
            start_new_session=True,
            umask=0o077,
        )

    def first_out_of_reach(self, paths: Sequence[Path]) -> Path | None:
        """The first of `paths` (directories or programs) that the account may not search or run."""
        if not self.is_other:
            return next((path for path in paths if not os.access(path, os.X_OK)), None)
        answer = subprocess.run(
            ["/bin/sh", "-c", _BLOCKED, "sh", *paths],
            user=self.user,
            group=self.group,
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            check=True,
        )
        return Path(os.fsdecode(answer.stdout)) if answer.stdout else None


def choose_account(directories: Sequence[Path]) -> Account:
    """Who shall run the server: for an ordinary user, that user; for root, the first owner of one of `directories` who
    is another user of the system, or `nobody`.

    Directories that do not exist are passed over. Raises Unavailable `postgres_user_missing`.
    """
    if os.geteuid() != 0:
        user = os.geteuid()
        return Account(user, os.getegid(), _name(user) or str(user))
    for directory in directories:
        owner = directory.stat().st_uid if directory.exists() else 0
        if owner != 0 and (name := _name(owner)):
            return Account(owner, pwd.getpwuid(owner).pw_gid, name)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        detail = (
            "PostgreSQL does not run as root, and this system has no user `nobody`: run Caesura as an ordinary user"
        )
        raise Unavailable("postgres_user_missing", detail) from None
    return Account(nobody.pw_uid, nobody.pw_gid, nobody.pw_name)


def _name(user: int) -> str | None:
    # initdb does not work for a user without a name.
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return None


def _environment() -> dict[str, str]:
    # Nothing that names another server, place or language; messages in English, since they are searched for causes.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"} | kept
