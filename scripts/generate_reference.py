"""Writes docs/reference out of the code: `make reference`. With --check it only fails on a difference."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from reference import doors, errors, events, rules, surface, tools

FOLDER = Path(__file__).parent.parent / "docs" / "reference"

PAGES: Mapping[str, Callable[[], str]] = {
    "campaign-file.md": surface.campaign_file,
    "commands.md": surface.commands,
    "doors.md": doors.doors_page,
    "errors.md": errors.error_codes,
    "events.md": events.event_kinds,
    "reasons.md": rules.reasons_page,
    "refusals.md": rules.refusals,
    "routes.md": surface.routes,
    "settings.md": rules.settings,
    "states.md": rules.states,
    "tools.md": tools.tools,
}


def differences(folder: Path = FOLDER) -> list[str]:
    """The pages that are not what the code makes of them, or that nothing makes."""
    there = {path.name for path in folder.glob("*")}
    return sorted(
        name
        for name in there | PAGES.keys()
        if name not in PAGES or name not in there or (folder / name).read_text(encoding="utf-8") != PAGES[name]()
    )


def main(arguments: list[str]) -> int:
    """Writes the pages; with --check only compares."""
    if arguments == ["--check"]:
        found = differences()
        print(f"not up to date, run `make reference`: {', '.join(found)}" if found else "docs/reference is up to date")
        return bool(found)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
