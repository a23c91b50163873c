"""A worker's lines to the servers: the product's SMTP session at one end, the far server at the other."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.protocol.smtp import (
    Envelope,
    FailureKind,
    Kind,
    Outcome,
    Phase,
    Session,
    SessionFailure,
    SessionSettings,
    Stage,
    TlsMode,
)
from caesura.store.sending import Marked
from simulation.network import Habits, Pipe, Received, Server
from simulation.timeline import Event

if TYPE_CHECKING:
    from simulation.world import World

# As the product's carrier: the message being written, and the one whose envelope rides behind it.
DEPTH = 2
# How long a client waits for a server that says nothing: the product's longest limit is this for the final reply.
PATIENCE_SECONDS = 600.0


@dataclass(slots=True, eq=False)
class Job:
    """One marked message on its way."""

    plan: CampaignPlan
    marked: Marked
    mailbox: MailboxPlan
    envelope: Envelope
    deadline: datetime  # its lease is lost, and with it the right to begin it

    @property
    def name(self) -> str:
        return f"{self.marked.enrollment_id}/{self.marked.step}#{self.marked.attempt}"


@dataclass(slots=True)
class Carrier:
    """The lanes of one worker, one for each mailbox. `finished` and `failed` are as in the product's carrier."""

    world: "World"
    worker: str
    random: Random
    finished: Callable[[Job, Outcome], None]
    failed: Callable[[MailboxPlan, SessionFailure], None]
    is_hung: Callable[[], float]
    lanes: dict[int, "_Lane"] = field(default_factory=dict)
    is_dead: bool = False

    def submit(self, job: Job) -> None:
        lane = self.lanes.setdefault(job.mailbox.mailbox_id, _Lane(self))
        lane.queue.append(job)
        lane.serve(job.mailbox)

    def withdraw(self, jobs: list[Job]) -> None:
        for job in jobs:
            lane = self.lanes.get(job.mailbox.mailbox_id)
            if lane is None:
                continue
            if job in lane.queue:
                lane.queue.remove(job)
                self.finished(job, Outcome(Kind.NOT_SENT, Stage.QUEUE, detail="withdrawn"))
            else:
                for wire in list(lane.wires):
                    if job in wire.under_way and wire.session.withdraw(job.envelope):
                        wire.settle()

    def die(self) -> None:
        """The process is gone: what its sockets still held goes out, and then the lines end."""
        self.is_dead = True
        for lane in self.lanes.values():
            for wire in lane.wires:
                wire.abandon()


@dataclass(slots=True)
class _Lane:
    carrier: Carrier
    queue: deque[Job] = field(default_factory=deque)
    wires: list["Wire"] = field(default_factory=list)

    def serve(self, mailbox: MailboxPlan) -> None:
        """Hands queued jobs to lines that are ready, and opens more lines if the mailbox may have them."""
        for wire in list(self.wires):
            wire.feed()
        opening = sum(wire.session.phase is Phase.HANDSHAKE for wire in self.wires)
        while len(self.queue) > opening and len(self.wires) < mailbox.limits.connections:
            self.wires.append(Wire(self, mailbox))
            opening += 1

    def drop_expired(self) -> None:
        while self.queue and self.queue[0].deadline < self.carrier.world.timeline.now:
            outcome = Outcome(Kind.NOT_SENT, Stage.QUEUE, detail="the lease ran out")
            self.carrier.finished(self.queue.popleft(), outcome)

    def give_up(self, detail: str) -> None:
        while self.queue:
            self.carrier.finished(self.queue.popleft(), Outcome(Kind.NOT_SENT, Stage.CONNECT, detail=detail))


