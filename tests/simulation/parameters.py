"""Everything that one seed draws before its world begins: who sends what to whom, how fast, and what goes wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from simulation.network import Habits

# Nights on which the clocks of a zone change, and two zones where they never do.
NIGHTS: Mapping[str, tuple[str, ...]] = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/Santiago": ("2026-04-05", "2026-09-06"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
    "Asia/Kathmandu": ("2026-05-01",),
    "UTC": ("2026-05-01",),
}
ZONES = tuple(NIGHTS)
DOMAINS = ("alpha.example", "beta.example", "xn--bcher-kva.example")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class LeadParameters:
    """A lead. `name` is unique, and in every text that is sent to it."""

    name: str
    address: str
    domain: str
    fields: Mapping[str, Any]
    zone: str | None
    campaigns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MailingParameters:
    """A single mailing. `when` is a share of the main days; `recipients` are places among the leads."""

    when: float
    definition: Mapping[str, Any]
    recipients: tuple[int, ...]
    copies: Mapping[
        int, Mapping[str, bool]
    ]  # by the place among the recipients: addresses, and whether they are hidden
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class WorkerParameters:
    """How workers work. Times in seconds."""

    count: int
    slots: int
    group: int
    lease: float
    step_seconds: float  # between two steps of its loop, on average
    gather_seconds: float
    chunking: bool
    idle_close: float  # how likely an idle connection is closed


@dataclass(frozen=True, slots=True)
class FaultParameters:
    """How often what goes wrong: rates per call to the database, per step of a worker, or in all."""

    line_to_database: float
    death_in_database: float
    death: float
    hang: float
    lost_hints: float
    slow_step: float
    early_wake: float
    burial: float  # of deaths: the supervisor sees it at once; else the lease runs out
    jumps: int
    race: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """One seed's world."""

    seed: int
    start: datetime
    main_days: float
    mailboxes: tuple[Mapping[str, Any], ...]
    campaigns: tuple[Mapping[str, Any], ...]
    pools: tuple[tuple[int, ...], ...]
    leads: tuple[LeadParameters, ...]
    late_leads: int
    mailings: tuple[MailingParameters, ...]
    readmissions: int
    habits: Habits
    workers: WorkerParameters
    faults: FaultParameters
    people: int
    starts_later: bool


def draw(seed: int) -> Parameters:
    """The parameters of a seed. Whole classes of faults are absent from most worlds, so that each can be met alone."""
    random = Random(seed)
    zone = random.choice(ZONES)
    night = datetime.fromisoformat(random.choice(NIGHTS[zone])).replace(tzinfo=ZoneInfo(zone))
    start = night.astimezone(UTC) - timedelta(seconds=random.uniform(0, 3 * 86_400))
    pace = random.choice(("fast", "mixed", "slow"))
    boxes = random.choice((1, 1, 2, 2, 3))
    count = random.choice((1, 1, 1, 2))
    leads = random.choice((2, 6, 9, 12, 16, 24))
    # Two windows that never meet would leave nothing to simulate: mailboxes have them, or campaigns.
    is_boxes = random.random() < 0.15
    campaigns = tuple(_campaign(random, number, zone, pace, start, not is_boxes) for number in range(count))
    # Drawn apart, so that the worlds of all seeds stay as they were but for it.
    gaps = Random(f"{seed}/gaps")
    for campaign in campaigns:
        if gaps.random() < 0.15:
            campaign["limits"]["gap_seconds"] = gaps.choice((5, 60, 900))
    own = Random(f"{seed}/windows")
    for campaign in () if is_boxes or own.random() < 0.7 else campaigns:
        for one in campaign["steps"]:
            one["windows"] = _windows(own, 0.5)
    pools = tuple(tuple(sorted(random.sample(range(boxes), random.randint(1, boxes)))) for _ in range(count))
    late = random.choice((0, 0, 1, 3))
    drawn = Parameters(
        seed=seed,
        start=start,
        main_days=random.choice((0.2, 1, 3, 6)),
        mailboxes=tuple(_mailbox(random, number, zone, pace, is_boxes) for number in range(boxes)),
        campaigns=campaigns,
        pools=pools,
        leads=tuple(_lead(random, number, count) for number in range(leads + late)),
        late_leads=late,
        mailings=(),
        readmissions=0,
        habits=_habits(random),
        workers=_workers(random),
        faults=_faults(random),
        people=random.choice((0, 3, 8, 14, 20)),
        starts_later=random.random() < 0.15,
    )
    apart = Random(f"{seed}/mailings")
    mailings = apart.choice((0, 0, 0, 1, 1, 2))
    return replace(
        drawn,
        mailings=tuple(_mailing(apart, count + number, drawn.leads, start) for number in range(mailings)),
        readmissions=Random(f"{seed}/readmissions").choice((0, 0, 1, 4)),
    )


def _sometimes(random: Random, chance: float, low: float, high: float) -> float:
    return random.uniform(low, high) if random.random() < chance else 0.0


