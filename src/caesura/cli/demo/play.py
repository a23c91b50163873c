"""The acts of the demo."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import urlsplit

from caesura.cli.campaign_file import load_campaign_file
from caesura.cli.demo.audit import Arrival, Entry, Held, Verdict, audit, audit_import, expected_of
from caesura.cli.demo.show import Show
from caesura.cli.demo.stage import Api, Failed, Stage, stage
from caesura.cli.output import duration
from caesura.domain.addresses import deduplication_key, parse_address
from caesura.domain.definition import CampaignDefinition
from caesura.domain.errors import Invalid, Problem
from caesura.domain.lead_file import read_leads
from caesura.runtime.sink import read_messages
from caesura.service.plans import compile_steps

# The share of messages after which the campaign is paused.
_PAUSE_AT = 0.45
_LOOK_SECONDS = 0.1
_SILENCE_SECONDS = 4.0
_QUIET_SECONDS = 20.0
_STUCK_SECONDS = 30.0
_ROWS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Campaign:
    """The campaign under way: its definition, its id, and how many messages it has to send."""

    definition: CampaignDefinition
    id: str
    total: int


@dataclass(frozen=True, slots=True)
class Imported:
    """The import's report: how many leads, the reason of each rejected line, and the lines of duplicates."""

    leads: int
    rejected: Mapping[int, str]
    duplicates: Sequence[int]


def play(examples: Path) -> bool:
    """The whole demo; whether the audit holds. Raises Failed, and Invalid for examples that cannot be used."""
    for name in ("campaign.toml", "leads.csv"):
        if not (examples / name).is_file():
            raise Invalid.of(Problem("file_missing", f"there is no {name} in {examples}", "--examples"))
    show = Show()
    began = time.monotonic()
    with stage() as scene:
        show.title(f"Caesura demo. All of it happens in {scene.folder}, on this machine, and goes away at the end.\n")
        try:
            verdicts = _play(scene, show, examples)
        except Failed:
            _show_log(scene, show)
            raise
        holds = all(one.holds for one in verdicts)
        if not holds:
            _show_log(scene, show)
    seconds = time.monotonic() - began
    failed = sum(not one.holds for one in verdicts)
    show.end(
        holds, f"The audit holds. ({seconds:.0f} s)" if holds else f"The audit FAILED: {failed} claims do not hold."
    )
    return holds


def _show_log(scene: Stage, show: Show) -> None:
    if lines := scene.log_end():
        show.title("The logs end with")
        for line in lines:
            show.note(line)


def _play(scene: Stage, show: Show, examples: Path) -> list[Verdict]:
    file = _prepare(scene, show, examples)
    definition = load_campaign_file(file, {}).campaign
    if definition is None:
        raise Invalid.of(Problem("no_campaign", "there is no campaign in it", file=str(file)))
    began = time.monotonic()
    url = scene.start_server()
    show.done("server", f"{url}, with a database of its own ({time.monotonic() - began:.1f} s)")
    api = Api(url, scene.run("key", "create").strip())
    number = _apply(scene, show, file, definition)
    imported = _import(scene, show, definition.name)
    campaign = Campaign(definition, number, imported.leads * len(definition.steps))
    quiet = _send(scene, show, api, campaign)
    held = _held(show, api, campaign)
    return _audit(scene, show, campaign, imported, held, quiet)


def _prepare(scene: Stage, show: Show, examples: Path) -> Path:
    """Starts the sink, and points a copy of the examples at its port."""
    url = scene.start_sink()
    show.done("mail sink", f"{url}, which takes everything and delivers nothing")
    copytree(examples, scene.folder / "examples")
    file = scene.folder / "examples" / "campaign.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("port = 2525", f"port = {urlsplit(url).port}"), encoding="utf-8")
    return file


def _apply(scene: Stage, show: Show, file: Path, definition: CampaignDefinition) -> str:
    changes = json.loads(scene.run("apply", file, "--json"))
    mailboxes = sum(change["kind"] == "mailbox" for change in changes)
    show.done("campaign", f"{definition.name}: {len(definition.steps)} steps, from {mailboxes} mailboxes")
    return next(str(change["id"]) for change in changes if change["kind"] == "campaign")


def _import(scene: Stage, show: Show, name: str) -> Imported:
    file = scene.folder / "examples" / "leads.csv"
    report = json.loads(scene.run("leads", "import", name, file, "--json"))["report"]
    duplicates = [row for row in report["problems"] if row["code"] == "duplicate_row"]
    rejected = [row for row in report["problems"] if row["code"] != "duplicate_row"]
    show.done(
        "import",
        f"{report['rows']:,} rows: {report['enrolled']:,} leads, {report['duplicates']} duplicates, "
        f"{report['rejected']} rejected",
    )
    for row in rejected[:_ROWS_SHOWN]:
        show.note(f"line {row['line']}: {row['code']}: {row['value']!r}")
    if len(rejected) > _ROWS_SHOWN:
        show.note(f"and {len(rejected) - _ROWS_SHOWN} more, each with its line and reason")
    reasons = {int(row["line"]): str(row["code"]) for row in rejected}
    return Imported(int(report["enrolled"]), reasons, [int(row["line"]) for row in duplicates])


