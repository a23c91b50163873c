import pytest

from caesura.domain.errors import Invalid
from caesura.domain.numbered_page import MAXIMUM_OFFSET, Place


def test_pages_are_counted_from_one() -> None:
    assert [Place(number, 50).offset for number in (1, 2, 3)] == [0, 50, 100]


def test_a_page_beyond_the_bound_is_refused() -> None:
    Place(MAXIMUM_OFFSET // 100 + 1, 100).check()
    with pytest.raises(Invalid):
        Place(MAXIMUM_OFFSET // 100 + 2, 100).check()
