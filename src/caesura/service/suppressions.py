"""Suppressions and unsubscribes: who is never written to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from caesura.domain.addresses import AddressError, deduplication_key, parse_address
from caesura.domain.errors import Invalid, NotFound, Problem
from caesura.domain.lifecycle import EnrollmentState
from caesura.domain.recipients import Recipient, parse_recipient
from caesura.store import campaigns, enrollments, events
from caesura.store import sending as gate
from caesura.store import suppressions as store
from caesura.store.database import Connection, Database
from caesura.store.suppressions import SuppressionRow

MAXIMUM_AT_ONCE = 1_000
# Leads in one transaction of what follows a suppression.
CHUNK = 1_000

UNSUBSCRIBED = "unsubscribed"
# Why the enrollments of whoever was suppressed by others are stopped.
STOPPED = "suppressed"
# Said by the recipients themselves: no weaker cause takes its place.
_STRONG = (UNSUBSCRIBED, "complained")
# Those claimed or in transit are met at their next mark.
_STOPPED_AT_ONCE = (EnrollmentState.WAITING, EnrollmentState.HELD)


@dataclass(frozen=True, slots=True)
class Suppressed:
    """How many were added, how many were there already, how many enrollments stopped, and what was wrong."""

    added: int
    already_there: int
    stopped: int
    rejected: tuple[Problem, ...] = ()


async def suppress(
    database: Database, workspace_id: int, value: str, actor: str, now: datetime, cause: str = "manual"
) -> Suppressed:
    """Never writes to an address or a domain again: when this returns, nothing to it enters `sending` any more.

    Enrollments that wait or are held stop with the cause `suppressed`; others stop at their next mark. Raises Invalid.
    """
    recipient = parse_recipient(value, "/value")
    return await _suppress(database, workspace_id, [recipient], cause, actor, now)


async def suppress_many(
    database: Database, workspace_id: int, values: Sequence[str], actor: str, now: datetime, cause: str = "manual"
) -> Suppressed:
    """The same for at most 1,000. A wrong one does not keep the others back: see `rejected`, at `/values/<place>`.

    Raises Invalid `too_many_values`.
    """
    if len(values) > MAXIMUM_AT_ONCE:
        detail = f"At most {MAXIMUM_AT_ONCE} values can be given at once."
        raise Invalid.of(Problem("too_many_values", detail, "/values"))
    recipients: dict[Recipient, None] = {}
    rejected: list[Problem] = []
    for place, value in enumerate(values):
        try:
            recipients[parse_recipient(value, f"/values/{place}")] = None
        except Invalid as error:
            rejected += error.problems
    answer = await _suppress(database, workspace_id, list(recipients), cause, actor, now)
    return Suppressed(answer.added, answer.already_there, answer.stopped, tuple(rejected))


async def _suppress(
    database: Database,
    workspace_id: int,
    recipients: Sequence[Recipient],
    cause: str,
    actor: str,
    now: datetime,
) -> Suppressed:
    """Takes the right to send away behind the gate; then, in the open and in chunks, stops who waits."""
    if not recipients:
        return Suppressed(0, 0, 0)

    async def take(tx: Connection) -> int:
        added, _ = await put(tx, workspace_id, recipients, cause, actor, now)
        return added

    added = await database.run(take, opening=gate.closing_gate(workspace_id))
    keys = [one.value for one in recipients if one.kind == "address"]
    stopped = 0
    if keys:
        async with database.connection() as connection:
            lead_ids = await store.leads_of_addresses(connection, workspace_id, keys)
        stopped += await _stop(database, workspace_id, lead_ids, STOPPED, actor, now)
    for one in recipients:
        if one.kind == "domain":
            stopped += await _stop_domain(database, workspace_id, one.value, STOPPED, actor, now)
    return Suppressed(added, len(recipients) - added, stopped)


async def put(
    tx: Connection,
    workspace_id: int,
    recipients: Sequence[Recipient],
    cause: str,
    actor: str,
    now: datetime,
    enrollment_id: int | None = None,
) -> tuple[int, int]:
    """Suppresses in the caller's transaction, behind the closed gate. It stops nobody: that is the caller's to do.

    How many were not suppressed before, and how many were for a weaker cause.
    """
    added = await store.insert(tx, workspace_id, recipients, cause, actor, now)
    outranked = 0
    if cause in _STRONG and len(added) < len(recipients):
        outranked = await store.outrank(tx, workspace_id, recipients, cause, actor, now, _STRONG)
    await _tell(tx, workspace_id, "suppression.added", added, cause, actor, now, enrollment_id)
    return len(added), outranked


async def _stop_domain(
    database: Database, workspace_id: int, domain: str, cause: str, actor: str, now: datetime
) -> int:
    stopped = above = 0
    while True:
        async with database.connection() as connection:
            lead_ids = await store.leads_of_domain(connection, workspace_id, domain, above, CHUNK)
        stopped += await _stop(database, workspace_id, lead_ids, cause, actor, now)
        if len(lead_ids) < CHUNK:
            return stopped
        above = lead_ids[-1]


async def _stop(
    database: Database, workspace_id: int, lead_ids: Sequence[int], cause: str, actor: str, now: datetime
) -> int:
    async def work(tx: Connection) -> int:
        moved = await enrollments.stop_leads(tx, workspace_id, lead_ids, cause, _STOPPED_AT_ONCE, now)
        await enrollments.cancel_deferred(tx, workspace_id, [one.id for one in moved], cause, now)
        entries = [
            events.Entry("enrollment.stopped", one.campaign_id, one.id, one.step, None, one.lead_id, {"cause": cause})
            for one in moved
        ]
        await events.append(tx, workspace_id, now, actor, entries)
        for campaign_id in sorted({one.campaign_id for one in moved}):
            await campaigns.notify(tx, workspace_id, "enrollment.stopped", campaign_id)
        return len(moved)

    return await database.run(work) if lead_ids else 0


async def unsuppress(database: Database, workspace_id: int, value: str, actor: str, now: datetime) -> SuppressionRow:
    """Ends a suppression. What it has stopped stays stopped. Raises Invalid, NotFound."""
    recipient = parse_recipient(value, "/value")

    async def work(tx: Connection) -> SuppressionRow:
        row = await store.delete(tx, workspace_id, recipient)
        if row is None:
            raise NotFound("suppression_not_found", f"this {recipient.kind} is not suppressed")
        await _tell(tx, workspace_id, "suppression.removed", [recipient], row.cause, actor, now, None)
        return row

    return await database.run(work)


async def check(database: Database, workspace_id: int, address: str) -> list[SuppressionRow]:
    """What keeps an address from being written to: its own suppression, its domain's, both, or nothing.

    Raises Invalid.
    """
    try:
        parsed = parse_address(address)
    except AddressError as error:
        raise Invalid.of(Problem(error.code, error.detail, "/address")) from error
    async with database.connection() as connection:
        return await store.matching(connection, workspace_id, deduplication_key(parsed), parsed.domain)


async def leads_among(database: Database, workspace_id: int, lead_ids: Sequence[int]) -> set[int]:
    """Those of these leads that are never written to, by their address or its domain: one statement."""
    async with database.connection() as connection:
        return await store.leads_among(connection, workspace_id, lead_ids)


async def page(
    database: Database, workspace_id: int, after: tuple[str, str] | None, kind: str | None, limit: int
) -> list[SuppressionRow]:
    """A page of suppressions after the (kind, value) `after`, in their order; `kind` is address, domain or None."""
    async with database.connection() as connection:
        return await store.page(connection, workspace_id, after or ("", ""), kind, limit)


async def _tell(
    tx: Connection,
    workspace_id: int,
    kind: str,
    recipients: Sequence[Recipient],
    cause: str,
    actor: str,
    now: datetime,
    enrollment_id: int | None,
) -> None:
    entries = [
        events.Entry(kind, None, enrollment_id, data={"kind": one.kind, "value": one.value, "cause": cause})
        for one in recipients
    ]
    await events.append(tx, workspace_id, now, actor, entries)
