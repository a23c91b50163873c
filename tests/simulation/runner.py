"""Runs seeds: a server and a database for the whole process, a world for each seed, and the checks at its end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from simulation import checks
from simulation.database import SimulatedDatabase
from simulation.history import Violation
from simulation.parameters import draw
from simulation.world import World


@dataclass(frozen=True, slots=True)
class Report:
    """What a seed came to."""

    seed: int
    digest: str
    violations: tuple[Violation, ...] = ()
    numbers: dict[str, int] = field(default_factory=dict)


async def run_seed(database: SimulatedDatabase, seed: int, listener: Callable[[str], None] | None = None) -> Report:
    """Runs one seed on an emptied database."""
    await database.empty()
    world = World(draw(seed), database)
    if listener is not None:
        world.timeline.listeners.append(listener)
    violations: list[Violation] = []
    try:
        await world.run()
    except Violation as violation:
        violations.append(violation)
    is_whole = not violations
    violations += await checks.judge(world, is_whole)
    history = world.history
    numbers = {
        "events": world.timeline.happened,
        "days": (world.timeline.now - world.parameters.start).days,
        "commits": database.commits,
        "marked": len(history.marks),
        "arrived": len(history.arrivals),
        "unknown": sum(one.state == "unknown" for one in history.settled),
    }
    for violation in violations:
        world.note("VIOLATION", violation)
    return Report(seed, world.timeline.digest(), tuple(violations), numbers)
