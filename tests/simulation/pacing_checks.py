"""G5 and the pace: windows, caps, ramps, gaps, rates, quotas and delays, reckoned anew from what truly happened."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from simulation.history import Arrival, History, Key, Mark, Violation

if TYPE_CHECKING:
    from simulation.world import World

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TOLERANCE = timedelta(milliseconds=1)


def _is_open(windows: list[Mapping[str, Any]], zone: str, clock: datetime) -> bool:
    """Whether the wall clock reads a time within the window: the one rule, on every night of the year."""
    if not windows:
        return True
    local = clock.astimezone(ZoneInfo(zone))
    reads = f"{local:%H:%M}"
    return any(DAYS[local.weekday()] in one["days"] and one["start"] <= reads < one["end"] for one in windows)


def _day(zone: str, clock: datetime) -> date:
    return clock.astimezone(ZoneInfo(zone)).date()


def _box(world: "World", mailbox: int) -> Mapping[str, Any]:
    return world.parameters.mailboxes[mailbox - 1]


def windows_are_kept(world: "World") -> Iterator[Violation]:
    """Nothing is marked while the campaign's, the lead's or the mailbox's window is closed."""
    for mark in world.history.marks:
        definition = world.history.edition_at(mark.campaign, mark.moment.commit).definition
        lead_zone = world.history.enrolled[mark.enrollment].zone
        zone = lead_zone if definition["window_zone"] == "lead" and lead_zone else definition["zone"]
        own = definition["steps"][mark.step - 1].get("windows")
        if not _is_open(own or definition["windows"], zone, mark.marked_at):
            yield Violation("window", f"{mark} outside the campaign's window in {zone}")
        box = _box(world, mark.mailbox)
        if not _is_open(box["windows"], box["zone"], mark.marked_at):
            yield Violation("window", f"{mark} outside the mailbox's window in {box['zone']}")


def _grown(growth: Mapping[str, Any], days: int) -> int:
    """What a ramp allows after so many days."""
    days = max(0, days)
    if growth.get("add") is not None:
        number = growth["start"] + growth["add"] * days
    else:
        number = max(int(growth["start"] * Fraction(growth["factor"]) ** days), growth["start"] + days)
    return min(number, growth.get("ceiling") or number)


def _by_day(
    arrivals: list[Arrival], zone_of: Mapping[int, str], subject: str
) -> Iterator[tuple[int, date, list[Mark]]]:
    """The marks of what arrived, by mailbox or campaign and local day, in the order of their commits."""
    found: dict[tuple[int, date], list[Mark]] = {}
    for mark in sorted((one.mark for one in arrivals if one.mark), key=lambda mark: mark.moment.commit):
        number = getattr(mark, subject)
        found.setdefault((number, _day(zone_of[number], mark.marked_at)), []).append(mark)
    for (number, day), marks in found.items():
        yield number, day, marks


def daily_limits_are_kept(world: "World") -> Iterator[Violation]:
    """No mailbox delivers more on one of its days than its cap and its ramp allow."""
    zones = {number + 1: box["zone"] for number, box in enumerate(world.parameters.mailboxes)}
    for mailbox, day, marks in _by_day(world.history.arrivals, zones, "mailbox"):
        limits = _box(world, mailbox)["limits"]
        most = [limits["daily_cap"]] if limits.get("daily_cap") else []
        if limits.get("ramp"):
            most.append(_grown(limits["ramp"], (day - _day(zones[mailbox], world.parameters.start)).days))
        if most and len(marks) > min(most):
            yield Violation("cap", f"mailbox {mailbox} delivered {len(marks)} on {day}, with {min(most)} allowed")


def campaign_quotas_are_kept(world: "World") -> Iterator[Violation]:
    """No campaign delivers or opens more on one of its days than its quotas allow."""
    history = world.history
    campaigns = {campaign: world.definitions[place] for place, campaign in enumerate(world.campaign_ids)}
    zones = {campaign: definition["zone"] for campaign, definition in campaigns.items()}
    for campaign, day, marks in _by_day(history.arrivals, zones, "campaign"):
        limits = campaigns[campaign]["limits"]
        most = [limits["daily_total"]] if limits.get("daily_total") else []
        if limits.get("gradual"):
            began = min(one.moment for one in history.switches if one.campaign == campaign and one.status == "running")
            most.append(_grown(limits["gradual"], (day - _day(zones[campaign], began.clock)).days))
        if most and len(marks) > min(most):
            yield Violation("quota", f"campaign {campaign} delivered {len(marks)} on {day}, with {min(most)} allowed")
    opened: dict[tuple[int, date], set[int]] = {}
    known: set[int] = set()
    for mark in history.written():
        if mark.enrollment not in known:
            known.add(mark.enrollment)
            opened.setdefault((mark.campaign, _day(zones[mark.campaign], mark.marked_at)), set()).add(mark.enrollment)
    for (campaign, day), leads in opened.items():
        most_new = campaigns[campaign]["limits"].get("daily_new")
        if most_new and len(leads) > most_new:
            yield Violation("quota", f"campaign {campaign} opened {len(leads)} leads on {day}, with {most_new} allowed")


