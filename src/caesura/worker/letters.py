"""From a claimed enrollment to a message ready for the gate and the wire. Pure: worker and simulator share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from caesura.domain.compose import Letter, compose, message_id
from caesura.domain.delivery import Delivery, Kind
from caesura.domain.dkim import Signing
from caesura.domain.mime import FilePart
from caesura.domain.plan import CampaignPlan, MailboxPlan
from caesura.domain.sequence import choose_variant
from caesura.domain.tokens import unsubscribe_token
from caesura.protocol.dkim import signature
from caesura.protocol.smtp import Envelope, Outcome
from caesura.service.sending import Work
from caesura.store.sending import Marked, Wanted


class Ready(Struct, frozen=True, gc=False):
    """A composed message: what the gate is asked for, and what goes to the wire once it passed."""

    wanted: Wanted
    mailbox: MailboxPlan
    envelope: Envelope

    def without(self, left_out: frozenset[str]) -> Envelope:
        """What goes to the wire when the gate has left these addresses out of its copies."""
        return replace(self.envelope, copies=tuple(one for one in self.envelope.copies if one not in left_out))


@dataclass(frozen=True, slots=True)
class Identity:
    """What messages of this installation are known by: the secret of its ids, and its public address, if any."""

    secret: bytes
    public_url: str | None = None


def write_letter(
    plan: CampaignPlan, work: Work, identity: Identity, now: datetime, files: Sequence[FilePart] = ()
) -> Ready:
    """Composes the message of a claimed enrollment, with the `files` of its mailing, as parts of a message.

    Raises a kind of Unsendable, by which the lead is held; ValueError where the plan has files and none are given.
    """
    if plan.file_bytes and not files:
        raise ValueError("this campaign's messages have files")
    claimed, mailbox = work.claimed, work.mailbox
    step = plan.steps[claimed.step - 1]
    variant = choose_variant(step.rule.weights, plan.campaign_id, claimed.enrollment_id, claimed.step)
    domain = mailbox.address.rpartition("@")[2]
    own_id = message_id(identity.secret, plan.workspace_id, claimed.enrollment_id, claimed.step, domain)
    fields = {**plan.defaults, **claimed.fields, "email": claimed.address}
    thread = claimed.message_ids if step.thread else ()
    if step.answers:
        thread = (*step.answers, *thread)
    subjects = [subject for subject in claimed.subjects if subject]
    letter = Letter(
        sender_name=plan.from_name or mailbox.from_name,
        sender_address=mailbox.address,
        recipient_name=None,
        recipient_address=claimed.address,
        message_id=own_id,
        date=now,
        fields=fields,
        seed=(plan.campaign_id, claimed.enrollment_id, claimed.step),
        reply_to=plan.reply_to or mailbox.reply_to,
        in_reply_to=thread[-1] if thread else None,
        references=thread,
        thread_subject=subjects[0] if subjects else None,
        unsubscribe_url=_unsubscribe_url(plan, identity, claimed.lead_id, fields),
        unsubscribe_mailto=_unsubscribe_mailto(plan),
        extra_headers=plan.headers,
    )
    copies = plan.copies.get(claimed.enrollment_id, ()) if plan.copies else ()
    cc = [(one.name, one.address) for one in copies if not one.is_hidden] if copies else ()
    composed = compose(step.variants[variant], letter, cc, files)
    closes_at = work.closes_at
    wanted = Wanted(claimed, mailbox.mailbox_id, mailbox.version, variant, own_id, composed.subject, closes_at, copies)
    content = _signed(composed.content, mailbox.signing, now)
    addresses = tuple(one.address for one in copies) if copies else ()
    envelope = Envelope(mailbox.address, claimed.address, content, composed.smtputf8, addresses)
    return Ready(wanted, mailbox, envelope)


def _signed(content: bytes, signing: Signing | None, now: datetime) -> bytes:
    if signing is None:
        return content
    return signature(content, signing.domain, signing.selector, signing.key, int(now.timestamp())) + content


def _unsubscribe_url(plan: CampaignPlan, identity: Identity, lead_id: int, fields: Mapping[str, object]) -> str | None:
    """The campaign's own address, with `{{email}}` and `{{unsubscribe_token}}` filled in, or else ours."""
    token = unsubscribe_token(identity.secret, plan.workspace_id, lead_id)
    url = plan.unsubscribe_url
    if url is None:
        return f"{identity.public_url}/unsubscribe/{token}" if identity.public_url else None
    url = url.replace("{{unsubscribe_token}}", token)
    return url.replace("{{email}}", quote(str(fields["email"]), safe="")) if "{{email}}" in url else url


def _unsubscribe_mailto(plan: CampaignPlan) -> str | None:
    """The campaign's address as a URI (RFC 6068)."""
    if plan.unsubscribe_mailto is None:
        return None
    return f"mailto:{quote(plan.unsubscribe_mailto, safe='@')}?subject=unsubscribe"


def delivery(marked: Marked, mailbox_id: int, outcome: Outcome) -> Delivery:
    """A wire outcome in the words of the domain."""
    reply = outcome.reply
    return Delivery(
        marked.enrollment_id,
        marked.step,
        marked.attempt,
        marked.refusals,
        mailbox_id,
        Kind(outcome.kind),
        outcome.stage,
        reply.code if reply else None,
        reply.enhanced if reply else None,
        reply.text if reply else outcome.detail or None,
        tuple((address, said.code, said.text) for address, said in outcome.refused) if outcome.refused else (),
    )
