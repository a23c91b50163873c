"""A worker, step by step: the product's own services, composing and SMTP, with each step an event of its own."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from caesura.domain.classify import Fault, classify_session
from caesura.domain.delivery import Delivery
from caesura.domain.errors import CaesuraError, Unavailable
from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.domain.unsendable import Unsendable
from caesura.protocol.smtp import Kind, Outcome, SessionFailure
from caesura.service import recovery, sending, timers
from caesura.service.files import KEPT_BYTES, Files
from caesura.service.plans import Plans
from caesura.store.sending import Claimed, Runnable
from caesura.worker.letters import Identity, Ready, delivery, write_letter
from simulation.timeline import Event
from simulation.wires import Carrier, Job

if TYPE_CHECKING:
    from simulation.world import World

IDENTITY = Identity(b"simulated" * 4)
# How long a worker that lost its line to the database waits before it tries again.
_OUTAGE_SECONDS = (1.0, 1.0, 1.0, 30.0, 300.0)
# Longer ones would be most of a world's events: its other workers look for work each minute meanwhile.
_LONG_OUTAGE_SECONDS = (600.0, 1_800.0)
# How often a worker does what will come to nothing, since nothing has changed and nothing was to come: the product does
# it all the time, and here it would be most of a run.
_IDLE_SHARE = 0.15
# Sleep grows up to this while there is nothing to do.
_LONGEST_SLEEP = 8 * 3_600.0


class Unsealer:
    """Mailboxes of the simulator have no secrets."""

    def open(self, workspace_id: int, name: str, sealed: bytes) -> str:
        raise AssertionError("there is nothing to open")


@dataclass(frozen=True, slots=True)
class Aim:
    """What people would have to hold so that a claimed message does not go out."""

    campaign: int
    enrollment: int
    lead: int
    mailbox: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A mark whose answer was lost."""

    plan: CampaignPlan
    enrollments: Sequence[tuple[int, int]]  # with their steps
    marked_at: datetime


