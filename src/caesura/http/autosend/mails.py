"""Single and bulk mails: `/mails`. Each request is a mailing of its own, behind the same gate as any campaign."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from caesura.domain.definition import CampaignDefinition, read_definition
from caesura.domain.enclosures import MAXIMUM_TOGETHER
from caesura.domain.errors import Invalid, Problem
from caesura.domain.lead_entry import LeadInput
from caesura.domain.scopes import Scope
from caesura.http.autosend import templates
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.enclosures import attachments, copies_for, own_headers, people
from caesura.http.autosend.handlebars import field_name, translate
from caesura.http.autosend.sender_choice import name_and_reply, pool_of_sender
from caesura.http.autosend.suppression_groups import group_of, refuse_bypass
from caesura.http.autosend.values import Body, id_of, scalars
from caesura.http.context import BODY_WITH_FILES
from caesura.http.door import Call, Refusal
from caesura.service import mailings, message_templates
from caesura.service.enrollments import EnrolFate

DOOR = "autosend"
QUEUED = "Email queued successfully."
MAXIMUM_RECIPIENTS = 100
_NOTE = "bypassSuppressions is refused."
# A value of this name given with a mail would stand in the way of our own.
_NOT_KEPT = ("html", "text", "recipients", "dynamicData", "cc", "bcc", "attachments", "headers")
_UNSUBSCRIBE, _GIVEN = "unsubscribe_url", "given_unsubscribe_url"


@AUTOSEND.on("POST", "/mails/send", Scope.CAMPAIGNS_SEND, idempotent=True, note=_NOTE, body_limit=BODY_WITH_FILES)
async def send_mail(call: Call) -> Response:
    """One mail to one recipient, or to several as separate mails."""
    body = Body(call.fields())
    given = body.fields.get("to")
    recipients = given if isinstance(given, list) else [given]
    if not given:
        body.refuse("to", "to is required", "missing_field")
    elif not all(isinstance(one, dict) for one in recipients):
        body.refuse("to", "to must be an object with an email", "wrong_type")
    refuse_bypass(body.fields, *recipients)
    copies = people(body, body.fields, "cc"), people(body, body.fields, "bcc")
    total = len(recipients) + sum(map(len, copies))
    if total > MAXIMUM_TOGETHER:
        body.refuse("to", f"to, cc and bcc have at most {MAXIMUM_TOGETHER} recipients together", "too_long")
    shared = body.table("dynamicData")
    leads = _leads(body, "to", recipients, shared) if not body.problems else []
    # Several in `to` get a mail each, and nobody needs the same copy of each of these.
    enclosed = mailings.Enclosures(for_first=copies_for(body, copies, [one.address for one in leads]))
    done = await _send(call, body, "to", leads, enclosed)
    if done.campaign_id is None:
        raise Refusal(
            400,
            "RECIPIENT_SUPPRESSED",
            "None of the recipients may be written to: they are suppressed, and no copy is sent either",
        )
    first = next(one.enrollment_id for one in done.outcomes if one.enrollment_id is not None)
    data = {"emailId": id_of("email", first), "message": QUEUED, "totalRecipients": total}
    return call.answer({"success": True, "data": data})


@AUTOSEND.on("POST", "/mails/bulk", Scope.CAMPAIGNS_SEND, idempotent=True, note=_NOTE, body_limit=BODY_WITH_FILES)
async def send_bulk(call: Call) -> Response:
    """The same mail to at most 100 recipients, each with values of their own."""
    body = Body(call.fields())
    recipients = body.fields.get("recipients")
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= MAXIMUM_RECIPIENTS:
        body.refuse("recipients", f"recipients must contain between 1 and {MAXIMUM_RECIPIENTS} items")
        recipients = []
    elif not all(isinstance(one, dict) for one in recipients):
        body.refuse("recipients", "recipients must be an array of objects", "wrong_type")
        recipients = []
    refuse_bypass(body.fields, *recipients)
    leads = _leads(body, "recipients", recipients, body.table("dynamicData"))
    copies = {}
    for place, (one, lead) in enumerate(zip(recipients, leads if not body.problems else [], strict=False)):
        own = people(body, one, "cc", f"recipients/{place}/"), people(body, one, "bcc", f"recipients/{place}/")
        copies[place] = copies_for(body, own, [lead.address], f"recipients/{place}/")
    done = await _send(call, body, "recipients", leads, mailings.Enclosures(copies=copies))
    sent = sum(one.fate is EnrolFate.ENROLLED for one in done.outcomes)
    data = {
        "batchId": id_of("batch", done.campaign_id) if done.campaign_id is not None else None,
        "totalRecipients": len(recipients),
        "successCount": sent,
        "failedCount": len(recipients) - sent,
    }
    return call.answer({"success": True, "data": data})


async def _send(
    call: Call, body: Body, named: str, leads: Sequence[LeadInput], enclosed: mailings.Enclosures
) -> mailings.Mailing:
    """Sends to the recipients, whom the field `named` holds."""
    body.text("subject", 998, required=not body.has("templateId"))
    html, text, template_id = body.text("html"), body.text("text"), body.text("templateId")
    if not html and not text and not template_id:
        body.refuse("html", "One of html, text or templateId is required", "missing_field")
    if not body.has("from") and not body.has("senderId") and not template_id:
        body.refuse("from", "from is required", "missing_field")
    body.instant("scheduledAt")
    for name in ("trackingClick", "trackingOpen", "test"):
        body.flag(name)
    name_and_reply(body)
    headers = own_headers(body)
    files = await attachments(body, call.context.fetch)
    body.check()
    content = {"subject": body.fields.get("subject"), "html": html, "text": text}
    if template_id:
        row = await message_templates.get(*call.key, templates.number_of_template(template_id))
        content = {name: value or getattr(row, name) for name, value in content.items()}
    pool = await pool_of_sender(call, body)
    if pool is None:
        raise Refusal(400, "DOMAIN_NOT_VERIFIED", "Domain not verified: there is no such sender")
    definition = _definition(body, content, pool, headers)
    group, enclosed = group_of(body.text("unsubscribeGroupId")), replace(enclosed, attachments=files)
    try:
        return await mailings.send(*call.key, definition, leads, group, call.caller.actor, call.now, enclosed)
    except Invalid as error:
        raise Invalid.of(*(_of_recipient(body, named, one) for one in error.problems)) from error


def _of_recipient(body: Body, named: str, problem: Problem) -> Problem:
    """A problem of a lead, told of the recipient in the request."""
    match (problem.pointer or "").split("/"):
        case ["", "leads", place, *_]:
            return replace(problem, pointer=f"/{_place(body, named, int(place))}/email")
    return problem


def _place(body: Body, named: str, place: int) -> str:
    return f"{named}/{place}" if isinstance(body.fields.get(named), list) else named


def _definition(
    body: Body, content: Mapping[str, Any], pool: str, headers: Sequence[tuple[str, str]]
) -> CampaignDefinition:
    variant = {}
    for name, source in content.items():
        if isinstance(source, str) and source:
            said = translate(source, f"/{name}", html=name == "html")
            variant[name] = said.replace(f"{{{{ {_UNSUBSCRIBE} }}}}", _link(body))
    kept = {name: value for name, value in body.fields.items() if name not in _NOT_KEPT}
    name = str(body.fields.get("campaignName") or content.get("subject") or "mail")
    data: dict[str, Any] = {
        "name": " ".join(name.split())[:200] or "mail",
        "pool": pool,
        **name_and_reply(body),
        "headers": [{"name": name, "value": value} for name, value in headers],
        "steps": [{"variants": [variant]}],
        "stop_on_reply": False,
        "starts_at": body.fields.get("scheduledAt"),
        "extra": {DOOR: kept},
    }
    try:
        return read_definition(data)
    except Invalid as error:
        problems = [
            Problem(one.code, one.detail, f"/{(one.pointer or '').rpartition('/')[2]}") for one in error.problems
        ]
        raise Invalid.of(*problems) from error


def _link(body: Body) -> str:
    """Mails may bring a link of their own for unsubscribing; without one, there is ours."""
    recipients = body.fields.get("recipients") or []
    tables = [body.fields.get("dynamicData"), *(one.get("dynamicData") for one in recipients if isinstance(one, dict))]
    names = {field_name(name) for one in tables if isinstance(one, dict) for name in one}
    return f'{{{{ {_GIVEN} | default("") }}}}' if _UNSUBSCRIBE in names else f"{{{{ {_UNSUBSCRIBE} }}}}"


def _leads(body: Body, named: str, recipients: Sequence[Any], shared: Mapping[str, Any]) -> list[LeadInput]:
    """The recipients, with their values for this mailing alone: what is known of them stays as it is."""
    leads = []
    for place, one in enumerate(recipients):
        address = one.get("email")
        if not isinstance(address, str) or not address.strip():
            body.refuse(f"{_place(body, named, place)}/email", "email is required", "missing_field")
            continue
        own = one.get("dynamicData")
        values = scalars({**shared, **(own if isinstance(own, dict) else {})})
        fields = {ours: value for name, value in values.items() if (ours := field_name(name)) and value is not None}
        if _UNSUBSCRIBE in fields:
            fields[_GIVEN] = fields.pop(_UNSUBSCRIBE)
        if isinstance(one.get("name"), str) and one["name"].strip():
            fields.setdefault("name", one["name"])
        leads.append(LeadInput(address.strip(), own_fields=fields))
    return leads
