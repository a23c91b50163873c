"""The server's address and the socket's place."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.runtime.postgres.layout import Layout

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=60)


@given(NAMES)
def test_the_address_names_the_socket_whatever_the_path_and_the_socket_fits(name: str) -> None:
    layout = Layout(Path("/data") / name)
    url = urlsplit(layout.dsn("other"))
    options = parse_qs(url.query, strict_parsing=True)
    assert (url.username, url.path) == ("caesura", "/other")
    assert (options["host"], options["port"]) == ([str(layout.socket_directory)], ["5432"])
    assert len(bytes(layout.socket_files[0])) < 104  # the lock beside it is a file like any other


@pytest.mark.parametrize("name", ["x" * 100, "a,b", "it's", 'a"b', "a\\b"])
def test_a_socket_that_has_no_room_is_elsewhere_always_in_the_same_place(name: str) -> None:
    layout = Layout(Path("/data") / name)
    assert layout.socket_directory.parent == Path("/tmp")
    assert layout.socket_directory == Layout(Path("/data") / name).socket_directory
    assert layout.socket_directory != Layout(Path("/other") / name).socket_directory


def test_two_names_of_one_directory_are_one_place(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert Layout.of(tmp_path / "link") == Layout.of(tmp_path / "real" / ".." / "real")
