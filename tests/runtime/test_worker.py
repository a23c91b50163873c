"""A worker process: how many connections it keeps."""

import pytest

from caesura.runtime.worker import most_connections


@pytest.mark.parametrize(
    ("slots", "files", "most"),
    [(200, 1024, 400), (200, 256, 192), (5000, 1024, 960), (200, -1, 400), (200, 10, 1)],
)
def test_connections_are_twice_the_slots_unless_the_system_allows_fewer_files(
    slots: int, files: int, most: int
) -> None:
    assert most_connections(slots, files) == most