class Wire:
    """One connection."""

    def __init__(self, lane: _Lane, mailbox: MailboxPlan) -> None:
        carrier = lane.carrier
        self._lane = lane
        self._world = carrier.world
        self._random = carrier.random
        self._worker = carrier.worker
        self._mailbox = mailbox
        chunking = self._world.parameters.workers.chunking
        settings = SessionSettings("near.example", TlsMode.NONE, chunking=chunking)
        self.session: Session[Job] = Session(settings)
        self.under_way: list[Job] = []
        self._habits: Habits = self._world.habits
        self._server = Server(self._habits, self._random, self._received, self._refused)
        self._up = Pipe(self._random)
        self._down = Pipe(self._random)
        self._is_cut = False
        self._is_up_scheduled = self._is_down_scheduled = False
        self._waits = 0
        if self._random.random() < self._habits.refuses_session / 2:
            self._later(0.01, "connection refused", self._cannot_connect)
        else:
            self._put_down(self._server.greet())
            self._watch()

    # The client's end

    def feed(self) -> None:
        """Gives the session what it has room for."""
        self._lane.drop_expired()
        while self._has_room:
            job = self._lane.queue.popleft()
            self.under_way.append(job)
            self._world.note(self._worker, "submits", job.name)
            self._plan_a_break()
            self.session.submit(job.envelope, job)
        self.settle()

    @property
    def _has_room(self) -> bool:
        is_open = not self._is_cut and self.session.phase is Phase.READY
        return is_open and bool(self._lane.queue) and len(self.under_way) < DEPTH and self.session.room > 0

    def settle(self) -> None:
        """Takes what the session has to say: outcomes, bytes, its end."""
        for job, outcome in self.session.take_finished():
            self.under_way.remove(job)
            babbled = outcome.reply is not None and outcome.reply.code // 100 == 3
            if outcome.kind is Kind.UNKNOWN and (self._is_cut or babbled):
                self._world.witness.excuse_job(job)
            self._lane.carrier.finished(job, outcome)
        while data := self.session.output():
            self._up.put(data)
            self._watch()
        self._schedule_up()
        if self.session.phase is Phase.ENDED and self in self._lane.wires:
            self._ended()
        elif self.session.is_idle and not self._lane.queue:
            if self._random.random() < self._world.parameters.workers.idle_close:
                self.session.quit()
                self.settle()
        elif self._has_room:
            self.feed()

    def abandon(self) -> None:
        """This end is gone."""
        self._down.waiting.clear()
        self.under_way.clear()

    def _ended(self) -> None:
        self._lane.wires.remove(self)
        failure = self.session.failure
        if failure is not None and not self._was_ready:
            self._lane.carrier.failed(self._mailbox, failure)
            self._lane.give_up(failure.detail)
        elif self._lane.queue:
            self._lane.serve(self._mailbox)

    @property
    def _was_ready(self) -> bool:
        return self.session._pipeline is not None

    def _cannot_connect(self) -> None:
        self._is_cut = True
        self.session.fail(FailureKind.TEMPORARY, "unreachable", "connection refused", Stage.CONNECT)
        self.settle()

    def _lose(self) -> None:
        self.session.lose()
        self.settle()

    def _watch(self) -> None:
        """Gives up on a server that says nothing for too long."""
        self._waits += 1
        seen = self._waits, self.session.progress

        def check() -> None:
            if (self._waits, self.session.progress) == seen and self.session.wait is not None:
                self._is_cut = True
                self.session.time_out()
                self.settle()

        self._later(PATIENCE_SECONDS, "patience", check)

    # The line

    def _plan_a_break(self) -> None:
        if self._random.random() < self._habits.line_falls:
            pipe, most = (self._up, 2_500) if self._random.random() < 0.6 else (self._down, 200)
            if pipe.breaks_after is None:
                pipe.breaks_after = pipe.carried + self._random.randint(1, most)

    def _put_down(self, answers: list[tuple[float, bytes]]) -> None:
        for delay, data in answers:
            self._down.put(data)
            self._schedule_down(delay)

    def _schedule_up(self) -> None:
        if self._up.waiting and not self._is_up_scheduled:
            self._is_up_scheduled = True
            self._world.later(self._random.uniform(0.0005, 0.01), Event("wire up", self._worker, self._arrive_up))

    def _schedule_down(self, delay: float) -> None:
        if self._down.waiting and not self._is_down_scheduled:
            self._is_down_scheduled = True
            self._later(delay, "wire down", self._arrive_down)

    def _later(self, seconds: float, name: str, action: Callable[[], None]) -> None:
        """Something at the client's end: a process that is dead does nothing, one that hangs does it later."""

        def act() -> None:
            if self._lane.carrier.is_dead:
                return
            hung = self._lane.carrier.is_hung()
            if hung > 0:
                self._world.later(hung, Event(name, self._worker, act))
            else:
                action()

        self._world.later(seconds, Event(name, self._worker, act))

    def _arrive_up(self) -> None:
        self._is_up_scheduled = False
        if self._is_cut:
            return
        answers = self._server.receive(self._up.take())
        if self._lane.carrier.is_dead:
            self._schedule_up()
            return
        self._put_down(answers)
        if self._up.is_broken:
            self._cut()
        self._schedule_up()

    def _arrive_down(self) -> None:
        self._is_down_scheduled = False
        if self._is_cut:
            return
        self.session.receive(self._down.take())
        self._watch()
        self.feed()
        self.settle()
        if self._down.is_broken:
            self._cut()
        elif self._down.waiting:
            self._schedule_down(self._random.uniform(0.0005, 0.01))
        elif self._server.is_closed:
            self._cut()

    def _cut(self) -> None:
        """The line falls: what is on its way is lost, and the client hears of it, soon or late."""
        if not self._is_cut:
            self._is_cut = True
            self._up.waiting.clear()
            self._down.waiting.clear()
            late = self._random.random() < 0.2
            self._later(self._random.uniform(1, 90) if late else 0.01, "line falls", self._lose)

    # The truth

    def _received(self, received: Received) -> None:
        self._world.witness.received(self._worker, self._mailbox.mailbox_id, received)

    def _refused(self, recipient: str | None, stage: str, code: int) -> None:
        self._world.note("server refuses", recipient, stage, code)
