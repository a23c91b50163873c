"""Leads with what there has been between them and us, in short."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from caesura.domain.inbound import Classification, InboundKind
from caesura.domain.lifecycle import CampaignState, EnrollmentState
from caesura.domain.numbered_page import NumberedPage, Place
from caesura.store.database import Connection
from caesura.store.leads import LeadRow
from caesura.store.queries import load

SQL = load("correspondence")
_COUNT = f"select count(*) from ({SQL['chosen']}) chosen"
_LEAD = len(LeadRow.__slots__)


MAXIMUM_ORDERED = 50_000
"""Leads that are put into another order than that of their ids, at most: each of them is looked at."""


class LeadStanding(StrEnum):
    """Whether a lead may be written to, and why not: the first that is so."""

    BOUNCED = "bounced"  # the address is suppressed since it does not work
    SUPPRESSED = "suppressed"  # the address or its domain is suppressed for another cause
    REPLIED = "replied"  # there is a reply
    OPEN = "open"  # nothing is in the way


@dataclass(frozen=True, slots=True)
class Choice:
    """Which leads: those that meet all that is given; None lets all pass.

    `keys` and `address_parts` are of addresses, of which the lead's is one or has one within. `fields` has for each
    field the texts, in lower case, of which its value must have one within; a name with dots is a path in `extra`.
    `wants` has what the lead was last said to want; None among them: nobody has said. `updated` is (after, before).
    """

    lead_ids: Sequence[int] | None = None
    keys: Sequence[str] | None = None
    campaign_ids: Sequence[int] | None = None
    standings: Sequence[LeadStanding] | None = None
    is_written_to: bool | None = None
    fields: Mapping[str, Sequence[str]] | None = None
    wants: Sequence[Classification | None] | None = None
    updated: tuple[datetime | None, datetime | None] | None = None
    address_parts: Sequence[str] | None = None


class LeadOrder(StrEnum):
    """What leads are put in order by."""

    ID = "id"
    ADDRESS = "address"
    STANDING = "standing"
    UPDATED = "updated"
    WRITTEN = "written"  # who was never written to comes last, likewise with REPLIED
    REPLIED = "replied"
    FIELD = "field"  # by the value of a field, in lower case; without one first


_ORDERS: Mapping[LeadOrder, str] = {
    LeadOrder.ID: "l.id {0}",
    LeadOrder.ADDRESS: "l.address_key {0}",
    LeadOrder.STANDING: "s.standing {0}",
    LeadOrder.UPDATED: "l.updated_at {0}",
    LeadOrder.WRITTEN: "written_at {0} nulls last",
    LeadOrder.REPLIED: "replied_at {0} nulls last",
    LeadOrder.FIELD: "coalesce(lower(case when ($14::text[])[{1}] like '%.%' then l.extra #>> "
    "string_to_array(($14::text[])[{1}], '.') else l.fields ->> ($14::text[])[{1}] end), '') {0}",
}


@dataclass(frozen=True, slots=True)
class SortKey:
    """One of what leads are sorted by. `field` is a field, or a path with dots in `extra`, for LeadOrder.FIELD."""

    by: LeadOrder
    is_descending: bool = False
    field: str = ""


@dataclass(frozen=True, slots=True)
class LeadPlace:
    """A lead in a campaign that is not archived; `mailbox` is the address that writes to it, once one does.

    `classification` is what the lead was last said to want in this campaign. `came_back` is what came last of what
    ends a sequence, also after the last step: no automatic reply, no soft bounce.
    """

    lead_id: int
    campaign_id: int
    state: EnrollmentState
    cause: str | None
    step: int
    campaign_name: str
    campaign_status: CampaignState
    campaign_cause: str
    mailbox: str | None
    classification: Classification | None
    came_back: InboundKind | None


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A lead with its standing; when it was last written to and replied (UTC), and what it was last said to want."""

    lead: LeadRow
    standing: LeadStanding
    written_at: datetime | None
    replied_at: datetime | None
    classification: Classification | None
    places: Sequence[LeadPlace] = field(default=())


async def chosen(tx: Connection, workspace_id: int, choice: Choice, place: Place) -> NumberedPage[Correspondent]:
    """A page of leads, oldest first. Other filters than ids and keys look at each lead on the way."""
    rows = await _chosen(tx, workspace_id, choice, 0, place.size, place.offset)
    total = place.offset + len(rows)
    if len(rows) == place.size or not rows:
        total = await count(tx, workspace_id, choice)
    return NumberedPage(rows, total)


async def count(tx: Connection, workspace_id: int, choice: Choice, limit: int | None = None) -> int:
    """How many leads, of `limit` at most."""
    found: int = await tx.fetchval(_COUNT, workspace_id, *_given(choice), 0, limit, 0)
    return found


async def past(tx: Connection, workspace_id: int, choice: Choice, above: int, limit: int) -> list[Correspondent]:
    """The next `limit` leads of a choice with ids above `above`, in their order."""
    return await _chosen(tx, workspace_id, choice, above, limit, 0)


async def ordered(
    tx: Connection, workspace_id: int, choice: Choice, order: Sequence[SortKey], place: Place
) -> list[Correspondent]:
    """A page of leads in an order of their own, where all are the same the oldest first. Looks at each lead."""
    words = [
        _ORDERS[one.by].format("desc" if one.is_descending else "asc", number) for number, one in enumerate(order, 1)
    ]
    query = SQL["chosen"].replace("order by l.id\n", f"order by {', '.join([*words, 'l.id'])}\n")
    fields = [[one.field for one in order]] if LeadOrder.FIELD in {one.by for one in order} else []
    rows = await tx.fetch(query, workspace_id, *_given(choice), 0, place.size, place.offset, *fields)
    return [_correspondent(row) for row in rows]


async def _chosen(
    tx: Connection, workspace_id: int, choice: Choice, above: int, limit: int, offset: int
) -> list[Correspondent]:
    rows = await tx.fetch(SQL["chosen"], workspace_id, *_given(choice), above, limit, offset)
    return [_correspondent(row) for row in rows]


def _correspondent(row: Any) -> Correspondent:
    lead, rest = tuple(row)[:_LEAD], tuple(row)[_LEAD:]
    wants = None if rest[3] is None else Classification(rest[3])
    return Correspondent(LeadRow(*lead), LeadStanding(rest[0]), rest[1], rest[2], wants)


def _given(one: Choice) -> tuple[Any, ...]:
    keys = one.keys if one.address_parts is None else one.keys or ()
    wants = None if one.wants is None else [want or "" for want in one.wants]
    choice = (one.lead_ids, keys, one.campaign_ids, one.standings, one.is_written_to, one.fields, wants, one.updated)
    return (*choice, one.address_parts)


async def places(tx: Connection, workspace_id: int, lead_ids: Sequence[int]) -> dict[int, list[LeadPlace]]:
    """The campaigns of these leads, by lead."""
    by_lead: dict[int, list[LeadPlace]] = {}
    for row in await tx.fetch(SQL["places"], workspace_id, list(lead_ids)):
        lead_id, campaign_id, state, cause, step, name, status, why, mailbox, wants, kind = row
        place = (lead_id, campaign_id, EnrollmentState(state), cause, step, name, CampaignState(status), why, mailbox)
        said = None if wants is None else Classification(wants)
        by_lead.setdefault(lead_id, []).append(LeadPlace(*place, said, None if kind is None else InboundKind(kind)))
    return by_lead
