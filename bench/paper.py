"""What a run says about growth: the figures of a message, and on paper what ten and a hundred times as many need."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bench.report import number

TIMES = (1, 10, 100)
HOT_DAYS = 3
"""What CAESURA_HISTORY_AFTER is unless it is set."""

_WORKERS = ("1 worker", "2 workers", "4 workers")
_TCP = ("TCP, 1 worker", "TCP, 2 workers", "TCP, 2 workers, one of a second address")
_CONNECTIONS = tuple(f"connections to the database, {count} workers" for count in (1, 2, 4))
_INDEXES = tuple(f"bytes of index on {table}" for table in ("enrollment", "message", "event"))
_CPU = ("CPU of workers", "CPU of postgres", "CPU of sink")
_ROWS = (
    ("Messages a second of 1, 2 and 4 workers", "grow", _WORKERS),
    ("The same on TCP: 1 worker, 2, and 2 of which one has a second address", "grow", _TCP),
    ("Connections to the database meanwhile: 1, 2 and 4 workers, API included", "grow", _CONNECTIONS),
    (
        "SQL statements of a message, and those but `begin` and `commit`",
        "grow",
        ("SQL statements", "SQL statements but begin and commit"),
    ),
    ("Transactions of a message", "grow", ("transactions",)),
    ("Rows of a message, inserted and updated", "grow", ("rows inserted", "rows updated")),
    ("Bytes of WAL of a message", "grow", ("bytes of WAL",)),
    ("Bytes of index of a message, on enrollment, message and event", "grow", _INDEXES),
    ("CPU of a message in us: workers, PostgreSQL, the sink", "send", _CPU),
    ("Memory in MB of the API and of a worker with a million leads", "memory", ("API", "worker")),
    (
        "A pause in ms at 1,000 leads and at 1,000,000, median",
        "pause",
        ("pause at 1,000, p50", "pause at 1,000,000, p50"),
    ),
)


def measured(suites: Mapping[str, Any]) -> Iterator[str]:
    """A table of medians. A row of which the run has not all figures is left out."""
    yield "| Measured | |"
    yield "|---|---|"
    for label, suite, names in _ROWS:
        medians = [_median(suites, suite, name) for name in names]
        if None not in medians:
            yield f"| {label} | {'; '.join(number(one) for one in medians if one is not None)} |"


def beyond(suites: Mapping[str, Any]) -> Iterator[str]:
    """A table of what the rate of the suite `send` takes, times 1, 10 and 100. It multiplies and knows no limit."""
    rate = _median(suites, "send", "caesura")
    if rate is None:
        return
    yield "| On paper | as in the suite `send` | ten times | a hundred times |"
    yield "|---|---|---|---|"
    yield _row("Messages a second", rate)
    wal = _median(suites, "grow", "bytes of WAL")
    statements = _median(suites, "grow", "SQL statements")
    indexes = [_median(suites, "grow", name) for name in _INDEXES]
    spent = {who: _median(suites, "send", f"CPU of {who}") for who in ("workers", "postgres")}
    for label, cost, unit in (
        ("Cores of workers", spent["workers"], 1e-6),
        ("Cores of PostgreSQL", spent["postgres"], 1e-6),
        ("SQL statements a second", statements, 1),
        ("MB of WAL a second", wal, 1e-6),
        ("GB of index a day, without a rest", None if None in indexes else sum(filter(None, indexes)), 86_400e-9),
    ):
        if cost is not None:
            yield _row(label, rate * cost * unit)
    yield _row("Millions of messages in the hot table, three days without a rest", rate * HOT_DAYS * 86_400e-6)
    few, many = (_median(suites, "grow", _CONNECTIONS[place]) for place in (0, -1))
    if few is not None and many is not None and spent["workers"] is not None:
        each = (many - few) / 3
        workers = [max(1, math.ceil(rate * spent["workers"] * 1e-6 * times)) for times in TIMES]
        needed = " | ".join(number(round(few + each * (count - 1))) for count in workers)
        yield f"| Connections, with a worker process for each of their cores | {needed} |"


def _row(label: str, value: float) -> str:
    return f"| {label} | {' | '.join(number(value * times) for times in TIMES)} |"


def _median(suites: Mapping[str, Any], suite: str, name: str) -> float | None:
    figures = suites.get(suite, {}).get("figures", ())
    return next((float(one["median"]) for one in figures if one["name"] == name), None)
