"""Growth on paper multiplies what was measured, and leaves out what was not."""

from bench.paper import beyond, measured


def suite(**medians: float) -> dict[str, object]:
    return {"figures": [{"name": name.replace("_", " "), "median": median} for name, median in medians.items()]}


GROW = suite(bytes_of_WAL=3_000, SQL_statements=0.2) | {"bars": []}
GROW["figures"] += suite(**{f"connections to the database, {count} workers": 6 + 5 * count for count in (1, 2, 4)})[
    "figures"
]
SEND = suite(caesura=5_000, CPU_of_workers=206.6, CPU_of_postgres=150)


def test_a_row_has_its_medians_and_one_without_a_figure_is_left_out() -> None:
    assert list(measured({"grow": GROW}))[2:] == [
        "| Connections to the database meanwhile: 1, 2 and 4 workers, API included | 11; 16; 26 |",
        "| Bytes of WAL of a message | 3,000 |",
    ]


def test_what_is_beyond_is_the_cost_of_a_message_times_the_rate() -> None:
    assert list(beyond({"grow": GROW, "send": SEND}))[2:] == [
        "| Messages a second | 5,000 | 50,000 | 500,000 |",
        "| Cores of workers | 1.03 | 10.3 | 103 |",
        "| Cores of PostgreSQL | 0.75 | 7.50 | 75 |",
        "| SQL statements a second | 1,000 | 10,000 | 100,000 |",
        "| MB of WAL a second | 15 | 150 | 1,500 |",
        "| Millions of messages in the hot table, three days without a rest | 1,296 | 12,960 | 129,600 |",
        "| Connections, with a worker process for each of their cores | 16 | 61 | 526 |",
    ]
    assert list(beyond({"grow": GROW})) == []
