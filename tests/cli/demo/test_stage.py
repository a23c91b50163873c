"""The demo's stage: whatever happens on it, nothing is left of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from caesura.cli.demo.stage import Failed, stage

# A stage in a process of its own, which says where it is and waits to be ended.
PROGRAM = """
import signal
from caesura.cli.demo.stage import stage
signal.signal(signal.SIGINT, signal.default_int_handler)
with stage() as scene:
    scene.start_sink()
    print(scene.folder, flush=True)
    signal.pause()
"""


def processes_at(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.fsencode(folder) in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc here")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_stage_that_is_interrupted_leaves_neither_processes_nor_files(number: signal.Signals) -> None:
    program = "import caesura.cli, signal; signal.signal(signal.SIGTERM, caesura.cli._terminate)\n" + PROGRAM
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.name.startswith("caesura-demo-") and processes_at(folder)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not folder.exists()
    assert processes_at(folder) == []


def test_a_server_that_does_not_start_says_why() -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with stage() as scene:
            scene.sink_folder.write_text("not a folder")
            with pytest.raises(Failed, match="folder_unusable"):
                scene.start_sink()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert not scene.folder.exists()
