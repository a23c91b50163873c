"""A simulated world: one seed, one thread of control, the product's services over a real database, and the truth."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from caesura.domain.definition import read_definition
from caesura.domain.errors import Unavailable
from caesura.domain.lead_entry import LeadInput
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition
from caesura.domain.validation import validate
from caesura.service import campaigns, definitions, enrollments, history, holds, mailboxes, recovery, workspaces
from caesura.service.campaigns import PauseOptions
from caesura.service.plans import Plans
from simulation import mailings as mailing_people
from simulation.database import LANE, Fault, Lane, Loss, ProcessDied, SimulatedDatabase
from simulation.history import (
    Barrier,
    Edition,
    Enrolled,
    History,
    Key,
    Moment,
    Pause,
    Violation,
)
from simulation.parameters import FaultParameters, MailingParameters, Parameters
from simulation.people import ACTOR, People
from simulation.timeline import Event, Timeline
from simulation.witness import Witness
from simulation.workers import Aim, SimulatedWorker, Unsealer

NO_FAULTS = FaultParameters(0, 0, 0, 0, 0, 0, 0, 1, 0, 0)
# Rivals in a race are what would have happened within so long.
_RIVALRY = timedelta(seconds=3)
# What people wait for, to do their deeds at that very moment, and how likely they then do one: most of what may go
# wrong goes wrong beside a mark.
_AMBUSHED = {"claim": 0.02, "compose": 0.3, "mark": 0.8, "record": 0.3}
# How often they lie in wait, and how often their deed is about the very thing that they waited for.
_PATIENT = 0.7
_AIMED = 0.8
# How likely the history takes what is at an end soon after an outcome was recorded, and how long it must be there.
_MOVED = 0.3
_AGES = (0.0, 0.0, 0.1, 60.0, 3_600.0)
# Beside a mailing, workers look at two campaigns each time, also in weeks in which hardly anything may go out.
_MOST_EVENTS = 60_000
_MOST_DAYS = 250

_ENROLLMENTS = """
select e.id, e.campaign_id, e.lead_id, l.address, l.address_key, l.domain, l.fields, l.zone
from enrollment e join lead l on l.workspace_id = e.workspace_id and l.id = e.lead_id where e.id > $1 order by e.id
"""
_NEXT_INSTANT = """
select min(at) from (
  select min(not_before) as at from enrollment where state = 'waiting' and not_before > $1
  union all select min(e.due_at + c.clock_offset) from enrollment e
    join campaign c on c.workspace_id = e.workspace_id and c.id = e.campaign_id
    where e.state = 'waiting' and e.not_before is null and c.status = 'running' and e.due_at + c.clock_offset > $1
  union all select min(lease_until) from enrollment where state = 'claimed' and lease_until > $1
  union all select min(lease_until) from message where state = 'sending'
  union all select min(resume_at) from campaign where status = 'paused'
  union all select min(starts_at) from campaign where status = 'scheduled'
  union all select min(greatest(ready_at, wait_until, busy_until)) from mailbox_pace
    where greatest(ready_at, wait_until, busy_until) > $1
  union all select min(ready_at) from campaign_pace where ready_at > $1) as known
"""
_IS_ANYTHING_DUE = """
select exists (select from enrollment where state = 'waiting' and not_before <= $1)
  or exists (select from enrollment where state = 'claimed' and lease_until <= $1)
  or exists (select from message where state = 'sending' and lease_until <= $1)
  or exists (select from campaign where status = 'scheduled' and starts_at <= $1)
  or exists (select from campaign where status in ('paused', 'editing') and (resume_at <= $1 or quiesced_at is null))
  or exists (select from campaign c where status = 'running' and not exists (select from enrollment e
    where e.workspace_id = c.workspace_id and e.campaign_id = c.id and e.state in ('waiting', 'claimed', 'held')))
"""
_UNFINISHED = """
select e.id, e.state, e.cause, e.step, c.status from enrollment e
join campaign c on c.workspace_id = e.workspace_id and c.id = e.campaign_id
where e.state = 'claimed' or (c.status <> 'stopped' and (e.state = 'waiting'
  or (e.state = 'held' and e.cause in ('lead_hold', 'domain_hold', 'unknown_outcome', 'overdue_review', 'manual'))))
