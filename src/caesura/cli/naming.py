"""Which mailbox, lead or list a person means by a name, an address or an id."""

import re
from typing import TYPE_CHECKING

from caesura.domain.errors import NotFound

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.store.campaigns import CampaignRow
    from caesura.store.enrollments import EnrollmentRow
    from caesura.store.leads import LeadRow
    from caesura.store.lists import ListRow
    from caesura.store.mailboxes import MailboxRow

_ID = re.compile(r"(mbx_|led_|lst_)?([1-9][0-9]{0,17})")


def number_of(named: str, prefix: str) -> int | None:
    """The number of an id such as mbx_3, or 3; None for what is none."""
    found = _ID.fullmatch(named)
    return int(found[2]) if found is not None and found[1] in (None, prefix) else None


async def mailbox_of(session: "Session", named: str) -> "MailboxRow":
    """The mailbox of this name or id, also an archived one. Raises NotFound."""
    from caesura.service import mailboxes

    row = await mailboxes.find(session.database, session.workspace_id, named)
    if row is not None:
        return row
    number = number_of(named, "mbx_")
    if number is not None:
        return await mailboxes.get(session.database, session.workspace_id, number)
    raise NotFound("mailbox_not_found", f"there is no mailbox named {named!r}: see caesura mailbox list")


async def lead_of(session: "Session", named: str) -> "LeadRow":
    """The lead of this address or id. Raises NotFound, and Invalid for what is no address."""
    from caesura.service import leads

    number = number_of(named, "led_")
    if number is not None:
        return await leads.get(session.database, session.workspace_id, number)
    row = await leads.find(session.database, session.workspace_id, named)
    if row is None:
        raise NotFound("lead_not_found", f"there is no lead {named!r}")
    return row


async def enrollment_of(session: "Session", campaign: "CampaignRow", lead: str) -> "EnrollmentRow":
    """A campaign's lead, by address or id. Raises NotFound, and Invalid for what is no address."""
    from caesura.service import enrollments

    key = session.database, session.workspace_id
    row = await enrollments.find(*key, campaign.id, (await lead_of(session, lead)).id)
    if row is None:
        raise NotFound("enrollment_not_found", f"{lead} is not in {campaign.name}")
    return row


async def list_of(session: "Session", named: str) -> "ListRow":
    """The list of this name or id. Raises NotFound."""
    from caesura.service import lists

    row = await lists.find(session.database, session.workspace_id, named)
    if row is not None:
        return row
    number = number_of(named, "lst_")
    if number is not None:
        return (await lists.get(session.database, session.workspace_id, number))[0]
    raise NotFound("list_not_found", f"there is no list named {named!r}: see caesura list list")