def _windows(random: Random, chance: float) -> list[dict[str, Any]]:
    if random.random() >= chance:
        return []
    kind = random.choice(("office", "night", "day", "evening", "split"))
    match kind:
        case "office":
            return [{"days": list(DAYS[:5]), "start": "09:00", "end": "17:00"}]
        case "night":
            # Where the clocks change.
            start, end = random.choice((("01:00", "03:30"), ("02:00", "03:00"), ("00:00", "02:30"), ("02:15", "04:00")))
            return [{"days": list(DAYS), "start": start, "end": end}]
        case "evening":
            return [
                {"days": list(DAYS), "start": "22:00", "end": "24:00"},
                {"days": list(DAYS), "start": "00:00", "end": "00:45"},
            ]
        case "split":
            days = random.sample(DAYS, 4)
            return [
                {"days": days, "start": "08:30", "end": "11:10"},
                {"days": days[:3], "start": "13:00", "end": "13:40"},
            ]
        case _:
            return [
                {"days": list(DAYS), "start": f"{random.randint(0, 17):02}:{random.choice((0, 20)):02}", "end": "18:05"}
            ]


def _growth(random: Random) -> dict[str, Any]:
    growth: dict[str, Any] = {"start": random.randint(1, 3)}
    growth |= random.choice(({"factor": 1.25}, {"factor": 2.0}, {"add": 1}, {"factor": 1.5}))
    return growth | ({"ceiling": growth["start"] + random.randint(0, 6)} if random.random() < 0.5 else {})


def _mailbox(random: Random, number: int, zone: str, pace: str, has_window: bool) -> dict[str, Any]:
    limits: dict[str, Any] = {"connections": random.choice((1, 1, 2, 3))}
    if random.random() < {"fast": 0.3, "mixed": 0.5, "slow": 0.8}[pace]:
        limits["daily_cap"] = random.randint(1, 6)
    if random.random() < {"fast": 0.2, "mixed": 0.5, "slow": 0.8}[pace]:
        limits["gap_seconds"] = random.choice((0, 2, 20, 90, 600))
        limits["jitter_seconds"] = random.choice((0, 0, 15, 120))
    if random.random() < 0.3:
        limits["rate_per_second"] = random.choice((0.05, 0.5, 2.0, 3.5))
    if random.random() < 0.2:
        limits["ramp"] = _growth(random)
    return {
        "name": f"box{number}",
        "address": f"sender{number}@{random.choice(('us', 'them'))}.example",
        "from_name": f"Sender {number}",
        "transport": {"host": "127.0.0.1", "port": 2500 + number, "tls": "none"},
        "limits": limits,
        "zone": random.choice((zone, zone, "UTC", random.choice(ZONES))),
        "windows": _windows(random, 0.8) if has_window else [],
    }


def _campaign(random: Random, number: int, zone: str, pace: str, start: datetime, has_window: bool) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if random.random() < 0.25:
        limits["daily_new"] = random.randint(1, 5)
    if random.random() < 0.25:
        limits["daily_total"] = random.randint(2, 8)
    if random.random() < 0.15:
        limits["gradual"] = _growth(random)
    steps = random.choice((1, 2, 2, 3, 3, 4))
    return {
        "name": f"campaign {number}",
        "zone": random.choice((zone, zone, "UTC", random.choice(ZONES))),
        "window_zone": random.choice(("campaign", "campaign", "lead")),
        "windows": _windows(random, {"fast": 0.2, "mixed": 0.5, "slow": 0.6}[pace]) if has_window else [],
        "pool": f"pool {number}",
        "steps": [step(random, number, place, 0, pace, start) for place in range(steps)],
        "limits": limits,
        "on_unknown": random.choice(("continue", "continue", "hold")),
        "defaults": random.choice(({}, {"first_name": "there"})),
        **random.choice(({}, {"unsubscribe": {"url": "https://stop.example/{{unsubscribe_token}}"}})),
    }


def step(random: Random, campaign: int, place: int, edition: int, pace: str, start: datetime) -> dict[str, Any]:
    """A step. Its texts carry what the checks read: campaign, step, edition, and the lead's name."""
    marker = f"STEP {place + 1} CAMPAIGN {campaign} EDITION {edition} LEAD {{{{ name }}}}."
    filler = random.choice(("", ".\n", "..\n", ".dot at the start\n", "grüße, {Hi|Hello}\n", "x" * 200 + "\n"))
    body = f"{filler}{marker}\n" + random.choice(("", "Dear {{ first_name }}\n", "..two\n", "."))
    if random.random() < 0.02:
        body += "a line of a long body, which is handed out in pieces\n" * 3_000
    variant: dict[str, Any] = {"text": body}
    if place == 0 or random.random() < 0.4:
        variant["subject"] = random.choice(("About {{ name }}", "Über {{ name }}", "{A|The} plan for {{ name }}"))
    if random.random() < 0.3:
        variant["html"] = f"<p>{marker}</p>"
    variants = [variant] if random.random() < 0.8 else [variant, {**variant, "weight": 2}]
    made: dict[str, Any] = {"variants": variants, "thread": random.random() < 0.8}
    long = {"fast": (0, 1, 30, 600), "mixed": (1, 60, 7_200, 86_400), "slow": (3_600, 86_400, 3 * 86_400)}[pace]
    if random.random() < 0.1:
        made["send_at"] = (start + timedelta(hours=random.uniform(0.1, 60))).isoformat()
    else:
        made["delay"] = random.choice(long) if place else random.choice((0, 0, 0, 45))
    if random.random() < 0.15:
        made["condition"] = "vip == 'yes'"
    return made