union all
select enrollment_id, state, cause, step, '' from message where state = 'sending'
"""


class World:
    """Everything there is in one seed."""

    def __init__(self, parameters: Parameters, database: SimulatedDatabase) -> None:
        self.parameters = parameters
        self.database = database
        self.timeline = Timeline(parameters.start)
        self.history = History(self.timeline)
        self.witness = Witness(self.timeline, self.history)
        self.habits = parameters.habits
        self.faults = parameters.faults
        self.workspace = 0
        self.mailbox_ids: list[int] = []
        self.campaign_ids: list[int] = []
        self.mailings: dict[int, MailingParameters] = {}
        self.definitions: list[dict[str, Any]] = [dict(one) for one in parameters.campaigns]
        self.workers: dict[str, SimulatedWorker] = {}
        self.released_by_people: set[int] = set()
        self.is_racing = False
        self.is_calm = False
        self.stirs = 0  # how often something changed that may concern a worker that sleeps
        self.people = People(self)
        self._random = Random(f"{parameters.seed}/world")
        self._history_random = Random(f"{parameters.seed}/history")
        self._edition = 0
        self._worker_number = 0
        self._is_quiet = False
        self._ambushes: list[Event] = []
        self._at_hand: list[Aim] = []  # of the worker that people lie in wait for
        self._late: list[tuple[str, set[int], Event]] = []
        self._looked_after = parameters.start
        self._plans = Plans(Unsealer())
        database.heard = self._heard

    # What the others use

    def note(self, *words: object) -> None:
        self.timeline.note(*words)

    def later(self, seconds: float, event: Event) -> None:
        self.timeline.after(seconds, event)

    def lane(self) -> Lane:
        return LANE.get()

    def leads(self) -> list[Enrolled]:
        return list(self.history.enrolled.values())

    def aim(self, random: Random) -> Aim:
        """Something that may be kept back: mostly what is just about to be sent, if somebody waits for that."""
        if self._at_hand and random.random() < _AIMED:
            aim = random.choice(self._at_hand)
            copied = self._copied(aim)
            return random.choice(copied) if copied and random.random() < 0.5 else aim
        lead = random.choice(self.leads())
        return Aim(random.choice(self.campaign_ids), lead.enrollment, lead.lead, random.choice(self.mailbox_ids))

    def _copied(self, aim: Aim) -> list[Aim]:
        """The same message, by those who are to get a copy of it and are leads."""
        mailing = self.mailings.get(aim.campaign)
        if mailing is None:
            return []
        recipients = [self.parameters.leads[place].address for place in mailing.recipients]
        copies = mailing.copies.get(recipients.index(self.history.enrolled[aim.enrollment].address), {})
        return [replace(aim, enrollment=one.enrollment, lead=one.lead) for one in self.leads() if one.address in copies]

    def holds_in_force(self) -> list[Barrier]:
        return [one for one in self.history.barriers if one.until is None and one.number]

    def next_edition(self) -> int:
        self._edition += 1
        return self._edition

    def hint(self, campaign: int | None) -> None:
        """Tells the workers that something changed, late or never."""
        for worker in list(self.workers.values()):
            if self._random.random() >= self.faults.lost_hints:
                event = Event("hint", worker.name, lambda worker=worker: worker.hear(campaign))
                self.later(self._random.expovariate(20), event)

    def belated(self, kind: str, enrollments: Iterable[int], event: Event) -> None:
        """Lets something happen just after one of these was claimed, or marked, by whomever: when it is too late."""
        self._late.append((kind, set(enrollments), event))

    def happened(self, kind: str, enrollments: Iterable[int]) -> None:
        """These were claimed, or marked."""
        known = set(enrollments)
        for late in [late for late in self._late if late[0] == kind and late[1] & known]:
            self._late.remove(late)
            self.later(self._random.expovariate(1 / self.parameters.workers.step_seconds), late[2])

    def wake_all(self) -> None:
        self.stirs += 1
        for worker in self.workers.values():
            worker.wake()

    async def next_instant(self, wait: datetime | None) -> float | None:
        """Seconds until the next thing that is known to come."""
        self._is_quiet = True
        clock = self.timeline.clock()
        at = await self.database.monitor.fetchval(_NEXT_INSTANT, clock)
        known = [one for one in (at, wait) if one is not None and one > clock]
        return (min(known) - clock).total_seconds() if known else None

    async def is_anything_due(self) -> bool:
        """Whether a worker's tick may find something to do."""
        return bool(await self.database.monitor.fetchval(_IS_ANYTHING_DUE, self.timeline.clock()))

    async def place_hold(
        self, level: str, subject: str, cause: str, actor: str, reason: str | None, now: datetime
    ) -> None:
        row = await holds.place(self.database, self.workspace, level, subject, cause, actor, reason, now)
        self.note(actor, "holds", level, subject, cause, row.id)
        found = [one for one in self.history.barriers if one.number == row.id]
        if not self.is_racing and not any(one.until is None for one in found):
            raise Violation("G8", f"hold {row.id} was answered and is not in force")

    def settleable(self) -> list[Key]:
        """Unknown messages of which the truth can be known."""
        jobs = [job for one in self.workers.values() for job in one.in_transit]
        return self.witness.settleable({(job.marked.enrollment_id, job.marked.step) for job in jobs})

    # What is written down

    def _heard(self, number: int, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
        self.stirs += len(rows)
        self.witness.hear(self.moment(number), rows)
        self.happened("mark", [data["enrollment"] for kind, data in rows if data.get("state") == "sending"])

    def moment(self, commit: int) -> Moment:
        return Moment(commit, self.timeline.now, self.timeline.clock())

    def asked_to_pause(self, campaign: int, options: PauseOptions, commit: int) -> None:
        if commit:
            self.history.pauses.append(Pause(self.moment(commit), campaign, options.clock, options.on_overdue))

    def edited(self, place: int, number: int, definition: dict[str, Any], commit: int) -> None:
        if commit:
            self.definitions[place] = definition
            edition = Edition(self.moment(commit), self.campaign_ids[place], number, definition)
            self.history.editions.append(edition)

    def answered(self, enrollment: int, kind: str) -> None:
        """A lead has said no, in one way or another: nothing more of this campaign, whoever lets it in again."""
        since = self.moment(self.lane().last_commit)
        self.history.barriers.append(Barrier("answered", str(enrollment), kind, since))

    def knows_mailing(self, campaign: int, mailing: MailingParameters, commit: int) -> None:
        """A mailing is there, as a campaign of its own, since this commit or a little later."""
        self.mailings[campaign] = mailing
        self.campaign_ids.append(campaign)
        self.definitions.append(dict(mailing.definition))
        self.history.editions.append(Edition(self.moment(commit), campaign, 0, mailing.definition))

    def frozen_spans(self, campaign: int) -> list[tuple[datetime, datetime]]:
        """When the campaign's clock stood still, by what people asked for and when the campaign changed its status."""
        asked = {one.moment.commit: one for one in self.history.pauses if one.campaign == campaign}
        switched = {one.moment.commit: one for one in self.history.switches if one.campaign == campaign}
        spans: list[tuple[datetime, datetime]] = []
        since: datetime | None = None
        status = ""
        for commit in sorted({*asked, *switched}):
            switch, pause = switched.get(commit), asked.get(commit)
            at = switch.moment.at if switch else asked[commit].moment.at
            before, status = status, switch.status if switch else status
            mode = pause.clock if pause else None
            if status == "editing" or (mode is None and before != "paused"):
                mode = "freeze"
            is_halted = status in ("paused", "editing")
            if is_halted and mode == "freeze":
                since = since or at
            elif since is not None and (not is_halted or mode == "run"):
                spans.append((since, at))
                since = None
        return [*spans, (since, self.timeline.now)] if since else spans

    def campaign_time(self, campaign: int, at: datetime) -> datetime:
        """What the campaign's clock showed at a true instant; not for worlds whose clocks jump."""
        return at - timedelta(seconds=self.frozen_seconds(campaign, self.parameters.start, at))

    def frozen_seconds(self, campaign: int, earlier: datetime, later: datetime) -> float:
        """How long the campaign's clock stood still between two true instants."""
        spans = self.frozen_spans(campaign)
        return sum(max(0.0, (min(end, later) - max(start, earlier)).total_seconds()) for start, end in spans)

    async def learn_enrollments(self) -> None:
        """Takes note of who is enrolled now."""
        known = max(self.history.enrolled, default=0)
        names = {one.address: one.name for one in self.parameters.leads}
        for row in await self.database.monitor.fetch(_ENROLLMENTS, known):
            self.history.enrolled[row["id"]] = Enrolled(
                row["id"], row["campaign_id"], row["lead_id"], names[row["address"]], row["address"],
                row["address_key"], row["domain"], row["fields"], row["zone"], self.moment(self.database.commits),
            )  # fmt: skip

    # Workers

    def start_worker(self) -> None:
        self._worker_number += 1
        worker = SimulatedWorker(self, f"w{self._worker_number}")
        self.workers[worker.name] = worker

    def died(self, worker: SimulatedWorker) -> None:
        """The supervisor sees it and buries it, or nobody does; a new one comes."""
        self.left(worker)
        if self._random.random() < self.faults.burial:
            name = worker.name
            event = Event("bury", "supervisor", lambda: self.people.attempt("bury", lambda: self._bury(name)), True)
            self.later(self._random.uniform(0.05, 5), event)

    def left(self, worker: SimulatedWorker) -> None:
        del self.workers[worker.name]
        self.later(self._random.uniform(0.5, 120), Event("start worker", "supervisor", self.start_worker))

    async def _bury(self, name: str) -> None:
        recovered = await recovery.bury(self.database, self._plans, name, self.timeline.clock())
        self.note("buried", name, recovered.unknown, recovered.returned)

    # The history

    def _plan_move(self) -> None:
        random = self._history_random
        age = timedelta(seconds=random.choice(_AGES))
        event = Event("move", "history", lambda: self._move(age), True)
        self.later(age.total_seconds() + random.uniform(0, 3), event)

    async def _move(self, age: timedelta) -> None:
        await history.prepare(self.database, self.timeline.clock())
        self.note("history takes", await history.move(self.database, age, self.timeline.clock()))

    # The run

    async def run(self) -> None:
        """From the first row to the checks' material; raises Violation."""
        await self._prepare()
        main = timedelta(days=self.parameters.main_days)
        end = self.parameters.start + main
        self.people.plan(main.total_seconds())
        mailing_people.plan(self, main.total_seconds())
        while not (self.is_calm and await self._is_over()):
            event = self.timeline.next()
            if event is None:
                raise Violation("liveness", "nothing happens any more")
            if not self.is_calm and self.timeline.now >= end:
                self.is_calm = True
                self.faults, self.habits = NO_FAULTS, self.habits.calm()
                self.note("calm")
                while self._ambushes:
                    await self._alone(self._ambushes.pop(0))
                await self._alone(Event("calm", "people", self.people.settle_down))
            await self._check_bounds()
            await self._happen(event)

    async def _prepare(self) -> None:
        lane = self.database.lanes[0]
        LANE.set(lane)
        lane.begin(None)
        now, parameters = self.timeline.clock(), self.parameters
        database = self.database
        self.workspace = await workspaces.named(database, "simulated", now)
        for box in parameters.mailboxes:
            row = await mailboxes.create(
                database, self.workspace, validate(MailboxDefinition, box), _no_seal, ACTOR, now
            )
            self.mailbox_ids.append(row.id)
        for number, members in enumerate(parameters.pools):
            pool = {"name": f"pool {number}", "mailboxes": [f"box{member}" for member in members]}
            await mailboxes.create_pool(database, self.workspace, validate(PoolDefinition, pool), ACTOR, now)
        for place, definition in enumerate(self.definitions):
            campaign = await definitions.create(database, self.workspace, read_definition(definition), ACTOR, now)
            self.campaign_ids.append(campaign)
            self.edited(place, 0, definition, database.commits)
        early = parameters.leads[: len(parameters.leads) - parameters.late_leads]
        for place, campaign in enumerate(self.campaign_ids):
            given = [LeadInput(one.address, one.fields, one.zone) for one in early if place in one.campaigns]
            if given:
                await enrollments.enrol_new(database, self.workspace, campaign, given, False, ACTOR, now)
        await self.learn_enrollments()
        for campaign in self.campaign_ids:
            if parameters.starts_later:
                at = now + timedelta(hours=3)
                await campaigns.schedule(database, self.workspace, campaign, at, ACTOR, now)
            else:
                await definitions.start(database, self.workspace, campaign, ACTOR, now)
        for _ in range(parameters.workers.count):
            self.start_worker()

    async def _is_over(self) -> bool:
        """Whether, in the calm, everything has come to an end; looks after what people must look after."""
        if not self._is_quiet:
            return False
        self._is_quiet = False
        rows = await self.database.monitor.fetch(_UNFINISHED)
        if not rows and all(worker.is_idle for worker in self.workers.values()):
            return True
        if self.timeline.now - self._looked_after > timedelta(hours=8):
            self._looked_after = self.timeline.now
            await self._alone(Event("settle down", "people", self.people.settle_down))
        return False

    async def _check_bounds(self) -> None:
        if self.timeline.happened > _MOST_EVENTS or self.timeline.now > self.parameters.start + timedelta(_MOST_DAYS):
            rows = [tuple(row) for row in await self.database.monitor.fetch(_UNFINISHED)]
            raise Violation("G2", f"it comes to no end, after {self.timeline.happened} events: {rows}")

    async def _happen(self, event: Event) -> None:
        """Runs an event, alone or in a race with others that were about to happen."""
        random = self._random
        is_race = event.is_racy and self.faults.race > 0 and random.random() < self.faults.race
        if event.name == "record" and self._history_random.random() < _MOVED:
            self._plan_move()
        if event.actor == "people" and random.random() < _PATIENT:
            self._ambushes.append(event)
            return
        rivals: list[Event] = []
        if self._ambushes and random.random() < _AMBUSHED.get(event.name, 0):
            ambush = self._ambushes.pop(0)
            self.note("people lay in wait for", event.actor, event.name)
            worker = self.workers.get(event.actor)
            self._at_hand = worker.at_hand if worker is not None else []
            if is_race or (self.faults.race > 0 and random.random() < 0.5):
                rivals.append(ambush)
            else:
                await self._alone(ambush)
        if is_race and not rivals:
            rivals = self.timeline.rivals(event, _RIVALRY)
            for surplus in rivals[2:]:
                self.timeline.after(0, surplus)
        if rivals:
            await self._race([event, *rivals[:2]])
        else:
            await self._alone(event)
        self._at_hand = []

    async def _race(self, racing: list[Event]) -> None:
        self.note("race of", *[f"{one.actor} {one.name}" for one in racing])
        self.is_racing = True
        try:
            calls = [(lambda one=one: self._guarded(one), self._draw_fault(one)) for one in racing]
            await self.database.race(calls, self._random)
        finally:
            self.is_racing = False

    async def _alone(self, event: Event) -> None:
        lane = self.database.lanes[0]
        LANE.set(lane)
        lane.begin(self._draw_fault(event))
        await self._guarded(event)

    async def _guarded(self, event: Event) -> None:
        try:
            done = event.action()
            if inspect.isawaitable(done):
                await done
        except ProcessDied:
            worker = self.workers.get(event.actor)
            self.note(event.actor, "dies in", event.name)
            if worker is not None:
                worker.die()
        except Violation:
            raise
        except Unavailable as error:
            self.note(event.actor, event.name, "unavailable", error.code)
        except Exception as error:
            raise Violation("error", f"{event.actor}, {event.name}: {error!r}") from error

    def _draw_fault(self, event: Event) -> Fault | None:
        if not event.is_racy:
            return None
        faults, random = self.faults, self._random
        # An outcome that is recorded twice, since the answer was lost, is what the ledger must tell from a new one.
        worker = self.workers.get(event.actor)
        is_taking_back = event.name == "record" and worker is not None and worker.takes_something_back
        line = faults.line_to_database * (12 if is_taking_back else 5 if event.name == "record" else 1)
        if line and self.mailings and event.name == "compose" and random.random() < 0.2:
            return Fault(Loss.LINE_BEFORE)  # the files of a mailing are asked for then, and nothing else
        if line and random.random() < line:
            return Fault(random.choice((Loss.LINE_BEFORE, Loss.LINE_AFTER)), random.randrange(12))
        if faults.death_in_database and random.random() < faults.death_in_database:
            return Fault(random.choice((Loss.DEATH_BEFORE, Loss.DEATH_AFTER)), random.randrange(12))
        return None


def _no_seal(workspace: int, name: str, secret: str) -> bytes:
    raise AssertionError("there is nothing to seal")
