"""The set-up says in one line what is missing, and touches nothing then."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Stands for a Python: of which version it says it is, and which modules it has.
PYTHON = """#!/bin/sh
case "$*" in
    *sys.version_info*) exit {is_old} ;;
    *ensurepip*) exit {lacks_venv} ;;
    -V) echo "Python 3.9.2" ;;
    *) echo "unexpected: $*"; exit 99 ;;
esac
"""

# Stands for a Python that makes an environment, in which uv says whose certificates it was told to trust.
PYTHON_WITH_VENV = """#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p .venv/bin
    printf '#!/bin/sh\\n' >.venv/bin/python
    printf '#!/bin/sh\\necho "trusts: $UV_SYSTEM_CERTS"\\n' >.venv/bin/uv
    chmod +x .venv/bin/python .venv/bin/uv
fi
"""


def bootstrap(python: Path | str) -> tuple[int, str]:
    environment = os.environ | {"PYTHON": str(python)}
    answer = subprocess.run(
        [ROOT / "scripts" / "bootstrap"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.stdout == ""
    return answer.returncode, answer.stderr


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "python3"
    path.write_text(PYTHON.format(is_old=1, lacks_venv=0))
    path.chmod(0o755)
    return path


def test_a_python_that_is_too_old_is_told(python: Path) -> None:
    status, said = bootstrap(python)
    assert status == 1
    assert said == (
        f"caesura: Python 3.11 or newer is needed, and {python} is Python 3.9.2. Name another: make PYTHON=python3.13\n"
    )


def test_no_python_at_all_is_told() -> None:
    assert bootstrap("/none/python3") == (
        1,
        "caesura: there is no /none/python3 here. On Debian: apt-get install python3\n",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root would install the package")
def test_a_missing_venv_is_told_with_what_to_install(python: Path) -> None:
    python.write_text(PYTHON.format(is_old=0, lacks_venv=1))
    status, said = bootstrap(python)
    assert status == 1
    assert said.count("\n") == 1 and "python3-venv" in said


@pytest.mark.skipif(not any(Path("/etc/ssl/certs").glob("*")), reason="no certificates here")
@pytest.mark.parametrize(("given", "trusted"), [({}, "1"), ({"UV_SYSTEM_CERTS": "false"}, "false")])
def test_the_certificates_of_the_system_are_trusted_unless_told_otherwise(
    given: dict[str, str], trusted: str, tmp_path: Path, python: Path
) -> None:
    python.write_text(PYTHON_WITH_VENV)
    script = tmp_path / "scripts" / "bootstrap"
    script.parent.mkdir()
    shutil.copy(ROOT / "scripts" / "bootstrap", script)
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(python)} | given
    answer = subprocess.run([script], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.splitlines()[-1] == f"trusts: {trusted}"
