"""The pages on settings, states, reasons and refusals: what the tables in the code say."""

import inspect
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import product
from typing import Any

from annotated_types import Ge, Le

from caesura.domain import classify, lifecycle, reasons
from caesura.domain.classify import Fault, Verdict
from caesura.domain.pacing import DEFAULT_RETRIES
from caesura.runtime.settings import Settings
from reference.markdown import code, page, table

_KINDS = {"int": "whole number", "float": "number", "Path": "path", "str": "text"}


def settings() -> str:
    """The page on settings."""
    rows = []
    for name, field in Settings.model_fields.items():
        kinds = [one for one in getattr(field.annotation, "__args__", (field.annotation,)) if one is not type(None)]
        kind = " ".join((_KINDS[kinds[0].__name__], *map(_bound, field.metadata)))
        default = "" if field.default_factory is not None or field.default is None else code(field.default)
        rows.append((code(name), code(f"CAESURA_{name.upper()}"), kind, default, field.description or ""))
    return page(
        "Settings",
        "Three places, the first that names a setting counts: an option of the command (such as `--port`), a variable "
        "of the environment (`CAESURA_PORT`), a line in the file `caesura.toml` of the folder in which the command is "
        "started (`port = 8080`). The file knows no other names than these; other variables that begin with "
        "`CAESURA_` are ignored, with a warning. A variable that is empty counts as not set.",
        table(("In caesura.toml", "In the environment", "Kind", "Default", "What it is"), rows),
        "`CAESURA_DEBUG`, in the environment only: when it is set, a command that meets a defect of Caesura prints "
        "where it happened.",
    )


def _bound(one: object) -> str:
    match one:
        case Ge(least):
            return f"from {least}"
        case Le(most):
            return f"to {most}"
    raise AssertionError(f"no words for {one!r}")


def states() -> str:
    """The page on states, with pictures."""
    machines: tuple[tuple[str, type[StrEnum], Mapping[tuple[Any, Any], Any]], ...] = (
        ("Campaign", lifecycle.CampaignState, lifecycle.CAMPAIGN),
        ("Enrollment", lifecycle.EnrollmentState, lifecycle.ENROLLMENT),
        ("Message", lifecycle.MessageState, lifecycle.MESSAGE),
    )
    parts = [
        "Three machines. Nothing moves a state but by these tables, which stand in `src/caesura/domain/lifecycle.py`: "
        "the store compares and sets on a pair taken from them.",
    ]
    for name, kind, moves in machines:
        meanings = comments(kind)
        rows = ((code(before or "(none)"), code(event), code(after)) for (before, event), after in moves.items())
        parts += [
            f"## {name}",
            inspect.getdoc(kind) or "",
            _picture(moves),
            table(("State", "Meaning"), ((code(state), meanings[state.name]) for state in kind)),
            table(("From", "By", "To"), rows),
        ]
    return page("States and transitions", *parts)


def _picture(moves: Mapping[tuple[Any, Any], Any]) -> str:
    lines = [f"    {before or '[*]'} --> {after}: {event}" for (before, event), after in moves.items()]
    if not any(before is None for before, _ in moves):
        lines.insert(0, f"    [*] --> {next(before for before, _ in moves)}")
    return "\n".join(("```mermaid", "stateDiagram-v2", *lines, "```"))


def comments(kind: type[StrEnum]) -> dict[str, str]:
    """What stands behind each member of an enum, by its name."""
    found = dict(re.findall(r'^    ([A-Z_]+) = ".*"  # (.+)$', inspect.getsource(kind), re.MULTILINE))
    missing = {member.name for member in kind} - found.keys()
    assert not missing, f"say behind these members of {kind.__name__} what they mean: {missing}"
    return found


def reasons_page() -> str:
    """The page on reasons, in the groups of the source."""
    parts = [
        "Every answer to *why is this not sending?* has one of these codes and its sentence. What stands in square "
        "brackets is said when it is known, and braces hold the facts: `[; it is due at {at}]`.",
    ]
    groups: dict[str, list[tuple[str, str]]] = {}
    for line in inspect.getsource(reasons.Reason).splitlines():
        if line.startswith("    # "):
            groups[line.removeprefix("    # ")] = []
        elif found := re.fullmatch(r'    [A-Z_]+ = "(\w+)"', line):
            sentence = reasons.TEMPLATES[reasons.Reason(found[1])]
            groups[next(reversed(groups))].append((code(found[1]), code(sentence)))
    for heading, rows in groups.items():
        parts += [f"## {heading[0].upper()}{heading[1:]}", table(("Code", "Sentence"), rows)]
    return page("Reasons", *parts)


def refusals() -> str:
    """The page on what a server's refusal leads to."""
    policy = DEFAULT_RETRIES
    parts = {
        Fault.LEAD: ("The lead's fault", "The lead is stopped (`bounced`); the mailbox goes on."),
        Fault.MAILBOX: (
            "The mailbox's fault",
            "The mailbox is put on hold with this cause, until a person has mended it and releases the hold. The lead "
            "waits at its position, unharmed.",
        ),
        Fault.MESSAGE: ("The message's fault", "The lead is stopped with this cause; the mailbox goes on."),
        Fault.RETRY: (
            "Nobody's fault yet",
            f"It goes out again later: after {policy.first_seconds / 60:g} minutes, then {policy.factor:g} times "
            f"longer each time, up to {policy.ceiling_seconds / 3600:g} hours, and up to a quarter more, so that not "
            f"all come together; {policy.attempts} tries in all. Then the lead is stopped (`undeliverable`).",
        ),
    }
    faults: dict[str, set[Fault]] = {}
    for verdict in _verdicts():
        faults.setdefault(verdict.cause, set()).add(verdict.fault)
    assert faults.keys() == classify.CAUSES, "every cause is met by asking"
    assert all(len(found) == 1 for found in faults.values()), "a cause has one fault"
    sections = []
    for fault, (heading, effect) in parts.items():
        causes = sorted(cause for cause, found in faults.items() if fault in found)
        sections += [f"## {heading}", effect, ", ".join(map(code, causes))]
    return page(
        "Refusals",
        "What a server's refusal leads to, by its code, its enhanced code (RFC 3463) and the stage at which it came. "
        "The cause is shown with the message, and on the hold of a mailbox.",
        *sections,
    )


def _verdicts() -> Iterator[Verdict]:
    """Every verdict that can be given."""
    yield from classify.LOCAL.values()
    for kind in ("temporary", "permanent", "authentication", "tls", "policy"):
        yield classify.classify_session(kind, "connect", None, None)
    codes = (None, 299, 499, 599, *classify.TEMPORARY_CODES, *classify.AUTHENTICATION_CODES, *classify.CODES)
    subjects = (f"{subject}.99" for subject in classify.SUBJECTS)
    enhanced = (None, "4.7.1", *classify.TEMPORARY_ENHANCED, *classify.ENHANCED, *subjects)
    for asked in product(("connect", "mail", "rcpt", "data", "content"), codes, enhanced):
        yield classify.classify(*asked)
