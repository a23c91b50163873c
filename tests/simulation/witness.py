"""Writes down what truly happens: what the database says that it changed, and what the servers were given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

from simulation.history import Arrival, Barrier, History, Key, Mark, Moment, Move, Settled, Switch
from simulation.network import Received
from simulation.timeline import Timeline
from simulation.wires import Job


@dataclass(frozen=True, slots=True)
class LedgerState:
    """Where the ledger has a message now."""

    state: str
    attempt: int
    since: datetime
    worker: str | None


@dataclass(slots=True)
class Witness:
    """Keeps the history of a world, and where the ledger has each message now."""

    timeline: Timeline
    history: History
    _ledger: dict[Key, LedgerState] = field(default_factory=dict)

    # What the workers and the servers tell

    def composed(self, job: Job) -> None:
        marked = job.marked
        key = (marked.enrollment_id, marked.step, marked.attempt)
        self.history.composed[key] = job.envelope.content

    def excuse_job(self, job: Job) -> None:
        """Nobody can know what became of this one."""
        self.history.excused.add((job.marked.enrollment_id, job.marked.step, job.marked.attempt))

    def excuse(self, worker: str) -> None:
        """Nobody can know what became of what this worker has in transit."""
        for (enrollment, step), entry in self._ledger.items():
            if entry.state == "sending" and entry.worker == worker:
                self.history.excused.add((enrollment, step, entry.attempt))

    def received(self, worker: str, mailbox: int, received: Received) -> None:
        """A server was given a content in full."""
        header, _, _ = received.content.partition(b"\r\n\r\n")
        message_id = message_from_bytes(header + b"\r\n\r\n")["Message-ID"]
        mark = self._mark_of(message_id, worker)
        name = f"{mark.enrollment}/{mark.step}#{mark.attempt}" if mark else message_id
        self.timeline.note("server", "takes" if received.is_taken else "refuses", name, received.recipient)
        if mark is not None:
            self.history.seen_ids.setdefault(mark.key, set()).add(message_id)
        if received.is_taken:
            now = self._ledger.get(mark.key) if mark else None
            in_transit = now is not None and mark is not None and now.state == "sending" and now.attempt == mark.attempt
            self.history.arrivals.append(
                Arrival(
                    self.timeline.now, self.timeline.clock(), mailbox, received.sender, received.recipient,
                    received.content, worker, mark, in_transit, received.copies, received.refused,
                )
            )  # fmt: skip

    def _mark_of(self, message_id: str, worker: str) -> Mark | None:
        for mark in reversed(self.history.marks):
            if mark.message_id == message_id and mark.worker == worker:
                return mark
        return None

    # What the database tells

    def hear(self, moment: Moment, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """What a commit changed, as the database's own triggers tell."""
        for kind, data in rows:
            match kind:
                case "message":
                    self._heard_message(moment, data)
                case "enrollment":
                    self._heard_enrollment(moment, data)
                case "campaign":
                    self.history.switches.append(
                        Switch(moment, data["id"], data["before"], data["status"], data["clock_mode"], data["version"])
                    )
                case "hold":
                    self._heard_hold(moment, data)
                case "suppression":
                    self.history.barriers.append(Barrier(f"suppressed_{data['kind']}", data["value"], "", moment))

    def _heard_message(self, moment: Moment, data: dict[str, Any]) -> None:
        key = (data["enrollment"], data["step"])
        self._ledger[key] = LedgerState(data["state"], data["attempt"], moment.at, data["worker"])
        if data["state"] == "sending":
            self.history.marks.append(
                Mark(
                    moment, data["campaign"], *key, data["attempt"], data["mailbox"], data["worker"],
                    data["message_id"], datetime.fromisoformat(data["marked_at"]),
                )
            )  # fmt: skip
            return
        self.history.settled.append(
            Settled(
                moment, data["campaign"], *key, data["attempt"], data["before"], data["state"], data["cause"],
                data["worker"],
            )
        )  # fmt: skip

    def _heard_enrollment(self, moment: Moment, data: dict[str, Any]) -> None:
        due = datetime.fromisoformat(data["due_before"])
        self.history.moves.append(
            Move(
                moment, data["id"], data["before"], data["state"], data["step_before"], data["step"], due, data["cause"]
            )
        )
        if data["state"] in ("stopped", "held"):
            self.history.barriers.append(Barrier("enrollment", str(data["id"]), data["cause"], moment))
        else:
            for barrier in self.history.barriers:
                if barrier.level == "enrollment" and barrier.subject == str(data["id"]) and barrier.until is None:
                    barrier.until = moment

    def _heard_hold(self, moment: Moment, data: dict[str, Any]) -> None:
        found = [one for one in self.history.barriers if one.number == data["id"]]
        if not found:
            barrier = Barrier(data["level"], data["subject"], data["cause"], moment, None, data["id"])
            self.history.barriers.append(barrier)
        elif data["released_at"] is not None and found[0].until is None:
            found[0].until = moment

    # What is known of it

    def has_arrived(self, enrollment: int, step: int) -> bool:
        return any(one.mark is not None and one.mark.key == (enrollment, step) for one in self.history.arrivals)

    def in_transit(self, campaign: int) -> int:
        """How many messages of a campaign are `sending` in the ledger."""
        of = {one.enrollment for one in self.history.enrolled.values() if one.campaign == campaign}
        return sum(entry.state == "sending" and key[0] in of for key, entry in self._ledger.items())

    def settleable(self, in_hand: set[Key]) -> list[Key]:
        """Unknown messages of which the truth can be known: nobody has them `in_hand` any more."""
        return [
            key
            for key, entry in self._ledger.items()
            if entry.state == "unknown"
            and key not in in_hand
            and self.timeline.now - entry.since > timedelta(seconds=60)
        ]
