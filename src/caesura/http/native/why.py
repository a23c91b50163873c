"""Why something is not sending: one answer for a campaign, a mailbox and an enrollment, at `.../{id}/why`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from caesura.domain.explanation import Explanation, Finding
from caesura.domain.reasons import Reason
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.native.campaigns import NOT_FOUND as NO_CAMPAIGN
from caesura.http.native.campaigns import CampaignId
from caesura.http.native.enrollments import NOT_FOUND as NO_ENROLLMENT
from caesura.http.native.enrollments import EnrollmentId
from caesura.http.native.identifiers import CAMPAIGN, ENROLLMENT, HOLD, MAILBOX, SUPPRESSION_GROUP, Kind
from caesura.http.native.mailboxes import NOT_FOUND as NO_MAILBOX
from caesura.http.native.mailboxes import MailboxId
from caesura.http.native.route import NativeRoute
from caesura.http.problems import answers
from caesura.service import explain

TAG = {"name": "why", "description": "Why something is not sending: one answer, at once."}

router = APIRouter(prefix="/api/v1", tags=["why"], route_class=NativeRoute)

_IDS: Mapping[str, tuple[str, Kind]] = {
    "hold": ("hold_id", HOLD),
    "mailbox_id": ("mailbox_id", MAILBOX),
    "group_id": ("group_id", SUPPRESSION_GROUP),
}

_SENTENCE = "The mailbox anna has used its daily cap of 50; it goes on at 2026-03-03T00:00:00Z."

Reader = Annotated[Caller, require(Scope.CAMPAIGNS_READ)]


class Hindrance(BaseModel):
    """One thing that is in the way, or says where it is."""

    reason: Reason = Field(description="A stable word.", examples=["daily_cap"])
    sentence: str = Field(description="The same for a person.", examples=[_SENTENCE])
    facts: dict[str, Any] = Field(
        description="What the sentence is made of, and more.",
        examples=[{"mailbox": "anna", "limit": 50, "at": "2026-03-03T00:00:00Z"}],
    )


class Why(Hindrance):
    """Why it is not sending: the reason to name first, and the others."""

    also: list[Hindrance] = Field(description="What else is in the way, the most general first.")
    next_at: datetime | None = Field(
        description="When it goes on if nobody does anything; null: somebody must act, it is over, or nobody knows."
    )
    counts: dict[str, int] = Field(description="Numbers that belong to the answer.", examples=[{"waiting": 320}])


@router.get(
    "/campaigns/{campaign_id}/why",
    operation_id="why_campaign",
    summary="Why is a campaign not sending?",
    responses=answers(NO_CAMPAIGN),
)
async def why_campaign(request: Request, campaign_id: CampaignId, caller: Reader) -> Why:
    """At a cost that does not grow with its leads. `ready` means that nothing is in the way."""
    context = context_of(request)
    key = context.database, context.plans, caller.workspace_id
    return shown(await explain.why_campaign(*key, CAMPAIGN.parse(campaign_id), context.clock()))


@router.get(
    "/mailboxes/{mailbox_id}/why",
    operation_id="why_mailbox",
    summary="Why is a mailbox not sending?",
    responses=answers(NO_MAILBOX),
)
async def why_mailbox(request: Request, mailbox_id: MailboxId, caller: Reader) -> Why:
    """What of its holds, windows, limits and server it waits for; `counts` says for how many campaigns it works."""
    context = context_of(request)
    key = context.database, context.plans, caller.workspace_id
    return shown(await explain.why_mailbox(*key, MAILBOX.parse(mailbox_id), context.clock()))


@router.get(
    "/enrollments/{enrollment_id}/why",
    operation_id="why_enrollment",
    summary="Why has a lead not got its message?",
    responses=answers(NO_ENROLLMENT),
)
async def why_enrollment(request: Request, enrollment_id: EnrollmentId, caller: Reader) -> Why:
    """Why the next step to a lead in a campaign has not gone out."""
    context = context_of(request)
    key = context.database, context.plans, caller.workspace_id
    return shown(await explain.why_lead(*key, ENROLLMENT.parse(enrollment_id), context.clock()))


def shown(found: Explanation) -> Why:
    """An explanation, with ids as they are elsewhere."""
    return Why(
        reason=found.reason,
        sentence=found.sentence,
        facts=_facts(found.facts),
        also=[_hindrance(one) for one in found.also],
        next_at=found.next_at,
        counts=dict(found.counts),
    )


def _hindrance(one: Finding) -> Hindrance:
    facts = one.facts if one.at is None else {**one.facts, "at": one.at}
    return Hindrance(reason=one.reason, sentence=one.sentence, facts=_facts(facts))


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """With ids as they are elsewhere."""
    shown = dict(facts)
    for name, (outer, kind) in _IDS.items():
        if name in shown:
            shown[outer] = kind.show(shown.pop(name))
    return shown
