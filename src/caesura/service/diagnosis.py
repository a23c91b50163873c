"""What a diagnosis reads: the database's clock, and every mailbox with what keeps it from sending."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from caesura.domain.errors import CaesuraError
from caesura.domain.plan import MailboxPlan
from caesura.service.plans import Plans
from caesura.store import diagnosis, holds, mailboxes
from caesura.store.database import Database
from caesura.store.holds import HoldRow
from caesura.store.mailboxes import MailboxRow

_PAGE = 500


@dataclass(frozen=True, slots=True)
class MailboxFindings:
    """A mailbox that is in use: the holds on it, and its plan, or why there is none."""

    row: MailboxRow
    holds: Sequence[HoldRow]
    plan: MailboxPlan | None
    error: CaesuraError | None


async def clock(database: Database) -> datetime:
    """The time by the database server's clock."""
    async with database.connection() as connection:
        return await diagnosis.clock(connection)


async def mailboxes_in_use(database: Database, plans: Plans, workspace_id: int) -> list[MailboxFindings]:
    """All mailboxes of a workspace that are not archived, the newest first."""
    found: list[MailboxFindings] = []
    async with database.connection() as connection:
        below = None
        while page := await mailboxes.page(connection, workspace_id, below, _PAGE):
            for row in page:
                if row.archived:
                    continue
                held = await holds.on_subject(connection, workspace_id, "mailbox", str(row.id))
                plan, error = None, None
                try:
                    plan = (await plans.mailboxes_by_id(connection, workspace_id, [row.id])).get(row.id)
                except CaesuraError as fault:
                    error = fault
                found.append(MailboxFindings(row, held, plan, error))
            below = page[-1].id
    return found


async def kill_switches(database: Database, workspace_id: int) -> list[HoldRow]:
    """The holds on everything in a workspace."""
    async with database.connection() as connection:
        return await holds.on_subject(connection, workspace_id, "workspace", "")
