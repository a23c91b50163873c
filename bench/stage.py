"""Where suites happen: a folder, a mail sink and servers as processes of their own, reached by the command line and the
API as anybody reaches them. All of it is gone at the end of the block."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from bench import letter
from bench.machine import ROOT, children, command, cpu_seconds, family
from caesura.runtime.postgres import EmbeddedPostgres
from caesura.runtime.postgres.layout import Layout

PUBLIC_URL = "https://mail.bench.example"
CONNECTIONS = 8
"""What the relay mailbox may have open at a time; its other limits are none."""

_READY_SECONDS = 180.0
_STOP_SECONDS = 60.0
_IDLE_SECONDS = 3.0
_CAESURA = (sys.executable, "-m", "caesura")
_LEDGER = """
select extract(epoch from min(marked_at))::float as first, extract(epoch from max(settled_at))::float as last,
    count(*) as messages, count(distinct enrollment_id) as leads, count(*) filter (where attempt > 1) as repeated
from ledger where campaign_id = $1 and state = 'sent'
"""


class Failed(Exception):
    """A suite cannot go on; the text says why."""


def free_port() -> int:
    """A port that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str) -> str:
    """One of Postfix's programs. Raises Failed."""
    for folder in (ROOT / ".cache" / "postfix", Path("/usr/sbin")):
        if (folder / name).exists():
            return str(folder / name)
    raise Failed(f"Postfix's {name} is not there: make .cache/postfix/ready")


def end(process: "subprocess.Popen[Any]") -> None:
    """Stops a process in order, or by force when it will not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Sink:
    """Postfix's smtp-sink, which takes everything and keeps only the count."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self._counts = folder / f"sink-{self.port}.txt"
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        with self._counts.open("wb") as out:
            self.process = subprocess.Popen(
                (program("smtp-sink"), *user, "-c", f"127.0.0.1:{self.port}", "1000"), stdout=out
            )
        wait_for(lambda: _listens(self.port), "smtp-sink does not start", _READY_SECONDS)

    @property
    def received(self) -> int:
        """How many messages have come so far."""
        with self._counts.open("rb") as stream:
            stream.seek(max(0, self._counts.stat().st_size - 200))
            last = stream.read().rpartition(b"mesg=")[2]
        return int(last.split(b"\r")[0] or 0) if last else 0

    def cpu(self) -> float:
        """Its CPU seconds so far."""
        return cpu_seconds([self.process.pid])

    def stop(self) -> None:
        """Ends it."""
        end(self.process)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def wait_for(holds: Callable[[], bool], complaint: str, seconds: float, pause: float = 0.02) -> None:
    """Returns once it holds. Raises Failed with the complaint when it takes longer."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"{complaint} (waited {seconds:.0f} s)")
        time.sleep(pause)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds so far, by who spent them."""

    api: float
    workers: float
    postgres: float
    sink: float

    def since(self, before: "Cost") -> "Cost":
        """What came on top."""
        return Cost(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))


