"""Lists by page number, with the number of all: what doors need that count pages. Each `place` is checked.

All raise Invalid `page_invalid` and `page_size_invalid`.
"""

from collections.abc import Sequence

from caesura.domain.errors import NotFound
from caesura.domain.numbered_page import NumberedPage, Place
from caesura.store import campaigns as campaign_store
from caesura.store import lists as list_store
from caesura.store import numbered_pages as store
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Database
from caesura.store.enrollments import EnrollmentRow
from caesura.store.inbound import InboundRow
from caesura.store.keys import KeyRow
from caesura.store.leads import LeadRow
from caesura.store.lists import ListRow
from caesura.store.numbered_pages import CampaignChoice, EnrolledPerson, EnrollmentChoice, LeadChoice
from caesura.store.webhooks import WebhookRow


async def of_campaigns(
    database: Database, workspace_id: int, choice: CampaignChoice, place: Place
) -> NumberedPage[CampaignRow]:
    """Campaigns, newest first."""
    place.check()
    if not (choice.part or "").isprintable():
        return NumberedPage([], 0)
    async with database.connection() as connection:
        return await store.campaigns(connection, workspace_id, choice, place)


async def of_leads(database: Database, workspace_id: int, choice: LeadChoice, place: Place) -> NumberedPage[LeadRow]:
    """Leads, of one list or of all; counting and sorting read them all. Raises NotFound `list_not_found`."""
    place.check()
    if not (choice.part or "").isprintable():
        return NumberedPage([], 0)
    async with database.connection() as connection:
        if choice.list_id is not None and await list_store.get(connection, workspace_id, choice.list_id) is None:
            raise NotFound("list_not_found", "there is no such list")
        return await store.leads(connection, workspace_id, choice, place)


async def of_lists(
    database: Database, workspace_id: int, part: str | None, place: Place
) -> NumberedPage[tuple[ListRow, int]]:
    """Lists with `part` in their name, each with the number of its leads, newest first."""
    place.check()
    if not (part or "").isprintable():
        return NumberedPage([], 0)
    async with database.connection() as connection:
        return await store.lists(connection, workspace_id, part, place)


async def of_enrollments(
    database: Database, workspace_id: int, campaign_id: int, choice: EnrollmentChoice, place: Place
) -> NumberedPage[EnrollmentRow]:
    """A campaign's enrollments, newest first. Raises NotFound."""
    place.check()
    async with database.connection() as connection:
        if await campaign_store.get(connection, workspace_id, campaign_id) is None:
            raise NotFound("campaign_not_found", "there is no such campaign")
        return await store.enrollments(connection, workspace_id, campaign_id, choice, place)


async def enrolled_people(
    database: Database, workspace_id: int, enrollment_ids: Sequence[int]
) -> dict[int, EnrolledPerson]:
    """Who is behind these enrollments, by their ids: for a page of them."""
    async with database.connection() as connection:
        return await store.enrolled_people(connection, workspace_id, enrollment_ids)


async def of_inbound(
    database: Database, workspace_id: int, campaign_ids: Sequence[int] | None, place: Place
) -> NumberedPage[InboundRow]:
    """What came back, of some campaigns or of all (None), the last that came first: sorting reads them all.

    Their `html` is left out, since it is large.
    """
    place.check()
    async with database.connection() as connection:
        return await store.inbound(connection, workspace_id, campaign_ids, place)


async def of_webhooks(database: Database, workspace_id: int, dialect: str, place: Place) -> NumberedPage[WebhookRow]:
    """A door's webhooks, newest first."""
    place.check()
    async with database.connection() as connection:
        return await store.webhooks(connection, workspace_id, dialect, place)


async def of_keys(
    database: Database, workspace_id: int, dialect: str, with_revoked: bool, part: str | None, place: Place
) -> NumberedPage[KeyRow]:
    """A door's keys with `part` in their label, newest first; revoked ones only `with_revoked`."""
    place.check()
    if not (part or "").isprintable():
        return NumberedPage([], 0)
    async with database.connection() as connection:
        return await store.keys(connection, workspace_id, dialect, with_revoked, part, place)