def _lead(random: Random, number: int, campaigns: int) -> LeadParameters:
    domain = random.choice(DOMAINS)
    name = f"L{number}"
    fields: dict[str, Any] = {"name": name, "vip": random.choice(("yes", "no"))}
    if random.random() < 0.85:
        fields["first_name"] = random.choice(("Ann", "Jürgen", "..", "李"))
    local = f"lead{number}" if random.random() < 0.9 else f"lëad{number}"
    zone = random.choice((None, random.choice(ZONES)))
    chosen = tuple(range(campaigns)) if random.random() < 0.5 else (random.randrange(campaigns),)
    return LeadParameters(name, f"{local}@{domain}", domain, fields, zone, chosen)


def _mailing(random: Random, place: int, leads: Sequence[LeadParameters], start: datetime) -> MailingParameters:
    one = step(random, place, 0, 0, "fast", start)
    one = {name: value for name, value in one.items() if name not in ("send_at", "condition")} | {"delay": 0}
    recipients = tuple(random.sample(range(len(leads)), random.randint(1, min(4, len(leads)))))
    # Some know the program as leads too, and those of few domains are held or suppressed more often.
    others = [lead.address for lead in leads] + [f"copy{number}@{DOMAINS[number % 2]}" for number in range(6)]
    copies = {
        number: {
            address: random.random() < 0.4
            for address in random.sample(others, random.randint(1, 4))
            if address.isascii() and address != leads[lead].address
        }
        for number, lead in enumerate(recipients)
        if random.random() < 0.8
    }
    files = {f"file {number}.txt": f"FILE {number} OF {place}".encode() for number in range(random.choice((0, 1, 2)))}
    return MailingParameters(
        when=random.choice((random.random(), random.random() / 100)),
        definition={
            "name": f"mailing {place}",
            "zone": "UTC",
            "window_zone": "campaign",
            "windows": [],
            "pool": "pool 0",
            "steps": [one],
            "limits": {},
            "on_unknown": random.choice(("continue", "hold")),
            "defaults": {"first_name": "there"},
        },
        recipients=recipients,
        copies=copies,
        files=files,
    )


def _habits(random: Random) -> Habits:
    return Habits(
        offers_pipelining=random.random() < 0.7,
        offers_chunking=random.random() < 0.4,
        offers_size=random.random() < 0.7,
        refuses_session=_sometimes(random, 0.2, 0.02, 0.3),
        refuses=_sometimes(random, 0.5, 0.02, 0.35),
        temporary=random.choice((0.0, 0.5, 0.9, 1.0)),
        blames_mailbox=random.choice((0.0, 0.0, 0.3)),
        babbles=_sometimes(random, 0.1, 0.05, 0.2),
        line_falls=_sometimes(random, 0.45, 0.05, 0.4),
        stalls=_sometimes(random, 0.5, 0.02, 0.3),
        stall_seconds=random.choice((2.0, 20.0, 200.0)),
    )


def _workers(random: Random) -> WorkerParameters:
    return WorkerParameters(
        count=random.choice((1, 2, 2, 3)),
        slots=random.choice((1, 2, 4, 8)),
        group=random.choice((1, 2, 4, 6)),
        lease=random.choice((20.0, 60.0, 60.0, 300.0)),
        step_seconds=random.choice((0.002, 0.1, 2.0)),
        gather_seconds=random.choice((0.005, 0.005, 3.0)),
        chunking=random.random() < 0.3,
        idle_close=random.choice((0.0, 0.3, 1.0)),
    )


def _faults(random: Random) -> FaultParameters:
    return FaultParameters(
        line_to_database=_sometimes(random, 0.35, 0.005, 0.06),
        death_in_database=_sometimes(random, 0.3, 0.003, 0.03),
        death=_sometimes(random, 0.35, 0.005, 0.05),
        hang=_sometimes(random, 0.35, 0.005, 0.05),
        lost_hints=random.choice((0.0, 0.5, 1.0)),
        slow_step=_sometimes(random, 0.35, 0.02, 0.15),
        early_wake=random.choice((0.0, 0.3, 0.9)),
        burial=random.choice((0.0, 0.7, 1.0)),
        jumps=random.choice((0, 0, 0, 1, 2)),
        race=random.choice((0.0, 0.3, 0.8)),
    )
