"""Campaigns: list, create, read, change and delete them, and what came of them."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.definition import read_definition
from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.domain.lifecycle import CampaignState
from caesura.domain.windows import parse_zone
from caesura.http.door import Call, Refusal, Support
from caesura.http.leadlex import campaign_views as views
from caesura.http.leadlex.door import LEADLEX, data, moment, number, page, place, shown, wrong
from caesura.http.leadlex.enrollments import contacts_of
from caesura.http.leadlex.merging import content
from caesura.http.leadlex.steps import set_footers, step_views
from caesura.http.leadlex.values import required_text, text, truth, whole
from caesura.service import audiences, campaigns, definitions, inbound, lists, mailboxes, numbered_pages
from caesura.store.numbered_pages import CampaignChoice

MOST_A_DAY = 500
CONTACTS_SHOWN = 50
_MOST_SECONDS = 86_400
_CREATED = ("name", "list_id", "template", "subject")
_SET = ("name", "daily_send_limit", "delay_between_emails", "sending_timezone", "send_on_weekends")
# These are the campaign's own: what else a body has is kept.
_FIXED = ("id", "status", "list_id", "template", "created_at", "updated_at", "steps", "contacts", "workspace_id")


@LEADLEX.on(
    "GET",
    "/v1/campaigns",
    "campaigns:read",
    shared=True,
    support=Support.PART,
    note="the vendor's page is not known: page, per_page, status and search",
)
async def list_campaigns(call: Call) -> Response:
    """Newest first."""
    word, allowed = call.query("status"), call.caller.campaign_ids
    choice = CampaignChoice(
        views.states_of(word) if word else None,
        False,
        sorted(allowed) if allowed is not None else None,
        call.query("search"),
    )
    wanted = place(call)
    answer = await numbered_pages.of_campaigns(*call.key, choice, wanted)
    rows = [views.summary(row, row.definition.get("extra", {}).get("leadlex", {})) for row in answer.rows]
    return page(call, "campaigns", rows, wanted, answer.total)


@LEADLEX.on("POST", "/v1/campaigns", "campaigns:write")
async def create_campaign(call: Call) -> Response:
    """A draft of one step, with everybody on the list."""
    body = call.fields()
    name, template = required_text(body, "name", 200), required_text(body, "template")
    list_id = number("list", required_text(body, "list_id"), wrong("list_id", "is not the id of a list"))
    try:
        await lists.get(*call.key, list_id)
    except NotFound as error:
        raise wrong("list_id", "is not the id of a list") from error
    subject, written = _subject(text(body, "subject", 998), template, name)
    kept = {key: value for key, value in body.items() if key not in (*_CREATED, *_FIXED)}
    pool = await mailboxes.usual_pool(*call.key)
    shows = truth(body, "show_unsubscribe") is not False
    step_kept = {"subject": subject, "body": written, "created_at": moment(call.now), "has_footer": shows}
    definition = read_definition(
        {
            "name": name,
            "pool": pool.name if pool else None,
            "limits": {"daily_total": MOST_A_DAY},
            "steps": [{**content(subject, written, shows), "extra": {"leadlex": step_kept}}],
            "extra": {"leadlex": {**kept, "template": template, "list_id": list_id}},
        }
    )
    campaign_id = await definitions.create(*call.key, definition, call.caller.actor, call.now)
    source = {"leadlex": {"source": f"list:{shown('list', list_id)}"}}
    await audiences.enrol_list(*call.key, campaign_id, list_id, call.caller.actor, call.now, source)
    row = (await campaigns.status(*call.key, campaign_id, call.now)).campaign
    return data(call, views.summary(row, {"list_id": list_id, **kept}), 201)


def _subject(given: str | None, template: str, name: str) -> tuple[str, str]:
    """Subject and body: the page has no subject, so a first line `Subject: ...` is one, else the campaign's name."""
    first, _, rest = template.partition("\n")
    if given is not None and given.strip():
        return given, template
    if first.lower().startswith("subject:") and first[8:].strip() and rest.strip():
        return first[8:].strip(), rest.lstrip("\r\n")
    return name, template


