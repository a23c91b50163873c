"""What a run was made on: the machine and the versions. And what processes cost, as Linux counts it in /proc."""

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from caesura.runtime.postgres.programs import find_programs

ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, object]:
    """Processor, cores, memory and kernel."""
    models = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1024**2, 1),
        "kernel": platform.release(),
    }


def versions() -> dict[str, str]:
    """Caesura's commit, Python, the embedded PostgreSQL, and the Postfix of smtp-sink and smtp-source."""
    described = subprocess.run(
        ("git", "describe", "--always", "--dirty", "--abbrev=12"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    server = subprocess.run((find_programs(None).postgres, "--version"), capture_output=True, text=True, check=True)
    postfix = ROOT / ".cache" / "postfix" / "version"
    return {
        "caesura": described.stdout.strip() or "unknown",
        "python": platform.python_version(),
        "postgres": server.stdout.split()[-1],
        "postfix": postfix.read_text().strip() if postfix.exists() else "unknown",
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(errors="replace").splitlines()


def children(process_id: int) -> list[int]:
    """The processes that it has started and that still run."""
    found = []
    for task in Path(f"/proc/{process_id}/task").glob("*/children"):
        try:
            found += [int(one) for one in task.read_text().split()]
        except OSError:
            continue
    return found


def family(process_id: int) -> list[int]:
    """A process and all below it."""
    return [process_id, *(one for child in children(process_id) for one in family(child))]


def command(process_id: int) -> list[str]:
    """How it was started; empty when it is gone."""
    try:
        return Path(f"/proc/{process_id}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return []


def cpu_seconds(process_ids: Iterable[int]) -> float:
    """CPU time of these processes, and of children of theirs that have ended."""
    total = 0
    for process_id in process_ids:
        try:
            fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(one) for one in fields[11:15])
    return total / _TICKS


def memory_mb(process_ids: Iterable[int]) -> float:
    """Proportional set size of these processes: what is shared counts once over all that share it."""
    total = 0
    for process_id in process_ids:
        try:
            lines = _lines(f"/proc/{process_id}/smaps_rollup")
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def peak_memory_mb(process_id: int) -> float:
    """The most memory that a process has had so far (VmHWM); 0 when it is gone."""
    try:
        lines = _lines(f"/proc/{process_id}/status")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def connections_to(address: str, port: int) -> int:
    """Open TCP connections of this machine's programs to this IPv4 address and port."""
    number = int.from_bytes(socket.inet_aton(address), sys.byteorder)
    wanted = [f"{number:08X}:{port:04X}", "01"]
    return sum(line.split()[2:4] == wanted for line in _lines("/proc/net/tcp"))
