"""How many messages of each mailbox a worker may have in hand: as its server keeps up, never all for a silent one."""

from collections.abc import Callable
from dataclasses import dataclass

from caesura.domain.plan import MailboxPlan
from caesura.worker.carrier import DEPTH

Key = tuple[int, int]

# The part of all slots that one mailbox may take before its server has answered.
_FIRST_PART = 8


@dataclass(slots=True)
class _Allowance:
    """One mailbox's: `first` is what it begins with, `most` what its server has earned, `moved_at` its last answer."""

    first: int
    most: int
    moved_at: float
    in_transit: int = 0


class Allowances:
    """A mailbox begins with what its connections can carry, gets one more for each answer of its server, and falls back
    to the beginning once that has been silent for `silence` seconds; never more than `most`. `time` is monotonic, in
    seconds.
    """

    def __init__(self, slots: int, most: int, silence: float, time: Callable[[], float]) -> None:
        self.is_short = False
        """Whether a mailbox was allowed less than was asked for, since the caller last set this to False."""
        self._slots = slots
        self._most = most
        self._silence = silence
        self._time = time
        self._of: dict[Key, _Allowance] = {}

    def room(self, key: Key, mailbox: MailboxPlan, wanted: int) -> int:
        """How many more messages may be claimed for this mailbox now, at most `wanted`."""
        known = self._of.get(key)
        room = self._first(mailbox) if known is None else known.most - known.in_transit
        if room < wanted:
            self.is_short = True
        return max(0, min(room, wanted))

    def began(self, key: Key, mailbox: MailboxPlan) -> None:
        """A message of this mailbox is composed, and soon in transit."""
        known = self._of.get(key)
        if known is None:
            first = self._first(mailbox)
            known = self._of[key] = _Allowance(first, first, self._time())
        elif not known.in_transit:
            known.moved_at = self._time()
        known.in_transit += 1

    def ended(self, key: Key, is_answered: bool) -> None:
        """One of them came to its end; `is_answered` if by a word of the server."""
        known = self._of[key]
        known.in_transit -= 1
        if is_answered:
            known.most = min(self._most, known.most + 1)
            known.moved_at = self._time()

    def take_back(self) -> dict[Key, int]:
        """The mailboxes whose server has fallen silent, and how many messages each has above what it begins with."""
        since = self._time() - self._silence
        quiet = {key: known for key, known in self._of.items() if known.moved_at < since}
        for key, known in quiet.items():
            known.most = known.first
            if not known.in_transit:
                del self._of[key]
        return {key: known.in_transit - known.first for key, known in quiet.items() if known.in_transit > known.first}

    def _first(self, mailbox: MailboxPlan) -> int:
        return max(1, min(DEPTH * mailbox.limits.connections, self._slots // _FIRST_PART))
