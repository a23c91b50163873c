"""What keeps a pool without a usable mailbox from sending, by name."""

from caesura.store import holds, mailboxes
from caesura.store.database import Connection
from caesura.store.mailboxes import MailboxRow

# A person mends these first, and a sentence has no room for more.
_NAMED = 3


async def what_bars_the_pool(tx: Connection, workspace_id: int, pool_id: int) -> str:
    """Words for each of its mailboxes, the first three by name: `anna is on hold (manual, hld_5); bert is archived`."""
    pool = await mailboxes.get_pool(tx, workspace_id, pool_id)
    if pool is None or not pool.mailbox_ids:
        return "it is empty"
    rows = await mailboxes.several(tx, workspace_id, pool.mailbox_ids[:_NAMED])
    words = [await _bar(tx, row) for row in sorted(rows, key=lambda row: row.id)]
    more = len(pool.mailbox_ids) - len(words)
    return "; ".join([*words, f"and {more} more"] if more else words)


async def _bar(tx: Connection, row: MailboxRow) -> str:
    if row.archived:
        return f"{row.name} is archived"
    found = await holds.on_subject(tx, row.workspace_id, "mailbox", str(row.id))
    return f"{row.name} is on hold ({', '.join(f'{one.cause}, hld_{one.id}' for one in found)})"
