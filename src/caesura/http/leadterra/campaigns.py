"""Create a campaign, and its stats."""

import re
from typing import Any

from starlette.responses import Response

from caesura.domain.definition import read_definition
from caesura.domain.lifecycle import CampaignState
from caesura.domain.scopes import Scope
from caesura.http.door import Call, Support
from caesura.http.leadterra.door import CAMPAIGN, LEADTERRA, kept, moment, optional, required, shown, wrong
from caesura.http.merge_fields import MergeField, field_name, translated
from caesura.service import campaigns, definitions, inbound
from caesura.service.campaigns import Status
from caesura.store.inbound import InboundCounts

DAY = 86_400
# A follow-up that does not say when must not go out in the same minute as the message before it.
USUAL_DELAY_DAYS = 1
MAXIMUM_DELAY_DAYS = 366

_TOKEN = re.compile(r"\{\{\s*([^\W\d][\w-]*)\s*\}\}")
# Nothing of these waits in a queue.
_INERT = (
    CampaignState.DRAFT,
    CampaignState.SCHEDULED,
    CampaignState.PENDING_APPROVAL,
    CampaignState.STOPPED,
    CampaignState.COMPLETED,
)


@LEADTERRA.on("POST", "/v1/campaigns", Scope.CAMPAIGNS_WRITE)
async def create_campaign(call: Call) -> Response:
    """A draft. What we do not know of the body is kept."""
    given = call.fields()
    name = required(given, "name", str, "a string")
    if not name.strip():
        raise wrong("/name", "name must not be blank")
    steps = optional(given, "sequenceSteps", list, "an array") or []
    unknown = {key: value for key, value in given.items() if key not in ("name", "sequenceSteps")}
    definition = read_definition(
        {"name": name, "steps": [_step(step, place) for place, step in enumerate(steps)], "extra": kept(unknown)}
    )
    campaign_id = await definitions.create(*call.key, definition, call.caller.actor, call.now)
    told = {
        "id": shown(CAMPAIGN, campaign_id),
        "name": name,
        "status": "draft",
        "sequenceSteps": steps,
        "createdAt": moment(call.now),
    }
    return call.answer(told, 201)


@LEADTERRA.on(
    "GET",
    "/v1/campaigns/{campaign_id}/stats",
    Scope.CAMPAIGNS_READ,
    support=Support.PART,
    note="opens are not counted: `openRate` is 0",
)
async def campaign_stats(call: Call) -> Response:
    """Where a campaign stands."""
    key = (*call.key, call.campaign_id)
    found = await campaigns.status(*key, call.now)
    return call.answer(_stats(found, await inbound.counts(*key)))


def _stats(found: Status, back: InboundCounts) -> dict[str, Any]:
    counted, total = found.counters, back.total
    delivered = max(counted.sent - total.bounced, 0)
    return {
        "campaignId": shown(CAMPAIGN, found.campaign.id),
        "totalEnrolled": counted.enrolled,
        "sent": counted.sent + counted.rejected + counted.unknown,
        "delivered": delivered,
        "bounced": counted.rejected + total.bounced,
        "replied": total.replied,
        "queued": 0 if found.campaign.status in _INERT else found.held,
        "openRate": 0.0,
        "replyRate": round(min(total.replied / delivered, 1.0), 4) if delivered else 0.0,
    }


def _step(given: object, place: int) -> dict[str, Any]:
    """A step of ours out of one of the vendor's. Its own words are kept beside it."""
    pointer = f"/sequenceSteps/{place}"
    if not isinstance(given, dict):
        raise wrong(pointer, f"sequenceSteps[{place}] must be an object")
    for name in ("subject", "bodyHtml"):
        if not isinstance(given.get(name), str):
            raise wrong(f"{pointer}/{name}", f"sequenceSteps[{place}].{name} is required, and must be a string")
    days = given.get("delayDays")
    if days is None:
        days = USUAL_DELAY_DAYS if place else 0
    if type(days) is not int or not 0 <= days <= MAXIMUM_DELAY_DAYS:
        detail = f"sequenceSteps[{place}].delayDays must be an integer from 0 to {MAXIMUM_DELAY_DAYS}"
        raise wrong(f"{pointer}/delayDays", detail)
    subject = translated(given["subject"], _TOKEN, _meaning, html=False)
    body = translated(given["bodyHtml"], _TOKEN, _meaning, html=True)
    return {"subject": subject, "html": body, "delay": days * DAY, "extra": kept(given)}


def _meaning(found: re.Match[str]) -> MergeField:
    """A missing value renders as nothing."""
    return MergeField(field_name(found[1]))
