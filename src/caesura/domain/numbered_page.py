"""Pages by number, for doors that count them: a part of a list, and how many there are in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from caesura.domain.errors import Invalid, Problem

MAXIMUM_SIZE = 1_000
# The database walks over all that comes before a page: who wants the end of a long list goes by cursor.
MAXIMUM_OFFSET = 1_000_000

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Place:
    """Page `number`, from 1, of `size` rows each, 1 to 1,000. Its offset is at most 1,000,000."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before it."""
        return (self.number - 1) * self.size

    def check(self) -> None:
        """Raises Invalid `page_invalid`, `page_size_invalid`, with the pointers `/page` and `/page_size`."""
        problems = []
        if not 1 <= self.size <= MAXIMUM_SIZE:
            problems.append(Problem("page_size_invalid", f"a page has 1 to {MAXIMUM_SIZE} rows", "/page_size"))
        elif self.number < 1 or self.offset > MAXIMUM_OFFSET:
            detail = f"pages are counted from 1, and begin within the first {MAXIMUM_OFFSET} rows"
            problems.append(Problem("page_invalid", detail, "/page"))
        if problems:
            raise Invalid.of(*problems)


@dataclass(frozen=True, slots=True)
class NumberedPage(Generic[Row]):
    """The rows of one page, and the number of those on all pages at that moment."""

    rows: Sequence[Row]
    total: int
