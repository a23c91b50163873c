"""How campaigns are shown."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from caesura.domain.definition import CampaignDefinition
from caesura.domain.lifecycle import CampaignState, campaign_verbs
from caesura.http.native.identifiers import CAMPAIGN
from caesura.service.campaigns import Status
from caesura.service.definitions import Campaign, Finding
from caesura.service.forecast import Preview
from caesura.store.campaigns import CampaignRow


class CampaignSummary(BaseModel):
    """A campaign, without its content."""

    id: Annotated[str, CAMPAIGN.shown()]
    name: str = Field(examples=["Spring outreach"])
    status: CampaignState = Field(description="Where it stands.", examples=["running"])
    cause: str = Field(description="Why it is in this status: a stable word.", examples=["manual"])
    actor: str = Field(description="Who put it there.", examples=["key:2f6kq7xw5mz3ahra"])
    reason: str | None = Field(description="In that person's own words.", examples=["wrong price in step 2"])
    status_at: datetime = Field(description="Since when.")
    allowed: list[str] = Field(description="What can be asked of it now.", examples=[["pause", "stop"]])
    archived: bool
    version: int = Field(description="Counts edits; the ETag.", examples=[3])
    starts_at: datetime | None = Field(description="When it starts by itself.")
    started_at: datetime | None = Field(description="When it first ran.")
    created_at: datetime
    updated_at: datetime


class CampaignView(CampaignSummary):
    """A campaign with its content."""

    definition: CampaignDefinition


class Counts(BaseModel):
    """Exact counts of leads by state, then of messages by state."""

    enrolled: int = Field(description="All leads in the campaign.", examples=[500])
    waiting: int = Field(description="Leads waiting for their due time or a slot.", examples=[320])
    claimed: int = Field(description="Leads that a worker has, with or without a message in transit.", examples=[12])
    held: int = Field(description="Leads set aside until something is settled.", examples=[3])
    finished: int = Field(description="Leads with every step behind them.", examples=[160])
    stopped: int = Field(description="Leads taken out before the end.", examples=[5])
    sending: int = Field(description="Messages in transit.", examples=[8])
    sent: int = Field(description="Messages that a server took.", examples=[700])
    deferred: int = Field(description="Messages refused for now; they go out again.", examples=[2])
    rejected: int = Field(description="Messages refused for good.", examples=[4])
    unknown: int = Field(
        description="Messages whose fate cannot be known; never sent again by themselves.", examples=[0]
    )
    cancelled: int = Field(description="Messages dropped before their first byte, or passed over.", examples=[0])


class StatusView(BaseModel):
    """Where a campaign stands, with exact counts, and how it is paused."""

    id: Annotated[str, CAMPAIGN.shown()]
    name: str = Field(examples=["Spring outreach"])
    status: CampaignState = Field(examples=["paused"])
    cause: str = Field(examples=["manual"])
    actor: str = Field(examples=["key:2f6kq7xw5mz3ahra"])
    reason: str | None = Field(examples=["wrong price in step 2"])
    status_at: datetime
    allowed: list[str] = Field(examples=[["resume", "edit", "stop"]])
    held: int = Field(description="Leads with a step to come and nothing in transit.", examples=[320])
    in_transit: int = Field(description="Messages that passed the gate before; they are still delivered.", examples=[8])
    paused_at: datetime | None = Field(description="Since when it is paused or being edited; else null.")
    quiesced_at: datetime | None = Field(description="When the last message in transit had settled; null before.")
    resume_at: datetime | None = Field(description="When it resumes by itself.")
    clock: str = Field(
        description="Whether waiting times stand still in the pause: freeze or run.", examples=["freeze"]
    )
    new_leads: str = Field(description="Whether leads can be added in the pause: hold or reject.", examples=["hold"])
    on_overdue: str = Field(description="What becomes of what fell due: spread, skip or review.", examples=["spread"])
    turned_away: int = Field(
        description="Of the list, segment or audience that was enrolled last: who may not be written to.", examples=[2]
    )
    counts: Counts


class FindingView(BaseModel):
    """Something that a preflight found."""

    code: str = Field(examples=["missing_variable"])
    detail: str = Field(examples=["3 leads have no value for a variable that a step needs"])
    blocks: bool = Field(description="Whether it keeps the campaign from starting.")
    pointer: str | None = Field(description="Where in the definition.", examples=["/steps/0"])
    count: int | None = Field(description="How many leads it concerns.", examples=[3])
    examples: list[str] = Field(description="Some of them.", examples=[["kim@example.com"]])


class Started(StatusView):
    """A campaign that runs, and what the preflight found that does not block."""

    findings: list[FindingView]


class Checked(BaseModel):
    """A preflight's findings; it can start if none of them blocks."""

    can_start: bool
    findings: list[FindingView]


