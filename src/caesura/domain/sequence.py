"""What comes next for a lead: which step, whether it goes now, and what an outcome does to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from caesura.domain.lifecycle import EnrollmentState
from caesura.domain.pacing import jitter
from caesura.domain.reasons import Reason
from caesura.domain.templates import Condition, Fields
from caesura.domain.windows import Window, opening


class Go(Struct, frozen=True, gc=False):
    """The step may be sent now. `until` is when its window closes (UTC; None: no window)."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """Not before `until` (UTC, real time), for `reason`."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class PassOver:
    """This step is not for this lead: go on with the next. `cause` is a code word for the ledger."""

    cause: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """The enrollment leaves the queue: `state` is held or stopped, `cause` says why."""

    state: EnrollmentState
    cause: str


@dataclass(frozen=True, slots=True)
class Finish:
    """There is no further step."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Wait again at the same position; nothing was used up."""


@dataclass(frozen=True, slots=True)
class Advance:
    """The step is behind it: go on with the next."""


Plan: TypeAlias = Go | Park | PassOver | SetAside | Finish


@dataclass(frozen=True, slots=True)
class StepRule:
    """What of a step bears on when it goes out. `delay_seconds` runs in campaign time, `send_at` is real time.

    `window` None: the campaign's.
    """

    delay_seconds: int
    send_at: datetime | None
    condition: Condition | None
    weights: tuple[int, ...]
    window: Window | None = None

    def window_in(self, campaign: Window) -> Window:
        """The step's own window, or else the campaign's."""
        return campaign if self.window is None else self.window


@dataclass(frozen=True, slots=True)
class Overdue:
    """What fell due in one pause, a span of campaign time (since < due <= until), and what is done with it."""

    since: datetime
    until: datetime
    policy: str


def plan_step(
    number: int,
    steps: Sequence[StepRule],
    due_at: datetime,
    fields: Fields,
    window: Window,
    zone: ZoneInfo,
    overdue: Sequence[Overdue],
    now: datetime,
) -> Plan:
    """Whether step `number` (from 1) of a due lead goes now.

    `due_at` is campaign time. `overdue` has the pauses, each with its own choice. `window` is the
    campaign's, in the place of which a step may have its own; `zone` is where it is read: the campaign's, or the
    lead's own.
    """
    if number > len(steps):
        return Finish()
    step = steps[number - 1]
    if step.send_at is not None and step.send_at > now:
        return Park(step.send_at, Reason.FIXED_DATE)
    for pause in overdue:
        if pause.since < due_at <= pause.until:
            return PassOver("overdue") if pause.policy == "skip" else SetAside(EnrollmentState.HELD, "overdue_review")
    if step.condition is not None and not step.condition.holds(fields):
        return PassOver("condition")
    period = opening(step.window_in(window), zone, now)
    if period is None:
        return Go()
    if period[0] > now:
        return Park(period[0], Reason.OUTSIDE_WINDOW)
    return Go(until=period[1])


def choose_variant(weights: Sequence[int], campaign_id: int, enrollment_id: int, step: int) -> int:
    """The 0-based variant for this lead and step, by weight: the same each time it is asked."""
    if len(weights) == 1:
        return 0
    point = jitter("variant", campaign_id, enrollment_id, step) * sum(weights)
    for place, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return place
    return len(weights) - 1


def spread(count: int, rooms: Sequence[tuple[int, int]]) -> list[int]:
    """Deals `count` openings out over (mailbox, room) pairs, one to each in turn; fewer when the rooms are full."""
    left = dict(rooms)
    dealt: list[int] = []
    while len(dealt) < count and left:
        for mailbox in list(left):
            if left[mailbox] <= 0:
                del left[mailbox]
                continue
            left[mailbox] -= 1
            dealt.append(mailbox)
            if len(dealt) == count:
                break
    return dealt


class Next(Struct, frozen=True, gc=False):
    """Where an enrollment stands after a step: `delay_seconds` of campaign time until it is due."""

    state: EnrollmentState
    step: int
    delay_seconds: float


def after_step(number: int, steps: Sequence[StepRule]) -> Next:
    """The position once step `number` is behind it."""
    if number >= len(steps):
        return Next(EnrollmentState.FINISHED, min(number, max(len(steps), 1)), 0)
    return Next(EnrollmentState.WAITING, number + 1, steps[number].delay_seconds)
