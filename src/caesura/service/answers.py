"""Answers by hand to what came back: a message in the thread of an inbound, from the mailbox that it came to.

Each is a single mailing: suppressions, caps, windows and holds count as for any other message.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from caesura.domain.addresses import AddressError, parse_address
from caesura.domain.definition import read_definition
from caesura.domain.enclosures import CopyDefinition, read_copies
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.headers import is_message_id
from caesura.domain.html_context import HtmlContext
from caesura.domain.inbound import InboundKind
from caesura.domain.lead_entry import LeadInput
from caesura.domain.literals import literal
from caesura.service import inbound, mailboxes, mailings
from caesura.service.enrollments import EnrolFate
from caesura.service.mailings import Enclosures
from caesura.store import messages
from caesura.store.database import Database
from caesura.store.inbound import InboundRow

# What of the text that is answered is quoted, in characters.
QUOTED = 20_000
_MAXIMUM_SUBJECT = 900
_FROM_SERVERS = (InboundKind.BOUNCE, InboundKind.COMPLAINT)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer, word for word; `text`, `html` or both. None for the others: as what is answered says.

    `to` is an address; `quote` sets what is answered below it; `cc` and `bcc` get copies.
    """

    text: str | None = None
    html: str | None = None
    subject: str | None = None
    to: str | None = None
    mailbox_id: int | None = None
    quote: bool = False
    cc: Sequence[CopyDefinition] = ()
    bcc: Sequence[CopyDefinition] = ()


@dataclass(frozen=True, slots=True)
class Answering:
    """An answer on its way: the enrollment whose only message it is, and its campaign, which is in no list."""

    campaign_id: int
    enrollment_id: int


async def send(
    database: Database, workspace_id: int, inbound_id: int, answer: Answer, actor: str, now: datetime
) -> Answering:
    """Answers an inbound, as soon as the limits of the mailbox allow; it counts as read then.

    Who it goes to becomes a lead, if they are none.

    Raises NotFound (`inbound_not_found`, `mailbox_not_found`), Invalid (`answer_empty`, those of addresses at `/to`,
    those of `read_copies`, and what keeps a campaign from starting), Conflict `inbound_unanswerable` where nobody is
    known to answer, or no mailbox that it came to, and `recipient_suppressed`.
    """
    if not (answer.text or "").strip() and not (answer.html or "").strip():
        raise Invalid.of(Problem("answer_empty", "Give text or html.", "/text"))
    row = await inbound.get(database, workspace_id, inbound_id)
    address = _recipient(row, answer)
    copies = read_copies(answer.cc, answer.bcc, address)
    enclosed = Enclosures(copies={0: copies} if copies else {})
    mailbox_id = row.mailbox_id if answer.mailbox_id is None else answer.mailbox_id
    if mailbox_id is None:
        raise Conflict("inbound_unanswerable", "it is not known which mailbox it came to: name one")
    if (await mailboxes.get(database, workspace_id, mailbox_id)).archived:
        raise NotFound("mailbox_not_found", "there is no such mailbox")
    pool = await mailboxes.pool_of(database, workspace_id, [mailbox_id], actor, now)
    step = {**_content(row, answer), "answers": await _thread(database, row)}
    definition = read_definition({"name": f"Answer to {address}"[:200], "pool": pool.name, "steps": [step]})
    done = await mailings.send(database, workspace_id, definition, [LeadInput(address)], None, actor, now, enclosed)
    outcome = done.outcomes[0]
    if done.campaign_id is None or outcome.enrollment_id is None:
        if outcome.fate is EnrolFate.SUPPRESSED:
            raise Conflict("recipient_suppressed", f"{address} is suppressed and is never written to")
        raise Invalid.of(*outcome.problems)
    await inbound.mark_read(database, workspace_id, inbound_id, True, actor, now)
    return Answering(done.campaign_id, outcome.enrollment_id)


async def _thread(database: Database, row: InboundRow) -> list[str]:
    """Message-IDs: of ours that it came back to, and its own."""
    ours = row.in_reply_to
    if ours is None and row.enrollment_id is not None and row.step is not None:
        async with database.connection() as connection:
            sent = await messages.get(connection, row.workspace_id, row.enrollment_id, row.step)
        ours = sent.message_id if sent else None
    ids = (one for one in (ours, row.message_id) if one is not None and is_message_id(one))
    return list(dict.fromkeys(ids))


def _recipient(row: InboundRow, answer: Answer) -> str:
    if answer.to is not None:
        try:
            return parse_address(answer.to).address
        except AddressError as error:
            raise Invalid.of(Problem(error.code, error.detail, "/to")) from error
    given = (row.from_address or "").rpartition("<")[2].partition(">")[0]
    for one in ("" if row.kind in _FROM_SERVERS else given, row.address or ""):
        try:
            return parse_address(one).address
        except AddressError:
            continue
    raise Conflict("inbound_unanswerable", "it is not known whom to answer: give an address")


def _content(row: InboundRow, answer: Answer) -> dict[str, str]:
    """The sources of the message, in which nothing means more than it says."""
    subject = " ".join((answer.subject or row.subject or "").split()) or "Your message"
    if answer.subject is None and not subject.lower().startswith("re:"):
        subject = f"Re: {subject}"
    content = {"subject": literal(subject[:_MAXIMUM_SUBJECT], None)}
    quoted = (row.text or "")[:QUOTED] if answer.quote else ""
    if answer.text:
        below = "".join(f"\n> {line}" for line in quoted.splitlines())
        content["text"] = literal(f"{answer.text}\n{below}" if below else answer.text, None)
    if answer.html:
        lines = "<br>".join(html.escape(line) for line in quoted.splitlines())
        below = f"<blockquote>{lines}</blockquote>" if lines else ""
        content["html"] = literal(answer.html + below, HtmlContext())
    return content
