"""What the tests of the documents share: the pages, what stands in them, and the maker of the reference."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page, without its indent."""

    page: Path
    line: int
    language: str
    body: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the documents."""

    path: Path
    text: str

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def blocks(self) -> Iterator[Block]:
        for found in _FENCE.finditer(self.text):
            body = re.sub(f"^{found['indent']}", "", found["body"], flags=re.MULTILINE)
            yield Block(self.path, self.text.count("\n", 0, found.start()) + 1, found["language"], body)

    @property
    def prose(self) -> str:
        """The text without the blocks."""
        return _FENCE.sub("", self.text)


@pytest.fixture(scope="session")
def pages() -> list[Page]:
    paths = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
    return [Page(path, path.read_text(encoding="utf-8")) for path in paths]


@pytest.fixture(scope="session")
def written(pages: list[Page]) -> list[Page]:
    """The pages that people have written."""
    return [page for page in pages if page.path.parent.name != "reference"]