def gaps_are_kept(world: "World") -> Iterator[Violation]:
    """A mailbox's messages are its gap apart: where they are marked, and where they arrive."""
    history = world.history
    for number, box in enumerate(world.parameters.mailboxes, 1):
        limits = box["limits"]
        gap = timedelta(seconds=limits.get("gap_seconds", 0))
        if not gap and not limits.get("jitter_seconds"):
            continue
        marks = sorted((one for one in history.marks if one.mailbox == number), key=lambda one: one.moment.commit)
        for first, second in pairwise(marks):
            if history.elapsed(first.moment.at, second.moment.at) < gap - _TOLERANCE:
                yield Violation("gap", f"{second} too soon after {first}")
        # What arrives after the ledger has given it up is nobody's to pace.
        arrivals = [one for one in history.arrivals if one.mailbox == number and one.was_in_transit]
        for earlier, later in pairwise(arrivals):
            if history.elapsed(earlier.at, later.at) < gap - _TOLERANCE:
                yield Violation(
                    "gap", f"mailbox {number} delivered {later.mark} {later.at - earlier.at} after the last"
                )


def campaign_gaps_are_kept(world: "World") -> Iterator[Violation]:
    """A campaign's messages are its gap apart, whichever mailbox they leave from, and leave one at a time."""
    history = world.history
    for place, campaign in enumerate(world.campaign_ids):
        gap = timedelta(seconds=world.definitions[place]["limits"].get("gap_seconds", 0))
        if not gap:
            continue
        marks = sorted((one for one in history.marks if one.campaign == campaign), key=lambda one: one.moment.commit)
        for first, second in pairwise(marks):
            if history.elapsed(first.moment.at, second.moment.at) < gap - _TOLERANCE:
                yield Violation("campaign-gap", f"{second} too soon after {first}")
        arrivals = [
            one for one in history.arrivals if one.was_in_transit and one.mark and one.mark.campaign == campaign
        ]
        for earlier, later in pairwise(arrivals):
            if history.elapsed(earlier.at, later.at) < gap - _TOLERANCE:
                detail = f"campaign {campaign} delivered {later.mark} {later.at - earlier.at} after the last"
                yield Violation("campaign-gap", detail)


def rates_are_kept(world: "World") -> Iterator[Violation]:
    """However one looks, a mailbox marks no more than its bucket and its rate allow."""
    history = world.history
    for number, box in enumerate(world.parameters.mailboxes, 1):
        rate = box["limits"].get("rate_per_second")
        if not rate:
            continue
        bucket = max(1, int(rate))
        marks = sorted((one for one in history.marks if one.mailbox == number), key=lambda one: one.moment.commit)
        for place, first in enumerate(marks):
            for more, last in enumerate(marks[place:], 1):
                seconds = history.elapsed(first.moment.at, last.moment.at).total_seconds()
                if more > bucket + rate * seconds + 0.001:
                    yield Violation("rate", f"mailbox {number} marked {more} within {seconds} s, at {rate}/s")
                    return


def delays_are_kept(world: "World") -> Iterator[Violation]:
    """A follow-up comes its delay after the step before, as the campaign's own clock goes."""
    history = world.history
    behind = _behind(history)
    for mark in history.marks:
        since = behind.get((mark.enrollment, mark.step - 1))
        if mark.attempt > 1 or since is None:
            continue
        delay = _least_delay(world, mark)
        passed = history.elapsed(since, mark.moment.at).total_seconds()
        passed -= world.frozen_seconds(mark.campaign, since, mark.moment.at)
        if passed < delay - 0.001:
            yield Violation("delay", f"{mark} {passed} s after the step before, with a delay of {delay} s")


def _behind(history: History) -> dict[Key, datetime]:
    """When each message that is behind its lead came to be so."""
    behind: dict[Key, datetime] = {}
    for settled in history.settled:
        if settled.state in ("sent", "unknown", "rejected") or settled.cause in ("condition", "overdue"):
            behind.setdefault(settled.key, settled.moment.at)
        elif settled.before == "unknown":
            behind.pop(settled.key, None)
    for arrival in history.arrivals:
        if arrival.mark is not None:
            behind[arrival.mark.key] = min(arrival.at, behind.get(arrival.mark.key, arrival.at))
    for move in history.moves:
        key = move.enrollment, move.step - 1
        if move.before == "stopped" and key in behind:
            # It came in again: its delay counts from then, and what was in transit may arrive later.
            behind[key] = min(behind[key], move.moment.at)
    return behind


def _least_delay(world: "World", mark: Mark) -> float:
    """The delay of a step, at its shortest in all editions: which one counted is a matter of when it fell due."""
    editions = [one for one in world.history.editions if one.campaign == mark.campaign]
    steps = [one.definition["steps"][mark.step - 1] for one in editions if one.steps >= mark.step]
    return min(one.get("delay", 0) for one in steps)


def retries_wait(world: "World") -> Iterator[Violation]:
    """What was put off is never tried again within the same minute."""
    put_off: dict[tuple[int, int], datetime] = {}
    events = [*world.history.settled, *world.history.marks]
    for one in sorted(events, key=lambda one: one.moment.commit):
        if not isinstance(one, Mark):
            if one.state == "deferred":
                put_off[one.key] = one.moment.at
            elif one.before == "deferred":
                del put_off[one.key]  # its lead was taken out, and may come in again
        elif one.key in put_off:
            waited = world.history.elapsed(put_off.pop(one.key), one.moment.at)
            if waited < timedelta(seconds=60):
                yield Violation("retry", f"{one} was tried again after {waited}")


def conditions_and_dates_are_kept(world: "World") -> Iterator[Violation]:
    """A step goes to those whom its condition means, and not before its date."""
    for mark in world.history.marks:
        definition = world.history.edition_at(mark.campaign, mark.moment.commit).definition
        step = definition["steps"][mark.step - 1]
        if step.get("condition") and world.history.enrolled[mark.enrollment].fields["vip"] != "yes":
            yield Violation("condition", f"{mark} to somebody who is not meant")
        if step.get("send_at") and mark.marked_at < datetime.fromisoformat(step["send_at"]):
            yield Violation("date", f"{mark} before {step['send_at']}")
