"""A simulated week with 10,000 mailboxes, 200 campaigns and 1,000,000 leads, beside one with a tenth of each."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median

from bench import letter
from bench.report import Bar, Report
from bench.scene import Scene
from bench.stage import Failed, Server
from bench.week import World

MAILBOXES, CAMPAIGNS, LEADS = 10_000, 200, 1_000_000
SMALLER = 10
DAILY_CAPS, DAILY_NEW = (1, 2), 30
"""Mailboxes' own, in turns, and a campaign's, which has 50 mailboxes. All bind: those of the first zone come to their
caps before the next zone opens, and then the campaign comes to its quota."""

GAP, JITTER = 900, 300
ZONES = ("Europe/Berlin", "Europe/London", "Europe/Helsinki", "Europe/Lisbon")
STEP, OPENS, CLOSES = timedelta(minutes=30), timedelta(hours=6), timedelta(hours=13)
"""How the clock goes: by half hours while mailboxes may be open anywhere (09:00 to 12:00 in their zones)."""

RATIO = 1.3
_ZONE = "(m.marked_at at time zone (b.definition ->> 'zone'))"
_AUDIT = f"""
with sent as (
    select m.mailbox_id, m.campaign_id, m.step, m.marked_at, {_ZONE} as here, m.enrollment_id,
        (b.definition #>> '{{limits,daily_cap}}')::int as cap,
        m.marked_at - lag(m.marked_at) over (partition by m.mailbox_id order by m.marked_at) as gap
    from ledger m join mailbox b on b.workspace_id = m.workspace_id and b.id = m.mailbox_id
), days as (select count(*) as n, min(cap) as cap from sent group by mailbox_id, here::date)
select (select count(*) from sent) as messages,
    (select count(distinct mailbox_id) from sent) as mailboxes,
    (select count(distinct (enrollment_id, step)) from sent) as different,
    (select count(*) from sent where gap < make_interval(secs => $1)) as close,
    (select count(*) from sent where extract(isodow from here) > 5
        or here::time < '09:00' or here::time >= '12:00') as outside,
    (select count(*) from days where n > cap) as over_cap,
    (select count(*) from (select count(*) as n from sent
        group by campaign_id, (marked_at at time zone 'UTC')::date) d where n > $2) as over_quota
"""


def measure(scene: Scene) -> Report:
    """Day by day, in turns. Mailboxes send 1 or 2 a day, for time's sake; there are no fewer of them."""
    report = Report("mailboxes")
    monday = _next_monday()
    worlds: dict[str, tuple[Server, World]] = {}
    for part in (SMALLER, 1):
        mailboxes, campaigns = scene.sized(MAILBOXES) // part, max(1, round(CAMPAIGNS * scene.scale) // part)
        server = _furnish(scene, mailboxes, campaigns, scene.sized(LEADS) // part)
        worlds[f"{mailboxes:,} mailboxes"] = server, World(server.dsn, server.postmaster, monday)
    costs: dict[str, list[float]] = {name: [] for name in worlds}
    parts: dict[str, list[float]] = {}
    for _ in range(7):
        for name, (_, world) in worlds.items():
            sent, worker, database = world.day(STEP, OPENS, CLOSES)
            if sent:
                costs[name].append((worker + database) / sent * 1e6)
                parts.setdefault(f"worker, {name}", []).append(worker / sent * 1e6)
                parts.setdefault(f"database, {name}", []).append(database / sent * 1e6)
    if not all(costs.values()):
        raise Failed("nothing was sent in the simulated week")
    for name, samples in (costs | parts).items():
        report.add(f"CPU, {name}" if name in costs else f"CPU of the {name}", "us a message", *samples)
    for name, (server, world) in worlds.items():
        _audit(report, name, server, world)
        server.stop()
    small, large = costs.values()
    ratio = median(many / few for few, many in zip(small, large, strict=True))
    report.bars.append(Bar("cost of a message, ten times over", ratio, "x", most=RATIO))
    return report


def _next_monday() -> datetime:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=7 - midnight.weekday())


def _furnish(scene: Scene, mailboxes: int, campaigns: int, leads: int) -> Server:
    """A server without workers of its own, with all of it, and campaigns that run."""
    server = scene.server(f"mailboxes-{mailboxes}", workers=0)
    names = [f"box{number}" for number in range(mailboxes)]
    path = scene.folder / f"mailboxes-{mailboxes}.toml"
    path.write_text("\n".join(_file(names, campaigns)), encoding="utf-8")
    server.run("apply", str(path))
    each = leads // campaigns
    for number in range(campaigns):
        definition = {"limits": {"daily_new": DAILY_NEW}, "steps": [letter.STEP]}
        campaign = server.api.post("/campaigns", {"name": f"c{number}", "pool": f"pool{number}", **definition})["id"]
        file = letter.write_leads(scene.folder / "some.csv", number * each, each)
        server.api.upload(f"/campaigns/{campaign}/import", file.read_bytes())
        server.api.post(f"/campaigns/{campaign}/start")
    return server


def _file(names: list[str], pools: int) -> Iterator[str]:
    """What `caesura apply` reads: mailboxes, and a pool for each campaign."""
    waiting = iter(names)
    each = len(names) // pools
    for number in range(pools):
        yield f'[[pools]]\nname = "pool{number}"\nmailboxes = {json.dumps(list(islice(waiting, each)))}\n'
    for number, name in enumerate(names):
        yield (
            f'[[mailboxes]]\nname = "{name}"\naddress = "{name}@sender.example"\n'
            f'zone = "{ZONES[number % len(ZONES)]}"\n'
            '[mailboxes.transport]\nhost = "127.0.0.1"\nport = 2525\ntls = "none"\n'
            f"[mailboxes.limits]\ndaily_cap = {DAILY_CAPS[number // len(ZONES) % 2]}\n"
            f"gap_seconds = {GAP}\njitter_seconds = {JITTER}\n"
            '[[mailboxes.windows]]\ndays = ["mon", "tue", "wed", "thu", "fri"]\nstart = "09:00"\nend = "12:00"\n'
        )


def _audit(report: Report, name: str, server: Server, world: World) -> None:
    """All limits, out of the ledger."""
    [row] = server.rows(_AUDIT, GAP, DAILY_NEW)
    report.expect(f"{row['messages']} of {world.messages} on record", row["messages"] == world.messages)
    report.expect(
        f"{row['messages']} messages, {row['different']} of them different", row["messages"] == row["different"]
    )
    for broken in ("close", "outside", "over_cap", "over_quota"):
        report.expect(f"{name}: {row[broken]} times {broken.replace('_', ' ')}", row[broken] == 0)
    report.notes.append(f"{name}: {row['messages']:,} messages from {row['mailboxes']:,} of them, audited.")
