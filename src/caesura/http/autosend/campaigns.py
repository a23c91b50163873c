"""Campaigns: `/campaigns`. One of the vendor's is one of ours with one step."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from caesura.domain.definition import CampaignDefinition
from caesura.domain.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from caesura.domain.lifecycle import CampaignState, CampaignVerb
from caesura.domain.numbered_page import Place
from caesura.domain.scopes import Scope
from caesura.http.autosend import campaign_content as content
from caesura.http.autosend import campaign_views as views
from caesura.http.autosend import contact_lists, templates
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.sender_choice import pool_of_sender
from caesura.http.autosend.suppression_groups import group_of, refuse_bypass
from caesura.http.autosend.values import Body, counted, leaf
from caesura.http.door import Call, Refusal, until_unchanged
from caesura.service import (
    audiences,
    campaigns,
    definitions,
    message_templates,
    numbered_pages,
    overviews,
    suppression_groups,
)
from caesura.service.campaigns import PauseOptions
from caesura.service.definitions import Campaign
from caesura.store.campaigns import CampaignRow
from caesura.store.message_templates import TemplateRow
from caesura.store.numbered_pages import CampaignChoice
from caesura.store.segments import Audience

# What the vendor leaves between the request and the send, so that it can be taken back.
SEND_NOW_AFTER = timedelta(seconds=120)
_EDITABLE = (CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.PAUSED, CampaignState.EDITING)
_PAUSED = (CampaignState.PAUSED, CampaignState.EDITING)
_LISTS = ("toLists", "excludeLists")
_PAST = Problem("starts_at_past", "scheduledAt must be in the future", "/scheduledAt")
_ALL = "/campaigns"
_ONE = "/campaigns/{campaign_id}"
_PART = "Opens and clicks are 0."


@AUTOSEND.on("POST", _ALL, Scope.CAMPAIGNS_WRITE, idempotent=True, note=_PART)
async def create_campaign(call: Call) -> Response:
    """A draft; with `publish` or `sendNow` it takes its leads, and is sent at its time."""
    body = Body(call.fields())
    refuse_bypass(body.fields)
    content.read(body, None)
    body.check()
    _check_permission(call, body)
    template = await _template(call, body)
    definition = content.written(Body(call.fields()), None, await _pool(call, body, is_new=True), _texts(template))
    contact_lists.named([*body.texts("toLists", 100), *body.texts("excludeLists", 100)])
    group_id = group_of(body.text("unsubscribeGroupId"))
    campaign_id = await definitions.create(*call.key, definition, call.caller.actor, call.now)
    if group_id is not None:
        await suppression_groups.bind(*call.key, campaign_id, group_id, call.caller.actor, call.now)
    if _is_published(body):
        try:
            await _publish(call, campaign_id, SEND_NOW_AFTER)
        except Exception:
            await _forget(call, campaign_id)
            raise
    [whole] = await _wholes(call, [(await definitions.get(*call.key, campaign_id)).row])
    return call.answer({"success": True, "data": whole, "message": _made(body)}, 201)


@AUTOSEND.on("GET", _ALL, Scope.CAMPAIGNS_READ, shared=True)
async def list_campaigns(call: Call) -> Response:
    """Campaigns, newest first, of one status or all."""
    page, limit = counted("page", call.query("page"), 1, None), counted("limit", call.query("limit"), 20, 100)
    word = call.query("status")
    states, is_gradual = views.states_of(word) if word else (None, None)
    allowed = call.caller.campaign_ids
    choice = CampaignChoice(statuses=states, ids=None if allowed is None else sorted(allowed))
    if is_gradual is None:
        found = await numbered_pages.of_campaigns(*call.key, choice, Place(page, limit))
        rows, total = found.rows, found.total
    else:
        # Running ones are few, and only their content tells the two kinds apart.
        running = await numbered_pages.of_campaigns(*call.key, choice, Place(1, 1_000))
        fitting = [row for row in running.rows if (_gradual(row.definition)) == is_gradual]
        rows, total = fitting[(page - 1) * limit : page * limit], len(fitting)
    shown = await _wholes(call, rows)
    return call.answer({"success": True, "data": {"campaigns": shown, "pagination": leaf(page, limit, total)}})


@AUTOSEND.on("GET", _ONE, Scope.CAMPAIGNS_READ)
async def get_campaign(call: Call) -> Response:
    """One campaign, with its numbers, its lists and its template."""
    [whole] = await _wholes(call, [(await _present(call)).row])
    whole["template"] = None
    if isinstance(whole["templateId"], str):
        try:
            number = templates.number_of_template(whole["templateId"])
            whole["template"] = templates.view(await message_templates.get(*call.key, number))
        except NotFound:  # it is gone, or was never one of ours
            whole["template"] = None
    return call.answer({"success": True, "data": whole})


@AUTOSEND.on("PATCH", _ONE, Scope.CAMPAIGNS_WRITE, note=_PART)
async def update_campaign(call: Call) -> Response:
    """Changes what is given; with `publish` or `sendNow` it is sent."""
    body = Body(call.fields())
    refuse_bypass(body.fields)
    before, after = await until_unchanged(lambda: _edit(call, body))
    if _is_moved(before, after) and after.starts_at:
        await _plan(call, before, after.starts_at)
    if _is_published(body):
        await _publish(call, call.campaign_id, timedelta(0))
    elif _is_planned(before) and _takes_back(body, before, after):
        await _plan(call, before, None)
    [whole] = await _wholes(call, [(await definitions.get(*call.key, call.campaign_id)).row])
    return call.answer({"success": True, "data": whole, "message": "Campaign updated successfully"})


async def _edit(call: Call, body: Body) -> tuple[Campaign, CampaignDefinition]:
    """Writes what the body changes; answers the campaign before, and after. Raises Conflict if it changed meanwhile."""
    before = await _present(call)
    content.read(body, before.definition)
    body.check()
    _check_permission(call, body)
    if before.row.status not in _EDITABLE:
        word = views.status_of(before.row, before.definition)
        raise Refusal(400, "CAMPAIGN_CANNOT_BE_UPDATED", f"A campaign that is {word} cannot be updated")
    template = await _template(call, body)
    pool = await _pool(call, body, is_new=False)
    after = content.written(Body(call.fields()), before.definition, pool, _texts(template), before.row.starts_at)
    contact_lists.named([*body.texts("toLists", 100), *body.texts("excludeLists", 100)])
    if _is_moved(before, after) and after.starts_at and after.starts_at <= call.now:  # before anything is changed
        raise Invalid.of(_PAST)
    if body.has("unsubscribeGroupId"):
        group_id = group_of(body.text("unsubscribeGroupId"))
        await suppression_groups.bind(*call.key, call.campaign_id, group_id, call.caller.actor, call.now)
    row, by = before.row, call.caller.actor
    await definitions.edit(*call.key, call.campaign_id, after, row.version, by, call.now, row.status_at)
    return before, after


def _is_planned(campaign: Campaign) -> bool:
    row = campaign.row
    return row.status is CampaignState.SCHEDULED or views.is_planned(row, campaign.definition)


def _is_moved(before: Campaign, after: CampaignDefinition) -> bool:
    """Whether the planned start is at another time."""
    return _is_planned(before) and after.starts_at not in (None, before.row.starts_at, before.row.resume_at)


async def _plan(call: Call, before: Campaign, at: datetime | None) -> None:
    """Gives a campaign that is planned another time, or none: then it waits for somebody."""
    place, by = (*call.key, call.campaign_id), (call.caller.actor, call.now)
    if before.row.status is CampaignState.PAUSED:
        await campaigns.pause(*place, PauseOptions(resume_at=at, stays=at is None), *by)
    elif at is not None:
        await campaigns.schedule(*place, at, *by)
    else:
        await campaigns.unschedule(*place, *by)


@AUTOSEND.on("DELETE", _ONE, Scope.CAMPAIGNS_WRITE)
async def delete_campaign(call: Call) -> Response:
    """Deletes a draft; one whose audience was enrolled before its start was taken back is put out of sight for good."""
    place = (*call.key, call.campaign_id, call.caller.actor, call.now)
    await _present(call)
    try:
        await definitions.delete(*place)
    except Conflict as error:
        if error.state != CampaignState.DRAFT:
            message = "Only draft campaigns can be deleted"
            raise Refusal(400, "ONLY_DRAFT_CAMPAIGNS_CAN_BE_DELETED", message) from error
        await campaigns.withdraw(*place)
    return call.answer({"success": True, "message": "Campaign deleted successfully"})


@AUTOSEND.on("POST", f"{_ONE}/pause", Scope.CAMPAIGNS_SEND, bodiless=True)
async def pause_campaign(call: Call) -> Response:
    """Stops delivery without losing progress; what has not begun is a draft again. Answers the whole campaign."""
    try:
        await _halt(call)
    except Conflict as error:
        raise _unfit("paused", error) from error
    return call.answer(await _answer(call))


async def _halt(call: Call) -> None:
    """Until somebody resumes it: a start or resume that was planned is taken back. Raises Conflict."""
    place, by = (*call.key, call.campaign_id), (call.caller.actor, call.now)
    match (await _present(call)).row.status:
        case CampaignState.PENDING_APPROVAL:
            with suppress(Conflict):  # it has begun meanwhile
                await campaigns.dismiss(*place, *by)
                return
        case CampaignState.SCHEDULED:
            try:
                await definitions.start(*place, *by, paused=PauseOptions(stays=True))
                return
            except Invalid:  # it could not have begun
                await campaigns.unschedule(*place, *by)
                return
            except Conflict:
                pass
    await campaigns.pause(*place, PauseOptions(stays=True), *by)


@AUTOSEND.on("POST", f"{_ONE}/resume", Scope.CAMPAIGNS_SEND, bodiless=True)
async def resume_campaign(call: Call) -> Response:
    """Goes on from the point of the pause: `sending`, or `sending_gradual` by its sendMode."""
    try:
        await _go_on(call, await _present(call))
    except Conflict as error:
        raise _unfit("resumed", error) from error
    return call.answer(await _answer(call))


async def _go_on(call: Call, campaign: Campaign) -> None:
    """Lets a paused campaign go on: at its time, if that is still to come."""
    place, by = (*call.key, campaign.row.id), (call.caller.actor, call.now)
    planned = content.scheduled_at(campaign.definition)
    if campaign.row.status in _PAUSED and planned is not None and planned > call.now:
        await campaigns.pause(*place, PauseOptions(resume_at=planned), *by)
    else:
        await campaigns.resume(*place, *by)


async def _present(call: Call) -> Campaign:
    """The campaign of the path; an archived one is not there, as after its deletion. Raises NotFound."""
    campaign = await definitions.get(*call.key, call.campaign_id)
    if campaign.row.archived:
        raise NotFound("campaign_not_found", "there is no such campaign")
    return campaign


async def _answer(call: Call) -> dict[str, Any]:
    campaign = await definitions.get(*call.key, call.campaign_id)
    return {"success": True, "data": views.short(campaign)}


async def _wholes(call: Call, rows: Sequence[CampaignRow]) -> list[dict[str, Any]]:
    """Campaigns with their lists and their numbers: a constant number of statements."""
    found = await overviews.of_campaigns(*call.key, rows)
    named = {one for view in found for name in _LISTS for one in _lists(view.campaign, name)}
    known = await contact_lists.summaries(call, named)
    return [
        {
            **views.short(one.campaign),
            **{name: [known[listed] for listed in _lists(one.campaign, name)] for name in _LISTS},
            "metrics": views.metrics(one.campaign.row, one.counters, one.came_back),
        }
        for one in found
    ]


def _lists(campaign: Campaign, name: str) -> list[str]:
    found = content.kept(campaign.definition).get(name)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


async def _pool(call: Call, body: Body, is_new: bool) -> str | None:
    return await pool_of_sender(call, body) if is_new or body.has("senderId") or body.has("from") else None


async def _template(call: Call, body: Body) -> TemplateRow | None:
    """What templateId names. Where htmlTemplate comes with it, the template is overwritten, as the vendor documents."""
    if not body.has("templateId"):
        return None
    number = templates.number_of_template(str(body.fields["templateId"]))
    row = await message_templates.get(*call.key, number)
    if not body.has("htmlTemplate"):
        return row
    if call.caller.is_restricted:
        raise Forbidden("key_restricted", "a key for single campaigns changes no template: leave htmlTemplate out")
    return await templates.overwrite(call, number, {"emailTemplate": body.fields["htmlTemplate"]})


def _texts(template: TemplateRow | None) -> dict[str, Any] | None:
    return None if template is None else {"html": template.html or ""}


def _is_published(body: Body) -> bool:
    """An older version of the page sends at `sendNow` alone."""
    return body.fields.get("publish") is True or body.fields.get("sendNow") is True


def _takes_back(body: Body, before: Campaign, after: CampaignDefinition) -> bool:
    """Whether a change takes the planned start away: its time, or the sendNow that it had."""
    was_now = bool(content.kept(before.definition).get("sendNow"))
    is_cleared = "scheduledAt" in body.fields or (body.fields.get("sendNow") is False and was_now)
    return after.starts_at is None and is_cleared


def _check_permission(call: Call, body: Body) -> None:
    """Who may write a campaign may not therefore send it. Raises Forbidden."""
    if _is_published(body) and not AUTOSEND.allows(call.caller.scopes, Scope.CAMPAIGNS_SEND):
        raise Forbidden("scope_missing", f"this key lacks the permission {Scope.CAMPAIGNS_SEND}")


def _made(body: Body) -> str:
    return "Campaign updated successfully" if _is_published(body) else "Campaign created successfully"


async def _publish(call: Call, campaign_id: int, after: timedelta) -> None:
    """Enrols the audience as it is now, and starts the campaign at its time, `after` now for sendNow."""
    campaign = await definitions.get(*call.key, campaign_id)
    kept = content.kept(campaign.definition)
    to = contact_lists.named(_lists(campaign, "toLists"))
    without = contact_lists.named(_lists(campaign, "excludeLists"))
    everyone = to.everyone or kept.get("sendToGlobalList") is True
    if not everyone and not to.list_ids and not to.segment_ids:
        raise Invalid.of(Problem("missing_field", "toLists or sendToGlobalList is required to publish", "/toLists"))
    if campaign.row.pool_id is None:
        raise Refusal(400, "DOMAIN_NOT_VERIFIED", "Domain not verified: there is no such sender")
    is_paused = campaign.row.status in _PAUSED
    starts_at = campaign.row.starts_at if not kept.get("sendNow") else None
    if starts_at is None and after and kept.get("sendNow"):
        starts_at = call.now + after
    if starts_at is not None and starts_at <= call.now:
        raise Invalid.of(_PAST)
    if starts_at is None and kept.get("sendMode") == "scheduled" and not (kept.get("sendNow") or is_paused):
        missing = "scheduledAt is required to publish when sendMode is scheduled"
        raise Invalid.of(Problem("missing_field", missing, "/scheduledAt"))
    who = Audience(
        everyone and not without.everyone,
        to.list_ids,
        to.segment_ids,
        without.list_ids,
        without.segment_ids,
    )
    blocking = [one for one in await definitions.check(*call.key, campaign_id) if one.blocks]
    if blocking:
        raise Invalid.of(*(Problem(one.code, one.detail, one.pointer) for one in blocking))
    await audiences.enrol(*call.key, campaign_id, who, call.caller.actor, call.now)
    if is_paused:
        await _go_on(call, campaign)
    elif starts_at is not None:
        await campaigns.schedule(*call.key, campaign_id, starts_at, call.caller.actor, call.now)
    else:
        await definitions.start(*call.key, campaign_id, call.caller.actor, call.now, CampaignVerb.START)


async def _forget(call: Call, campaign_id: int) -> None:
    """A campaign that could not be published was never there; one that has leads by now stays a draft."""
    try:
        await definitions.delete(*call.key, campaign_id, call.caller.actor, call.now)
    except Conflict:
        return


def _gradual(definition: Any) -> bool:
    return bool((definition.get("limits") or {}).get("gradual"))


def _unfit(verb: str, error: Conflict) -> Refusal:
    """400: the vendor documents no 409 for these."""
    return Refusal(400, f"CAMPAIGN_CANNOT_BE_{verb.upper()}", f"This campaign cannot be {verb}: {error.detail}")
