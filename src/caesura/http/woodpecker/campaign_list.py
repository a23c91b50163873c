"""The list of campaigns of version 1, with the statistics of one."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from caesura.domain.scopes import Scope
from caesura.http.door import Call, Support
from caesura.http.woodpecker.content import kept_of
from caesura.http.woodpecker.door import WOODPECKER, identifier, instant
from caesura.http.woodpecker.reading import incorrect
from caesura.http.woodpecker.status import shown_status
from caesura.service import campaigns, definitions, inbound, mailboxes
from caesura.store.campaigns import CampaignRow
from caesura.store.mailboxes import MailboxRow

_PAGE = 1_000
_STATUSES = ("RUNNING", "DRAFT", "EDITED", "PAUSED", "STOPPED", "COMPLETED", "DELETED")


@WOODPECKER.on(
    "GET",
    "/v1/campaign_list",
    Scope.CAMPAIGNS_READ,
    support=Support.PART,
    note="of the statistics, opened and clicked are 0, and there are no texts",
    shared=True,
)
async def list_campaigns(call: Call) -> Response:
    """An array, newest first: all, or those of the given ids and statuses."""
    text = call.query("id")
    ids = None if text is None else [identifier(one.strip(), "id") for one in text.split(",")]
    wanted = [one.strip().upper() for one in (call.query("status") or "").split(",") if one.strip()]
    if not set(wanted) <= set(_STATUSES):
        raise incorrect("status")
    rows = [
        row
        for row in await _rows(call, archived="DELETED" in wanted)
        if call.visible(row.id) and (ids is None or row.id in ids) and (not wanted or _word(row) in wanted)
    ]
    senders = await _senders(call, rows)
    shown = [_shown(row, senders.get(row.pool_id or 0, ())) for row in rows]
    if ids is not None and len(ids) == 1:
        for one in shown:
            one["stats"] = await _statistics(call, one["id"])
    return call.answer(shown)


async def _rows(call: Call, archived: bool) -> list[CampaignRow]:
    rows: list[CampaignRow] = []
    while True:
        below = rows[-1].id if rows else None
        page = await definitions.page(*call.key, below, None, None if archived else False, _PAGE)
        rows += page
        if len(page) < _PAGE:
            return rows


def _word(row: CampaignRow) -> str:
    return "DELETED" if row.archived else shown_status(row.status, row.cause)


async def _senders(call: Call, rows: Sequence[CampaignRow]) -> Mapping[int, Sequence[MailboxRow]]:
    """The mailboxes of each pool that some campaign has."""
    by_pool: dict[int, Sequence[MailboxRow]] = {}
    for pool_id in {row.pool_id for row in rows if row.pool_id is not None}:
        pool = await mailboxes.get_pool(*call.key, pool_id)
        by_pool[pool_id] = await mailboxes.several(*call.key, pool.mailbox_ids)
    return by_pool


def _shown(row: CampaignRow, senders: Sequence[MailboxRow]) -> dict[str, Any]:
    names = [one.definition.get("from_name") or "" for one in senders]
    addresses = [one.address for one in senders]
    kept = kept_of(row.definition).get("settings") or {}
    limits = row.definition.get("limits") or {}
    return {
        "id": row.id,
        "name": row.name,
        "status": _word(row),
        "created": instant(row.created_at),
        "from_name": names[0] if names else "",
        "from_names": names,
        "gdpr_unsubscribe": bool(kept.get("gdpr_unsubscribe", False)),
        "folder_name": "UNASSIGNED",
        "folder_id": 0,
        "from_email": addresses[0] if addresses else "",
        "from_emails": addresses,
        "per_day": limits.get("daily_new"),
        "bcc": "",
        "cc": "",
        "error": "",
    }


async def _statistics(call: Call, campaign_id: int) -> dict[str, int]:
    counters = (await campaigns.status(*call.key, campaign_id, call.now)).counters
    back = (await inbound.counts(*call.key, campaign_id)).total
    return {
        "prospects": counters.enrolled,
        "sent": counters.sent,
        "delivery": max(counters.sent - back.bounced, 0),
        "queue": counters.waiting + counters.claimed,
        "to_check": counters.held,
        "opened": 0,
        "clicked": 0,
        "replied": back.replied,
        "autoreplied": back.auto_replied,
        "bounced": back.bounced,
        "optout": back.unsubscribed,
        "interested": back.interested,
        "maybe_later": back.maybe_later,
        "not_interested": back.not_interested,
    }
