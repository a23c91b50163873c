"""Sender pools and sender accounts: our pools and mailboxes."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.responses import Response

from caesura.domain.capacity import Capacity
from caesura.domain.scopes import Scope
from caesura.http.door import Call
from caesura.http.leadterra.door import ACCOUNT, LEADTERRA, POOL, shown
from caesura.service import capacity, holds, mailboxes
from caesura.store.holds import HoldRow
from caesura.store.mailboxes import MailboxRow, PoolRow

UNLIMITED = 2**31 - 1
"""For a pool that nothing limits: the field is a number."""

_PAGE = 1_000

Row = TypeVar("Row", PoolRow, MailboxRow, HoldRow)


@LEADTERRA.on("GET", "/v1/sender-pools", Scope.MAILBOXES_READ)
async def list_pools(call: Call) -> Response:
    """All pools, with what each may send today."""
    rows = await _every(lambda below: mailboxes.page_of_pools(*call.key, below, _PAGE))
    database, workspace_id = call.key
    found = await capacity.of_pools(database, call.context.plans, workspace_id, [row.id for row in rows], call.now)
    return call.answer([_pool(row, found[row.id]) for row in rows])


@LEADTERRA.on("GET", "/v1/sender-accounts", Scope.MAILBOXES_READ)
async def list_accounts(call: Call) -> Response:
    """All mailboxes; one that is held, or out of use, is paused."""
    rows = await _every(lambda below: mailboxes.page(*call.key, below, _PAGE))
    gone = await _every(lambda below: mailboxes.page(*call.key, below, _PAGE, archived=True))
    in_force = await _every(lambda below: holds.page(*call.key, below, False, _PAGE))
    held = {one.subject for one in in_force if one.level == "mailbox"}
    every = sorted([*rows, *gone], key=lambda row: row.id)
    return call.answer([_account(row, row.archived or str(row.id) in held) for row in every])


async def _every(page: Callable[[int | None], Awaitable[list[Row]]]) -> list[Row]:
    """All rows, the oldest first."""
    rows: list[Row] = []
    while True:
        found = await page(rows[-1].id if rows else None)
        rows += found
        if len(found) < _PAGE:
            return rows[::-1]


def _pool(row: PoolRow, today: Capacity) -> dict[str, Any]:
    return {
        "id": shown(POOL, row.id),
        "name": row.name,
        "dailyCapacity": UNLIMITED if today.cap is None else today.cap,
        "remainingVolume": UNLIMITED if today.left is None else today.left,
        "senderAccountIds": [shown(ACCOUNT, one) for one in row.mailbox_ids],
    }


def _account(row: MailboxRow, is_paused: bool) -> dict[str, Any]:
    name = row.definition.get("from_name") or row.name
    status = "paused" if is_paused else "active"
    return {"id": shown(ACCOUNT, row.id), "email": row.address, "name": name, "status": status}
