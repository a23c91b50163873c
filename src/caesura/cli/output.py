"""What commands print: tables on a terminal, plain aligned text into a pipe, JSON when asked for."""

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {
    "running": "green", "completed": "green", "ok": "green", "sent": "green", "finished": "green",
    "paused": "yellow", "scheduled": "cyan", "warn": "yellow", "held": "yellow", "unknown": "yellow",
    "pending_approval": "yellow", "editing": "yellow", "deferred": "yellow",
    "stopped": "red", "fail": "red", "rejected": "red", "revoked": "red", "expired": "red",
}  # fmt: skip


def console() -> Console:
    """Standard output as rich sees it; made anew, since tests exchange the stream."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


def is_terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout.isatty()


def clean(text: object) -> str:
    """As one line without control characters: names and replies come from strangers."""
    return " ".join("".join(one if one.isprintable() else " " for one in str(text)).split())


def cut(text: str, width: int) -> str:
    """The text, or as much of its beginning as fits, with a sign that there is more."""
    text = clean(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def word(state: str) -> Text:
    """A state, in its colour."""
    return Text(state, style=_COLOURS.get(state, ""))


def say(text: str, style: str = "") -> None:
    """A line for people."""
    console().print(Text(text, style=style))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A table; the columns named in `right` hold numbers."""
    cells = [[clean("" if cell is None else cell) for cell in row] for row in rows]
    if is_terminal():
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, justify="right" if column in right else "left", overflow="fold")
        for row in cells:
            table.add_row(*(word(cell) for cell in row))
        Console(file=sys.stdout, highlight=False, markup=False, emoji=False).print(table)
        return
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    for row in [list(columns), *cells]:
        line = "  ".join(
            " " * (width - cell_len(cell)) + cell if column in right else cell + " " * (width - cell_len(cell))
            for cell, width, column in zip(row, widths, columns, strict=True)
        )
        print(line.rstrip())


def show_first(limit: int, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A table of the first `limit` of these rows, and a line that says so where there are more."""
    show_table(columns, rows[:limit], right)
    if len(rows) > limit:
        say(f"There are more than {limit}: see --limit and --json.")


def show_pairs(pairs: Sequence[tuple[str, object]]) -> None:
    """Names and values, one to a line; values that are None are left out."""
    shown = [
        (name, value if isinstance(value, Text) else Text(clean(value))) for name, value in pairs if value is not None
    ]
    width = max((cell_len(name) for name, _ in shown), default=0)
    for name, value in shown:
        console().print(Text(f"{name}{' ' * (width - cell_len(name))}  ", style="dim").append(value))


def show_json(value: Any) -> None:
    """One JSON value: dataclasses as objects, instants as RFC 3339 in UTC, durations as seconds."""
    json.dump(plain(value), sys.stdout, ensure_ascii=False, indent=2)
    print()


async def write_json_list(items: AsyncIterator[Any]) -> None:
    """One JSON list, however long, in bounded memory."""
    opening = "["
    async for item in items:
        print(f"{opening}\n  {json.dumps(plain(item), ensure_ascii=False)}", end="")
        opening = ","
    print("[]" if opening == "[" else "\n]")


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case datetime():
            return instant(value)
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case str() | int() | float() | None:
            return value
        case _ if is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case Sequence():
            return [plain(item) for item in value]
        case _:
            return str(value)


def instant(moment: datetime) -> str:
    """RFC 3339, in UTC, to the second: for people. `--json` has the whole."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(moment: datetime, now: datetime) -> str:
    """How far a moment is away, in words: `3 min ago`, `in 2 days`."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 2:
        return "just now"
    length = duration(abs(seconds))
    return f"in {length}" if seconds > 0 else f"{length} ago"


def duration(seconds: float) -> str:
    """A length of time in its two words: `40 ms`, `12 s`, `5 min`, `3 h`, `9 days`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 129_600 else f"{seconds / 86_400:.0f} days"


def number(count: int) -> str:
    """A count, with commas between thousands."""
    return f"{count:,}"
