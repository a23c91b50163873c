"""Leads with what there has been between them and us, in short."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from caesura.domain.inbound import Classification
from caesura.domain.lifecycle import CampaignState, EnrollmentState
from caesura.domain.numbered_page import NumberedPage, Place
from caesura.store.database import Connection
from caesura.store.leads import LeadRow
from caesura.store.queries import load

SQL = load("correspondence")
_COUNT = f"select count(*) from ({SQL['chosen']}) chosen"
_LEAD = len(LeadRow.__slots__)


class LeadStanding(StrEnum):
    """Whether a lead may be written to, and why not: the first that is so."""

    BOUNCED = "bounced"  # the address is suppressed since it does not work
    SUPPRESSED = "suppressed"  # the address or its domain is suppressed for another cause
    REPLIED = "replied"  # there is a reply
    OPEN = "open"  # nothing is in the way


@dataclass(frozen=True, slots=True)
class Choice:
    """Which leads: those that meet all that is given; None lets all pass.

    `fields` has for each field the values, in lower case, of which the lead must have one.
    """

    lead_ids: Sequence[int] | None = None
    keys: Sequence[str] | None = None
    campaign_ids: Sequence[int] | None = None
    standings: Sequence[LeadStanding] | None = None
    is_written_to: bool | None = None
    fields: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class LeadPlace:
    """A lead in a campaign that is not archived; `mailbox` is the address that writes to it, once one does."""

    lead_id: int
    campaign_id: int
    state: EnrollmentState
    cause: str | None
    step: int
    campaign_name: str
    campaign_status: CampaignState
    campaign_cause: str
    mailbox: str | None


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
        total = await tx.fetchval(_COUNT, workspace_id, *_given(choice), 0, None, 0)
    return NumberedPage(rows, total)


async def past(tx: Connection, workspace_id: int, choice: Choice, above: int, limit: int) -> list[Correspondent]:
    """The next `limit` leads of a choice with ids above `above`, in their order."""
    return await _chosen(tx, workspace_id, choice, above, limit, 0)


async def _chosen(
    tx: Connection, workspace_id: int, choice: Choice, above: int, limit: int, offset: int
) -> list[Correspondent]:
    rows = await tx.fetch(SQL["chosen"], workspace_id, *_given(choice), above, limit, offset)
    found = []
    for row in rows:
        lead, rest = tuple(row)[:_LEAD], tuple(row)[_LEAD:]
        wants = None if rest[3] is None else Classification(rest[3])
        found.append(Correspondent(LeadRow(*lead), LeadStanding(rest[0]), rest[1], rest[2], wants))
    return found


def _given(one: Choice) -> tuple[Any, ...]:
    return one.lead_ids, one.keys, one.campaign_ids, one.standings, one.is_written_to, one.fields


async def places(tx: Connection, workspace_id: int, lead_ids: Sequence[int]) -> dict[int, list[LeadPlace]]:
    """The campaigns of these leads, by lead."""
    by_lead: dict[int, list[LeadPlace]] = {}
    for row in await tx.fetch(SQL["places"], workspace_id, list(lead_ids)):
        lead_id, campaign_id, state, cause, step, name, status, why, mailbox = row
        place = (lead_id, campaign_id, EnrollmentState(state), cause, step, name, CampaignState(status), why, mailbox)
        by_lead.setdefault(lead_id, []).append(LeadPlace(*place))
    return by_lead
