"""Bugs planted into a copy of the product, each by a change of its text, to see whether the simulator finds them.

A simulator that finds nothing proves nothing. `scripts/simulate_bugs.py` prints what it finds.
"""

from dataclasses import dataclass

CLAIM = "service/sending/claim.py"
MARK = "service/sending/mark.py"
RECORD = "service/sending/record.py"
EFFECTS = "service/sending/effects.py"
RECOVERY = "service/recovery.py"
SENDING = "store/sending.py"
SENDING_SQL = "store/queries/sending.sql"
RECOVERY_SQL = "store/queries/recovery.sql"
CAMPAIGNS = "service/campaigns.py"
PACING = "domain/pacing.py"
WINDOWS = "domain/windows.py"
SEQUENCE = "domain/sequence.py"
DELIVERY = "domain/delivery.py"
PIPELINE = "protocol/smtp/pipeline.py"
LETTERS = "worker/letters.py"
HISTORY_SQL = "store/queries/history.sql"
COPIES = "service/sending/copies.py"
COPIES_SQL = "store/queries/enclosures.sql"
ENROLLMENTS_SQL = "store/queries/enrollments.sql"
SCHEMA = "store/migrations/0001_initial.sql"


@dataclass(frozen=True, slots=True)
class Change:
    """`before`, which stands in the file at least once, becomes `after` everywhere in it."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug. `note` says why it may go unfound, if it may."""

    name: str
    changes: tuple[Change, ...]
    note: str = ""


def _bug(name: str, file: str, before: str, after: str, *more: Change, note: str = "") -> Bug:
    return Bug(name, (Change(file, before, after), *more), note)


