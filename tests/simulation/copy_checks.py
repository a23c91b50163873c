"""Single mailings: a copy comes with its message, once or never; the files are in each message."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulation.history import Arrival, Barrier, Mark, Violation

if TYPE_CHECKING:
    from simulation.world import World

_COPIES = """
select c.campaign_id, c.enrollment_id, c.address, c.address_key, c.domain, c.is_hidden, c.outcome,
  (select l.id from lead l where l.address_key = c.address_key) as lead
from message_copy c order by c.enrollment_id, c.place
"""
_FILES = "select campaign_id, count(*) from attachment group by campaign_id"


async def mailings_are_whole(world: "World") -> list[Violation]:
    """All copies and files of a mailing are kept, or none, since it was cut short: then it sends without them."""
    if not world.mailings:
        return []
    rows = [dict(row) for row in await world.database.monitor.fetch(_COPIES)]
    files = dict(await world.database.monitor.fetch(_FILES))
    by_enrollment: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_enrollment.setdefault(row["enrollment_id"], []).append(row)
    violations = []
    for arrival in world.history.arrivals:
        mark = arrival.mark
        if mark is None or mark.campaign not in world.mailings:
            continue
        violations += _files(world, arrival, mark, files.get(mark.campaign, 0))
        violations += _copies(world, arrival, mark, by_enrollment.get(mark.enrollment, []))
    violations += _marks(world, by_enrollment)
    violations += _outcomes(world, by_enrollment)
    return violations


def _files(world: "World", arrival: Arrival, mark: Mark, kept: int) -> Iterator[Violation]:
    wanted = world.mailings[mark.campaign].files
    if kept not in (0, len(wanted)):
        yield Violation("files", f"{kept} of {len(wanted)} files are kept")
    found = sum(b64encode(content) in arrival.content for content in wanted.values())
    if found != kept:
        yield Violation("files", f"{mark} arrived with {found} of {kept} files")


def _copies(world: "World", arrival: Arrival, mark: Mark, rows: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """Who was to get a copy got this message once, or was refused, or was not to be written to when it was marked."""
    taken, refused = list(arrival.copies), set(arrival.refused)
    for row in rows:
        address = row["address"]
        count = taken.count(address)
        is_barred = _is_suppressed(world, row, mark)
        if count + (address in refused) + is_barred != 1:
            told = f"taken {count} times, refused: {address in refused}, suppressed: {is_barred}"
            yield Violation("copies", f"of {mark} to {address}: {told}")
        if row["is_hidden"] and address.encode() in arrival.content:
            yield Violation("copies", f"{mark} shows who is hidden: {address}")
    if strangers := set(taken) - {row["address"] for row in rows}:
        yield Violation("copies", f"{mark} went to {strangers} too")


def _marks(world: "World", by_enrollment: Mapping[int, Sequence[Mapping[str, Any]]]) -> Iterator[Violation]:
    """A message of which a copy is held is not marked, unless that copy is suppressed besides."""
    for mark in world.history.marks:
        for row in by_enrollment.get(mark.enrollment, ()):
            for barrier in world.history.barriers:
                is_held = (barrier.level, barrier.subject) in (("domain", row["domain"]), ("lead", str(row["lead"])))
                if is_held and _covers(world, barrier, mark) and not _is_suppressed(world, row, mark):
                    yield Violation("copies", f"{mark} against {barrier} of its copy to {row['address']}")


def _is_suppressed(world: "World", row: Mapping[str, Any], mark: Mark) -> bool:
    levels = (("suppressed_address", row["address_key"]), ("suppressed_domain", row["domain"]))
    return any((one.level, one.subject) in levels and _covers(world, one, mark) for one in world.history.barriers)


def _covers(world: "World", barrier: Barrier, mark: Mark) -> bool:
    until = barrier.until.commit if barrier.until else world.database.commits + 1
    return barrier.since.commit < mark.moment.commit < until


def _outcomes(world: "World", by_enrollment: Mapping[int, Sequence[Mapping[str, Any]]]) -> Iterator[Violation]:
    """What is recorded of a copy is what happened to it, and of a message that was sent it is recorded."""
    arrivals = {one.mark.enrollment: one for one in world.history.arrivals if one.mark}
    sent = {one.enrollment for one in world.history.settled if (one.before, one.state) == ("sending", "sent")}
    for enrollment, rows in by_enrollment.items():
        arrival = arrivals.get(enrollment)
        for row in rows:
            address, outcome = row["address"], row["outcome"]
            truth = None
            if arrival is not None:
                truth = (
                    "taken" if address in arrival.copies else "refused" if address in arrival.refused else "left_out"
                )
            if (outcome is None and enrollment in sent) or (outcome in ("taken", "refused") and outcome != truth):
                yield Violation(
                    "copies", f"the copy to {address} of {enrollment} is recorded as {outcome}, not {truth}"
                )
