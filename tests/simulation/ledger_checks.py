"""G2, G3: the ledger says what truly happened, and everybody comes to an end with nothing lost."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from simulation.history import Edition, Settled, Violation

if TYPE_CHECKING:
    from simulation.world import World

_PASSED_OVER = frozenset({"condition", "overdue"})
# Why an enrollment may be held when all is over: what no person of this world could mend.
_HELD = frozenset({"missing_variable", "empty_subject", "template_failed"})

_MESSAGES = "select enrollment_id, step, state, cause, attempt, refusals from ledger order by enrollment_id, step"
_ENROLLMENTS = "select id, campaign_id, lead_id, state, cause, step, due_at from enrollment order by id"
_STATUSES = "select id, status from campaign"
_COUNTED = """
select c.id as campaign, k.* from campaign c cross join lateral (
  select sum(waiting) as waiting, sum(claimed) as claimed, sum(held) as held, sum(finished) as finished,
    sum(stopped) as stopped, sum(sending) as sending, sum(sent) as sent, sum(deferred) as deferred,
    sum(rejected) as rejected, sum(unknown) as unknown, sum(cancelled) as cancelled
  from campaign_counter k where k.campaign_id = c.id) k order by c.id
"""
_FULL_COUNT = """
select campaign_id, state, count(*) from enrollment group by 1, 2
union all select campaign_id, state, count(*) from ledger group by 1, 2
"""
_TWICE = "select enrollment_id, step from ledger group by 1, 2 having count(*) > 1"
_MISPLACED = """
select e.id, e.state, e.moved_on, h.step, h.moved_on as there from message_history h
join enrollment e on e.id = h.enrollment_id
where e.moved_on is distinct from h.moved_on or e.state not in ('finished', 'stopped')
  or h.state not in ('sent', 'rejected', 'cancelled')
