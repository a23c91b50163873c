"""The audit: what the sink kept, against the ledger and the file of leads. Pure: everything is handed in."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from caesura.domain.addresses import AddressError, deduplication_key, parse_address
from caesura.domain.lead_file import LeadRow, RejectedRow

# What a template leaves behind when it was not filled in; also how an empty value looks when it is printed.
_HOLES = re.compile(r"\{\{|\}\}|\{%|%\}|\{[^{}]*\|[^{}]*\}|\bNone\b|\bundefined\b|\bnull\b")
_SHOWN = 3
_LACKING = "missing_variable"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message by the ledger: step `step` to the lead with `recipient`, from `sender`."""

    enrollment: str
    step: int
    state: str
    message_id: str
    sender: str
    recipient: str
    subject: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as the sink kept it, with its envelope."""

    sender: str
    recipient: str
    received_at: datetime
    content: EmailMessage

    @property
    def message_id(self) -> str:
        """Its Message-ID, in angle brackets."""
        return _header(self.content, "Message-ID")


@dataclass(frozen=True, slots=True)
class Expected:
    """What is true by the file and the campaign alone: each lead's own line and fields, every line that cannot be one.

    `required` are the variables that a lead must have a value for, `delays` the seconds before each step; in the time
    of `quiet` nothing may arrive.
    """

    leads: Sequence[LeadRow]
    duplicates: Mapping[int, int]
    rejections: Sequence[RejectedRow]
    defaults: Mapping[str, str]
    required: Collection[str]
    delays: Sequence[int]
    quiet: tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Held:
    """A lead that the engine says it holds back, at which step and why. `key` is as in the file of leads."""

    key: str
    step: int
    cause: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim, whether it holds, and the numbers or the first exceptions."""

    holds: bool
    claim: str
    detail: str


def expected_of(
    rows: Iterable[LeadRow | RejectedRow],
    defaults: Mapping[str, str],
    required: Collection[str],
    delays: Sequence[int],
    quiet: tuple[datetime, datetime],
) -> Expected:
    """What a file's rows must lead to: the first row of an address is the lead, later ones are its duplicates."""
    leads: dict[str, LeadRow] = {}
    duplicates: dict[int, int] = {}
    rejections: list[RejectedRow] = []
    for row in rows:
        if isinstance(row, RejectedRow):
            rejections.append(row)
        elif row.key in leads:
            duplicates[row.line] = leads[row.key].line
        else:
            leads[row.key] = row
    return Expected(list(leads.values()), duplicates, rejections, defaults, required, delays, quiet)


def audit(
    expected: Expected, ledger: Sequence[Entry], arrivals: Sequence[Arrival], held: Sequence[Held]
) -> list[Verdict]:
    """All claims about what arrived, what the ledger says of it, and who was `held` back."""
    held_back = {one.key for one in held}
    written_to = [lead for lead in expected.leads if lead.key not in held_back]
    return [
        *([_held_for_a_reason(expected, held, arrivals)] if held or expected.required else []),
        _complete(expected, written_to, arrivals),
        _nobody_else(expected, arrivals),
        _ledger_agrees(ledger, arrivals),
        _in_order(expected, ledger, arrivals, {one.key: one.step - 1 for one in held}),
        _threads(ledger, arrivals),
        _no_holes(expected, written_to, arrivals),
        _quiet(expected, arrivals),
    ]


def audit_import(
    expected: Expected, reported: Mapping[int, str], duplicates: Collection[int], taken: int
) -> list[Verdict]:
    """The import's own report: `reported` has the reason of each rejected line, `duplicates` their lines."""
    missing = [f"line {row.line}" for row in expected.rejections if reported.get(row.line) != row.code]
    extra = [f"line {line}" for line in reported.keys() - {row.line for row in expected.rejections}]
    twice = [f"line {line}" for line in expected.duplicates.keys() ^ set(duplicates)]
    count = len(expected.leads) + len(expected.duplicates) + len(expected.rejections)
    wrong = [] if taken == len(expected.leads) else [f"{taken} were taken"]
    return [
        _verdict(
            "every row that cannot be a lead was reported with line and reason",
            missing + extra,
            f"{len(reported)} rows",
        ),
        _verdict(
            "every other row is a lead, or a duplicate of one",
            twice + wrong,
            f"{len(expected.leads)} + {len(expected.duplicates)} + {len(expected.rejections)} = {count} rows",
        ),
    ]