BUGS: tuple[Bug, ...] = (
    # The gate
    _bug("a mark does not pass the gate", SENDING, "select pg_advisory_xact_lock_shared({GATE}", "select ({GATE}"),
    _bug("a pause does not close the gate", SENDING, "select pg_advisory_xact_lock({GATE}", "select ({GATE}"),
    _bug(
        "a mark does not read the status",
        MARK,
        "found is None or found.status != CampaignState.RUNNING",
        "found is None",
    ),
    _bug("a mark does not see the kill switch", MARK, '"workspace:" in found.holds', "False"),
    _bug("a mark does not see holds of leads", MARK, 'f"lead:{claimed.lead_id}" in found.holds', "False"),
    _bug("a mark does not see holds of domains", MARK, 'f"domain:{claimed.domain}" in found.holds', "False"),
    _bug("a mark does not see holds of mailboxes", MARK, 'f"mailbox:{one.mailbox_id}" in found.holds', "False"),
    _bug(
        "a mark does not see suppressions",
        MARK,
        'f"address:{claimed.address_key}" in found.suppressions or f"domain:{claimed.domain}" in found.suppressions',
        "False",
    ),
    _bug("edited content is marked", MARK, '"edited" if found.version != plan.version else None', "None"),
    _bug(
        "a pause changes every enrollment",
        CAMPAIGNS,
        '    return await set_status(tx, before, after, now, "campaign.paused", **facts)',
        '    await tx.execute("update enrollment set updated_at = $1", now)\n'
        '    return await set_status(tx, before, after, now, "campaign.paused", **facts)',
    ),
    _bug(
        "what is being edited is sent",
        MARK,
        "found is None or found.status != CampaignState.RUNNING",
        "found is None or found.status not in (CampaignState.RUNNING, CampaignState.EDITING)",
    ),
    _bug(
        "the clock runs while a campaign is being edited",
        CAMPAIGNS,
        "clock = campaign_time.pause(before.clock, now, ClockMode.FREEZE)",
        "clock = before.clock",
    ),
    _bug(
        "releasing a hold releases all",
        "store/queries/holds.sql",
        "where workspace_id = $1 and id = $2 and released_at is null",
        "where workspace_id = $1 and ($2::bigint > 0) and released_at is null",
    ),
    _bug(
        "a stopped lead that is claimed goes out",
        "service/enrollments.py",
        "moved = await store.set_aside(tx, workspace_id, enrollment_ids, EnrollmentEvent.STOP, stopped, cause, now)",
        "moved = await store.set_aside(tx, workspace_id, enrollment_ids, EnrollmentEvent.RELEASE, stopped, cause, now)",
    ),
    # The ledger
    _bug(
        "a claim is marked whoever has it",
        SENDING_SQL,
        "and state = 'claimed' and claimed_by = $10 and lease_until > $11",
        "and state = 'claimed' and ($10::text is not null)",
    ),
    _bug(
        "an outcome of another worker or attempt is taken",
        SENDING_SQL,
        "and m.step = o.step\n  and m.attempt = o.attempt and m.worker = $11\n",
        "and m.step = o.step\n  and ($11::text is not null)\n",
        note="needs a record of what was taken back whose answer is lost, and that is tried again only when another "
        "has marked the message anew: one world in some three hundred (seeds 241 and 328 of those that lose lines)",
    ),
    _bug(
        "the unique key is overwritten",
        SENDING_SQL,
        "settled_at = null, stage = null, reply_code = null, reply = null\nwhere m.state in ('deferred', 'cancelled')",
        "settled_at = null, stage = null, reply_code = null, reply = null\nwhere m.state <> 'none'",
        note="a second line of defence: no enrollment stands at a step that is behind it, so nothing meets it",
    ),
    _bug(
        "what is in transit under a lost lease goes back",
        RECOVERY_SQL,
        "      and m.state = 'sending')\norder by e.workspace_id, e.id",
        "      and m.state = 'x')\norder by e.workspace_id, e.id",
        Change(RECOVERY_SQL, "      and m.state = 'sending')\nreturning", "      and m.state = 'x')\nreturning"),
    ),
    _bug(
        "a message of a dead worker is sent again",
        RECOVERY_SQL,
        "set state = 'unknown', cause = $5, settled_at = $4",
        "set state = 'deferred', cause = $5, settled_at = $4",
        Change(RECOVERY, "moves.append((row[", "0 and moves.append((row["),
    ),
    _bug(
        "a line lost behind the content is put off",
        PIPELINE,
        "Kind.UNKNOWN if transaction",
        "Kind.DEFERRED if transaction",
    ),
    _bug(
        "4xx behind the content counts as taken",
        PIPELINE,
        "case 4:\n                self._settle(transaction, Kind.DEFERRED",
        "case 4:\n                self._settle(transaction, Kind.ACCEPTED",
    ),
    _bug(
        "what is withdrawn is dropped",
        DELIVERY,
        'Judgement(MessageState.CANCELLED, "not_begun", 0, GiveBack())',
        'Judgement(MessageState.CANCELLED, "not_begun", 0, Advance())',
    ),
    _bug(
        "the counters are not kept",
        SCHEMA,
        "array['insert', 'update', 'delete'] loop",
        "array['insert', 'delete'] loop",
    ),
    _bug(
        "leases are not renewed",
        RECORD,
        "recovery.renew(tx, worker, keys, now + timedelta(seconds=lease_seconds))",
        "recovery.renew(tx, worker, [], now)",
    ),
    _bug(
        "an unknown message is never settled late",
        SENDING_SQL,
        "when 'unknown' then o.state in ('sent', 'rejected')",
        "when 'x' then o.state in ('sent', 'rejected')",
        note="nothing untrue follows: the message stays unknown until a person settles it",
    ),
    _bug(
        "a late word that it was not taken counts for leads that went on",
        SENDING_SQL,
        "        and e.state = 'held' and e.cause = 'unknown_outcome'))",
        "        or true))",
    ),
    # What the simulator found in earlier versions of the product
    _bug("a late word leaves the lead where it was", RECORD, "if one.enrollment_id not in done:", "if False:"),
    _bug(
        "a lead goes on by the content that it was marked with",
        RECORD,
        "_follow(tx, present,",
        "_follow(tx, plan,",
        note="an edit must add a step between the mark and the record of a lead's last message; once found by chance, "
        "not in 200 of the present worlds. A test of the service has it",
    ),
    _bug(
        "a refund counts on the day of the record",
        RECORD,
        "day, lost = _places(own, mailbox.limits.zone)",
        "day, lost = local_day(mailbox.limits.zone, now), _places(own, mailbox.limits.zone)[1]",
        note="a refused message must lie between two days of a mailbox that is at its cap on the second; once found by "
        "chance, not in 200 of the present worlds. A test of the service has it",
    ),
    _bug(
        "a mailbox is free before its renewed message",
        "store/queries/recovery.sql",
        "update mailbox_pace p set busy_until = $5",
        "update mailbox_pace p set busy_until = p.busy_until",
    ),
    _bug(
        "the gap counts from the mark when a worker dies",
        RECOVERY,
        "ready_after(mailbox, now)",
        "None",
        note="a mailbox with a gap must lose its worker and be claimed anew within the gap; "
        "not in 200 worlds. A test of the service has it",
    ),
    _bug(
        "what fell due between two pauses is overdue",
        SEQUENCE,
        "if pause.since < due_at <= pause.until:",
        "if overdue[0].since < due_at <= overdue[-1].until:",
        note="two pauses with a choice and a running clock, and something due between them; "
        "not in 200 worlds. Tests of the service have it",
    ),
    # The pace
    _bug("the daily cap is off by one", PACING, "left = tightest.most - (", "left = tightest.most + 1 - ("),
    _bug("days turn at midnight UTC", WINDOWS, "return in_utc(at).astimezone(zone).date()", "return in_utc(at).date()"),
    _bug(
        "the gap is forgotten",
        PACING,
        "gap = limits.gap_seconds * _SECOND + limits",
        "gap = 0 * _SECOND + 0 * limits",
        Change(EFFECTS, "gap = limits.gap_seconds + limits", "gap = 0 + 0 * limits"),
    ),
    _bug(
        "the jitter is taken off the gap",
        PACING,
        "+ limits.jitter_seconds * jitter(*identity) * _SECOND",
        "- limits.jitter_seconds * jitter(*identity) * _SECOND",
        Change(EFFECTS, "+ limits.jitter_seconds * jitter", "- limits.jitter_seconds * jitter"),
    ),
    _bug(
        "a gapped mailbox sends two at a time",
        MARK,
        "pace.busy_until > now",
        "pace.busy_until < now and False",
        note="two claims before the first mark, and a server slower than the gap; "
        "not in 200 worlds. A test of the service has it",
    ),
    _bug(
        "the gap of a campaign is forgotten",
        PACING,
        "if limits.gap_seconds:\n        total",
        "if limits.gap_seconds < 0:\n        total",
        Change(EFFECTS, "if limits.gap_seconds and", "if limits.gap_seconds < 0 and"),
    ),
    _bug(
        "the gap of a campaign does not wait for what is in transit",
        EFFECTS,
        "if limits.gap_seconds and",
        "if limits.gap_seconds < 0 and",
        note="a server must be slower than the gap while the campaign has another mailbox; "
        "not in 150 worlds. A test of the service has it",
    ),
    _bug(
        "the rate lets twice as much go", PACING, "interval = ceil(count * 1_000_000", "interval = ceil(count * 500_000"
    ),
    _bug(
        "a refund gives too much", SENDING_SQL, "greatest(p.used - n.refund, 0)", "greatest(p.used - n.refund - 1, 0)"
    ),
    _bug("new leads are not counted", PACING, "_smaller(total, openings)", "total"),
    _bug(
        "a ramp grows twice as fast",
        PACING,
        "days = max(0, (day - ramp.started_on).days)",
        "days = 2 * max(0, (day - ramp.started_on).days)",
    ),
    _bug(
        "windows are open until midnight",
        WINDOWS,
        "_spans(zone, day, interval.start_minute, interval.end_minute)",
        "_spans(zone, day, interval.start_minute, DAY_MINUTES)",
    ),
    _bug(
        "windows keep winter time",
        WINDOWS,
        "return wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta()",
        "return wall.replace(month=1, day=15, tzinfo=zone).utcoffset() or timedelta()",
    ),
    _bug(
        "windows are read in the campaign's zone only", CLAIM, "if plan.lead_zone and one.zone", "if False and one.zone"
    ),
    _bug(
        "a step's own windows are not asked",
        SEQUENCE,
        "opening(step.window_in(window), zone, now)",
        "opening(window, zone, now)",
    ),
    _bug(
        "a window that closed after the claim is not seen",
        MARK,
        "one.closes_at is not None and one.closes_at <= now",
        "one.closes_at is not None and False",
        note="a lead's own window must close between claim and mark: not in 200 worlds. A test of the service has it",
    ),
    _bug(
        "the offset is forgotten at a resume",
        CAMPAIGNS,
        "clock_offset=clock.offset,\n        clock_stopped_at=None",
        "clock_offset=before.clock_offset,\n        clock_stopped_at=None",
    ),
    _bug("follow-ups are due at once", SEQUENCE, "number + 1, steps[number].delay_seconds", "number + 1, 0"),
    _bug("a fixed date is not waited for", SEQUENCE, "step.send_at is not None and step.send_at > now", "False"),
    _bug("conditions are not asked", SEQUENCE, "not step.condition.holds(fields)", "False"),
    _bug(
        "tries have no end",
        PACING,
        "if attempt >= policy.attempts:",
        "if attempt >= 1000:",
        note="a server must put one message off six times over: not in 200 worlds. A test of the rule has it",
    ),
    _bug(
        "a retry comes within the minute",
        PACING,
        "timedelta(seconds=seconds * (1 +",
        "timedelta(seconds=seconds / 60 * (1 +",
    ),
    # The history
    _bug(
        "the history takes leads with an open message",
        HISTORY_SQL,
        "m.state in ('sending', 'deferred', 'unknown')",
        "false",
        Change(SCHEMA, "state text not null check (state in ('sent', 'rejected', 'cancelled'))", "state text not null"),
        Change(SCHEMA, "settled_at timestamptz not null", "settled_at timestamptz"),
    ),
    _bug(
        "the history takes leads that still get steps",
        HISTORY_SQL,
        "e.state in ('finished', 'stopped')",
        "e.state in ('finished', 'stopped', 'waiting')",
        Change(SCHEMA, "check (moved_on is null or state in ('finished', 'stopped'))", "check (true)"),
    ),
    _bug("the history keeps the last step only", HISTORY_SQL, "from taken", "from taken where step > 1"),
    _bug("what is in the history is not counted", SCHEMA, "array['message', 'message_history']", "array['message']"),
    # The message
    _bug("dots are not stuffed", "protocol/smtp/message.py", r'content.replace(b"\r\n.", b"\r\n..")', "content"),
    _bug(
        "a follow-up leaves from any mailbox",
        CLAIM,
        "claimed.append((one, one.mailbox_id))",
        "claimed.append((one, rooms[-1][0]))",
    ),
    _bug(
        "a follow-up does not answer",
        LETTERS,
        "in_reply_to=thread[-1] if thread else None",
        "in_reply_to=None",
    ),
    _bug(
        "a retry has another Message-ID",
        LETTERS,
        "claimed.enrollment_id, claimed.step, domain)",
        "claimed.enrollment_id, claimed.step + now.second * 100, domain)",
    ),
    # Copies and files of mailings
    _bug(
        "a copy goes to who is suppressed",
        COPIES,
        "if barred[copy.key].suppressed)",
        "if False)",
    ),
    _bug("a held domain gets copies", COPIES, "any(copy.domain_held for copy in rest)", "False"),
    _bug("a held lead gets copies", COPIES, "any(copy.lead_held for copy in rest)", "False"),
    _bug("who is left out is written to", LETTERS, "if one not in left_out))", "if one))"),
    _bug(
        "a refused copy is recorded as taken",
        COPIES_SQL,
        "then 'taken' else 'refused' end",
        "then 'taken' else 'taken' end",
    ),
    _bug("who is hidden is shown", LETTERS, "for one in copies if not one.is_hidden]", "for one in copies]"),
    _bug(
        "a refused copy keeps it from those behind it",
        PIPELINE,
        "elif transaction.copies_asked < len(envelope.copies):",
        "elif transaction.copies_asked < len(envelope.copies) and not transaction.refused:",
        note="a server must refuse a copy with others behind it: once found in seed 174",
    ),
    _bug(
        "files are forgotten",
        LETTERS,
        "compose(step.variants[variant], letter, cc, files)",
        "compose(step.variants[variant], letter, cc)",
    ),
    # Who comes in again
    _bug(
        "who comes in again begins at the first step",
        ENROLLMENTS_SQL,
        "set state = 'waiting', cause = null, step = n.step, moved_on = null",
        "set state = 'waiting', cause = null, step = 1, moved_on = null",
    ),
)
