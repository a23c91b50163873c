"""What a server needs before it answers. What it does is tested where it is started: in tests/cli."""

import subprocess
import sys

LATE = {
    "aiohttp": "webhooks",
    "alembic": "migrations",
    "mcp": "agents",
    "pgqueuer": "jobs",
    "sqlalchemy": "migrations",
}
"""Libraries that take long to import, and what needs them: nothing that a server does before it is ready."""


def test_a_server_is_ready_without_what_takes_long_to_import_and_is_not_needed_yet() -> None:
    script = "import sys, caesura.cli.session, caesura.runtime.server; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert LATE.keys() & set(answer.stdout.split()) == set()
