"""The inbox: what came back from prospects, newest first."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.enclosures import CopyDefinition
from caesura.domain.errors import Conflict, Invalid
from caesura.domain.inbound import Classification, InboundKind
from caesura.domain.scopes import Scope
from caesura.domain.validation import validate
from caesura.http.door import Call, Refusal, Support
from caesura.http.woodpecker import reading
from caesura.http.woodpecker.door import WOODPECKER, identifier, instant
from caesura.http.woodpecker.reading import incorrect
from caesura.service import answers, inbound
from caesura.service.answers import Answer
from caesura.store.inbound import InboundRow, Selection

USUAL_PAGE = 10
MAXIMUM_PAGE = 50
MAXIMUM_PHRASES = 20
SHORTEST_PHRASE = 3

_STATUSES = {
    "RESPONDED": InboundKind.REPLY,
    "AUTOREPLIED": InboundKind.AUTO_REPLY,
    "BOUNCED": InboundKind.BOUNCE,
    "BLACKLISTED": InboundKind.COMPLAINT,
    "OPT_OUT": InboundKind.UNSUBSCRIBE,
}
_LEVELS = {
    "INTERESTED": Classification.INTERESTED,
    "MAYBE_LATER": Classification.MAYBE_LATER,
    "NOT_INTERESTED": Classification.NOT_INTERESTED,
}
_NOT_MARKED = (None, Classification.OUT_OF_OFFICE)
_EXCLUSIVE = ("prospect_status", "prospect_interest_level", "out_of_campaign")


@WOODPECKER.on(
    "GET",
    "/v2/inbox/messages",
    Scope.LEADS_READ,
    support=Support.PART,
    note="only what was reported to us",
)
async def list_inbox_messages(call: Call) -> Response:
    """A page, and the cursor of the next one, null after the last."""
    size = identifier(call.query("per_page") or str(USUAL_PAGE), "per_page")
    if not 1 <= size <= MAXIMUM_PAGE:
        raise incorrect("per_page")
    cursor = call.query("next_page_cursor")
    below = None if cursor in (None, "", "null") else identifier(str(cursor), "next_page_cursor")
    rows = await inbound.page(*call.key, _selection(call), below, size + 1)
    following = str(rows[size - 1].id) if len(rows) > size else None
    return call.answer({"content": [_shown(row) for row in rows[:size]], "next_page_cursor": following})


@WOODPECKER.on(
    "POST",
    "/v2/inbox/messages/{message_id}/reply",
    Scope.CAMPAIGNS_SEND,
    support=Support.PART,
    note="to one address; without bcc, nobody gets a copy",
    also=(Scope.CAMPAIGNS_WRITE, Scope.LEADS_READ, Scope.LEADS_WRITE, Scope.INBOUND_READ, Scope.INBOUND_WRITE),
)
async def reply_to_inbox_message(call: Call) -> Response:
    """In its thread; from the mailbox that it came to, unless another is named."""
    body = call.fields()
    html = reading.text(reading.record(body, "body", True), "html")
    mailbox_id = None if body.get("mailbox_id") is None else reading.whole(body, "mailbox_id", 1, 2**63 - 1)
    quote = reading.flag(body, "quote_original_message", False)
    subject = reading.text(body, "subject", "") or None
    answer = Answer(None, html, subject, _to(body), mailbox_id, quote, _copies(body, "cc"), _copies(body, "bcc"))
    try:
        message_id = identifier(call.path("message_id"), "message_id")
        await answers.send(*call.key, message_id, answer, call.caller.actor, call.now)
    except Conflict as error:
        raise Refusal(409, error.code.upper(), error.detail) from error
    return call.empty()


def _copies(body: Mapping[str, Any], name: str) -> list[CopyDefinition]:
    """Addresses with commas between."""
    words = [one.strip() for one in reading.text(body, name, "").split(",")]
    try:
        return [validate(CopyDefinition, {"address": one}) for one in words if one]
    except Invalid as error:
        raise incorrect(name) from error


def _to(body: Mapping[str, Any]) -> str | None:
    """One address, alone or in an array."""
    given = body.get("to")
    one = given[0] if isinstance(given, list) and len(given) == 1 else given
    if one in (None, "", []):
        return None
    if isinstance(one, list):
        raise WOODPECKER.unsupported("several recipients")
    if not isinstance(one, str):
        raise incorrect("to")
    return one


def _selection(call: Call) -> Selection:
    if sum(call.query(name) is not None for name in _EXCLUSIVE) > 1:
        raise incorrect(", ".join(_EXCLUSIVE))
    status, level = call.query("prospect_status"), call.query("prospect_interest_level")
    out_of_campaign = call.query("out_of_campaign")
    if out_of_campaign not in (None, "YES"):
        raise incorrect("out_of_campaign")
    if status is not None and status not in _STATUSES:
        raise incorrect("prospect_status")
    if level not in (None, "NOT_MARKED", *_LEVELS):
        raise incorrect("prospect_interest_level")
    read = call.query("read")
    if read is not None and read.lower() not in ("true", "false"):
        raise incorrect("read")
    phrases = [one.strip() for one in (call.query("search_phrases") or "").split(",") if one.strip()]
    if len(phrases) > MAXIMUM_PHRASES or any(len(one) < SHORTEST_PHRASE for one in phrases):
        raise incorrect("search_phrases")
    return Selection(
        campaign_ids=_numbers(call, "campaign_ids"),
        mailbox_ids=_numbers(call, "mailbox_ids"),
        kinds=None if status is None else [_STATUSES[status]],
        classifications=None if level is None else _NOT_MARKED if level == "NOT_MARKED" else [_LEVELS[level]],
        is_read=None if read is None else read.lower() == "true",
        search=phrases,
        has_campaign=None if out_of_campaign is None else False,
    )


def _numbers(call: Call, name: str) -> list[int] | None:
    text = call.query(name)
    return None if text is None else [identifier(one.strip(), name) for one in text.split(",")]


def _shown(row: InboundRow) -> dict[str, Any]:
    words = {kind: word for word, kind in _STATUSES.items()}
    levels = {level: word for word, level in _LEVELS.items()}
    return {
        "id": row.id,
        "prospect_id": row.lead_id,
        "prospect_email": row.address,
        "prospect_status": words[row.kind],
        "prospect_interest_level": levels.get(row.classification) if row.classification else None,
        "campaign_id": row.campaign_id,
        "step": row.step,
        "mailbox_id": row.mailbox_id,
        "from": row.from_address,
        "subject": row.subject,
        "message": row.text,
        "received": instant(row.received_at),
        "read": row.is_read,
    }
