"""Leads in bulk: each is made or changed, and enrolled. And the suppression list."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Invalid
from caesura.domain.lead_entry import LeadEntry, LeadInput, check_lead
from caesura.domain.recipients import parse_recipient
from caesura.domain.scopes import Scope
from caesura.http.door import Call, Refusal
from caesura.http.leadterra.door import INVALID, LEADTERRA, required, sentence, wrong
from caesura.http.merge_fields import field_name
from caesura.service import campaigns, enrollments, suppressions
from caesura.service.enrollments import EnrolFate, EnrolOutcome
from caesura.service.leads import MAXIMUM_AT_ONCE, LeadFate

# What needs no second place to be remembered in: our names say the same.
_USUAL = ("firstName", "lastName", "company", "jobTitle")
_SCALARS = (str, bool, int, float, type(None))


@LEADTERRA.on("POST", "/v1/campaigns/{campaign_id}/leads/bulk", Scope.LEADS_WRITE)
async def bulk_leads(call: Call) -> Response:
    """Upserts by address in the workspace, and enrols who is not in the campaign yet. One bad lead keeps all back."""
    await campaigns.status(*call.key, call.campaign_id, call.now)
    leads = required(call.fields(), "leads", list, "an array")
    inputs = _checked(leads)
    outcomes: list[EnrolOutcome] = []
    for start in range(0, len(inputs), MAXIMUM_AT_ONCE):
        some = inputs[start : start + MAXIMUM_AT_ONCE]
        by = call.caller.actor, call.now
        done = await enrollments.enrol_new(
            *call.key, call.campaign_id, some, False, *by, keep_known=call.caller.is_restricted
        )
        outcomes += done.rows
    counted = [_counted(one) for one in outcomes]
    enrolled, updated = counted.count("enrolled"), counted.count("updated")
    told = {"enrolled": enrolled, "updated": updated, "skipped": counted.count("skipped"), "total": enrolled + updated}
    return call.answer(told)


@LEADTERRA.on("POST", "/v1/suppression-list", Scope.LEADS_WRITE)
async def suppress(call: Call) -> Response:
    """Never writes to these again; a whole domain can be one of them. One bad entry keeps all back."""
    emails = required(call.fields(), "emails", list, "an array")
    if not 1 <= len(emails) <= suppressions.MAXIMUM_AT_ONCE:
        raise wrong("/emails", f"emails must have 1 to {suppressions.MAXIMUM_AT_ONCE:,} entries")
    if not all(isinstance(one, str) for one in emails):
        raise wrong("/emails", "emails must be an array of strings")
    errors = []
    for place, text in enumerate(emails):
        try:
            parse_recipient(text, f"/emails/{place}")
        except Invalid as error:
            errors.append({"index": place, "email": text, "message": sentence(error.detail)})
    if errors:
        raise _unprocessable("One or more addresses are invalid; none was suppressed.", errors)
    done = await suppressions.suppress_many(*call.key, emails, call.caller.actor, call.now)
    return call.answer({"suppressed": done.added})


def _counted(outcome: EnrolOutcome) -> str:
    if outcome.fate is EnrolFate.SUPPRESSED:
        return "skipped"
    return "enrolled" if outcome.lead_fate is LeadFate.CREATED else "updated"


def _checked(leads: list[object]) -> list[LeadInput]:
    """Each lead once: what is given twice is put together, the later over the earlier. Raises a Refusal of 422."""
    found: dict[str, LeadInput] = {}
    errors = []
    for place, lead in enumerate(leads):
        try:
            given, entry = _read(lead, f"/leads/{place}")
        except Invalid as error:
            email = lead.get("email") if isinstance(lead, dict) else None
            messages = {"message": " ".join(sentence(one.detail) for one in error.problems)}
            errors.append({"index": place, "email": email, **messages})
            continue
        before = found.get(entry.key)
        found[entry.key] = given if before is None else _together(before, given)
    if errors:
        raise _unprocessable("One or more leads are invalid; none was enrolled.", errors)
    return list(found.values())


def _read(lead: object, pointer: str) -> tuple[LeadInput, LeadEntry]:
    if not isinstance(lead, dict):
        raise wrong(pointer, "a lead must be an object")
    if not isinstance(lead.get("email"), str):
        raise wrong(f"{pointer}/email", "email is required, and must be a string")
    custom = lead.get("customFields")
    if custom is not None and not isinstance(custom, dict):
        raise wrong(f"{pointer}/customFields", "customFields must be an object")
    own = {name: value for name, value in lead.items() if name not in ("email", "customFields")}
    given = LeadInput(lead["email"], {**_fields(custom or {}), **_fields(own)}, extra=_extra(own, custom))
    return given, check_lead(given, pointer)


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a name and a plain value; null takes a field away."""
    named = ((field_name(name), value) for name, value in given.items() if isinstance(value, _SCALARS))
    return {name: value for name, value in named if name is not None and name != "email"}


def _extra(own: Mapping[str, Any], custom: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = {name: value for name, value in own.items() if name not in _USUAL}
    if custom is not None:
        kept["customFields"] = custom
    return {LEADTERRA.name: kept} if kept else {}


def _together(before: LeadInput, after: LeadInput) -> LeadInput:
    kept = {**before.extra.get(LEADTERRA.name, {}), **after.extra.get(LEADTERRA.name, {})}
    return LeadInput(after.address, {**before.fields, **after.fields}, extra={LEADTERRA.name: kept} if kept else {})


def _unprocessable(message: str, errors: list[dict[str, Any]]) -> Refusal:
    return Refusal(422, INVALID, message, {"errors": errors})
