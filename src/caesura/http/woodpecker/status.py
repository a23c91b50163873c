"""Run, pause and stop a campaign, and take it out to be edited; what its status is called here."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.lifecycle import CampaignState
from caesura.domain.scopes import Scope
from caesura.http.door import Call, Refusal
from caesura.http.woodpecker.door import WOODPECKER
from caesura.service import campaigns, definitions, halting
from caesura.store.campaigns import CampaignRow

STOPPED = "stopped"
"""The cause of a pause that this door shows as STOPPED: `run` undoes it like any other."""

# Somebody else may change the status between our look and our verb.
_ATTEMPTS = 5


def shown_status(status: CampaignState, cause: str) -> str:
    """The vendor's word for a campaign's status, by ours and its cause."""
    match status:
        case CampaignState.DRAFT | CampaignState.SCHEDULED | CampaignState.PENDING_APPROVAL:
            return "DRAFT"
        case CampaignState.PAUSED:
            return "STOPPED" if cause == STOPPED else "PAUSED"
        case CampaignState.EDITING:
            return "EDITED"
        case state:
            return state.upper()


async def found(call: Call) -> CampaignRow:
    """The campaign of the path; an archived one is not there, as after its deletion. Raises NotFound."""
    row = (await campaigns.status(*call.key, call.campaign_id, call.now)).campaign
    if row.archived:
        raise NotFound("campaign_not_found", "there is no such campaign")
    return row


@WOODPECKER.on("POST", "/v2/campaigns/{campaign_id}/pause", Scope.CAMPAIGNS_SEND)
async def pause_campaign(call: Call) -> Response:
    """PAUSED, from any status in which something may be sent or still come to it."""
    await _halt(call, await found(call), None)
    return call.empty()


@WOODPECKER.on("POST", "/v2/campaigns/{campaign_id}/stop", Scope.CAMPAIGNS_SEND)
async def stop_campaign(call: Call) -> Response:
    """STOPPED: a pause with that cause, so that run undoes it."""
    await _halt(call, await found(call), STOPPED)
    return call.empty()


@WOODPECKER.on("POST", "/v2/campaigns/{campaign_id}/run", Scope.CAMPAIGNS_SEND)
async def run_campaign(call: Call) -> Response:
    """RUNNING, from DRAFT, PAUSED, STOPPED and EDITED."""
    await _settled(call, lambda row: _run(call, row))
    return call.empty()


@WOODPECKER.on("POST", "/v2/campaigns/{campaign_id}/make_editable", Scope.CAMPAIGNS_WRITE)
@WOODPECKER.on("POST", "/v2/campaigns/{campaign_id}/editable", Scope.CAMPAIGNS_WRITE)
async def make_campaign_editable(call: Call) -> Response:
    """EDITED; a draft can be edited as it is, and stays one."""
    await _settled(call, lambda row: _edit(call, row))
    return call.empty()


async def _settled(call: Call, act: Callable[[CampaignRow], Awaitable[None]]) -> None:
    """Looks at the campaign and acts; again, if it has changed meanwhile into a status that asks for another act."""
    for _ in range(_ATTEMPTS):
        row = await found(call)
        try:
            return await act(row)
        except Conflict as error:
            again = await found(call)
            if (again.status, again.status_at) == (row.status, row.status_at):
                raise
            last = error
    raise last


async def _halt(call: Call, row: CampaignRow, cause: str | None) -> None:
    """No more contact until somebody runs it: a planned start or resume, or an approval, does not do so either."""
    if cause is None and row.status is CampaignState.PAUSED and row.cause == STOPPED:
        cause = "manual"
    await halting.halt(*call.key, call.campaign_id, call.caller.actor, call.now, cause)


async def _run(call: Call, row: CampaignRow) -> None:
    place = (*call.key, call.campaign_id)
    match row.status:
        case CampaignState.RUNNING:
            return
        case CampaignState.PAUSED | CampaignState.EDITING:
            await campaigns.resume(*place, call.caller.actor, call.now)
        case CampaignState.DRAFT | CampaignState.SCHEDULED:
            try:
                await definitions.start(*place, call.caller.actor, call.now)
            except Invalid as error:
                raise _not_ready(error) from error
        case state:
            raise Refusal(409, f"CAMPAIGN_{state.upper()}", f"A campaign that is {state} cannot be run.")


def _not_ready(error: Invalid) -> Refusal:
    return Refusal(409, error.code.upper(), "; ".join(one.detail for one in error.problems) or error.detail)


async def _edit(call: Call, row: CampaignRow) -> None:
    if row.status is CampaignState.DRAFT:
        return
    place = (*call.key, call.campaign_id)
    if row.status is CampaignState.SCHEDULED:
        await campaigns.unschedule(*place, call.caller.actor, call.now)
    elif row.status is CampaignState.PENDING_APPROVAL:
        await campaigns.dismiss(*place, call.caller.actor, call.now)
    else:
        await campaigns.start_editing(*place, call.caller.actor, call.now)
