"""What came back, as whoever read it reports it: kinds, and what is kept of hostile text."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

MAXIMUM_TEXT = 64_000
MAXIMUM_HTML = 256_000
MAXIMUM_LINE = 998
MAXIMUM_NOTE = 10_000
MAXIMUM_REFERENCES = 50
# A line of a header has no more, and an index of PostgreSQL takes no three times as many.
MAXIMUM_ID_OCTETS = 998

_UNKEPT = re.compile("[\0\ud800-\udfff]")
# With the blanks after it, which a folded header has (RFC 5322 2.2.3).
_BREAKS = re.compile("[\x01-\x1f\x7f-\x9f\u2028\u2029]+ *")
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")


class InboundKind(StrEnum):
    """What came back. The value is the word in rows and answers."""

    REPLY = "reply"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"


class BounceType(StrEnum):
    """Whether the address is no good, or it did not work this once."""

    HARD = "hard"
    SOFT = "soft"


class Classification(StrEnum):
    """What a lead wants, as the reporter or a person says."""

    INTERESTED = "interested"
    MAYBE_LATER = "maybe_later"
    NOT_INTERESTED = "not_interested"
    OUT_OF_OFFICE = "out_of_office"


@dataclass(frozen=True, slots=True)
class InboundReport:
    """Something that came back, as it was read elsewhere. Texts may hold anything, and are cut where they are long.

    `message_id` is its own, `in_reply_to` and `references` are those that it names, the newest last. `address` is the
    lead's: by default `from_address`, but for bounces and complaints, which come from servers. `campaign_id` helps
    where no known Message-ID is named. `bounce_type` is for bounces, and is needed there. `received_at` (UTC) is None
    for now.
    """

    kind: InboundKind
    from_address: str | None = None
    address: str | None = None
    campaign_id: int | None = None
    mailbox_id: int | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    bounce_type: BounceType | None = None
    reason: str | None = None
    classification: Classification | None = None
    received_at: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_hard_bounce(self) -> bool:
        """Whether it says that the address is no good."""
        return self.bounce_type is BounceType.HARD

    @property
    def ends_something(self) -> bool:
        """Whether it may take away a right to send."""
        return self.is_hard_bounce or self.kind not in (InboundKind.AUTO_REPLY, InboundKind.BOUNCE)


def named(report: InboundReport) -> list[str]:
    """The Message-IDs that it names, the likeliest first: In-Reply-To, then References from its end; at most 50."""
    return list(dict.fromkeys(_ids([report.in_reply_to or "", *reversed(report.references)])))[:MAXIMUM_REFERENCES]


def own_id(report: InboundReport) -> str | None:
    """Its own Message-ID in angle brackets, or None where there is none that could be one."""
    return next(iter(_ids([report.message_id or ""])), None)


def _ids(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        # A field of several names the newest last. Some give one without its brackets.
        given = text if "<" in text else f"<{text.strip()}>"
        found = reversed(_MESSAGE_ID.findall(storable(given)))
        yield from (one for one in found if len(one.encode()) <= MAXIMUM_ID_OCTETS)


def storable(text: str) -> str:
    """The text with U+FFFD for what PostgreSQL cannot keep: NUL and lone surrogates."""
    return _UNKEPT.sub("\ufffd", text)


def body(text: str | None, most: int) -> str | None:
    """The first `most` characters of a text that goes over lines, storable."""
    return None if text is None else storable(text[:most])


def line(text: str | None) -> str | None:
    """The same for a single line: breaks and control characters become blanks, 998 characters."""
    return None if text is None else _BREAKS.sub(" ", storable(text[: 2 * MAXIMUM_LINE])).strip()[:MAXIMUM_LINE]
