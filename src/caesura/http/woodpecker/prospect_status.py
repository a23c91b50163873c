"""Prospects that are given with a status: what is said of them is noted, so that nobody writes to them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from caesura.domain.errors import Conflict, Problem
from caesura.domain.inbound import InboundKind, InboundReport
from caesura.domain.lifecycle import EnrollmentState
from caesura.domain.numbered_page import Place
from caesura.domain.scopes import Scope, allows
from caesura.http.door import Call
from caesura.service import correspondence, enrollments, inbound, suppressions
from caesura.store.correspondence import Choice, LeadStanding

STATUSES: Mapping[str, LeadStanding] = {
    "BLACKLIST": LeadStanding.SUPPRESSED,
    "BOUNCED": LeadStanding.BOUNCED,
    "INVALID": LeadStanding.BOUNCED,
    "REPLIED": LeadStanding.REPLIED,
}
"""What can be given, but ACTIVE, and where it is kept here."""

_CAUSES = {LeadStanding.SUPPRESSED: "manual", LeadStanding.BOUNCED: "bounced"}
_ENDED = (EnrollmentState.FINISHED, EnrollmentState.STOPPED)


def standing_of(given: Mapping[str, Any]) -> LeadStanding | None:
    """What a prospect's status says; None for ACTIVE, or none. Ask `problem_of` first."""
    return STATUSES.get(str(given.get("status") or "ACTIVE"))


def problem_of(call: Call, given: Mapping[str, Any]) -> Problem | None:
    """Why the status cannot be taken, if it cannot."""
    status = given.get("status")
    if status in (None, "", "ACTIVE"):
        return None
    if not isinstance(status, str) or status not in STATUSES:
        return Problem("E_INV_STATUS", f"status must be one of ACTIVE, {', '.join(STATUSES)}")
    if call.caller.is_restricted:
        return Problem("E_NO_PERMISSION", "a key for single campaigns changes no status that others see")
    if STATUSES[status] is LeadStanding.REPLIED and not allows(call.caller.scopes, Scope.INBOUND_WRITE):
        return Problem("E_NO_PERMISSION", f"this key lacks the permission {Scope.INBOUND_WRITE}")
    return None


async def note(call: Call, said: Mapping[str, tuple[int, LeadStanding]]) -> None:
    """Notes what was said of at most 1,000 prospects; `said` has the number of each, by its address.

    Addresses that are on the blacklist or no good are suppressed. Who replied is reported to have done so, once, and is
    taken out of all campaigns.
    """
    by = call.caller.actor, call.now
    for standing, cause in _CAUSES.items():
        addresses = [address for address, (_, one) in said.items() if one is standing]
        if addresses:
            await suppressions.suppress_many(*call.key, addresses, *by, cause)
    replied = {lead_id: address for address, (lead_id, one) in said.items() if one is LeadStanding.REPLIED}
    if not replied:
        return
    wanted = Choice(lead_ids=list(replied), standings=[LeadStanding.OPEN])
    page = await correspondence.page(*call.key, wanted, Place(1, len(replied)))
    open_ids = {one.lead.id for one in page.rows}
    for lead_id, address in replied.items():
        if lead_id in open_ids:
            report = InboundReport(InboundKind.REPLY, address=address)
            await inbound.report(call.context.database, call.context.plans, call.workspace_id, report, *by)
        for one in await enrollments.of_lead(*call.key, lead_id):
            if one.state not in _ENDED:
                with suppress(Conflict):  # it ended at this moment
                    await enrollments.stop(*call.key, one.id, *by)
