"""G1, G6, G8: what keeps messages back keeps them back, from its commit on."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulation.history import Barrier, Enrolled, Mark, Violation

if TYPE_CHECKING:
    from simulation.world import World

_OFFSETS = "select id, clock_offset from campaign where status in ('running', 'completed') order by id"


def _subject(barrier: Barrier, mark: Mark, enrolled: Enrolled) -> bool:
    """Whether the barrier is about this message."""
    match barrier.level:
        case "workspace":
            return True
        case "mailbox":
            return barrier.subject == str(mark.mailbox)
        case "campaign":
            return barrier.subject == str(mark.campaign)
        case "lead":
            return barrier.subject == str(enrolled.lead)
        case "domain" | "suppressed_domain":
            return barrier.subject == enrolled.domain
        case "suppressed_address":
            return barrier.subject == enrolled.address_key
        case "enrollment" | "answered":
            return barrier.subject == str(mark.enrollment)
    raise AssertionError(barrier.level)


def nothing_passes_a_barrier(world: "World") -> Iterator[Violation]:
    """No message enters `sending` against a hold, a suppression, or for an enrollment that was stopped or held."""
    history = world.history
    for barrier in history.barriers:
        until = barrier.until.commit if barrier.until else world.database.commits + 1
        rule = "G1" if barrier.level == "enrollment" else "G8"
        for mark in history.marks:
            covers = barrier.since.commit < mark.moment.commit < until
            if covers and _subject(barrier, mark, history.enrolled[mark.enrollment]):
                yield Violation(rule, f"{mark} against {barrier}")


def nothing_is_marked_while_not_running(world: "World") -> Iterator[Violation]:
    """No message of a campaign enters `sending` after a pause has committed, nor before a start, nor after a stop."""
    history = world.history
    for mark in history.marks:
        before = [one for one in history.switches if one.campaign == mark.campaign]
        status = max(
            (one for one in before if one.moment.commit < mark.moment.commit),
            key=lambda one: one.moment.commit,
            default=None,
        )
        if status is None or status.status != "running":
            yield Violation("G1", f"{mark} while {status}")


def nothing_edited_goes_out(world: "World") -> Iterator[Violation]:
    """What was composed from content that has been edited since is not marked any more."""
    history = world.history
    for arrival in history.arrivals:
        if arrival.mark is not None:
            edition = history.edition_at(arrival.mark.campaign, arrival.mark.moment.commit)
            if f"EDITION {edition.number} ".encode() not in arrival.content.replace(b"=\r\n", b""):
                yield Violation("edit", f"{arrival.mark} does not carry edition {edition.number}")


def only_asked_releases_happen(world: "World") -> Iterator[Violation]:
    """Releasing one hold never releases another."""
    for barrier in world.history.barriers:
        if barrier.number and barrier.until and barrier.number not in world.released_by_people:
            yield Violation("G8", f"nobody released {barrier}")


async def clocks_are_offset_by_frozen_pauses(world: "World") -> list[Violation]:
    """G5: the clock of a campaign is behind by as long as it was frozen, and by nothing else."""
    violations: list[Violation] = []
    for row in await world.database.monitor.fetch(_OFFSETS):
        frozen = sum((end - start for start, end in world.frozen_spans(row["id"])), timedelta())
        if not world.timeline.jumps and abs(frozen - row["clock_offset"]) > timedelta(milliseconds=1):
            detail = f"campaign {row['id']} is offset by {row['clock_offset']}, and was frozen for {frozen}"
            violations.append(Violation("G5", detail))
    return violations


def only_what_fell_due_in_a_pause_is_overdue(world: "World") -> Iterator[Violation]:
    """A step is passed over or put up for review only if it fell due in a pause that was to do so."""
    if world.timeline.jumps:
        return
    history = world.history
    passed = {(one.moment.commit, one.enrollment) for one in history.settled if one.cause == "overdue"}
    for move in history.moves:
        is_passed = (move.moment.commit, move.enrollment) in passed
        if is_passed or (move.state == "held" and move.cause == "overdue_review"):
            campaign = history.enrolled[move.enrollment].campaign
            if not any(start <= move.due_before <= end for start, end in _pauses(world, campaign)):
                yield Violation("overdue", f"{move} did not fall due in a pause")


def _pauses(world: "World", campaign: int) -> Iterator[tuple[datetime, datetime]]:
    """The pauses of a campaign in its own time, with a little to spare."""
    since: datetime | None = None
    spare = timedelta(milliseconds=1)
    for switch in world.history.switches:
        if switch.campaign == campaign and switch.before != switch.status:
            if switch.status == "paused":
                since = world.campaign_time(campaign, switch.moment.at)
            elif since is not None:
                yield since - spare, world.campaign_time(campaign, switch.moment.at) + spare
                since = None
