"""What came back: it is kept, it ends what it must end whatever the campaign's state (G6), and people sort it.

Mail is read elsewhere, and reported here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from caesura.domain.addresses import Address, AddressError, deduplication_key, parse_address
from caesura.domain.compose import named_by
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.extra import check_extra, merged_extra
from caesura.domain.inbound import (
    MAXIMUM_HTML,
    MAXIMUM_NOTE,
    MAXIMUM_TEXT,
    BounceType,
    Classification,
    InboundKind,
    InboundReport,
    body,
    line,
    named,
    own_id,
)
from caesura.domain.recipients import Recipient
from caesura.service import enrollments, readmission, suppressions
from caesura.service.plans import Plans
from caesura.service.sending.settlement import settle
from caesura.store import bounces, campaigns, enclosures, events, leads, mailboxes
from caesura.store import enrollments as enrollment_store
from caesura.store import inbound as store
from caesura.store import sending as gate
from caesura.store.database import Connection, Database
from caesura.store.inbound import InboundCounts, InboundRow, NewInbound, Selection
from caesura.store.leads import LeadRow

# What these lead to, for the address and for the enrollments of its lead.
_CAUSES: Mapping[InboundKind, str] = {
    InboundKind.BOUNCE: "bounced",
    InboundKind.COMPLAINT: "complained",
    InboundKind.UNSUBSCRIBE: suppressions.UNSUBSCRIBED,
}
# These come from a server: the address that they come from is nobody's own.
_FROM_SERVERS = (InboundKind.BOUNCE, InboundKind.COMPLAINT)


@dataclass(frozen=True, slots=True)
class Received:
    """What was reported. `is_new` is False where its Message-ID was known: then nothing was done.

    `stopped` counts the enrollments that it ended.
    """

    row: InboundRow
    is_new: bool
    stopped: int


@dataclass(frozen=True, slots=True)
class InboundChange:
    """What people change; None leaves it as it is. `extra` is merged into what is kept."""

    classification: Classification | None = None
    clear_classification: bool = False
    is_read: bool | None = None
    assigned_to: str | None = None
    clear_assigned: bool = False
    note: str | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """What of ours a report is about. `is_named`: it names our message; else it is known by its address at most.

    `proves` is the (enrollment, step) of a message that must have been taken, for a copy of it came back.
    """

    is_named: bool = False
    lead: LeadRow | None = None
    campaign_id: int | None = None
    enrollment_id: int | None = None
    step: int | None = None
    mailbox_id: int | None = None
    message_id: str | None = None
    recipient: Address | None = None
    given: Address | None = None
    marked_at: datetime | None = None
    proves: tuple[int, int] | None = None


async def report(
    database: Database, plans: Plans, workspace_id: int, given: InboundReport, actor: str, now: datetime
) -> Received:
    """Takes in what came back, in one transaction, whatever the campaign's state; a mail reported twice counts once.

    It belongs to the message whose Message-ID it names; else to the last message to the lead of its address, in the
    campaign given or in any. A reply stops the lead in that campaign (where only the address is known, in all in which
    something went out) if the campaign has `stop_on_reply`. A hard bounce, a complaint and an unsubscribe suppress the
    address and stop its lead everywhere. What names a message whose outcome was unknown settles it: it was sent.
    When this returns, nothing that it ended enters `sending` any more.

    Raises Invalid (`bounce_type_missing`, `bounce_type_unfit`, AddressError's codes at `/address`, and what `extra` may
    not be), NotFound for a campaign or mailbox.
    """
    _check(given)
    address = _given_address(given)

    async def work(tx: Connection) -> Received:
        found = await _find(tx, workspace_id, given, address)
        row = await store.insert(tx, workspace_id, _new(given, found, now))
        if row is None:
            known = await store.by_message_id(tx, workspace_id, own_id(given) or "")
            assert known is not None  # nothing is ever deleted
            return Received(known, False, 0)
        await _tell(tx, row, "inbound.received", actor, now, bounce_type=row.bounce_type, reason=row.reason)
        proven = found.proves
        if found.is_named and found.enrollment_id is not None and found.step is not None:
            proven = found.enrollment_id, found.step
        if proven is not None:
            await settle(tx, plans, workspace_id, *proven, True, actor, now)
        stopped = await _end(tx, workspace_id, given, found, actor, now)
        if given.bounce_type is BounceType.HARD:
            await _count_bounce(tx, row, found)
        return Received(row, True, stopped)

    return await database.run(work, opening=gate.closing_gate(workspace_id) if given.ends_something else "")


async def unsubscribe(
    database: Database, workspace_id: int, lead_id: int, now: datetime, actor: str = "recipient"
) -> Received | None:
    """A lead's own no, by its link: it counts at once in all campaigns of the workspace.

    None where they had said so before: a second time changes nothing. Raises NotFound.
    """

    async def work(tx: Connection) -> Received | None:
        lead = await leads.get(tx, workspace_id, lead_id)
        if lead is None:
            raise NotFound("lead_not_found", "there is no such lead")
        given = InboundReport(InboundKind.UNSUBSCRIBE)
        found = await _by_address(tx, workspace_id, None, lead, parse_address(lead.address))
        recipients = [Recipient("address", lead.address_key)]
        key = (tx, workspace_id)
        if not any(
            await suppressions.put(*key, recipients, suppressions.UNSUBSCRIBED, actor, now, found.enrollment_id)
        ):
            return None
        row = await store.insert(tx, workspace_id, _new(given, found, now))
        assert row is not None  # it has no Message-ID that could be there
        await _tell(tx, row, "inbound.received", actor, now)
        ids = await store.ended_by_suppression(tx, workspace_id, [lead.address_key])
        moved = await enrollments.take_out(tx, workspace_id, ids, suppressions.UNSUBSCRIBED, actor, now)
        return Received(row, True, len(moved))

    return await database.run(work, opening=gate.closing_gate(workspace_id))


async def get(database: Database, workspace_id: int, inbound_id: int) -> InboundRow:
    """One of them. Raises NotFound."""
    async with database.connection() as connection:
        row = await store.get(connection, workspace_id, inbound_id)
    if row is None:
        raise _missing()
    return row


async def page(
    database: Database, workspace_id: int, selection: Selection, below: int | None, limit: int
) -> list[InboundRow]:
    """The next `limit` of what is selected, with ids below `below` (None: from the newest), newest first.

    Their `html` is left out, since it is large: `get` has it.
    Of one campaign or one lead it reads an index; other filters cost a look at each row on the way.
    """
    async with database.connection() as connection:
        return await store.page(connection, workspace_id, selection, below, limit)


async def counts(database: Database, workspace_id: int, campaign_id: int) -> InboundCounts:
    """How many leads of a campaign replied, bounced and so on, in all and by step. Raises NotFound.

    Refusals while a message was being sent are no bounces here: the ledger counts them, as rejected.
    """
    async with database.connection() as connection:
        await _check_campaign(connection, workspace_id, campaign_id)
        return await store.counts(connection, workspace_id, campaign_id)


async def change(
    database: Database, workspace_id: int, inbound_id: int, wanted: InboundChange, actor: str, now: datetime
) -> InboundRow:
    """Sorts one: what is left out stays. Raises NotFound."""
    return await database.run(lambda tx: _change(tx, workspace_id, inbound_id, wanted, actor, now))


async def classify(
    database: Database,
    workspace_id: int,
    inbound_id: int,
    classification: Classification | None,
    actor: str,
    now: datetime,
) -> InboundRow:
    """Says what the lead wants, or with None that nobody knows. It starts and stops nothing. Raises NotFound."""
    wanted = InboundChange(classification=classification, clear_classification=classification is None)
    return await change(database, workspace_id, inbound_id, wanted, actor, now)


async def mark_read(
    database: Database, workspace_id: int, inbound_id: int, is_read: bool, actor: str, now: datetime
) -> InboundRow:
    """Marks one as read, or as unread. Raises NotFound."""
    return await change(database, workspace_id, inbound_id, InboundChange(is_read=is_read), actor, now)


async def assign(
    database: Database,
    workspace_id: int,
    inbound_id: int,
    to: str,
    actor: str,
    now: datetime,
    note: str | None = None,
    extra: Mapping[str, Any] | None = None,
    again: bool = False,
) -> InboundRow:
    """Gives one to somebody to look after. Raises NotFound, and Conflict `inbound_assigned` where it has been, unless
    `again`."""

    async def work(tx: Connection) -> InboundRow:
        before = await store.get(tx, workspace_id, inbound_id, lock=True)
        if before is not None and before.assigned_to is not None and not again:
            raise Conflict("inbound_assigned", f"it is assigned already, to {before.assigned_to}", "assigned")
        wanted = InboundChange(assigned_to=to, note=note, extra=extra)
        return await _change(tx, workspace_id, inbound_id, wanted, actor, now)

    return await database.run(work)


def _check(given: InboundReport) -> None:
    check_extra(given.extra, "/extra")
    is_bounce = given.kind is InboundKind.BOUNCE
    if is_bounce and given.bounce_type is None:
        detail = "Say of a bounce whether it is hard (the address is no good) or soft."
        raise Invalid.of(Problem("bounce_type_missing", detail, "/bounce_type"))
    if not is_bounce and given.bounce_type is not None:
        raise Invalid.of(Problem("bounce_type_unfit", "Only a bounce is hard or soft.", "/bounce_type"))


def _given_address(given: InboundReport) -> Address | None:
    """The lead's address as reported. A sender that is no address is nobody that we know, and no fault."""
    if given.address is not None:
        try:
            return parse_address(given.address)
        except AddressError as error:
            raise Invalid.of(Problem(error.code, error.detail, "/address")) from error
    if given.from_address is None or given.kind in _FROM_SERVERS:
        return None
    return _parsed(given.from_address.rpartition("<")[2].partition(">")[0])


