"""The fixtures' own promise: nothing stays behind, however the tests end."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_TESTS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from caesura.runtime.postgres import EmbeddedPostgres
from guarded_directory import guarded_directory
with guarded_directory() as directory:
    server = EmbeddedPostgres.start(directory, settings={"fsync": "off"})
    print(json.dumps({"directory": str(directory), "process": server.process}), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_test_process_leaves_neither_server_nor_directory(way: signal.Signals) -> None:
    support = str(Path(__file__).with_name("support"))
    tests = subprocess.Popen(
        [sys.executable, "-c", _TESTS, support],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert tests.stdout
    left = json.loads(tests.stdout.readline())
    tests.send_signal(way)
    tests.communicate()
    deadline = time.monotonic() + 60
    while Path(left["directory"]).exists() or is_server(left["process"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_server(number: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False
