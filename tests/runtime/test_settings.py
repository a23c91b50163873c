"""Settings out of the environment and the file."""

from pathlib import Path

import pytest

from caesura.runtime.settings import load


def test_a_tilde_means_the_home_wherever_a_path_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("CAESURA_DATA_DIR", "~/mail")
    (tmp_path / "caesura.toml").write_text('postgres_bin_dir = "~/postgres/bin"\n')
    settings = load()
    assert settings.data_dir == Path("/home/anna/mail")
    assert settings.postgres_bin_dir == Path("/home/anna/postgres/bin")
    assert load(data_dir=Path("~/other")).data_dir == Path("/home/anna/other")
