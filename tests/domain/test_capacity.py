from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.capacity import Capacity, capacity, together
from caesura.domain.pacing import Growth, Load, MailboxLimits, Ramp
from caesura.domain.plan import MailboxPlan, Transport
from caesura.domain.windows import ALWAYS, parse_zone

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = NOON.date()
TRANSPORT = Transport("localhost", 2525, "none", None, None, None, True)


def mailbox(**limits: Any) -> MailboxPlan:
    own = MailboxLimits(zone=parse_zone("UTC", "/zone"), **limits)
    return MailboxPlan(1, 1, "anna@example.com", None, None, own, ALWAYS, TRANSPORT)


@pytest.mark.parametrize(
    ("limits", "load", "expected"),
    [
        ({}, Load(), Capacity(None, None, None)),
        ({"gap_seconds": 60.0}, Load(TODAY, 7), Capacity(7, None, None)),
        ({"daily_cap": 40}, Load(), Capacity(0, 40, 40)),
        ({"daily_cap": 40}, Load(TODAY, 12), Capacity(12, 40, 28)),
        ({"daily_cap": 10}, Load(TODAY, 12), Capacity(12, 10, 0)),  # the cap was lowered
        ({"daily_cap": 40, "ramp": Ramp(5, Growth(add=5), None, TODAY)}, Load(TODAY, 1), Capacity(1, 5, 4)),
    ],
)
def test_a_mailbox_has_what_its_limits_leave_today(limits: dict[str, Any], load: Load, expected: Capacity) -> None:
    assert capacity(NOON, mailbox(**limits), load) == expected


def test_a_pool_with_a_mailbox_without_limits_has_none() -> None:
    assert together([Capacity(3, 10, 7), Capacity(None, None, None)]) == Capacity(None, None, None)
    assert together([]) == Capacity(0, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50))))
def test_a_pool_has_left_what_each_of_its_mailboxes_has_left(uses: list[tuple[int, int]]) -> None:
    every = [capacity(NOON, mailbox(daily_cap=cap), Load(TODAY, used)) for used, cap in uses]
    found = together(every)
    assert (found.used, found.cap) == (sum(used for used, _ in uses), sum(cap for _, cap in uses))
    # One that is over its cap takes nothing from the others.
    assert found.left == sum(max(cap - used, 0) for used, cap in uses)
