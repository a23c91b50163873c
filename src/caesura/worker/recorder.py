"""Writes outcomes down as they come, in groups; keeps them until the database has taken them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from msgspec import Struct

from caesura.domain.classify import Fault, classify_session
from caesura.domain.delivery import Delivery
from caesura.domain.errors import Unavailable
from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.protocol.smtp import Kind, Outcome, SessionFailure
from caesura.service import holds, sending
from caesura.service.plans import Plans
from caesura.store.database import Database
from caesura.store.sending import Marked
from caesura.worker.carrier import Job
from caesura.worker.letters import delivery

log = structlog.get_logger()

# At most so many outcomes are written at once, and so many are waited for.
GROUP = 250
FULL = 150
# A server that is away is asked again after a minute, then after two, four ... up to an hour.
_FIRST_SECONDS = 60.0
_LAST_SECONDS = 3600.0


class InTransit(Struct, frozen=True, gc=False):
    """A marked message, until its outcome is recorded."""

    plan: CampaignPlan
    marked: Marked
    mailbox_id: int


class Recorder:
    """Takes outcomes from the carrier and writes them. `in_transit` is what this worker has marked and not recorded."""

    def __init__(
        self,
        worker: str,
        database: Database,
        plans: Plans,
        clock: Callable[[], datetime],
        gather_seconds: float,
        outage_seconds: float,
    ) -> None:
        self.in_transit: dict[Job, InTransit] = {}
        self._worker = worker
        self._database = database
        self._plans = plans
        self._clock = clock
        self._gather_seconds = gather_seconds
        self._outage_seconds = outage_seconds
        self._outcomes: list[tuple[Job, Outcome]] = []
        self._failures: list[tuple[int, MailboxPlan, SessionFailure]] = []
        self._doubtful: list[tuple[CampaignPlan, Sequence[tuple[int, int]], datetime]] = []
        self._failed_in_a_row: dict[tuple[int, int], tuple[int, datetime]] = {}
        self._arrived = asyncio.Event()
        self._more = asyncio.Event()
        self._recorded = asyncio.Event()

    def finished(self, job: Job, outcome: Outcome) -> None:
        """For the carrier: the outcome of a job."""
        self._outcomes.append((job, outcome))
        self._arrived.set()
        if len(self._outcomes) >= FULL:
            self._more.set()

    def session_failed(self, workspace_id: int, mailbox: MailboxPlan, failure: SessionFailure) -> None:
        """For the carrier: a session that could not be had."""
        self._failures.append((workspace_id, mailbox, failure))
        self._arrived.set()

    def doubt(self, plan: CampaignPlan, claimed: Sequence[tuple[int, int]], marked_at: datetime) -> None:
        """For the worker: a mark whose answer was lost, and of which nothing has been written."""
        self._doubtful.append((plan, claimed, marked_at))
        self._arrived.set()

    def wake(self) -> None:
        """For the worker: whoever waits for a free slot looks again."""
        self._recorded.set()

    async def wait_for_room(self, slots: int, count: int, is_over: Callable[[], bool]) -> None:
        """Returns once there is room for `count` more messages in transit of at most `slots`, or when `is_over`.

        That is asked anew when messages are recorded, and by `wake`.
        """
        while len(self.in_transit) + count > slots and not is_over():
            self._recorded.clear()
            await self._recorded.wait()

    async def drain(self) -> None:
        """Returns once every outcome is recorded."""
        while self.in_transit or self._doubtful:
            self._recorded.clear()
            await self._recorded.wait()

    async def run(self) -> None:
        """Records until cancelled. While the database is away everything is kept, and nothing new can be marked."""
        while True:
            await self._arrived.wait()
            await self._gather()
            try:
                await self._blame()
                await self._disown()
                if self._outcomes:
                    await self._record(self._outcomes[:GROUP])
                if not (self._outcomes or self._failures or self._doubtful):
                    self._arrived.clear()
            except Unavailable as error:
                log.warning("cannot_record", waiting=len(self._outcomes), error=error.detail)
                await asyncio.sleep(self._outage_seconds)
            except Exception:
                # Without a recorder nothing would ever leave `in_transit`: it goes on, whatever it was.
                log.exception("recorder_broke", waiting=len(self._outcomes))
                await asyncio.sleep(self._outage_seconds)

    async def _gather(self) -> None:
        """A transaction for a few costs nearly as much as one for many."""
        try:
            async with asyncio.timeout(self._gather_seconds):
                while len(self._outcomes) < FULL:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            return

    async def _record(self, group: Sequence[tuple[Job, Outcome]]) -> None:
        by_plan: dict[tuple[int, int, int], list[tuple[Job, Outcome]]] = {}
        for job, outcome in group:
            plan = self.in_transit[job].plan
            by_plan.setdefault((plan.workspace_id, plan.campaign_id, plan.version), []).append((job, outcome))
        fault: Exception | None = None
        for several in by_plan.values():
            try:
                await self._record_of_one_plan(several)
            except Unavailable:
                raise
            except Exception as error:
                # What cannot be recorded of one campaign is kept, and keeps no other's back.
                fault = error
                continue
            done = {job for job, _ in several}
            self._outcomes = [entry for entry in self._outcomes if entry[0] not in done]
            for job in done:
                del self.in_transit[job]
            self._recorded.set()
        if fault is not None:
            raise fault

    async def _record_of_one_plan(self, several: Sequence[tuple[Job, Outcome]]) -> None:
        plan = self.in_transit[several[0][0]].plan
        deliveries: list[Delivery] = []
        for job, outcome in several:
            one = self.in_transit[job]
            deliveries.append(delivery(one.marked, one.mailbox_id, outcome))
            if outcome.kind is Kind.ACCEPTED:
                self._failed_in_a_row.pop((plan.workspace_id, one.mailbox_id), None)
        now = self._clock()
        for mailbox_id, (cause, blamed) in sending.mailboxes_to_hold(plan, deliveries, now).items():
            reason = f"{blamed.code or ''} {blamed.text or ''}".strip()
            await self._hold(plan.workspace_id, mailbox_id, cause, reason, now)
        await sending.record(self._database, self._plans, plan, deliveries, self._worker, now)

    async def _disown(self) -> None:
        while self._doubtful:
            plan, claimed, marked_at = self._doubtful[0]
            await sending.disown(self._database, self._plans, plan, claimed, self._worker, marked_at, self._clock())
            self._doubtful.pop(0)
            self._recorded.set()

    async def _hold(self, workspace_id: int, mailbox_id: int, cause: str, reason: str, now: datetime) -> None:
        actor, subject = f"worker:{self._worker}", str(mailbox_id)
        await holds.place(self._database, workspace_id, "mailbox", subject, cause, actor, reason[:500], now)

    async def _blame(self) -> None:
        """Holds or puts off the mailboxes whose server gave no session: a person must mend it, or time will."""
        while self._failures:
            workspace_id, mailbox, failure = self._failures[0]
            now = self._clock()
            reply = failure.reply
            verdict = classify_session(
                failure.kind.value,
                failure.stage.value,
                reply.code if reply else None,
                reply.enhanced if reply else None,
            )
            if verdict.fault is Fault.MAILBOX:
                await self._hold(workspace_id, mailbox.mailbox_id, verdict.cause, failure.detail, now)
            else:
                until = self._put_off_until((workspace_id, mailbox.mailbox_id), now)
                await sending.put_off_mailbox(
                    self._database, workspace_id, mailbox.mailbox_id, until, "server_unreachable"
                )
            log.warning("no_session", mailbox=mailbox.mailbox_id, cause=verdict.cause, detail=failure.detail)
            self._failures.pop(0)

    def _put_off_until(self, key: tuple[int, int], now: datetime) -> datetime:
        """When the server of a mailbox is asked again. Sessions that fail side by side count as one failure."""
        count, until = self._failed_in_a_row.get(key, (0, now))
        if until <= now:
            count += 1
            until = now + timedelta(seconds=min(_LAST_SECONDS, _FIRST_SECONDS * 2 ** min(count - 1, 10)))
            self._failed_in_a_row[key] = (count, until)
        return until
