"""The sending path: claim, mark, record, each one short transaction over a group. Read `mark` first."""

from caesura.service.sending.claim import Claim, Work, claim, give_back, runnable, set_aside
from caesura.service.sending.mark import MarkAnswer, mark
from caesura.service.sending.record import disown, mailboxes_to_hold, put_off_mailbox, record, renew

__all__ = [
    "Claim",
    "MarkAnswer",
    "Work",
    "claim",
    "disown",
    "give_back",
    "mailboxes_to_hold",
    "mark",
    "put_off_mailbox",
    "record",
    "renew",
    "runnable",
    "set_aside",
]
