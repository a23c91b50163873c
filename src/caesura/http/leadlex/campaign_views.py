"""How a campaign looks through this door, and how its content is changed from here."""

from collections.abc import Callable, Mapping
from typing import Any

from caesura.domain.definition import CampaignDefinition, read_definition
from caesura.domain.errors import NotFound
from caesura.domain.lifecycle import CampaignState
from caesura.http.door import Call, until_unchanged
from caesura.http.leadlex.door import moment, shown
from caesura.service import campaigns, definitions
from caesura.service.campaigns import Status
from caesura.service.definitions import Campaign
from caesura.store.campaigns import CampaignRow

WEEK = ("mon", "tue", "wed", "thu", "fri")
WEEKEND = ("sat", "sun")
WEEKDAYS = {"days": list(WEEK), "start": "00:00", "end": "24:00"}
LEAST_GAP = 30
# What the vendor's settings are until somebody says else.
KEPT_DEFAULTS: Mapping[str, Any] = {
    "description": None,
    "track_opens": False,
    "track_clicks": False,
    "show_unsubscribe": True,
}

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
    return [str(state) for state, told in _STATUSES.items() if told == word]


async def found(call: Call) -> Status:
    """The campaign of the path with its counts. An archived one is not there, as after its deletion: NotFound."""
    status = await campaigns.status(*call.key, call.campaign_id, call.now)
    check_present(status.campaign)
    return status


def check_present(row: CampaignRow) -> None:
    """Raises NotFound for an archived campaign."""
    if row.archived:
        raise NotFound("campaign_not_found", "No campaign with this ID")


async def read(call: Call) -> Campaign:
    """The campaign of the path with its content. Raises NotFound."""
    campaign = await definitions.get(*call.key, call.campaign_id)
    check_present(campaign.row)
    return campaign


async def revise(call: Call, change: Callable[[dict[str, Any]], None]) -> tuple[Campaign, Campaign]:
    """Changes the content of the campaign of the path, as JSON, in place; answers it before and after.

    Between reading and writing nobody else's edit is lost. Raises NotFound, Invalid, Conflict.
    """

    async def revised() -> tuple[Campaign, Campaign]:
        before = await read(call)
        content = before.definition.model_dump(mode="json")
        change(content)
        after, seen = read_definition(content), before.row.version
        by = call.caller.actor
        return before, await definitions.edit(*call.key, call.campaign_id, after, seen, by, call.now)

    return await until_unchanged(revised)


def kept_of(definition: CampaignDefinition) -> Mapping[str, Any]:
    """What this door keeps with a campaign."""
    kept: Mapping[str, Any] = definition.extra.get("leadlex", {})
    return kept


def shows_unsubscribe(content: Mapping[str, Any]) -> bool:
    """Whether mails of a campaign, given as JSON, have the vendor's footer."""
    shows = content["extra"].get("leadlex", {}).get("show_unsubscribe")
    return shows is None or bool(shows)


def view(campaign: Campaign) -> dict[str, Any]:
    """A campaign with its settings."""
    row, definition = campaign.row, campaign.definition
    kept = kept_of(definition)
    settings = {name: kept.get(name, otherwise) for name, otherwise in KEPT_DEFAULTS.items()}
    return {
        **{name: value for name, value in kept.items() if name not in ("template", "list_id")},
        **summary(row, kept),
        **settings,
        "daily_send_limit": definition.limits.daily_total,
        "delay_between_emails": definition.limits.gap_seconds,
        "sending_timezone": definition.zone,
        "send_on_weekends": sends_on_weekends(definition),
        "started_at": moment(row.started_at),
        "paused_at": moment(row.paused_at),
        "updated_at": moment(row.updated_at),
    }


def summary(row: CampaignRow, kept: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign in few words; `kept` is what this door keeps with it."""
    return {
        "id": shown("campaign", row.id),
        "name": row.name,
        "description": kept.get("description"),
        "status": shown_status(row.status),
        "list_id": shown("list", kept.get("list_id")),
        "created_at": moment(row.created_at),
    }


def sends_on_weekends(definition: CampaignDefinition) -> bool:
    """Whether any of its windows, or of its steps', is open on Saturday or Sunday; without windows it always sends."""
    windows = [*definition.windows, *(window for step in definition.steps for window in step.windows)]
    return not definition.windows or any(day in WEEKEND for window in windows for day in window.days)


def set_weekends(content: dict[str, Any], wanted: bool) -> None:
    """Opens or closes Saturday and Sunday, and leaves the hours of the windows that there are."""
    windows = content["windows"]
    if wanted and windows == [WEEKDAYS]:
        content["windows"] = []
    elif wanted:
        if not any(day in WEEKEND for window in windows for day in window["days"]):
            last = max((WEEK.index(day) for window in windows for day in window["days"]), default=0)
            for window in windows:
                if WEEK[last] in window["days"]:
                    window["days"] = [*window["days"], *WEEKEND]
    else:
        for place in (content, *(step for step in content.get("steps", ()) if step.get("windows"))):
            for window in place["windows"]:
                window["days"] = [day for day in window["days"] if day not in WEEKEND]
            place["windows"] = [window for window in place["windows"] if window["days"]] or [dict(WEEKDAYS)]
