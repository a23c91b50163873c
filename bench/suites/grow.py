"""The same work with 1, 2 and 4 worker processes and on a second address, and what a message costs the database."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import asyncpg

from bench import letter
from bench.remote import FIRST, SECOND, RemoteDatabase
from bench.report import Bar, Report
from bench.scene import Scene
from bench.stage import PUBLIC_URL, Server, end, wait_for

LEADS = 10_000
STATISTICS_SECONDS = 1.5
"""PostgreSQL's own counts are up to a second late."""

WORKERS = (1, 2, 4)
ADDRESSES = {
    "TCP, 1 worker": (FIRST,),
    "TCP, 2 workers": (FIRST, FIRST),
    "TCP, 2 workers, one of a second address": (FIRST, SECOND),
}
"""By which address of the database each worker comes. The last one's sum may not fall below the first one's."""
ADDRESS_ROUNDS = 2
"""Of these at most, for the time that they take."""

INDEXES = "select relname, pg_relation_size(indexrelid) as bytes from pg_stat_user_indexes"
_DATABASE = (
    "select pg_current_wal_lsn() as wal, xact_commit, tup_inserted, tup_updated, "
    "(select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()) "
    "as connections "
    "from pg_stat_database where datname = current_database()"
)
_SENT_BY = (
    "select count(*) as sent from ledger join worker on worker.id = ledger.worker "
    "where campaign_id = $1 and process_id = $2"
)


def measure(scene: Scene) -> Report:
    """First with the embedded database, then with one on TCP."""
    report = Report("grow")
    _measure_workers(scene, report)
    remote = RemoteDatabase(scene.folder / "remote")
    scene.stack.callback(remote.stop)
    _measure_addresses(scene, report, remote)
    remote.stop()
    return report


def _measure_workers(scene: Scene, report: Report) -> None:
    """In each round, a campaign for each number of workers. The first worker is the server's own."""
    server = scene.server("grow")
    server.add_relay(scene.sink.port)
    leads = scene.sized(LEADS)
    path = letter.write_leads(scene.folder / "grow.csv", 0, leads)
    rates: dict[int, list[float]] = {count: [] for count in WORKERS}
    costs: dict[str, list[float]] = {}
    connections: dict[int, list[float]] = {count: [] for count in WORKERS}
    for number in range(scene.rounds):
        for count in WORKERS:
            campaign = server.add_campaign(f"{number} with {count}")
            server.import_leads(campaign, path)
            with joined(server, [server.dsn] * (count - 1)):
                before = server.rows(_DATABASE)[0]
                rates[count].append(_send(scene, report, server, campaign, leads))
                time.sleep(STATISTICS_SECONDS)
                after = server.rows(_DATABASE)[0]
            connections[count].append(after["connections"])
            if count == 1:
                _add_costs(server, costs, before, after, leads)
    for count, samples in rates.items():
        report.add(f"{count} workers" if count > 1 else "1 worker", "/s", *samples)
    for count, samples in connections.items():
        report.add(f"connections to the database, {count} workers", "", *samples)
    for name, samples in costs.items():
        report.add(name, "a message", *samples)
    _add_indexes(report, server, leads * scene.rounds * len(WORKERS))
    for count in WORKERS[1:]:
        ratio = median(more / one for more, one in zip(rates[count], rates[1], strict=True))
        report.bars.append(Bar(f"{count} workers over 1", ratio, "x", least=1.0))
    server.stop()


