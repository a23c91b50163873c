"""What lies where in the data directory, and whether it can be used at all."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from caesura.domain.errors import CaesuraError, Invalid, Unavailable
from caesura.runtime.postgres.account import Account

PORT = 5432
_CHOICES = "sslmode=disable&sslnegotiation=postgres&target_session_attrs=any&gsslib=gssapi"
ROLE = DATABASE = "caesura"

# A socket's path has room for 108 bytes on Linux and 104 on macOS, the final NUL among them.
_SOCKET_PATH_BYTES = 103
_SOCKET_NAME = f".s.PGSQL.{PORT}"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one embedded PostgreSQL. `data_directory` is absolute, without symbolic links.

    `home` holds everything: `data` (the database), `socket`, the two lock files and the log of the last start.
    """

    data_directory: Path

    @classmethod
    def of(cls, data_directory: Path) -> "Layout":
        return cls(data_directory.expanduser().resolve())

    @property
    def home(self) -> Path:
        return self.data_directory / "postgres"

    @property
    def database(self) -> Path:
        return self.home / "data"

    @property
    def start_lock(self) -> Path:
        return self.home / "start.lock"

    @property
    def users_lock(self) -> Path:
        return self.home / "users.lock"

    @property
    def start_log(self) -> Path:
        return self.home / "start.log"

    @property
    def identity(self) -> str:
        """Tells this place from any other on the machine; also shown by `ps`."""
        return "caesura-" + hashlib.sha256(os.fsencode(self.data_directory)).hexdigest()[:16]

    @property
    def socket_directory(self) -> Path:
        """In `home`, or in /tmp where that path is too long or has characters with a meaning in lists of hosts."""
        near = self.home / "socket"
        fits = len(os.fsencode(near / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES
        return near if fits and not set(str(near)) & set(",\"'\\") else Path("/tmp") / self.identity

    @property
    def socket_files(self) -> tuple[Path, Path]:
        """The socket and its lock file, which names the server's process."""
        return self.socket_directory / _SOCKET_NAME, self.socket_directory / f"{_SOCKET_NAME}.lock"

    def dsn(self, database: str = DATABASE) -> str:
        """The server's URL. It names all that the driver would else take from the environment, such as PGSSLMODE."""
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.socket_directory))}&port={PORT}&{_CHOICES}"


def make_home(layout: Layout, account: Account) -> None:
    """Makes the data directory and `home` where they are missing.

    Raises Invalid `data_directory_of_another_user` or `data_directory_unreachable`, and OSError.
    """
    for path in (layout.home, *layout.home.parents):
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    _refuse_another_user(layout)
    is_new = not layout.home.exists()
    is_ours = not is_new or not layout.data_directory.exists() or not any(layout.data_directory.iterdir())
    _open_the_way(layout, account, is_ours)
    for directory in reversed((layout.home, layout.data_directory, *layout.data_directory.parents)):
        if not directory.exists():
            directory.mkdir()
            directory.chmod(0o711 if account.is_other else 0o700)
    if os.geteuid() == 0 and is_new:
        owner = layout.data_directory.stat()
        os.chown(layout.home, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _refuse_another_user(layout: Layout) -> None:
    if os.geteuid() == 0:
        return
    for path in (layout.home, layout.database):
        if path.exists() and path.stat().st_uid != os.geteuid():
            detail = (
                f"{path} belongs to user {path.stat().st_uid}: run Caesura as that user, or choose another directory"
            )
            raise Invalid("data_directory_of_another_user", detail)


def _open_the_way(layout: Layout, account: Account, is_ours: bool) -> None:
    """Lets the account pass through the data directory if that is ours; any other closed door is an error."""
    way = [path for path in reversed((layout.home, *layout.home.parents)) if path.exists()]
    blocked = account.first_out_of_reach(way)
    for directory in (layout.data_directory, layout.home):
        if blocked == directory and account.is_other and is_ours:
            directory.chmod(directory.stat().st_mode & 0o7777 | 0o011)  # to pass, not to list
            blocked = account.first_out_of_reach(way)
    if blocked is None:
        return
    detail = (
        f"PostgreSQL does not run as root, so it runs as user {account.name}, who cannot reach the data directory "
        f"{layout.data_directory}: {blocked} does not let other users pass. Choose another place with --data-dir, such "
        f"as /var/lib/caesura, or run Caesura as an ordinary user"
    )
    raise Invalid("data_directory_unreachable", detail)


def make_socket_directory(layout: Layout, account: Account) -> None:
    """Makes the private directory of the socket. Raises Unavailable `socket_directory_taken`, and OSError."""
    directory = layout.socket_directory
    try:
        directory.mkdir(mode=0o700)
        account.own(directory)
    except FileExistsError:
        # In /tmp anyone may have made it, or a link by that name, to listen in our place.
        found = directory.lstat()
        if stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077:
            if found.st_uid == account.user:
                return
            if found.st_uid == os.geteuid():
                account.own(directory)
                return
        detail = f"{directory} is needed for the database's socket, and somebody else has made it: remove it"
        raise Unavailable("socket_directory_taken", detail) from None


def of_os_error(error: OSError, layout: Layout) -> CaesuraError:
    """What the system refused, as an error about the data directory."""
    place = error.filename or layout.data_directory
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Unavailable("data_directory_full", f"no space left for the database: {place}")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Invalid(
                "data_directory_not_writable", f"the data directory cannot be used: {place}: {error.strerror}"
            )
        case errno.ENOTDIR | errno.EEXIST:
            return Invalid("data_directory_not_a_directory", f"the data directory is not a directory: {place}")
        case None if "No space left" in str(error):  # many at once, of copying a tree
            return Unavailable("data_directory_full", f"no space left for the database: {layout.data_directory}")
        case _:
            return Unavailable("data_directory_unusable", f"the data directory cannot be used: {error}")
