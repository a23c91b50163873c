"""What every command looks at before it begins."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from caesura.cli.session import settings_for
from caesura.domain.errors import Invalid

NOBODY = 65534


@contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("below", [".", "below", "far/below"])
def test_a_data_directory_that_is_closed_to_us_is_told_in_plain_words(data_directory: Path, below: str) -> None:
    closed = data_directory / "closed"
    closed.mkdir(mode=0)
    with as_an_ordinary_user(), pytest.raises(Invalid) as caught:
        settings_for(data_dir=closed / below)
    assert caught.value.code == "data_directory_closed"
    assert f"{closed}, which belongs to user {os.geteuid()}" in caught.value.detail
    assert "--data-dir" in caught.value.detail


def test_a_data_directory_that_is_not_needed_may_be_closed(
    data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = data_directory / "closed"
    closed.mkdir(mode=0)
    monkeypatch.setenv("CAESURA_DATABASE_URL", "postgresql://db.example.com/x")
    monkeypatch.setenv("CAESURA_SECRET_KEY", "0" * 64)
    with as_an_ordinary_user():
        assert settings_for(data_dir=closed).data_dir == closed


def test_a_command_does_not_load_the_worker() -> None:
    script = "import sys, caesura.cli.session; print([one for one in sys.modules if one.startswith('caesura.worker')])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
