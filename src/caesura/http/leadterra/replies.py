"""Replies, and who looks after them."""

import re
from dataclasses import fields
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import NotFound
from caesura.domain.numbered_page import Place
from caesura.domain.scopes import Scope
from caesura.http.door import Call, Refusal, Support
from caesura.http.leadterra.door import (
    CAMPAIGN,
    INVALID,
    LEADTERRA,
    REPLY,
    no_campaign,
    number,
    optional,
    required,
    wrong,
)
from caesura.http.leadterra.reply_views import reply_of
from caesura.service import campaigns, inbound, numbered_pages

MOST = 1_000
"""Replies in one answer."""
USUAL_PAGE = 50
"""Replies on a page that is asked for without its length: as in the vendor's example."""

_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)

CATEGORIES = ("A", "B", "C")


@LEADTERRA.on(
    "GET",
    "/v1/replies",
    Scope.INBOUND_READ,
    support=Support.PART,
    note=f"the newest {MOST:,}, or pages with `page` and `perPage`; a reply that nobody has classified has "
    "`classification` null",
    shared=True,
)
async def list_replies(call: Call) -> Response:
    """What came back, of all campaigns or of one, newest first: a bare array, or one page if asked for pages."""
    wanted = call.query("campaignId")
    allowed = call.caller.campaign_ids
    campaign_ids = None if allowed is None else list(allowed)
    if wanted is not None:
        campaign_id = number(CAMPAIGN, wanted, no_campaign())
        if not call.visible(campaign_id):
            raise no_campaign()
        await campaigns.status(*call.key, campaign_id, call.now)
        campaign_ids = [campaign_id]
    place = _place(call)
    found = await numbered_pages.of_inbound(*call.key, campaign_ids, place or Place(1, MOST))
    told = [reply_of({one.name: getattr(row, one.name) for one in fields(row)}) for row in found.rows]
    if place is None:
        return call.answer(told)
    pagination = {"total": found.total, "page": place.number, "perPage": place.size}
    return call.answer({"replies": told, "pagination": pagination})


@LEADTERRA.on(
    "POST",
    "/v1/replies/{reply_id}/assign",
    Scope.INBOUND_WRITE,
    support=Support.PART,
    note="who it is assigned to is recorded; the mail is not forwarded, and nobody's seniority is judged",
)
async def assign_reply(call: Call) -> Response:
    """Gives a reply to somebody to look after, once, or again with `forceForward`."""
    reply_id = number(REPLY, call.path("reply_id"), NotFound("inbound_not_found", "there is no such reply"))
    given = call.fields()
    sdr = required(given, "sdrId", str, "a string")
    if not sdr.strip():
        raise wrong("/sdrId", "sdrId must not be blank")
    note = _checked(given)
    again = given.get("forceForward") is True
    extra = {LEADTERRA.name: given}
    actor, now = call.caller.actor, call.now
    row = await inbound.assign(*call.key, reply_id, sdr, actor, now, note=note, extra=extra, again=again)
    told = {"handoffId": f"hnd_{row.id}", "threadId": f"thr_{row.id}", "messageId": None, "gmailThreadId": None}
    return call.answer({"data": told})


def _place(call: Call) -> Place | None:
    """The page that is asked for; None without a word of pages. Raises Invalid."""
    page, length = call.query("page"), call.query("perPage")
    if page is None and length is None:
        return None
    place = Place(_count("page", page, 1), _count("perPage", length, USUAL_PAGE))
    if place.size > MOST:
        raise wrong("/perPage", f"perPage must be a whole number from 1 to {MOST}")
    return place


def _count(name: str, text: str | None, usual: int) -> int:
    if text is None:
        return usual
    if _COUNT.fullmatch(text) is None:
        raise wrong(f"/{name}", f"{name} must be a whole number, from 1")
    return int(text)


def _checked(given: dict[str, Any]) -> str | None:
    """The note, once all else is as the vendor wants it."""
    for name in ("to", "subject", "seniority", "employeeCount"):
        optional(given, name, str, "a string")
    for name in ("forceForward", "skipIcpCheck"):
        optional(given, name, bool, "true or false")
    copies = optional(given, "cc", list, "an array of strings") or []
    if not all(isinstance(one, str) for one in copies):
        raise wrong("/cc", "cc must be an array of strings")
    if given.get("category") is not None and given["category"] not in CATEGORIES:
        raise wrong("/category", f"category must be one of {', '.join(CATEGORIES)}")
    missing = [name for name in ("seniority", "employeeCount") if not given.get(name)]
    if missing and not given.get("skipIcpCheck"):
        detail = f"{' and '.join(missing)} must be given, or skipIcpCheck must be true."
        raise Refusal(400, INVALID, detail, {"icpFailed": True})
    note: str | None = optional(given, "note", str, "a string")
    return note
