"""Imports: a CSV file of leads, as it streams in, becomes leads, members of a list and enrollments, or nothing at all.

Rows are checked as they come and wait in a temporary table, outside any transaction, however long the file takes. Only
when the last one is there do they go in, in one transaction: a fault of the file, or a crash, changes nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from caesura.domain.errors import NotFound, Unavailable
from caesura.domain.lead_entry import MENDED_BY_FIELDS, LeadInput
from caesura.domain.lead_file import LeadReader, LeadRow, RejectedRow
from caesura.service import leads
from caesura.service.enrollments import admit, confirm, due_at_first
from caesura.service.leads import LeadFate, LeadOutcome
from caesura.store import campaigns, enrollments, events, lists
from caesura.store import imports as store
from caesura.store import leads as lead_store
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection, Database

# How much of the file is checked at a time, and how much is staged at a time: what an import holds in memory.
PIECE_BYTES = 128 * 1024
BLOCK_BYTES = 2 * 1024 * 1024
# How long a block that nobody wants any more may take to arrive.
LEAVE_SECONDS = 5.0
# Rows that the report lists; more are only counted.
LISTED = 100_000
_SUPPRESSED = "The address or its domain is suppressed: the lead is kept, and not enrolled."
_REFUSES = "The address refuses the campaign's group of messages: the lead is kept, and not enrolled."
# Held enrollments that are let go in one statement.
CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file's rows.

    `rows` is all of them but the header and blank lines: `created` + `updated` + `unchanged` leads, `duplicates` of
    an earlier row, and `rejected` ones. Of the leads, `enrolled`, `already_enrolled` and `suppressed` say what became
    of them in the campaign (0 without one), and `listed` how many are new on the list. `problems` are the rows that
    were rejected, are duplicates or suppressed, by line: at most 100,000, and `truncated` says that there are more.
    """

    rows: int
    created: int
    updated: int
    unchanged: int
    duplicates: int
    rejected: int
    enrolled: int = 0
    already_enrolled: int = 0
    suppressed: int = 0
    listed: int = 0
    reopened: bool = False
    problems: tuple[RejectedRow, ...] = ()
    truncated: bool = False


@dataclass(slots=True)
class _Tally:
    """What the reading of a file has brought so far."""

    accepted: int = 0
    rejected: int = 0
    problems: list[RejectedRow] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.accepted + self.rejected


@dataclass(frozen=True, slots=True)
class _Target:
    """What a file is imported into, by whom and when."""

    workspace_id: int
    campaign_id: int | None
    list_id: int | None
    file_name: str
    actor: str
    now: datetime
    keeps_known: bool


async def import_leads(
    database: Database,
    workspace_id: int,
    campaign_id: int | None,
    list_id: int | None,
    chunks: AsyncIterable[bytes] | Iterable[bytes],
    file_name: str,
    actor: str,
    now: datetime,
    on_progress: Callable[[int], None] | None = None,
    keep_known: bool = False,
) -> ImportReport:
    """Imports a CSV file, of which `chunks` are the bytes: see LeadReader for its form.

    Known leads get the file's fields beside their own, but not with `keep_known`; with a campaign they are enrolled,
    with a list they join it. A row that is wrong keeps no other back. `on_progress` is called with the number of rows
    read. One connection is in use until the end. Memory is bounded, whatever the file: some tens of MB, and most for
    the report's rows.

    Raises Invalid with file and line for what spoils the file as a whole, NotFound, Conflict where the campaign takes
    no leads, Unavailable (`file_unreadable`): nothing is changed then.
    """
    target = _Target(workspace_id, campaign_id, list_id, file_name, actor, now, keep_known)
    tally = _Tally()
    async with database.connection() as connection:
        await _check(connection, target)
        try:
            await store.open_staging(connection)
            await _stage(connection, _pieces(chunks, file_name), LeadReader(file_name), tally, on_progress)
            report, claimed = await store.run(connection, lambda tx: _take(tx, target, tally))
        finally:
            await store.close_staging(connection)
    await leads.recompose(database, workspace_id, claimed, actor, now)
    return report


async def _check(connection: Connection, target: _Target) -> None:
    """Refuses early what would be refused at the end."""
    if target.campaign_id is not None:
        await admit(connection, target.workspace_id, target.campaign_id)
    if target.list_id is not None and await lists.get(connection, target.workspace_id, target.list_id) is None:
        raise NotFound("list_not_found", "there is no such list")


