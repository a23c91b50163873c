"""What people do to a world, at any moment: pause, resume, take out, stop, edit, hold, release, suppress, add leads."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from caesura.domain.definition import read_definition
from caesura.domain.errors import Conflict, Invalid, NotFound, Unavailable
from caesura.domain.inbound import BounceType, InboundKind, InboundReport
from caesura.domain.lead_entry import LeadInput
from caesura.service import campaigns, definitions, enrollments, holds, inbound, readmission, recovery, suppressions
from caesura.service.campaigns import PauseOptions, Status
from caesura.service.plans import Plans
from simulation.history import Enrolled, Violation
from simulation.parameters import LeadParameters, step
from simulation.timeline import Event
from simulation.workers import Unsealer

if TYPE_CHECKING:
    from simulation.world import World

ACTOR = "person"
# Rows that whoever stops a campaign may change, however many leads there are: the campaign, twice, and its events.
_STATUS_ROWS = 4


class People:
    """Everybody who is not a worker."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._random = Random(f"{world.parameters.seed}/people")
        self._plans = Plans(Unsealer())
        self._verbs: Mapping[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "pause": (5, self._pause),
            "resume": (4, self._resume),
            "stop": (1, self._stop),
            "take out": (2, self._take_out),
            "edit": (3, self._edit),
            "hold": (9, self._hold),
            "release": (3, self._release),
            "suppress": (2, self._suppress),
            "reply": (4, self._reply),
            "hold enrollment": (1, self._hold_enrollment),
            "release enrollment": (1, self._release_enrollment),
            "settle": (2, self._settle),
        }

    def plan(self, seconds: float) -> None:
        """Puts this seed's deeds on the timeline, within so many seconds from now."""
        world, random = self._world, self._random
        names = list(self._verbs)
        weights = [weight for weight, _ in self._verbs.values()]
        for _ in range(world.parameters.people):
            name = random.choices(names, weights)[0]
            # In many worlds most is sent early.
            most = seconds * random.choice((1.0, 0.1, 0.001, 0.001))
            world.later(random.uniform(0, most), self._event(name, self._verbs[name][1]))
        late = [lead for lead in world.parameters.leads[-world.parameters.late_leads or len(world.parameters.leads) :]]
        for lead in late:
            world.later(random.uniform(0, 1.2 * seconds), self._event("add lead", lambda lead=lead: self.enrol(lead)))
        apart = Random(f"{world.parameters.seed}/readmissions")
        for _ in range(world.parameters.readmissions):
            most = seconds * apart.choice((1.0, 0.1, 0.001))
            world.later(apart.uniform(0, most), self._event("send away", lambda: self._send_away(apart)))
        for _ in range(world.parameters.faults.jumps):
            world.later(random.uniform(0, seconds), Event("clock jumps", "clock", self._jump))
        if random.random() < 0.15:
            world.later(random.uniform(0, seconds), Event("restart", "supervisor", self._restart))

    def _event(self, name: str, verb: Callable[[], Awaitable[None]]) -> Event:
        return Event(name, "people", lambda: self.attempt(name, verb), True)

    async def attempt(self, name: str, verb: Callable[[], Awaitable[None]]) -> None:
        """Does it; what the program refuses in so many words is no fault."""
        try:
            await verb()
        except (Conflict, Invalid, NotFound) as error:
            self._world.note("people", name, "refused", error.code)
        except Unavailable as error:
            self._world.note("people", name, "unavailable", error.code)

    # Campaigns

    def _campaign(self) -> int:
        return self._world.aim(self._random).campaign

    def _lead(self) -> Enrolled:
        return self._world.history.enrolled[self._world.aim(self._random).enrollment]

    async def _pause(self) -> None:
        world, random, campaign = self._world, self._random, self._campaign()
        now = world.timeline.clock()
        hours = random.choice((0.01, 0.5, 5.0, 50.0))
        options = PauseOptions(
            resume_at=now + timedelta(hours=hours) if random.random() < 0.3 else None,
            clock=random.choice((None, None, "freeze", "run")),
            new_leads=random.choice((None, "hold", "reject")),
            on_overdue=random.choice((None, "spread", "skip", "review")),
        )
        world.note("people pause", campaign, options.clock, options.on_overdue, options.resume_at)
        asked = campaigns.pause(world.database, world.workspace, campaign, options, ACTOR, now)
        await self._halt(asked, "paused", lambda commit: world.asked_to_pause(campaign, options, commit))
        world.hint(campaign)
        if random.random() < 0.8:
            world.later(hours * 3_600 * random.uniform(0.1, 2), self._event("resume", lambda: self._resume(campaign)))

    async def _take_out(self) -> None:
        """Somebody wants to edit without anything going out."""
        world, random, campaign = self._world, self._random, self._campaign()
        world.note("people take out", campaign)
        now = world.timeline.clock()
        asked = campaigns.start_editing(world.database, world.workspace, campaign, ACTOR, now)
        await self._halt(asked, "editing", lambda commit: None)
        world.hint(campaign)
        if random.random() < 0.8:
            hours = random.choice((0.01, 0.5, 50.0))
            world.later(hours * 3_600, self._event("resume", lambda: self._resume(campaign)))

    async def _halt(self, asked: Awaitable[Status], expected: str, heard: Callable[[int], None]) -> None:
        """Asks for it, and looks whether the answer is true. `heard` is told the number of its commit; 0: none."""
        lane = self._world.lane()
        lane.wants_changed_rows, lane.changed_rows = True, None
        try:
            status = await asked
        finally:
            lane.wants_changed_rows = False
            heard(lane.last_commit)
        self._check_halt(status, expected, lane.changed_rows)

    def _check_halt(self, status: Status, expected: str, changed: int | None) -> None:
        if status.campaign.status != expected:
            raise Violation("G1", f"who asked for {expected} was answered {status.campaign.status}")
        if changed is not None and changed > _STATUS_ROWS:
            raise Violation("G4", f"who asked for {expected} changed {changed} rows")
        if status.campaign.quiesced_at is not None and status.in_transit:
            raise Violation("G1", f"quiet, with {status.in_transit} in transit")
        if not self._world.is_racing:
            truly = self._world.witness.in_transit(status.campaign.id)
            if status.in_transit != truly:
                raise Violation("G1", f"the answer was {status.in_transit} in transit; there were {truly}")

    async def _resume(self, campaign: int | None = None) -> None:
        world = self._world
        campaign = campaign or self._campaign()
        now = world.timeline.clock()
        status = await campaigns.resume(world.database, world.workspace, campaign, ACTOR, now)
        world.note("people resume", campaign, status.campaign.clock_offset)
        world.wake_all()

    async def _start(self, campaign: int) -> None:
        world = self._world
        status = (await campaigns.status(world.database, world.workspace, campaign, world.timeline.clock())).campaign
        if status.status == "draft":
            await definitions.start(world.database, world.workspace, campaign, ACTOR, world.timeline.clock())

    async def _stop(self) -> None:
        world, campaign = self._world, self._campaign()
        await campaigns.stop(world.database, world.workspace, campaign, None, ACTOR, world.timeline.clock())
        world.note("people stop", campaign)
        world.hint(campaign)

    async def _edit(self) -> None:
        """New texts; perhaps more or fewer steps, other delays."""
        world, random = self._world, self._random
        campaign = self._campaign()
        if campaign in world.mailings:
            return
        place = world.campaign_ids.index(campaign)
        before = world.definitions[place]
        number = world.next_edition()
        count = max(1, min(5, len(before["steps"]) + random.choice((-1, 0, 0, 0, 1))))
        steps = [
            step(random, place, at, number, random.choice(("fast", "mixed")), world.timeline.now) for at in range(count)
        ]
        definition = {**before, "steps": steps}
        now = world.timeline.clock()
        content = read_definition(definition)
        try:
            await definitions.edit(world.database, world.workspace, campaign, content, None, ACTOR, now)
        finally:
            world.edited(place, number, definition, world.lane().last_commit)
        world.note("people edit", campaign, "edition", number, "steps", count)
        world.hint(campaign)

    # Holds and suppressions

    async def _hold(self) -> None:
        world, random = self._world, self._random
        level = random.choices(("workspace", "mailbox", "domain", "campaign", "lead"), (3, 2, 2, 1, 3))[0]
        aim = world.aim(random)
        subject = {
            "workspace": "",
            "mailbox": str(aim.mailbox),
            "domain": world.history.enrolled[aim.enrollment].domain,
            "campaign": str(aim.campaign),
            "lead": str(aim.lead),
        }[level]
        cause = random.choice(("manual", "complaint"))
        await world.place_hold(level, subject, cause, ACTOR, None, world.timeline.clock())
        world.hint(None)
        if random.random() < 0.8:
            most = random.choice((60, 3_600, 2 * 86_400))
            world.later(random.uniform(1, most), self._event("release", self._release))

    async def _release(self) -> None:
        in_force = self._world.holds_in_force()
        if in_force:
            await self.release_one(self._random.choice(in_force).number)

    async def release_one(self, number: int) -> None:
        world = self._world
        world.released_by_people.add(number)
        try:
            await holds.release(world.database, world.workspace, number, ACTOR, world.timeline.clock())
        except Unavailable:
            # It may be released, with leads that met it still held: one asks again until it is through.
            world.later(60, self._event("release", lambda: self.release_one(number)))
            raise
        world.note("people release", number)
        world.wake_all()

    async def _suppress(self) -> None:
        world = self._world
        lead = self._lead()
        now, kind = world.timeline.clock(), self._random.choice(("address", "domain", "unsubscribe"))
        if kind == "unsubscribe":
            await inbound.unsubscribe(world.database, world.workspace, lead.lead, now)
        else:
            value = lead.address if kind == "address" else lead.domain
            await suppressions.suppress(world.database, world.workspace, value, ACTOR, now)
        world.note("people suppress", kind, lead.address)

    # Leads

    async def enrol(self, lead: LeadParameters) -> None:
        """Adds a lead to its campaigns."""
        world = self._world
        given = [LeadInput(lead.address, lead.fields, lead.zone)]
        for place in lead.campaigns:
            campaign, now = world.campaign_ids[place], world.timeline.clock()
            try:
                answer = await enrollments.enrol_new(
                    world.database, world.workspace, campaign, given, False, ACTOR, now
                )
            finally:
                await world.learn_enrollments()
            world.note("people enrol", lead.name, campaign, answer.rows[0].fate, answer.rows[0].enrollment_id)
        world.wake_all()

    async def _send_away(self, random: Random) -> None:
        """Takes a lead out by hand, to let it in again soon or late."""
        world = self._world
        one = world.history.enrolled[world.aim(random).enrollment]
        world.later(random.choice((0.01, 5.0, 600.0, 86_400.0)), self._event("readmit", lambda: self._readmit(one)))
        await enrollments.stop(world.database, world.workspace, one.enrollment, ACTOR, world.timeline.clock())
        world.note("people send away", one.enrollment)
        world.hint(one.campaign)

    async def _readmit(self, one: Enrolled) -> None:
        world, now = self._world, self._world.timeline.clock()
        key = world.database, world.workspace, one.campaign, [one.lead]
        answer = await enrollments.enrol(*key, ACTOR, now, readmit=readmission.BY_HAND)
        world.note("people readmit", one.enrollment, answer.rows[0].fate)
        world.wake_all()

    async def _reply(self) -> None:
        """Something came back, most often to a message that has arrived: what takes the lead out does so at once."""
        world, random = self._world, self._random
        one = self._lead()
        kind = random.choice(("reply", "reply", "auto_reply", "soft bounce", "hard bounce", "complaint", "unsubscribe"))
        arrived = [each.mark for each in world.history.arrivals if each.mark and each.mark.enrollment == one.enrollment]
        answered = random.choice(arrived).message_id if arrived else None
        given = InboundReport(
            InboundKind("bounce" if "bounce" in kind else kind),
            address=None if answered else one.address,
            campaign_id=None if answered else one.campaign,
            in_reply_to=answered,
            bounce_type=BounceType(kind.split()[0]) if "bounce" in kind else None,
        )
        now = world.timeline.clock()
        await inbound.report(world.database, self._plans, world.workspace, given, "inbound", now)
        if kind not in ("auto_reply", "soft bounce"):
            world.answered(one.enrollment, kind)
        row = await enrollments.get(world.database, world.workspace, one.enrollment)
        world.note("people reply", one.enrollment, kind, answered is not None, row.state)
        if kind not in ("auto_reply", "soft bounce") and row.state not in ("stopped", "finished"):
            raise Violation("G6", f"a {kind} left the enrollment {row.state}")
        world.wake_all()

    async def _hold_enrollment(self) -> None:
        world = self._world
        one = self._lead()
        await enrollments.hold(world.database, world.workspace, one.enrollment, ACTOR, world.timeline.clock())
        world.note("people hold enrollment", one.enrollment)

    async def _release_enrollment(self) -> None:
        world = self._world
        one = self._lead()
        await enrollments.release(world.database, world.workspace, one.enrollment, ACTOR, world.timeline.clock())
        world.note("people release enrollment", one.enrollment)
        world.wake_all()

    async def _settle(self) -> None:
        """Somebody looks into Sent, and says what became of an unknown message. They never err."""
        world = self._world
        unknown = world.settleable()
        if unknown:
            await self.settle_one(*self._random.choice(unknown))

    async def settle_one(self, enrollment: int, number: int) -> None:
        world = self._world
        was_sent = world.witness.has_arrived(enrollment, number)
        now = world.timeline.clock()
        await recovery.settle_unknown(
            world.database, self._plans, world.workspace, enrollment, number, was_sent, ACTOR, now
        )
        world.note("people settle", enrollment, number, was_sent)
        world.wake_all()

    # The world at large

    def _jump(self) -> None:
        world, random = self._world, self._random
        size = random.choice((5.0, 90.0, 1_800.0, 7_200.0, 30_000.0)) * random.random()
        by = timedelta(seconds=size if random.random() < 0.5 else -size)
        world.timeline.jump(by)
        for worker in world.workers:
            world.witness.excuse(worker)
        world.note("clock jumps", by)
        world.wake_all()

    def _restart(self) -> None:
        """The whole server goes, gracefully or not, and comes back."""
        world = self._world
        world.note("restart")
        is_graceful = self._random.random() < 0.4
        for worker in list(world.workers.values()):
            worker.stop() if is_graceful else worker.die()

    async def settle_down(self) -> None:
        """The calm at the end: everything is released, resumed and looked after, as far as the program lets one."""
        world = self._world
        for hold in world.holds_in_force():
            await self.attempt("release", lambda hold=hold: self.release_one(hold.number))
        for campaign in world.campaign_ids:
            await self.attempt("resume", lambda campaign=campaign: self._resume(campaign))
            # A planned start that found no usable mailbox went back to a draft.
            await self.attempt("start", lambda campaign=campaign: self._start(campaign))
        for one in world.leads():
            await self.attempt("release enrollment", lambda one=one: self._go_on(one.enrollment))
        for key in world.settleable():
            await self.attempt("settle", lambda key=key: self.settle_one(*key))
        world.wake_all()

    async def _go_on(self, enrollment: int) -> None:
        world = self._world
        row = await enrollments.get(world.database, world.workspace, enrollment)
        if row.state == "held" and row.cause in ("manual", "overdue_review"):
            await enrollments.release(world.database, world.workspace, enrollment, ACTOR, world.timeline.clock())
