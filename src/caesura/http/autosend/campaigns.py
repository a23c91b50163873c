"""Campaigns: `/campaigns`. One of the vendor's is one of ours with one step."""

from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict
from caesura.domain.scopes import Scope
from caesura.http.autosend import campaign_content as content
from caesura.http.autosend import campaign_views as views
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.values import Body, number_of
from caesura.http.door import Call, Refusal
from caesura.service import campaigns, definitions, inbound, mailboxes
from caesura.service.campaigns import PauseOptions

_ALL = "/campaigns"
_ONE = "/campaigns/{campaign_id}"


@AUTOSEND.on("POST", _ALL, Scope.CAMPAIGNS_WRITE)
async def create_campaign(call: Call) -> Response:
    """A draft."""
    body = Body(call.fields())
    content.read(body, is_new=True)
    body.check()
    body = Body(call.fields())
    definition = content.written(body, None, await _pool(call, body), None)
    campaign_id = await definitions.create(*call.key, definition, call.caller.actor, call.now)
    return call.answer({"success": True, "data": await _whole(call, campaign_id)}, 201)


@AUTOSEND.on("GET", _ONE, Scope.CAMPAIGNS_READ)
async def get_campaign(call: Call) -> Response:
    """One campaign, with its numbers."""
    return call.answer({"success": True, "data": await _whole(call, call.campaign_id)})


@AUTOSEND.on("POST", f"{_ONE}/pause", Scope.CAMPAIGNS_SEND)
async def pause_campaign(call: Call) -> Response:
    """Stops delivery without losing progress; answers the whole campaign."""
    try:
        # Until somebody resumes it: one that was planned elsewhere is taken back.
        await campaigns.pause(*call.key, call.campaign_id, PauseOptions(stays=True), call.caller.actor, call.now)
    except Conflict as error:
        raise _unfit("paused", error) from error
    return call.answer(await _answer(call))


@AUTOSEND.on("POST", f"{_ONE}/resume", Scope.CAMPAIGNS_SEND)
async def resume_campaign(call: Call) -> Response:
    """Goes on from the point of the pause: `sending`, or `sending_gradual` by its sendMode."""
    try:
        await campaigns.resume(*call.key, call.campaign_id, call.caller.actor, call.now)
    except Conflict as error:
        raise _unfit("resumed", error) from error
    return call.answer(await _answer(call))


async def _answer(call: Call) -> dict[str, Any]:
    campaign = await definitions.get(*call.key, call.campaign_id)
    return {"success": True, "data": views.short(campaign)}


async def _whole(call: Call, campaign_id: int) -> dict[str, Any]:
    status = await campaigns.status(*call.key, campaign_id, call.now)
    campaign = await definitions.get(*call.key, campaign_id)
    counts = await inbound.counts(*call.key, campaign_id)
    return {**views.short(campaign), "metrics": views.metrics(status.counters, counts.total)}


async def _pool(call: Call, body: Body) -> str | None:
    """The pool of the sender that a body names, or the usual one where it names none; None for an unknown sender."""
    if body.has("senderId"):
        row = await mailboxes.get(*call.key, number_of("sender", str(body.fields["senderId"])))
    elif body.has("from"):
        found = await mailboxes.find_by_address(*call.key, str(body.table("from").get("email", "")))
        if found is None:
            return None
        row = found
    else:
        usual = await mailboxes.usual_pool(*call.key)
        return usual.name if usual else None
    return (await mailboxes.pool_of_one(*call.key, row.id, call.caller.actor, call.now)).name


def _unfit(verb: str, error: Conflict) -> Refusal:
    """400: the vendor documents no 409 for these."""
    return Refusal(400, f"CAMPAIGN_CANNOT_BE_{verb.upper()}", f"This campaign cannot be {verb}: {error.detail}")
