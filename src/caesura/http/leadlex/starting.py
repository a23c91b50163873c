"""Start a campaign, and resume one that is paused."""

from contextlib import suppress

from starlette.responses import Response

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.lifecycle import CampaignState
from caesura.http.door import Call, Refusal
from caesura.http.leadlex.campaign_views import found, shown_status
from caesura.http.leadlex.door import LEADLEX, data, sentence, shown
from caesura.service import approvals, audiences, campaigns, mailboxes
from caesura.service.campaigns import Status
from caesura.store.approvals import ApprovalRow

_PAUSED = (CampaignState.PAUSED, CampaignState.EDITING)
_STARTABLE = (CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.PENDING_APPROVAL)


@LEADLEX.on("POST", "/v1/campaigns/{campaign_id}/start", "campaigns:write")
async def start_campaign(call: Call) -> Response:
    """From draft, and from paused, where it goes on from the same position. One that runs is refused.

    A draft with more recipients than the workspace's `approval_above` waits for its task to be approved.
    """
    status, approval = await found(call), None
    state = status.campaign.status
    if state in _PAUSED:
        status = await campaigns.resume(*call.key, call.campaign_id, call.caller.actor, call.now)
    elif state in _STARTABLE:
        status, approval = await _start(call, status)
    else:
        already = "Campaign is already running" if state is CampaignState.RUNNING else None
        raise _refused(already or f"Campaign cannot be started: it is {shown_status(state)}")
    return data(call, _told(status, approval))


async def _start(call: Call, status: Status) -> tuple[Status, ApprovalRow | None]:
    status = await _with_list(call, status)
    if not status.counters.enrolled:
        raise _refused("Campaign is empty: it has no recipients")
    try:
        return await approvals.start(*call.key, call.campaign_id, call.caller.actor, call.now, await usual_pool(call))
    except (Conflict, Invalid) as error:
        raise refused_start(error) from error


async def _with_list(call: Call, status: Status) -> Status:
    """The campaign with those, too, who joined its list since it was made."""
    row = status.campaign
    list_id = row.definition.get("extra", {}).get("leadlex", {}).get("list_id")
    if list_id is None or row.status is CampaignState.PENDING_APPROVAL:
        return status
    source = {"leadlex": {"source": f"list:{shown('list', list_id)}"}}
    with suppress(NotFound):  # the list was deleted meanwhile
        await audiences.enrol_list(*call.key, row.id, list_id, call.caller.actor, call.now, source)
    return await found(call)


async def usual_pool(call: Call) -> int | None:
    """The pool for a campaign that has none."""
    pool = await mailboxes.usual_pool(*call.key)
    return pool.id if pool else None


def refused_start(error: Conflict | Invalid) -> Refusal:
    """Why a campaign cannot start, with everything that keeps it from that."""
    return _refused("; ".join(sentence(one.detail) for one in error.problems) or sentence(error.detail))


def _refused(message: str) -> Refusal:
    return Refusal(400, "validation_error", message)


def _told(status: Status, approval: ApprovalRow | None) -> dict[str, object]:
    row, task = status.campaign, shown("task", approval.id) if approval else None
    return {"campaign_id": shown("campaign", row.id), "status": shown_status(row.status), "task_id": task}