def _parsed(text: str) -> Address | None:
    try:
        return parse_address(text)
    except AddressError:
        return None


async def _find(tx: Connection, workspace_id: int, given: InboundReport, address: Address | None) -> _Found:
    if given.campaign_id is not None:
        await _check_campaign(tx, workspace_id, given.campaign_id)
    if given.mailbox_id is not None and await mailboxes.get(tx, workspace_id, given.mailbox_id) is None:
        raise NotFound("mailbox_not_found", "there is no such mailbox")
    ids = [(*about, one) for one in named(given) if (about := named_by(one)) is not None]
    answered = await store.named(tx, workspace_id, ids)
    if answered is not None:
        lead = await leads.get(tx, workspace_id, answered.lead_id)
        place = (answered.campaign_id, answered.enrollment_id, answered.step, answered.mailbox_id)
        await store.keep(tx, workspace_id, answered)
        if address is not None and given.kind in _CAUSES:
            named_copy = (answered.campaign_id, answered.enrollment_id, deduplication_key(address))
            if await enclosures.is_copy(tx, workspace_id, *named_copy):
                # Not the message came back but a copy of it, and its lead has nothing to do with that.
                proves = answered.enrollment_id, answered.step
                return _Found(
                    True, None, answered.campaign_id, message_id=answered.message_id, recipient=address, proves=proves
                )
        return _Found(True, lead, *place, answered.message_id, _parsed(answered.recipient), address, answered.marked_at)
    if address is None:
        return _Found(campaign_id=given.campaign_id)
    known = await leads.by_key(tx, workspace_id, deduplication_key(address))
    # Kept from being deleted before this transaction ends.
    if known is None or not await leads.existing(tx, workspace_id, [known.id]):
        return _Found(campaign_id=given.campaign_id, given=address)
    return await _by_address(tx, workspace_id, given.campaign_id, known, address)


