"""What belongs to this installation and process: its secret key, the clock, entropy, and its name among workers."""

import contextlib
import os
import secrets as system_entropy
import socket
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from caesura.domain.errors import Invalid, Problem, Unavailable
from caesura.domain.secrets import KEY_BYTES, Secrets, digest
from caesura.runtime.settings import Settings
from caesura.service.keyring import Keyring

if TYPE_CHECKING:
    from caesura.worker.letters import Identity
    from caesura.worker.loop import WorkerIdentity

KEY_FILE = "secret.key"
_ADDRESS_FILE = "server.address"


def now() -> datetime:
    """The time: aware UTC. The one place where the clock is read."""
    return datetime.now(UTC)


def use_own_zones() -> None:
    """Reads time zones from the tzdata package alone, so that two machines never disagree. Call it at the start."""
    zoneinfo.reset_tzpath(to=())


def entropy(count: int) -> bytes:
    """Random bytes from the system."""
    return system_entropy.token_bytes(count)


def check_data_directory(settings: Settings) -> None:
    """Raises Invalid `data_directory_closed` when the data directory is needed and this user may not go into it."""
    if settings.database_url is not None and settings.secret_key is not None:
        return
    place = settings.data_dir
    for path in (place, *place.parents):
        try:
            owner = path.stat().st_uid
        except OSError:
            continue  # not made yet, or behind one of the next
        if not os.access(path, os.X_OK, effective_ids=True) and path.is_dir():
            detail = (
                f"user {os.geteuid()} may not go into {path}, which belongs to user {owner}: run this as that user, or "
                "choose another data directory with --data-dir"
            )
            raise Invalid("data_directory_closed", detail)
        return


def keyring(settings: Settings) -> Keyring:
    """The installation's keyring, from the setting or the file in the data directory, which is made the first time."""
    if settings.secret_key is not None:
        return _keyring(_parse(settings.secret_key, "CAESURA_SECRET_KEY"))
    file = settings.data_dir / KEY_FILE
    try:
        if not file.exists():
            _create(file)
        return _keyring(_parse(file.read_text(encoding="ascii"), str(file)))
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable("secret_key_unreadable", f"the secret key {file} cannot be read or made: {error}") from error


def _keyring(key: bytes) -> Keyring:
    return Keyring(Secrets(pepper=digest(key, b"pepper"), sealing=(digest(key, b"sealing"),)), entropy)


def letters(ring: Keyring, settings: Settings) -> "Identity":
    """What this installation's messages are known by."""
    from caesura.worker.letters import Identity

    return Identity(ring.message_secret, settings.public_url.rstrip("/") if settings.public_url else None)


def _parse(text: str, place: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Invalid.of(Problem("bad_secret_key", "the secret key must be 64 hex digits", file=place))
    return key


def _create(file: Path) -> None:
    """Makes the key file, whole or not at all, even when two programs make it at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{KEY_FILE}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(entropy(KEY_BYTES).hex() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
    finally:
        draft.unlink()


@contextlib.contextmanager
def address_told(data_dir: Path, host: str, port: int) -> Iterator[None]:
    """Tells, for the length of the block, where this installation's server listens. A hint: no error when it cannot."""
    file, words = data_dir / _ADDRESS_FILE, f"{host} {port}\n"
    with contextlib.suppress(OSError):
        file.write_text(words, encoding="ascii")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if file.read_text(encoding="ascii") == words:  # or another server has come since
                file.unlink()


def told_address(data_dir: Path) -> tuple[str, int] | None:
    """Where a server of this installation listens, or did when it was killed; None where none has told."""
    try:
        host, port = (data_dir / _ADDRESS_FILE).read_text(encoding="ascii").split()
        return host, int(port)
    except (OSError, ValueError):
        return None


def machine() -> str:
    """This machine, or container: two of them with one host name must not bury each other's workers."""
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}#{space}"


def worker_identity() -> "WorkerIdentity":
    """This process as a worker. The name holds when the process began, since process ids come again."""
    from caesura.worker.loop import WorkerIdentity

    host, process = machine(), os.getpid()
    return WorkerIdentity(f"{host}/{process}/{_birth(process)}", host, process)


def is_alive(name: str, process_id: int) -> bool:
    """Whether the worker process of this machine that is known as `name` still runs."""
    return _birth(process_id) == name.rpartition("/")[2]


def _birth(process_id: int) -> str | None:
    """When a process began, in words that no other process of this machine shares; None when it is gone."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return None
    # The third field of proc(5) stat, the first here, is the state; a zombie has ended. The 22nd is the start.
    return None if fields[0] in "ZX" else f"{boot}-{fields[19]}"
