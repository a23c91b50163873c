"""The answer to "why is this not sending?": of all that keeps something back, the one to name first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from caesura.domain.reasons import FACTS, Reason, sentence

# What names a place in the order: what ends it, what a person has decided for all, for one, what is missing, what
# passes by itself, and what is no hindrance. Reasons that are not here end it.
_ORDER: tuple[frozenset[Reason], ...] = (
    frozenset({Reason.IN_TRANSIT}),
    frozenset(
        {
            Reason.CAMPAIGN_DRAFT,
            Reason.CAMPAIGN_SCHEDULED,
            Reason.CAMPAIGN_PENDING_APPROVAL,
            Reason.CAMPAIGN_PAUSED,
            Reason.CAMPAIGN_EDITING,
            Reason.CAMPAIGN_COMPLETED,
            Reason.CAMPAIGN_STOPPED,
        }
    ),
    frozenset({Reason.CAMPAIGN_ARCHIVED}),
    frozenset({Reason.WORKSPACE_HOLD}),
    frozenset({Reason.CAMPAIGN_HOLD}),
    frozenset({Reason.SUPPRESSED}),
    frozenset({Reason.LEAD_HOLD, Reason.DOMAIN_HOLD}),
    frozenset(
        {
            Reason.UNKNOWN_OUTCOME,
            Reason.OVERDUE_REVIEW,
            Reason.MISSING_VARIABLE,
            Reason.RENDER_FAILED,
            Reason.HELD_OTHER,
        }
    ),
    frozenset({Reason.NO_STEPS}),
    frozenset({Reason.NO_LEADS}),
    frozenset({Reason.MAILBOX_HOLD, Reason.NO_USABLE_MAILBOX, Reason.MAILBOX_LEFT}),
    frozenset({Reason.NO_WORKER}),
    frozenset(
        {
            Reason.NOT_DUE,
            Reason.FIXED_DATE,
            Reason.OUTSIDE_WINDOW,
            Reason.RETRY_WAIT,
            Reason.DAILY_CAP,
            Reason.RAMP,
            Reason.GAP,
            Reason.RATE,
            Reason.SERVER_UNREACHABLE,
            Reason.CAMPAIGN_DAILY_NEW,
            Reason.CAMPAIGN_DAILY_TOTAL,
            Reason.GRADUAL,
            Reason.CAMPAIGN_GAP,
        }
    ),
    frozenset({Reason.CLAIMED, Reason.NO_FREE_SLOT}),
    frozenset({Reason.READY}),
)
_UNDER_WAY = frozenset({Reason.READY, Reason.CLAIMED, Reason.IN_TRANSIT})
_RANK: Mapping[Reason, int] = {reason: rank for rank, reasons in enumerate(_ORDER, 1) for reason in reasons}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that keeps it back, or says where it is. `at` (UTC) is when this ends by itself; None: it does not."""

    reason: Reason
    sentence: str
    at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reason to name first, and what else is in the way (`also`), the most general first.

    `next_at` (UTC) is when it goes on if nobody does anything: now when it is ready or under way, None when somebody
    must act, when it is at an end, or when the time cannot be known. `counts` are numbers that belong to the answer.
    """

    reason: Reason
    sentence: str
    facts: Mapping[str, Any]
    also: tuple[Finding, ...]
    next_at: datetime | None
    counts: Mapping[str, int] = field(default_factory=dict)


def finding(
    reason: Reason, /, at: datetime | None = None, more: Mapping[str, Any] | None = None, **facts: Any
) -> Finding:
    """A finding with its sentence. `facts` may stand in the sentence (see `FACTS`), `more` only beside it."""
    unknown = facts.keys() - FACTS
    if unknown:
        raise ValueError(f"no sentence has these facts: {', '.join(sorted(unknown))}")
    known = {name: value for name, value in {**facts, **(more or {})}.items() if value is not None}
    return Finding(reason, sentence(reason, at=at, **facts), at, known)


def explain(findings: Iterable[Finding], now: datetime, counts: Mapping[str, int] | None = None) -> Explanation:
    """Puts findings in order; with none of them, it is ready.

    What ends it comes first, then what was decided for all, for one, then what is missing, then what passes by
    itself, of that the longest first.
    """
    ordered = sorted(findings, key=_place)
    if not ordered:
        ordered = [finding(Reason.READY)]
    first, *others = ordered
    return Explanation(
        first.reason, first.sentence, _shown(first), tuple(others), _next_at(ordered, now), dict(counts or {})
    )


def _shown(one: Finding) -> Mapping[str, Any]:
    return one.facts if one.at is None else {**one.facts, "at": one.at}


def _place(one: Finding) -> tuple[int, bool, float, str]:
    """Its rank; among equals what has no end, then what ends last."""
    return _RANK.get(one.reason, 0), one.at is not None, -one.at.timestamp() if one.at else 0.0, one.reason


def _next_at(findings: Iterable[Finding], now: datetime) -> datetime | None:
    at = now
    for one in findings:
        if one.reason in _UNDER_WAY:
            continue
        if one.at is None:
            return None
        at = max(at, one.at)
    return at