async def _by_address(
    tx: Connection, workspace_id: int, campaign_id: int | None, lead: LeadRow, address: Address
) -> _Found:
    last = await store.last(tx, workspace_id, lead.id, campaign_id)
    if last is not None:
        place = (last.campaign_id, last.enrollment_id, last.step, last.mailbox_id)
        return _Found(False, lead, *place, given=address, marked_at=last.marked_at)
    if campaign_id is None:
        return _Found(lead=lead, given=address)
    row = await enrollment_store.by_lead(tx, workspace_id, campaign_id, lead.id)
    return _Found(False, lead, campaign_id, row.id if row else None, given=address)


def _new(given: InboundReport, found: _Found, now: datetime) -> NewInbound:
    about = found.recipient or found.given
    return NewInbound(
        kind=given.kind,
        lead_id=found.lead.id if found.lead else None,
        campaign_id=found.campaign_id,
        enrollment_id=found.enrollment_id,
        step=found.step,
        mailbox_id=found.mailbox_id if given.mailbox_id is None else given.mailbox_id,
        address=about.address if about else None,
        from_address=line(given.from_address),
        subject=line(given.subject),
        text=body(given.text, MAXIMUM_TEXT),
        html=body(given.html, MAXIMUM_HTML),
        message_id=own_id(given),
        in_reply_to=found.message_id or next(iter(named(given)), None),
        bounce_type=given.bounce_type,
        reason=line(given.reason),
        classification=given.classification,
        received_at=given.received_at or now,
        created_at=now,
        extra=given.extra,
    )


