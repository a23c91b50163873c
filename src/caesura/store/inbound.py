"""What came back, and what of ours it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caesura.domain.inbound import BounceType, Classification, InboundKind
from caesura.domain.lifecycle import MessageState
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("inbound")

_MAXIMUM_ID = 2**63 - 1
# What LIKE takes for more than itself.
_LITERAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


@dataclass(frozen=True, slots=True)
class Answered:
    """A message of ours that something came back to; `step` from 1. `recipient` is the address that it went to."""

    enrollment_id: int
    step: int
    campaign_id: int
    lead_id: int
    mailbox_id: int | None
    state: MessageState
    recipient: str
    message_id: str
    marked_at: datetime


@dataclass(frozen=True, slots=True)
class NewInbound:
    """A row to be. The ids are None where they are not known; `address` is the lead's own.

    `received_at` is when it came, `created_at` when it was reported, both UTC.
    """

    kind: InboundKind
    lead_id: int | None
    campaign_id: int | None
    enrollment_id: int | None
    step: int | None
    mailbox_id: int | None
    address: str | None
    from_address: str | None
    subject: str | None
    text: str | None
    html: str | None
    message_id: str | None
    in_reply_to: str | None
    bounce_type: BounceType | None
    reason: str | None
    classification: Classification | None
    received_at: datetime
    created_at: datetime
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InboundRow(NewInbound):
    """Something that came back, with what people have made of it since."""

    workspace_id: int
    id: int
    is_read: bool
    assigned_to: str | None
    assigned_at: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which are wanted: those that meet all that is given. None lets all pass, and so does `search` when empty.

    `search` has phrases, of which one must be in an address, the subject or the text, whatever their case. None among
    the classifications stands for those of which nobody has said what the lead wants.
    """

    campaign_ids: Sequence[int] | None = None
    lead_id: int | None = None
    kinds: Sequence[InboundKind] | None = None
    classifications: Sequence[Classification | None] | None = None
    mailbox_ids: Sequence[int] | None = None
    is_read: bool | None = None
    search: Sequence[str] = ()
    has_campaign: bool | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many leads each. A lead that replied twice counts once."""

    replied: int = 0
    auto_replied: int = 0
    bounced: int = 0
    hard_bounced: int = 0
    soft_bounced: int = 0
    complained: int = 0
    unsubscribed: int = 0
    interested: int = 0
    maybe_later: int = 0
    not_interested: int = 0
    out_of_office: int = 0


@dataclass(frozen=True, slots=True)
class InboundCounts:
    """The numbers of a campaign in all, and by the step that was answered, from 1, as far as it is known."""

    total: Numbers
    by_step: Mapping[int, Numbers]


def inbound_row(row: Any) -> InboundRow:
    """A row of the table."""
    bounce_type, classification = row["bounce_type"], row["classification"]
    return InboundRow(
        **{
            **row,
            "kind": InboundKind(row["kind"]),
            "bounce_type": None if bounce_type is None else BounceType(bounce_type),
            "classification": None if classification is None else Classification(classification),
        }
    )


def _answered(row: Any) -> Answered:
    found = {name: row[name] for name in Answered.__slots__}
    return Answered(**{**found, "state": MessageState(row["state"])})


async def named(tx: Connection, workspace_id: int, named: Sequence[tuple[int, int, str]]) -> Answered | None:
    """The message that is one of these, each as (enrollment, step, Message-ID); the first counts most."""
    if not named:
        return None
    row = await tx.fetchrow(SQL["named"], workspace_id, *(list(column) for column in zip(*named, strict=True)))
    return _answered(row) if row else None


async def keep(tx: Connection, workspace_id: int, answered: Answered) -> None:
    """Keeps a message that is sending from being recorded before this transaction ends."""
    await tx.execute(SQL["keep"], workspace_id, answered.enrollment_id, answered.step)


async def last(tx: Connection, workspace_id: int, lead_id: int, campaign_id: int | None) -> Answered | None:
    """The last message that went to a lead, of one campaign or of all."""
    row = await tx.fetchrow(SQL["last"], workspace_id, lead_id, campaign_id)
    return _answered(row) if row else None


async def ended_by_reply(tx: Connection, workspace_id: int, lead_id: int, enrollment_id: int | None) -> list[int]:
    """The enrollments that a lead's reply ends: this one, or with None all in which something went out."""
    return [row["id"] for row in await tx.fetch(SQL["ended_by_reply"], workspace_id, lead_id, enrollment_id)]


