"""The page on the vendors' doors: what each has, has in part, and has not."""

from caesura.http.door import Door, Support
from caesura.http.doors import doors
from reference.markdown import code, page, table

_WORDS = {Support.FULL: "yes", Support.PART: "in part", Support.NONE: "no"}


def doors_page() -> str:
    """Every operation of every door, as the doors themselves register it."""
    parts = [
        "What a client of each vendor finds here, under its own paths. *In part* says what is missing; *no* is "
        "answered in the vendor's own shape that it is not supported. How to point a client here, and what was "
        "chosen where the vendor's pages contradict each other or are silent, is on each door's own page: see the "
        "[index](../index.md).",
        table(("Door", "yes", "in part", "no"), ([f"[{one.name}](#{one.name})", *_counts(one)] for one in doors())),
    ]
    for door in doors():
        rows = [
            (
                code(f"{one.method} {door.prefix}{one.path}"),
                _WORDS[one.support],
                " ".join(map(code, (one.permission, *one.also))) if one.support is not Support.NONE else "",
                one.note,
            )
            for one in door.operations
        ]
        parts += [f"## {door.name}", table(("Operation", "Here", "Permission", "Note"), rows)]
    return page("The vendors' doors", *parts)


def _counts(door: Door) -> list[int]:
    return [sum(one.support is support for one in door.operations) for support in Support]