@LEADLEX.on(
    "GET",
    "/v1/campaigns/{campaign_id}",
    "campaigns:read",
    support=Support.PART,
    note="with the newest 50 contacts; the others come in pages",
)
async def get_campaign(call: Call) -> Response:
    """With its steps and its newest contacts."""
    campaign = await views.read(call)
    contacts, total = await contacts_of(call, CONTACTS_SHOWN)
    told = {**views.view(campaign), "steps": step_views(campaign), "contacts": contacts, "contact_count": total}
    return data(call, {"campaign": told})


@LEADLEX.on(
    "PATCH",
    "/v1/campaigns/{campaign_id}",
    "campaigns:write",
    support=Support.PART,
    note="track_opens and track_clicks are kept and change nothing",
)
async def change_campaign(call: Call) -> Response:
    """Works while it is active, too."""
    body = call.fields()
    _check(body)

    def change(definition: dict[str, Any]) -> None:
        if body.get("name") is not None:
            definition["name"] = required_text(body, "name", 200)
        if body.get("daily_send_limit") is not None:
            definition["limits"]["daily_total"] = body["daily_send_limit"]
        if body.get("delay_between_emails") is not None:
            definition["limits"]["gap_seconds"] = body["delay_between_emails"]
        if body.get("sending_timezone") is not None:
            definition["zone"] = body["sending_timezone"]
        if body.get("send_on_weekends") is not None:
            views.set_weekends(definition, body["send_on_weekends"])
        kept = {name: value for name, value in body.items() if name not in (*_SET, *_FIXED)}
        definition["extra"]["leadlex"] = {**definition["extra"].get("leadlex", {}), **kept}
        if "show_unsubscribe" in body:
            set_footers(definition)

    _, campaign = await views.revise(call, change)
    return data(call, {"campaign": views.view(campaign)})


def _check(body: Mapping[str, Any]) -> None:
    limit, zone = body.get("daily_send_limit"), body.get("sending_timezone")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_A_DAY):
        raise Refusal(400, "invalid_send_limit", f"daily_send_limit must be from 1 to {MOST_A_DAY}")
    if zone is not None:
        try:
            parse_zone(zone if isinstance(zone, str) else "", "/sending_timezone")
        except Invalid as error:
            raise Refusal(400, "invalid_timezone", "sending_timezone must be an IANA time zone") from error
    whole(body, "delay_between_emails", views.LEAST_GAP, _MOST_SECONDS)
    for name in ("send_on_weekends", "track_opens", "track_clicks", "show_unsubscribe"):
        truth(body, name)
    text(body, "description", 10_000)


@LEADLEX.on("DELETE", "/v1/campaigns/{campaign_id}", "campaigns:write")
async def delete_campaign(call: Call) -> Response:
    """Only a draft; one with contacts is put out of sight for good."""
    status = await views.found(call)
    row = status.campaign
    where = (*call.key, call.campaign_id)
    if views.shown_status(row.status) != "draft":
        message = f"Only a draft can be deleted: this campaign is {views.shown_status(row.status)}"
        raise Refusal(409, "campaign_not_draft", message)
    if row.status is CampaignState.SCHEDULED:
        await campaigns.unschedule(*where, call.caller.actor, call.now)
    try:
        await definitions.delete(*where, call.caller.actor, call.now)
    except Conflict as error:
        if error.state != CampaignState.DRAFT:
            raise Refusal(409, "campaign_not_draft", "Only a draft can be deleted") from error
        await campaigns.archive(*where, True, call.caller.actor, call.now)
    return data(call, {"deleted": True, "id": shown("campaign", call.campaign_id)})


@LEADLEX.on(
    "GET",
    "/v1/campaigns/{campaign_id}/stats",
    "campaigns:read",
    support=Support.PART,
    note="opens and clicks are not recorded: 0",
)
async def campaign_stats(call: Call) -> Response:
    """Over all steps and contacts."""
    status = await views.found(call)
    counts = (await inbound.counts(*call.key, call.campaign_id)).total
    sent = status.counters.sent
    stats = {
        "sent_count": sent,
        "opened_count": 0,
        "clicked_count": 0,
        "replied_count": counts.replied,
        "bounced_count": counts.bounced + status.counters.rejected,
        "unsubscribed_count": counts.unsubscribed,
        "open_rate": 0.0,
        "click_rate": 0.0,
        "reply_rate": round(counts.replied / sent, 3) if sent else 0.0,
    }
    return data(call, {"stats": stats})