async def ended_by_suppression(tx: Connection, workspace_id: int, keys: Sequence[str]) -> list[int]:
    """All enrollments of the leads that have these addresses, given as keys."""
    return [row["id"] for row in await tx.fetch(SQL["ended_by_suppression"], workspace_id, list(keys))]


async def insert(tx: Connection, workspace_id: int, new: NewInbound) -> InboundRow | None:
    """Adds it; None where its Message-ID is there already."""
    row = await tx.fetchrow(SQL["insert"], workspace_id, *(getattr(new, name) for name in NewInbound.__slots__))
    return inbound_row(row) if row else None


async def by_message_id(tx: Connection, workspace_id: int, message_id: str) -> InboundRow | None:
    """What has this Message-ID of its own, or None."""
    row = await tx.fetchrow(SQL["by_message_id"], workspace_id, message_id)
    return inbound_row(row) if row else None


async def get(tx: Connection, workspace_id: int, inbound_id: int, lock: bool = False) -> InboundRow | None:
    """One of them, or None; `lock` keeps it for this transaction."""
    row = await tx.fetchrow(SQL["lock" if lock else "get"], workspace_id, inbound_id)
    return inbound_row(row) if row else None


async def save(tx: Connection, row: InboundRow) -> InboundRow:
    """Writes what may change: classification, whether it is read, to whom it is assigned, note and extra."""
    return inbound_row(
        await tx.fetchrow(
            SQL["save"],
            row.workspace_id,
            row.id,
            row.classification,
            row.is_read,
            row.assigned_to,
            row.assigned_at,
            row.note,
            row.extra,
        )
    )


async def page(
    tx: Connection, workspace_id: int, selection: Selection, below: int | None, limit: int
) -> list[InboundRow]:
    """The next `limit` with ids below `below`, newest first."""
    one = selection
    campaigns: Any = one.campaign_ids
    is_of_campaign = campaigns is not None and len(campaigns) == 1
    patterns = [f"%{phrase.translate(_LITERAL)}%" for phrase in one.search] or None
    rows = await tx.fetch(
        SQL["list_of_campaign" if is_of_campaign else "list_of_lead" if one.lead_id else "list"],
        workspace_id,
        _MAXIMUM_ID if below is None else below,
        limit,
        one.kinds,
        None if one.classifications is None else [word or "" for word in one.classifications],
        one.mailbox_ids,
        one.is_read,
        patterns,
        campaigns[0] if is_of_campaign else campaigns,
        one.lead_id,
        one.has_campaign,
    )
    return [inbound_row(row) for row in rows]


async def counts(tx: Connection, workspace_id: int, campaign_id: int) -> InboundCounts:
    """How many leads of a campaign did what."""
    total = Numbers()
    by_step: dict[int, Numbers] = {}
    for row in await tx.fetch(SQL["counts"], workspace_id, campaign_id):
        numbers = Numbers(*tuple(row)[2:])
        if row["is_total"]:
            total = numbers
        elif row["step"] is not None:
            by_step[row["step"]] = numbers
    return InboundCounts(total, dict(sorted(by_step.items())))


async def totals(tx: Connection, workspace_id: int, campaign_ids: Sequence[int]) -> dict[int, Numbers]:
    """How many leads of several campaigns did what, by their ids."""
    found = dict.fromkeys(campaign_ids, Numbers())
    for row in await tx.fetch(SQL["totals"], workspace_id, list(campaign_ids)):
        found[row["campaign_id"]] = Numbers(*tuple(row)[1:])
    return found
