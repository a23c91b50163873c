"""`python -m bench.publish [FILE.json]`: puts the results of a run, the newest by default, into the pages.

A page says in a comment which file its block comes from; a test sees that it holds what that file says.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import paper
from bench.machine import ROOT
from bench.report import lines, number

RESULTS = ROOT / "bench" / "results"
PAGES = (ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "scaling.md", ROOT / "README.md")

_BLOCK = re.compile(r"<!-- (figures|bars|growth|alone) of (\S+) -->\n(.*?)<!-- end of \1 -->", re.DOTALL)
_NONE = "none"
_ALONE = "bloat"
"""The suite that runs by itself: its results stand in a block of their own, beside those of all the others."""


def page_with(text: str, name: str, content: Mapping[str, Any] | None) -> str:
    """The page with its blocks made anew from this file's content. None: there are no results yet.

    A run of `bloat` alone fills the block that is kept for it, and any other run all the others.
    """
    is_alone = content is not None and set(content["suites"]) == {_ALONE}

    def block(match: re.Match[str]) -> str:
        if (match[1] == "alone") is not is_alone:
            return match[0]
        made = "\n".join(_body(match[1], content))
        return f"<!-- {match[1]} of {name} -->\n{made}\n<!-- end of {match[1]} -->"

    return _BLOCK.sub(block, text)


def sources_of(text: str) -> list[str]:
    """The files in bench/results that the page's blocks name, each once."""
    return list(dict.fromkeys(match[2] for match in _BLOCK.finditer(text) if match[2] != _NONE))


def _body(kind: str, content: Mapping[str, Any] | None) -> Iterator[str]:
    if content is None:
        yield "No run has been published yet."
        return
    machine, versions = content["machine"], content["versions"]
    yield (
        f"Run at {content['at']}, of commit {versions['caesura']}, in {number(content['seconds'] / 60)} minutes, on "
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gb']:.0f} GB, Linux "
        f"{machine['kernel']}; Python {versions['python']}, PostgreSQL {versions['postgres']}, "
        f"Postfix {versions['postfix']}."
    )
    yield ""
    yield from _KINDS[kind](content["suites"])


def _figures(suites: Mapping[str, Any]) -> Iterator[str]:
    yield "```"
    for name, kept in suites.items():
        yield from lines(name, kept)
    yield "```"


def _bars(suites: Mapping[str, Any]) -> Iterator[str]:
    yield "| Suite | Measured | Result | Bar | |"
    yield "|---|---|---|---|---|"
    for name, kept in suites.items():
        for bar in kept["bars"]:
            value = f"{number(bar['value'])}{bar['unit'] if bar['unit'].startswith('/') else ' ' + bar['unit']}".strip()
            yield f"| {name} | {bar['name']} | {value} | {bar['bar']} | {'met' if bar['met'] else 'missed'} |"


def _growth(suites: Mapping[str, Any]) -> Iterator[str]:
    yield from paper.measured(suites)
    yield ""
    yield from paper.beyond(suites)


_KINDS = {"figures": _figures, "bars": _bars, "growth": _growth, "alone": _figures}


def main() -> int:
    """Writes the pages."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else max(RESULTS.glob("*.json"), default=None)
    if path is None:
        print("There are no results yet: make bench", file=sys.stderr)
        return 1
    content = json.loads(path.read_text(encoding="utf-8"))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(page_with(text, path.name, content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
