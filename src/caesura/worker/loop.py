"""The worker: claims, composes, marks, submits, records. One in each process."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from caesura.domain.errors import CaesuraError, Invalid, NotFound, Unavailable
from caesura.domain.mime import FilePart
from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.domain.unsendable import Unsendable
from caesura.protocol.smtp import Outcome, SessionFailure
from caesura.service import history, recovery, sending, timers, workers
from caesura.service.files import Files
from caesura.service.plans import Plans
from caesura.store.database import Database
from caesura.store.sending import Claimed, Runnable
from caesura.worker.allowances import Allowances
from caesura.worker.bounds import leading, messages_within
from caesura.worker.carrier import Carrier, Job
from caesura.worker.hints import Hint, listen
from caesura.worker.letters import Identity, Ready, write_letter
from caesura.worker.recorder import InTransit, Recorder

log = structlog.get_logger()

# What a hint must say for messages that have not been begun to be dropped.
_WITHDRAWING = frozenset(
    {"campaign.paused", "campaign.stopped", "campaign.editing_started", "campaign.edited", "hold.placed"}
)

# Of each of many campaigns at least so many are claimed in turn: a transaction for one costs nearly as much.
_SHARE = 20
# Letters that are composed in one go: half a millisecond; and while this worker is behind the gate, where whoever
# pauses waits for it.
_LETTERS, _LETTERS_BESIDE_A_MARK = 10, 2
# Recipients that are marked together where there are copies, each of which is asked for behind the gate.
_RECIPIENTS = 500


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker works. Times in seconds.

    `slots` bounds the messages in transit in this process, and so what a pause has to wait for; `group` is how many
    are claimed at once, `mark_group` how many are marked. `lease` is how long claims and messages in transit stay this
    worker's without a sign of life, which it gives every third of that. `gather` is how long outcomes gather at most
    before they are written. A server that has not answered for `silence` gives its slots back. A stopping worker waits
    for messages in transit for `patience`; then those whose content is not written are deferred, the others unknown.
    What is at an end for `history_after` goes to the history: looked for every `history`, and moved in parts with
    `rest` between them. `enclosed` bounds the bytes of files in messages that are composed or in transit: each has its
    own, whatever `slots` would let through.
    """

    slots: int = 400
    group: int = 200
    mark_group: int = 100
    lease: float = 60.0
    poll: float = 0.5
    tick: float = 1.0
    gather: float = 0.02
    outage: float = 1.0
    silence: float = 3.0
    patience: float = 25.0
    history_after: float = 3 * 86_400.0
    history: float = 60.0
    rest: float = 0.05
    enclosed: int = 256_000_000


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Which worker this is: `name` is unique among all that ever ran, `process_id` is on `host`."""

    name: str
    host: str
    process_id: int


class Worker:
    """One worker. `run` works until `stop`, and returns with everything finished, recorded or given back."""

    def __init__(
        self,
        identity: WorkerIdentity,
        database: Database,
        plans: Plans,
        letters: Identity,
        clock: Callable[[], datetime],
        settings: WorkerSettings | None = None,
        make_carrier: Callable[[Callable[[int, MailboxPlan, SessionFailure], None]], Carrier] = Carrier,
    ) -> None:
        self._identity = identity
        self._name = identity.name
        self._database = database
        self._plans = plans
        self._files = Files()
        self._letters = letters
        self._clock = clock
        self._settings = settings or WorkerSettings()
        self._recorder = Recorder(identity.name, database, plans, clock, self._settings.gather, self._settings.outage)
        self._carrier = make_carrier(self._recorder.session_failed)
        loop = asyncio.get_running_loop()
        # What is composed waits for slots, so that there is always something to mark.
        most = self._settings.slots + self._settings.group
        self._allowances = Allowances(self._settings.slots, most, self._settings.silence, loop.time)
        self._passing: asyncio.Task[None] | None = None
        self._passing_is_paced = False
        self._is_marking = False
        self._withdrawals = 0
        self._stopping = asyncio.Event()
        self._hint = asyncio.Event()
        self._renewed_at = clock()
        self._recovers_at = 0.0

    def stop(self) -> None:
        """Asks the worker to finish: nothing new is marked, what is begun is finished, the rest is given back."""
        self._stopping.set()
        self._hint.set()
        self._recorder.wake()

    @property
    def in_transit(self) -> int:
        """How many messages are marked by this worker and not recorded yet; at most `slots`."""
        return len(self._recorder.in_transit)

    async def run(self) -> None:
        """Works until `stop`. A lost database is waited for; nothing is sent that cannot be recorded."""
        settings = self._settings
        background = [
            asyncio.create_task(self._recorder.run()),
            asyncio.create_task(self._every(settings.lease / 3, self._renew)),
            asyncio.create_task(self._every(settings.tick, self._tick)),
            asyncio.create_task(self._every(settings.history, self._move_to_history)),
            asyncio.create_task(listen(self._database.dsn, self._on_hint, settings.outage)),
        ]
        try:
            await self._feed()
            self._carrier.withdraw(list(self._recorder.in_transit))
            await self._carrier.close(settings.patience)
            await self._recorder.drain()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
        # Only now: a sign of life that was under way would put the row back.
        await workers.forget(self._database, self._name)

    # Feeding

    async def _feed(self) -> None:
        while not self._stopping.is_set():
            self._hint.clear()
            try:
                moved = await self._round()
            except Unavailable as error:
                log.warning("database_unavailable", error=error.detail)
                await _wait(self._stopping, self._settings.outage)
                continue
            except Exception:
                log.exception("round_broke")
                await _wait(self._stopping, self._settings.outage)
                continue
            if not moved:
                await _wait(self._hint, self._settings.poll)
        with suppress(Unavailable):
            await self._passed()

    async def _round(self) -> bool:
        """Serves each running campaign once, each its share of the slots; whether anything moved."""
        moved = False
        self._allowances.is_short = False
        campaigns = await sending.runnable(self._database)
        for campaign in campaigns:
            if self._stopping.is_set():
                return True
            share = max(_SHARE, self._settings.slots // len(campaigns))
            try:
                moved |= await self._serve(campaign, min(share, self._settings.group))
            except Unavailable:
                raise
            except Exception:
                # A fault of ours with one campaign must not end the messages that others have in transit. What is
                # claimed comes back with its lease, which also keeps this from turning fast.
                log.exception("campaign_broke", campaign=campaign.campaign_id)
        return moved

    async def _serve(self, campaign: Runnable, limit: int) -> bool:
        if self._passing_is_paced:
            # What it spends must be written before anybody asks what is left.
            await self._passed()
        try:
            async with self._database.connection() as connection:
                key = (campaign.workspace_id, campaign.campaign_id, campaign.version)
                plan = await self._plans.campaign(connection, *key)
        except (Invalid, NotFound) as error:
            log.error("campaign_unusable", campaign=campaign.campaign_id, error=error.detail)
            return False
        if plan.file_bytes:
            limit = await self._room_for_files(plan, limit)
            if not limit:
                return False
        lease, now, withdrawals = self._settings.lease, self._clock(), self._withdrawals

        def allowed(mailbox: MailboxPlan, wanted: int) -> int:
            return self._allowances.room((plan.workspace_id, mailbox.mailbox_id), mailbox, wanted)

        claim = await sending.claim(self._database, self._plans, plan, self._name, limit, lease, now, allowed)
        if not claim.work:
            return claim.is_stale or claim.settled > 0
        ready = await self._compose(plan, claim.work, await self._files.of(self._database, plan))
        # While these pass the gate, the next ones are claimed and composed.
        await self._passed()
        self._passing_is_paced = plan.is_paced or any(one.mailbox.is_paced for one in ready)
        self._passing = asyncio.create_task(self._pass(plan, ready, withdrawals))
        return True

    async def _room_for_files(self, plan: CampaignPlan, limit: int) -> int:
        # Once what is composed has passed the gate, all that holds files is in transit.
        await self._passed()
        held = sum(one.plan.file_bytes for one in self._recorder.in_transit.values())
        room = messages_within(self._settings.enclosed, held, plan.file_bytes, limit)
        self._allowances.is_short |= room < limit
        return room

    async def _compose(
        self, plan: CampaignPlan, work: Sequence[sending.Work], files: Sequence[FilePart]
    ) -> list[Ready]:
        ready: list[Ready] = []
        failed: list[tuple[Claimed, str]] = []
        now = self._clock()
        for number, one in enumerate(work, start=1):
            try:
                ready.append(write_letter(plan, one, self._letters, now, files))
            except Unsendable as error:
                failed.append((one.claimed, error.code))
            except Exception:
                log.exception("letter_failed", enrollment=one.claimed.enrollment_id)
                failed.append((one.claimed, "render_failed"))
            at_once = _LETTERS_BESIDE_A_MARK if self._is_marking else _LETTERS
            if number % at_once == 0 or one.mailbox.signing is not None:
                # Connections, and a mark that whoever pauses waits for, must not wait for a group of them; and a
                # signature takes as long as ten letters.
                await asyncio.sleep(0)
                now = self._clock()
        if failed:
            await sending.set_aside(self._database, plan, failed, self._name, self._clock())
        return ready

    async def _pass(self, plan: CampaignPlan, ready: Sequence[Ready], withdrawals: int) -> None:
        """Marks what is composed as slots become free; gives it back when the worker stops or anything is paused.

        `withdrawals` is how often that had happened when these were claimed.
        """
        keys = [(plan.workspace_id, one.mailbox.mailbox_id) for one in ready]
        for key, one in zip(keys, ready, strict=True):
            self._allowances.began(key, one.mailbox)
        first = 0
        submitted: set[int] = set()

        def is_over() -> bool:
            return self._stopping.is_set() or self._withdrawals != withdrawals

        try:
            while first < len(ready):
                # A pause waits for the marks that are behind the gate, so they are kept shorter than claims.
                group = ready[first : first + min(self._settings.mark_group, self._settings.slots)]
                if plan.copies:
                    group = group[: leading([len(one.wanted.copies) for one in group], _RECIPIENTS)]
                await self._recorder.wait_for_room(self._settings.slots, len(group), is_over)
                if is_over():
                    back = [one.wanted.claimed for one in ready[first:]]
                    await sending.give_back(self._database, plan, back, self._name, self._clock())
                    return
                submitted |= await self._mark(plan, group)
                first += len(group)
        except Unavailable:
            raise
        except Exception:
            log.exception("campaign_broke", campaign=plan.campaign_id)
        finally:
            for key, one in zip(keys, ready, strict=True):
                if one.wanted.claimed.enrollment_id not in submitted:
                    self._allowances.ended(key, is_answered=False)

    async def _passed(self) -> None:
        """Returns once all that was composed is marked or given back. Raises Unavailable if the database was away."""
        if self._passing is not None:
            passing, self._passing, self._passing_is_paced = self._passing, None, False
            await passing

    async def _mark(self, plan: CampaignPlan, ready: Sequence[Ready]) -> set[int]:
        """Marks a group and hands on what passed; answers the enrollments of these."""
        wanted = [one.wanted for one in ready]
        lease, now = self._settings.lease, self._clock()
        deadline = asyncio.get_running_loop().time() + lease
        self._is_marking = True
        try:
            answer = await sending.mark(self._database, self._plans, plan, wanted, self._name, lease, now)
        except Exception:
            # The commit may have come through: nothing is written, and the recorder undoes it once it can.
            self._recorder.doubt(plan, [(one.claimed.enrollment_id, one.claimed.step) for one in wanted], now)
            raise
        finally:
            self._is_marking = False
        by_enrollment = {one.wanted.claimed.enrollment_id: one for one in ready}
        for marked in answer.marked:
            one = by_enrollment[marked.enrollment_id]
            out = answer.left_out.get(marked.enrollment_id) if answer.left_out else None
            envelope = one.without(out) if out else one.envelope
            job = Job(plan.workspace_id, one.mailbox, envelope, self._finished, deadline)
            self._recorder.in_transit[job] = InTransit(plan, marked, one.mailbox.mailbox_id)
            self._carrier.submit(job)
        return {marked.enrollment_id for marked in answer.marked}

    def _finished(self, job: Job, outcome: Outcome) -> None:
        self._allowances.ended((job.workspace_id, job.mailbox.mailbox_id), outcome.reply is not None)
        self._recorder.finished(job, outcome)
        if self._allowances.is_short:
            self._hint.set()

    def _take_back(self) -> None:
        """What waits for a server that has fallen silent gives its slots to others."""
        for key, count in self._allowances.take_back().items():
            latest = [job for job in self._recorder.in_transit if (job.workspace_id, job.mailbox.mailbox_id) == key]
            while latest and count > 0:
                count -= self._carrier.withdraw([latest.pop()])

    # Beside

    def _on_hint(self, hint: Hint) -> None:
        if hint.kind in _WITHDRAWING:
            of_it = [
                job
                for job, one in self._recorder.in_transit.items()
                if job.workspace_id == hint.workspace and hint.campaign in (None, one.plan.campaign_id)
            ]
            self._carrier.withdraw(of_it)
            self._withdrawals += 1
            self._recorder.wake()
        self._hint.set()

    async def _renew(self) -> None:
        deadline = asyncio.get_running_loop().time() + self._settings.lease
        jobs = dict(self._recorder.in_transit)
        keys = [(one.plan.workspace_id, one.marked.enrollment_id, one.marked.step) for one in jobs.values()]
        now = self._clock()
        kept = await sending.renew(self._database, self._name, keys, self._settings.lease, now)
        for job, key in zip(jobs, keys, strict=True):
            if key in kept:
                job.deadline = deadline
        self._renewed_at = now

    async def _tick(self) -> None:
        self._take_back()
        now = self._clock()
        me = self._identity
        await workers.see(self._database, me.name, me.host, me.process_id, self._settings.slots, now)
        if (now - self._renewed_at).total_seconds() > self._settings.lease / 2:
            # The database was away, or the clock has jumped: our own come first, or we would take them for lost. Other
            # workers have seen the same and need a moment for theirs.
            await self._renew()
            self._recovers_at = asyncio.get_running_loop().time() + self._settings.lease / 3
        if asyncio.get_running_loop().time() >= self._recovers_at:
            await recovery.recover(self._database, self._plans, now)
        await timers.tick(self._database, now)

    async def _move_to_history(self) -> None:
        age = timedelta(seconds=self._settings.history_after)
        await history.prepare(self._database, self._clock())
        while await history.move(self._database, age, self._clock()) == history.BATCH:
            await asyncio.sleep(self._settings.rest)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except CaesuraError as error:
                log.warning("background_work_failed", work=work.__name__, error=error.detail)
            except Exception:
                log.exception("background_work_broke", work=work.__name__)
            await asyncio.sleep(seconds)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