def _complete(expected: Expected, leads: Sequence[LeadRow], arrivals: Sequence[Arrival]) -> Verdict:
    counts = Counter(_key(arrival.recipient) for arrival in arrivals)
    steps = len(expected.delays)
    wrong = [f"{lead.address} has {counts[lead.key]}" for lead in leads if counts[lead.key] != steps]
    total = f"{len(leads)} leads x {steps} steps = {len(leads) * steps:,} messages"
    who = "every lead" if len(leads) == len(expected.leads) else "every other lead"
    return _verdict(f"{who} has each step exactly once", wrong, total)


def _held_for_a_reason(expected: Expected, held: Sequence[Held], arrivals: Sequence[Arrival]) -> Verdict:
    lacking = {
        lead.key
        for lead in expected.leads
        if any(not {**expected.defaults, **lead.fields}.get(name, "").strip() for name in expected.required)
    }
    counts = Counter(_key(arrival.recipient) for arrival in arrivals)
    wrong = [f"{one.key} is held: {one.cause}" for one in held if one.key not in lacking or one.cause != _LACKING]
    wrong += [
        f"{one.key} has {counts[one.key]}, and is held at {one.step}" for one in held if counts[one.key] >= one.step
    ]
    wrong += [f"{key} is not held" for key in sorted(lacking - {one.key for one in held})]
    claim = "every lead that lacks a needed variable is held, with that reason"
    return _verdict(claim, wrong, f"{len(held)} leads" if held else "")


def _nobody_else(expected: Expected, arrivals: Sequence[Arrival]) -> Verdict:
    known = {lead.key for lead in expected.leads}
    strangers = sorted({arrival.recipient for arrival in arrivals if _key(arrival.recipient) not in known})
    repeated = [one for one, count in Counter(arrival.message_id for arrival in arrivals).items() if count > 1]
    return _verdict("nobody else was written to, and nothing arrived twice", strangers + repeated, "")


def _ledger_agrees(ledger: Sequence[Entry], arrivals: Sequence[Arrival]) -> Verdict:
    by_id = {entry.message_id: entry for entry in ledger}
    wrong = [f"{entry.recipient} step {entry.step} is {entry.state}" for entry in ledger if entry.state != "sent"]
    seen = {arrival.message_id for arrival in arrivals}
    wrong += [f"{entry.recipient} step {entry.step} did not arrive" for entry in ledger if entry.message_id not in seen]
    for arrival in arrivals:
        entry = by_id.get(arrival.message_id)
        if entry is None:
            wrong.append(f"{arrival.message_id} is not in the ledger")
        elif (_key(arrival.recipient), arrival.sender, _header(arrival.content, "Subject")) != (
            _key(entry.recipient), entry.sender, entry.subject,
        ):  # fmt: skip
            wrong.append(f"{arrival.message_id} differs from the ledger")
        elif _key(_address(arrival.content, "To")) != _key(arrival.recipient):
            wrong.append(f"{arrival.message_id} is addressed to somebody else")
    claim = "ledger and sink agree: Message-ID, sender, recipient, subject"
    return _verdict(claim, wrong, f"{len(ledger):,} rows, all sent")


def _in_order(
    expected: Expected, ledger: Sequence[Entry], arrivals: Sequence[Arrival], held_after: Mapping[str, int]
) -> Verdict:
    moments = {arrival.message_id: arrival.received_at for arrival in arrivals}
    wrong: list[str] = []
    for entries in _threads_of(ledger):
        last = held_after.get(_key(entries[0].recipient), len(expected.delays))
        if [entry.step for entry in entries] != list(range(1, last + 1)):
            wrong.append(f"{entries[0].recipient} has steps {[entry.step for entry in entries]}")
            continue
        times = [moments[entry.message_id] for entry in entries if entry.message_id in moments]
        waits = [(after - before).total_seconds() for before, after in zip(times, times[1:], strict=False)]
        if any(wait < delay for wait, delay in zip(waits, expected.delays[1:], strict=False)):
            wrong.append(f"{entries[0].recipient} after {waits} s")
        if len({entry.sender for entry in entries}) != 1:
            wrong.append(f"{entries[0].recipient} from several mailboxes")
    claim = "steps came in order, from one mailbox each, none before its delay"
    return _verdict(claim, wrong, "")


