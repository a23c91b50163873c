"""Campaigns: read, create, change and delete them; the threshold of their bounce shield."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.definition import read_definition
from caesura.domain.errors import NotFound
from caesura.domain.lifecycle import CampaignState
from caesura.domain.scopes import Scope
from caesura.http.door import Call, Refusal, Support
from caesura.http.woodpecker import content, reading
from caesura.http.woodpecker.door import WOODPECKER
from caesura.http.woodpecker.reading import incorrect
from caesura.http.woodpecker.status import found
from caesura.service import bounces, campaigns, definitions, mailboxes
from caesura.service.definitions import Campaign

MAXIMUM_MAILBOXES = 1_000
_EDITABLE = (CampaignState.DRAFT, CampaignState.EDITING)
_PARTLY = (
    "Opens, list_unsubscribe, gdpr_unsubscribe, signatures, catch-all checks and working days are kept and returned, "
    "and do nothing."
)


@WOODPECKER.on("POST", "/v2/campaigns", Scope.CAMPAIGNS_WRITE, support=Support.PART, note=_PARTLY)
async def create_campaign(call: Call) -> Response:
    """A DRAFT, with the ids of all that is in it."""
    body = call.fields()
    steps = content.sequence(reading.record(body, "steps", True))
    for step in steps:
        step.pop("id", None)
    settings = {"daily_enroll": content.USUAL_ENROLL, **reading.record(body, "settings")}
    data = content.timed({"name": reading.text(body, "name")}, steps)
    data["pool"] = await _pool(call, body) if body.get("email_account_ids") else None
    definition = read_definition(content.merged_settings(data, settings))
    call.campaign_id = await definitions.create(*call.key, definition, call.caller.actor, call.now)
    return await answer(call)


@WOODPECKER.on("GET", "/v2/campaigns/{campaign_id}", Scope.CAMPAIGNS_READ)
async def get_campaign(call: Call) -> Response:
    """The whole payload."""
    return await answer(call)


@WOODPECKER.on("PATCH", "/v2/campaigns/{campaign_id}", Scope.CAMPAIGNS_WRITE, support=Support.PART, note=_PARTLY)
async def update_campaign(call: Call) -> Response:
    """What is given of name, mailboxes, settings and steps; only of a DRAFT or what is EDITED."""
    body = call.fields()
    before = await editable(call)
    data = data_of(before)
    if "name" in body:
        data["name"] = reading.text(body, "name")
    if "email_account_ids" in body:
        data["pool"] = await _pool(call, body)
    if "settings" in body:
        data = content.merged_settings(data, reading.record(body, "settings"))
    if "steps" in body:
        data = content.timed(data, content.sequence(reading.record(body, "steps", True)))
    return await save(call, before, data)


@WOODPECKER.on("DELETE", "/v2/campaigns/{campaign_id}", Scope.CAMPAIGNS_WRITE)
async def delete_campaign(call: Call) -> Response:
    """Gone for good in any status. What was sent stays on record, so one with prospects is stopped and archived."""
    row = await found(call)
    place = (*call.key, call.campaign_id)
    status = await campaigns.status(*place, call.now)
    if row.status is CampaignState.DRAFT and not status.counters.enrolled:
        await definitions.delete(*place, call.caller.actor, call.now)
    else:
        await campaigns.stop(*place, None, call.caller.actor, call.now)
        await campaigns.archive(*place, True, call.caller.actor, call.now)
    return call.empty()


_SHIELD = "/v2/campaigns/{campaign_id}/bounce_shield/threshold"


@WOODPECKER.on("GET", _SHIELD, Scope.CAMPAIGNS_READ)
async def get_bounce_shield_threshold(call: Call) -> Response:
    """A percentage, or null."""
    await found(call)
    definition = (await definitions.get(*call.key, call.campaign_id)).definition
    return call.answer({"bounce_rate_threshold": definition.limits.bounce_threshold})


@WOODPECKER.on("PUT", _SHIELD, Scope.CAMPAIGNS_WRITE)
async def set_bounce_shield_threshold(call: Call) -> Response:
    """1 to 99."""
    return await _set_threshold(call, reading.whole(call.fields(), "bounce_rate_threshold", 1, 99))


@WOODPECKER.on("DELETE", _SHIELD, Scope.CAMPAIGNS_WRITE)
async def delete_bounce_shield_threshold(call: Call) -> Response:
    """Back to null."""
    return await _set_threshold(call, None)


async def _set_threshold(call: Call, threshold: int | None) -> Response:
    await found(call)
    before = await definitions.get(*call.key, call.campaign_id)
    data = data_of(before)
    await _edit(call, before, {**data, "limits": {**data["limits"], "bounce_threshold": threshold}})
    return call.empty(204)


def data_of(campaign: Campaign) -> dict[str, Any]:
    """A definition as data that can be changed and read again."""
    data: dict[str, Any] = campaign.definition.model_dump(mode="json", exclude_none=True)
    return data


async def editable(call: Call) -> Campaign:
    """The campaign of the path, if it may be changed.

    Raises NotFound, and a Refusal in any other status or where it has what the vendor's API cannot show.
    """
    await found(call)
    campaign = await definitions.get(*call.key, call.campaign_id)
    if campaign.row.status not in _EDITABLE:
        message = "Only campaigns with a status of DRAFT or EDITED can be updated"
        raise Refusal(409, "CAMPAIGN_NOT_EDITABLE", message)
    content.check_supported(campaign)
    return campaign


async def save(call: Call, before: Campaign, data: Mapping[str, Any]) -> Response:
    """Puts the data in the place of what was read, and answers the payload."""
    await _edit(call, before, data)
    return await answer(call)


async def _edit(call: Call, before: Campaign, data: Mapping[str, Any]) -> None:
    row, actor = before.row, call.caller.actor
    definition = read_definition(data)
    await definitions.edit(*call.key, call.campaign_id, definition, row.version, actor, call.now, row.status_at)


async def answer(call: Call) -> Response:
    """The payload of the campaign."""
    row = await found(call)
    pool = await mailboxes.get_pool(*call.key, row.pool_id) if row.pool_id is not None else None
    campaign = await definitions.get(*call.key, call.campaign_id)
    paused_at = await bounces.paused_at(*call.key, call.campaign_id)
    return call.answer(content.shown(campaign, pool.mailbox_ids if pool else (), paused_at))


async def _pool(call: Call, body: Mapping[str, Any]) -> str:
    """The name of the pool of exactly these mailboxes."""
    given = reading.items(body, "email_account_ids", MAXIMUM_MAILBOXES, True)
    if not given or not all(isinstance(one, int) and not isinstance(one, bool) and 0 < one < 2**63 for one in given):
        raise incorrect("email_account_ids")
    try:
        pool = await mailboxes.pool_of(*call.key, given, call.caller.actor, call.now)
    except NotFound as error:
        raise incorrect("email_account_ids") from error
    return pool.name
