"""Leads with what there has been between them and us: whether they may be written to, were, and answered."""

from dataclasses import replace

from caesura.domain.numbered_page import NumberedPage, Place
from caesura.store import correspondence as store
from caesura.store.correspondence import Choice, Correspondent
from caesura.store.database import Database


async def page(
    database: Database, workspace_id: int, choice: Choice, place: Place, with_places: bool = False
) -> NumberedPage[Correspondent]:
    """A page of the leads of a choice, oldest first, `with_places` in campaigns. Raises as `Place.check`."""
    place.check()
    async with database.connection() as connection:
        found = await store.chosen(connection, workspace_id, choice, place)
        if not with_places:
            return found
        by_lead = await store.places(connection, workspace_id, [one.lead.id for one in found.rows])
    rows = [replace(one, places=by_lead.get(one.lead.id, ())) for one in found.rows]
    return NumberedPage(rows, found.total)
