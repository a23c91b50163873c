"""Mailboxes: each of ours is one SMTP account; there are none of IMAP."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.capacity import Capacity
from caesura.domain.errors import Conflict, Invalid
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.scopes import Scope
from caesura.domain.validation import validate
from caesura.http.door import Call, Support
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
    rows: list[MailboxRow] = []
    while True:
        page = await mailboxes.page(*call.key, rows[-1].id if rows else None, _PAGE)
        rows += page
        if len(page) < _PAGE:
            return call.answer(await _all(call, rows))


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
    kept = (definition.get("extra") or {}).get(NAME) or {}
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
    note="added at once, not in a batch with a summary later; the IMAP account, footer and bcc are kept, and not used",
)
async def connect_mailboxes(call: Call) -> Response:
    """Adds up to 100 SMTP accounts, or none of them where one is wrong."""
    body = call.fields()
    given = reading.items(body, "mailboxes", MAXIMUM_AT_ONCE, True)
    definitions = [validate(MailboxDefinition, _data(one)) for one in given if isinstance(one, Mapping)]
    if not definitions or len(definitions) < len(given):
        raise reading.incorrect("mailboxes")
    actor, seal = call.caller.actor, call.context.keyring.seal
    ids, errors = [], []
    for definition in definitions:
        try:
            ids.append((await mailboxes.create(*call.key, definition, seal, actor, call.now)).id)
        except (Conflict, Invalid) as error:
            errors.append({"email": definition.address, "error": error.detail})
    return call.answer({"mailbox_ids": ids, "errors": errors})


def _data(given: Mapping[str, Any]) -> dict[str, Any]:
    """An account as the data of a mailbox of ours. The times between two messages are in seconds. Raises a Refusal."""
    address, port = reading.text(given, "smtp_email"), reading.whole(given, "smtp_port", 1, 65_535)
    least = reading.whole(given, "sending_wait_time_from", 0, 86_400, 0)
    most = reading.whole(given, "sending_wait_time_to", least, 86_400, least)
    limits: dict[str, Any] = {"gap_seconds": least, "jitter_seconds": most - least}
    if given.get("daily_sending_limit") is not None:
        limits["daily_cap"] = reading.whole(given, "daily_sending_limit", 1, 1_000_000)
    transport = {
        "host": reading.text(given, "smtp_server"),
        "port": port,
        "tls": _TLS.get(port, "starttls"),
        "username": reading.text(given, "smtp_login", address),
        "password": reading.text(given, "smtp_password"),
    }
    name = given.get("smtp_from_name")
    kept = {key: value for key, value in given.items() if not key.startswith("smtp_") and key != "imap_password"}
    data = {"name": address, "address": address, "transport": transport, "limits": limits, "extra": {NAME: kept}}
    return data if name is None else {**data, "from_name": reading.text(given, "smtp_from_name")}
