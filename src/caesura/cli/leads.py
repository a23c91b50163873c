"""`leads import`: a CSV file becomes leads of a campaign, each wrong row is told. `leads release`: held ones go on."""

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TextIO

import typer

from caesura.cli.enrollments import app as in_campaigns
from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, CampaignArgument, DataDir, Workspace
from caesura.domain.errors import Invalid, Problem

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.domain.lead_file import RejectedRow
    from caesura.service.imports import ImportReport

app = typer.Typer(
    help="Bring in leads, see where they stand, take them out, let held ones go on.", no_args_is_help=True
)
app.add_typer(in_campaigns)

_CHUNK_BYTES = 256 * 1024
_SHOWN = 20
_VALUE_WIDTH = 40
_STANDARD_INPUT = Path("-")


@app.command("import")
def import_leads(
    campaign: CampaignArgument,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE.csv", show_default=False, help="With a header; - reads standard input."),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Write every row that was not taken into this CSV file."),
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Import leads from a CSV file and enrol them.

    Known leads get the file's fields beside their own, and nobody is enrolled twice, so a file can be imported again. A
    row that is wrong keeps no other back; a file that is wrong as a whole changes nothing.
    """
    from caesura.cli import output
    from caesura.cli.session import work

    with ExitStack() as stack:
        source = stack.enter_context(_opened(file))
        kept = stack.enter_context(_created(rejects, file)) if rejects is not None else None
        advance = stack.enter_context(_bar(file, as_json))
        chunks = _chunks(source, advance)
        name, report = work(data_dir, workspace, lambda session: _import(session, campaign, chunks, str(file)))
        if kept is not None:
            _write(kept, report.problems)
    if as_json:
        output.show_json({"campaign": name, "file": str(file), "report": report})
    else:
        _show(name, file, report, rejects)


async def _import(
    session: "Session", campaign: str, chunks: Iterator[bytes], file_name: str
) -> "tuple[str, ImportReport]":
    from caesura.service.imports import import_leads

    row = await session.campaign(campaign)
    report = await import_leads(
        session.database, session.workspace_id, row.id, None, chunks, file_name, session.actor, session.now()
    )
    return row.name, report


@app.command()
def release(
    campaign: CampaignArgument,
    cause: Annotated[
        str, typer.Option(metavar="CAUSE", help="Those that are held for this, as status or why name it.")
    ] = "overdue_review",
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let all held leads of a campaign go on, from the same position.

    However many they are. Run again, it releases those that were held since.
    """
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "tuple[str, int]":
        from caesura.service import enrollments

        row = await session.campaign(campaign)
        key = session.database, session.workspace_id, row.id
        return row.name, await enrollments.release_held(*key, cause, session.actor, session.now())

    name, released = work(data_dir, workspace, action)
    if as_json:
        output.show_json({"released": released})
    else:
        output.say(
            f"{output.number(released)} leads of {output.clean(name)} that were held ({output.clean(cause)}) go on"
        )


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == _STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except FileNotFoundError as error:
        raise Invalid.of(Problem("file_missing", "there is no such file", file=str(file))) from error
    except OSError as error:
        raise Invalid.of(Problem("file_unreadable", f"it cannot be read: {error.strerror}", file=str(file))) from error
    with stream:
        yield stream


@contextmanager
def _created(file: Path, source: Path) -> Iterator[TextIO]:
    """Before anything is imported, so that a place where nothing can be written changes nothing."""
    if source.exists() and file.exists() and source.samefile(file):
        raise Invalid.of(Problem("file_in_use", "this is the file to be imported", "--rejects", str(file)))
    try:
        stream = file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise Invalid.of(
            Problem("file_unwritable", f"it cannot be written: {error.strerror}", file=str(file))
        ) from error
    with stream:
        yield stream


def _chunks(source: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK_BYTES):
        yield chunk
        advance(len(chunk))


@contextmanager
def _bar(file: Path, is_quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar over the file's bytes, where a person looks on; the block tells how many more were read."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    total = None if file == _STANDARD_INPUT else file.stat().st_size
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"reading {file.name}", total=total)
        yield lambda count: progress.advance(task, count)


def _write(kept: TextIO, problems: "Sequence[RejectedRow]") -> None:
    writer = csv.writer(kept)
    writer.writerow(("line", "code", "reason", "value"))
    writer.writerows((row.line, row.code, row.detail, row.value) for row in problems)


def _show(name: str, file: Path, report: "ImportReport", rejects: Path | None) -> None:
    from caesura.cli import output
    from caesura.cli.output import number

    output.say(f"{number(report.rows)} {'row' if report.rows == 1 else 'rows'} in {file}", style="bold")
    parts = {
        "leads": {"new": report.created, "updated": report.updated, "unchanged": report.unchanged},
        f"in {output.clean(name)}": {
            "enrolled": report.enrolled,
            "enrolled before": report.already_enrolled,
            "suppressed": report.suppressed,
        },
        "not taken": {"rejected": report.rejected, "duplicates in the file": report.duplicates},
    }
    for head, counts in parts.items():
        shown = [f"{number(count)} {word}" for word, count in counts.items() if count]
        output.say(f"  {head}: {', '.join(shown) or 'none'}")
    if report.reopened:
        output.say("  The campaign was completed, and runs again.")
    if not report.problems:
        return
    print()
    rows = [(row.line, row.code, output.cut(row.value, _VALUE_WIDTH), row.detail) for row in report.problems[:_SHOWN]]
    output.show_table(("LINE", "CODE", "VALUE", "REASON"), rows, right=("LINE",))
    if rejects is not None:
        output.say(f"All {number(len(report.problems))} are in {rejects}.")
    elif len(report.problems) > _SHOWN:
        more = number(len(report.problems) - _SHOWN)
        output.say(f"And {more} more: --rejects FILE writes them all into a file. The import can be run again for it.")
    if report.truncated:
        output.say("There are even more: the report ends here.")
