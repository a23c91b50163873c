"""Mailboxes: each of ours is one SMTP account; there are none of IMAP."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.capacity import Capacity
from caesura.domain.errors import Conflict, Invalid
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.scopes import Scope
from caesura.domain.validation import validate
from caesura.http.door import Call, Refusal, Support
from caesura.http.woodpecker import reading
from caesura.http.woodpecker.content import NAME
from caesura.http.woodpecker.door import WOODPECKER, identifier
from caesura.service import capacity, mailboxes
from caesura.store.mailboxes import MailboxRow

MAXIMUM_AT_ONCE = 100
_PAGE = 1_000
_TLS = {465: "implicit", 25: "none"}


@WOODPECKER.on("GET", "/v2/mailboxes", Scope.MAILBOXES_READ, support=Support.PART, note="SMTP only: mail is not read")
async def list_mailboxes(call: Call) -> Response:
    """An array of all, newest first."""
    return call.answer(await _all(call, await _every(call)))


@WOODPECKER.on(
    "GET", "/v2/mailboxes/{mailbox_id}", Scope.MAILBOXES_READ, support=Support.PART, note="SMTP only: mail is not read"
)
async def get_mailbox(call: Call) -> Response:
    """One."""
    row = await mailboxes.get(*call.key, identifier(call.path("mailbox_id"), "id"))
    [shown] = await _all(call, [row])
    return call.answer(shown)


async def _all(call: Call, rows: list[MailboxRow]) -> list[dict[str, Any]]:
    found = await capacity.of_mailboxes(call.context.database, call.context.plans, call.workspace_id, rows, call.now)
    return [_shown(row, found[row.id]) for row in rows]


def _shown(row: MailboxRow, room: Capacity) -> dict[str, Any]:
    definition: Mapping[str, Any] = row.definition
    transport, limits = definition["transport"], definition.get("limits") or {}
    kept = _kept(row)
    gap = limits.get("gap_seconds") or 0
    details = {
        "email": row.address,
        "provider": "CUSTOM",
        "login": transport.get("username") or row.address,
        "server": transport["host"],
        "port": transport["port"],
        "from_name": definition.get("from_name") or "",
        "error": None,
        "daily_limit": room.cap,
        "sent_today": room.used or 0,
        "frequency_from": gap * 1_000,
        "frequency_to": (gap + (limits.get("jitter_seconds") or 0)) * 1_000,
        "bcc_crm": kept.get("bcc", ""),
        "signature": kept.get("footer", ""),
        "open_url": kept.get("open_tracking_domain", ""),
        "click_url": kept.get("click_tracking_domain", ""),
        "unsubscribe_url": kept.get("unsubscribe_tracking_domain", ""),
        "freeze_account": [],
        "in_slot": True,
        "warmup_data": {"status": "DISABLED"},
        "imap_id": None,
    }
    return {"id": row.id, "type": "SMTP", "details": details}


@WOODPECKER.on(
    "POST",
    "/v2/mailboxes/manual_connection/bulk",
    Scope.MAILBOXES_WRITE,
    support=Support.PART,
    note="added at once; the IMAP account, footer and bcc are kept, and not used",
)
async def connect_mailboxes(call: Call) -> Response:
    """Adds up to 100 SMTP accounts, or none of them where one is wrong. 202, although nothing is left to be done."""
    body = call.fields()
    given = reading.items(body, "mailboxes", MAXIMUM_AT_ONCE, True)
    batch = {"id": int(call.now.timestamp() * 1_000_000), "size": len(given)}
    definitions = [validate(MailboxDefinition, _data(one, batch)) for one in given if isinstance(one, Mapping)]
    if not definitions or len(definitions) < len(given):
        raise reading.incorrect("mailboxes")
    actor, seal = call.caller.actor, call.context.keyring.seal
    ids, errors = [], []
    for definition in definitions:
        try:
            ids.append((await mailboxes.create(*call.key, definition, seal, actor, call.now)).id)
        except (Conflict, Invalid) as error:
            errors.append({"email": definition.address, "error": error.detail})
    if not ids:
        details = [f"{one['email']}: {one['error']}" for one in errors]
        raise Refusal(409, "MAILBOXES_NOT_CONNECTED", "No mailbox was connected.", details)
    if errors:
        kept = {NAME: {"batch": {**batch, "failed": errors}}}
        await mailboxes.keep_extra(*call.key, ids[0], kept, actor, call.now)
    return call.answer({"batch_id": batch["id"], "mailbox_ids": ids, "errors": errors}, 202)


@WOODPECKER.on("GET", "/v2/mailboxes/manual_connection/bulk/{batch_id}/summary", Scope.MAILBOXES_READ)
async def get_batch_summary(call: Call) -> Response:
    """How many of a batch were connected: there is never one pending."""
    batch_id = identifier(call.path("batch_id"), "batch_id")
    rows = [*await _every(call), *await _every(call, archived=True)]
    found = [batch for row in rows if (batch := _kept(row).get("batch")) and batch.get("id") == batch_id]
    if not found:
        raise Refusal(404, "BATCH_NOT_EXIST", "Batch not found")
    failed = [one for batch in found for one in batch.get("failed", ())]
    answer = {
        "processing_finished": True,
        "batch_size": found[0]["size"],
        "pending_mailboxes_count": 0,
        "connected_mailboxes_count": len(found),
        "conditionally_connected_mailboxes_count": 0,
        "failed_mailboxes_count": found[0]["size"] - len(found),
        "conditionally_connected_mailboxes": [],
        "failed_mailboxes": failed,
    }
    return call.answer(answer)


@WOODPECKER.on(
    "PATCH",
    "/v2/mailboxes/{mailbox_id}",
    Scope.MAILBOXES_WRITE,
    support=Support.PART,
    note="the footer is kept and returned, not put below mails",
)
async def update_mailbox(call: Call) -> Response:
    """Its footer; null or an empty one takes it away. No body."""
    mailbox_id = identifier(call.path("mailbox_id"), "id")
    body = call.fields()
    if "footer" not in body:
        raise reading.incorrect("footer")
    kept = {NAME: {"footer": reading.text(body, "footer", "")}}
    await mailboxes.keep_extra(*call.key, mailbox_id, kept, call.caller.actor, call.now)
    return call.empty()


async def _every(call: Call, archived: bool = False) -> list[MailboxRow]:
    rows: list[MailboxRow] = []
    while True:
        page = await mailboxes.page(*call.key, rows[-1].id if rows else None, _PAGE, archived)
        rows += page
        if len(page) < _PAGE:
            return rows


def _kept(row: MailboxRow) -> Mapping[str, Any]:
    return (row.definition.get("extra") or {}).get(NAME) or {}


def _data(given: Mapping[str, Any], batch: Mapping[str, Any]) -> dict[str, Any]:
    """An account as the data of a mailbox of ours. The times between two messages are in seconds. Raises a Refusal."""
    address, port = reading.text(given, "smtp_email"), reading.whole(given, "smtp_port", 1, 65_535)
    least = reading.whole(given, "sending_wait_time_from", 10, 9_999, 0)
    most = reading.whole(given, "sending_wait_time_to", max(20, least + 1), 9_999, least)
    limits: dict[str, Any] = {"gap_seconds": least, "jitter_seconds": most - least}
    if given.get("daily_sending_limit") is not None:
        limits["daily_cap"] = reading.whole(given, "daily_sending_limit", 1, 5_500)
    transport = {
        "host": reading.text(given, "smtp_server"),
        "port": port,
        "tls": _TLS.get(port, "starttls"),
        "username": reading.text(given, "smtp_login", address),
        "password": reading.text(given, "smtp_password"),
    }
    name = given.get("smtp_from_name")
    kept = {key: value for key, value in given.items() if not key.startswith("smtp_") and key != "imap_password"}
    kept["batch"] = batch
    data = {"name": address, "address": address, "transport": transport, "limits": limits, "extra": {NAME: kept}}
    return data if name is None else {**data, "from_name": reading.text(given, "smtp_from_name")}