def _measure_addresses(scene: Scene, report: Report, remote: RemoteDatabase) -> None:
    """In each round, a campaign for each choice of addresses; then one whose statements are counted and not its time.

    All workers are joined ones, and the server has the API only: so what is counted is what a worker asks.
    """
    server = scene.server("addresses", 0, CAESURA_DATABASE_URL=remote.url())
    server.add_relay(scene.sink.port)
    leads = scene.sized(LEADS)
    path = letter.write_leads(scene.folder / "addresses.csv", 0, leads)
    rates: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    shares, seen = [], []
    for number in range(min(scene.rounds, ADDRESS_ROUNDS)):
        for name, addresses in ADDRESSES.items():
            campaign = server.add_campaign(f"{number} by {name}")
            server.import_leads(campaign, path)
            with joined(server, [remote.url(one) for one in addresses]) as processes:
                rates[name].append(_send(scene, report, server, campaign, leads))
                if addresses[-1] == SECOND:
                    seen.append(remote.connections(SECOND))
                    [row] = server.rows(_SENT_BY, int(campaign.removeprefix("cmp_")), processes[-1].pid)
                    shares.append(row["sent"] / leads)
    for name, samples in rates.items():
        report.add(name, "/s", *samples)
    report.add("connections by the second address", "", *seen)
    report.add("part that its worker sent", "", *shares)
    report.expect(f"a worker of the second address has {min(seen)} connections by it", min(seen) > 0)
    alone, _, together = rates.values()
    ratio = median(more / one for more, one in zip(together, alone, strict=True))
    report.bars.append(Bar("1 worker more, of a second address, over 1", ratio, "x", least=1.0))
    campaign = server.add_campaign("counted")
    server.import_leads(campaign, path)
    with joined(server, [remote.url(is_counted=True)]):
        remote.forget_statements()
        _send(scene, report, server, campaign, leads)
        every, bounds = remote.statements()
    report.add("SQL statements", "a message", every / leads)
    report.add("SQL statements but begin and commit", "a message", (every - bounds) / leads)
    report.expect("no statement was counted", every > bounds > 0)
    server.stop()


@contextmanager
def joined(server: Server, urls: Sequence[str]) -> Iterator[list["subprocess.Popen[str]"]]:
    """More workers, there and at work, each by its URL of the database.

    They join as on another machine: by the URL and the secret key, without the data directory.
    """
    secret = (server.data / "secret.key").read_text().strip()
    settings = {
        "CAESURA_SECRET_KEY": secret,
        "CAESURA_PUBLIC_URL": PUBLIC_URL,
        "CAESURA_DATA_DIR": str(server.data.with_name("nowhere")),
    }
    processes = [server.spawn(("worker",), settings | {"CAESURA_DATABASE_URL": url}) for url in urls]
    count = server.workers + len(urls)
    try:
        wait_for(lambda: _present(server) == count, "the workers do not come", 180, 0.1)
        yield processes
    finally:
        for process in processes:
            end(process)


def _present(server: Server) -> int:
    return len(server.api.get("/workers"))


def _send(scene: Scene, report: Report, server: Server, campaign: str, leads: int) -> float:
    received = scene.sink.received
    server.api.post(f"/campaigns/{campaign}/start")
    server.wait_until_sent(campaign, leads)
    [row] = server.ledger(campaign)
    arrived = scene.sink.received - received
    report.expect(f"{row['messages']} of {leads} messages are on record", row["messages"] == leads == row["leads"])
    report.expect(f"{row['repeated']} messages went out more than once", row["repeated"] == 0)
    report.expect(f"the sink took {arrived} messages of a campaign of {leads}", arrived == leads)
    return leads / float(row["last"] - row["first"])


def _add_costs(
    server: Server, costs: dict[str, list[float]], before: asyncpg.Record, after: asyncpg.Record, leads: int
) -> None:
    [wal] = server.rows("select pg_wal_lsn_diff($1::pg_lsn, $2::pg_lsn)::float as bytes", after["wal"], before["wal"])
    costs.setdefault("bytes of WAL", []).append(wal["bytes"] / leads)
    names = {"transactions": "xact_commit", "rows inserted": "tup_inserted", "rows updated": "tup_updated"}
    for name, column in names.items():
        costs.setdefault(name, []).append((after[column] - before[column]) / leads)


def _add_indexes(report: Report, server: Server, messages: int) -> None:
    """Bytes of index for each message that was sent, of the tables that grow with them."""
    sizes: dict[str, int] = {}
    for row in server.rows(INDEXES):
        sizes[row["relname"]] = sizes.get(row["relname"], 0) + row["bytes"]
    for table in ("enrollment", "message", "event"):
        report.add(f"bytes of index on {table}", "a message", sizes.get(table, 0) / messages)
