"""How much a mailbox, or several together, may send on the present day, and how much of that is used and left."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from caesura.domain.pacing import Load, daily_use
from caesura.domain.plan import MailboxPlan


@dataclass(frozen=True, slots=True)
class Capacity:
    """Messages of a day: `used`, allowed in all (`cap`), and `left`.

    `used` None: not counted, where nothing limits it. `cap` and `left` None: any number.
    """

    used: int | None
    cap: int | None
    left: int | None


def capacity(now: datetime, mailbox: MailboxPlan, load: Load) -> Capacity:
    """What the daily cap and the ramp of a mailbox allow on its day at `now` (aware), which ends in its own zone."""
    used, cap = daily_use(now, mailbox.limits, load)
    return Capacity(used if mailbox.is_paced else None, cap, None if cap is None else max(cap - used, 0))


def together(capacities: Iterable[Capacity]) -> Capacity:
    """The sums, each over the mailboxes' own days; none: nothing may be sent."""
    every = list(capacities)
    return Capacity(_sum(one.used for one in every), _sum(one.cap for one in every), _sum(one.left for one in every))


def _sum(numbers: Iterable[int | None]) -> int | None:
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total
