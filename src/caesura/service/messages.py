"""The ledger, to be read: which message went to whom, from where, when, and what the server said."""

from caesura.domain.errors import NotFound
from caesura.domain.lifecycle import MessageState
from caesura.store import campaigns, enrollments
from caesura.store import messages as store
from caesura.store.database import Database
from caesura.store.messages import MessageRow


async def get(database: Database, workspace_id: int, enrollment_id: int, step: int) -> MessageRow:
    """The message of a step (from 1) to an enrollment. Raises NotFound."""
    async with database.connection() as connection:
        row = await store.get(connection, workspace_id, enrollment_id, step)
    if row is None:
        raise NotFound("message_not_found", "there is no such message")
    return row


async def of_enrollment(database: Database, workspace_id: int, enrollment_id: int) -> list[MessageRow]:
    """The messages of an enrollment, in the order of steps: at most 50. Raises NotFound."""
    async with database.connection() as connection:
        if await enrollments.get(connection, workspace_id, enrollment_id) is None:
            raise NotFound("enrollment_not_found", "there is no such enrollment")
        return await store.of_enrollment(connection, workspace_id, enrollment_id)


async def page(
    database: Database,
    workspace_id: int,
    campaign_id: int | None,
    state: MessageState | None,
    after: int | None,
    limit: int,
) -> list[MessageRow]:
    """A page of a campaign's messages, or of all campaigns', in the order of enrollments and steps.

    `after` is the `position` of the last one of the page before. Raises NotFound.
    """
    async with database.connection() as connection:
        if campaign_id is not None and await campaigns.get(connection, workspace_id, campaign_id) is None:
            raise NotFound("campaign_not_found", "there is no such campaign")
        return await store.page(connection, workspace_id, campaign_id, state, after or 0, limit)
