"""Loads the named queries of `queries/*.sql`: `-- name: word`, a line of comment or more, then the text."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("queries")
_NAME = re.compile(r"^-- name: ([a-z_]+)\s*$", re.MULTILINE)


@cache
def load(noun: str) -> Mapping[str, str]:
    """The queries of `queries/<noun>.sql` by name. Raises ValueError for a name that stands twice."""
    parts = _NAME.split((FOLDER / f"{noun}.sql").read_text(encoding="utf-8"))
    queries: dict[str, str] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in queries:
            raise ValueError(f"query {noun}.{name} stands twice")
        queries[name] = text.strip()
    return queries
