"""What waits for what on the way to one webhook, and when a failed attempt is made again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from caesura.domain.webhook_order import LONGEST_WAIT, Waiting, next_attempt, ready

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        # of different leads: together
        ([(1, 7, 70, NOW), (2, 7, 71, NOW)], [1, 2]),
        # of one lead: one after the other
        ([(1, 7, 70, NOW), (2, 7, 70, NOW), (3, 7, 71, NOW)], [1, 3]),
        # one that failed and is not due keeps its lead's back, and no other's
        ([(1, 7, 70, LATER), (2, 7, 70, NOW), (3, 7, 71, NOW)], [3]),
        # a campaign's own waits for all before, and all after wait for it
        ([(1, 7, 70, NOW), (2, 7, None, NOW), (3, 7, 71, NOW), (4, 8, 80, NOW)], [1, 4]),
        ([(2, 7, None, NOW), (3, 7, 71, NOW), (5, 7, None, NOW)], [2]),
        ([(2, 7, None, LATER), (3, 7, 71, NOW), (4, 8, None, NOW)], [4]),
        # about no campaign: nothing waits
        ([(1, None, None, LATER), (2, None, None, NOW), (3, 7, None, NOW)], [2, 3]),
        ([], []),
    ],
)
def test_what_may_go_now(waiting: Sequence[tuple[int, int | None, int | None, datetime]], expected: list[int]) -> None:
    assert ready([Waiting(*one) for one in waiting], NOW) == expected


def test_the_plan_is_kept_with_a_tenth_more_at_most() -> None:
    plan = (5.0, 300.0)
    for delivery in range(50):
        for failed, planned in enumerate(plan, 1):
            due_at = next_attempt(plan, delivery, failed, None, NOW)
            assert due_at is not None
            assert planned <= (due_at - NOW).total_seconds() <= planned * 1.1
            assert due_at == next_attempt(plan, delivery, failed, None, NOW)
        assert next_attempt(plan, delivery, 3, None, NOW) is None


def test_not_all_come_together() -> None:
    assert len({next_attempt((300.0,), delivery, 1, None, NOW) for delivery in range(50)}) > 40


def test_a_receiver_may_ask_for_more_time_and_not_for_less() -> None:
    assert next_attempt((5.0,), 1, 1, 60, NOW) == NOW + timedelta(seconds=60)
    assert next_attempt((300.0,), 1, 1, 60, NOW) == next_attempt((300.0,), 1, 1, None, NOW)
    assert next_attempt((5.0,), 1, 1, 10.0**9, NOW) == NOW + LONGEST_WAIT