class SimulatedWorker:
    """One worker process, from its start to its death."""

    def __init__(self, world: "World", name: str) -> None:
        self.name = name
        self.is_dead = False
        self.in_transit: dict[Job, None] = {}
        self.at_hand: list[Aim] = []  # what it claimed last, and has not marked yet
        self._world = world
        self._random = Random(f"{world.parameters.seed}/{name}")
        self._settings = world.parameters.workers
        self._plans = Plans(Unsealer())
        # Forgotten at once, or the database is asked once in a world.
        self._files = Files(self._random.choice((0, KEPT_BYTES)) if world.parameters.mailings else KEPT_BYTES)
        self._carrier = Carrier(
            world, name, self._random, self._finished, self._session_failed, lambda: self._hung_seconds()
        )
        self._campaigns: list[Runnable] = []
        self._has_moved = False
        self._outcomes: list[tuple[Job, Outcome]] = []
        self._failures: list[tuple[MailboxPlan, SessionFailure]] = []
        self._doubts: list[Doubt] = []
        self._failed_in_a_row: dict[int, int] = {}
        self._is_record_due = self._is_renewal_due = False
        self._is_stopping = False
        self._hung_until: datetime | None = None
        self._sleep = 0.0
        self._wait: datetime | None = None
        self._slept_at: tuple[int, datetime | None] | None = None  # the world's stirs, and what it slept for
        self._nap = 0
        self._is_in_round = True
        self._schedule(self._random.uniform(0, 1), "round", self._round)

    @property
    def is_idle(self) -> bool:
        return not (self.in_transit or self._outcomes or self._doubts)

    @property
    def takes_something_back(self) -> bool:
        """Whether it has yet to record that something was not sent: it may be marked anew from then on."""
        return any(outcome.kind is not Kind.ACCEPTED for _, outcome in self._outcomes)

    # What others do to it

    def die(self) -> None:
        """Its memory is gone; what it had in transit, nobody knows."""
        if self.is_dead:
            return
        self._world.note(self.name, "dies with", *sorted(job.name for job in self.in_transit))
        self.is_dead = True
        self._world.witness.excuse(self.name)
        self._carrier.die()
        self._world.died(self)

    def hang(self, seconds: float) -> None:
        """It does nothing for so long, and does not know it."""
        self._world.note(self.name, "hangs", f"{seconds:.3f}")
        self._world.witness.excuse(self.name)
        self._hung_until = self._world.timeline.now + timedelta(seconds=seconds)

    def stop(self) -> None:
        """A graceful stop: nothing new is marked, what is begun is finished."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Ends its sleep; a round that is under way is finished first."""
        self._sleep = 0.0
        if not self._is_in_round:
            self._start_round(self._random.uniform(0.001, 0.05))

    def hear(self, campaign: int | None) -> None:
        """A hint that something of a campaign, or of all, is to be withdrawn."""
        if not self.is_dead and self._hung_seconds() <= 0:
            self._carrier.withdraw(
                [job for job in self.in_transit if campaign in (None, job.plan.campaign_id) and self._is_unsettled(job)]
            )
            self.wake()

    def _is_unsettled(self, job: Job) -> bool:
        return all(other is not job for other, _ in self._outcomes)

    # Steps

    def _hung_seconds(self) -> float:
        until = self._hung_until
        return (until - self._world.timeline.now).total_seconds() if until is not None else 0.0

    def _schedule(self, seconds: float, name: str, step: Callable[[], Awaitable[None]]) -> None:
        self._world.later(seconds, self._event(name, step))

    def _event(self, name: str, step: Callable[[], Awaitable[None]]) -> Event:
        async def act() -> None:
            if self.is_dead:
                return
            hung = self._hung_seconds()
            if hung > 0:
                self._world.later(hung, Event(name, self.name, act, True))
                return
            if self._misfortune():
                if not self.is_dead:
                    self._schedule(0, name, step)
                return
            await step()

        return Event(name, self.name, act, True)

    def _misfortune(self) -> bool:
        """Death or a hang between two steps."""
        faults = self._world.faults
        if faults.death and self._random.random() < faults.death:
            self.die()
            return True
        if faults.hang and self._random.random() < faults.hang:
            self.hang(self._random.choice((1.0, 3.0)) * self._settings.lease * self._random.random())
            return True
        return False

    def _step_seconds(self) -> float:
        faults = self._world.faults
        if faults.slow_step and self._random.random() < faults.slow_step:
            return self._random.uniform(0, 2 * self._settings.lease)
        return self._random.expovariate(1 / self._settings.step_seconds)

    def _outage_seconds(self) -> float:
        return self._random.choice(_OUTAGE_SECONDS)

    def _start_round(self, seconds: float) -> None:
        """Ends a round, and plans the next: one that was planned before does nothing."""
        self._is_in_round = False
        self._nap += 1
        nap = self._nap

        async def start() -> None:
            if nap == self._nap:
                await self._round()

        self._schedule(seconds, "round", start)

    async def _round(self) -> None:
        """What the product's loop does in a round, and in the background each second."""
        self._nap += 1
        self._is_in_round = True
        if self._is_stopping:
            await self._leave()
            return
        if self._is_undisturbed() and self._random.random() >= _IDLE_SHARE:
            await self._go_to_sleep()
            return
        self._has_moved, self._wait, self._slept_at = False, None, None
        try:
            is_busy = self._sleep == 0 and self._random.random() >= 0.4
            if not is_busy and (self._random.random() < _IDLE_SHARE or await self._world.is_anything_due()):
                await self._tick()
            self._campaigns = await sending.runnable(self._world.database)
        except Unavailable:
            self._start_round(self._outage_seconds())
            return
        await self._next_campaign()

    def _is_undisturbed(self) -> bool:
        """Whether nothing has changed since it went to sleep, and what it slept for has not come."""
        if self._slept_at is None:
            return False
        stirs, at = self._slept_at
        return stirs == self._world.stirs and (at is None or self._world.timeline.clock() < at)

    async def _tick(self) -> None:
        now = self._world.timeline.clock()
        await recovery.recover(self._world.database, self._plans, now)
        await timers.tick(self._world.database, now)

    async def _leave(self) -> None:
        self._carrier.withdraw([job for job in self.in_transit if self._is_unsettled(job)])
        if self.is_idle:
            self._world.note(self.name, "leaves")
            self.is_dead = True
            self._world.left(self)
        else:
            self._start_round(5.0)

    async def _next_campaign(self) -> None:
        free = self._settings.slots - len(self.in_transit)
        if self._campaigns and free > 0 and not self._is_stopping:
            campaign = self._campaigns.pop(0)
            self._schedule(self._step_seconds(), "claim", lambda: self._claim(campaign))
        elif self._has_moved or self._campaigns or self._is_stopping:
            # All slots are in use: the record of an outcome wakes it.
            self._start_round(self._random.uniform(0.001, 0.5) if free > 0 or self._is_stopping else 30.0)
        else:
            await self._go_to_sleep()

    async def _go_to_sleep(self) -> None:
        self._sleep = min(_LONGEST_SLEEP, max(2 * self._sleep, 30.0))
        at = await self._world.next_instant(self._wait)
        until = None if at is None else self._world.timeline.clock() + timedelta(seconds=at)
        self._slept_at = self._world.stirs, until
        seconds = self._sleep if at is None else min(self._sleep, max(0.0, at))
        if at is not None and self._random.random() < self._world.faults.early_wake:
            seconds *= self._random.random()
        if at is not None and at > self._sleep:
            # Somebody must see it: the sleep is not for ever, and what is known to come ends it.
            seconds = at if self._random.random() < 0.7 else self._sleep
        self._start_round(seconds + self._random.uniform(0.0001, 0.02))

    async def _claim(self, campaign: Runnable) -> None:
        database, now = self._world.database, self._world.timeline.clock()
        limit = min(self._settings.group, self._settings.slots - len(self.in_transit))
        if limit < 1:
            await self._next_campaign()
            return
        try:
            async with database.connection() as connection:
                plan = await self._plans.campaign(connection, campaign.workspace_id, campaign.campaign_id)
            claim = await sending.claim(database, self._plans, plan, self.name, limit, self._settings.lease, now)
        except Unavailable:
            self._start_round(self._outage_seconds())
            return
        self._world.happened("claim", [work.claimed.enrollment_id for work in claim.work])
        words = [f"{work.claimed.enrollment_id}/{work.claimed.step}@{work.mailbox.mailbox_id}" for work in claim.work]
        wait = f"{claim.wait.reason} {claim.wait.at:%d %H:%M:%S}" if claim.wait else ""
        self._world.note(self.name, "claims", campaign.campaign_id, *words, "settled", claim.settled, wait)
        if claim.wait is not None and (self._wait is None or claim.wait.at < self._wait):
            self._wait = claim.wait.at
        self._has_moved |= bool(claim.work) or claim.is_stale or claim.settled > 0
        if claim.work:
            self.at_hand = [
                Aim(campaign.campaign_id, one.claimed.enrollment_id, one.claimed.lead_id, one.mailbox.mailbox_id)
                for one in claim.work
            ]
            self._sleep = 0.0
            self._schedule(self._step_seconds(), "compose", lambda: self._compose(plan, claim.work))
        else:
            await self._next_campaign()

    async def _compose(self, plan: CampaignPlan, work: Sequence[sending.Work]) -> None:
        ready: list[Ready] = []
        failed: list[tuple[Claimed, str]] = []
        now = self._world.timeline.clock()
        try:
            files = await self._files.of(self._world.database, plan)
        except Unavailable:
            self._start_round(self._outage_seconds())
            return
        for one in work:
            try:
                ready.append(write_letter(plan, one, IDENTITY, now, files))
            except Unsendable as error:
                failed.append((one.claimed, error.code))
            except CaesuraError:
                failed.append((one.claimed, "render_failed"))
        if failed:
            self._world.note(self.name, "cannot compose", [(one.enrollment_id, cause) for one, cause in failed])
            try:
                await sending.set_aside(self._world.database, plan, failed, self.name, now)
            except Unavailable:
                self._start_round(self._outage_seconds())
                return
        if ready:
            self._schedule_mark(plan, ready)
        else:
            await self._next_campaign()

    def _schedule_mark(self, plan: CampaignPlan, ready: Sequence[Ready]) -> None:
        """Soon; or, now and then, only when another has claimed the same."""
        nap = self._nap

        async def mark() -> None:
            if nap == self._nap:
                self._nap += 1
                await self._mark(plan, ready)

        faults = self._world.faults
        if faults.slow_step and self._random.random() < faults.slow_step:
            enrollments = [one.wanted.claimed.enrollment_id for one in ready]
            self._world.belated("claim", enrollments, self._event("mark", mark))
            self._schedule(4 * self._settings.lease, "mark", mark)
        else:
            self._schedule(self._step_seconds(), "mark", mark)

    async def _mark(self, plan: CampaignPlan, ready: Sequence[Ready]) -> None:
        wanted = [one.wanted for one in ready]
        now, deadline = self._world.timeline.clock(), self._deadline()
        try:
            answer = await sending.mark(
                self._world.database, self._plans, plan, wanted, self.name, self._settings.lease, now
            )
        except Unavailable:
            self._world.witness.excuse(self.name)
            self._doubts.append(Doubt(plan, [(one.claimed.enrollment_id, one.claimed.step) for one in wanted], now))
            self._schedule_record(self._outage_seconds())
            self._start_round(self._outage_seconds())
            return
        by_enrollment = {one.wanted.claimed.enrollment_id: one for one in ready}
        self._world.note(
            self.name, "marked", *[f"{one.enrollment_id}/{one.step}#{one.attempt}" for one in answer.marked]
        )
        self._world.note(self.name, "refused", sorted(answer.refused.items()))
        for marked in answer.marked:
            one = by_enrollment[marked.enrollment_id]
            out = answer.left_out.get(marked.enrollment_id) if answer.left_out else None
            job = Job(plan, marked, one.mailbox, one.without(out) if out else one.envelope, deadline)
            self.in_transit[job] = None
            self._world.witness.composed(job)
            self._schedule(self._step_seconds(), "submit", lambda job=job: self._submit(job))
        self._schedule_renewal()
        await self._next_campaign()

    async def _submit(self, job: Job) -> None:
        self._carrier.submit(job)

    # Outcomes

    def _finished(self, job: Job, outcome: Outcome) -> None:
        reply = outcome.reply.code if outcome.reply else ""
        self._world.note(self.name, "outcome", job.name, outcome.kind.value, outcome.stage.value, reply)
        self._outcomes.append((job, outcome))
        self._schedule_record(self._random.uniform(0.5, 1.5) * self._settings.gather_seconds)

    def _session_failed(self, mailbox: MailboxPlan, failure: SessionFailure) -> None:
        self._world.note(self.name, "no session", mailbox.mailbox_id, failure.code)
        self._failures.append((mailbox, failure))
        self._schedule_record(self._settings.gather_seconds)

    def _schedule_record(self, seconds: float) -> None:
        if not self._is_record_due:
            self._is_record_due = True
            self._schedule(seconds, "record", self._record)

    async def _record(self) -> None:
        self._is_record_due = False
        try:
            await self._blame()
            await self._disown()
            await self._record_one_plan()
        except Unavailable:
            self._put_off_record()
            return
        if self._outcomes or self._doubts or self._failures:
            self._schedule_record(self._random.uniform(0, self._settings.gather_seconds))
        else:
            self.wake()

    def _put_off_record(self) -> None:
        """Until the line is back; what was perhaps taken back already, until it is marked anew."""
        if self.takes_something_back and self._random.random() < 0.6:
            enrollments = [job.marked.enrollment_id for job, _ in self._outcomes]
            self._world.belated("mark", enrollments, self._event("record", self._record))
            self._schedule_record(self._random.choice(_LONG_OUTAGE_SECONDS))
        else:
            self._schedule_record(self._outage_seconds())

    async def _record_one_plan(self) -> None:
        if not self._outcomes:
            return
        plan = self._outcomes[0][0].plan
        several = [(job, outcome) for job, outcome in self._outcomes if job.plan is plan]
        deliveries: list[Delivery] = []
        for job, outcome in several:
            deliveries.append(delivery(job.marked, job.mailbox.mailbox_id, outcome))
            if outcome.kind is Kind.ACCEPTED:
                self._failed_in_a_row.pop(job.mailbox.mailbox_id, None)
        now = self._world.timeline.clock()
        for mailbox_id, (cause, blamed) in sending.mailboxes_to_hold(plan, deliveries, now).items():
            await self._hold(plan.workspace_id, mailbox_id, cause, f"{blamed.code or ''} {blamed.text or ''}".strip())
        await sending.record(self._world.database, self._plans, plan, deliveries, self.name, now)
        self._world.note(self.name, "recorded", *[job.name for job, _ in several])
        done = {id(job) for job, _ in several}
        self._outcomes = [(job, outcome) for job, outcome in self._outcomes if id(job) not in done]
        for job, _ in several:
            del self.in_transit[job]

    async def _disown(self) -> None:
        while self._doubts:
            doubt = self._doubts[0]
            now = self._world.timeline.clock()
            place = (self._world.database, self._plans, doubt.plan)
            await sending.disown(*place, doubt.enrollments, self.name, doubt.marked_at, now)
            self._doubts.pop(0)

    async def _hold(self, workspace_id: int, mailbox_id: int, cause: str, reason: str) -> None:
        now = self._world.timeline.clock()
        await self._world.place_hold("mailbox", str(mailbox_id), cause, f"worker:{self.name}", reason, now)

    async def _blame(self) -> None:
        while self._failures:
            mailbox, failure = self._failures[0]
            reply = failure.reply
            verdict = classify_session(
                failure.kind.value,
                failure.stage.value,
                reply.code if reply else None,
                reply.enhanced if reply else None,
            )
            if verdict.fault is Fault.MAILBOX:
                await self._hold(self._world.workspace, mailbox.mailbox_id, verdict.cause, failure.detail)
            else:
                count = self._failed_in_a_row[mailbox.mailbox_id] = self._failed_in_a_row.get(mailbox.mailbox_id, 0) + 1
                until = self._world.timeline.clock() + timedelta(seconds=min(3600.0, 60.0 * 2 ** min(count - 1, 10)))
                await sending.put_off_mailbox(
                    self._world.database, self._world.workspace, mailbox.mailbox_id, until, "server_unreachable"
                )
            self._failures.pop(0)

    # Leases

    def _schedule_renewal(self) -> None:
        if self.in_transit and not self._is_renewal_due:
            self._is_renewal_due = True
            self._schedule(self._settings.lease / 3, "renew", self._renew)

    async def _renew(self) -> None:
        self._is_renewal_due = False
        jobs = list(self.in_transit)
        keys = [(job.plan.workspace_id, job.marked.enrollment_id, job.marked.step) for job in jobs]
        deadline = self._deadline()
        try:
            kept = await sending.renew(
                self._world.database, self.name, keys, self._settings.lease, self._world.timeline.clock()
            )
        except Unavailable:
            self._world.witness.excuse(self.name)
            self._is_renewal_due = True
            self._schedule(self._settings.lease / 6, "renew", self._renew)
            return
        for job, key in zip(jobs, keys, strict=True):
            if key in kept:
                job.deadline = deadline
        self._schedule_renewal()

    def _deadline(self) -> datetime:
        return self._world.timeline.now + timedelta(seconds=self._settings.lease)