async def _end(
    tx: Connection, workspace_id: int, given: InboundReport, found: _Found, actor: str, now: datetime
) -> int:
    """Ends what it ends; answers how many enrollments. Behind the closed gate, if there is anything to end."""
    if not given.ends_something:
        return 0
    if given.kind is InboundKind.REPLY:
        cause, ids = "replied", await _ended_by_reply(tx, workspace_id, given, found)
        await readmission.stay_out(tx, workspace_id, ids, cause, now)
    else:
        cause, keys = _CAUSES[given.kind], _suppressed(given, found)
        recipients = [Recipient("address", key) for key in keys]
        if recipients:
            await suppressions.put(tx, workspace_id, recipients, cause, actor, now, found.enrollment_id)
        ids = await store.ended_by_suppression(tx, workspace_id, keys)
    return len(await enrollments.take_out(tx, workspace_id, ids, cause, actor, now)) if ids else 0


async def _ended_by_reply(tx: Connection, workspace_id: int, given: InboundReport, found: _Found) -> Sequence[int]:
    if found.lead is None:
        return ()
    is_placed = found.is_named or given.campaign_id is not None
    if is_placed and found.enrollment_id is None:
        return ()
    return await store.ended_by_reply(tx, workspace_id, found.lead.id, found.enrollment_id if is_placed else None)


def _suppressed(given: InboundReport, found: _Found) -> list[str]:
    """The keys of the addresses that are not written to any more.

    A bounce speaks of the address that was written to, which need not be the lead's any more; a person's no is about
    all that they are known by.
    """
    told = [found.recipient or found.given]
    if given.kind is not InboundKind.BOUNCE:
        told.append(found.given)
    keys = [deduplication_key(one) for one in told if one is not None]
    if given.kind is not InboundKind.BOUNCE and found.lead is not None:
        keys.append(found.lead.address_key)
    return list(dict.fromkeys(keys))


async def _count_bounce(tx: Connection, row: InboundRow, found: _Found) -> None:
    """Counts a message of ours that came back, once, for its campaign's threshold. Nothing may be locked after this."""
    if found.marked_at is None or row.campaign_id is None or row.lead_id is None:
        return
    if row.enrollment_id is None or row.step is None:
        return
    if not await bounces.is_counted(tx, row.workspace_id, row.enrollment_id, row.step, row.lead_id, row.id):
        await bounces.count(tx, row.workspace_id, row.campaign_id, [found.marked_at])


async def _check_campaign(tx: Connection, workspace_id: int, campaign_id: int) -> None:
    if await campaigns.get(tx, workspace_id, campaign_id) is None:
        raise NotFound("campaign_not_found", "there is no such campaign")


async def _change(
    tx: Connection, workspace_id: int, inbound_id: int, wanted: InboundChange, actor: str, now: datetime
) -> InboundRow:
    before = await store.get(tx, workspace_id, inbound_id, lock=True)
    if before is None:
        raise _missing()
    row = before
    if wanted.classification is not None or wanted.clear_classification:
        row = replace(row, classification=wanted.classification)
    if wanted.is_read is not None:
        row = replace(row, is_read=wanted.is_read)
    if wanted.assigned_to is not None:
        row = replace(row, assigned_to=line(wanted.assigned_to), assigned_at=now)
    elif wanted.clear_assigned:
        row = replace(row, assigned_to=None, assigned_at=None)
    if wanted.note is not None:
        row = replace(row, note=body(wanted.note, MAXIMUM_NOTE) or None)
    if wanted.extra is not None:
        row = replace(row, extra=check_extra(merged_extra(row.extra, wanted.extra), "/extra"))
    row = await store.save(tx, row)
    if row.classification is not before.classification:
        await _tell(tx, row, "inbound.classified", actor, now, before=before.classification)
    if row.assigned_at != before.assigned_at:
        await _tell(tx, row, "inbound.assigned", actor, now, to=row.assigned_to, note=row.note)
    return row


async def _tell(tx: Connection, row: InboundRow, kind: str, actor: str, now: datetime, **more: Any) -> None:
    facts = {"inbound": row.id, "kind": row.kind, "classification": row.classification, **more}
    data = {name: value for name, value in facts.items() if value is not None}
    place = (row.campaign_id, row.enrollment_id, row.step, row.mailbox_id, row.lead_id)
    await events.append(tx, row.workspace_id, now, actor, [events.Entry(kind, *place, data)])


def _missing() -> NotFound:
    return NotFound("inbound_not_found", "there is no such inbound")
