"""Where the demo happens: a temporary folder, a mail sink and a server as processes of their own, and what talks to
them. All of it is gone at the end, however that comes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from caesura.domain.errors import Unavailable
from caesura.runtime import environment
from caesura.runtime.postgres import EmbeddedPostgres

_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0
_ANSWER_SECONDS = 30.0
_LOG_LINES = 10


class Failed(Unavailable):
    """The demo cannot go on; the detail says why."""

    def __init__(self, detail: str) -> None:
        super().__init__("demo_failed", detail)


class Server:
    """A command of ours that runs until it is stopped and says `ready URL` when it can be used."""

    def __init__(self, arguments: Sequence[str | Path], folder: Path) -> None:
        self._log = folder / f"{arguments[0]}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "caesura", *arguments],
                cwd=folder,
                env=environment.for_children(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # Ctrl-C is for the demo, which then stops everything in order.
                start_new_session=True,
            )

    def ready(self) -> str:
        """The URL that it says it is ready at. Raises Failed, with what it said, when it does not get there."""
        assert self._process.stdout is not None
        timer = threading.Timer(_READY_SECONDS, self._process.kill)
        timer.start()
        try:
            word, _, url = self._process.stdout.readline().strip().partition(" ")
        finally:
            timer.cancel()
        if word != "ready":
            raise Failed(f"it does not start:\n{self._log.read_text(errors='replace')[-2000:]}")
        return url

    def stop(self) -> bool:
        """Ends it; whether it ended in good order."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self._process.returncode == 0


class Stage:
    """The folder, the sink and the server of one demo. `sink_folder` has one file for each message that arrived."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.sink_folder = folder / "sink"
        self._stack = stack

    def start_sink(self) -> str:
        """Starts the mail sink; answers its URL."""
        sink = Server(("sink", "--port", "0", "--out", self.sink_folder), self.folder)
        self._stack.callback(sink.stop)
        return sink.ready()

    def start_server(self) -> str:
        """Starts the server with an own database; answers its URL."""
        self._stack.callback(self._end_database)
        server = Server(("serve", "--port", "0", "--data-dir", self.data_dir), self.folder)
        self._stack.callback(server.stop)
        return server.ready()

    def run(self, *arguments: str | Path) -> str:
        """Runs a command of ours beside the server; answers what it printed. Raises Failed with its complaint."""
        command = [sys.executable, "-m", "caesura", *map(str, arguments), "--data-dir", str(self.data_dir)]
        answer = subprocess.run(
            command,
            cwd=self.folder,
            env=environment.for_children(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise Failed(f"caesura {' '.join(map(str, arguments[:2]))}: {answer.stderr.strip()[-2000:]}")
        return answer.stdout

    def arrived(self) -> int:
        """How many messages the sink has kept so far."""
        return sum(name.endswith(".eml") for name in os.listdir(self.sink_folder))

    def log_end(self) -> list[str]:
        """The last lines that the sink and the server wrote into their logs."""
        logs = sorted(self.folder.glob("*.log"))
        return [line for log in logs for line in log.read_text(errors="replace").splitlines()[-_LOG_LINES:]]

    def _end_database(self) -> None:
        """A server that had to be killed leaves its database running: joining it last ends it."""
        if (self.data_dir / "postgres" / "data" / "postmaster.pid").exists():
            EmbeddedPostgres.start(self.data_dir).stop()


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage, for the length of the block. Ctrl-C, SIGTERM and a closed terminal end the block and clean up."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="caesura-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        # Started by root, PostgreSQL runs as another user, who must be able to pass.
        folder.chmod(0o711)
        signal.signal(signal.SIGHUP, _hang_up)
        stack.push(_finish_undisturbed)
        yield Stage(folder, stack)


def _hang_up(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _finish_undisturbed(*_: object) -> None:
    """The end has begun: an impatient second Ctrl-C must not leave processes behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


class Api:
    """A client of the server's native API."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        # No proxy: the server is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Any:
        """The answer to a GET, out of JSON. Raises Failed."""
        return self._ask(urllib.request.Request(self._url + path))

    def post(self, path: str, body: object = None) -> Any:
        """The answer to a POST."""
        data = json.dumps(body if body is not None else {}).encode()
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self._url + path, data, headers, method="POST"))

    def pages(self, path: str) -> Iterator[Any]:
        """All items of a list, page by page."""
        cursor = None
        while True:
            answer = self.get(f"{path}{'&' if '?' in path else '?'}limit=200" + (f"&cursor={cursor}" if cursor else ""))
            yield from answer["items"]
            cursor = answer["next_cursor"]
            if cursor is None:
                return

    def _ask(self, request: urllib.request.Request) -> Any:
        request.add_header("Authorization", f"Bearer {self._key}")
        try:
            with self._opener.open(request, timeout=_ANSWER_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            detail = error.read(2000).decode(errors="replace")
            raise Failed(f"{request.get_method()} {request.selector}: {error.code} {detail}") from error
        except OSError as error:
            raise Failed(f"{request.get_method()} {request.selector}: {error}") from error
