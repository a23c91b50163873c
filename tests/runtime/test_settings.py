"""Settings out of the environment and the file."""

from pathlib import Path

import pytest

from caesura.domain.errors import Invalid
from caesura.runtime.settings import default_data_dir, load, misspelt


def test_a_tilde_means_the_home_wherever_a_path_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("CAESURA_DATA_DIR", "~/mail")
    (tmp_path / "caesura.toml").write_text('postgres_bin_dir = "~/postgres/bin"\n')
    settings = load()
    assert settings.data_dir == Path("/home/anna/mail")
    assert settings.postgres_bin_dir == Path("/home/anna/postgres/bin")
    assert load(data_dir=Path("~/other")).data_dir == Path("/home/anna/other")


def test_variables_that_are_no_settings_are_told_with_the_nearest_name() -> None:
    known = ["CAESURA_PORT", "caesura_port", "CAESURA_DEBUG", "CAESURA_DATA_DIR", "HOME", "CAESURAX"]
    assert misspelt(known) == []
    assert misspelt(["CAESURA_PROT", "CAESURA_DATABSE_URL", "CAESURA_ZZZ", *known]) == [
        "CAESURA_DATABSE_URL in the environment is no setting, and is ignored: did you mean CAESURA_DATABASE_URL?",
        "CAESURA_PROT in the environment is no setting, and is ignored: did you mean CAESURA_PORT?",
        "CAESURA_ZZZ in the environment is no setting, and is ignored",
    ]


def test_a_file_of_settings_that_is_a_directory_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "caesura.toml").mkdir()
    with pytest.raises(Invalid) as caught:
        load()
    assert str(caught.value.problems[0]) == "caesura.toml: it is a directory, not a file [bad_setting]"


def test_a_file_of_settings_that_is_no_text_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "caesura.toml").write_bytes(b"host = '\xff'")
    with pytest.raises(Invalid) as caught:
        load()
    assert caught.value.problems[0].file == "caesura.toml"


def test_an_empty_name_of_a_folder_is_an_error_and_an_empty_variable_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAESURA_DATA_DIR", "")
    assert load().data_dir == default_data_dir()
    (tmp_path / "caesura.toml").write_text('data_dir = ""\n')
    with pytest.raises(Invalid, match="data_dir: .*empty"):
        load()


def test_a_host_that_leads_to_no_door_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAESURA_DOORS", "api.autosend.com=autosend")
    assert load().doors == "api.autosend.com=autosend"
    monkeypatch.setenv("CAESURA_DOORS", "api.autosend.com=autosnd")
    with pytest.raises(Invalid, match="doors: .*there is no door 'autosnd': one of leadterra, leadlex") as caught:
        load()
    assert caught.value.code == "bad_setting"
