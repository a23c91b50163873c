"""Pages by number of what there is: for doors that count pages and tell how many there are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from caesura.domain.inbound import InboundKind
from caesura.domain.lifecycle import CampaignState, EnrollmentState
from caesura.domain.numbered_page import NumberedPage, Place
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection
from caesura.store.enrollments import EnrollmentRow
from caesura.store.inbound import InboundRow, inbound_row
from caesura.store.keys import KeyRow
from caesura.store.lead_order import NAME, LeadOrder
from caesura.store.leads import LeadRow
from caesura.store.lists import ListRow
from caesura.store.queries import load
from caesura.store.webhooks import WebhookRow

SQL = load("numbered_pages")

Row = TypeVar("Row")


_USUAL = "l.id desc"
_ORDERS: Mapping[LeadOrder, str] = {
    LeadOrder.NEWEST: _USUAL,
    LeadOrder.OLDEST: "l.id",
    LeadOrder.CHANGED_LAST: "l.updated_at desc, l.id desc",
    LeadOrder.CHANGED_FIRST: "l.updated_at, l.id",
    LeadOrder.NAME: f"{NAME}, l.id",
    LeadOrder.NAME_BACKWARDS: f"{NAME} desc, l.id desc",
    LeadOrder.ADDRESS: "l.address_key",
    LeadOrder.ADDRESS_BACKWARDS: "l.address_key desc",
}
_LEADS: Mapping[LeadOrder, str] = {
    order: SQL["leads"].replace(f"order by {_USUAL}", f"order by {by}") for order, by in _ORDERS.items()
}


@dataclass(frozen=True, slots=True)
class CampaignChoice:
    """Which campaigns: in one of `statuses`, archived or not, among `ids`, with `part` in the name. None: all."""

    statuses: Sequence[str] | None = None
    archived: bool | None = False
    ids: Sequence[int] | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class LeadChoice:
    """Which leads: with `part` in address or name, on a list, made from `since` on and before `until` (UTC).

    `kept`: with this among what is kept of them.
    """

    part: str | None = None
    list_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    order: LeadOrder = LeadOrder.NEWEST
    kept: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EnrollmentChoice:
    """Which enrollments: in one of `states`, for one of `causes`, for none of `other_causes`; None: all.

    `is_under_way`: whether the first step is behind it. `came_back`: what came last of what ends a sequence, of one
    that is finished ("": nothing); those are among them for their cause, too.
    """

    states: Sequence[str] | None = None
    causes: Sequence[str] | None = None
    other_causes: Sequence[str] | None = None
    is_under_way: bool | None = None
    came_back: Sequence[InboundKind | Literal[""]] | None = None


@dataclass(frozen=True, slots=True)
class EnrolledPerson:
    """The lead's fields, and when it was last sent a message of the campaign (UTC; None: not yet).

    `came_back` is of one that is finished: what came last of that which ends a sequence.
    """

    fields: Mapping[str, Any]
    last_sent_at: datetime | None
    came_back: InboundKind | None


async def campaigns(
    tx: Connection, workspace_id: int, choice: CampaignChoice, place: Place
) -> NumberedPage[CampaignRow]:
    """Campaigns, newest first."""
    values = (workspace_id, choice.statuses, choice.archived, choice.ids, _part(choice.part))
    return await _page(tx, SQL["campaigns"], SQL["count_campaigns"], values, place, _campaign)


async def leads(tx: Connection, workspace_id: int, choice: LeadChoice, place: Place) -> NumberedPage[LeadRow]:
    """Leads, in the order asked for."""
    part = (_part(choice.part) or "").casefold() or None
    values = (workspace_id, part, choice.list_id, choice.since, choice.until, choice.kept)
    return await _page(tx, _LEADS[choice.order], SQL["count_leads"], values, place, lambda row: LeadRow(*row))


async def lists(tx: Connection, workspace_id: int, part: str | None, place: Place) -> NumberedPage[tuple[ListRow, int]]:
    """Lists with `part` in their name, each with the number of its leads, newest first."""
    return await _page(tx, SQL["lists"], SQL["count_lists"], (workspace_id, _part(part)), place, _list)


async def enrollments(
    tx: Connection, workspace_id: int, campaign_id: int, choice: EnrollmentChoice, place: Place
) -> NumberedPage[EnrollmentRow]:
    """A campaign's enrollments, newest first."""
    values = (
        workspace_id,
        campaign_id,
        choice.states,
        choice.causes,
        choice.other_causes,
        choice.is_under_way,
        choice.came_back,
    )
    return await _page(tx, SQL["enrollments"], SQL["count_enrollments"], values, place, _enrollment)


async def enrolled_people(
    tx: Connection, workspace_id: int, enrollment_ids: Sequence[int]
) -> dict[int, EnrolledPerson]:
    """Who is behind these enrollments, by their ids."""
    rows = await tx.fetch(SQL["enrolled_people"], workspace_id, list(enrollment_ids)) if enrollment_ids else ()
    return {row["id"]: EnrolledPerson(row["fields"], row["last_sent_at"], _kind(row["came_back"])) for row in rows}


def _kind(word: str | None) -> InboundKind | None:
    return None if word is None else InboundKind(word)


async def inbound(
    tx: Connection, workspace_id: int, campaign_ids: Sequence[int] | None, place: Place
) -> NumberedPage[InboundRow]:
    """What came back, of some campaigns or of all (None), the last that came first; its `html` is left out."""
    return await _page(tx, SQL["inbound"], SQL["count_inbound"], (workspace_id, campaign_ids), place, inbound_row)


async def webhooks(tx: Connection, workspace_id: int, dialect: str, place: Place) -> NumberedPage[WebhookRow]:
    """A door's webhooks, newest first."""
    values = (workspace_id, dialect)
    return await _page(tx, SQL["webhooks"], SQL["count_webhooks"], values, place, lambda row: WebhookRow(**row))


async def keys(
    tx: Connection, workspace_id: int, dialect: str, with_revoked: bool, part: str | None, place: Place
) -> NumberedPage[KeyRow]:
    """A door's keys with `part` in their label, newest first."""
    values = (workspace_id, dialect, with_revoked, _part(part))
    return await _page(tx, SQL["keys"], SQL["count_keys"], values, place, lambda row: KeyRow(**row))


async def _page(
    tx: Connection, rows: str, count: str, values: Sequence[object], place: Place, made: Callable[[Any], Row]
) -> NumberedPage[Row]:
    found = [made(row) for row in await tx.fetch(rows, *values, place.size, place.offset)]
    if len(found) < place.size and (found or place.number == 1):  # the last page tells how many there are
        return NumberedPage(found, place.offset + len(found))
    return NumberedPage(found, await tx.fetchval(count, *values))


def _part(text: str | None) -> str | None:
    return text.strip() or None if text else None


def _list(row: Any) -> tuple[ListRow, int]:
    *columns, leads = row
    return ListRow(*columns), leads


def _campaign(row: Any) -> CampaignRow:
    return CampaignRow(**{**row, "status": CampaignState(row["status"])})


def _enrollment(row: Any) -> EnrollmentRow:
    return EnrollmentRow(**{**row, "state": EnrollmentState(row["state"])})
