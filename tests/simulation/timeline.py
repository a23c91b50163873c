"""One thread of control: a heap of (time, number, event), a clock that can jump, and the trace of all that happened."""

import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

Action = Callable[[], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Event:
    """Something to happen. `actor` is whose process it is in; `is_racy` says that it may run beside another actor's."""

    name: str
    actor: str
    action: Action
    is_racy: bool = False


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump of everybody's clock, at an instant of true time."""

    at: datetime
    by: timedelta


@dataclass(slots=True)
class Timeline:
    """True time, which only goes forwards, and what the clocks show, which may jump."""

    now: datetime
    skew: timedelta = timedelta()
    jumps: list[Jump] = field(default_factory=list)
    happened: int = 0
    _heap: list[tuple[datetime, int, Event]] = field(default_factory=list)
    _number: int = 0
    _digest: "sha256" = field(default_factory=sha256)  # type: ignore[valid-type]
    listeners: list[Callable[[str], None]] = field(default_factory=list)

    def clock(self) -> datetime:
        """What the clocks show now."""
        return self.now + self.skew

    def true(self, shown: datetime) -> datetime:
        """When the clocks will show this, unless they jump."""
        return shown - self.skew

    def jump(self, by: timedelta) -> None:
        """All clocks jump."""
        self.jumps.append(Jump(self.now, by))
        self.skew += by

    def after(self, seconds: float, event: Event) -> None:
        """Puts an event on the heap, `seconds` from now."""
        self.at(self.now + timedelta(seconds=max(0.0, seconds)), event)

    def at(self, when: datetime, event: Event) -> None:
        """Puts an event on the heap. Events of one instant happen in the order in which they were put there."""
        self._number += 1
        heapq.heappush(self._heap, (max(when, self.now), self._number, event))

    def next(self) -> Event | None:
        """The next event, with time moved on to it; None when there is none."""
        if not self._heap:
            return None
        when, _, event = heapq.heappop(self._heap)
        self.now = when
        self.happened += 1
        return event

    def rivals(self, event: Event, within: timedelta) -> list[Event]:
        """Takes racy events of other actors that were to happen soon off the heap, the first one of each actor."""
        if not event.is_racy:
            return []
        found: list[Event] = []
        for entry in sorted(entry for entry in self._heap if entry[0] <= self.now + within):
            rival = entry[2]
            if rival.is_racy and rival.actor not in {event.actor, *(one.actor for one in found)}:
                self._heap.remove(entry)
                found.append(rival)
        heapq.heapify(self._heap)
        return found

    def note(self, *words: object) -> None:
        """Adds a line to the trace."""
        line = f"{self.now:%d %H:%M:%S.%f} " + " ".join(str(word) for word in words)
        self._digest.update(line.encode() + b"\n")
        for listener in self.listeners:
            listener(line)

    def digest(self) -> str:
        """The trace so far, as SHA-256 in hex."""
        return self._digest.hexdigest()
