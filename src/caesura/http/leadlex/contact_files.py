"""Contacts as files: exported as CSV, imported as rows or CSV."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.responses import Response

from caesura.domain.addresses import AddressError, deduplication_key, parse_address
from caesura.domain.api_key import Allowance
from caesura.domain.errors import CaesuraError, LimitReached
from caesura.domain.lead_entry import LeadInput
from caesura.domain.numbered_page import Place
from caesura.http.door import Call, Support
from caesura.http.leadlex.contact_forms import choice, lead_of
from caesura.http.leadlex.contact_views import contact_row, job_id
from caesura.http.leadlex.door import LEADLEX, data, wrong
from caesura.http.leadlex.values import text, texts, truth
from caesura.service import imports, leads, numbered_pages, rate_limits
from caesura.service.leads import LeadFate

EXPORTED, MOST_EXPORTED = 10_000, 50_000
_PAGE = 1_000
# Ten an hour for a workspace: no key has this number.
_EXPORTS = Allowance("export", 3_600, 10)
_WORKSPACE = 0
_USUAL = ("id", "full_name", "email", "phone", "job_title", "company_name", "linkedin_url", "tags", "created_at")
_COLUMNS = (*_USUAL, "first_name", "last_name", "company", "priority", "updated_date")
# A spreadsheet takes what begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PHONE = re.compile(r"\+[0-9 ()./-]*", re.ASCII)
_BETWEEN_TAGS = re.compile(r"[;,]")
MOST_ROWS, MOST_BYTES = 20_000, 20_000_000


@dataclass(slots=True)
class _Report:
    """What became of rows."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)


@LEADLEX.on("GET", "/v1/contacts/export", "contacts:read")
async def export_contacts(call: Call) -> Response:
    """CSV with a header."""
    limit = _limit(call.query("limit"))
    columns = [name.strip() for name in (call.query("fields") or "").split(",") if name.strip()] or list(_USUAL)
    if unknown := [name for name in columns if name not in _COLUMNS]:
        raise wrong("fields", f"has no column {unknown[0]}")
    tags = call.request.query_params.getlist("tag")
    chosen = replace(choice(call), kept={"leadlex": {"tags": tags}} if tags else None)
    standing = await rate_limits.take(*call.key, _WORKSPACE, (_EXPORTS,), call.now)
    if standing is not None and standing.retry_after:
        raise LimitReached("rate_limited", "contacts are exported 10 times an hour at most", standing.retry_after)
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    count = 0
    for number in range(1, MOST_EXPORTED // _PAGE + 1):
        rows = (await numbered_pages.of_leads(*call.key, chosen, Place(number, _PAGE))).rows
        for contact in map(contact_row, rows):
            if count < limit:
                writer.writerow([_cell(contact[name]) for name in columns])
                count += 1
        if len(rows) < _PAGE or count >= limit:
            break
    headers = {**call.headers, "Content-Disposition": 'attachment; filename="contacts-export.csv"'}
    return Response(written.getvalue().encode("utf-8", "replace"), 200, headers, "text/csv; charset=utf-8")


def _limit(given: str | None) -> int:
    if not given:
        return EXPORTED
    if not (given.isascii() and given.isdecimal() and 0 < int(given[:9]) <= MOST_EXPORTED and len(given) < 9):
        raise wrong("limit", f"must be from 1 to {MOST_EXPORTED}")
    return int(given)


def _cell(value: object) -> str:
    written = ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    is_formula = written.startswith(_FORMULA) and not _PHONE.fullmatch(written)
    return f"'{written}" if is_formula else written


@LEADLEX.on(
    "POST",
    "/v1/import/contacts",
    "contacts:write",
    idempotent=True,
    support=Support.PART,
    note="always done at once, up to 20,000 rows; matched by email only",
    body_limit=MOST_BYTES,
)
async def import_contacts(call: Call) -> Response:
    """A wrong row keeps no other back."""
    body = call.fields()
    try:
        rows = list(_rows(body))
    except csv.Error as error:
        raise wrong("csv", f"cannot be read: {error}") from error
    if len(rows) > MOST_ROWS:
        raise wrong("rows", f"may be {MOST_ROWS} at most")
    tags, update = list(texts(body, "tags") or ()), truth(body, "update_existing") is True
    report = _Report()
    inputs, places = await _read(call, rows, tags, report)
    rejected = len(report.errors)
    done = await imports.import_given(*call.key, inputs, update, rejected, call.caller.actor, call.now)
    for at, one in zip(places, done, strict=True):
        report.created += one.fate is LeadFate.CREATED
        report.updated += one.fate is LeadFate.UPDATED
        report.skipped += one.fate is LeadFate.UNCHANGED
        if one.fate is LeadFate.REJECTED:
            message = "; ".join(problem.detail for problem in one.problems)
            report.errors.append({"row_number": at, "code": "validation_error", "message": message})
    report.errors.sort(key=lambda error: error["row_number"])
    counts = {"created_count": report.created, "updated_count": report.updated, "skipped_count": report.skipped}
    return data(call, {"job_id": job_id(call.now), "status": "completed", **counts, "errors": report.errors})


async def _read(
    call: Call, rows: Sequence[Mapping[str, Any]], tags: Sequence[str], report: _Report
) -> tuple[list[LeadInput], list[int]]:
    """The rows that are leads, and their numbers; the others are errors of the report."""
    inputs, places = [], []
    for start in range(0, len(rows), _PAGE):
        some = rows[start : start + _PAGE]
        found = await leads.find_many(*call.key, [str(row.get("email") or "") for row in some])
        known = {row.address_key for row in found}
        for at, row in enumerate(some, start + 1):
            own = row.get("tags")
            listed = (
                own if isinstance(own, list) else [one.strip() for one in _BETWEEN_TAGS.split(str(own))] if own else []
            )
            try:
                entry = lead_of({**row, "tags": [*listed, *tags]} if tags or own else row, call.now, _key(row) in known)
            except CaesuraError as error:
                report.errors.append({"row_number": at, "code": "validation_error", "message": str(error)})
                continue
            inputs.append(entry)
            places.append(at)
    return inputs, places


def _key(row: Mapping[str, Any]) -> str | None:
    try:
        return deduplication_key(parse_address(str(row.get("email") or "")))
    except AddressError:
        return None


def _rows(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rows of a body, from `rows` or `csv`, by the names of contacts' fields."""
    given, mapping = body.get("rows"), body.get("mapping", {})
    if not isinstance(mapping, Mapping) or not all(isinstance(name, str) for name in mapping.values()):
        raise wrong("mapping", "must be an object of texts")
    if isinstance(given, list) and all(isinstance(row, Mapping) for row in given):
        yield from ({mapping.get(name, name): value for name, value in row.items()} for row in given)
        return
    written = text(body, "csv")
    if given is not None or not written:
        raise wrong("rows", "must be an array of contacts, or give csv")
    lines = csv.reader(io.StringIO(written))
    has_header = truth(body, "has_header") is not False
    header = next(lines, []) if has_header else []
    for line in lines:
        names = header or [str(at) for at in range(len(line))]
        row = {mapping.get(name.strip(), name.strip()): value for name, value in zip(names, line, strict=False)}
        if any(value.strip() for value in line):
            yield {name: value for name, value in row.items() if value != ""}
