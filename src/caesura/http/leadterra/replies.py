"""Replies, and who looks after them."""

from typing import Any

from starlette.responses import Response

from caesura.domain.errors import NotFound
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
from caesura.service import campaigns, inbound
from caesura.store.inbound import Selection

MOST = 1_000
"""Replies in one answer: the vendor names no parameters for pages."""

CATEGORIES = ("A", "B", "C")


@LEADTERRA.on(
    "GET",
    "/v1/replies",
    Scope.INBOUND_READ,
    support=Support.PART,
    note=f"the newest {MOST:,}; an answer that nobody has classified has `classification` null",
    shared=True,
)
async def list_replies(call: Call) -> Response:
    """What came back, of all campaigns or of one, newest first."""
    wanted = call.query("campaignId")
    allowed = call.caller.campaign_ids
    campaign_ids = None if allowed is None else list(allowed)
    if wanted is not None:
        campaign_id = number(CAMPAIGN, wanted, no_campaign())
        if not call.visible(campaign_id):
            raise no_campaign()
        await campaigns.status(*call.key, campaign_id, call.now)
        campaign_ids = [campaign_id]
    rows = await inbound.page(*call.key, Selection(campaign_ids=campaign_ids), None, MOST)
    every = sorted(rows, key=lambda row: (row.received_at, row.id), reverse=True)
    return call.answer([reply_of({name: getattr(row, name) for name in row.__slots__}) for row in every])


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
