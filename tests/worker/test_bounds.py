"""What is large goes through a worker in parts, and always goes."""

import pytest

from caesura.worker.bounds import leading, messages_within


@pytest.mark.parametrize(
    ("held", "size", "wanted", "room"),
    [(0, 30, 9, 3), (0, 30, 2, 2), (60, 30, 9, 1), (90, 30, 9, 0), (0, 300, 9, 1), (300, 300, 9, 0)],
)
def test_messages_are_composed_within_the_bytes_that_are_left(held: int, size: int, wanted: int, room: int) -> None:
    assert messages_within(100, held, size, wanted) == room


@pytest.mark.parametrize(
    ("copies", "count"), [([], 0), ([49, 49, 0], 2), ([49, 48, 0, 0], 3), ([200, 0], 1), ([0] * 150, 100)]
)
def test_messages_are_marked_together_up_to_so_many_recipients(copies: list[int], count: int) -> None:
    assert leading(copies, 100) == count
