"""The contacts of a campaign."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, NotFound
from caesura.domain.inbound import InboundKind
from caesura.domain.lifecycle import EnrollmentState
from caesura.domain.numbered_page import Place
from caesura.http.door import Call, Refusal
from caesura.http.leadlex.campaign_views import found
from caesura.http.leadlex.contact_views import full_name
from caesura.http.leadlex.door import LEADLEX, data, moment, number, page, place, shown, wrong
from caesura.http.leadlex.values import missing, text, texts
from caesura.http.opaque_ids import number_of_uuid
from caesura.service import enrollments, numbered_pages
from caesura.service.enrollments import EnrolFate
from caesura.service.readmission import REMOVED
from caesura.store.enrollments import EnrollmentRow
from caesura.store.numbered_pages import EnrolledPerson, EnrollmentChoice

MOST_AT_ONCE = 500
_CAUSES: Mapping[str, str] = {
    "replied": "replied",
    "bounced": "bounced",
    "undeliverable": "bounced",
    "unsubscribed": "unsubscribed",
    "complained": "unsubscribed",
    "suppressed": "unsubscribed",
}
# What came after the last step.
_CAME_BACK: Mapping[InboundKind | None, str] = {
    InboundKind.REPLY: "replied",
    InboundKind.BOUNCE: "bounced",
    InboundKind.UNSUBSCRIBE: "unsubscribed",
    InboundKind.COMPLAINT: "unsubscribed",
}
_UNDER_WAY = (EnrollmentState.WAITING, EnrollmentState.CLAIMED)
_OVER = (EnrollmentState.FINISHED, EnrollmentState.STOPPED)


def _shown_status(row: EnrollmentRow, came_back: InboundKind | None) -> str:
    if row.state in _UNDER_WAY:
        return "active" if row.step > 1 else "pending"
    if row.state is EnrollmentState.HELD:
        return "paused"
    return _CAUSES.get(row.cause or "", _CAME_BACK.get(came_back, "completed"))


def _choice(word: str | None) -> EnrollmentChoice:
    """Which enrollments are shown with a status; all but the removed ones without. Raises Invalid."""
    match word:
        case None | "":
            return EnrollmentChoice(other_causes=[REMOVED])
        case "pending" | "active":
            return EnrollmentChoice(_UNDER_WAY, is_under_way=word == "active")
        case "paused":
            return EnrollmentChoice([EnrollmentState.HELD])
        case "completed":
            return EnrollmentChoice(_OVER, other_causes=[REMOVED, *_CAUSES], came_back=[""])
        case "bounced" | "unsubscribed" | "replied":
            causes = [cause for cause, told in _CAUSES.items() if told == word]
            kinds = [kind for kind, told in _CAME_BACK.items() if told == word and kind is not None]
            return EnrollmentChoice(_OVER, causes, came_back=kinds)
    raise wrong("status", "is not a status of a contact in a campaign")


def _view(row: EnrollmentRow, person: EnrolledPerson | None) -> dict[str, Any]:
    return {
        "contact_id": shown("contact", row.lead_id),
        "full_name": (full_name(person.fields) if person else "") or row.address,
        "email": row.address,
        "status": _shown_status(row, person.came_back if person else None),
        # One that is through has its last step as the next: here it is behind that.
        "current_step": row.step if row.state is EnrollmentState.FINISHED else row.step - 1,
        "added_at": moment(row.enrolled_at),
        "last_sent_at": moment(person.last_sent_at) if person else None,
        "source": (row.extra or {}).get("leadlex", {}).get("source"),
    }


async def contacts_of(call: Call, size: int) -> tuple[list[dict[str, Any]], int]:
    """The newest `size` contacts of the campaign of the path, and how many there are."""
    return await _contacts(call, _choice(None), Place(1, size))


async def _contacts(call: Call, choice: EnrollmentChoice, wanted: Place) -> tuple[list[dict[str, Any]], int]:
    answer = await numbered_pages.of_enrollments(*call.key, call.campaign_id, choice, wanted)
    people = await numbered_pages.enrolled_people(*call.key, [row.id for row in answer.rows])
    return [_view(row, people.get(row.id)) for row in answer.rows], answer.total


@LEADLEX.on("GET", "/v1/campaigns/{campaign_id}/contacts", "campaigns:read")
async def list_campaign_contacts(call: Call) -> Response:
    """Newest first."""
    await found(call)
    wanted = place(call)
    rows, total = await _contacts(call, _choice(call.query("status")), wanted)
    return page(call, "contacts", rows, wanted, total)


@LEADLEX.on("POST", "/v1/campaigns/{campaign_id}/contacts", "campaigns:write")
async def add_campaign_contacts(call: Call) -> Response:
    """Those who are there already, who are not known or who must not be written to, are skipped."""
    body = call.fields()
    given = texts(body, "contact_ids")
    if not given:
        raise missing("contact_ids")
    if len(given) > MOST_AT_ONCE:
        raise Refusal(400, "too_many_contacts", f"At most {MOST_AT_ONCE} contacts can be added at once")
    await found(call)
    source = text(body, "source", 200)
    numbers = list(dict.fromkeys(found_ for one in given if (found_ := number_of_uuid("contact", one)) is not None))
    extra = {"leadlex": {"source": source}} if source is not None else None
    by = (call.caller.actor, call.now)
    done = await enrollments.enrol(*call.key, call.campaign_id, numbers, *by, extra, readmit={REMOVED})
    added = [shown("contact", one.lead_id) for one in done.rows if one.fate is EnrolFate.ENROLLED]
    return data(call, {"added": len(added), "skipped": len(given) - len(added), "contact_ids": added})


@LEADLEX.on(
    "DELETE",
    "/v1/campaigns/{campaign_id}/contacts/{contact_id}",
    "campaigns:write",
)
async def remove_campaign_contact(call: Call) -> Response:
    """What was to be sent is not; what was sent is not recalled."""
    await found(call)
    absent = NotFound("enrollment_not_found", "This contact is not in the campaign")
    contact_id = number("contact", call.path("contact_id"), absent)
    row = await enrollments.find(*call.key, call.campaign_id, contact_id)
    if row is None or row.cause == REMOVED:
        raise absent
    with suppress(Conflict):  # every step is behind it: nothing is left to cancel
        await enrollments.stop(*call.key, row.id, call.caller.actor, call.now, REMOVED)
    ids = {"campaign_id": shown("campaign", call.campaign_id), "contact_id": shown("contact", contact_id)}
    return data(call, {"removed": True, **ids})