union all
select e.id, e.state, e.moved_on, m.step, null from message m
join enrollment e on e.id = m.enrollment_id
where e.moved_on is not null
"""


def outcomes_are_true(world: "World") -> Iterator[Violation]:
    """`sent` has arrived; `rejected`, `deferred` and `cancelled` have not, and never do; `unknown` has an excuse."""
    arrived = {
        (one.mark.enrollment, one.mark.step, one.mark.attempt): one for one in world.history.arrivals if one.mark
    }
    for settled in world.history.settled:
        key = (settled.enrollment, settled.step, settled.attempt)
        arrival = arrived.get(key)
        match settled.state:
            case "sent" if arrival is None or arrival.at > settled.moment.at:
                yield Violation("G3", f"{settled} had not arrived")
            case "rejected" | "deferred" | "cancelled" if arrival is not None:
                yield Violation("G3", f"{settled} did arrive: {arrival.at}")
            case "unknown" if key not in world.history.excused:
                yield Violation("G3", f"{settled} without need")


def unknown_is_never_sent_again(world: "World") -> Iterator[Violation]:
    """Once a message may have arrived, it is not marked again, unless its own worker has told that it was not taken."""
    ends: dict[tuple[int, int], int] = {}
    for settled in world.history.settled:
        if settled.state in ("sent", "unknown", "rejected"):
            ends.setdefault(settled.key, settled.moment.commit)
        elif settled.before == "unknown":
            if not _is_reopened_by_a_late_word(world, settled):
                yield Violation("G3", f"{settled} though its lead is not held for it")
            ends.pop(settled.key, None)
    for mark in world.history.marks:
        if mark.moment.commit > ends.get(mark.key, mark.moment.commit):
            yield Violation("G3", f"{mark} after its end")


def _is_reopened_by_a_late_word(world: "World", settled: Settled) -> bool:
    """Whether the lead was held for it until that very commit, and waits at the same step since."""
    return settled.state in ("deferred", "cancelled") and any(
        (move.enrollment, move.moment.commit, move.before, move.state)
        == (settled.enrollment, settled.moment.commit, "held", "waiting")
        and move.step_before == move.step == settled.step
        for move in world.history.moves
    )


def refusals_are_heeded(world: "World") -> Iterator[Violation]:
    """A message that is put off again and again is given up, and an address that is refused gets nothing more."""
    counts: dict[tuple[int, int], int] = {}
    for settled in world.history.settled:
        if settled.state == "deferred":
            counts[settled.key] = counts.get(settled.key, 0) + 1
    for key, count in counts.items():
        if count > 5:
            yield Violation("attempts", f"{key} was put off {count} times and tried again")
    refused = {one.enrollment: one for one in world.history.settled if one.state == "rejected" and not _by_hand(one)}
    for mark in world.history.marks:
        settled = refused.get(mark.enrollment)
        if settled is not None and mark.step > settled.step and mark.moment.commit > settled.moment.commit:
            yield Violation("attempts", f"{mark} after {settled}")


def _by_hand(settled: Settled) -> bool:
    return settled.cause == "settled_as_not_sent"


async def counters_are_exact(world: "World") -> list[Violation]:
    """The kept counts are those of a full count."""
    full: dict[int, dict[str, int]] = {}
    for campaign, state, count in await world.database.monitor.fetch(_FULL_COUNT):
        full.setdefault(campaign, {})[state] = count
    violations = []
    for row in await world.database.monitor.fetch(_COUNTED):
        kept = {name: int(value) for name, value in row.items() if name != "campaign" and value}
        if kept != full.get(row["campaign"], {}):
            violations.append(Violation("counters", f"kept {kept}, there are {full.get(row['campaign'], {})}"))
    return violations


async def each_message_is_in_one_place(world: "World") -> list[Violation]:
    """Nothing is in the ledger twice; the history has all of a lead that is at an end, or nothing of it."""
    monitor = world.database.monitor
    violations = [Violation("G2", f"twice in the ledger: {tuple(row)}") for row in await monitor.fetch(_TWICE)]
    return violations + [Violation("history", str(dict(row))) for row in await monitor.fetch(_MISPLACED)]


async def everyone_came_to_an_end(world: "World") -> list[Violation]:
    """Faults have ceased and time has gone by: every enrollment is finished, stopped or held, each with every step."""
    monitor = world.database.monitor
    messages: dict[int, dict[int, Mapping[str, Any]]] = {}
    for row in await monitor.fetch(_MESSAGES):
        messages.setdefault(row["enrollment_id"], {})[row["step"]] = row
    statuses = dict(await monitor.fetch(_STATUSES))
    violations: list[Violation] = []
    for row in await monitor.fetch(_ENROLLMENTS):
        known = messages.get(row["id"], {})
        faults = [*_state_faults(row, statuses[row["campaign_id"]]), *_step_faults(world, row, known)]
        for fault in faults:
            violations.append(Violation("G2", f"{fault}: {dict(row)}, {[dict(one) for one in known.values()]}"))
    return violations


def _state_faults(row: Mapping[str, Any], status: str) -> Iterator[str]:
    if status == "stopped":
        if row["state"] == "claimed":
            yield "it is claimed for ever"
        return
    match row["state"]:
        case "waiting" | "claimed":
            yield "it comes to no end"
        case "held" if row["cause"] not in _HELD:
            yield "it is held for a cause that should have been settled"


def _step_faults(world: "World", row: Mapping[str, Any], known: Mapping[int, Mapping[str, Any]]) -> Iterator[str]:
    """Each step behind it has one row with an end, and none was left out."""
    behind = row["step"] if row["state"] == "finished" else row["step"] - 1
    for number in range(1, behind + 1):
        message = known.get(number)
        if message is None:
            yield f"step {number} was left out"
        elif message["state"] == "cancelled" and message["cause"] not in _PASSED_OVER:
            yield f"step {number} was lost"
        elif message["state"] in ("sending", "deferred"):
            yield f"step {number} has no end"
    for number, message in known.items():
        if number > row["step"]:
            yield f"step {number} is ahead of it"
        if message["state"] == "sending" or (message["state"] == "deferred" and row["state"] == "finished"):
            yield f"step {number} has no end"
    if row["state"] == "finished":
        yield from _finish_faults(world, row)


def _finish_faults(world: "World", row: Mapping[str, Any]) -> Iterator[str]:
    moved = [one for one in world.history.moves if one.enrollment == row["id"] and one.state == "finished"]
    moment = moved[-1].moment
    editions = [one for one in world.history.editions if one.campaign == row["campaign_id"] and one.moment <= moment]
    # What was edited in the same instant may have come before or after.
    before = [one for one in editions if one.moment.at < moment.at] or editions
    steps = min([max(before, key=_commit).steps] + [one.steps for one in editions if one.moment.at == moment.at])
    if row["step"] < steps:
        yield f"it finished after step {row['step']} of {steps}"


def _commit(edition: Edition) -> int:
    return edition.moment.commit
