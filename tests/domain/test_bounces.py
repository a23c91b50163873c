import pytest

from caesura.domain.bounces import MINIMUM_DELIVERED, is_over, is_settled


@pytest.mark.parametrize(
    ("threshold", "delivered", "bounced", "expected"),
    [
        (5, 100, 5, True),  # reached is enough
        (5, 100, 4, False),
        (5, 101, 5, False),
        (3, 34, 1, False),
        (3, 33, 1, True),
        (1, 19, 19, False),  # too few to say anything
        (99, 20, 20, True),
        (None, 1_000, 1_000, False),
    ],
)
def test_a_threshold_is_reached_by_its_share_of_no_less_than_twenty(
    threshold: int | None, delivered: int, bounced: int, expected: bool
) -> None:
    assert is_over(threshold, delivered, bounced) is expected


def test_below_twenty_messages_a_share_is_still_to_be_looked_at() -> None:
    assert not is_settled(5, MINIMUM_DELIVERED - 1)
    assert is_settled(5, MINIMUM_DELIVERED)
    assert is_settled(None, 0)
