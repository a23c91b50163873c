"""Pages, tables and code in Markdown."""

from collections.abc import Iterable

_NOTE = "<!-- Made out of the code by scripts/generate_reference.py: edit the code, then run `make reference`. -->"


def page(title: str, *parts: str) -> str:
    """A page out of paragraphs, tables and pictures."""
    return "\n\n".join((_NOTE, f"# {title}", *(part.strip("\n") for part in parts if part))) + "\n"


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table; each cell is one line."""
    head = list(columns)
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    # GitHub takes a bar for the end of a cell, even within code.
    return " ".join(str(value).split()).replace("|", "\\|")


def code(value: object) -> str:
    """As code."""
    return f"`{value}`"