def _threads(ledger: Sequence[Entry], arrivals: Sequence[Arrival]) -> Verdict:
    contents = {arrival.message_id: arrival.content for arrival in arrivals}
    wrong: list[str] = []
    for entries in _threads_of(ledger):
        before: list[str] = []
        for entry in entries:
            content = contents.get(entry.message_id)
            if content is not None and before:
                replied, references = _header(content, "In-Reply-To"), _header(content, "References").split()
                subject = f"Re: {entries[0].subject}"
                if (replied, references, _header(content, "Subject")) != (before[-1], before, subject):
                    wrong.append(f"{entry.recipient} step {entry.step}")
            before.append(entry.message_id)
    return _verdict("follow-ups are in the first message's thread", wrong, "")


def _no_holes(expected: Expected, leads: Sequence[LeadRow], arrivals: Sequence[Arrival]) -> Verdict:
    by_key = {lead.key: lead for lead in leads}
    wrong: list[str] = []
    for arrival in arrivals:
        lead = by_key.get(_key(arrival.recipient))
        if lead is None:
            continue
        fields = {**expected.defaults, **lead.fields}
        text, html = _part(arrival.content, "plain"), _part(arrival.content, "html")
        subject = _header(arrival.content, "Subject")
        # What the lead's own fields hold is not ours, however much it looks like a template.
        own = sorted(map(_plain, fields.values()), key=len, reverse=True)
        left = _plain(f"{subject}\n{text}")
        for value in own:
            left = left.replace(value, " ")
        if not (subject.strip() and text.strip() and html.strip()) or _HOLES.search(left):
            wrong.append(f"{arrival.recipient}: {subject}")
        elif not any(value in _plain(f"{subject}\n{text}") for value in own if value):
            wrong.append(f"{arrival.recipient}: nothing in it is personal")
        elif not _header(arrival.content, "List-Unsubscribe"):
            wrong.append(f"{arrival.recipient}: no List-Unsubscribe")
    return _verdict("every message is personal, in text and HTML, with no hole in it", wrong, "")


def _quiet(expected: Expected, arrivals: Sequence[Arrival]) -> Verdict:
    begin, end = expected.quiet
    inside = [arrival.recipient for arrival in arrivals if begin < arrival.received_at < end]
    seconds = (end - begin).total_seconds()
    return _verdict("nothing arrived between the quiet of the pause and the resume", inside, f"{seconds:.1f} s")


def _verdict(claim: str, wrong: Sequence[str], detail: str) -> Verdict:
    if not wrong:
        return Verdict(True, claim, detail)
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return Verdict(False, claim, "; ".join(wrong[:_SHOWN]) + more)


def _threads_of(ledger: Sequence[Entry]) -> list[list[Entry]]:
    threads: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(ledger, key=lambda entry: entry.step):
        threads[entry.enrollment].append(entry)
    return list(threads.values())


def _key(address: str) -> str:
    """What makes two addresses the same; an address that is none is only the same as itself."""
    try:
        return deduplication_key(parse_address(address))
    except AddressError:
        return address


def _header(content: EmailMessage, name: str) -> str:
    return str(content.get(name, ""))


def _address(content: EmailMessage, name: str) -> str:
    return _header(content, name).strip().removeprefix("<").removesuffix(">")


def _part(content: EmailMessage, subtype: str) -> str:
    part = content.get_body((subtype,))
    return "" if part is None else str(part.get_content())


def _plain(text: str) -> str:
    """Without the differences that filters such as `title` and line breaks make."""
    return " ".join(text.casefold().split())
