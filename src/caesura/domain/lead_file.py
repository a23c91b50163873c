"""Reads leads from a CSV file as it streams in: each row becomes a lead or a rejection with its line."""

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct

from caesura.domain.addresses import Address, AddressError, deduplication_key, parse_address
from caesura.domain.csv_records import (
    DELIMITERS,
    MAXIMUM_FIELD_BYTES,
    RecordBlock,
    RecordSplitter,
)
from caesura.domain.errors import Invalid, Problem
from caesura.domain.windows import parse_zone

ADDRESS_COLUMNS = ("email", "e_mail", "email_address", "mail", "address")
"""Names of the address column, normalised. If a file has several, the first of these is the one."""

ZONE_COLUMNS = ("time_zone", "timezone")
MAXIMUM_COLUMNS = 500
MAXIMUM_NAME_LENGTH = 64
VARIABLE_NAME = re.compile(r"[a-z_][a-z0-9_]*")

_EXCERPT_LENGTH = 200
_SEPARATORS = re.compile(r"\W+")


class LeadRow(Struct, frozen=True, gc=False):
    """A lead as the file gives it.

    `line` is the 1-based line on which its record starts. `key` is what duplicates share. `fields`
    holds the other cells by variable name, without surrounding blanks; an empty cell is absent.
    `zone` is an IANA time zone name.
    """

    line: int
    address: Address
    key: str
    fields: dict[str, str]
    zone: str | None

    @property
    def first_name(self) -> str | None:
        return self.fields.get("first_name")

    @property
    def last_name(self) -> str | None:
        return self.fields.get("last_name")

    @property
    def display_name(self) -> str | None:
        """The whole name: `name`, `full_name`, or the first and the last name."""
        whole = self.fields.get("name") or self.fields.get("full_name")
        return whole or " ".join(part for part in (self.first_name, self.last_name) if part) or None


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that does not become a lead, and why.

    `code` is one of AddressError's, or `unknown_time_zone`, `too_many_cells`, `too_few_cells`,
    `bad_quotes`. `value` shows what is at fault, cut to 200 characters.
    """

    line: int
    code: str
    detail: str
    value: str


class _Layout(NamedTuple):
    """Which cell is what."""

    width: int
    address: int
    zone: int | None
    fields: tuple[tuple[int, str], ...]


class LeadReader:
    """Takes the file in chunks of bytes; answers rows, in file order.

    The file is UTF-8 (with or without a mark) or UTF-16 (with its mark), separated by commas,
    semicolons or tabs, told by the header. `allowed` is the set of variable names that may occur,
    `file` the name for messages. Memory is bounded, whatever the file.

    Raises Invalid with `file` and `line` for what spoils the file as a whole: RecordSplitter's
    codes, and `no_address_column`, `duplicate_column`, `unknown_column`, `bad_column`,
    `too_many_columns`, `bad_header`. Rows that were answered before it must then be undone.
    """

    def __init__(self, file: str | None = None, allowed: Collection[str] | None = None) -> None:
        self._file = file
        self._allowed = allowed
        self._delimiter = ","
        self._layout: _Layout | None = None
        self._splitter = RecordSplitter(self._read_header, file)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The variable names in file order, without address and zone; None before the header is read."""
        return None if self._layout is None else tuple(name for _, name in self._layout.fields)

    def feed(self, chunk: bytes) -> Iterator[LeadRow | RejectedRow]:
        """The rows which this chunk completes. Exhaust it before the next call."""
        for block in self._splitter.feed(chunk):
            yield from self._rows(block)

    def finish(self) -> Iterator[LeadRow | RejectedRow]:
        """The rest of the rows: there are no more chunks."""
        for block in self._splitter.finish():
            yield from self._rows(block)

    def _rows(self, block: RecordBlock) -> Iterator[LeadRow | RejectedRow]:
        layout = self._layout
        assert layout is not None, "the splitter reads the header first"
        parsed = csv.reader(block.texts, delimiter=self._delimiter, strict=True)
        for line, text in zip(block.lines, block.texts, strict=True):
            try:
                cells = next(parsed)
            except csv.Error as error:
                yield self._refuse_quotes(line, text, error)
                continue
            # A quarter: a character is at most four bytes.
            if len(text) > MAXIMUM_FIELD_BYTES // 4:
                self._refuse_large_cells(cells, line)
            if len(cells) == layout.width:
                yield _row(line, cells, layout)
            elif cells:
                code = "too_many_cells" if len(cells) > layout.width else "too_few_cells"
                detail = f"The row has {len(cells)} cells, the header {layout.width}."
                yield RejectedRow(line, code, detail, _excerpt(text))

    def _refuse_quotes(self, line: int, text: str, error: csv.Error) -> RejectedRow:
        if "field limit" in str(error):
            raise self._field_too_large(line) from error
        detail = "A closing quote is followed by something other than a separator. A quote inside quotes is doubled."
        return RejectedRow(line, "bad_quotes", detail, _excerpt(text))

    def _refuse_large_cells(self, cells: list[str], line: int) -> None:
        if any(len(cell.encode()) > MAXIMUM_FIELD_BYTES for cell in cells):
            raise self._field_too_large(line)

    def _field_too_large(self, line: int) -> Invalid:
        detail = f"A field is larger than {MAXIMUM_FIELD_BYTES // 1024} kB."
        return Invalid.of(Problem("field_too_large", detail, file=self._file, line=line))

    def _read_header(self, text: str, line: int) -> str:
        """Set the layout from the header record; answers the delimiter of the file."""
        readings = {delimiter: _cells(text, delimiter) for delimiter in DELIMITERS}

        def rank(delimiter: str) -> tuple[bool, int]:
            names = [_variable_name(cell) for cell in readings[delimiter]]
            return _address_column(names) is not None, len(names)

        self._delimiter = max(DELIMITERS, key=rank)
        has_address, _ = rank(self._delimiter)
        headers = readings[self._delimiter] if has_address or all(readings.values()) else []
        problems = list(_header_problems(headers, self._allowed))
        if problems:
            raise Invalid.of(*(Problem(code, detail, file=self._file, line=line) for code, detail in problems))
        names = [_variable_name(header) for header in headers]
        address = _address_column(names)
        assert address is not None, "its absence is a problem"
        zone = next((name for name in names if name in ZONE_COLUMNS), None)
        self._layout = _Layout(
            width=len(names),
            address=names.index(address),
            zone=None if zone is None else names.index(zone),
            fields=tuple((place, name) for place, name in enumerate(names) if name not in (address, zone)),
        )
        return self._delimiter


