"""How the standing of a campaign is shown: its status and counts, a preflight's findings, a resume's forecast."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from caesura.cli import output
from caesura.cli.output import ago, clean, instant, number
from caesura.domain.explanation import Explanation
from caesura.domain.lifecycle import CampaignState, campaign_verbs
from caesura.domain.reasons import Reason
from caesura.service.campaigns import Status
from caesura.service.definitions import Finding
from caesura.service.forecast import Preview
from caesura.store.campaigns import CampaignRow, Counters

_LEADS = ("waiting", "claimed", "held", "finished", "stopped")
_AT_AN_END = {Reason.FINISHED, Reason.CAMPAIGN_COMPLETED, Reason.CAMPAIGN_STOPPED} | {
    reason for reason in Reason if reason.startswith("stopped_")
}
_COMMANDS = ("start", "pause", "resume", "stop")
_MESSAGES = ("sending", "sent", "deferred", "rejected", "unknown", "cancelled")


def as_json(status: Status) -> dict[str, Any]:
    """A status as the native API answers it."""
    row, counters = status.campaign, status.counters
    counts = {name: getattr(counters, name) for name in ("enrolled", *_LEADS, *_MESSAGES)}
    return {
        "id": f"cmp_{row.id}",
        "name": row.name,
        "status": row.status,
        "cause": row.cause,
        "actor": row.actor,
        "reason": row.reason,
        "status_at": row.status_at,
        "allowed": campaign_verbs(row.status),
        "held": status.held,
        "in_transit": status.in_transit,
        "paused_at": row.paused_at,
        "quiesced_at": row.quiesced_at,
        "resume_at": row.resume_at,
        "clock": row.clock_mode,
        "new_leads": row.new_leads,
        "on_overdue": row.on_overdue,
        "counts": counts,
    }


def show(status: Status, json: bool, now: datetime, explanation: Explanation | None = None) -> None:
    """A status, for a person or a program; for a person with what comes next, if that is explained."""
    if json:
        output.show_json(as_json(status))
        return
    row, counters = status.campaign, status.counters
    pairs: list[tuple[str, object]] = [("campaign", f"{row.name} (cmp_{row.id})"), ("status", _status(row, now))]
    if row.reason:
        pairs.append(("reason", row.reason))
    if row.status is CampaignState.PAUSED:
        pairs += _pause(status, now)
    if explanation is not None:
        pairs.append(("next", f"{clean(explanation.sentence)} [{explanation.reason}]"))
    pairs += [
        ("leads", _counted(counters.enrolled, _leads(row, counters))),
        ("messages", _counted(None, {name: getattr(counters, name) for name in _MESSAGES})),
        ("possible", ", ".join(verb for verb in campaign_verbs(row.status) if verb in _COMMANDS) or "nothing"),
    ]
    output.show_pairs(pairs)


def _leads(row: CampaignRow, counters: Counters) -> Mapping[str, int]:
    if row.status is not CampaignState.STOPPED:
        return {name: getattr(counters, name) for name in _LEADS}
    # Nothing of it goes out any more, so nobody waits for anything.
    unfinished = counters.waiting + counters.claimed + counters.held
    return {"not finished": unfinished, "finished": counters.finished, "taken out": counters.stopped}


def _status(row: CampaignRow, now: datetime) -> Text:
    line = output.word(row.status)
    line.append(f" since {instant(row.status_at)} ({ago(row.status_at, now)}), by {clean(row.actor)}")
    if row.archived:
        line.append(", archived")
    if row.status is CampaignState.SCHEDULED and row.starts_at is not None:
        line.append(f"; starts at {instant(row.starts_at)}")
    return line


def _pause(status: Status, now: datetime) -> list[tuple[str, object]]:
    row = status.campaign
    quiet = f"quiet since {instant(row.quiesced_at)}" if row.quiesced_at else "not quiet yet"
    resumes = f"by itself at {instant(row.resume_at)} ({ago(row.resume_at, now)})" if row.resume_at else None
    return [
        ("held", f"{number(status.held)} leads with a step to come"),
        ("in transit", f"{number(status.in_transit)}, {quiet}"),
        ("resumes", resumes),
        ("options", f"clock {row.clock_mode}, new leads {row.new_leads}, overdue {row.on_overdue}"),
    ]


def _counted(total: int | None, counts: Mapping[str, int]) -> str:
    parts = ", ".join(f"{number(count)} {name}" for name, count in counts.items() if count) or "none"
    return parts if total is None else f"{number(total)}: {parts}" if total else parts


def show_findings(findings: Sequence[Finding]) -> None:
    """A line for each finding of a preflight."""
    for one in findings:
        line = output.word("fail" if one.blocks else "warn")
        line.append(f"  {clean(one.detail)} [{one.code}]", style="")
        if one.pointer:
            line.append(f" at {one.pointer}")
        output.console().print(line)
        for example in one.examples[:5]:
            output.say(f"        {clean(example)}")
        if one.count is not None and one.count > len(one.examples[:5]):
            output.say(f"        and {number(one.count - len(one.examples[:5]))} more")


def show_explanation(explanation: Explanation, now: datetime) -> None:
    """Why something is not sending: the reason to name first, what else is in the way, and when it goes on."""
    output.console().print(Text(clean(explanation.sentence), style="bold").append(f" [{explanation.reason}]", "dim"))
    for one in explanation.also:
        output.say(f"Also: {clean(one.sentence)} [{one.reason}]")
    if explanation.next_at is not None and explanation.next_at > now:
        output.say(f"It goes on by itself at {instant(explanation.next_at)} ({ago(explanation.next_at, now)}).")
    elif explanation.next_at is None and explanation.reason not in _AT_AN_END:
        output.say("It does not go on by itself.")
    counts = [_counted_as(name, count) for name, count in explanation.counts.items() if count and name != "held"]
    if counts:
        output.say(", ".join(counts), style="dim")


def _counted_as(name: str, count: int) -> str:
    if name.startswith("held_"):
        return f"{number(count)} held ({name.removeprefix('held_')})"
    return f"{number(count)} {name.replace('_', ' ')}"


def show_preview(name: str, preview: Preview) -> None:
    """What a resume would bring."""
    overdue = f", {number(preview.overdue)} of them since the pause" if preview.overdue else ""
    output.say(f"A resume of {clean(name)} would find {number(preview.due)} leads due{overdue}. Nothing was changed.")
    for cause, count in preview.not_sent:
        output.say(f"{number(count)} would not be written to: {cause}")
    if preview.days:
        rows = [
            (day.day, day.due, "no limit" if day.capacity is None else day.capacity, day.sent, day.left)
            for day in preview.days
        ]
        columns = ("DAY", "DUE", "CAPACITY", "SENT", "LEFT")
        output.show_table(columns, rows, right=columns[1:])


def preview_json(preview: Preview) -> dict[str, Any]:
    """The same, for programs."""
    not_sent = [{"cause": cause, "count": count} for cause, count in preview.not_sent]
    return {"due": preview.due, "overdue": preview.overdue, "days": preview.days, "not_sent": not_sent}
