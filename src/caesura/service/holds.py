"""Holds: what keeps messages back at workspace, mailbox, recipient domain, campaign or lead level (G8)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from caesura.domain.addresses import AddressError, parse_address
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.store import campaigns, events, leads, mailboxes
from caesura.store import holds as store
from caesura.store import sending as gate
from caesura.store.database import Connection, Database
from caesura.store.holds import HoldRow

# Leads in one transaction of what follows a release.
CHUNK = 1_000

LEVELS = ("workspace", "mailbox", "domain", "campaign", "lead")

_EXISTS: Mapping[str, Callable[[Connection, int, int], Awaitable[Any]]] = {
    "mailbox": mailboxes.get,
    "campaign": campaigns.get,
    "lead": leads.get,
}


async def place(
    database: Database,
    workspace_id: int,
    level: str,
    subject: str,
    cause: str,
    actor: str,
    reason: str | None,
    now: datetime,
) -> HoldRow:
    """Keeps messages back: when this returns, none that the hold covers enters `sending` any more.

    `subject` is an id at its level, a domain, or '' for the workspace (the kill switch). The same subject held again
    for the same cause answers the hold in force. Raises Invalid (`unknown_level`, `bad_subject`) and NotFound.
    """
    subject = _subject(level, subject)

    async def work(tx: Connection) -> HoldRow:
        if level in _EXISTS and await _EXISTS[level](tx, workspace_id, int(subject)) is None:
            raise NotFound(f"{level}_not_found", f"there is no such {level}")
        row, is_new = await store.place(tx, workspace_id, level, subject, cause, actor, reason, now)
        if is_new:
            await _tell(tx, row, "hold.placed", actor, now)
        return row

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def release(database: Database, workspace_id: int, hold_id: int, actor: str, now: datetime) -> HoldRow:
    """Ends one hold, and no other. What had met it waits again from its position.

    However many they are: in transactions of 1,000. When it is cut short, ask again. Raises NotFound, and Conflict
    `hold_released` for one that is not in force.
    """

    async def work(tx: Connection) -> tuple[HoldRow, bool]:
        before = await store.get(tx, workspace_id, hold_id)
        if before is None:
            raise NotFound("hold_not_found", "there is no such hold")
        row = await store.release(tx, workspace_id, hold_id, actor, now)
        if row is not None:
            await _tell(tx, row, "hold.released", actor, now)
        return row or before, row is not None

    # Behind the gate, so that no mark that has read the hold sets a lead aside after we have looked for them.
    row, was_in_force = await database.run(work, opening=gate.closing_gate(workspace_id))
    # In the open: every mark of the workspace waits for what is behind the gate. Another hold on the same subject goes
    # on: what waits for it meets it at its next mark.
    lead: int | None = 0
    while lead is not None:
        lead = await database.run(partial(store.release_met, hold=row, now=now, from_lead=lead, limit=CHUNK))
    if not was_in_force:
        raise Conflict("hold_released", "this hold was released already", "released")
    return row


async def get(database: Database, workspace_id: int, hold_id: int) -> HoldRow:
    """One hold. Raises NotFound."""
    async with database.connection() as connection:
        row = await store.get(connection, workspace_id, hold_id)
    if row is None:
        raise NotFound("hold_not_found", "there is no such hold")
    return row


async def page(
    database: Database, workspace_id: int, below: int | None, with_released: bool, limit: int
) -> list[HoldRow]:
    """A page of holds with ids under `below`, newest first; those in force only, unless `with_released`."""
    async with database.connection() as connection:
        return await store.page(connection, workspace_id, below, with_released, limit)


def _subject(level: str, subject: str) -> str:
    """The subject in the form that the gate compares."""
    match level:
        case "workspace":
            if subject:
                raise Invalid.of(Problem("bad_subject", "a workspace's hold names no subject", "/subject"))
            return ""
        case "domain":
            try:
                return parse_address(f"x@{subject}").domain
            except AddressError as error:
                raise Invalid.of(Problem("bad_subject", f"this is not a domain: {error.detail}", "/subject")) from error
        case "mailbox" | "campaign" | "lead":
            if not (subject.isascii() and subject.isdigit() and len(subject) < 19):
                raise NotFound(f"{level}_not_found", f"there is no such {level}")
            return str(int(subject))
        case _:
            detail = f"a level is one of {', '.join(LEVELS)}"
            raise Invalid.of(Problem("unknown_level", detail, "/level"))


async def _tell(tx: Connection, row: HoldRow, kind: str, actor: str, now: datetime) -> None:
    campaign_id = int(row.subject) if row.level == "campaign" else None
    entry = events.Entry(
        kind,
        campaign_id=campaign_id,
        mailbox_id=int(row.subject) if row.level == "mailbox" else None,
        lead_id=int(row.subject) if row.level == "lead" else None,
        data={"hold": row.id, "level": row.level, "subject": row.subject, "cause": row.cause, "reason": row.reason},
    )
    await events.append(tx, row.workspace_id, now, actor, [entry])
    await campaigns.notify(tx, row.workspace_id, kind, campaign_id)