class ForecastDay(BaseModel):
    """One day, in the campaign's zone."""

    day: date
    due: int = Field(description="Messages that fall due.", examples=[120])
    capacity: int | None = Field(description="What mailboxes and quotas can bear; null: no limit.", examples=[50])
    sent: int = Field(description="What would go out.", examples=[50])
    left: int = Field(description="What would wait for the next day.", examples=[70])


class HeldCause(BaseModel):
    """Leads that would not be written to, and why."""

    cause: str = Field(examples=["missing_variable"])
    count: int = Field(examples=[3])


class PreviewView(BaseModel):
    """What a resume now would bring; nothing was changed."""

    due: int = Field(description="Leads that would be due at once.", examples=[190])
    overdue: int = Field(description="Those of them that fell due in the pause.", examples=[40])
    days: list[ForecastDay] = Field(description="An estimate for 14 days at most, with the follow-ups.")
    not_sent: list[HeldCause]


class Resumed(StatusView):
    """A campaign after a resume; with `dry_run`, as it is, and what a resume would bring."""

    preview: PreviewView | None = Field(description="Only with dry_run.")


def summary(row: CampaignRow) -> CampaignSummary:
    """A campaign's row."""
    return CampaignSummary(**_summary(row))


def view(campaign: Campaign) -> CampaignView:
    """A campaign with its content."""
    return CampaignView(**_summary(campaign.row), definition=campaign.definition)


def _summary(row: CampaignRow) -> dict[str, Any]:
    names = CampaignSummary.model_fields.keys() - {"id", "allowed"}
    return {
        **{name: getattr(row, name) for name in names},
        "id": CAMPAIGN.show(row.id),
        "allowed": list(campaign_verbs(row.status)),
    }


def status(found: Status) -> StatusView:
    """Where a campaign stands."""
    return StatusView(**_status(found))


def started(found: Status, findings: list[Finding]) -> Started:
    """A started campaign."""
    return Started(**_status(found), findings=[finding(one) for one in findings])


def resumed(found: Status, found_preview: Preview | None) -> Resumed:
    """A resumed campaign, or what a resume would bring."""
    return Resumed(**_status(found), preview=None if found_preview is None else preview(found_preview))


def preview(found: Preview) -> PreviewView:
    """What a resume, or a start, would bring."""
    return PreviewView(
        due=found.due,
        overdue=found.overdue,
        days=[ForecastDay(day=d.day, due=d.due, capacity=d.capacity, sent=d.sent, left=d.left) for d in found.days],
        not_sent=[HeldCause(cause=cause, count=count) for cause, count in found.not_sent],
    )


def checked(findings: list[Finding]) -> Checked:
    """A preflight."""
    return Checked(can_start=not any(one.blocks for one in findings), findings=[finding(one) for one in findings])


def finding(one: Finding) -> FindingView:
    """Something that a preflight found."""
    return FindingView(
        code=one.code,
        detail=one.detail,
        blocks=one.blocks,
        pointer=one.pointer,
        count=one.count,
        examples=list(one.examples),
    )


def _status(found: Status) -> dict[str, Any]:
    row, counters = found.campaign, found.counters
    names = ("name", "status", "cause", "actor", "reason", "status_at", "paused_at", "quiesced_at", "resume_at")
    return {
        **{name: getattr(row, name) for name in names},
        "id": CAMPAIGN.show(row.id),
        "allowed": list(campaign_verbs(row.status)),
        "held": found.held,
        "in_transit": found.in_transit,
        "clock": row.clock_mode,
        "new_leads": row.new_leads,
        "on_overdue": row.on_overdue,
        "turned_away": row.turned_away,
        "counts": Counts(**{name: getattr(counters, name) for name in Counts.model_fields}),
    }
