"""What a suite hands back, how it is printed, and the file that is kept of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least this share (0 to 1) of them does not exceed: the nearest rank."""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * share // 1).__int__() - 1)]


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured: one sample a round."""

    name: str
    unit: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return median(self.samples)


@dataclass(frozen=True, slots=True)
class Bar:
    """What was hoped for: `value` is to be at least `least`, or at most `most`."""

    name: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def sentence(self) -> str:
        """The bound in words."""
        if self.least is not None:
            return f"at least {number(self.least)}{_with(self.unit)}"
        assert self.most is not None
        return f"at most {number(self.most)}{_with(self.unit)}"


@dataclass(slots=True)
class Report:
    """One suite: figures, bars, and `broken`: sentences about what must never happen and did."""

    suite: str
    figures: list[Figure] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def add(self, name: str, unit: str, *samples: float) -> Figure:
        """One more figure, of these rounds."""
        figure = Figure(name, unit, samples)
        self.figures.append(figure)
        return figure

    def expect(self, what: str, holds: bool) -> None:
        """Takes down `what` as broken unless it holds."""
        if not holds:
            self.broken.append(what)


def number(value: float) -> str:
    """A number for people: three digits that count, or whole thousands."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _with(unit: str) -> str:
    return f" {unit}" if unit and not unit.startswith("/") else unit


def as_json(report: Report) -> dict[str, Any]:
    """What is kept of a suite."""
    return {
        "figures": [
            {
                "name": one.name,
                "unit": one.unit,
                "median": round(one.median, 4),
                "min": round(min(one.samples), 4),
                "max": round(max(one.samples), 4),
                "rounds": len(one.samples),
            }
            for one in report.figures
        ],
        "bars": [
            {
                "name": one.name,
                "bar": one.sentence,
                "value": round(one.value, 4),
                "unit": one.unit,
                "met": one.is_met,
            }
            for one in report.bars
        ],
        "notes": report.notes,
        "broken": report.broken,
    }


def lines(suite: str, kept: Mapping[str, Any]) -> Iterator[str]:
    """The table of one suite, as it is printed, out of what is kept of it."""
    yield f"== {suite}"
    figures, bars = kept["figures"], kept["bars"]
    width = max((len(one["name"]) for one in (*figures, *bars)), default=0)
    for one in figures:
        spread = f"  ({number(one['min'])} to {number(one['max'])} in {one['rounds']})" if one["rounds"] > 1 else ""
        yield f"  {one['name']:{width}}  {number(one['median']):>9}{_with(one['unit'])}{spread}"
    for one in bars:
        word = "pass" if one["met"] else "MISS"
        yield f"  {one['name']:{width}}  {number(one['value']):>9}{_with(one['unit'])}  {word}: {one['bar']}"
    yield from (f"  {note}" for note in kept["notes"])
    yield from (f"  BROKEN: {sentence}" for sentence in kept["broken"])


def write(folder: Path, moment: str, content: Mapping[str, Any]) -> Path:
    """Keeps a run as `<moment>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{moment}.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
