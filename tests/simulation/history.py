"""What truly happened in a simulated world: written down as it happens, judged by the checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulation.timeline import Timeline

Key = tuple[int, int]  # enrollment, step

_TAKEN_BACK = ("sending", "cancelled", "not_begun")


class Violation(Exception):
    """A guarantee was broken; `rule` names it."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(rule, detail)
        self.rule = rule

    def __str__(self) -> str:
        return ": ".join(self.args)


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """When: the number of the commit, true time, and what the clocks showed."""

    commit: int
    at: datetime
    clock: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Mark:
    """A message entered `sending`."""

    moment: Moment
    campaign: int
    enrollment: int
    step: int
    attempt: int
    mailbox: int
    worker: str
    message_id: str
    marked_at: datetime

    def __repr__(self) -> str:
        name = f"{self.enrollment}/{self.step}#{self.attempt}"
        return f"<{name} marked by {self.worker} for mailbox {self.mailbox} at {self.moment.at:%d %H:%M:%S.%f}>"

    @property
    def key(self) -> Key:
        return self.enrollment, self.step


@dataclass(frozen=True, slots=True)
class Settled:
    """A message left `sending`, or `unknown`, or was passed over."""

    moment: Moment
    campaign: int
    enrollment: int
    step: int
    attempt: int
    before: str | None
    state: str
    cause: str | None
    worker: str | None

    @property
    def key(self) -> Key:
        return self.enrollment, self.step


@dataclass(frozen=True, slots=True)
class Arrival:
    """The truth: a server took a message. `mark` is the mark that it came of; None if there was none."""

    at: datetime
    clock: datetime
    mailbox: int
    sender: str
    recipient: str
    content: bytes
    worker: str
    mark: Mark | None
    was_in_transit: bool
    copies: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The truth: a server refused a message, or the line fell before its content's end was through."""

    at: datetime
    clock: datetime
    mark: Mark
    code: int | None
    stage: str


@dataclass(frozen=True, slots=True)
class Switch:
    """A campaign changed its status, or its clock."""

    moment: Moment
    campaign: int
    before: str
    status: str
    clock_mode: str
    version: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause that was asked for, or a change of one. None: not said."""

    moment: Moment
    campaign: int
    clock: str | None
    on_overdue: str | None


@dataclass(slots=True)
class Barrier:
    """Something that keeps messages back from one commit to another: a hold, a suppression, a stopped enrollment."""

    level: str
    subject: str
    cause: str
    since: Moment
    until: Moment | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Edition:
    """The content of a campaign from one commit on. `number` is in every text that is composed from it."""

    moment: Moment
    campaign: int
    number: int
    definition: Mapping[str, Any]

    @property
    def steps(self) -> int:
        return len(self.definition["steps"])


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A lead in a campaign, as the world knows it."""

    enrollment: int
    campaign: int
    lead: int
    name: str
    address: str
    address_key: str
    domain: str
    fields: Mapping[str, Any]
    zone: str | None
    at: Moment


@dataclass(slots=True)
class Move:
    """An enrollment changed its state or its step."""

    moment: Moment
    enrollment: int
    before: str
    state: str
    step_before: int
    step: int
    due_before: datetime
    cause: str | None


@dataclass(slots=True)
class History:
    """All of it, in order."""

    timeline: Timeline
    marks: list[Mark] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    barriers: list[Barrier] = field(default_factory=list)
    editions: list[Edition] = field(default_factory=list)
    enrolled: dict[int, Enrolled] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    # Attempts whose fate cannot be known: the line or the process died, or the lease ran out.
    excused: set[tuple[int, int, int]] = field(default_factory=set)
    # Contents handed to a session, by mark: what must arrive.
    composed: dict[tuple[int, int, int], bytes] = field(default_factory=dict)
    # Content seen by a server, taken or not, by message: its Message-ID must never change.
    seen_ids: dict[Key, set[str]] = field(default_factory=dict)
    # What people asked for with a pause.
    pauses: list["Pause"] = field(default_factory=list)

    def latest_mark(self, key: Key, worker: str) -> Mark | None:
        """The last mark of a message by a worker."""
        for mark in reversed(self.marks):
            if mark.key == key and mark.worker == worker:
                return mark
        return None

    def written(self) -> list[Mark]:
        """The marks of which something came to the wire, or may have, in the order of their commits."""
        taken_back = {
            (*one.key, one.attempt) for one in self.settled if (one.before, one.state, one.cause) == _TAKEN_BACK
        }
        return [mark for mark in self.marks if (*mark.key, mark.attempt) not in taken_back]

    def edition_at(self, campaign: int, commit: int) -> Edition:
        """The content in force at a commit."""
        known = [one for one in self.editions if one.campaign == campaign and one.moment.commit <= commit]
        return max(known, key=lambda one: one.moment.commit)

    def forward(self, earlier: datetime, later: datetime) -> timedelta:
        """How far the clocks jumped forwards between two true instants."""
        jumps = [one.by for one in self.timeline.jumps if earlier <= one.at <= later and one.by > timedelta()]
        return sum(jumps, timedelta())

    def elapsed(self, earlier: datetime, later: datetime) -> timedelta:
        """The most that may have passed by any clock between two true instants: jumps forwards count as time."""
        return later - earlier + self.forward(earlier, later)
