"""Leads with what there has been between them and us: whether they may be written to, were, and answered."""

from collections.abc import Sequence
from dataclasses import replace

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.numbered_page import NumberedPage, Place
from caesura.store import correspondence as store
from caesura.store.correspondence import MAXIMUM_ORDERED, Choice, Correspondent, SortKey
from caesura.store.database import Connection, Database


async def page(
    database: Database,
    workspace_id: int,
    choice: Choice,
    place: Place,
    with_places: bool = False,
    order: Sequence[SortKey] = (),
) -> NumberedPage[Correspondent]:
    """A page of the leads of a choice, the oldest first unless in another order, `with_places` in campaigns.

    Raises as `Place.check`, and Conflict `too_many_to_sort` for an order of more than 50,000 leads.
    """
    place.check()
    async with database.connection() as connection:
        if order:
            found = await _ordered(connection, workspace_id, choice, order, place)
        else:
            found = await store.chosen(connection, workspace_id, choice, place)
        rows = await _placed(connection, workspace_id, found.rows) if with_places else found.rows
    return NumberedPage(rows, found.total)


async def _ordered(
    tx: Connection, workspace_id: int, choice: Choice, order: Sequence[SortKey], place: Place
) -> NumberedPage[Correspondent]:
    total = await store.count(tx, workspace_id, choice, MAXIMUM_ORDERED + 1)
    if total > MAXIMUM_ORDERED:
        raise Conflict("too_many_to_sort", f"at most {MAXIMUM_ORDERED:,} leads can be sorted: narrow the choice")
    return NumberedPage(await store.ordered(tx, workspace_id, choice, order, place), total)


async def past(
    database: Database, workspace_id: int, choice: Choice, above: int | None, limit: int, with_places: bool = False
) -> Sequence[Correspondent]:
    """The next `limit` leads of a choice with ids above `above`, in their order, `with_places` in campaigns."""
    async with database.connection() as connection:
        rows = await store.past(connection, workspace_id, choice, above or 0, limit)
        return await _placed(connection, workspace_id, rows) if with_places else rows


async def of_lead(database: Database, workspace_id: int, lead_id: int) -> Correspondent:
    """One lead, with its places in campaigns. Raises NotFound `lead_not_found`."""
    found = await past(database, workspace_id, Choice(lead_ids=[lead_id]), None, 1, with_places=True)
    if not found:
        raise NotFound("lead_not_found", "there is no such lead")
    return found[0]


async def _placed(tx: Connection, workspace_id: int, rows: Sequence[Correspondent]) -> Sequence[Correspondent]:
    by_lead = await store.places(tx, workspace_id, [one.lead.id for one in rows])
    return [replace(one, places=by_lead.get(one.lead.id, ())) for one in rows]
