"""Prospects: our leads, with what there has been between them and us."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, NotFound, Problem
from caesura.domain.inbound import InboundKind
from caesura.domain.lead_entry import LeadInput
from caesura.domain.lifecycle import EnrollmentState
from caesura.domain.numbered_page import Place
from caesura.domain.scopes import Scope
from caesura.http.door import Call, Refusal, Support
from caesura.http.woodpecker import prospect_selection as selection
from caesura.http.woodpecker import prospect_status as status
from caesura.http.woodpecker import reading
from caesura.http.woodpecker.content import NAME
from caesura.http.woodpecker.door import WOODPECKER, identifier, instant
from caesura.http.woodpecker.prospect_fields import lead_input, shown_fields
from caesura.http.woodpecker.prospect_selection import INTERESTS, STANDINGS, key_of
from caesura.http.woodpecker.status import found, shown_status
from caesura.service import correspondence, enrollments, inbound, leads
from caesura.service.enrollments import EnrolFate, EnrolOutcome
from caesura.service.leads import LeadFate, LeadOutcome
from caesura.store.correspondence import Choice, Correspondent, LeadPlace, LeadStanding
from caesura.store.inbound import Selection

MAXIMUM = 20_000
CHUNK = 1_000
USUAL_PAGE = 100
BODY_LIMIT = 64_000_000
OK: Mapping[str, str] = {"status": "OK", "code": "OK", "msg": "OK"}

_STOPPED = {"replied": "REPLIED", "bounced": "BOUNCED", "unsubscribed": "OPT-OUT", "suppressed": "BLACKLISTED"}
# What came after the last step.
_CAME_BACK: Mapping[InboundKind | None, str] = {
    InboundKind.REPLY: "REPLIED",
    InboundKind.BOUNCE: "BOUNCED",
    InboundKind.UNSUBSCRIBE: "OPT-OUT",
    InboundKind.COMPLAINT: "BLACKLISTED",
}


@WOODPECKER.on(
    "GET",
    "/v1/prospects",
    Scope.LEADS_READ,
    support=Support.PART,
    note="nobody has opened or clicked: that is not recorded",
)
async def list_prospects(call: Call) -> Response:
    """An array, oldest first unless sorted; the number of all in X-Total-Count."""
    place = Place(selection.number(call, "page", 1), selection.number(call, "per_page", USUAL_PAGE))
    with_places = (call.query("campaigns_details") or "").lower() in ("1", "true")
    page = await correspondence.page(*call.key, selection.choice(call), place, with_places, selection.order(call))
    call.headers["X-Total-Count"] = str(page.total)
    return call.answer([_shown(one, with_places) for one in page.rows])


@WOODPECKER.on(
    "POST",
    "/v1/add_prospects_list",
    Scope.LEADS_WRITE,
    support=Support.PART,
    note="INVALID is shown as BOUNCED",
    body_limit=BODY_LIMIT,
)
async def add_prospects_to_list(call: Call) -> Response:
    """Adds prospects; known ones stay as they are, unless `update` is true."""
    body = call.fields()
    keep = not reading.flag(body, "update", False)
    answers: list[dict[str, Any]] = []
    for chunk in _chunks(_given(body)):
        read = [_input(call, one) for one in chunk]
        good = {place: given for place, given in enumerate(read) if isinstance(given, LeadInput)}
        outcomes = await _saved(call, chunk, good, keep)
        for place, one in enumerate(chunk):
            outcome = outcomes.get(place)
            answers.append(_refused(one, read[place]) if outcome is None else _added(one, outcome, keep))
    return call.answer({"prospects": answers, "status": OK})


_TO_CAMPAIGN = "INVALID is shown as BOUNCED; send_after moves nobody who is in the campaign"


@WOODPECKER.on(
    "POST",
    "/v1/add_prospects_campaign",
    Scope.LEADS_WRITE,
    support=Support.PART,
    note=_TO_CAMPAIGN,
    body_limit=BODY_LIMIT,
    shared=True,
)
async def add_prospects_to_campaign(call: Call) -> Response:
    """Adds prospects to a campaign, in chunks; those whose status is not ACTIVE only with `force`."""
    return await _to_campaign(call, reading.flag(call.fields(), "update", False))


@WOODPECKER.on(
    "POST",
    "/v1/update_prospects_campaign",
    Scope.LEADS_WRITE,
    support=Support.PART,
    note=_TO_CAMPAIGN,
    body_limit=BODY_LIMIT,
    shared=True,
)
async def update_prospects_in_campaign(call: Call) -> Response:
    """The same with `update`."""
    return await _to_campaign(call, True)


async def _to_campaign(call: Call, update: bool) -> Response:
    body = call.fields()
    campaign = reading.record(body, "campaign", True)
    call.campaign_id = reading.whole(campaign, "campaign_id", 0, 2**63 - 1)
    if not call.visible(call.campaign_id):
        raise NotFound("campaign_not_found", "there is no such campaign")
    await found(call)
    not_before = _send_after(campaign)
    # A key of single campaigns changes nothing that others have.
    keep = not update or call.caller.is_restricted
    force = reading.flag(body, "force", False)
    answers: list[dict[str, Any]] = []
    for chunk in _chunks(_given(body)):
        answers += await _enrol(call, chunk, keep, force, not_before)
    return call.answer({"prospects": answers, "status": OK})


async def _enrol(
    call: Call, chunk: Sequence[Any], keep: bool, force: bool, not_before: datetime | None
) -> list[dict[str, Any]]:
    read = [_input(call, one) for one in chunk]
    inputs = {place: given for place, given in enumerate(read) if isinstance(given, LeadInput)}
    barred = await _barred(call, list(inputs.values()), force)
    good = {place: given for place, given in inputs.items() if key_of(given.address) not in barred}
    said = {place: standing for place in good if (standing := status.standing_of(chunk[place])) is not None}
    noted = await _saved(call, chunk, {place: good[place] for place in said}, keep)
    good = {at: one for at, one in good.items() if at not in said or (force and said[at] is LeadStanding.REPLIED)}
    place = (*call.key, call.campaign_id)
    outcomes: dict[int, EnrolOutcome] = {}
    if good:
        values, actor = list(good.values()), call.caller.actor
        done = await enrollments.enrol_new(*place, values, False, actor, call.now, None, keep, not_before)
        outcomes = dict(zip(good, done.rows, strict=True))
    answers = []
    for number, one in enumerate(chunk):
        given = read[number]
        if number in outcomes:
            answers.append(_enrolled(one, outcomes[number], keep))
        elif number in noted:
            answers.append(await _noted(call, one, noted[number], keep))
        elif isinstance(given, LeadInput):
            standing, lead_id = barred[key_of(given.address)]
            answers.append(_not_active(one, STANDINGS[standing], lead_id))
        else:
            answers.append(_refused(one, given))
    return answers


async def _saved(
    call: Call, chunk: Sequence[Any], given: Mapping[int, LeadInput], keep: bool
) -> dict[int, LeadOutcome]:
    """Adds prospects, and notes the status that they are given with; by their place."""
    if not given:
        return {}
    done = await leads.save_many(*call.key, list(given.values()), False, call.caller.actor, call.now, keep)
    outcomes = dict(zip(given, done, strict=True))
    said = {}
    for place, outcome in outcomes.items():
        standing = status.standing_of(chunk[place])
        is_open_to_change = outcome.fate is LeadFate.CREATED or not keep
        if standing is not None and outcome.lead_id is not None and is_open_to_change:
            said[given[place].address] = outcome.lead_id, standing
    await status.note(call, said)
    return outcomes


async def _noted(call: Call, given: Any, outcome: LeadOutcome, keep: bool) -> dict[str, Any]:
    """What is answered of one whose status keeps it out of the campaign."""
    if outcome.lead_id is None:
        return _faulty(given, outcome.problems)
    if outcome.fate is not LeadFate.CREATED and not keep:
        there = await enrollments.find(*call.key, call.campaign_id, outcome.lead_id)
        if there is not None:  # its status was to be changed, and was
            return _line(given, outcome.lead_id, prospect="DUPLICATE", prospect_campaign="DUPLICATE")
    told = _not_active(given, given["status"], outcome.lead_id)
    return told | {"prospect": None} if outcome.fate is LeadFate.CREATED else told


async def _barred(call: Call, given: Sequence[LeadInput], force: bool) -> dict[str, tuple[LeadStanding, int]]:
    """Those who are known and not ACTIVE, by their key. What is suppressed stays so whatever is forced."""
    keys = [key for one in given if (key := key_of(one.address))]
    wanted = [
        one for one in LeadStanding if one is not LeadStanding.OPEN and not (force and one is LeadStanding.REPLIED)
    ]
    page = await correspondence.page(*call.key, Choice(keys=keys, standings=wanted), Place(1, CHUNK))
    return {one.lead.address_key: (one.standing, one.lead.id) for one in page.rows}


@WOODPECKER.on(
    "DELETE",
    "/v1/prospects",
    Scope.LEADS_WRITE,
    support=Support.PART,
    note="a prospect that was in a campaign is taken out of all of them, and stays on record",
)
async def delete_prospects(call: Call) -> Response:
    """Of the given campaigns only, or for good."""
    ids = selection.numbers(call, "id")
    if ids is None:
        raise Refusal(409, "E_REQUIRED_ELEMENT", "The parameter id is required.")
    campaign_ids = selection.numbers(call, "campaigns_id")
    for lead_id in ids:
        with suppress(NotFound):  # if they were there, they are gone: a request can be sent again
            await _delete(call, lead_id, campaign_ids)
    return call.empty()


async def _delete(call: Call, lead_id: int, campaign_ids: Sequence[int] | None) -> None:
    for one in await enrollments.of_lead(*call.key, lead_id):
        if campaign_ids is None or one.campaign_id in campaign_ids:
            await _take_out(call, one.id)
    if campaign_ids is None:
        with suppress(Conflict):  # it was in a campaign, and stays on record
            await leads.delete(*call.key, lead_id, call.caller.actor, call.now)


async def _take_out(call: Call, enrollment_id: int) -> None:
    try:
        await enrollments.stop(*call.key, enrollment_id, call.caller.actor, call.now)
    except Conflict:  # every step is behind it
        return


@WOODPECKER.on("GET", "/v2/prospects/{prospect_id}/responses", Scope.LEADS_READ)
async def list_prospect_responses(call: Call) -> Response:
    """What the prospect answered, oldest first; of some campaigns with campaign_id."""
    lead = await leads.get(*call.key, identifier(call.path("prospect_id"), "prospect_id"))
    campaign_ids = selection.numbers(call, "campaign_id")
    wanted = Selection(campaign_ids, lead.id, (InboundKind.REPLY, InboundKind.AUTO_REPLY))
    responses = [
        {
            "response_id": one.id,
            "campaign_id": one.campaign_id,
            "step": one.step,
            "campaign_email_sent": one.step,
            "subject": one.subject,
            "message": one.text,
            "delivered": f"{one.received_at:%Y-%m-%dT%H:%M:%S}",
            "secondary_prospect_email": None,
        }
        for one in reversed(await inbound.page(*call.key, wanted, None, CHUNK))
    ]
    return call.answer({"prospect_id": lead.id, "email": lead.address, "responses": responses})


def _given(body: Mapping[str, Any]) -> Sequence[Any]:
    given = reading.items(body, "prospects", MAXIMUM, True)
    if not given:
        raise Refusal(409, "E_REQUIRED_ELEMENT", "prospects is required.")
    return given


def _chunks(given: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (given[start : start + CHUNK] for start in range(0, len(given), CHUNK))


def _send_after(campaign: Mapping[str, Any]) -> datetime | None:
    """Before which none of them is written to; without an offset it is UTC. Raises a Refusal."""
    text = campaign.get("send_after")
    if text in (None, ""):
        return None
    return reading.moment(text, "send_after")


def _input(call: Call, given: object) -> LeadInput | Problem:
    """A prospect as a lead, or why it is refused."""
    if not isinstance(given, Mapping) or not isinstance(given.get("email"), str):
        return Problem("E_REQUIRED_ELEMENT", "email is required")
    return status.problem_of(call, given) or lead_input(given, NAME)


def _email(given: object) -> Any:
    return given.get("email") if isinstance(given, Mapping) else None


def _line(given: object, lead_id: int | None, **more: Any) -> dict[str, Any]:
    return {"email": _email(given), "id": lead_id, "prospect": None, "prospect_campaign": None, **OK, **more}


def _refused(given: object, problem: object) -> dict[str, Any]:
    code, detail = (problem.code, problem.detail) if isinstance(problem, Problem) else ("E_UNKNOWN", "")
    return _line(given, None, status="ERROR", code=code, msg=detail)


def _not_active(given: object, status: str, lead_id: int) -> dict[str, Any]:
    message = f"the prospect's status is {status}"
    return _line(given, lead_id, prospect="DUPLICATE", status="ERROR", code="E_INV_STATUS", msg=message)


def _faulty(given: object, problems: Sequence[Problem]) -> dict[str, Any]:
    codes = {one.code for one in problems}
    if "duplicate_address" in codes:
        return _line(given, None, prospect="DUPLICATE", status="ERROR", code="E_DUPLICATE", msg=problems[0].detail)
    is_address = any((one.pointer or "").endswith("/address") for one in problems)
    code = "E_EMAIL" if is_address else "E_WRONG_PARAM"
    return _line(given, None, status="ERROR", code=code, msg=" ".join(one.detail for one in problems))


def _added(given: object, outcome: LeadOutcome, keep: bool) -> dict[str, Any]:
    if outcome.fate is LeadFate.REJECTED:
        return _faulty(given, outcome.problems)
    if outcome.fate is LeadFate.CREATED:
        return _line(given, outcome.lead_id)
    if not keep:
        return _line(given, outcome.lead_id, prospect="DUPLICATE")
    message = "the prospect is there already"
    told = {"status": "ERROR", "code": "E_DUPLICATE", "msg": message}
    return _line(given, outcome.lead_id, prospect="DUPLICATE", **told)


def _enrolled(given: object, outcome: EnrolOutcome, keep: bool) -> dict[str, Any]:
    known = None if outcome.lead_fate is LeadFate.CREATED else "DUPLICATE"
    match outcome.fate:
        case EnrolFate.ENROLLED:
            return _line(given, outcome.lead_id, prospect=known)
        case EnrolFate.ALREADY_ENROLLED if not keep:  # it was to be updated, and was
            return _line(given, outcome.lead_id, prospect=known, prospect_campaign="DUPLICATE")
        case EnrolFate.ALREADY_ENROLLED:
            told = {"status": "ERROR", "code": "E_DUPLICATE", "msg": "the prospect is in the campaign already"}
            return _line(given, outcome.lead_id, prospect=known, prospect_campaign="DUPLICATE", **told)
        case EnrolFate.SUPPRESSED:
            told = {"status": "ERROR", "code": "E_INV_STATUS", "msg": "the prospect's status is BLACKLIST"}
            return _line(given, outcome.lead_id, prospect=known, **told)
        case _:
            return _faulty(given, outcome.problems)


def _shown(one: Correspondent, with_places: bool) -> dict[str, Any]:
    lead = one.lead
    shown = {
        "id": lead.id,
        "email": lead.address,
        **shown_fields(lead, NAME),
        "last_contacted": instant(one.written_at) if one.written_at else "",
        "last_replied": instant(one.replied_at) if one.replied_at else "",
        "updated": instant(lead.updated_at),
        "interested": INTERESTS.get(one.classification or "", "NOT-MARKED"),
        "status": STANDINGS[one.standing],
    }
    return shown | {"campaigns_details": [_place(place) for place in one.places]} if with_places else shown


def _place(place: LeadPlace) -> dict[str, Any]:
    return {
        "campaign_id": place.campaign_id,
        "campaign_name": place.campaign_name,
        "campaign_status": shown_status(place.campaign_status, place.campaign_cause),
        "campaign_prospect_status": _place_status(place),
        "interested": INTERESTS.get(place.classification or "", "NOT-MARKED"),
        "campaign_email": place.mailbox or "",
    }


def _place_status(place: LeadPlace) -> str:
    match place.state:
        case EnrollmentState.FINISHED:
            return _CAME_BACK.get(place.came_back, "NONRESPONSIVE")
        case EnrollmentState.HELD:
            return "TO-CHECK"
        case EnrollmentState.STOPPED:
            return _STOPPED.get(place.cause or "", "PAUSED")
        case _:
            return "ACTIVE"