def read_leads(
    chunks: Iterable[bytes], file: str | None = None, allowed: Collection[str] | None = None
) -> Iterator[LeadRow | RejectedRow]:
    """The rows of a whole file: see LeadReader."""
    reader = LeadReader(file, allowed)
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.finish()


def _row(line: int, cells: list[str], layout: _Layout) -> LeadRow | RejectedRow:
    try:
        address = parse_address(cells[layout.address])
    except AddressError as error:
        return RejectedRow(line, error.code, error.detail, _excerpt(cells[layout.address]))
    zone = None
    if layout.zone is not None and (zone := cells[layout.zone].strip() or None) is not None:
        try:
            parse_zone(zone, "")
        except Invalid as error:
            return RejectedRow(line, error.code, error.detail, _excerpt(zone))
    fields = {name: cell for place, name in layout.fields if (cell := cells[place].strip())}
    return LeadRow(line, address, deduplication_key(address), fields, zone)


def _header_problems(headers: list[str], allowed: Collection[str] | None) -> Iterator[tuple[str, str]]:
    """Everything that is wrong with the header: code and detail."""
    if not headers:
        yield "bad_header", "The quotes in the header do not match."
        return
    if len(headers) > MAXIMUM_COLUMNS:
        yield "too_many_columns", f"There are {len(headers)} columns; at most {MAXIMUM_COLUMNS} are read."
        return
    names = [_variable_name(header) for header in headers]
    address = _address_column(names)
    if address is None:
        yield "no_address_column", "No column holds the address: name one of them email."
    seen: dict[str, int] = {}
    for number, (header, name) in enumerate(zip(headers, names, strict=True), 1):
        # Two spellings of the time zone are one column; two of the address may be a postal address.
        same = ZONE_COLUMNS[0] if name in ZONE_COLUMNS else name
        if len(name) > MAXIMUM_NAME_LENGTH or VARIABLE_NAME.fullmatch(name) is None:
            yield "bad_column", f"Column {number}, {_excerpt(header)!r}, is not a name: use a to z, 0 to 9 and _."
        elif same in seen:
            yield "duplicate_column", f"Columns {seen[same]} and {number} are both named {name}."
        elif not (allowed is None or name in allowed or name in (address, *ZONE_COLUMNS)):
            yield "unknown_column", f"Column {number}, {name}, is not known here."
        seen.setdefault(same, number)


def _address_column(names: list[str]) -> str | None:
    return next((name for name in ADDRESS_COLUMNS if name in names), None)


def _cells(text: str, delimiter: str) -> list[str]:
    """The header's cells; none if its quotes do not match."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _variable_name(header: str) -> str:
    """`First Name` and `first-name` are `first_name`, `Notes (internal)` is `notes_internal`."""
    return "_".join(filter(None, _SEPARATORS.split(header.lower())))


def _excerpt(text: str) -> str:
    text = text.strip("\r\n")
    return text if len(text) <= _EXCERPT_LENGTH else text[: _EXCERPT_LENGTH - 1] + "\u2026"