def _send(scene: Stage, show: Show, api: Api, campaign: Campaign) -> tuple[datetime, datetime]:
    """Start, pause in mid-flight, a look at the silence, resume, the end. Answers when it was quiet."""
    path = f"/api/v1/campaigns/{campaign.id}"
    api.post(f"{path}/start")
    show.done("start", f"{campaign.total:,} messages to send")
    for status in _watch(show, api, path, "sending", campaign.total):
        if status["counts"]["sent"] >= campaign.total * _PAUSE_AT:
            break
    quiet_since = _pause(show, api, path)
    before = scene.arrived()
    _wait(_SILENCE_SECONDS)
    after, status = scene.arrived(), api.get(f"{path}/status")
    sent = status["counts"]["sent"]
    if not before == after == sent:
        raise Failed(
            f"paused, and yet: {before} messages at first, {after} after {_SILENCE_SECONDS:g} s, {sent} by the ledger"
        )
    show.done("silence", f"{_SILENCE_SECONDS:g} s in which nothing arrived: {before:,} before, {after:,} after")
    resumed = api.post(f"{path}/resume")
    show.done("resume", "from the same position, at the same pace")
    for status in _watch(show, api, path, "sending", campaign.total, sent):
        if not status["counts"]["waiting"] + status["counts"]["claimed"]:
            break
    held = status["counts"]["held"]
    show.done("finish", f"{status['counts']['sent']:,} messages sent" + (f", {held} leads held" if held else ""))
    return quiet_since, datetime.fromisoformat(resumed["status_at"])


def _held(show: Show, api: Api, campaign: Campaign) -> list[Held]:
    """The leads that were held back, each with its reason."""
    rows = list(api.pages(f"/api/v1/campaigns/{campaign.id}/enrollments?state=held"))
    for row in rows[:_ROWS_SHOWN]:
        show.note(f"held: {row['address']} at step {row['step']}: {row['cause']}")
    if len(rows) > _ROWS_SHOWN:
        show.note(f"and {len(rows) - _ROWS_SHOWN} more, each with its reason")
    return [Held(deduplication_key(parse_address(row["address"])), int(row["step"]), str(row["cause"])) for row in rows]


def _pause(show: Show, api: Api, path: str) -> datetime:
    began = time.monotonic()
    paused = api.post(f"{path}/pause", {"reason": "the demo looks whether it holds"})
    answered = time.monotonic()
    held, in_transit = paused["held"], paused["in_transit"]
    while paused["quiesced_at"] is None:
        if time.monotonic() - answered > _QUIET_SECONDS:
            raise Failed(f"paused, and still {paused['in_transit']} messages in transit after {_QUIET_SECONDS:g} s")
        _wait(_LOOK_SECONDS / 10)
        paused = api.get(f"{path}/status")
    quiet = f"quiet {duration(time.monotonic() - answered)} later" if in_transit else "quiet at once"
    show.done("pause", f"answered in {duration(answered - began)}: {held:,} held, {in_transit} in transit; {quiet}")
    return datetime.fromisoformat(paused["quiesced_at"])


def _watch(show: Show, api: Api, path: str, what: str, total: int, start: int = 0) -> Iterator[Any]:
    """The campaign's status again and again, with a bar. Raises Failed when nothing moves any more."""
    with show.bar(what, total, start) as reached:
        moved, counts = time.monotonic(), None
        while True:
            status = api.get(f"{path}/status")
            if status["counts"] != counts:
                moved, counts = time.monotonic(), status["counts"]
            elif time.monotonic() - moved > _STUCK_SECONDS:
                raise Failed(f"nothing has moved for {_STUCK_SECONDS:g} s: {counts}")
            reached(status["counts"]["sent"])
            yield status
            _wait(_LOOK_SECONDS)


def _audit(
    scene: Stage,
    show: Show,
    campaign: Campaign,
    imported: Imported,
    held: Sequence[Held],
    quiet: tuple[datetime, datetime],
) -> list[Verdict]:
    ledger = [_entry(row) for row in json.loads(scene.run("messages", campaign.id, "--json"))]
    arrivals = list(_arrivals(scene.sink_folder))
    show.title(f"Audit of the sink's {len(arrivals):,} files against the ledger and leads.csv")
    rows = read_leads([(scene.folder / "examples" / "leads.csv").read_bytes()])
    definition = campaign.definition
    needed = {
        name for step in compile_steps(definition.steps) for variant in step.variants for name in variant.required
    } - {"email", *definition.defaults}
    delays = [step.delay for step in definition.steps]
    expected = expected_of(rows, definition.defaults, needed, delays, quiet)
    verdicts = audit_import(expected, imported.rejected, imported.duplicates, imported.leads)
    verdicts += audit(expected, ledger, arrivals, held)
    for one in verdicts:
        show.verdict(one.holds, one.claim, one.detail)
    return verdicts


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        enrollment=row["enrollment_id"],
        step=row["step"],
        state=row["state"],
        message_id=row["message_id"],
        sender=row["sender"],
        recipient=row["recipient"],
        subject=row["subject"],
    )


def _arrivals(folder: Path) -> Iterator[Arrival]:
    for message in read_messages(folder):
        content = message_from_bytes(message.content(), policy=policy.SMTPUTF8)
        yield Arrival(message.sender, message.recipient, message.received_at, content)


_wait: Callable[[float], bool] = threading.Event().wait