class Server:
    """`caesura serve` with its own data directory, and a client of its API."""

    def __init__(self, data: Path, workers: int = 1, **settings: str) -> None:
        self.data = data
        self._settings = settings
        self._log = data.with_suffix(".log")
        self.start(workers)
        key = self.run("key", "create", "--plan", "unmetered").stdout.strip()
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.api = Api(self.url, self.headers)

    def start(self, workers: int) -> float:
        """Starts it; answers how many seconds it took until it was ready."""
        self.workers = workers
        began = time.perf_counter()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                (*_CAESURA, "serve", "--data-dir", str(self.data), "--port", "0", "--workers", str(workers)),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment(),
            )
        assert self.process.stdout is not None
        timer = threading.Timer(_READY_SECONDS, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        took = time.perf_counter() - began
        if not line.startswith("ready "):
            self.stop()
            raise Failed(f"the server does not start:\n{self._log.read_text(errors='replace')[-2000:]}")
        self.url = line.split()[1]
        return took

    def restart(self, workers: int) -> float:
        """Stops it and starts it again; answers how many seconds the start took."""
        end(self.process)
        took = self.start(workers)
        self.api = Api(self.url, self.headers)
        return took

    def stop(self) -> None:
        """Ends it, and its database."""
        end(self.process)
        if (Layout.of(self.data).database / "postmaster.pid").exists():  # it had to be killed
            EmbeddedPostgres.start(self.data).stop()

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command of Caesura's beside the server. Raises Failed with its complaint."""
        answer = subprocess.run(
            (*_CAESURA, *arguments, "--data-dir", str(self.data)),
            capture_output=True,
            text=True,
            env=self._environment(),
            check=False,
        )
        if answer.returncode != 0:
            raise Failed(f"caesura {' '.join(arguments[:2])}: {answer.stderr.strip()[-2000:]}")
        return answer

    def spawn(self, arguments: Sequence[str], settings: Mapping[str, str]) -> "subprocess.Popen[str]":
        """A command of Caesura's with settings of its own, under way; its words go into the server's log."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                (*_CAESURA, *arguments), stdout=log, stderr=log, text=True, env=os.environ | settings
            )

    def _environment(self) -> dict[str, str]:
        return os.environ | {"CAESURA_PUBLIC_URL": PUBLIC_URL} | self._settings

    @property
    def dsn(self) -> str:
        """Its database: to read from, and never to write to."""
        return self._settings.get("CAESURA_DATABASE_URL") or Layout.of(self.data).dsn()

    def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """What the database answers."""

        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return await connection.fetch(query, *arguments, timeout=300)
            finally:
                await connection.close()

        return asyncio.run(ask())

    def ledger(self, campaign: str) -> list[asyncpg.Record]:
        """One row on a campaign's messages that were sent.

        `first` mark and `last` record in seconds since 1970, number of `messages`, of `leads` that they went to, and of
        those that were marked more than once (`repeated`).
        """
        return self.rows(_LEDGER, int(campaign.removeprefix("cmp_")))

    @property
    def postmaster(self) -> int:
        """The first process of its database."""
        return int((Layout.of(self.data).database / "postmaster.pid").read_text().split()[0])

    @property
    def worker_ids(self) -> list[int]:
        """The processes of its workers."""
        return [one for one in children(self.process.pid) if "worker" in command(one)]

    def cost(self, sink: Sink) -> Cost:
        """CPU seconds so far. Workers are those that the server keeps."""
        own = cpu_seconds([self.process.pid])
        workers = [one for worker in self.worker_ids for one in family(worker)]
        return Cost(own, cpu_seconds(workers), cpu_seconds(family(self.postmaster)), sink.cpu())

    def add_relay(self, port: int) -> None:
        """The relay mailbox, without caps, alone in the pool `relay`."""
        self.api.post(
            "/mailboxes",
            {
                "name": "relay",
                "address": "kim@sender.example",
                "from_name": "Kim Sender",
                "transport": {"host": "127.0.0.1", "port": port, "tls": "none"},
                "limits": {"connections": CONNECTIONS},
            },
        )
        self.api.post("/pools", {"name": "relay", "mailboxes": ["relay"]})

    def add_campaign(self, name: str, steps: Sequence[object] = (letter.STEP,), pool: str = "relay") -> str:
        """A draft; answers its id."""
        return str(self.api.post("/campaigns", {"name": name, "pool": pool, "steps": list(steps)})["id"])

    def import_leads(self, campaign: str, path: Path) -> None:
        """`caesura leads import`."""
        self.run("leads", "import", campaign, str(path), "--json")

    def counts(self, campaign: str) -> dict[str, int]:
        """The campaign's exact counts."""
        counts: dict[str, int] = self.api.get(f"/campaigns/{campaign}/status")["counts"]
        return counts

    def wait_until_sent(self, campaign: str, count: int, seconds: float = 600.0, pause: float = 0.1) -> None:
        """Returns once so many messages are recorded as sent, asking again after each pause. Raises Failed."""
        complaint = f"{campaign} has not sent {count} messages"
        wait_for(lambda: self.counts(campaign)["sent"] >= count, complaint, seconds, pause)


class Api:
    """A client of the native API on one connection, which is opened anew before the server would close it as idle."""

    def __init__(self, url: str, headers: dict[str, str], prefix: str = "/api/v1") -> None:
        self._prefix = prefix
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._used_at = float("-inf")
        self._headers = headers

    def get(self, path: str) -> Any:
        """The answer to a GET. Raises Failed for an error."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: object = None) -> Any:
        """The answer to a POST."""
        return self._ask("POST", path, None if body is None else json.dumps(body).encode())

    def upload(self, path: str, content: bytes) -> Any:
        """The answer to a POST of a CSV file."""
        return self._ask("POST", path, content, {"Content-Type": "text/csv"})

    def touch(self) -> None:
        """Sees that the next request finds an open connection."""
        if time.monotonic() - self._used_at > _IDLE_SECONDS:
            self._connection.close()
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._used_at = time.monotonic()

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> Any:
        self.touch()
        self._connection.request(method, f"{self._prefix}{path}", body, self._headers | dict(headers or {}))
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise Failed(f"{method} {path}: {answer.status} {content[:1000].decode(errors='replace')}")
        return json.loads(content) if content else None


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder that the database's own user can pass through."""
    with tempfile.TemporaryDirectory(prefix="caesura-bench-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path