async def _pieces(chunks: AsyncIterable[bytes] | Iterable[bytes], file_name: str) -> AsyncIterator[bytes]:
    """The file in pieces of a handy size. Raises Unavailable `file_unreadable`."""
    try:
        async for chunk in _each(chunks):
            for start in range(0, len(chunk), PIECE_BYTES):
                yield chunk[start : start + PIECE_BYTES]
    except OSError as error:
        raise Unavailable("file_unreadable", f"{file_name} cannot be read to its end: {error}") from error


async def _each(chunks: AsyncIterable[bytes] | Iterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            yield chunk
    else:
        for chunk in chunks:
            yield chunk


async def _stage(
    connection: Connection,
    pieces: AsyncIterator[bytes],
    reader: LeadReader,
    tally: _Tally,
    on_progress: Callable[[int], None] | None,
) -> None:
    """Checks the file and stages its rows: one block is on its way to the database while the next one is checked."""
    copying: asyncio.Task[None] | None = None
    texts: list[str] = []
    size = 0

    async def flush() -> None:
        nonlocal copying, size
        if copying is not None:
            await copying
        block = "".join(texts).encode()
        texts.clear()
        size = 0
        copying = asyncio.create_task(store.stage(connection, block)) if block else None
        if on_progress is not None:
            on_progress(tally.rows)

    try:
        async for piece in pieces:
            # In a thread, so that whoever else lives in this process is not kept waiting.
            text = await asyncio.to_thread(_read, reader, piece, tally)
            texts.append(text)
            size += len(text)
            if size >= BLOCK_BYTES:
                await flush()
        texts.append(await asyncio.to_thread(_read, reader, None, tally))
        await flush()
        if copying is not None:
            await copying
    finally:
        await _leave(copying)


async def _leave(copying: asyncio.Task[None] | None) -> None:
    """Waits for what is still on its way, so that the connection is free again; its fault is not the one to tell."""
    if copying is None:
        return
    await asyncio.wait([copying], timeout=LEAVE_SECONDS)
    copying.cancel()
    with suppress(Exception, asyncio.CancelledError):
        await copying


def _read(reader: LeadReader, piece: bytes | None, tally: _Tally) -> str:
    """The rows that a piece completes (None: the file ends), as lines of PostgreSQL's text format."""
    encode = msgspec.json.encode
    lines: list[str] = []
    for row in reader.finish() if piece is None else reader.feed(piece):
        if isinstance(row, LeadRow):
            fields = encode(row.fields).decode()
            # Only the backslash needs care: JSON has none of the other characters that COPY takes for its own.
            if "\\" in fields:
                fields = fields.replace("\\", "\\\\")
            zone = row.zone or "\\N"
            lines.append(f"{row.line}\t{row.address.address}\t{row.key}\t{fields}\t{zone}\n")
        else:
            tally.rejected += 1
            if len(tally.problems) < LISTED:
                tally.problems.append(row)
    tally.accepted += len(lines)
    return "".join(lines)


async def _take(tx: Connection, target: _Target, tally: _Tally) -> tuple[ImportReport, list[int]]:
    """Puts the staged rows in; answers the report, and leads that a worker is composing with their former fields."""
    workspace_id, now = target.workspace_id, target.now
    await store.take_turns(tx, workspace_id)
    created = await store.insert_new(tx, workspace_id, now)
    await lead_store.analyze(tx, created)
    duplicates = await store.find_repeated(tx, created < tally.accepted)
    known = tally.accepted - created - duplicates
    await store.find_known(tx, workspace_id, known)
    merges = known > 0 and not target.keeps_known
    updated = await store.merge_known(tx, workspace_id, target.actor, now) if merges else 0
    listed = await _join_list(tx, target)
    campaign, enrolled, suppressed = await _enrol(tx, target, created, known)
    claimed = await _mend(tx, target) if updated else []
    problems = await _problems(tx, tally, duplicates, suppressed)
    report = ImportReport(
        rows=tally.rows,
        created=created,
        updated=updated,
        unchanged=known - updated,
        duplicates=duplicates,
        rejected=tally.rejected,
        enrolled=enrolled,
        already_enrolled=created + known - enrolled - suppressed if campaign is not None else 0,
        suppressed=suppressed,
        listed=listed,
        problems=problems,
        truncated=len(problems) < tally.rejected + duplicates + suppressed,
    )
    await _tell(tx, target, report)
    if campaign is not None:
        # The last thing: from here on the campaign's row is kept.
        source: dict[str, object] = {"source": "import", "file": target.file_name}
        reopened = await confirm(tx, campaign, enrolled, target.actor, now, source)
        report = replace(report, reopened=reopened)
    return report, claimed


async def _enrol(tx: Connection, target: _Target, created: int, known: int) -> tuple[CampaignRow | None, int, int]:
    """Enrols them, if that is asked for; answers the campaign, how many were, and how many are suppressed."""
    if target.campaign_id is None:
        return None, 0, 0
    campaign = await admit(tx, target.workspace_id, target.campaign_id)
    due_at = await due_at_first(tx, campaign, target.now)
    enrolled = await store.enrol(tx, target.workspace_id, campaign.id, due_at, target.now, with_known=known > 0)
    await enrollments.analyze(tx, enrolled)
    suppressed = await store.find_suppressed(tx, target.workspace_id, campaign.id) if enrolled < created + known else 0
    return campaign, enrolled, suppressed


async def _join_list(tx: Connection, target: _Target) -> int:
    if target.list_id is None:
        return 0
    if await lists.get(tx, target.workspace_id, target.list_id, keep=True) is None:
        raise NotFound("list_not_found", "there is no such list")
    return await store.join_list(tx, target.workspace_id, target.list_id, target.now)


async def _mend(tx: Connection, target: _Target) -> list[int]:
    """Lets enrollments that were held for what changed leads held be tried afresh; answers the claimed leads."""
    workspace_id = target.workspace_id
    claimed = await store.claimed_of_changed(tx, workspace_id)
    campaign_ids: set[int] = set()
    while held := await store.held_of_changed(tx, workspace_id, MENDED_BY_FIELDS, CHUNK):
        moved = await enrollments.release(tx, workspace_id, held, MENDED_BY_FIELDS, target.now)
        entries = [
            events.Entry(
                "enrollment.released", one.campaign_id, one.id, one.step, None, one.lead_id, {"cause": "lead_updated"}
            )
            for one in moved
        ]
        await events.append(tx, workspace_id, target.now, target.actor, entries)
        campaign_ids |= {one.campaign_id for one in moved}
    for campaign_id in sorted(campaign_ids):
        await campaigns.notify(tx, workspace_id, "enrollment.released", campaign_id)
    return claimed


async def _problems(tx: Connection, tally: _Tally, duplicates: int, suppressed: int) -> tuple[RejectedRow, ...]:
    """What the report lists, by line."""
    problems = list(tally.problems)
    if duplicates and len(problems) < LISTED:
        problems += [
            RejectedRow(one.line, "duplicate_row", f"The same address stands on line {one.first}.", one.address)
            for one in await store.repeated(tx, LISTED - len(problems))
        ]
    if suppressed and len(problems) < LISTED:
        problems += [
            RejectedRow(line, "suppressed", _REFUSES if in_group else _SUPPRESSED, address)
            for line, address, in_group in await store.suppressed(tx, LISTED - len(problems))
        ]
    problems.sort(key=lambda one: one.line)
    return tuple(problems)


async def import_given(
    database: Database,
    workspace_id: int,
    given: Sequence[LeadInput],
    update: bool,
    rejected: int,
    actor: str,
    now: datetime,
) -> list[LeadOutcome]:
    """The same for leads that were read already, however many: one outcome each, in their order.

    In transactions of 1,000; the last one tells that all are in. Without `update`, known leads stay as they are.
    `rejected` is how many more there were, and were no leads.
    """
    outcomes: list[LeadOutcome] = []
    blocks = [given[start : start + leads.MAXIMUM_AT_ONCE] for start in range(0, len(given), leads.MAXIMUM_AT_ONCE)]

    def completed(fates: Sequence[LeadFate]) -> events.Entry:
        counts = Counter([*(one.fate for one in outcomes), *fates])
        numbers = {fate.value: counts[fate] for fate in LeadFate}
        numbers["rejected"] += rejected
        return events.Entry("lead.imported", data={"file": None, "rows": sum(numbers.values()), **numbers})

    for block in blocks or [()]:
        tell = completed if len(outcomes) + len(block) == len(given) else None
        outcomes += await leads.save_many(database, workspace_id, block, False, actor, now, not update, tell)
    return outcomes


async def _tell(tx: Connection, target: _Target, report: ImportReport) -> None:
    names = ("rows", "created", "updated", "unchanged", "duplicates", "rejected", "enrolled", "suppressed", "listed")
    data = {name: getattr(report, name) for name in names}
    if target.list_id is not None:
        data["list"] = target.list_id
    entry = events.Entry("lead.imported", target.campaign_id, data={"file": target.file_name, **data})
    await events.append(tx, target.workspace_id, target.now, target.actor, [entry])
