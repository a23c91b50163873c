"""Single mailings: a message to a few recipients at once, as a campaign of its own that is in no list of campaigns.

Nothing is sent past the gate: suppressions, caps, windows and holds count as for any other campaign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from caesura.domain.definition import CampaignDefinition
from caesura.domain.enclosures import Attachment, Copy, check_attachments
from caesura.domain.errors import Invalid, Problem
from caesura.domain.lead_entry import LeadInput
from caesura.service import campaigns, definitions, enrollments, suppression_groups
from caesura.service.enrollments import EnrolFate, EnrolOutcome
from caesura.store import enclosures
from caesura.store.database import Connection, Database

KIND = "single"


@dataclass(frozen=True, slots=True)
class Enclosures:
    """What a mailing has beside its text: files for all, and copies by the place of their recipient.

    `for_first` are copies of one of the messages, whichever: of the first whose recipient may be written to.
    """

    attachments: Sequence[Attachment] = ()
    copies: Mapping[int, Sequence[Copy]] = field(default_factory=dict)
    for_first: Sequence[Copy] = ()


NOTHING = Enclosures()


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing that was accepted, with what became of each recipient, in their order.

    `campaign_id` is None where nobody of them may be written to: then there is no mailing.
    """

    campaign_id: int | None
    outcomes: Sequence[EnrolOutcome]


async def send(
    database: Database,
    workspace_id: int,
    definition: CampaignDefinition,
    recipients: Sequence[LeadInput],
    group_id: int | None,
    actor: str,
    now: datetime,
    enclosed: Enclosures = NOTHING,
) -> Mailing:
    """Sends one message to at most 1,000 recipients, at the definition's `starts_at`, or as soon as the limits allow.

    Files go with each message; a copy goes to those named for its recipient, unless they may not be written to.

    What differs between them is in `own_fields`: a lead's own fields stay as they are. Who refuses the group `group_id`
    or everything gets nothing. In transactions of its own for the content, the recipients and the start: cut short, it
    is a draft, and nothing is sent. Raises Invalid for templates, files, recipients that are all wrong, and all that
    keeps a campaign from starting; NotFound for the group.
    """
    check_attachments(enclosed.attachments, len(recipients))
    if definition.starts_at is not None and definition.starts_at <= now:
        raise Invalid.of(Problem("starts_at_past", "starts_at must be in the future", "/starts_at"))
    campaign_id = await definitions.create(database, workspace_id, definition, actor, now, KIND)
    try:
        outcomes = await _enrol(database, workspace_id, campaign_id, recipients, group_id, actor, now)
    except Exception:
        await definitions.delete(database, workspace_id, campaign_id, actor, now)
        raise
    if not any(one.fate is EnrolFate.ENROLLED for one in outcomes):
        await definitions.delete(database, workspace_id, campaign_id, actor, now)
        if all(one.fate is EnrolFate.REJECTED for one in outcomes):
            raise Invalid.of(*(problem for one in outcomes for problem in one.problems))
        return Mailing(None, outcomes)
    await _enclose(database, workspace_id, campaign_id, outcomes, enclosed)
    if definition.starts_at is not None:
        await campaigns.schedule(database, workspace_id, campaign_id, definition.starts_at, actor, now)
    else:
        await definitions.start(database, workspace_id, campaign_id, actor, now, cause="mailing")
    return Mailing(campaign_id, outcomes)


async def _enclose(
    database: Database, workspace_id: int, campaign_id: int, outcomes: Sequence[EnrolOutcome], enclosed: Enclosures
) -> None:
    enrolled = {
        place: one.enrollment_id
        for place, one in enumerate(outcomes)
        if one.fate is EnrolFate.ENROLLED and one.enrollment_id is not None
    }
    copies = {one: [*enclosed.copies[place]] for place, one in enrolled.items() if place in enclosed.copies}
    if enclosed.for_first and enrolled:
        copies.setdefault(next(iter(enrolled.values())), []).extend(enclosed.for_first)

    async def work(tx: Connection) -> None:
        await enclosures.add_files(tx, workspace_id, campaign_id, enclosed.attachments)
        await enclosures.add_copies(tx, workspace_id, campaign_id, copies)

    if enclosed.attachments or copies:
        await database.run(work)


async def _enrol(
    database: Database,
    workspace_id: int,
    campaign_id: int,
    recipients: Sequence[LeadInput],
    group_id: int | None,
    actor: str,
    now: datetime,
) -> Sequence[EnrolOutcome]:
    findings = await definitions.check(database, workspace_id, campaign_id)
    blocking = [Problem(one.code, one.detail, one.pointer) for one in findings if one.blocks]
    if blocking:
        raise Invalid.of(*blocking)
    if group_id is not None:
        await suppression_groups.bind(database, workspace_id, campaign_id, group_id, actor, now)
    return (await enrollments.enrol_new(database, workspace_id, campaign_id, recipients, False, actor, now)).rows
