"""Campaign time: a clock that can stand still, so that a pause costs one row at 10 leads and at 10 million.

Campaign time is real time less the campaign's offset. Due times are kept in it; a resume adds the length
of the frozen pause to the offset, and every due time moves with it, untouched.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class ClockMode(StrEnum):
    """What waiting times do during a pause."""

    FREEZE = "freeze"  # they stand still: what had a day to go has a day to go after the resume
    RUN = "run"  # they go on: what falls due meanwhile is overdue at the resume


@dataclass(frozen=True, slots=True)
class CampaignClock:
    """The clock of one campaign.

    `offset` is real time less campaign time, never negative and never growing smaller. `stopped_at` (aware
    UTC) is where the frozen clock stands; None while it runs, and it runs in a pause too when `mode` is RUN.
    `mode` is the choice for the present or, outside a pause, the last pause.
    """

    offset: timedelta = timedelta()
    stopped_at: datetime | None = None
    mode: ClockMode = ClockMode.FREEZE

    def __post_init__(self) -> None:
        if self.offset < timedelta():
            raise ValueError("the offset of a campaign's clock is never negative")
        if self.stopped_at is not None and self.mode is not ClockMode.FREEZE:
            raise ValueError("only a frozen clock stands still")


def campaign_now(clock: CampaignClock, now: datetime) -> datetime:
    """The campaign time at the real instant `now`: a due time that is not later than this is due."""
    return (now if clock.stopped_at is None else clock.stopped_at) - clock.offset


def to_real(clock: CampaignClock, instant: datetime) -> datetime:
    """The real time of the campaign time `instant`; on a frozen clock, as if it went on from `stopped_at`.

    While frozen, what is later than `stopped_at` moves on with every minute of the pause: show it as a
    waiting time left, not as a date.
    """
    return instant + clock.offset


def pause(clock: CampaignClock, now: datetime, mode: ClockMode) -> CampaignClock:
    """The clock after a pause at `now`; on a clock already paused, after a change of `mode`.

    A change counts from `now`: what was frozen until then stays frozen out, what ran stays counted.
    The same mode again changes nothing.
    """
    mode = ClockMode(mode)
    if mode is ClockMode.RUN:
        return replace(resume(clock, now), mode=mode)
    return clock if clock.stopped_at is not None else replace(clock, stopped_at=now, mode=mode)


def resume(clock: CampaignClock, now: datetime) -> CampaignClock:
    """The clock running again from `now`: a frozen one adds how long it stood to its offset.

    If the real clock jumped back to before `stopped_at`, nothing is added. A running clock is returned
    as it is.
    """
    if clock.stopped_at is None:
        return clock
    stood = max(timedelta(), now - clock.stopped_at)
    return replace(clock, offset=clock.offset + stood, stopped_at=None)
