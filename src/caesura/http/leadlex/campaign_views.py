"""How a campaign looks through this door."""

from collections.abc import Mapping

from caesura.domain.errors import NotFound
from caesura.domain.lifecycle import CampaignState
from caesura.http.door import Call
from caesura.service import campaigns
from caesura.service.campaigns import Status
from caesura.store.campaigns import CampaignRow

_STATUSES: Mapping[CampaignState, str] = {
    CampaignState.DRAFT: "draft",
    CampaignState.SCHEDULED: "draft",
    CampaignState.PENDING_APPROVAL: "pending_approval",
    CampaignState.RUNNING: "active",
    CampaignState.PAUSED: "paused",
    CampaignState.EDITING: "paused",
    CampaignState.COMPLETED: "completed",
    CampaignState.STOPPED: "completed",
}


def shown_status(state: CampaignState) -> str:
    """The vendor's word for a campaign's status."""
    return _STATUSES[state]


def states_of(word: str) -> list[str]:
    """Our states that are shown as `word`."""
    return [str(state) for state, shown in _STATUSES.items() if shown == word]


async def found(call: Call) -> Status:
    """The campaign of the path with its counts. An archived one is not there, as after its deletion: NotFound."""
    status = await campaigns.status(*call.key, call.campaign_id, call.now)
    return present(status)


def present(status: Status) -> Status:
    """`status`, unless its campaign is archived: NotFound."""
    row: CampaignRow = status.campaign
    if row.archived:
        raise NotFound("campaign_not_found", "No campaign with this ID")
    return status
